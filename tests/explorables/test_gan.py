"""Generator and discriminator in the page give the numbers of the shipped ones."""

import torch

from genphys import train


@torch.no_grad()
def test_both_players_agree_with_pytorch(bench):
    g, d, _, _ = train.load_gan("conditional")
    page = bench("gan")
    z = torch.randn(3, 64, generator=torch.Generator().manual_seed(4))
    labels = torch.tensor([0, 3, 8])
    images = g.float()(z, labels)
    logits = d.float()(images, labels)
    for row, label, image, logit in zip(z, labels.tolist(), images, logits, strict=True):
        found = page.ask("[...live.generate(new Float32Array(given[0]), given[1])]", [row.tolist(), label])
        torch.testing.assert_close(torch.tensor(found), image, atol=1e-4, rtol=0)
        parts = page.ask("live.judge(new Float32Array(given[0]), given[1])", [image.tolist(), label])
        torch.testing.assert_close(torch.tensor(parts["real"] + parts["of"]), logit, atol=1e-4, rtol=0)


def test_a_great_circle_keeps_the_length(bench):
    found = bench("gan").ask(
        """(() => { const chance = genbook.chance(2), size = z => Math.hypot(...z);
             const ends = [chance.normals(64), chance.normals(64)];
             return ["circle", "line"].map(way => [0, 0.25, 0.5, 1].map(t => size(live[way](...ends, t)))); })()"""
    )
    circle, line = torch.tensor(found)
    steps = torch.tensor([0, 0.25, 0.5, 1])
    torch.testing.assert_close(circle, (1 - steps) * circle[0] + steps * circle[-1], atol=1e-3, rtol=0)
    assert line[2] < 0.85 * circle[2]
