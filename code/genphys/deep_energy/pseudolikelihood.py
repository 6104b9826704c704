r"""Pseudolikelihood: each unit predicted from all the others, so that no partition function appears.

For spins :math:`s_i=\pm1` with :math:`\log f = \boldsymbol\Theta\cdot\boldsymbol\phi(\mathbf{s})` the probability of a
unit given the others needs only the difference of the statistics when it is turned (``eq:unit-given-others``):

.. math:: p(s_i\mid\mathbf{s}_{\setminus i}) = \operatorname{sigmoid}(\boldsymbol\Theta\cdot\mathbf{d}_i) , \qquad
    \mathbf{d}_i = \boldsymbol\phi(\mathbf{s}) - \boldsymbol\phi(\mathbf{s}\ \text{with}\ s_i\ \text{turned}) .

References:
    Besag (1975); Godambe (1960) for the covariance of an estimate from an unbiased equation.
"""

import torch
import torch.nn.functional as F

from genphys.arguments import count, doors, function, require, tensor


def flip_differences(statistics: function, spins: tensor("n M", values=(-1, 1))):
    r"""The differences :math:`\mathbf{d}_i` of every sample and unit, shape (n, M, P).

    ``statistics`` takes spins of shape (n, M) to numbers of shape (n, P).
    """
    here, differences = statistics(spins), []
    for i in range(spins.shape[1]):
        turned = spins.clone()
        turned[:, i] *= -1
        differences.append(here - statistics(turned))
    return torch.stack(differences, 1)


def log_pseudolikelihood(theta: tensor("P"), differences: tensor("n M P")):
    r"""The log-pseudolikelihood of each sample, :math:`\sum_i \log p(s_i\mid\mathbf{s}_{\setminus i})`, in nats.

    It is ``def:pseudolikelihood``; shape (n,).
    """
    return F.logsigmoid(differences @ theta).sum(1)  # (n, M, P) @ (P,) -> (n, M) -> (n,)


def _slope_and_curvature(theta, differences):
    wrong = torch.sigmoid(-(differences @ theta))  # (n, M): the probability of the other value
    slope = (wrong[:, :, None] * differences).sum(1)  # (n, P), the gradient of each sample
    weighted = (wrong * (1 - wrong))[:, :, None] * differences
    return slope, torch.einsum("nmp,nmq->pq", weighted, differences) / len(differences)


def solve(matrix, right, name, value):
    """Solve with a mean of squares of statistics, which is regular but for rounding in whatever units they are."""
    unit = matrix.detach().diagonal().rsqrt()
    scaled = unit[:, None] * matrix.detach() * unit  # of diagonal one; NaN where a statistic is constant
    regular = scaled.isfinite().all() and torch.linalg.eigvalsh(scaled)[0] > len(unit) * torch.finfo(unit.dtype).eps
    require(regular, name, value, "statistics that vary and are independent on these samples")
    return torch.linalg.solve(matrix, right)


def fit_pseudolikelihood(differences: tensor("n M P"), *, steps: count() = 20):
    """The parameters of the highest mean log-pseudolikelihood, by Newton's method: the problem is concave."""
    theta = differences.new_zeros(differences.shape[2])
    for _ in range(steps):
        slope, curvature = _slope_and_curvature(theta, differences)
        theta = theta + solve(curvature, slope.mean(0), "differences", differences)
    return theta


def godambe_covariance(theta: tensor("P"), differences: tensor("n M P")):
    r"""The covariance of the fitted parameters from n samples, :math:`H^{-1} G H^{-1}/n` (``eq:godambe``).

    :math:`G` is the covariance of the gradient of one sample and :math:`H` the mean curvature; where the curvature is
    that of a likelihood the two are equal, and the inverse of Fisher's information remains.
    """
    slope, curvature = _slope_and_curvature(theta, differences)
    left = solve(curvature, slope.T.cov(correction=0).view_as(curvature), "differences", differences)
    return torch.linalg.solve(curvature, left.T) / len(differences)


doors(globals())
