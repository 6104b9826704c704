"""The maximum mean discrepancy against loops, quadrature, scikit-learn and torchmetrics, and over repeated draws."""

import math
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from clouds import D, close, normal, rng, rotation, two_sets
from scipy.spatial import distance
from sklearn.metrics import pairwise

from genphys import scores
from genphys.scores import distances


@pytest.fixture
def pair():
    return two_sets()


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(distances, "BLOCK", 64)  # one or two rows a block


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


@pytest.mark.parametrize("bandwidth", [0.1, 1.7, 100.0])
def test_the_blocked_form_is_the_plain_one_and_so_is_its_gradient(pair, small_blocks, bandwidth):
    found = []
    for form in (scores.mmd2, scores.mmd2_blocked):
        x, y = (s.clone().requires_grad_() for s in pair)
        value = form(x, y, bandwidth)
        found.append((value, *torch.autograd.grad(value, (x, y))))
    for plain, blocked in zip(*found):
        close(blocked, plain, atol=1e-14)


def test_mmd2_agrees_with_scikit_learn_and_torchmetrics(pair):
    from torchmetrics.image.kid import maximum_mean_discrepancy

    x, y = pair[0][:30], pair[1]
    kernels = [torch.from_numpy(pairwise.rbf_kernel(a, b, 1 / (2 * 1.3**2))) for a, b in ((x, x), (x, y), (y, y))]
    close(scores.mmd2(x, y, 1.3), maximum_mean_discrepancy(*kernels))


def test_blocks_change_nothing(pair, monkeypatch):
    x, y = pair

    def everything():
        test = scores.mmd_test(x, y, 1.7, permutations=9, rng=rng())
        return torch.stack([scores.mmd2_blocked(x, y, 1.7), *scores.mmd2_and_error(x, y, 1.7), test.value, *test.null])

    whole = everything()
    monkeypatch.setattr(distances, "BLOCK", 64)
    close(everything(), whole)


@pytest.mark.parametrize("shift", [0.0, 0.6])
def test_mmd2_is_unbiased_and_its_error_is_the_spread(shift):
    """400 pairs of sets: mean against the closed form, mean squared error bar against the variance, unequal sizes."""
    n, m, dim, repeats = 60, 40, 4, 400
    g, bandwidth = rng(3), 2.0
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
    order = torch.randperm(len(x), generator=rng())
    close(scores.mmd2(x[order], y, 1.7), value)


def test_mmd2_of_a_set_with_itself():
    """For equal sets the mean kernel K without the diagonal gives -2 (1 - K)/n."""
    x = normal(25, 3)
    off = scores.pairwise_squared_distances(x, x)
    mean = (torch.exp(-off / 2).sum() - 25) / (25 * 24)
    close(scores.mmd2(x, x, 1.0), -2 * (1 - mean) / 25)


@pytest.mark.parametrize("form", [scores.mmd2, scores.mmd2_blocked])
def test_mmd2_of_sets_far_apart_is_that_within_each(pair, form):
    """No kernel is left between them, and the distances within one set do not suffer from the other."""
    x, y = pair
    within = [np.exp(-(distance.pdist(s) ** 2) / (2 * 1.7**2)).mean() for s in (x, y)]
    close(form(x, y + 1e8, 1.7), sum(within), atol=1e-8)  # what 1e8 leaves of the digits of y


def test_gradients_of_mmd2(pair, small_blocks):
    x, y = (s[:6].clone().requires_grad_() for s in pair)
    for form in (scores.mmd2, scores.mmd2_blocked):
        assert torch.autograd.gradcheck(lambda a, b, form=form: form(a, b, 1.7), (x, y))


def test_median_bandwidth_agrees_with_scipy(pair):
    x, y = pair
    found, every = scores.median_bandwidth(x, y), distance.pdist(torch.cat([x, y]))
    assert every[every <= found + 1e-9].size == math.ceil(every.size / 2)
    x = normal(3001, 2)
    assert abs(scores.median_bandwidth(x, most=500) / np.median(distance.pdist(x[:1500])) - 1) < 0.1


def test_permutation_test_is_a_relabelling(pair):
    """The statistics of all relabellings come out of one pass over the kernel; here each is computed by itself."""
    x, y = pair
    found = scores.mmd_test(x, y, 1.7, permutations=5, rng=rng(4))
    g, points = rng(4), torch.cat([x, y])
    expected = []
    for _ in range(5):
        order = torch.randperm(70, generator=g)
        expected.append(scores.mmd2(points[order[:40]], points[order[40:]], 1.7))
    close(found.null, torch.stack(expected))
    close(found.value, scores.mmd2(x, y, 1.7))


def test_permutation_test_keeps_its_level_and_finds_a_difference():
    g, p_values = rng(5), []
    for _ in range(300):
        x, y = (
            torch.randn(20, 2, dtype=D, generator=g),
            torch.randn(15, 2, dtype=D, generator=g),
        )
        p_values.append(scores.mmd_test(x, y, 1.0, permutations=19, rng=g).p_value)
    p = torch.tensor(p_values)
    for level in (0.05, 0.25, 0.5, 0.75):  # P(p-value <= k/20) = k/20
        share = (p <= level + 1e-9).to(D).mean()
        assert abs(share - level) < 4 * math.sqrt(level * (1 - level) / 300)
    apart = scores.mmd_test(
        normal(30, 2, seed=1),
        normal(30, 2, seed=2) + 3,
        1.0,
        permutations=99,
        rng=g,
    )
    assert apart.p_value == 0.01


def test_memory_stays_bounded_for_ten_thousand_points():
    """The peak above that of the imports, in a process of its own; whole matrices would take 800 MB each."""
    code = """
        import resource, torch
        from genphys import scores
        g = torch.Generator().manual_seed(0)
        x, y = torch.randn(2, 10_000, 4, generator=g)
        scores.mmd2_blocked(x[:100], y[:100], 2.0)
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        before = peak()
        scores.mmd2_blocked(x, y, 2.0)
        scores.mmd2_blocked(x, y[:2000].clone().requires_grad_(), 2.0).backward()
        print(peak() - before)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(run.stdout) < 1000


ZERO, ONE = torch.zeros(3, dtype=D), torch.eye(3, dtype=D)
BAD = {
    "a bandwidth of zero": (scores.mmd2, (normal(5, 3), normal(5, 3), 0), "^bandwidth is 0, takes .* above 0"),
    "an error of two points": (scores.mmd2_and_error, (normal(2, 3), normal(5, 3), 1.0), "^real .* 3 rows or more"),
    "no sets": (scores.median_bandwidth, (), "^sets is"),
    "sets of different dimension": (scores.median_bandwidth, (normal(5, 3), normal(5, 2)), "^sets is"),
    "coinciding points": (scores.median_bandwidth, (1e6 + ONE[[0] * 5],), "^sets (?s:.*) choose a bandwidth"),
    "an asymmetric covariance": (
        scores.gaussian_mmd2,
        (ZERO, ONE + ONE.new_ones(3, 3).triu(), ZERO, ONE, 1.0),
        "^cov_p .* symmetric",
    ),
    "means of different dimension": (
        scores.gaussian_mmd2,
        (ZERO, ONE, ZERO[:2], ONE[:2, :2], 1.0),
        "^mean_q .* shape \\(d\\)",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_arguments_are_refused_by_name(what):
    score, arguments, message = BAD[what]
    with pytest.raises(ValueError, match=message):
        score(*arguments)


def test_a_test_of_no_permutations_is_refused(pair):
    with pytest.raises(ValueError, match=r"^permutations is 0"):
        scores.mmd_test(*pair, 1.0, permutations=0, rng=rng())
