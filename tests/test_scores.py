"""genphys.scores against closed forms, loops, SciPy, scikit-learn and torchmetrics, and Monte Carlo with its errors."""

import math
import subprocess
import sys
import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from scipy import linalg, stats
from scipy.spatial import distance
from sklearn.metrics import pairwise
from sklearn.neighbors import NearestNeighbors
from torch import nn

from genphys import scores
from genphys.figures import scores as plots_scores
from genphys.networks import classifier

D = torch.float64


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=D, generator=generator(seed))


def covariance(dim, seed=0):
    a = normal(dim, dim + 2, seed=seed)
    return a @ a.mT / dim


def close(found, expected, atol=1e-12):
    found, expected = (v.to(D) if isinstance(v, torch.Tensor) else torch.tensor(v, dtype=D) for v in (found, expected))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=atol)


def rotation(dim, seed=0):
    return torch.linalg.qr(normal(dim, dim, seed=seed)).Q


@pytest.fixture
def pair():
    return normal(40, 5, seed=1), 0.3 + 1.4 * normal(30, 5, seed=2)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(scores, "_BLOCK", 64)  # one or two rows a block


# ----------------------------------------------------------------------------------------------- distances


def test_squared_distances_agree_with_scipy_and_are_never_negative(pair):
    x, y = pair
    close(
        scores.pairwise_squared_distances(x, y),
        distance.cdist(x, y, "sqeuclidean"),
        atol=1e-12,
    )
    near = 1e3 + 1e-6 * normal(50, 7)  # coincide to rounding, far from the origin
    d = scores.pairwise_squared_distances(near, near.flip(0))
    assert (d >= 0).all()
    assert (near.square().sum(1)[:, None] + near.square().sum(1) - 2 * near @ near.mT < 0).any()


def test_float32_points_are_compared_in_float64():
    x = (100 + 0.01 * normal(20, 50)).to(torch.float32)
    close(
        scores.pairwise_squared_distances(x, x + 0.125),
        distance.cdist(x.double(), (x + 0.125).double()) ** 2,
        1e-8,
    )


# ------------------------------------------------------------------------------------------------------ MMD


def mmd2_by_loops(x, y, bandwidth):
    def k(a, b):
        return math.exp(-(a - b).square().sum().item() / (2 * bandwidth**2))

    n, m = len(x), len(y)
    xx = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    yy = sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return xx + yy - 2 * sum(k(a, b) for a in x for b in y) / (n * m)


def test_mmd2_is_the_u_statistic(pair):
    x, y = pair
    close(scores.mmd2(x, y, 1.7), mmd2_by_loops(x, y, 1.7))
    close(scores.mmd2_and_error(x, y, 1.7).value, mmd2_by_loops(x, y, 1.7))


def test_mmd2_agrees_with_scikit_learn_and_torchmetrics(pair):
    from torchmetrics.image.kid import maximum_mean_discrepancy

    x, y = pair[0][:30], pair[1]
    kernels = [torch.from_numpy(pairwise.rbf_kernel(a, b, 1 / (2 * 1.3**2))) for a, b in ((x, x), (x, y), (y, y))]
    close(scores.mmd2(x, y, 1.3), maximum_mean_discrepancy(*kernels))


def test_blocks_change_nothing(pair, small_blocks):
    x, y = pair
    found = [scores.mmd2(x, y, 1.7), *scores.mmd2_and_error(x, y, 1.7)]
    test = scores.mmd_test(x, y, 1.7, permutations=9, generator=generator())
    neighbours, recall = (
        scores.nearest_neighbour(x, y),
        scores.precision_recall(x, y, 3),
    )
    transport = scores.wasserstein(x[:30], y)
    scores._BLOCK = 2**22  # restored by the fixture
    close(
        torch.stack(found),
        torch.stack([scores.mmd2(x, y, 1.7), *scores.mmd2_and_error(x, y, 1.7)]),
    )
    close(
        test.null,
        scores.mmd_test(x, y, 1.7, permutations=9, generator=generator()).null,
    )
    assert neighbours == scores.nearest_neighbour(x, y)
    assert recall == scores.precision_recall(x, y, 3)
    close(transport, scores.wasserstein(x[:30], y))


@pytest.mark.parametrize("shift", [0.0, 0.6])
def test_mmd2_is_unbiased_and_its_error_is_the_spread(shift):
    """400 pairs of sets: mean against the closed form, mean squared error bar against the variance, unequal sizes."""
    n, m, dim, repeats = 60, 40, 4, 400
    g, bandwidth = generator(3), 2.0
    found = [
        scores.mmd2_and_error(
            torch.randn(n, dim, dtype=D, generator=g),
            shift + torch.randn(m, dim, dtype=D, generator=g),
            bandwidth,
        )
        for _ in range(repeats)
    ]
    values, errors = (
        torch.stack([f.value for f in found]),
        torch.stack([f.stderr for f in found]),
    )
    zero, one = torch.zeros(dim, dtype=D), torch.eye(dim, dtype=D)
    exact = scores.gaussian_mmd2(zero, one, zero + shift, one, bandwidth)
    assert abs(values.mean() - exact) < 4 * values.std() / math.sqrt(repeats)
    # the variance of a variance: (kurtosis - 1)/repeats, at most 10 here
    kurtosis = (values - values.mean()).pow(4).mean() / values.var() ** 2
    assert abs(errors.square().mean() / values.var() - 1) < 4 * math.sqrt((kurtosis - 1) / repeats)


def test_mmd2_of_gaussians_agrees_with_quadrature():
    """One dimension: the mean of the kernel over both Gaussians, by Gauss-Hermite quadrature."""
    node, weight = np.polynomial.hermite_e.hermegauss(80)
    node, weight = torch.from_numpy(node), torch.from_numpy(weight / weight.sum())

    def mean_kernel(a, s, b, t):
        d = (a + s * node)[:, None] - (b + t * node)
        return weight @ torch.exp(-(d**2) / (2 * 0.9**2)) @ weight

    expected = mean_kernel(0.2, 1.1, 0.2, 1.1) + mean_kernel(1.0, 0.6, 1.0, 0.6) - 2 * mean_kernel(0.2, 1.1, 1.0, 0.6)
    arguments = [torch.tensor(v, dtype=D) for v in ([0.2], [[1.1**2]], [1.0], [[0.6**2]])]
    close(scores.gaussian_mmd2(*arguments, 0.9), expected, atol=1e-10)


def test_mmd2_of_gaussians_has_the_published_value():
    zero, one = torch.zeros(10, dtype=D), torch.eye(10, dtype=D)
    assert abs(scores.gaussian_mmd2(zero, one, zero + 0.2, one, math.sqrt(10)).item() - 0.013285) < 5e-7


def test_mmd2_is_symmetric_and_invariant(pair):
    x, y = pair
    value, turn = scores.mmd2(x, y, 1.7), rotation(5)
    close(scores.mmd2(y, x, 1.7), value)
    close(scores.mmd2(x @ turn + 3, y @ turn + 3, 1.7), value, atol=1e-11)
    close(scores.mmd2(2 * x, 2 * y, 3.4), value)
    order = torch.randperm(len(x), generator=generator())
    close(scores.mmd2(x[order], y, 1.7), value)


def test_mmd2_of_a_set_with_itself():
    """For equal sets the mean kernel K without the diagonal gives -2 (1 - K)/n."""
    x = normal(25, 3)
    off = scores.pairwise_squared_distances(x, x)
    mean = (torch.exp(-off / 2).sum() - 25) / (25 * 24)
    close(scores.mmd2(x, x, 1.0), -2 * (1 - mean) / 25)


def test_gradients_of_the_differentiable_scores(pair, small_blocks):
    x, y = (s[:6].clone().requires_grad_() for s in pair)
    assert torch.autograd.gradcheck(lambda a, b: scores.mmd2(a, b, 1.7), (x, y))
    assert torch.autograd.gradcheck(scores.wasserstein, (x, y))
    assert torch.autograd.gradcheck(lambda a, b: scores.wasserstein_1d(a[:, 0], b[:, 1], 2), (x, y))
    u, w = (s[:12].clone().requires_grad_() for s in pair)
    assert torch.autograd.gradcheck(scores.frechet2, (u, w))
    logits = normal(4, 3, seed=9).requires_grad_()
    assert torch.autograd.gradcheck(lambda a: scores.inception_score(a.log_softmax(1)), logits)


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


def test_median_bandwidth_agrees_with_scipy(pair):
    x, y = pair
    found, every = scores.median_bandwidth(x, y), distance.pdist(torch.cat([x, y]))
    assert every[every <= found + 1e-9].size == math.ceil(every.size / 2)
    x = normal(3001, 2)
    assert abs(scores.median_bandwidth(x, most=500) / np.median(distance.pdist(x[:1500])) - 1) < 0.1


def test_permutation_test_is_a_relabelling(pair):
    """The statistics of all relabellings come out of one pass over the kernel; here each is computed by itself."""
    x, y = pair
    found = scores.mmd_test(x, y, 1.7, permutations=5, generator=generator(4))
    g, points = generator(4), torch.cat([x, y])
    expected = []
    for _ in range(5):
        order = torch.randperm(70, generator=g)
        expected.append(scores.mmd2(points[order[:40]], points[order[40:]], 1.7))
    close(found.null, torch.stack(expected))
    close(found.value, scores.mmd2(x, y, 1.7))


def test_permutation_test_keeps_its_level_and_finds_a_difference():
    g, p_values = generator(5), []
    for _ in range(300):
        x, y = (
            torch.randn(20, 2, dtype=D, generator=g),
            torch.randn(15, 2, dtype=D, generator=g),
        )
        p_values.append(scores.mmd_test(x, y, 1.0, permutations=19, generator=g).p_value)
    p = torch.tensor(p_values)
    for level in (0.05, 0.25, 0.5, 0.75):  # P(p-value <= k/20) = k/20
        share = (p <= level + 1e-9).to(D).mean()
        assert abs(share - level) < 4 * math.sqrt(level * (1 - level) / 300)
    apart = scores.mmd_test(
        normal(30, 2, seed=1),
        normal(30, 2, seed=2) + 3,
        1.0,
        permutations=99,
        generator=g,
    )
    assert apart.p_value == 0.01


# ----------------------------------------------------------------------------------------------- neighbours


def test_nearest_neighbour_agrees_with_scikit_learn(pair):
    x, y = pair
    points, label = torch.cat([x, y]).numpy(), np.r_[np.zeros(40), np.ones(30)]
    index = NearestNeighbors(n_neighbors=2).fit(points).kneighbors(points, return_distance=False)[:, 1]
    own = label[index] == label
    found = scores.nearest_neighbour(x, y)
    close(found, [own.mean(), own[:40].mean(), own[40:].mean()])


def test_nearest_neighbour_at_equality_and_at_the_extremes():
    n, g, found = 20, generator(6), []
    for _ in range(400):
        found.append(scores.nearest_neighbour(*torch.randn(2, n, 3, dtype=D, generator=g)).accuracy)
    found = torch.tensor(found, dtype=D)
    assert abs(found.mean() - (n - 1) / (2 * n - 1)) < 4 * found.std() / 20
    x = normal(50, 3)
    assert scores.nearest_neighbour(x, x + 100) == (1, 1, 1)
    assert scores.nearest_neighbour(x, x.clone()) == (
        0,
        0,
        0,
    )  # every point's copy is in the other set


def test_neighbours_at_equal_distance_share_the_vote():
    """Binary points on the corners of a cube: ties everywhere; the mean over random ties is (n-1)/(2n-1) again."""
    n, g, found = 12, generator(7), []
    for _ in range(600):
        x, y = torch.randint(0, 2, (2, n, 3), generator=g).to(D)
        found.append(scores.nearest_neighbour(x, y).accuracy)
    found = torch.tensor(found, dtype=D)
    assert abs(found.mean() - (n - 1) / (2 * n - 1)) < 4 * found.std() / math.sqrt(600)
    x = torch.tensor([[0.0], [1.0]], dtype=D)  # 0 has neighbours at 1 (own) and -1 (other)
    close(
        scores.nearest_neighbour(x, torch.tensor([[-1.0], [-30.0]], dtype=D)).real,
        (0.5 + 1) / 2,
    )


def test_precision_and_recall_agree_with_scikit_learn(pair):
    x, y, k = *pair, 4
    r, s = (NearestNeighbors(n_neighbors=k + 1).fit(p).kneighbors(p)[0][:, -1] for p in (x, y))
    d = distance.cdist(x, y)
    in_real, in_generated = d <= r[:, None], d <= s
    expected = [
        in_real.any(0).mean(),
        in_generated.any(1).mean(),
        in_real.sum() / (k * 30),
        in_real.any(1).mean(),
    ]
    close(scores.precision_recall(x, y, k), expected)


def test_precision_and_recall_swap_with_the_sets(pair):
    there, back = (
        scores.precision_recall(*pair, 3),
        scores.precision_recall(*pair[::-1], 3),
    )
    assert (there.precision, there.recall) == (back.recall, back.precision)


def test_density_and_coverage_have_their_means_at_equality():
    n, m, k, g, found = 30, 20, 3, generator(8), []
    for _ in range(400):
        x, y = (
            torch.randn(n, 2, dtype=D, generator=g),
            torch.randn(m, 2, dtype=D, generator=g),
        )
        found.append(scores.precision_recall(x, y, k)[2:])
    found = torch.tensor(found, dtype=D)
    miss = math.prod((n - i) / (n + m - i) for i in range(1, k + 1))
    expected, error = torch.tensor([1.0, 1 - miss], dtype=D), found.std(0) / 20
    assert ((found.mean(0) - expected).abs() < 4 * error).all()


def test_precision_of_copies_and_of_strangers():
    x = normal(60, 4)
    assert scores.precision_recall(x, x.clone())[:2] == (1, 1)
    assert scores.precision_recall(x, x.clone()).density == pytest.approx(1.2)  # k neighbours and the point itself
    assert scores.precision_recall(x, x + 1e3) == (0, 0, 0, 0)
    assert scores.precision_recall(x, x[:10].repeat(6, 1) + 1e-3 * normal(60, 4, seed=3))[:2] == (
        1,
        pytest.approx(1 / 6),
    )


# ------------------------------------------------------------------------------------------------- transport


@pytest.mark.parametrize(("n", "m"), [(20, 20), (20, 30), (7, 5), (6, 3)])
def test_wasserstein_in_one_dimension_agrees_with_scipy(n, m):
    x, y = normal(n, seed=n), 0.5 + 2 * normal(m, seed=m + 50)
    close(scores.wasserstein_1d(x, y), stats.wasserstein_distance(x, y))
    u = (np.arange(n * m) + 0.5) / (n * m)  # between the steps of both quantile functions
    gap = x.sort().values[(u * n).astype(int)] - y.sort().values[(u * m).astype(int)]
    close(scores.wasserstein_1d(x, y, 3), gap.abs().pow(3).mean() ** (1 / 3))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_wasserstein_by_assignment_agrees_with_sorting_and_with_brute_force(order):
    from itertools import permutations

    x, y = normal(50, 1, seed=1), 1 + 2 * normal(50, 1, seed=2)
    close(scores.wasserstein(x, y, order), scores.wasserstein_1d(x[:, 0], y[:, 0], order))
    x, y = normal(6, 3, seed=3), normal(6, 3, seed=4)
    cost = torch.cdist(x, y).pow(order)
    least = min(cost[torch.arange(6), torch.tensor(p)].mean() for p in permutations(range(6)))
    close(scores.wasserstein(x, y, order), least ** (1 / order))


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
    g = generator(9)
    means = [
        torch.stack([scores.frechet2(*torch.randn(2, 250, 64, dtype=D, generator=g)) for _ in range(12)]).mean(),
        torch.stack([scores.frechet2(*torch.randn(2, 1000, 64, dtype=D, generator=g)) for _ in range(12)]).mean(),
    ]
    # published means 8.87 and 2.20; the spread of one value is 0.16 and 0.04
    close(torch.stack(means), [8.87, 2.20], atol=0.2)
    assert abs(means[1] - 2.20) < 0.05


# --------------------------------------------------------------------------------------------------- classes


def test_inception_score_agrees_with_torchmetrics():
    from torchmetrics.image.inception import InceptionScore

    class Logits(nn.Module):
        def forward(self, images):
            return images.flatten(1)

    logits = 3 * normal(200, 10)
    metric = InceptionScore(feature=Logits(), splits=1)
    metric.update(logits.view(200, 1, 2, 5))
    close(scores.inception_score(logits.log_softmax(1)), metric.compute()[0], atol=1e-4)  # sums in float32


def test_inception_score_has_its_bounds():
    certain = torch.full((30, 10), -1e4, dtype=D)
    certain[torch.arange(30), torch.arange(30) % 10] = 0
    close(scores.inception_score(certain), 10.0)
    close(scores.inception_score(torch.full((30, 10), -math.log(10), dtype=D)), 1.0)
    close(scores.inception_score(certain[:1].expand(30, 10)), 1.0)
    for seed in range(5):
        assert 1 < scores.inception_score((5 * normal(20, 10, seed=seed)).log_softmax(1)) < 10


def test_original_mode_score_is_the_inception_score_and_the_other_is_not():
    log_p, log_real = (
        (3 * normal(50, 10)).log_softmax(1),
        (3 * normal(60, 10, seed=1)).log_softmax(1),
    )
    score = scores.inception_score(log_p)
    close(scores.mode_score(log_p, log_real, original=True), score)
    p, r = log_p.exp().mean(0), log_real.exp().mean(0)
    close(
        scores.mode_score(log_p, log_real),
        score * torch.exp(-(p * (p / r).log()).sum()),
    )
    assert scores.mode_score(log_p, log_real) < score


def test_kolmogorov_smirnov_agrees_with_scipy():
    for x, y in [
        (normal(40), 0.3 + normal(50, seed=1)),
        (normal(40).round(), normal(30, seed=2).round()),
        (normal(9), normal(9)),
    ]:
        found, expected = (
            scores.kolmogorov_smirnov(x, y),
            stats.ks_2samp(x, y, method="asymp"),
        )
        close(found.statistic, expected.statistic)
        effective = math.sqrt(len(x) * len(y) / (len(x) + len(y)))
        close(found.p_value, stats.kstwobign.sf(effective * expected.statistic))


def test_kolmogorov_smirnov_keeps_its_level():
    g = generator(10)
    p = torch.tensor([scores.kolmogorov_smirnov(*torch.randn(2, 500, generator=g)).p_value for _ in range(1000)])
    assert abs((p < 0.1).to(D).mean() - 0.1) < 4 * math.sqrt(0.09 / 1000)


def test_half_sampling_error_of_a_mean_is_its_standard_error():
    x, y, g = normal(400), normal(200, seed=1), generator(11)
    found = scores.half_sampling_error(lambda a, b: a.mean() - b.mean(), x, y, repeats=800, generator=g)
    expected = (x.var() / 400 + y.var() / 200).sqrt()
    assert abs(found / expected - 1) < 4 / math.sqrt(2 * 800)

    def several(a, b):
        return torch.stack([a.mean(), 2 * a.mean()])

    error = scores.half_sampling_error(several, x, y, generator=generator(1))
    close(error[1], 2 * error[0])


def test_bootstrap_error_of_a_mean_is_its_standard_error():
    x, y, g = normal(400), normal(200, seed=1), generator(13)
    found = scores.bootstrap(lambda a, b: a.mean() - b.mean(), x, y, repeats=800, generator=g)
    expected = (x.var(correction=0) / 400 + y.var(correction=0) / 200).sqrt()
    assert abs(found.stderr / expected - 1) < 4 / math.sqrt(2 * 800)
    assert abs(found.mean - (x.mean() - y.mean())) < 4 * expected / math.sqrt(800)

    def several(a, b):
        return torch.stack([a.mean(), 2 * a.mean()])

    several_found = scores.bootstrap(several, x, y, generator=generator(1))
    close(several_found.stderr[1], 2 * several_found.stderr[0])
    close(several_found.mean[1], 2 * several_found.mean[0])


def test_bootstrap_draws_with_and_halves_draw_without_replacement():
    seen = []

    def score(a, b):
        seen.append((a.unique().numel(), len(a), b.unique().numel(), len(b)))
        return 0.0

    x, y = torch.arange(100.0), torch.arange(61.0)
    scores.half_sampling_error(score, x, y, repeats=10, generator=generator(2))
    assert set(seen) == {(50, 50, 30, 30)}
    seen.clear()
    scores.bootstrap(score, x, y, repeats=10, generator=generator(2))
    assert all((n, m) == (100, 61) for _, n, _, m in seen)
    # 100 (1 - 1/e) = 63.2 different points, with a standard deviation of 3.1
    assert all(45 < different < 80 for different, _, _, _ in seen)


def test_bootstrap_turns_the_unbiased_mmd2_into_the_biased_one():
    """Its mean is the V-statistic of the given points, the diagonals included."""
    x, y = normal(12, 2), normal(9, 2, seed=1)
    found = scores.bootstrap(lambda a, b: scores.mmd2(a, b, 1.0), x, y, repeats=2000, generator=generator(3))

    def mean_kernel(a, b):
        return torch.exp(-(torch.cdist(a, b) ** 2) / 2).mean()

    biased = mean_kernel(x, x) + mean_kernel(y, y) - 2 * mean_kernel(x, y)
    assert abs(found.mean - biased) < 4 * found.stderr / math.sqrt(2000)
    assert abs(found.mean - scores.mmd2(x, y, 1.0)) > 20 * found.stderr / math.sqrt(2000)


@pytest.mark.parametrize(("shift", "factor"), [(3.0, 1.0), (0.0, math.sqrt(3))])
def test_bootstrap_error_against_independent_repeats(shift, factor):
    """It is right far from equality, and at equality too large by the square root of three."""
    g = generator(21)

    def draw():
        return torch.randn(100, 3, generator=g, dtype=D), torch.randn(100, 3, generator=g, dtype=D) + shift

    values = torch.stack([scores.frechet2(*draw()) for _ in range(400)])
    each = [scores.bootstrap(scores.frechet2, *draw(), repeats=20, generator=g).stderr for _ in range(60)]
    squares = torch.stack(each) ** 2
    spread = (values - values.mean()) ** 2
    error = (spread.var() / 400 / spread.mean() ** 2 + squares.var() / 60 / squares.mean() ** 2).sqrt()
    assert abs(squares.mean() / spread.mean() / factor**2 - 1) < 4 * error
    assert 4 * error < 0.6  # a factor of three would be seen


# ---------------------------------------------------------------------------------------------------- images


@pytest.fixture(scope="module")
def network():
    return classifier.Classifier(generator(1)).eval()


@pytest.fixture(scope="module")
def images():
    g = generator(12)
    return torch.rand(40, 784, generator=g).pow(3), torch.rand(40, 784, generator=g)


def test_image_scores_are_those_of_rows_and_features(network, images):
    x, y = images
    fx, fy = network.features(x).detach(), network.features(y).detach()
    log_p, log_real = (network(s).detach().double().log_softmax(1) for s in (y, x))
    found = scores.image_frechet2(network, x, y)
    close(found.value, scores.frechet2(fx, fy), atol=1e-4)  # float32 features, in other pieces
    assert (found.n_real, found.n_generated, found.network) == (40, 40, "Classifier")
    assert found.sha256 == scores.network_hash(network)
    assert found.sha256[:12] in str(found)
    assert scores.image_precision_recall(network, x, y, 3) == scores.precision_recall(fx, fy, 3)
    close(
        scores.image_inception_score(network, y),
        scores.inception_score(log_p),
        atol=1e-5,
    )
    close(
        scores.image_mode_score(network, x, y),
        scores.mode_score(log_p, log_real),
        atol=1e-5,
    )
    assert scores.image_nearest_neighbour(x, y) == scores.nearest_neighbour(x, y)
    close(scores.image_wasserstein(x, y), scores.wasserstein(x, y))
    close(
        torch.stack(scores.image_mmd2(x, y, 5.0)),
        torch.stack(scores.mmd2_and_error(x, y, 5.0)),
    )
    close(
        torch.stack(scores.image_mmd2(x.view(40, 1, 28, 28), y, 5.0)),
        torch.stack(scores.mmd2_and_error(x, y, 5.0)),
    )


def test_the_range_does_not_matter_when_it_is_stated(network, images):
    x, y = images
    one = scores.image_frechet2(network, x, y).value
    other = scores.image_frechet2(network, 2 * x - 1, 2 * y - 1, data_range=(-1, 1)).value
    close(other, one, atol=1e-4 * one)


def test_the_hash_is_of_every_weight(network):
    before = scores.network_hash(network)
    with torch.no_grad():
        network.output.bias[3] += 1e-6
    changed = scores.network_hash(network)
    with torch.no_grad():
        network.output.bias[3] -= 1e-6
    assert len(before) == 64
    assert changed != before


IMAGE_SCORES = {
    "mmd2": lambda net, x, y, **o: scores.image_mmd2(x, y, 5.0, **o),
    "nearest_neighbour": lambda net, x, y, **o: scores.image_nearest_neighbour(x, y, **o),
    "wasserstein": lambda net, x, y, **o: scores.image_wasserstein(x, y, **o),
    "frechet2": scores.image_frechet2,
    "mode_score": scores.image_mode_score,
    "precision_recall": scores.image_precision_recall,
}


@pytest.mark.parametrize("name", IMAGE_SCORES)
def test_images_in_another_range_are_refused_by_name(network, images, name):
    x, y = images
    score = IMAGE_SCORES[name]
    with pytest.raises(ValueError, match=r"^real has values from -1.*data_range = \(0, 1\)"):
        score(network, 2 * x - 1, y)
    with pytest.raises(ValueError, match=r"^generated has values from"):
        score(network, x, 255 * y)
    with pytest.raises(ValueError, match=r"^generated has values from .* none below the middle"):
        score(network, 2 * x - 1, y, data_range=(-1, 1))
    y = y.clone()
    y[3, 5] = math.nan
    with pytest.raises(ValueError, match=r"^generated has values from nan"):
        score(network, x, y)


def test_inception_score_refuses_images_in_another_range(network, images):
    with pytest.raises(ValueError, match=r"^generated has values from"):
        scores.image_inception_score(network, 2 * images[1] - 1)


# ---------------------------------------------------------------------------------------------------- errors

OK = normal(10, 3)
PAIRS = {
    "mmd2": lambda x, y: scores.mmd2(x, y, 1.0),
    "mmd2_and_error": lambda x, y: scores.mmd2_and_error(x, y, 1.0),
    "mmd_test": lambda x, y: scores.mmd_test(x, y, 1.0, generator=generator()),
    "nearest_neighbour": scores.nearest_neighbour,
    "precision_recall": lambda x, y: scores.precision_recall(x, y, 1),
    "wasserstein": scores.wasserstein,
    "frechet2": scores.frechet2,
}


@pytest.mark.parametrize("name", PAIRS)
def test_bad_pairs_are_refused_by_name(name):
    score = PAIRS[name]
    nan = OK.clone()
    nan[0, 0] = math.nan
    for x, y, message in [
        (OK[:1], OK, "^real has 1 points, takes [23] or more"),
        (OK, OK[:1], "^generated has 1 points"),
        (OK, OK[:, :2], "^generated has 2 columns, takes as many as real, 3"),
        (nan, OK, "^real is not finite"),
        (OK, nan / 0, "^generated is not finite"),
        (OK[0], OK, "^real is a tensor of shape \\(3,\\)"),
        (OK, [1, 2], "^generated is list"),
        (OK + 1j, OK, "^real is a tensor .*complex"),
    ]:
        with pytest.raises(ValueError, match=message):
            score(x, y)


LOG_P = normal(10, 4).log_softmax(1)
BAD = {
    "bandwidth 0": (
        lambda: scores.mmd2(OK, OK, 0),
        "^bandwidth is 0, takes a positive",
    ),
    "bandwidth nan": (
        lambda: scores.mmd2_and_error(OK, OK, math.nan),
        "^bandwidth is nan",
    ),
    "error of two": (
        lambda: scores.mmd2_and_error(OK[:2], OK, 1.0),
        "^real has 2 points, takes 3 or more",
    ),
    "no sets": (lambda: scores.median_bandwidth(), "^sets is empty"),
    "sets of different dimension": (
        lambda: scores.median_bandwidth(OK, OK[:, :2]),
        "^sets have",
    ),
    "coinciding": (
        lambda: scores.median_bandwidth(torch.ones(5, 2)),
        "^sets have a median distance of 0",
    ),
    "permutations": (
        lambda: scores.mmd_test(OK, OK, 1.0, permutations=0, generator=generator()),
        "^permutations is 0, takes an integer of 1",
    ),
    "generator": (
        lambda: scores.mmd_test(OK, OK, 1.0, generator=7),
        "^generator is int",
    ),
    "k": (lambda: scores.precision_recall(OK, OK, 10), "^k is 10, takes 1 to 9"),
    "unequal": (
        lambda: scores.wasserstein(OK, OK[:5]),
        "^generated has 5 points, takes as many as real, 10",
    ),
    "order": (
        lambda: scores.wasserstein_1d(OK[:, 0], OK[:, 0], 0.5),
        "^order is 0.5, takes",
    ),
    "line": (
        lambda: scores.wasserstein_1d(OK, OK),
        "^x is a tensor of shape \\(10, 3\\)",
    ),
    "line nan": (
        lambda: scores.kolmogorov_smirnov(OK[:, 0], OK[:, 0] / 0),
        "^y is not finite",
    ),
    "cov shape": (
        lambda: scores.gaussian_frechet2(OK[0], OK, OK[0], OK),
        "^mean_p and cov_p have shapes",
    ),
    "cov negative": (
        lambda: scores.gaussian_frechet2(OK[0], torch.eye(3), OK[0], -torch.eye(3)),
        "^cov_q has a negative eigenvalue",
    ),
    "cov asymmetric": (
        lambda: scores.gaussian_mmd2(OK[0], torch.ones(3, 3).triu(), OK[0], torch.eye(3), 1.0),
        "^cov_p is not symmetric",
    ),
    "means": (
        lambda: scores.gaussian_mmd2(OK[0], torch.eye(3), OK[0, :2], torch.eye(2), 1.0),
        "^mean_q has shape",
    ),
    "logits": (lambda: scores.inception_score(OK), "^log_probs is not normalised"),
    "probabilities": (
        lambda: scores.inception_score(LOG_P.exp()),
        "^log_probs is not normalised",
    ),
    "classes": (
        lambda: scores.mode_score(LOG_P, OK.log_softmax(1)),
        "^real_log_probs has 3 classes",
    ),
    "range": (
        lambda: scores.check_images("x", OK, (1, 0)),
        "^data_range is \\(1, 0\\), takes",
    ),
    "integers": (
        lambda: scores.check_images("x", torch.zeros(4, 784, dtype=torch.uint8)),
        "^x is a tensor .*uint8",
    ),
    "one image": (
        lambda: scores.check_images("x", torch.zeros(1, 784)),
        "^x is a tensor .*n of 2 or more",
    ),
    "network": (
        lambda: scores.image_features(nn.Identity(), torch.zeros(2, 784)),
        "^network is Identity",
    ),
    "repeats": (
        lambda: scores.half_sampling_error(scores.frechet2, OK, OK, repeats=1, generator=generator()),
        "^repeats is 1",
    ),
    "bootstrap": (
        lambda: scores.bootstrap(scores.frechet2, OK, OK[:2], generator=generator()),
        "^generated is a tensor",
    ),
    "bootstrap's repeats": (
        lambda: scores.bootstrap(scores.frechet2, OK, OK, repeats=1, generator=generator()),
        "^repeats is 1",
    ),
    "bootstrap's generator": (
        lambda: scores.bootstrap(scores.frechet2, OK, OK, generator=None),
        "^generator is NoneType",
    ),
    "halves": (
        lambda: scores.half_sampling_error(scores.frechet2, OK[:3], OK, generator=generator()),
        "^real is a tensor",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_refused_by_name(name):
    call, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        call()


# --------------------------------------------------------------------------------------------------- figures


def test_the_table_darkens_with_significance_and_stays_white_below_the_threshold():
    fig, ax = plots_scores.score_table(
        ["a", "b"], ["s", "t", "u"], [[1, 1, 1], [1.3, 2, 30]], [0.1] * 3, formats=[".1f"] * 3
    )
    depth = ax.images[0].get_array()
    assert (depth[0] == 0).all() and depth[1, 0] == 0 and 0 < depth[1, 1] < depth[1, 2]
    assert [text.get_text() for text in ax.texts] == ["1.0", "1.0", "1.0", "1.3", "2.0", "30.0"]
    plt.close(fig)


def test_the_strips_show_every_value_with_its_error():
    values, errors = torch.tensor([[1.0, 5.0], [2.0, 50.0], [-3.0, 7.0]]), torch.full((3, 2), 0.5)
    fig, axes = plots_scores.score_strips(["a", "b", "c"], ["s", "t"], values, errors, scales=["symlog", "log"])
    for j, ax in enumerate(axes):
        points = ax.containers[0].lines[0]
        assert points.get_xdata().tolist() == values[:, j].tolist()
        assert points.get_ydata().tolist() == [2, 1, 0]
        assert ax.lines[0].get_xdata() == [values[0, j], values[0, j]]
    assert axes[0].xaxis.get_transform().linthresh == 1.0  # the power of ten above the error of 0.5
    plt.close(fig)


def test_the_ratios_of_errors_stand_in_their_panels():
    ratios = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    fig, axes = plots_scores.error_ratios(["s", "t"], {"one": ratios, "two": 2 * ratios}, ["m", "n"])
    for k, ax in enumerate(axes):
        drawn = [line.get_ydata() for line in ax.lines if len(line.get_xdata()) == 2 and line.get_marker() in "os"]
        assert torch.tensor(np.stack(drawn)).tolist() == ((k + 1) * ratios).tolist()
    plt.close(fig)


def test_figures_refuse_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match="values has shape"):
        plots_scores.score_table(["a"], ["s", "t"], [[1.0]], [1.0, 1.0], formats=[".1f"] * 2)
    with pytest.raises(ValueError, match="values has shape"):
        plots_scores.score_strips(["a"], ["s"], [[1.0, 2.0]], [[1.0, 2.0]])
    with pytest.raises(ValueError, match="one has shape"):
        plots_scores.error_ratios(["s"], {"one": [[1.0, 2.0]]}, ["m"])
    plt.close("all")


# ---------------------------------------------------------------------------------------------------- memory


def test_memory_stays_bounded_for_ten_thousand_points():
    """The peak above that of the imports, in a process of its own; whole matrices would take 800 MB each."""
    code = """
        import resource, torch
        from genphys import scores
        g = torch.Generator().manual_seed(0)
        x, y = torch.randn(2, 10_000, 4, generator=g)
        scores.mmd2(x[:100], y[:100], 2.0)
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        before = peak()
        scores.mmd2(x, y, 2.0)
        scores.mmd2(x, y[:2000].clone().requires_grad_(), 2.0).backward()
        print(peak() - before)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(run.stdout) < 1000
