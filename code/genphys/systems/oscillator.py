r"""The levels of the quantum harmonic oscillator as exact densities on a line.

In units of :math:`\hbar = m = \omega = 1` the level :math:`\nu = 0, 1, \dots` has the wave function

.. math::
    \psi_\nu(x) = \frac{H_\nu(x)\, e^{-x^2/2}}{\sqrt{2^\nu \nu! \sqrt\pi}}, \qquad
    \psi_{\nu+1} = \sqrt{\tfrac{2}{\nu+1}}\, x\, \psi_\nu - \sqrt{\tfrac{\nu}{\nu+1}}\, \psi_{\nu-1} ,

and a position is found with the density :math:`|\psi_\nu(x)|^2`, which vanishes at :math:`\nu` nodes. Its distribution
function is elementary apart from one error function, so that samples can be drawn, by inverting it, and judged exactly:

.. math:: F_\nu(x) = F_{\nu-1}(x) - \frac{\psi_\nu(x)\, \psi_{\nu-1}(x)}{\sqrt{2\nu}}, \qquad
    F_0(x) = \tfrac12 (1 + \operatorname{erf} x) .
"""

import math

import torch

from genphys.arguments import count, doors, source, tensor
from genphys.numerics import double

REACH = 5.0  # the density outside [-x_max, x_max] with x_max = sqrt(2 nu + 1) + REACH is below 1e-19

positions = tensor("...")  # of any shape
levels = count(0, 50)


def density(x: positions, level: levels):
    r"""The density :math:`|\psi_\nu(x)|^2` of positions in a level; the shape of ``x``."""
    return _wave_function(x, level) ** 2


def distribution(x: positions, level: levels):
    r"""The distribution function :math:`F_\nu(x)`, ``eq:oscillator-distribution``; the shape of ``x``."""
    return _distribution(x, level)


def quantile(u: tensor("...", low=0, high=1), level: levels):
    r"""The position :math:`x` at which :math:`F_\nu(x) = u`, by bisection to the last digits; the shape of ``u``."""
    reach = math.sqrt(2 * level + 1) + REACH
    low, high = torch.full_like(u, -reach), torch.full_like(u, reach)
    for _ in range(55):  # 2^-55 of an interval of 15: the last digit
        middle = (low + high) / 2
        below = _distribution(middle, level) < u
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return (low + high) / 2


def draw(n: count(), level: levels, *, rng: source):
    r"""Independent positions from :math:`|\psi_\nu|^2`, shape (n,), float64: the quantile of uniform numbers."""
    dtype = torch.float64 if rng.device.type == "cpu" else torch.get_default_dtype()
    return quantile(double(torch.rand(n, generator=rng, dtype=dtype, device=rng.device)), level)


def ks_distance(sample: tensor("n", free=True), level: levels):
    r"""The Kolmogorov-Smirnov distance :math:`\sup_x |F_n(x) - F_\nu(x)|` of a sample, exactly: from 1/2n to 1."""
    exact = _distribution(_sorted(sample), level)
    n = len(exact)
    above = torch.arange(1, n + 1, dtype=torch.float64) / n - exact  # the steps of F_n are at the sample's points
    below = exact - torch.arange(n, dtype=torch.float64) / n
    return torch.maximum(above.max(), below.max()).item()


def w1_distance(sample: tensor("n", free=True), level: levels, points: count(2) = 20_001):
    r"""The Wasserstein distance :math:`\mathrm{W}_1 = \int |F_n(x) - F_\nu(x)|\,\mathrm{d}x` of a sample.

    The integral is a midpoint sum of so many points over the reach of the sample and of the level.
    """
    sample = _sorted(sample)
    reach = math.sqrt(2 * level + 1) + REACH
    first, last = min(-reach, sample[0].item()), max(reach, sample[-1].item())
    edges = torch.linspace(first, last, points + 1, dtype=torch.float64)
    x = (edges[1:] + edges[:-1]) / 2
    empirical = double(torch.searchsorted(sample, x, right=True)) / len(sample)  # F_n
    return ((empirical - _distribution(x, level)).abs().mean() * (last - first)).item()


def _wave_function(x, level):
    """psi of a level, by its three-term recursion; the shape of x."""
    below, here = torch.zeros_like(x), torch.exp(-(x**2) / 2) / math.pi**0.25
    for n in range(level):
        below, here = here, math.sqrt(2 / (n + 1)) * x * here - math.sqrt(n / (n + 1)) * below
    return here


def _distribution(x, level):
    found = (1 + torch.erf(x)) / 2
    for n in range(1, level + 1):
        found = found - _wave_function(x, n) * _wave_function(x, n - 1) / math.sqrt(2 * n)
    return found


def _sorted(sample):
    return double(sample.detach()).sort().values


doors(globals())
