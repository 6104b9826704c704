r"""The levels of the quantum harmonic oscillator as exact densities on a line.

In units of :math:`\hbar = m = \omega = 1` the level :math:`\nu = 0, 1, \dots` has the wave function

.. math::
    \psi_\nu(x) = \frac{H_\nu(x)\, e^{-x^2/2}}{\sqrt{2^\nu \nu! \sqrt\pi}}, \qquad
    \psi_{\nu+1} = \sqrt{\tfrac{2}{\nu+1}}\, x\, \psi_\nu - \sqrt{\tfrac{\nu}{\nu+1}}\, \psi_{\nu-1} ,

and a position is found with the density :math:`|\psi_\nu(x)|^2`, which vanishes at :math:`\nu` nodes. Its distribution
function is elementary apart from one error function,

.. math:: F_\nu(x) = F_{\nu-1}(x) - \frac{\psi_\nu(x)\, \psi_{\nu-1}(x)}{\sqrt{2\nu}}, \qquad
    F_0(x) = \tfrac12 (1 + \operatorname{erf} x) ,

so that samples can be drawn exactly, by inverting it, and judged exactly, by :func:`ks_distance` and
:func:`w1_distance`.
"""

import math

import torch

__all__ = ["density", "distribution", "draw", "ks_distance", "quantile", "w1_distance", "wave_function"]

REACH = 5.0  # the density outside [-x_max, x_max] with x_max = sqrt(2 nu + 1) + REACH is below 1e-19


def wave_function(x, level):
    r"""The wave function :math:`\psi_\nu(x)`, by its three-term recursion.

    Args:
        x: Positions, any shape, floating point.
        level: The level :math:`\nu`, from 0 to 50.

    Returns:
        Its values, of the shape of ``x``.

    Raises:
        ValueError: ``level`` is not an integer from 0 to 50.
    """
    _check_level(level)
    below, here = torch.zeros_like(x), torch.exp(-(x**2) / 2) / math.pi**0.25
    for n in range(level):
        below, here = here, math.sqrt(2 / (n + 1)) * x * here - math.sqrt(n / (n + 1)) * below
    return here


def density(x, level):
    r"""The density :math:`|\psi_\nu(x)|^2` of positions in a level; arguments as in :func:`wave_function`."""
    return wave_function(x, level) ** 2


def distribution(x, level):
    r"""The distribution function :math:`F_\nu(x)`, ``eq:oscillator-distribution``; see :func:`wave_function`."""
    _check_level(level)
    found = (1 + torch.erf(x)) / 2
    for n in range(1, level + 1):
        found = found - wave_function(x, n) * wave_function(x, n - 1) / math.sqrt(2 * n)
    return found


def quantile(u, level):
    r"""The position :math:`x` at which :math:`F_\nu(x) = u`, by bisection to the last digits.

    Args:
        u: Probabilities, any shape, float64, in [0, 1].
        level: The level :math:`\nu`.

    Returns:
        The positions, of the shape of ``u``.

    Raises:
        ValueError: ``u`` has values outside [0, 1], or ``level`` is impossible.
    """
    _check_level(level)
    if not (u.numel() and u.min() >= 0 and u.max() <= 1):
        raise ValueError("u takes probabilities in [0, 1]")
    reach = math.sqrt(2 * level + 1) + REACH
    low, high = torch.full_like(u, -reach), torch.full_like(u, reach)
    for _ in range(55):  # 2^-55 of an interval of 15: the last digit
        middle = (low + high) / 2
        below = distribution(middle, level) < u
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return (low + high) / 2


def draw(n, level, generator):
    r"""Independent positions from :math:`|\psi_\nu|^2`: the quantile function of uniform numbers.

    Args:
        n: Their number, at least 1.
        level: The level :math:`\nu`.
        generator: The source of chance.

    Returns:
        The positions, shape (n,), float64.

    Raises:
        ValueError: ``n`` is below 1 or ``level`` is impossible.
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ValueError(f"n is {n!r}, takes an integer of at least 1")
    return quantile(torch.rand(n, generator=generator, dtype=torch.float64), level)


def ks_distance(sample, level):
    r"""The Kolmogorov-Smirnov distance :math:`\sup_x |F_n(x) - F_\nu(x)|` of a sample, exactly.

    Args:
        sample: Positions, shape (n,).
        level: The level :math:`\nu`.

    Returns:
        A number between 1/2n and 1.

    Raises:
        ValueError: ``sample`` is not of shape (n,) or not finite.
    """
    exact = distribution(_sorted(sample), level)
    n = len(exact)
    above = torch.arange(1, n + 1, dtype=torch.float64) / n - exact  # the steps of F_n are at the sample's points
    below = exact - torch.arange(n, dtype=torch.float64) / n
    return torch.maximum(above.max(), below.max()).item()


def w1_distance(sample, level, points=20_001):
    r"""The Wasserstein distance :math:`\mathrm{W}_1 = \int |F_n(x) - F_\nu(x)|\,\mathrm{d}x` of a sample.

    The integral is a midpoint sum over the reach of the sample and of the level.

    Args:
        sample: Positions, shape (n,).
        level: The level :math:`\nu`.
        points: The number of points of the sum.

    Returns:
        The distance, in the unit of length.

    Raises:
        ValueError: ``sample`` is not of shape (n,) or not finite.
    """
    sample = _sorted(sample)
    reach = math.sqrt(2 * level + 1) + REACH
    edges = torch.linspace(
        min(-reach, sample[0].item()), max(reach, sample[-1].item()), points + 1, dtype=torch.float64
    )
    x = (edges[1:] + edges[:-1]) / 2
    empirical = torch.searchsorted(sample, x, right=True).to(torch.float64) / len(sample)
    return ((empirical - distribution(x, level)).abs().mean() * (edges[-1] - edges[0])).item()


def _sorted(sample):
    if sample.dim() != 1 or not len(sample) or not torch.isfinite(sample).all():
        raise ValueError(f"sample has shape {tuple(sample.shape)}, takes finite positions of shape (n,)")
    return sample.detach().to("cpu", torch.float64).sort().values


def _check_level(level):
    if isinstance(level, bool) or not isinstance(level, int) or not 0 <= level <= 50:
        raise ValueError(f"level is {level!r}, takes an integer from 0 to 50")
