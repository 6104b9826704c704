r"""Points and their densities carried by a velocity, :math:`\dot{\mathbf{x}} = \mathbf{v}(\mathbf{x}, t)`.

The time runs from 0, where the density is a standard normal one, to 1. Along a path the logarithm of the density falls
by the divergence of the velocity (``eq:continuous-change``).

References:
    Chen et al. (2018); Grathwohl et al. (2018); Hutchinson (1990).
"""

import math
from typing import Literal

import torch

from genphys.arguments import count, doors, function, points, tensor

Method = Literal["euler", "midpoint"]


def integrate(velocity: function, x: points("n d"), steps: count(), *, method: Method = "midpoint"):
    """The points at time 1 that start as ``x`` at time 0, shape (n, d).

    The velocity maps points (n, d) and a time, a float, to (n, d). Euler's method, of first order, asks it once a step;
    the midpoint method, of second order, twice.
    """
    h = 1 / steps
    for k in range(steps):
        x = x + h * _slope(velocity, x, k * h, h, method)
    return x


def _slope(velocity, x, t, h, method):
    slope = velocity(x, t)
    return slope if method == "euler" else velocity(x + h / 2 * slope, t + h / 2)


def flow_log_prob(velocity: function, x: points("n d"), steps: count()):
    r"""The log-density in nats of points at time 1, shape (n,): back to the noise by the midpoint method.

    .. math:: \log p_1(\mathbf{x}_1) = \log\mathcal{N}(\mathbf{x}_0; 0, I) - \int_0^1\nabla\cdot\mathbf{v}\,dt

    The divergence is exact, one derivative for each dimension.
    """
    h, growth = 1 / steps, x.new_zeros(len(x))
    for k in range(steps):
        t = 1 - k * h
        middle = x - h / 2 * velocity(x, t).detach()
        slope, divergence = _with_divergence(velocity, middle, t - h / 2)
        x, growth = x - h * slope, growth + h * divergence
    return -0.5 * x.square().sum(1) - 0.5 * x.shape[1] * math.log(2 * math.pi) - growth


def _with_divergence(velocity, x, t):
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        v = velocity(x, t)
        rows = [torch.autograd.grad(v[:, i].sum(), x, retain_graph=True)[0][:, i] for i in range(x.shape[1])]
    return v.detach(), sum(rows)


def hutchinson_variance(jacobian: tensor("d d"), noise: Literal["normal", "signs"]):
    r"""The variance of one probe :math:`\boldsymbol\xi^\top J\boldsymbol\xi` of the trace (``eq:probe-variance``).

    With the symmetric part :math:`S = (J + J^\top)/2` it is :math:`2\sum_{ij}S_{ij}^2` for normal noise, and for
    random signs the diagonal drops out.
    """
    symmetric = (jacobian + jacobian.T) / 2
    everything = 2 * symmetric.square().sum()
    if noise == "normal":
        return everything
    return everything - 2 * symmetric.diagonal().square().sum()


doors(globals())
