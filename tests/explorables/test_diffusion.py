"""The mixture in the page: score and density as in genphys, and ways back that end at the right moments."""

import pytest
import torch

from genphys import exact

WEIGHTS = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
MEANS = torch.tensor([[-1.1, -0.5], [1.2, -0.6], [0.3, 1.3]], dtype=torch.float64)
COVARIANCES = torch.tensor(
    [[[0.10, 0.06], [0.06, 0.10]], [[0.04, 0.0], [0.0, 0.20]], [[0.20, -0.03], [-0.03, 0.04]]], dtype=torch.float64
)


def mixture_at(u):
    a2 = torch.exp(torch.tensor(-2.0 * u, dtype=torch.float64))
    return WEIGHTS, a2.sqrt() * MEANS, a2 * COVARIANCES + (1 - a2) * torch.eye(2, dtype=torch.float64)


def second_moment(u):
    w, m, c = mixture_at(u)
    return (w * ((m**2).sum(1) + c.diagonal(dim1=1, dim2=2).sum(1))).sum().item()


def test_density_and_score_are_those_of_the_package(bench):
    page = bench("diffusion")
    x = 2 * torch.randn(50, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for u in (0.01, 0.35, 2.0):
        found = page.ask(
            "given[1].map(([x, y]) => [live.density(live.at(given[0]), x, y), ...live.score(live.at(given[0]), x, y)])",
            [u, x.tolist()],
        )
        found = torch.tensor(found, dtype=torch.float64)
        torch.testing.assert_close(found[:, 0], exact.mixture_log_prob(x, *mixture_at(u)).exp(), atol=1e-9, rtol=1e-7)
        torch.testing.assert_close(found[:, 1:], exact.mixture_score(x, *mixture_at(u)), atol=1e-6, rtol=1e-6)
        assert abs(page.ask("live.secondMoment(given)", u) - second_moment(u)) < 1e-10


@pytest.mark.parametrize("zeta", [0, 1, 2])
def test_every_way_back_ends_at_the_right_moment(zeta, bench):
    mean, error = bench("diffusion").ask(
        """(() => { const cloud = new live.Cloud(4000, genbook.chance(2)), n = 150;
             cloud.dissolve(3);
             for (let k = 1; k <= n; k++) cloud.step(live.clock(k, n), {zeta: given});
             return cloud.second; })()""",
        zeta,
    )
    assert abs(mean - second_moment(0.0)) < 4 * error + 0.02 and error < 0.03


def test_guidance_narrows_a_component(bench):
    width = bench("diffusion").ask(
        """[1, 4].map(scale => { const cloud = new live.Cloud(1000, genbook.chance(2));
             cloud.dissolve(3);
             for (let k = 1; k <= 100; k++) cloud.step(live.clock(k, 100), {zeta: 0, label: 1, scale});
             const m = cloud.x.reduce((a, p) => a + p[1], 0) / 1000;
             return Math.sqrt(cloud.x.reduce((a, p) => a + (p[1] - m) ** 2, 0) / 1000); })"""
    )
    assert abs(width[0] - 0.2**0.5) < 0.05 and width[1] < 0.75 * width[0]


def test_what_the_caption_says_of_five_steps_and_of_minds_that_change(bench):
    page = bench("diffusion")
    found = page.ask(
        """[0, 1].map(zeta => { const cloud = new live.Cloud(3000, genbook.chance(2));
             cloud.dissolve(3);
             for (let k = 1; k <= 5; k++) cloud.step(live.clock(k, 5), {zeta});
             return cloud.second[0]; })"""
    )
    assert abs(found[0] - second_moment(0.0)) < 0.08 and found[1] > second_moment(0.0) + 0.12
    changes = page.ask(
        """[0, 1].map(zeta => { const cloud = new live.Cloud(2000, genbook.chance(2)), centres = given;
             const nearest = ([x, y]) => { const d = centres.map(([a, b]) => (x - a) ** 2 + (y - b) ** 2);
               return d.indexOf(Math.min(...d)); };
             cloud.dissolve(3);
             let last = null, count = 0;
             for (let k = 1; k <= 100; k++) { cloud.step(live.clock(k, 100), {zeta});
               if (cloud.u > 0.5) continue;
               const now = cloud.x.map(nearest);
               if (last) now.forEach((v, i) => { if (v !== last[i]) count++; });
               last = now; }
             return count / 2000; })""",
        MEANS.tolist(),
    )
    assert changes[0] < 0.12 and 1 < changes[1] < 2
