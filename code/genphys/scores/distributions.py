"""One number a sample: the distribution functions of two sets of numbers, compared by Kolmogorov and Smirnov."""

import math
from typing import NamedTuple

import torch
from scipy.special import kolmogorov

from genphys.arguments import doors, tensor
from genphys.scores.distances import in_double


class KolmogorovSmirnov(NamedTuple):
    """The largest difference of two empirical distribution functions, in [0, 1], and its asymptotic p-value."""

    statistic: float
    p_value: float


def kolmogorov_smirnov(x: tensor("n", rows=2, kind="any"), y: tensor("m", rows=2, kind="any")):
    r"""The largest difference of the empirical distribution functions of two sets of numbers.

    .. math::
        D = \sup_a |F_n(a) - G_m(a)| , \qquad
        \text{p-value} \approx 2\sum_{k\ge1} (-1)^{k-1} e^{-2k^2\lambda^2} ,\quad \lambda = D\sqrt{\tfrac{nm}{n+m}}

    (``def:kolmogorov-smirnov``). The p-value is asymptotic, and for values that repeat an upper bound.
    """
    x, y = in_double(x.detach()).sort().values, in_double(y.detach()).sort().values
    n, m, jumps = len(x), len(y), torch.cat([x, y])
    below_x = torch.searchsorted(x, jumps, right=True)  # n F_n
    below_y = torch.searchsorted(y, jumps, right=True)  # m G_m
    statistic = (below_x * m - below_y * n).abs().max().item() / (n * m)
    return KolmogorovSmirnov(statistic, float(kolmogorov(math.sqrt(n * m / (n + m)) * statistic)))


doors(globals())
