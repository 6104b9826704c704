r"""Scores from nearest neighbours: the 1-nearest-neighbour accuracy, precision and recall, density and coverage.

:math:`\mathbf{x}^{(1)}, \dots, \mathbf{x}^{(n)}` are ``real``, :math:`\mathbf{y}^{(1)}, \dots, \mathbf{y}^{(m)}` are
``generated``. Distances that are equal but for rounding count as equal.

References:
    Lopez-Paz and Oquab, Revisiting classifier two-sample tests (2016); Xu et al., An empirical study on evaluation
    metrics of generative adversarial networks (2018). Kynkäänniemi, Karras, Laine, Lehtinen and Aila, Improved
    precision and recall metric (2019); Naeem, Oh, Uh, Choi and Yoo, Reliable fidelity and diversity metrics (2020).
"""

import math
from typing import NamedTuple

import torch

from genphys.arguments import count, doors, points, require
from genphys.scores.distances import ROUNDING, distance_blocks, in_double, rounding


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


def nearest_neighbour(real: points("n d", rows=2), generated: points("m d", rows=2)):
    """How often a point's nearest neighbour among all others is of its own set: :class:`NearestNeighbour`.

    For equal distributions and n = m the mean is :math:`(n-1)/(2n-1)` (``eq:nearest-neighbour-null``). Near 1 the sets
    are apart, near 0 the generated points are copies of the real ones. Neighbours at equal distance share the vote.
    """
    x, y = in_double(real.detach()), in_double(generated.detach())
    of_real, of_generated = _votes(x, y), _votes(y, x)
    both = torch.cat([of_real, of_generated])
    return NearestNeighbour(*(votes.mean().item() for votes in (both, of_real, of_generated)))


def _votes(own, other):
    """For each point of ``own`` the share of its own set among its nearest neighbours, one or several, (n,)."""
    votes, tie = [], rounding(own, own, other)
    for rows, to_own, to_other in distance_blocks(own, own, other):
        to_own[:, rows].fill_diagonal_(math.inf)  # nobody is his own neighbour
        nearest = torch.minimum(to_own.amin(1), to_other.amin(1))
        reach = (nearest * (1 + ROUNDING) + tie[rows])[:, None]
        of_own, of_other = (to_own <= reach).sum(1, dtype=own.dtype), (to_other <= reach).sum(1)
        votes.append(of_own / (of_own + of_other))
    return torch.cat(votes)


def precision_recall(real: points("n d", rows=2), generated: points("m d", rows=2), k: count() = 5):
    r"""Precision, recall, density and coverage from balls that reach to the k-th neighbour of the own set.

    With :math:`r_i` the distance of :math:`\mathbf{x}^{(i)}` to its k-th nearest other real point, and :math:`s_j` that
    of :math:`\mathbf{y}^{(j)}` to its k-th nearest other generated point,

    .. math::
        \text{precision} &= \tfrac1m \#\{j : \exists i\ \lVert\mathbf{x}^{(i)}-\mathbf{y}^{(j)}\rVert \le r_i\} &
        \text{recall} &= \tfrac1n \#\{i : \exists j\ \lVert\mathbf{x}^{(i)}-\mathbf{y}^{(j)}\rVert \le s_j\} \\
        \text{density} &= \tfrac{1}{km} \#\{(i,j) : \lVert\mathbf{x}^{(i)}-\mathbf{y}^{(j)}\rVert \le r_i\} &
        \text{coverage} &= \tfrac1n \#\{i : \exists j\ \lVert\mathbf{x}^{(i)}-\mathbf{y}^{(j)}\rVert \le r_i\}

    These are ``def:precision-recall`` and ``def:density-coverage``.
    """
    require(k < min(len(real), len(generated)), "k", k, "at most the number of other points in the smaller set")
    x, y = in_double(real.detach()), in_double(generated.detach())
    r, s = _squared_radii(x, k) + rounding(x, y), _squared_radii(y, k) + rounding(y, x)
    within = [(d <= r[rows, None], d <= s) for rows, d in distance_blocks(x, y)]
    in_real, in_generated = (torch.cat(blocks) for blocks in zip(*within))  # (n, m): is y_j near x_i, x_i near y_j
    return PrecisionRecall(
        precision=_share(in_real.any(0)),
        recall=_share(in_generated.any(1)),
        density=in_real.sum().item() / (k * len(y)),
        coverage=_share(in_real.any(1)),
    )


def _squared_radii(x, k):
    """The squared distance of each point to its k-th nearest other one, (n,)."""
    radii = []
    for rows, d in distance_blocks(x, x):
        d[:, rows].fill_diagonal_(math.inf)
        radii.append(d.kthvalue(k, dim=1).values)
    return torch.cat(radii) * (1 + ROUNDING)


def _share(flags):
    return flags.sum().item() / len(flags)


doors(globals())
