r"""The maximum mean discrepancy: the distance of two mean embeddings, with a Gaussian kernel.

.. math::
    \mathrm{MMD}^2 = \mathbb{E}\,\kappa(\mathbf{x},\mathbf{x}') + \mathbb{E}\,\kappa(\mathbf{y},\mathbf{y}')
    - 2\,\mathbb{E}\,\kappa(\mathbf{x},\mathbf{y}) , \qquad
    \kappa(\mathbf{x},\mathbf{x}') = \exp\big(-\lVert\mathbf{x}-\mathbf{x}'\rVert^2/2\sigma_\kappa^2\big)

for :math:`\mathbf{x}, \mathbf{x}'` from p (``real``) and :math:`\mathbf{y}, \mathbf{y}'` from q (``generated``). The
bandwidth :math:`\sigma_\kappa` has the unit of the points and is never guessed: :func:`median_bandwidth` offers one.

References:
    Gretton, Borgwardt, Rasch, Schölkopf and Smola, A kernel two-sample test (2012), lemma 6 and section 8. Serfling,
    Approximation Theorems of Mathematical Statistics (1980), section 5.2, for the variance.
"""

import math
from typing import NamedTuple

import torch
from torch.autograd.function import once_differentiable

from genphys.arguments import count, covariance, doors, many, points, positive, require, source, tensor
from genphys.exact.estimates import Estimate
from genphys.scores.distances import about_their_middle, distance_blocks, in_double, rounding, squared_distances


def mmd2(real: points("n d", rows=2), generated: points("m d", rows=2), bandwidth: positive):
    r"""The squared maximum mean discrepancy without bias: a U-statistic (``eq:mmd-unbiased``).

    .. math::
        \widehat{\mathrm{MMD}}^2 = \frac{1}{n(n-1)} \sum_{i\ne j} \kappa(\mathbf{x}^{(i)},\mathbf{x}^{(j)})
        + \frac{1}{m(m-1)} \sum_{i\ne j} \kappa(\mathbf{y}^{(i)},\mathbf{y}^{(j)})
        - \frac{2}{nm} \sum_{i,j} \kappa(\mathbf{x}^{(i)},\mathbf{y}^{(j)})

    Float64; below zero as often as an unbiased estimate of zero must be. Differentiable. In blocks: ``mmd2_blocked``.
    """
    x, y = in_double(real), in_double(generated)  # (n, D), (m, D)
    k_xx, k_yy, k_xy = (kernel(*pair, bandwidth) for pair in ((x, x), (y, y), (x, y)))
    n, m = k_xy.shape
    within_x = (k_xx.sum() - k_xx.trace()) / (n * (n - 1))  # the pairs i != j
    within_y = (k_yy.sum() - k_yy.trace()) / (m * (m - 1))
    return within_x + within_y - 2 * k_xy.mean()


def kernel(x, y, bandwidth):
    """The Gaussian kernel between all points of two sets, (n, D) and (m, D) to (n, m)."""
    return torch.exp(-squared_distances(x, y) / (2 * bandwidth**2))


def mmd2_blocked(real: points("n d", rows=2), generated: points("m d", rows=2), bandwidth: positive):
    """:func:`mmd2` by blocks of the kernel: no matrix is ever whole, in the gradient neither."""
    x, y = in_double(real), in_double(generated)
    n, m = len(x), len(y)
    xx = _KernelSum.apply(*about_their_middle(x, x), bandwidth, True)
    yy = _KernelSum.apply(*about_their_middle(y, y), bandwidth, True)
    xy = _KernelSum.apply(*about_their_middle(x, y), bandwidth, False)
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
        return sum(k.sum() for _, k in _kernel_blocks(x, y, bandwidth, same))

    @staticmethod
    @once_differentiable
    def backward(ctx, slope):
        x, y = ctx.saved_tensors
        to_x, to_y = torch.zeros_like(x), torch.zeros_like(y)
        for rows, k in _kernel_blocks(x, y, ctx.bandwidth, ctx.same):
            to_x[rows] = k @ y - k.sum(1)[:, None] * x[rows]
            to_y += k.mT @ x[rows] - k.sum(0)[:, None] * y
        return slope * to_x / ctx.bandwidth**2, slope * to_y / ctx.bandwidth**2, None, None


def _kernel_blocks(x, y, bandwidth, same):
    """Slices of rows of x and the kernel between them and y; within one set a point has no kernel with itself."""
    for rows, k in distance_blocks(x, y):
        k.mul_(-1 / (2 * bandwidth**2)).exp_()
        if same:
            k[:, rows].fill_diagonal_(0)
        yield rows, k


def mmd2_and_error(real: points("n d", rows=3), generated: points("m d", rows=3), bandwidth: positive):
    r""":func:`mmd2` and its standard error from the same pairs, an :class:`Estimate` off the graph.

    .. math::
        \operatorname{Var} = \frac{4\sigma_x^2}{n} + \frac{4\sigma_y^2}{m}
        + \frac{2\zeta_{xx}}{n(n-1)} + \frac{2\zeta_{yy}}{m(m-1)} + \frac{4\zeta_{xy}}{nm}

    is exact (``eq:mmd-variance``): :math:`\sigma_x^2`, :math:`\sigma_y^2` are the variances of the witness function
    :math:`\mathbb{E}[\kappa(\mathbf{x},\cdot)] - \mathbb{E}[\kappa(\mathbf{y},\cdot)]` over p and q, and each
    :math:`\zeta` is the variance of a kernel minus its row and column means. For p = q the first two vanish. The row
    means of the kernel matrices carry every :math:`\zeta` twice; the surplus is subtracted.
    """
    x, y = in_double(real.detach()), in_double(generated.detach())
    n, m = len(x), len(y)
    xx, _, xx2 = _kernel_moments(x, x, bandwidth, same=True)
    yy, _, yy2 = _kernel_moments(y, y, bandwidth, same=True)
    xy, yx, xy2 = _kernel_moments(x, y, bandwidth, same=False)
    xx, yy, xy, yx = xx / (n - 1), yy / (m - 1), xy / m, yx / n  # row means
    value = xx.mean() + yy.mean() - 2 * xy.mean()
    zeta_xx = xx2 / (n * (n - 1)) - 2 * xx.square().mean() + xx.mean().square()
    zeta_yy = yy2 / (m * (m - 1)) - 2 * yy.square().mean() + yy.mean().square()
    zeta_xy = xy2 / (n * m) - xy.square().mean() - yx.square().mean() + xy.mean().square()
    rows = 4 * (xx - xy).var() / n + 4 * (yy - yx).var() / m
    surplus = 2 * zeta_xx / (n * (n - 1)) + 2 * zeta_yy / (m * (m - 1)) + 4 * zeta_xy / (n * m)
    # at p = q the surplus is half of the rows' part; it is never more
    return Estimate(value, torch.maximum(rows - surplus, rows / 2).sqrt())


def _kernel_moments(x, y, bandwidth, same):
    """Sums of the kernel over columns, (n,), and over rows, (m,), and the sum of its squares."""
    over_columns, over_rows, squares = [], torch.zeros_like(y[:, 0]), torch.zeros_like(y[0, 0])
    for _, k in _kernel_blocks(x, y, bandwidth, same):
        over_columns.append(k.sum(1))
        over_rows += k.sum(0)
        squares += k.square().sum()
    return torch.cat(over_columns), over_rows, squares


class PermutationTest(NamedTuple):
    """What a permutation test found.

    ``value`` is the statistic, ``p_value`` the share of relabellings (the given one among them) whose statistic is at
    least as large, and ``null`` the statistics of the random relabellings, shape (permutations,).
    """

    value: torch.Tensor
    p_value: float
    null: torch.Tensor


def mmd_test(
    real: points("n d", rows=2),
    generated: points("m d", rows=2),
    bandwidth: positive,
    *,
    permutations: count() = 200,
    rng: source,
):
    r"""Test p = q by relabelling: is :math:`\widehat{\mathrm{MMD}}^2` larger than for random halves of all points?

    .. math:: \text{p-value} = \frac{1 + \#\{b : t_b \ge t_0\}}{1 + B}

    for the statistic :math:`t_0` and those of :math:`B` random relabellings, :math:`t_b` (``eq:permutation-level``). If
    p = q the test rejects at level :math:`\alpha` with a probability of at most :math:`\alpha`, for every n. The
    bandwidth may depend on the two sets only through their union. All relabellings share one pass over the kernel
    matrix: :math:`\sum_{i,j} a_i \kappa_{ij} a_j` for indicator vectors a.
    """
    x, y = in_double(real.detach()), in_double(generated.detach())
    n, m = len(x), len(y)
    orders = [torch.arange(n + m, device=rng.device)]
    orders += [torch.randperm(n + m, generator=rng, device=rng.device) for _ in range(permutations)]
    chosen = torch.stack([order[:n] for order in orders], dim=1).to(x.device)
    a = x.new_zeros(n + m, permutations + 1).scatter_(0, chosen, 1.0)
    within, degree = torch.zeros_like(a[0]), torch.zeros_like(a[:, 0])  # a K a, K 1
    for rows, k in _joint_kernel(x, y, bandwidth):
        within += (a[rows] * (k @ a)).sum(0)  # (rows, n + m) @ (n + m, B + 1)
        degree[rows] = k.sum(1)
    touching = a.mT @ degree  # a K 1
    between = touching - within
    others = degree.sum() - touching - between
    t = within / (n * (n - 1)) + others / (m * (m - 1)) - 2 * between / (n * m)
    # equal labellings must compare as equal, although their sums are rounded in another order
    extreme = (t[1:] >= t[0] - 1e-12).sum().item()
    return PermutationTest(t[0], (1 + extreme) / (1 + permutations), t[1:])


def _joint_kernel(x, y, bandwidth):
    """Slices of the points of both sets and the kernel between them and all others, (rows, n + m)."""
    for first, part in ((0, x), (len(x), y)):
        for rows, to_x, to_y in distance_blocks(part, x, y):
            here = slice(first + rows.start, first + rows.stop)
            k = torch.cat([to_x, to_y], dim=1).mul_(-1 / (2 * bandwidth**2)).exp_()
            k[:, here].fill_diagonal_(0)
            yield here, k


def gaussian_mmd2(
    mean_p: tensor("d"), cov_p: covariance("d"), mean_q: tensor("d"), cov_q: covariance("d"), bandwidth: positive
):
    r""":math:`\mathrm{MMD}^2` between two Gaussians, in float64, from their means (D,) and covariances (D, D).

    .. math::
        \mathbb{E}\,\kappa(\mathbf{x},\mathbf{y}) = \det\!\big(I + C/\sigma_\kappa^2\big)^{-1/2}
        \exp\!\big(-\tfrac12\,\boldsymbol\delta^\top (\sigma_\kappa^2 I + C)^{-1} \boldsymbol\delta\big)

    with :math:`C` the sum of the two covariances and :math:`\boldsymbol\delta` the difference of the means
    (``eq:mmd-gaussians``). Differentiable. A difference of numbers up to one: rounding leaves some 1e-16 of them.
    """
    mean_p, cov_p, mean_q, cov_q = map(in_double, (mean_p, cov_p, mean_q, cov_q))

    def mean_kernel(delta, cov):
        spread = torch.ones_like(delta).diag() + cov / bandwidth**2
        solved, failed = torch.linalg.solve_ex(spread, delta)
        require(not failed, "bandwidth", bandwidth, "a length that is not lost in the rounding of cov_p and cov_q")
        exponent = delta @ solved / bandwidth**2
        return torch.exp(-(torch.linalg.slogdet(spread).logabsdet + exponent) / 2)

    zero = torch.zeros_like(mean_p)
    cross = mean_kernel(mean_p - mean_q, cov_p + cov_q)
    return mean_kernel(zero, 2 * cov_p) + mean_kernel(zero, 2 * cov_q) - 2 * cross


def median_bandwidth(*sets: many(points("_ d", rows=2)), most: count(2) = 2000):
    r"""The median distance between the points of the sets taken together, as a bandwidth :math:`\sigma_\kappa`.

    This is a rule of thumb. Scores are comparable only at one bandwidth: compute it once, on the real points, and state
    it. Of more points than ``most`` altogether, that many evenly spaced ones are taken.
    """
    require(sets, "sets", sets, "at least one set of points")
    every = torch.cat([in_double(s.detach()) for s in sets])
    if len(every) > most:
        every = every[torch.linspace(0, len(every) - 1, most).round().long()]
    upper = torch.triu_indices(len(every), len(every), 1, device=every.device)
    median = squared_distances(every, every)[upper[0], upper[1]].median().item()
    takes = "points of which not half of the pairs coincide; choose a bandwidth yourself"
    require(median > rounding(every, every).max().item(), "sets", sets, takes)
    return math.sqrt(median)


doors(globals())
