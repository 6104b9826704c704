"""The scores in the page are those of the package, and the shuffles have the right mean."""

import torch

from genphys import scores


def clouds(n, shift=0.0, seed=1):
    generator = torch.Generator().manual_seed(seed)
    x, y = (torch.randn(n, 2, generator=generator, dtype=torch.float64) for _ in range(2))
    return x, y + torch.tensor([shift, 0.0], dtype=torch.float64)


def test_the_three_scores_agree_with_the_package(bench):
    page = bench("scores")
    x, y = clouds(30, 0.7)
    found = page.ask(
        """(() => { const prepared = live.prepare(given, 1), real = given.map((_, i) => i < given.length / 2 ? 1 : 0);
             return Object.values(live.SCORES).map(score => score(prepared, real)); })()""",
        torch.cat([x, y]).tolist(),
    )
    expected = [scores.mmd2(x, y, 1.0).item(), scores.frechet2(x, y).item(), scores.nearest_neighbour(x, y)[0]]
    torch.testing.assert_close(torch.tensor(found), torch.tensor(expected), atol=1e-6, rtol=0)
    zero, eye = torch.zeros(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64)
    exact = scores.gaussian_mmd2(zero, eye, zero + torch.tensor([0.9, 0.0]), eye, 1.0).item()
    assert abs(page.ask("live.exactMmd2(0.81, 1)") - exact) < 1e-7


def test_shuffled_labels_have_the_exact_mean(bench):
    page = bench("scores")
    x, y = clouds(20, 1.0, seed=3)
    found = page.ask(
        "live.shuffled(live.prepare(given, 1), 4000, genbook.chance(5)).neighbours", torch.cat([x, y]).tolist()
    )
    found = torch.tensor(found, dtype=torch.float64)
    assert abs(found.mean() - 19 / 39) < 4 * found.std() / len(found) ** 0.5


def rejections(page, code, n, repeats=40):
    """How often each score says "different" at 5 per cent."""
    return page.ask(
        """(() => { const found = {mmd2: 0, frechet2: 0, neighbours: 0}, [n, repeats] = given;
             for (let seed = 1; seed <= repeats; seed++) { const chance = genbook.chance(seed);
               const pair = () => [chance.normal(), chance.normal()], other = () => { CODE };
               const points = [...Array.from({length: n}, pair), ...Array.from({length: n}, other)];
               const prepared = live.prepare(points, 1), real = points.map((_, i) => i < n ? 1 : 0);
               const nulls = live.shuffled(prepared, 39, chance);
               for (const [name, score] of Object.entries(live.SCORES)) { const value = score(prepared, real);
                 if ((1 + nulls[name].filter(v => v >= value - 1e-12).length) / 40 <= 0.05) found[name]++; } }
             return found; })()""".replace("CODE", code),
        [n, repeats],
    )


def test_what_the_caption_says_of_the_shift_and_of_the_ring(bench):
    page = bench("scores")
    shifted = rejections(page, "const [x, y] = pair(); return [x + 0.6, y];", 50)
    assert shifted["mmd2"] > shifted["neighbours"] + 5 and shifted["frechet2"] > shifted["neighbours"] + 5, shifted
    ring = "const a = 2 * Math.PI * chance.uniform(); return [Math.SQRT2 * Math.cos(a), Math.SQRT2 * Math.sin(a)];"
    found = rejections(page, ring, 100)
    assert found["frechet2"] <= 6 and found["mmd2"] > 30 and found["neighbours"] > 30, found
