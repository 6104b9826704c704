"""Wasserstein and Fréchet distances against SciPy, torchmetrics, brute force and optimal maps that are known."""

from itertools import permutations

import numpy as np
import pytest
import torch
from clouds import D, close, covariance, normal, rng, rotation, two_sets
from scipy import linalg, stats
from torch import nn

from genphys import scores
from genphys.scores import distances, transport


@pytest.fixture
def pair():
    return two_sets()


@pytest.mark.parametrize(("n", "m"), [(20, 20), (20, 30), (7, 5), (6, 3)])
def test_wasserstein_in_one_dimension_agrees_with_scipy(n, m):
    x, y = normal(n, seed=n), 0.5 + 2 * normal(m, seed=m + 50)
    close(scores.wasserstein_1d(x, y), stats.wasserstein_distance(x, y))
    u = (np.arange(n * m) + 0.5) / (n * m)  # between the steps of both quantile functions
    gap = x.sort().values[(u * n).astype(int)] - y.sort().values[(u * m).astype(int)]
    close(scores.wasserstein_1d(x, y, 3), gap.abs().pow(3).mean() ** (1 / 3))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_wasserstein_by_assignment_agrees_with_sorting_and_with_brute_force(order):
    x, y = normal(50, 1, seed=1), 1 + 2 * normal(50, 1, seed=2)
    close(scores.wasserstein(x, y, order), scores.wasserstein_1d(x[:, 0], y[:, 0], order))
    x, y = normal(6, 3, seed=3), normal(6, 3, seed=4)
    cost = torch.cdist(x, y).pow(order)
    least = min(cost[torch.arange(6), torch.tensor(p)].mean() for p in permutations(range(6)))
    close(scores.wasserstein(x, y, order), least ** (1 / order))


@pytest.mark.skipif(not hasattr(stats, "wasserstein_distance_nd"), reason="SciPy before 1.13 does not have it")
def test_wasserstein_agrees_with_scipys_linear_programme():
    x, y = normal(12, 2, seed=1), normal(12, 2, seed=2)
    close(scores.wasserstein(x, y, 1), stats.wasserstein_distance_nd(x, y), atol=1e-9)


def test_wasserstein_is_a_metric_and_scales(pair):
    x, y, z = pair[0][:30], pair[1], normal(30, 5, seed=3)
    w = scores.wasserstein
    assert w(x, x.clone()) < 1e-7
    close(w(x, y), w(y, x))
    close(w(3 * x, 3 * y), 3 * w(x, y), atol=1e-11)
    shift = torch.tensor([1.0, -2, 0, 0.5, 3], dtype=D)
    close(w(x, x + shift), shift.norm())  # a common shift is the optimal plan
    assert w(x, z) <= w(x, y) + w(y, z)


@pytest.mark.parametrize("order", [1, 1.5, 2, 300])
def test_no_order_and_no_unit_overflows(order):
    x, y = normal(8, 3, seed=1), normal(8, 3, seed=2)
    close(scores.wasserstein(1e6 * x, 1e6 * y, order) / 1e6, scores.wasserstein(x, y, order))
    line = scores.wasserstein_1d(x[:, 0], y[:, 0], order)
    close(scores.wasserstein_1d(1e6 * x[:, 0], 1e6 * y[:, 0], order) / 1e6, line)
    assert line <= scores.wasserstein_1d(x[:, 0], y[:, 0], order + 1)  # W_p grows with p, up to the largest gap


def test_blocks_of_the_costs_change_nothing(pair, monkeypatch):
    x, y = pair[0][:30], pair[1]
    whole = scores.wasserstein(x, y)
    monkeypatch.setattr(distances, "BLOCK", 64)
    close(scores.wasserstein(x, y), whole)


def test_gradients_of_the_transport_costs(pair):
    x, y = (s[:6].clone().requires_grad_() for s in pair)
    assert torch.autograd.gradcheck(scores.wasserstein, (x, y))
    assert torch.autograd.gradcheck(lambda a, b: scores.wasserstein_1d(a[:, 0], b[:, 1], 2), (x, y))
    u, w = (s[:12].clone().requires_grad_() for s in pair)
    assert torch.autograd.gradcheck(scores.frechet2, (u, w))


def test_gradients_exist_where_roots_vanish():
    """Fewer points than dimensions: singular covariances; equal sets: a distance of zero."""
    x, y = normal(4, 6, seed=1), normal(4, 6, seed=2).requires_grad_()
    (slope,) = torch.autograd.grad(scores.frechet2(x, y), y)
    assert torch.isfinite(slope).all()
    assert slope.abs().max() > 0
    (slope,) = torch.autograd.grad(scores.wasserstein(x, x.clone().requires_grad_()), y, allow_unused=True)
    assert slope is None
    z = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(scores.wasserstein(x, z), z)
    assert torch.isfinite(slope).all()


def test_frechet_of_gaussians_against_the_matrix_root_of_scipy():
    mean_p, mean_q, p, q = (
        normal(4, seed=1),
        normal(4, seed=2),
        covariance(4, 3),
        covariance(4, 4),
    )
    root = linalg.sqrtm((p @ q).numpy())
    expected = (mean_p - mean_q).square().sum() + p.trace() + q.trace() - 2 * np.trace(root).real
    close(scores.gaussian_frechet2(mean_p, p, mean_q, q), expected, atol=1e-11)


def test_frechet_of_gaussians_is_the_least_transport_cost():
    """In one dimension W_2 between quantiles of two Gaussians; in many the mean cost of an optimal linear map."""
    u = torch.special.ndtri((torch.arange(200_000, dtype=D) + 0.5) / 200_000)
    expected = scores.wasserstein_1d(0.3 + 1.5 * u, -0.2 + 0.4 * u, 2) ** 2

    def one(v):
        return torch.tensor([v], dtype=D)

    found = scores.gaussian_frechet2(one(0.3), one(1.5**2)[None], one(-0.2), one(0.4**2)[None])
    close(found, expected, atol=1e-4)  # the tails beyond the last quantile
    # A positive definite: the gradient of a convex function, hence optimal (Brenier)
    cov, a, b = covariance(3, 5), covariance(3, 6), normal(3, seed=7)
    moved = a - torch.eye(3, dtype=D)
    cost = (moved @ cov @ moved.mT).trace() + b.square().sum()
    close(
        scores.gaussian_frechet2(torch.zeros(3, dtype=D), cov, b, a @ cov @ a.mT),
        cost,
        atol=1e-11,
    )


def test_frechet_of_commuting_and_of_singular_covariances():
    d, e = torch.tensor([4.0, 1, 0], dtype=D), torch.tensor([1.0, 9, 0], dtype=D)
    zero, turn = torch.zeros(3, dtype=D), rotation(3)
    found = scores.gaussian_frechet2(zero, turn @ d.diag() @ turn.mT, zero, turn @ e.diag() @ turn.mT)
    close(found, (d.sqrt() - e.sqrt()).square().sum())


@pytest.mark.parametrize(("n", "m", "dim"), [(40, 30, 5), (6, 30, 8), (5, 4, 9)])
def test_frechet_of_two_sets_is_that_of_their_moments_and_so_is_its_gradient(n, m, dim):
    """The square with the best rotation against the trace of a root; with fewer points than dimensions too."""
    x, y = normal(n, dim, seed=1), (0.5 + 1.3 * normal(m, dim, seed=2)).requires_grad_()
    found = scores.frechet2(x, y)
    plain = scores.gaussian_frechet2(x.mean(0), x.mT.cov(), y.mean(0), y.mT.cov())
    close(found, plain, atol=1e-10)
    if min(n, m) > dim:  # the root of a singular matrix has no derivative
        close(*(torch.autograd.grad(value, y)[0] for value in (found, plain)), atol=1e-10)


def test_frechet_of_sets_that_nearly_coincide_keeps_its_digits():
    """A set that is moved by a, and one that is stretched by 1 + s: |a|^2, and s^2 times the mean square."""
    x, a = normal(60, 4) + 3, 1e-7 * normal(4, seed=1)
    torch.testing.assert_close(scores.frechet2(x, x + a), a.square().sum(), rtol=1e-6, atol=0)
    square = x.mean(0).square().sum() + x.var(0).sum()
    torch.testing.assert_close(scores.frechet2(x, x * (1 + 1e-7)), 1e-14 * square, rtol=1e-6, atol=0)


def test_frechet_agrees_with_torchmetrics():
    from torchmetrics.image.fid import FrechetInceptionDistance

    class Rows(nn.Module):
        num_features = 6

        def forward(self, images):
            return images.flatten(1)

    x, y = normal(80, 6, seed=1), 0.2 + 1.3 * normal(70, 6, seed=2)
    fid = FrechetInceptionDistance(feature=Rows(), normalize=True)
    fid.set_dtype(D)
    fid.update(x.view(80, 1, 2, 3), real=True)
    fid.update(y.view(70, 1, 2, 3), real=False)
    close(scores.frechet2(x, y), fid.compute(), atol=1e-5)  # torchmetrics returns float32


def test_frechet_is_symmetric_invariant_and_biased(pair):
    x, y = pair
    value, turn = scores.frechet2(x, y), rotation(5)
    close(scores.frechet2(y, x), value, atol=1e-11)
    close(scores.frechet2(x @ turn + 2, y @ turn + 2), value, atol=1e-10)
    assert scores.frechet2(x, x.clone()) < 1e-12
    g = rng(9)
    means = [
        torch.stack([scores.frechet2(*torch.randn(2, 250, 64, dtype=D, generator=g)) for _ in range(12)]).mean(),
        torch.stack([scores.frechet2(*torch.randn(2, 1000, 64, dtype=D, generator=g)) for _ in range(12)]).mean(),
    ]
    # published means 8.87 and 2.20; the spread of one value is 0.16 and 0.04
    close(torch.stack(means), [8.87, 2.20], atol=0.2)
    assert abs(means[1] - 2.20) < 0.05


def test_unequal_numbers_have_no_assignment(pair):
    with pytest.raises(ValueError, match=r"^generated .* shape \(n, d\).*n = 40"):
        scores.wasserstein(*pair)


def test_too_many_points_have_no_assignment(monkeypatch):
    monkeypatch.setattr(transport, "MOST_ASSIGNED", 5)
    with pytest.raises(ValueError, match=r"^real .* at most 5 points"):
        scores.wasserstein(normal(6, 2), normal(6, 2))


ZERO, ONE = torch.zeros(3, dtype=D), torch.eye(3, dtype=D)
BAD = {
    "an order below one": (scores.wasserstein_1d, (normal(5), normal(5), 0.5), "^order is 0.5, takes"),
    "points for numbers": (scores.wasserstein_1d, (normal(5, 3), normal(5)), r"^x is a tensor of shape \(5, 3\)"),
    "a covariance of another shape": (scores.gaussian_frechet2, (ZERO, ONE[:2], ZERO, ONE), "^cov_p "),
    "a negative covariance": (scores.gaussian_frechet2, (ZERO, ONE, ZERO, -ONE), "^cov_q .* negative eigenvalues"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_arguments_are_refused_by_name(what):
    score, arguments, message = BAD[what]
    with pytest.raises(ValueError, match=message):
        score(*arguments)
