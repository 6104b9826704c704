r"""One particle in the double well :math:`V(x) = (x^2 - 1)^2`, by a sum that is exact to rounding.

.. math:: Z(\beta) = \int_{-\infty}^{\infty} e^{-\beta (x^2-1)^2}\,dx

The trapezium rule converges exponentially for an analytic integrand that decays on both sides. The inverse temperature
:math:`\beta` is in units of the inverse barrier.
"""

import math

import torch

from genphys.arguments import count, doors, number

_inverse_temperature = number(above=0, high=1e8)


def double_well_log_partition(beta: _inverse_temperature):
    r""":math:`\ln Z(\beta)` in nats, float64, shape ()."""
    _, log_weight, step = _grid(float(beta))
    return log_weight.logsumexp(0) + math.log(step)


def double_well_moment(beta: _inverse_temperature, order: count(0)):
    r"""The moment :math:`\langle x^n\rangle` of order n, float64, shape (); odd moments vanish."""
    x, log_weight, _ = _grid(float(beta))
    return log_weight.softmax(0) @ x.pow(order)


def _grid(beta):
    """Points, their log-weights -beta V and the step of a grid that resolves both wells and their tails."""
    edge = math.sqrt(1 + math.sqrt(750 / beta))  # beta V = 750 there, and exp(-750) vanishes in float64
    width = min(1 / math.sqrt(8 * beta), beta**-0.25)  # of one well when deep, of both together when shallow
    half = math.ceil(10 * edge / width)
    x = torch.linspace(-edge, edge, 2 * half + 1, dtype=torch.float64)
    return x, -beta * (x.square() - 1).square(), edge / half


doors(globals())
