"""Couplings: round trips, slopes and determinants against automatic differentiation."""

import pytest
import torch

from genphys import flows

D = torch.float64


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def bins(n, B, seed=0, dtype=D):
    g = rng(seed)
    widths, heights = (torch.rand(n, B, generator=g, dtype=dtype) + 0.1 for _ in range(2))
    slopes = 2 * torch.rand(n, B + 1, generator=g, dtype=dtype) + 0.1
    return 6 * widths / widths.sum(1, keepdim=True), 6 * heights / heights.sum(1, keepdim=True), slopes


def test_the_affine_coupling_and_its_inverse():
    z, s, b = torch.randn(3, 50, 4, generator=rng(), dtype=D)
    x, forth = flows.affine_forward(z, s, b)
    back, of_inverse = flows.affine_inverse(x, s, b)
    torch.testing.assert_close(back, z, rtol=0, atol=1e-13)
    torch.testing.assert_close(forth, -of_inverse)
    jacobian = torch.autograd.functional.jacobian(lambda y: flows.affine_forward(y[None], s[:1], b[:1])[0][0], z[0])
    torch.testing.assert_close(torch.linalg.slogdet(jacobian)[1], forth[0])


@pytest.mark.parametrize("B", [1, 2, 9])
def test_the_spline_its_slope_and_its_inverse(B):
    x = (4 * torch.randn(500, generator=rng(1), dtype=D)).requires_grad_()
    y, log_slope = flows.spline_forward(x, *bins(500, B))
    torch.testing.assert_close(torch.autograd.grad(y.sum(), x)[0].log(), log_slope, rtol=0, atol=1e-12)
    back, log_back = flows.spline_inverse(y.detach(), *bins(500, B))
    torch.testing.assert_close(back, x.detach(), rtol=0, atol=1e-12)
    torch.testing.assert_close(log_back, -log_slope, rtol=0, atol=1e-11)


def test_outside_of_its_bins_the_spline_is_the_identity():
    x = torch.tensor([-7.0, 3.5, 100.0], dtype=D)
    for move in (flows.spline_forward, flows.spline_inverse):
        moved, log_slope = move(x, *bins(3, 4))
        assert torch.equal(moved, x) and torch.equal(log_slope, torch.zeros(3, dtype=D))


def test_the_spline_meets_its_knots():
    widths, heights, slopes = bins(1, 4)
    knots = torch.cat([torch.zeros(1, 1, dtype=D), widths.cumsum(1)], 1)[0] - 3
    rows = [part.expand(3, -1) for part in (widths, heights, slopes)]
    found, _ = flows.spline_forward(knots[1:-1], *rows)
    torch.testing.assert_close(found, heights.cumsum(1)[0, :-1] - 3)


def test_parameters_of_the_spline_get_gradients():
    widths, heights, slopes = (part.requires_grad_() for part in bins(20, 3))
    y, log_slope = flows.spline_forward(torch.linspace(-4, 4, 20, dtype=D), widths, heights, slopes)
    (y.sum() + log_slope.sum()).backward()
    assert all(part.grad.isfinite().all() and part.grad.abs().sum() > 0 for part in (widths, heights, slopes))


def test_couplings_that_cannot_be_inverted_are_refused():
    x, (widths, heights, slopes) = torch.zeros(5, dtype=D), bins(5, 3)
    with pytest.raises(ValueError, match="slopes is"):
        flows.spline_forward(x, widths, heights, -slopes)
    with pytest.raises(ValueError, match=r"slopes is .* takes 4 slopes a row"):
        flows.spline_forward(x, widths, heights, slopes[:, :-1])
    with pytest.raises(ValueError, match=r"heights is .* takes heights whose sum"):
        flows.spline_inverse(x, widths, 2 * heights, slopes)
