"""What it costs to carry one set onto another: Wasserstein distances, and the Fréchet distance between Gaussians.

References:
    Dowson and Landau, The Fréchet distance between multivariate normal distributions (1982). Heusel, Ramsauer,
    Unterthiner, Nessler and Hochreiter, GANs trained by a two time-scale update rule (2017). Bhatia, Jain and Lim, On
    the Bures-Wasserstein distance between positive definite matrices (2019), theorem 1.
"""

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch.nn.functional import pad

from genphys.arguments import covariance, doors, number, points, require, tensor
from genphys.scores.distances import about_their_middle, distance_blocks, in_double

MOST_ASSIGNED = 10_000  # points of an assignment, whose costs take 8 n^2 bytes


def wasserstein_1d(x: tensor("n", rows=2, kind="any"), y: tensor("m", rows=2, kind="any"), order: number(1) = 1):
    r"""The Wasserstein distance of two sets of numbers, exactly; in float64 and in their unit.

    .. math:: \mathrm{W}_p^p = \int_0^1 \big|F^{-1}(u) - G^{-1}(u)\big|^p\, \mathrm{d}u

    with the quantile functions of the two sets; for n = m it is the mean of
    :math:`|x_{(i)} - y_{(i)}|^p` over the sorted values (``eq:wasserstein-sorted``). Differentiable.
    """
    x, y = in_double(x).sort().values, in_double(y).sort().values
    n, m = len(x), len(y)
    # steps of both quantile functions, in units of 1/(n m): integers, so that equal ones are equal
    steps = torch.cat([torch.arange(n + 1) * m, torch.arange(m + 1) * n]).unique().to(x.device)
    left, width = steps[:-1], steps.diff()
    gap = (x[left // m] - y[left // n]).abs()
    return _power_mean(gap, width / (gap.new_ones(()) * n * m), order)


def wasserstein(real: points("n d", rows=2), generated: points("n d", rows=2), order: number(1) = 2):
    r"""The Wasserstein distance of two sets of equally many points, by the optimal assignment.

    .. math::
        \mathrm{W}_p^p = \min_\pi \frac1n \sum_{i=1}^n
        \big\lVert\mathbf{x}^{(i)} - \mathbf{y}^{(\pi(i))}\big\rVert^p

    over all permutations :math:`\pi` (``eq:wasserstein-assignment``), in float64 and in the unit of the points. The
    assignment is SciPy's; its time grows as :math:`n^2` to :math:`n^3`, its memory is :math:`8n^2` bytes, and n is at
    most 10 000. Differentiable: the best permutation is constant but for a set of measure zero.
    """
    n, takes = len(real), f"at most {MOST_ASSIGNED} points: the costs need 8 n^2 bytes"
    require(n <= MOST_ASSIGNED, "real", real, takes)
    x, y = in_double(real), in_double(generated)
    cost = np.empty((n, n))
    for rows, d in distance_blocks(x.detach(), y.detach()):
        cost[rows] = d.cpu().numpy()
    cost /= cost.max() or 1.0  # no power of it overflows
    match = torch.from_numpy(linear_sum_assignment(cost ** (order / 2))[1]).to(y.device)
    gap = torch.linalg.vector_norm(x - y[match], dim=1)
    return _power_mean(gap, torch.full_like(gap, 1 / n), order)


def _power_mean(gap, share, order):
    """(sum_i share_i gap_i^p)^(1/p) in the unit of the largest gap; where that is zero, so is the derivative."""
    largest = gap.detach().max()
    if largest == 0:
        return (share * gap).sum()
    return largest * (share * (gap / largest) ** order).sum() ** (1 / order)


def gaussian_frechet2(mean_p: tensor("d"), cov_p: covariance("d"), mean_q: tensor("d"), cov_q: covariance("d")):
    r"""The squared Fréchet distance of two Gaussians, which is :math:`\mathrm{W}_2^2`: (D,) and (D, D) to a number.

    .. math::
        \mathrm{W}_2^2 = \lVert\boldsymbol\mu_p-\boldsymbol\mu_q\rVert^2
        + \operatorname{Tr}\Big(C_p + C_q - 2\big(C_p^{1/2} C_q\, C_p^{1/2}\big)^{1/2}\Big)

    This is ``eq:frechet-gaussians``, in float64. Both roots are of symmetric matrices, by their eigenvalues; no complex
    number occurs, and singular covariances do no harm. Differentiable in ``mean_p``, ``mean_q`` and ``cov_q``, and in
    ``cov_p`` if its eigenvalues are distinct and positive. A difference of traces: rounding leaves some 1e-15 of them.
    """
    mean_p, cov_p, mean_q, cov_q = map(in_double, (mean_p, cov_p, mean_q, cov_q))
    values, vectors = torch.linalg.eigh(cov_p)
    root = (vectors * _safe_sqrt(values)) @ vectors.mT  # C_p^(1/2)
    product = root @ cov_q @ root
    require(product.isfinite().all(), "cov_p", cov_p, "a matrix whose product with cov_q does not overflow")
    overlap = _safe_sqrt(torch.linalg.eigvalsh((product + product.mT) / 2)).sum()  # the trace of its root
    distance = (mean_p - mean_q).square().sum() + cov_p.trace() + cov_q.trace() - 2 * overlap
    return distance.clamp(min=0)


def _safe_sqrt(values):
    """Square roots of eigenvalues; what is zero but for rounding has root and derivative zero."""
    floor = values.detach().abs().max() * len(values) * torch.finfo(values.dtype).eps
    positive = values > floor
    return torch.where(positive, torch.where(positive, values, 1.0).sqrt(), 0.0)


def frechet2(real: points("n d", rows=2), generated: points("m d", rows=2)):
    r"""The squared Fréchet distance between Gaussians of the means and covariances of two sets, in float64.

    It is :func:`gaussian_frechet2` of the sample means and of the covariances with :math:`1/(n-1)`, but by way of

    .. math:: \mathrm{W}_2^2 = \lVert\boldsymbol\mu_p-\boldsymbol\mu_q\rVert^2
        + \min_{U^\top U = I} \lVert A - U B\rVert^2 , \qquad A^\top A = C_p ,\quad B^\top B = C_q ,

    a square, not a difference of traces: it keeps its digits where the two sets nearly coincide, has a gradient for
    singular covariances, and is never negative. It sees first and second moments only, and is biased upwards by an
    amount of order 1/n (``eq:frechet-bias``): compare equal n. "FID" is this number for features of an Inception
    network; with other features it is another number.
    """
    x, y = about_their_middle(in_double(real), in_double(generated))
    a, b = _factor(x), _factor(y)
    longest = max(len(a), len(b))
    a, b = (pad(factor, (0, 0, 0, longest - len(factor))) for factor in (a, b))
    product = a.detach() @ b.detach().mT
    require(product.isfinite().all(), "real", real, "points whose products with those of generated do not overflow")
    left, _, right = torch.linalg.svd(product)
    turn = left @ right  # the U that brings B nearest to A; its own derivative does not matter at the minimum
    return (x.mean(0) - y.mean(0)).square().sum() + (a - turn @ b).square().sum()


def _factor(x):
    r"""A with :math:`A^\top A` the covariance of the points, at most (D, D)."""
    x = x - x.mean(0)
    directions = torch.linalg.qr(x.detach()).Q  # (n, D), constant: they turn A, and leave the covariance as it is
    return directions.mT @ x / (len(x) - 1) ** 0.5


doors(globals())
