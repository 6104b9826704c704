"""The divergence in the page is the one of the package, and its slope the derivative."""

import torch

from genphys import exact


def divergence(delta):
    grid = torch.linspace(-12, 20, 8001, dtype=torch.float64)
    p, q = (torch.distributions.Normal(torch.tensor(m, dtype=torch.float64), 1.0).log_prob(grid) for m in (0.0, delta))
    return exact.jensen_shannon_on_grid(p, q, grid).item()


def test_divergence_and_slope(bench):
    page = bench("mean")
    for delta in (0.0, 0.5, 1.0, 2.5, 6.0):
        assert abs(page.ask("live.jsd(given)", delta) - divergence(delta)) < 1e-6
        slope = (divergence(delta + 1e-3) - divergence(delta - 1e-3)) / 2e-3
        assert abs(page.ask("live.slope(given)", delta) - slope) < 1e-4
    assert f"{divergence(1.0):.6f}" in page.page.locator(".explorable-numbers").inner_text()
