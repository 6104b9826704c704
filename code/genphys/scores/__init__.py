r"""Scores: how far a generated set of points is from a real one.

Two sets are compared, :math:`\mathbf{x}^{(1)}, \dots, \mathbf{x}^{(n)}` from :math:`p` (``real``) and
:math:`\mathbf{y}^{(1)}, \dots, \mathbf{y}^{(m)}` from :math:`q` (``generated``), one point a row.

- Mean embeddings: :func:`mmd2`, the squared maximum mean discrepancy with the kernel
  :math:`\kappa(\mathbf{x},\mathbf{x}') = \exp(-\lVert\mathbf{x}-\mathbf{x}'\rVert^2/2\sigma_\kappa^2)`.
- Neighbours: :func:`nearest_neighbour`, :func:`precision_recall`.
- Transport: :func:`wasserstein_1d`, :func:`wasserstein`, and between Gaussians :func:`frechet2`.
- Classes: :func:`inception_score`, :func:`mode_score`.
- One number a sample: :func:`kolmogorov_smirnov`.

The general functions guess nothing: no bandwidth, no range, no features. The functions ``image_...`` take images and
the range that their grey values have to keep to, (0, 1) unless told otherwise, and refuse images outside it by name.

Distances, kernels and sums are in float64, whatever the points are in. What runs over pairs runs over blocks of them,
so that memory stays bounded: two sets of 10 000 points need well below 1 GB.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from scipy.special import kolmogorov
from torch.autograd.function import once_differentiable

__all__ = [
    "Bootstrap",
    "Estimate",
    "FrechetScore",
    "KolmogorovSmirnov",
    "NearestNeighbour",
    "PermutationTest",
    "PrecisionRecall",
    "bootstrap",
    "check_images",
    "frechet2",
    "gaussian_frechet2",
    "gaussian_mmd2",
    "half_sampling_error",
    "image_features",
    "image_frechet2",
    "image_inception_score",
    "image_log_probs",
    "image_mmd2",
    "image_mode_score",
    "image_nearest_neighbour",
    "image_precision_recall",
    "image_wasserstein",
    "inception_score",
    "kolmogorov_smirnov",
    "median_bandwidth",
    "mmd2",
    "mmd2_and_error",
    "mmd_test",
    "mode_score",
    "nearest_neighbour",
    "network_hash",
    "pairwise_squared_distances",
    "precision_recall",
    "wasserstein",
    "wasserstein_1d",
]

_BLOCK = 2**20  # elements of a block of distances: 8 MB in float64
_MOST_ASSIGNED = 10_000  # points of an assignment, whose costs take 8 n^2 bytes


class Estimate(NamedTuple):
    """A value and its standard error, each of shape (), float64."""

    value: torch.Tensor
    stderr: torch.Tensor


class Bootstrap(NamedTuple):
    """Mean and standard deviation of a score over sets drawn with replacement, float64, of the shape of the score."""

    mean: torch.Tensor
    stderr: torch.Tensor


class PermutationTest(NamedTuple):
    """What a permutation test found.

    ``value`` is the statistic, ``p_value`` the share of relabellings (the given one among them) whose statistic is at
    least as large, and ``null`` the statistics of the random relabellings, shape (permutations,).
    """

    value: torch.Tensor
    p_value: float
    null: torch.Tensor


class NearestNeighbour(NamedTuple):
    """Shares of points whose nearest neighbour is of their own set: of all points, of the real, of the generated."""

    accuracy: float
    real: float
    generated: float


class PrecisionRecall(NamedTuple):
    """Precision, recall and coverage in [0, 1]; density is at least 0 and has the mean 1 for equal distributions."""

    precision: float
    recall: float
    density: float
    coverage: float


class KolmogorovSmirnov(NamedTuple):
    """The largest difference of two empirical distribution functions, in [0, 1], and its asymptotic p-value."""

    statistic: float
    p_value: float


@dataclass(frozen=True)
class FrechetScore:
    """A squared Fréchet distance with what it depends on: the features' network, its hash, the sizes of the sets."""

    value: float
    network: str
    sha256: str
    n_real: int
    n_generated: int

    def __str__(self):
        sizes = f"n = {self.n_real} real, {self.n_generated} generated"
        return f"squared Fréchet distance {self.value:.4g} (features {self.network} {self.sha256[:12]}, {sizes})"


# ------------------------------------------------------------------------------------------------ distances


def pairwise_squared_distances(x, y):
    r"""Return all squared distances between the rows of two sets; none is negative.

    .. math::

        \lVert\mathbf{x}-\mathbf{y}\rVert^2
        = \lVert\mathbf{x}\rVert^2 + \lVert\mathbf{y}\rVert^2 - 2\,\mathbf{x}\cdot\mathbf{y}

    Rounding can make the right side negative where the points nearly coincide; it is
    cut off at zero. Differentiable.

    Args:
        x: The points :math:`\mathbf{x}`, shape (n, D).
        y: The points :math:`\mathbf{y}`, shape (m, D).

    Returns:
        Shape (n, m), float64, in the squared unit of the points. The matrix is whole: it takes 8 n m bytes.

    Raises:
        ValueError: A set has fewer than two points or is not finite, or the dimensions differ.
    """
    x, y = _pair(x, y, names=("x", "y"))
    return _squared(x, y)


def _squared(x, y):
    return torch.addmm(y.square().sum(1), x, y.mT, alpha=-2).add_(x.square().sum(1)[:, None]).clamp(min=0)


def _blocks(n, columns):
    size = max(1, _BLOCK // columns)
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def _rounding(*sets):
    """Squared distances nearer than this are equal: what rounding leaves of the difference of equal ones."""
    largest = max(s.square().sum(1).max().item() for s in sets)
    return 64 * torch.finfo(torch.float64).eps * max(largest, torch.finfo(torch.float64).tiny)


# -------------------------------------------------------------------------------- maximum mean discrepancy


def median_bandwidth(*sets, most=2000):
    r"""Return the median distance between the points of the sets taken together, as a bandwidth :math:`\sigma_\kappa`.

    This is a rule of thumb. Scores are comparable only at one bandwidth: compute it once, on the real points, and state
    it.

    Args:
        sets: One or more sets of points, each of shape (n, D).
        most: Of more points than this altogether, that many evenly spaced ones are taken.

    Returns:
        A number, in the unit of the points.

    Raises:
        ValueError: A set has a wrong shape or is not finite, ``most`` is below 2, or half of all points coincide.

    References:
        Gretton, Borgwardt, Rasch, Schölkopf and Smola, A kernel two-sample test (2012), section 8.
    """
    if not sets:
        raise ValueError("sets is empty, takes at least one set of points")
    _check_count("most", most, 2)
    rows = [_rows(f"set {k}", s) for k, s in enumerate(sets)]
    if len({s.shape[1] for s in rows}) > 1:
        raise ValueError(f"sets have {[s.shape[1] for s in rows]} columns, take equal numbers")
    points = torch.cat(rows).detach()
    if len(points) > most:
        points = points[torch.linspace(0, len(points) - 1, most, dtype=torch.float64).round().long()]
    upper = torch.triu_indices(len(points), len(points), 1, device=points.device)
    median = _squared(points, points)[upper[0], upper[1]].median().sqrt().item()
    if not median > math.sqrt(_rounding(points)):
        raise ValueError("sets have a median distance of 0: half of the pairs coincide; choose a bandwidth yourself")
    return median


def mmd2(real, generated, bandwidth):
    r"""Estimate the squared maximum mean discrepancy without bias, by a U-statistic.

    .. math::

        \widehat{\mathrm{MMD}}^2 = \frac{1}{n(n-1)} \sum_{i\ne j} \kappa(\mathbf{x}^{(i)},\mathbf{x}^{(j)})
        + \frac{1}{m(m-1)} \sum_{i\ne j} \kappa(\mathbf{y}^{(i)},\mathbf{y}^{(j)})
        - \frac{2}{nm} \sum_{i,j} \kappa(\mathbf{x}^{(i)},\mathbf{y}^{(j)})

    This is ``eq:mmd-unbiased``. It falls below zero as often as an unbiased estimate of zero must. Differentiable in
    both sets; memory stays bounded in the backward pass too.

    Args:
        real: Points of p, shape (n, D), n of 2 or more.
        generated: Points of q, shape (m, D), m of 2 or more.
        bandwidth: :math:`\sigma_\kappa`, a positive number in the unit of the points.

    Returns:
        Shape (), float64, no unit.

    Raises:
        ValueError: A set is too small or not finite, the dimensions differ, or ``bandwidth`` is no positive number.

    References:
        Gretton, Borgwardt, Rasch, Schölkopf and Smola, A kernel two-sample test (2012), lemma 6.
    """
    x, y = _pair(real, generated)
    _check_positive("bandwidth", bandwidth)
    n, m = len(x), len(y)
    xx, yy, xy = (_KernelSum.apply(*pair, bandwidth, pair[0] is pair[1]) for pair in ((x, x), (y, y), (x, y)))
    return xx / (n * (n - 1)) + yy / (m * (m - 1)) - 2 * xy / (n * m)


class _KernelSum(torch.autograd.Function):
    r"""The sum of the kernel over all pairs, or over all pairs of different points of one set.

    Its gradient, :math:`\partial_{\mathbf{x}} = \sum_{\mathbf{y}} \kappa(\mathbf{x},\mathbf{y}) (\mathbf{y}-\mathbf{x})
    / \sigma_\kappa^2`, runs over the same blocks, so that none has to be kept.
    """

    @staticmethod
    def forward(ctx, x, y, bandwidth, same):
        ctx.save_for_backward(x, y)
        ctx.bandwidth, ctx.same = bandwidth, same
        return sum(kernel.sum() for _, kernel in _kernel_blocks(x, y, bandwidth, same))

    @staticmethod
    @once_differentiable
    def backward(ctx, slope):
        x, y = ctx.saved_tensors
        to_x, to_y = torch.zeros_like(x), torch.zeros_like(y)
        for rows, kernel in _kernel_blocks(x, y, ctx.bandwidth, ctx.same):
            to_x[rows] = kernel @ y - kernel.sum(1)[:, None] * x[rows]
            to_y += kernel.mT @ x[rows] - kernel.sum(0)[:, None] * y
        return slope * to_x / ctx.bandwidth**2, slope * to_y / ctx.bandwidth**2, None, None


def _kernel_blocks(x, y, bandwidth, same):
    """Slices of rows of x and the kernel between them and y; within one set a point has no kernel with itself."""
    for rows in _blocks(len(x), len(y)):
        kernel = _squared(x[rows], y).mul_(-1 / (2 * bandwidth**2)).exp_()
        if same:
            kernel[:, rows].fill_diagonal_(0)
        yield rows, kernel


def mmd2_and_error(real, generated, bandwidth):
    r"""Estimate :math:`\mathrm{MMD}^2` as :func:`mmd2`, and its standard error from the same pairs.

    .. math::

        \operatorname{Var} = \frac{4\sigma_x^2}{n} + \frac{4\sigma_y^2}{m}
        + \frac{2\zeta_{xx}}{n(n-1)} + \frac{2\zeta_{yy}}{m(m-1)} + \frac{4\zeta_{xy}}{nm}

    is exact (``eq:mmd-variance``): :math:`\sigma_x^2`, :math:`\sigma_y^2` are the variances of the witness function
    :math:`\mathbb{E}[\kappa(\mathbf{x},\cdot)] - \mathbb{E}[\kappa(\mathbf{y},\cdot)]` over p and q, and each
    :math:`\zeta` is the variance of a kernel less its row and column means. For p = q the first two vanish. The row
    means of the kernel matrices carry every :math:`\zeta` twice; the surplus is subtracted.

    Args:
        real: Points of p, shape (n, D), n of 3 or more.
        generated: Points of q, shape (m, D), m of 3 or more.
        bandwidth: :math:`\sigma_\kappa`, a positive number.

    Returns:
        :class:`Estimate`, off the graph.

    Raises:
        ValueError: As for :func:`mmd2`; sets of two points have no error.

    References:
        Serfling, Approximation Theorems of Mathematical Statistics (1980), section 5.2, for the variance.
    """
    x, y = (s.detach() for s in _pair(real, generated, least=3))
    _check_positive("bandwidth", bandwidth)
    n, m = len(x), len(y)
    (xx, _, xx2), (yy, _, yy2), (xy, yx, xy2) = (_kernel_moments(*p, bandwidth) for p in ((x, x), (y, y), (x, y)))
    xx, yy, xy, yx = xx / (n - 1), yy / (m - 1), xy / m, yx / n  # row means
    value = xx.mean() + yy.mean() - 2 * xy.mean()
    zeta_xx = xx2 / (n * (n - 1)) - 2 * xx.square().mean() + xx.mean().square()
    zeta_yy = yy2 / (m * (m - 1)) - 2 * yy.square().mean() + yy.mean().square()
    zeta_xy = xy2 / (n * m) - xy.square().mean() - yx.square().mean() + xy.mean().square()
    rows = 4 * (xx - xy).var() / n + 4 * (yy - yx).var() / m
    surplus = 2 * zeta_xx / (n * (n - 1)) + 2 * zeta_yy / (m * (m - 1)) + 4 * zeta_xy / (n * m)
    # at p = q the surplus is half of the rows' part; it is never more
    return Estimate(value, torch.maximum(rows - surplus, rows / 2).sqrt())


def _kernel_moments(x, y, bandwidth):
    """Sums over rows and over columns of the kernel, and the sum of its squares, without the diagonal if x is y."""
    over_columns, over_rows, squares = [], torch.zeros_like(y[:, 0]), torch.zeros_like(y[0, 0])
    for _, kernel in _kernel_blocks(x, y, bandwidth, x is y):
        over_columns.append(kernel.sum(1))
        over_rows += kernel.sum(0)
        squares += kernel.square().sum()
    return torch.cat(over_columns), over_rows, squares


def mmd_test(real, generated, bandwidth, *, permutations=200, generator):
    r"""Test p = q by relabelling: is :math:`\widehat{\mathrm{MMD}}^2` larger than for random halves of all points?

    .. math:: \text{p-value} = \frac{1 + \#\{b : t_b \ge t_0\}}{1 + B}

    for the statistic :math:`t_0` and those of :math:`B` random relabellings, :math:`t_b` (``eq:permutation-level``). If
    p = q the test rejects at level :math:`\alpha` with a probability of at most :math:`\alpha`, for every n. All
    relabellings share one pass over the kernel matrix: :math:`\sum_{i,j} a_i \kappa_{ij} a_j` for indicator vectors a.

    Args:
        real: Points of p, shape (n, D).
        generated: Points of q, shape (m, D).
        bandwidth: :math:`\sigma_\kappa`; it may depend on the two sets only through their union.
        permutations: :math:`B`.
        generator: The source of chance, a :class:`torch.Generator` on the CPU.

    Returns:
        :class:`PermutationTest`.

    Raises:
        ValueError: As for :func:`mmd2`, or ``permutations`` is below 1, or ``generator`` is none.
    """
    x, y = (s.detach() for s in _pair(real, generated))
    _check_positive("bandwidth", bandwidth)
    _check_count("permutations", permutations, 1)
    _check_generator(generator)
    points, n, m = torch.cat([x, y]), len(x), len(y)
    orders = [torch.arange(n + m), *(torch.randperm(n + m, generator=generator) for _ in range(permutations))]
    a = torch.zeros(n + m, permutations + 1, dtype=torch.float64)
    a.scatter_(0, torch.stack([order[:n] for order in orders], dim=1), 1.0)
    a = a.to(points.device)
    within = torch.zeros_like(a[0])  # a K a
    degree = torch.zeros_like(points[:, 0])  # K 1
    for rows, kernel in _kernel_blocks(points, points, bandwidth, True):
        within += (a[rows] * (kernel @ a)).sum(0)
        degree[rows] = kernel.sum(1)
    touching = a.mT @ degree  # a K 1
    between = touching - within
    others = degree.sum() - touching - between
    t = within / (n * (n - 1)) + others / (m * (m - 1)) - 2 * between / (n * m)
    # equal labellings must compare as equal, although their sums are rounded in another order
    extreme = (t[1:] >= t[0] - 1e-12).sum().item()
    return PermutationTest(t[0], (1 + extreme) / (1 + permutations), t[1:])


def gaussian_mmd2(mean_p, cov_p, mean_q, cov_q, bandwidth):
    r"""Return :math:`\mathrm{MMD}^2` between two Gaussians in closed form.

    .. math::

        \mathbb{E}\,\kappa(\mathbf{x},\mathbf{y}) = \det\!\big(I + C/\sigma_\kappa^2\big)^{-1/2}
        \exp\!\big(-\tfrac12\,\boldsymbol\delta^\top (\sigma_\kappa^2 I + C)^{-1} \boldsymbol\delta\big)

    with :math:`C` the sum of the two covariances and :math:`\boldsymbol\delta` the difference of the means
    (``eq:mmd-gaussians``).

    Args:
        mean_p: Shape (D,).
        cov_p: Shape (D, D), symmetric, without negative eigenvalues.
        mean_q: Shape (D,).
        cov_q: Shape (D, D).
        bandwidth: :math:`\sigma_\kappa`, a positive number.

    Returns:
        Shape (), float64. Differentiable.

    Raises:
        ValueError: The shapes do not fit, a covariance is no covariance, or ``bandwidth`` is not positive.
    """
    mean_p, cov_p = _gaussian("mean_p", mean_p, "cov_p", cov_p)
    mean_q, cov_q = _gaussian("mean_q", mean_q, "cov_q", cov_q)
    if mean_p.shape != mean_q.shape:
        raise ValueError(f"mean_q has shape {tuple(mean_q.shape)}, takes that of mean_p, {tuple(mean_p.shape)}")
    _check_positive("bandwidth", bandwidth)
    identity = torch.eye(len(mean_p), dtype=torch.float64, device=mean_p.device)

    def mean_kernel(delta, cov):
        spread = identity + cov / bandwidth**2
        exponent = delta @ torch.linalg.solve(spread, delta) / bandwidth**2
        return torch.exp(-(torch.linalg.slogdet(spread).logabsdet + exponent) / 2)

    zero = torch.zeros_like(mean_p)
    cross = mean_kernel(mean_p - mean_q, cov_p + cov_q)
    return mean_kernel(zero, 2 * cov_p) + mean_kernel(zero, 2 * cov_q) - 2 * cross


# ---------------------------------------------------------------------------------------------- neighbours


def nearest_neighbour(real, generated):
    r"""Return how often a point's nearest neighbour among all others is of its own set.

    For equal distributions and n = m the mean is :math:`(n-1)/(2n-1)` (``eq:nearest-neighbour-null``), near 1/2. Near 1
    the sets are apart. Near 0 the generated points are copies of the real ones. Neighbours at equal distance share the
    vote.

    Args:
        real: Points of p, shape (n, D).
        generated: Points of q, shape (m, D).

    Returns:
        :class:`NearestNeighbour`.

    Raises:
        ValueError: A set has fewer than two points or is not finite, or the dimensions differ.

    References:
        Lopez-Paz and Oquab, Revisiting classifier two-sample tests (2016); Xu et al., An empirical study on evaluation
        metrics of generative adversarial networks (2018).
    """
    x, y = (s.detach() for s in _pair(real, generated))
    points, n = torch.cat([x, y]), len(x)
    is_real = torch.arange(len(points), device=points.device) < n
    tie, own = _rounding(points), []
    for rows in _blocks(len(points), len(points)):
        d = _squared(points[rows], points)
        d[:, rows].fill_diagonal_(math.inf)
        nearest = d <= d.amin(1, keepdim=True) + tie
        of_real, all_ties = nearest[:, :n].sum(1).to(torch.float64), nearest.sum(1)
        own.append(torch.where(is_real[rows], of_real, all_ties - of_real) / all_ties)
    own = torch.cat(own)
    return NearestNeighbour(own.mean().item(), own[:n].mean().item(), own[n:].mean().item())


def precision_recall(real, generated, k=5):
    r"""Return precision, recall, density and coverage from balls that reach to the k-th neighbour of the own set.

    With :math:`r_i` the distance of :math:`\mathbf{x}^{(i)}` to its k-th nearest other real point, and :math:`s_j` that
    of :math:`\mathbf{y}^{(j)}` to its k-th nearest other generated point,

    .. math::

        \text{precision} &= \tfrac1m \#\{j : \exists i\ \lVert\mathbf{x}^{(i)}-\mathbf{y}^{(j)}\rVert \le r_i\} &
        \text{recall} &= \tfrac1n \#\{i : \exists j\ \lVert\mathbf{x}^{(i)}-\mathbf{y}^{(j)}\rVert \le s_j\} \\
        \text{density} &= \tfrac{1}{km} \#\{(i,j) : \lVert\mathbf{x}^{(i)}-\mathbf{y}^{(j)}\rVert \le r_i\} &
        \text{coverage} &= \tfrac1n \#\{i : \exists j\ \lVert\mathbf{x}^{(i)}-\mathbf{y}^{(j)}\rVert \le r_i\}

    These are ``def:precision-recall`` and ``def:density-coverage``.

    Args:
        real: Points of p, shape (n, D).
        generated: Points of q, shape (m, D).
        k: Which neighbour, from 1 to the smaller number of points less one.

    Returns:
        :class:`PrecisionRecall`.

    Raises:
        ValueError: As for :func:`nearest_neighbour`, or ``k`` is out of range.

    References:
        Kynkäänniemi, Karras, Laine, Lehtinen and Aila, Improved precision and recall metric (2019); Naeem, Oh, Uh, Choi
        and Yoo, Reliable fidelity and diversity metrics for generative models (2020).
    """
    x, y = (s.detach() for s in _pair(real, generated))
    n, m = len(x), len(y)
    _check_count("k", k, 1)
    if k > min(n, m) - 1:
        raise ValueError(f"k is {k}, takes 1 to {min(n, m) - 1}, the other points of the smaller set")
    tie = _rounding(x, y)
    r, s = _neighbour_radius(x, k) + tie, _neighbour_radius(y, k) + tie
    precise = torch.zeros(m, dtype=torch.bool, device=x.device)
    recalled, covered, inside = [], [], 0
    for rows in _blocks(n, m):
        d = _squared(x[rows], y)
        in_real = d <= r[rows, None]
        precise |= in_real.any(0)
        covered.append(in_real.any(1))
        inside += in_real.sum().item()
        recalled.append((d <= s).any(1))
    precision, recall, coverage = (
        flags.to(torch.float64).mean().item() for flags in (precise, torch.cat(recalled), torch.cat(covered))
    )
    return PrecisionRecall(precision, recall, inside / (k * m), coverage)


def _neighbour_radius(x, k):
    """The squared distance of each point to its k-th nearest other one."""
    radii = []
    for rows in _blocks(len(x), len(x)):
        d = _squared(x[rows], x)
        d[:, rows].fill_diagonal_(math.inf)
        radii.append(d.kthvalue(k, dim=1).values)
    return torch.cat(radii)


# ----------------------------------------------------------------------------------------------- transport


def wasserstein_1d(x, y, order=1):
    r"""Return the Wasserstein distance of two sets of numbers, exactly.

    .. math:: \mathrm{W}_p^p = \int_0^1 \big|F^{-1}(u) - G^{-1}(u)\big|^p\, \mathrm{d}u

    with the quantile functions of the two sets; for n = m it is the mean of
    :math:`|x_{(i)} - y_{(i)}|^p` over the sorted values (``eq:wasserstein-sorted``). Differentiable.

    Args:
        x: Numbers, shape (n,).
        y: Numbers, shape (m,).
        order: :math:`p`, 1 or more.

    Returns:
        Shape (), float64, in the unit of the numbers.

    Raises:
        ValueError: A set has another shape, fewer than two numbers or is not finite, or ``order`` is below 1.
    """
    x, y = _line("x", x), _line("y", y)
    _check_order(order)
    n, m = len(x), len(y)
    x, y = x.sort().values, y.sort().values
    # steps of both quantile functions, in units of 1/(n m): integers, so that equal ones are equal
    steps = torch.cat([torch.arange(n + 1) * m, torch.arange(m + 1) * n]).unique().to(x.device)
    left, width = steps[:-1], steps.diff()
    width, gap = width.to(torch.float64), (x[left // m] - y[left // n]).abs()
    return _root((width * gap**order).sum() / (n * m), order)


def wasserstein(real, generated, order=2):
    r"""Return the Wasserstein distance of two sets of equally many points, by the optimal assignment.

    .. math::

        \mathrm{W}_p^p = \min_\pi \frac1n \sum_{i=1}^n
        \big\lVert\mathbf{x}^{(i)} - \mathbf{y}^{(\pi(i))}\big\rVert^p

    over all permutations :math:`\pi` (``eq:wasserstein-assignment``). The assignment is SciPy's; its time grows as
    :math:`n^2` to :math:`n^3`, its memory is :math:`8n^2` bytes. Differentiable: the best permutation is constant but
    for a set of measure zero.

    Args:
        real: Points of p, shape (n, D), n up to 10 000.
        generated: Points of q, shape (n, D).
        order: :math:`p`, 1 or more.

    Returns:
        Shape (), float64, in the unit of the points.

    Raises:
        ValueError: As for :func:`mmd2`, or the numbers of points differ or are above 10 000, or ``order`` is below 1.
    """
    x, y = _pair(real, generated)
    _check_order(order)
    if len(x) != len(y):
        raise ValueError(f"generated has {len(y)} points, takes as many as real, {len(x)}, for an assignment")
    if len(x) > _MOST_ASSIGNED:
        raise ValueError(f"real has {len(x)} points, takes at most {_MOST_ASSIGNED}: the costs need 8 n^2 bytes")
    cost = np.empty((len(x), len(x)))
    with torch.no_grad():
        for rows in _blocks(len(x), len(x)):
            cost[rows] = _squared(x[rows], y).pow(order / 2).cpu().numpy()
    match = torch.from_numpy(linear_sum_assignment(cost)[1]).to(y.device)
    return _root((x - y[match]).square().sum(1).pow(order / 2).mean(), order)


def _root(value, order):
    """value^(1/order), with the derivative 0 and not infinity where the value is 0."""
    if order == 1:
        return value
    positive = value > 0
    return torch.where(positive, torch.where(positive, value, 1.0).pow(1 / order), 0.0)


def gaussian_frechet2(mean_p, cov_p, mean_q, cov_q):
    r"""Return the squared Fréchet distance of two Gaussians, which is :math:`\mathrm{W}_2^2`.

    .. math::

        \mathrm{W}_2^2 = \lVert\boldsymbol\mu_p-\boldsymbol\mu_q\rVert^2
        + \operatorname{Tr}\Big(C_p + C_q - 2\big(C_p^{1/2} C_q\, C_p^{1/2}\big)^{1/2}\Big)

    This is ``eq:frechet-gaussians``. Both roots are of symmetric matrices, by their eigenvalues; no complex number
    occurs, and singular covariances do no harm. Differentiable in ``mean_p``, ``mean_q`` and ``cov_q``, and in
    ``cov_p`` if its eigenvalues are distinct and positive.

    Args:
        mean_p: Shape (D,).
        cov_p: Shape (D, D), symmetric, without negative eigenvalues.
        mean_q: Shape (D,).
        cov_q: Shape (D, D).

    Returns:
        Shape (), float64, never negative, in the squared unit of the points.

    Raises:
        ValueError: The shapes do not fit or a covariance is no covariance.

    References:
        Dowson and Landau, The Fréchet distance between multivariate normal distributions (1982).
    """
    mean_p, cov_p = _gaussian("mean_p", mean_p, "cov_p", cov_p)
    mean_q, cov_q = _gaussian("mean_q", mean_q, "cov_q", cov_q)
    if mean_p.shape != mean_q.shape:
        raise ValueError(f"mean_q has shape {tuple(mean_q.shape)}, takes that of mean_p, {tuple(mean_p.shape)}")
    values, vectors = torch.linalg.eigh(cov_p)
    root = (vectors * _safe_sqrt(values)) @ vectors.mT
    product = root @ cov_q @ root
    overlap = _safe_sqrt(torch.linalg.eigvalsh((product + product.mT) / 2)).sum()
    distance = (mean_p - mean_q).square().sum() + cov_p.trace() + cov_q.trace() - 2 * overlap
    return distance.clamp(min=0)


def _safe_sqrt(values):
    """Square roots of eigenvalues; what is zero but for rounding has root and derivative zero."""
    floor = values.detach().abs().max() * len(values) * torch.finfo(values.dtype).eps
    positive = values > floor
    return torch.where(positive, torch.where(positive, values, 1.0).sqrt(), 0.0)


def frechet2(real, generated):
    r"""Return the squared Fréchet distance between Gaussians of the means and covariances of two sets.

    :func:`gaussian_frechet2` of the sample means and of the covariances with :math:`1/(n-1)`. It sees first and second
    moments only, and is biased upwards by an amount of order 1/n (``eq:frechet-bias``): compare equal n. "FID" is
    this number for features of an Inception network; with other features it is another number.

    Args:
        real: Points or features of p, shape (n, D).
        generated: Points or features of q, shape (m, D).

    Returns:
        Shape (), float64. Differentiable in ``generated``.

    Raises:
        ValueError: A set has fewer than two points or is not finite, or the dimensions differ.

    References:
        Heusel, Ramsauer, Unterthiner, Nessler and Hochreiter, GANs trained by a two time-scale update rule (2017).
    """
    x, y = _pair(real, generated)
    return gaussian_frechet2(x.mean(0), _covariance(x), y.mean(0), _covariance(y))


def _covariance(x):
    x = x - x.mean(0)
    return x.mT @ x / (len(x) - 1)


# -------------------------------------------------------------------------------------------------- classes


def inception_score(log_probs):
    r"""Return the inception score from the class probabilities of generated points.

    .. math::

        \mathrm{IS} = \exp \frac1m \sum_{j} \mathrm{KL}\big(p(c\mid\mathbf{y}^{(j)}) \,\Vert\, p(c)\big) ,
        \qquad p(c) = \frac1m \sum_j p(c\mid\mathbf{y}^{(j)})

    It lies between 1 and the number of classes (``eq:inception-bounds``). No real point enters. Differentiable.

    Args:
        log_probs: :math:`\log p(c\mid\mathbf{y}^{(j)})` in nats, shape (m, C); rows are normalised.

    Returns:
        Shape (), float64.

    Raises:
        ValueError: The shape is wrong or a row is not the logarithm of a distribution.

    References:
        Salimans, Goodfellow, Zaremba, Cheung, Radford and Chen, Improved techniques for training GANs (2016).
    """
    log_p = _log_probs("log_probs", log_probs)
    return _mean_kl(log_p, _log_marginal(log_p)).exp()


def mode_score(log_probs, real_log_probs, *, original=False):
    r"""Return a mode score: an inception score that is told the classes of the real points.

    .. math::

        \mathrm{MS} = \exp\Big(\mathbb{E}_{\mathbf{y}} \mathrm{KL}\big(p(c\mid\mathbf{y}) \,\Vert\, p(c)\big)
        - \mathrm{KL}\big(p(c) \,\Vert\, p_\mathrm{data}(c)\big)\Big)

    is smaller where classes are missing (``def:mode-score``). The original form has :math:`p_\mathrm{data}(c)` in the
    first term too; then the real points drop out and it *equals the inception score* (``eq:mode-score-identity``).

    Args:
        log_probs: :math:`\log p(c\mid\mathbf{y}^{(j)})` of the generated points, in nats, shape (m, C).
        real_log_probs: The same of the real points, shape (n, C).
        original: Compute the original form.

    Returns:
        Shape (), float64. Differentiable.

    Raises:
        ValueError: A shape is wrong or a row is not the logarithm of a distribution.

    References:
        Che, Li, Jacob, Bengio and Li, Mode regularized generative adversarial networks (2016).
    """
    log_p, log_real = _log_probs("log_probs", log_probs), _log_probs("real_log_probs", real_log_probs)
    if log_p.shape[1] != log_real.shape[1]:
        raise ValueError(f"real_log_probs has {log_real.shape[1]} classes, takes those of log_probs, {log_p.shape[1]}")
    marginal, real_marginal = _log_marginal(log_p), _log_marginal(log_real)
    first = _mean_kl(log_p, real_marginal if original else marginal)
    return (first - _mean_kl(marginal[None], real_marginal)).exp()


def _log_marginal(log_p):
    return log_p.logsumexp(0) - math.log(len(log_p))


def _mean_kl(log_p, log_q):
    p = log_p.exp()
    terms = torch.where(p > 0, p * (torch.where(p > 0, log_p, 0.0) - torch.where(p > 0, log_q, 0.0)), 0.0)
    return terms.sum(1).mean()


# -------------------------------------------------------------------------------------- one number a sample


def kolmogorov_smirnov(x, y):
    r"""Return the largest difference of the empirical distribution functions of two sets of numbers.

    .. math::

        D = \sup_a |F_n(a) - G_m(a)| , \qquad
        \text{p-value} \approx 2\sum_{k\ge1} (-1)^{k-1} e^{-2k^2\lambda^2} ,\quad \lambda = D\sqrt{\tfrac{nm}{n+m}}

    (``def:kolmogorov-smirnov``). The p-value is asymptotic, and for values that repeat an upper bound.

    Args:
        x: Numbers, shape (n,).
        y: Numbers, shape (m,).

    Returns:
        :class:`KolmogorovSmirnov`.

    Raises:
        ValueError: A set has another shape, fewer than two numbers or is not finite.
    """
    x, y = _line("x", x).detach().sort().values, _line("y", y).detach().sort().values
    at = torch.cat([x, y])
    below_x = torch.searchsorted(x, at, right=True).to(torch.float64) / len(x)
    below_y = torch.searchsorted(y, at, right=True).to(torch.float64) / len(y)
    statistic = (below_x - below_y).abs().max().item()
    effective = math.sqrt(len(x) * len(y) / (len(x) + len(y)))
    return KolmogorovSmirnov(statistic, float(kolmogorov(effective * statistic)))


def bootstrap(score: Callable, real, generated, *, repeats=100, generator):
    r"""Return mean and standard error of a score by drawing both sets anew from themselves, with replacement.

    .. math::

        \bar t = \frac1B \sum_b t_b , \qquad \widehat{\operatorname{Var}}(t) = \frac{1}{B-1} \sum_b (t_b - \bar t)^2

    for the scores :math:`t_b` of B pairs of sets, each as large as the one that it is drawn from. The distance of the
    mean from the score estimates the bias of a score that is a function of the two empirical distributions. The error
    is consistent where the score is a smooth function of averages and its first derivative does not vanish. At p = q
    that of :math:`\mathrm{MMD}^2` and of the squared Fréchet distance does vanish, and the error is too large by a
    factor near :math:`\sqrt3` (``eq:bootstrap-variance``); the mean of the unbiased :math:`\mathrm{MMD}^2` is the
    *biased* one (``eq:bootstrap-mean``). Scores from nearest neighbours it spoils: a point drawn twice is its own
    nearest neighbour (``eq:bootstrap-copies``). For these take :func:`half_sampling_error`.

    Args:
        score: A function ``score(real, generated)`` that returns a number or a tensor of several.
        real: Points, shape (n, ...), n of 4 or more.
        generated: Points, shape (m, ...), m of 4 or more.
        repeats: :math:`B`, 2 or more.
        generator: The source of chance, a :class:`torch.Generator` on the CPU.

    Returns:
        :class:`Bootstrap`.

    Raises:
        ValueError: A set is too small, ``repeats`` is below 2 or ``generator`` is none.

    References:
        Efron, Bootstrap methods: another look at the jackknife (1979); Bickel and Freedman, Some asymptotic theory for
        the bootstrap (1981), for its limits too.
    """

    def again(points):
        return points[torch.randint(len(points), (len(points),), generator=generator).to(points.device)]

    found = _resampled(score, real, generated, again, repeats, generator)
    return Bootstrap(found.mean(0), found.std(0))


def half_sampling_error(score: Callable, real, generated, *, repeats=20, generator):
    r"""Return the standard error of any score by drawing random halves of both sets, without replacement.

    .. math:: \widehat{\operatorname{Var}}(t) = \frac{1}{B-1} \sum_b (t_b - \bar t)^2

    for the scores :math:`t_b` of B pairs of halves: the delete-half jackknife. No point is drawn twice, so that scores
    from nearest neighbours keep their meaning. A half has twice the variance of the whole, and two halves of one set
    share half of their points: for an average the two cancel. For other scores the error is too large rather than too
    small; for the share of nearest neighbours at p = q by a factor near :math:`\sqrt{5/3}` (``eq:half-variance``).

    Args:
        score: A function ``score(real, generated)`` that returns a number or a tensor of several.
        real: Points, shape (n, ...), n of 4 or more.
        generated: Points, shape (m, ...), m of 4 or more.
        repeats: :math:`B`, 2 or more.
        generator: The source of chance, a :class:`torch.Generator` on the CPU.

    Returns:
        The standard error, float64, of the shape of the score.

    Raises:
        ValueError: A set is too small, ``repeats`` is below 2 or ``generator`` is none.

    References:
        Shao and Wu, A general theory for jackknife variance estimation (1989).
    """

    def half(points):
        return points[torch.randperm(len(points), generator=generator)[: len(points) // 2].to(points.device)]

    return _resampled(score, real, generated, half, repeats, generator).std(0)


def _resampled(score, real, generated, draw, repeats, generator):
    """The scores of some pairs of sets that ``draw`` takes from the two, shape (repeats, ...)."""
    _check_count("repeats", repeats, 2)
    _check_generator(generator)
    for name, points in (("real", real), ("generated", generated)):
        if not isinstance(points, torch.Tensor) or points.dim() < 1 or len(points) < 4:
            raise ValueError(f"{name} is {_kind(points)}, takes a tensor of shape (n, ...) with n of 4 or more")
    found = [torch.as_tensor(score(draw(real), draw(generated)), dtype=torch.float64) for _ in range(repeats)]
    return torch.stack(found)


# --------------------------------------------------------------------------------------------------- images


def check_images(name, images, data_range=(0.0, 1.0)):
    """Refuse what is not a set of images in the stated range, and return the images as rows.

    Images in [0, 1] also lie in (-1, 1). Where the range has negative values, a set without any value below the middle
    of the range is therefore refused as well: it is a set in another range.

    Args:
        name: What the message calls them.
        images: Grey values, shape (n, M), (n, H, W) or (n, C, H, W), n of 2 or more.
        data_range: The lowest and the highest value that the range admits.

    Returns:
        The images as rows, shape (n, M).

    Raises:
        ValueError: ``data_range`` is none, or the images have another shape, NaN, or values outside the range.
    """
    try:
        low, high = (float(bound) for bound in data_range)
    except (TypeError, ValueError):
        low, high = 1.0, 0.0
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"data_range is {data_range!r}, takes (low, high) with low < high")
    shape = isinstance(images, torch.Tensor) and 2 <= images.dim() <= 4 and len(images) >= 2 and images[0].numel() > 0
    if not shape or not images.is_floating_point():
        raise ValueError(f"{name} is {_kind(images)}, takes floating-point images of shape (n, M), n of 2 or more")
    least, most = (bound.item() for bound in images.detach().aminmax())
    found = f"{name} has values from {least:.6g} to {most:.6g}"
    if not (least >= low and most <= high):
        raise ValueError(f"{found}, takes images in data_range = ({low:g}, {high:g}); bring both sets into one range")
    if low < 0 and least >= (low + high) / 2:
        raise ValueError(f"{found} and none below the middle of data_range = ({low:g}, {high:g}): another range")
    return images.flatten(1)


def image_mmd2(real, generated, bandwidth, *, data_range=(0.0, 1.0)):
    r"""Return :func:`mmd2_and_error` of the pixels of two sets of images.

    Args:
        real: Real images, shape (n, M) or (n, ..., H, W).
        generated: Generated images.
        bandwidth: :math:`\sigma_\kappa` in grey values; for digits in [0, 1] the median distance is about 10.
        data_range: The range that both sets have to keep to.

    Returns:
        :class:`Estimate`.

    Raises:
        ValueError: A set is not in ``data_range`` (it is named), or as for :func:`mmd2_and_error`.
    """
    return mmd2_and_error(*_image_pair(real, generated, data_range), bandwidth)


def image_nearest_neighbour(real, generated, *, data_range=(0.0, 1.0)):
    """Return :func:`nearest_neighbour` of the pixels of two sets of images.

    Args:
        real: Real images, shape (n, M) or (n, ..., H, W).
        generated: Generated images.
        data_range: The range that both sets have to keep to.

    Returns:
        :class:`NearestNeighbour`.

    Raises:
        ValueError: A set is not in ``data_range`` (it is named), or as for :func:`nearest_neighbour`.
    """
    return nearest_neighbour(*_image_pair(real, generated, data_range))


def image_wasserstein(real, generated, order=2, *, data_range=(0.0, 1.0)):
    """Return :func:`wasserstein` of the pixels of two sets of images.

    Args:
        real: Real images, shape (n, M) or (n, ..., H, W).
        generated: Generated images, equally many.
        order: The order, 1 or more.
        data_range: The range that both sets have to keep to.

    Returns:
        Shape (), float64, in grey values.

    Raises:
        ValueError: A set is not in ``data_range`` (it is named), or as for :func:`wasserstein`.
    """
    return wasserstein(*_image_pair(real, generated, data_range), order)


def image_features(network, images, *, data_range=(0.0, 1.0), name="images"):
    """Return the features that a network sees in images, in pieces that need little memory.

    Args:
        network: A module whose ``features(images)`` takes (n, M) grey values in [0, 1], as that of
            :class:`genphys.networks.classifier.Classifier`.
        images: Shape (n, M) or (n, ..., H, W).
        data_range: The range that the images have to keep to; they are mapped from it to [0, 1] for the network.
        name: What the message calls the images.

    Returns:
        The features, shape (n, D), off the graph.

    Raises:
        ValueError: The images are not in ``data_range`` or the network has no features.
    """
    if not callable(getattr(network, "features", None)):
        raise ValueError(f"network is {_kind(network)}, takes a module with a method features(images)")
    return _in_pieces(network.features, check_images(name, images, data_range), data_range)


def image_log_probs(network, images, *, data_range=(0.0, 1.0), name="images"):
    r"""Return the class probabilities :math:`\log p(c\mid\mathbf{x})` that a network gives images, shape (n, C).

    Args:
        network: A module that takes (n, M) grey values in [0, 1] to logits (n, C).
        images: Shape (n, M) or (n, ..., H, W).
        data_range: The range that the images have to keep to; they are mapped from it to [0, 1] for the network.
        name: What the message calls the images.

    Raises:
        ValueError: The images are not in ``data_range``.
    """
    logits = _in_pieces(network, check_images(name, images, data_range), data_range)
    return logits.to(torch.float64).log_softmax(1)


def image_frechet2(network, real, generated, *, data_range=(0.0, 1.0)):
    """Return the squared Fréchet distance in a network's features, with the network, its hash and the sizes.

    Args:
        network: A module with a method ``features``, see :func:`image_features`.
        real: Real images, shape (n, M) or (n, ..., H, W).
        generated: Generated images.
        data_range: The range that both sets have to keep to.

    Returns:
        :class:`FrechetScore`.

    Raises:
        ValueError: A set is not in ``data_range`` (it is named), or as for :func:`frechet2`.
    """
    x = image_features(network, real, data_range=data_range, name="real")
    y = image_features(network, generated, data_range=data_range, name="generated")
    value = frechet2(x, y).item()
    return FrechetScore(value, type(network).__name__, network_hash(network), len(x), len(y))


def image_inception_score(network, generated, *, data_range=(0.0, 1.0)):
    """Return :func:`inception_score` of images under a classifier.

    Args:
        network: A module that takes (n, M) grey values in [0, 1] to logits (n, C).
        generated: Generated images, shape (m, M) or (m, ..., H, W).
        data_range: The range that they have to keep to.

    Returns:
        Shape (), float64.

    Raises:
        ValueError: The images are not in ``data_range``.
    """
    return inception_score(image_log_probs(network, generated, data_range=data_range, name="generated"))


def image_mode_score(network, real, generated, *, data_range=(0.0, 1.0)):
    """Return :func:`mode_score` of images under a classifier.

    Args:
        network: A module that takes (n, M) grey values in [0, 1] to logits (n, C).
        real: Real images, shape (n, M) or (n, ..., H, W).
        generated: Generated images.
        data_range: The range that both sets have to keep to.

    Returns:
        Shape (), float64.

    Raises:
        ValueError: A set is not in ``data_range`` (it is named).
    """
    log_p = image_log_probs(network, generated, data_range=data_range, name="generated")
    return mode_score(log_p, image_log_probs(network, real, data_range=data_range, name="real"))


def image_precision_recall(network, real, generated, k=5, *, data_range=(0.0, 1.0)):
    """Return :func:`precision_recall` in a network's features.

    Args:
        network: A module with a method ``features``, see :func:`image_features`.
        real: Real images, shape (n, M) or (n, ..., H, W).
        generated: Generated images.
        k: Which neighbour.
        data_range: The range that both sets have to keep to.

    Returns:
        :class:`PrecisionRecall`.

    Raises:
        ValueError: A set is not in ``data_range`` (it is named), or as for :func:`precision_recall`.
    """
    x = image_features(network, real, data_range=data_range, name="real")
    return precision_recall(x, image_features(network, generated, data_range=data_range, name="generated"), k)


def network_hash(network):
    """Return the SHA-256 of the names, types, shapes and bytes of a network's state, in hexadecimal.

    Args:
        network: A :class:`torch.nn.Module`.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)};".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def _in_pieces(function, images, data_range, size=500):
    low, high = data_range
    with torch.no_grad():
        unit = images if (low, high) == (0, 1) else ((images - low) / (high - low)).clamp(0, 1)
        return torch.cat([function(piece) for piece in unit.split(size)])


def _image_pair(real, generated, data_range):
    return check_images("real", real, data_range), check_images("generated", generated, data_range)


# ------------------------------------------------------------------------------------------------- checks


def _kind(value):
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)} and {value.dtype}"
    return type(value).__name__


def _rows(name, points, least=2):
    """Points as rows in float64."""
    if not isinstance(points, torch.Tensor) or points.dim() != 2 or points.is_complex() or points.shape[1] == 0:
        raise ValueError(f"{name} is {_kind(points)}, takes real points of shape (n, D)")
    if len(points) < least:
        raise ValueError(f"{name} has {len(points)} points, takes {least} or more")
    points = points.to(torch.float64)
    if not torch.isfinite(points).all():
        raise ValueError(f"{name} is not finite everywhere")
    return points


def _pair(real, generated, names=("real", "generated"), least=2):
    x = _rows(names[0], real, least)
    y = x if generated is real else _rows(names[1], generated, least)
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"{names[1]} has {y.shape[1]} columns, takes as many as {names[0]}, {x.shape[1]}")
    if x.device != y.device:
        raise ValueError(f"{names[1]} is on {y.device}, takes the device of {names[0]}, {x.device}")
    # one tensor given twice stands for two equal sets; "x is y" means the pairs within one set
    return x, y.clone() if y is x else y


def _line(name, values):
    if not isinstance(values, torch.Tensor) or values.dim() != 1 or values.is_complex():
        raise ValueError(f"{name} is {_kind(values)}, takes real numbers of shape (n,)")
    return _rows(name, values[:, None])[:, 0]


def _gaussian(mean_name, mean, cov_name, cov):
    mean, cov = (torch.as_tensor(v).to(torch.float64) for v in (mean, cov))
    if mean.dim() != 1 or cov.shape != (len(mean), len(mean)) or not len(mean):
        shapes = f"{tuple(mean.shape)} and {tuple(cov.shape)}"
        raise ValueError(f"{mean_name} and {cov_name} have shapes {shapes}, take (D,) and (D, D)")
    if not (torch.isfinite(mean).all() and torch.isfinite(cov).all()):
        raise ValueError(f"{mean_name} or {cov_name} is not finite everywhere")
    size = cov.detach().abs().max()
    if not (cov.detach() - cov.detach().mT).abs().max() <= 1e-10 * size:
        raise ValueError(f"{cov_name} is not symmetric")
    if not torch.linalg.eigvalsh(cov.detach()).min() >= -1e-10 * size:
        raise ValueError(f"{cov_name} has a negative eigenvalue, takes a covariance")
    return mean, cov


def _log_probs(name, log_probs):
    shape = isinstance(log_probs, torch.Tensor) and log_probs.dim() == 2 and log_probs.is_floating_point()
    if not shape or log_probs.shape[0] < 2 or log_probs.shape[1] < 2:
        raise ValueError(f"{name} is {_kind(log_probs)}, takes log-probabilities of shape (n, C), both 2 or more")
    # normalised in the precision of the input: 1e-5 is 2^7 roundings of float32
    off = log_probs.detach().to(torch.float64).logsumexp(1).abs().max()
    if not off <= 1e-5:
        raise ValueError(f"{name} is not normalised (a row sums to exp(+-{off:.3g})); takes log_softmax of logits")
    return log_probs.to(torch.float64).log_softmax(1)


def _check_positive(name, value):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} is {value!r}, takes a positive finite number")


def _check_order(order):
    if isinstance(order, bool) or not isinstance(order, (int, float)) or not (math.isfinite(order) and order >= 1):
        raise ValueError(f"order is {order!r}, takes a finite number of 1 or more")


def _check_count(name, value, least):
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} is {value!r}, takes an integer of {least} or more")


def _check_generator(generator):
    if not isinstance(generator, torch.Generator):
        raise ValueError(f"generator is {_kind(generator)}, takes a torch.Generator")
