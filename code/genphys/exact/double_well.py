r"""One particle in the double well :math:`V(x) = (x^2 - 1)^2`, by a sum that is exact to rounding.

.. math:: Z(\beta) = \int_{-\infty}^{\infty} e^{-\beta (x^2-1)^2}\,dx

The trapezium rule converges exponentially for an analytic integrand that decays on both sides. The inverse temperature
:math:`\beta` is in units of the inverse barrier.
"""

import math

import torch

from genphys.arguments import doors, number

_inverse_temperature = number(above=0, high=1e8)


def double_well_log_partition(beta: _inverse_temperature):
    r""":math:`\ln Z(\beta)` in nats, float64, shape ()."""
    log_weight, step = _grid(float(beta))
    return log_weight.logsumexp(0) + math.log(step)


def _grid(beta):
    """The log-weights -beta V at the points of a grid that resolves both wells and their tails, and its step."""
    edge = math.sqrt(1 + math.sqrt(750 / beta))  # beta V = 750 there, and exp(-750) vanishes in float64
    width = min(1 / math.sqrt(8 * beta), beta**-0.25)  # of one well when deep, of both together when shallow
    half = math.ceil(10 * edge / width)
    x = torch.linspace(-edge, edge, 2 * half + 1, dtype=torch.float64)
    return -beta * (x.square() - 1).square(), edge / half


doors(globals())
