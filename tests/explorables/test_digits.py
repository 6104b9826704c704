"""The U-Net in the page gives the numbers of the shipped one, and twenty steps take seconds."""

import torch

from genphys import diffusion, train


def images(n):
    return torch.randn(n, 784, generator=torch.Generator().manual_seed(3))


@torch.no_grad()
def test_the_network_and_ddim_agree_with_pytorch(bench):
    network, schedule, _ = train.load_diffusion()
    network = network.float()
    page = bench("digits")
    for t, label, x in zip((1, 240, 1000), (10, 3, 7), images(3), strict=True):
        found = page.ask(
            "[...live.unet(live.net, new Float32Array(given[0]), given[1], given[2])]", [x.tolist(), t, label]
        )
        expected = network(x.view(1, 1, 28, 28), torch.tensor([t]), torch.tensor([label])).flatten()
        torch.testing.assert_close(torch.tensor(found), expected, atol=1e-4, rtol=0)
    for name in ("signal", "noise"):
        found = torch.tensor(page.ask(f"live.schedule.{name}"), dtype=torch.float64)
        torch.testing.assert_close(found, getattr(schedule, name).double(), atol=1e-9, rtol=0)
    x = images(1)
    found = page.ask(
        """(() => { let x = new Float32Array(given); const plan = live.times(5);
             plan.slice(0, -1).forEach((t, k) => {
               x = live.ddim(x, live.estimate(live.net, x, t, 5, 2), t, plan[k + 1], 0); });
             return [...x]; })()""",
        x[0].tolist(),
    )
    denoise = diffusion.denoiser(
        network, schedule, "velocity", labels=torch.tensor([5]), none=10, scale=2.0, clip=(-1, 1)
    )
    expected = diffusion.ddim(denoise, schedule, x.view(1, 1, 28, 28), steps=5).flatten()
    torch.testing.assert_close(torch.tensor(found), expected, atol=1e-3, rtol=0)  # five steps pile rounding up


def test_a_click_draws_a_digit(bench):
    page = bench("digits").page
    page.get_by_role("slider", name="Steps").fill("5")
    page.get_by_role("button", name="New noise, and run").click()
    page.wait_for_function("document.querySelector('.explorable-numbers').innerText.includes('5 of 5')")
    page.wait_for_function("document.querySelector('.explorable-voice').textContent.includes('Finished')")
    spent = page.evaluate("document.querySelector('section.explorable').live.spent")
    assert spent < 1000, "milliseconds a step; a machine that does something else as well takes longer"
