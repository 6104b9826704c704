r"""Diffusion of spins: noise that flips, ratios of probabilities in the place of the score, and the way back.

During the diffusion time :math:`u` each of :math:`M` spins is flipped at the rate :math:`\frac12`, so that it keeps the
share :math:`a = e^{-u}` of what it was:

.. math:: k_a(s \mid s^0) = \frac{1 + a\, s\, s^0}{2} .

A denoiser is here a function ``mean(spins, u)`` that returns :math:`\hat m_i = \mathbb{E}[s^0_i \mid \mathbf{s}]`, the
mean of each spin of the data given the noisy ones. It holds all that the way back needs.

References:
    Glauber (1963), for the chain; Meng et al. (2022) and Lou, Meng and Ermon (2024), for the ratios; Campbell et al.
    (2022), for the continuous time.
"""

import itertools
import math

import torch

from genphys.arguments import doors, function, many, number, require, source, tensor, unchecked
from genphys.diffusion.chain import uniform
from genphys.numerics import double

spins = tensor("n ...", values=(-1, 1))
means = tensor("n ...", low=-1, high=1)
later = number(above=0)


def flip_noise(s0: spins, u: number(0), *, rng: source):
    r"""Spins after the diffusion time u, each flipped with the probability :math:`(1-e^{-u})/2` (``eq:flip-noise``)."""
    flipped = torch.rand(s0.shape, generator=rng, dtype=s0.dtype, device=rng.device).to(s0.device)
    return torch.where(flipped < -math.expm1(-u) / 2, -s0, s0)


def flip_ratio(s: spins, mean: means, u: later):
    r"""The ratio of the probabilities of two states that differ in one spin, from the denoiser (``eq:spin-tweedie``).

    .. math:: \frac{p_u(\mathbf{s}^{(i)})}{p_u(\mathbf{s})} = \frac{1 + a^2 - 2a\,s_i\hat m_i}{1 - a^2}

    Spins and :math:`\hat m_i`, both (n, ...), at the diffusion time ``u``; the reverse chain's rate is half the ratio.
    """
    a = math.exp(-u)
    return (1 + a**2 - 2 * a * s * mean) / (1 - a**2)


def flip_probability(s: spins, mean: means, u: later, then: number(0)):
    r"""How probably each spin is flipped in a step back from u to an earlier time (``eq:spin-step``).

    .. math:: f_i = \frac{1 - a/a'}{2}\;\frac{1 + aa' - (a+a')\,s_i\hat m_i}{1 - a^2}
    """
    require(then < u, "then", then, f"a time before u = {u}")
    a, a_then = math.exp(-u), math.exp(-then)
    return (1 - a / a_then) / 2 * (1 + a * a_then - (a + a_then) * s * mean) / (1 - a**2)


@torch.no_grad()
def reverse_flips(mean: function, s: spins, times: many(number(0), 2), *, rng: source):
    """From noise to data: in every step each spin is flipped on its own with :func:`flip_probability`.

    The denoiser is ``mean(spins, u)``; the spins (n, ...) at the first, late one of the decreasing times are coins.
    """
    down = all(late > early for late, early in itertools.pairwise(times))
    require(down, "times", times, "decreasing times")
    probability, mean = unchecked(flip_probability), unchecked(mean)
    for u, then in itertools.pairwise(times):
        flip = double(probability(s, mean(s, u), u, then))
        coin = uniform(s.shape, rng)
        s = torch.where((coin < flip).to(s.device), -s, s)
    return s


doors(globals())
