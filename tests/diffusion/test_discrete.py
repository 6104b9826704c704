"""The diffusion of spins against enumeration: kernels, ratios, steps back, and the chain of all of them."""

import math

import pytest
import torch

from genphys import diffusion, exact
from genphys.systems import ising

STATES = exact.all_configurations(4, values=(-1, 1))  # (16, 4)


@pytest.fixture
def log_p():
    """Four spins with couplings and fields that differ."""
    rng = torch.Generator().manual_seed(3)
    J, B = torch.randn(4, 4, generator=rng, dtype=torch.float64), torch.randn(4, generator=rng, dtype=torch.float64)
    return (torch.einsum("ni,ij,nj->n", STATES, J, STATES) / 2 + STATES @ B).log_softmax(0)


def kernel(a):
    """The probability of each state (columns) from each other (rows), spin by spin."""
    return ((1 + a * STATES[:, None] * STATES) / 2).prod(2)


def denoiser(log_p):
    def mean(s, u):
        at = ((s.view(-1, 1, 4) - STATES).abs().sum(2)).argmin(1)  # the number of each state
        joint = log_p.exp() * kernel(math.exp(-u))[:, at].T  # (n, 16)
        return (joint / joint.sum(1, keepdim=True) @ STATES).view_as(s)

    return mean


def test_the_noise_flips_as_often_as_it_should():
    rng, s0 = torch.Generator().manual_seed(1), torch.ones(40_000, 3, dtype=torch.float64)
    kept = diffusion.flip_noise(s0, 0.7, rng=rng).mean(0)
    assert torch.allclose(kept, torch.full_like(kept, math.exp(-0.7)), atol=4 / 200)
    assert torch.equal(diffusion.flip_noise(s0, 0.0, rng=rng), s0)


def test_ratios_from_the_denoiser_are_those_of_the_noisy_distribution(log_p):
    u = 0.6
    p = log_p.exp() @ kernel(math.exp(-u))
    ratio = diffusion.flip_ratio(STATES, denoiser(log_p)(STATES, u), u)
    for i in range(4):
        other = STATES.clone()
        other[:, i] *= -1
        at = (other[:, None] - STATES).abs().sum(2).argmin(1)
        assert torch.allclose(ratio[:, i], p[at] / p, rtol=1e-12)


@pytest.mark.parametrize("then", [0.2, 0.0])
def test_a_step_back_has_the_marginals_of_bayes(log_p, then):
    u, a, b = 0.6, math.exp(-0.6), math.exp(-then)
    early = log_p.exp() @ kernel(b)
    joint = early[:, None] * kernel(a / b)  # earlier, later
    back = (joint / joint.sum(0)).T  # (later, earlier)
    found = diffusion.flip_probability(STATES, denoiser(log_p)(STATES, u), u, then)
    for i in range(4):
        flipped = STATES[:, None, i] != STATES[None, :, i]
        assert torch.allclose(found[:, i], (back * flipped).sum(1), rtol=1e-12)


def test_the_way_back_ends_in_the_data(log_p):
    rng = torch.Generator().manual_seed(2)
    n, times = 40_000, [5 * (1 - k / 80) ** 2 for k in range(81)]
    s = diffusion.flip_noise(torch.ones(n, 4, dtype=torch.float64), 30.0, rng=rng)
    s = diffusion.reverse_flips(denoiser(log_p), s, times, rng=rng)
    at = (s[:, None] - STATES).abs().sum(2).argmin(1)
    share = torch.bincount(at, minlength=16) / n
    assert (share - log_p.exp()).abs().max() < 0.012


def test_single_precision_and_lattices(log_p):
    rng = torch.Generator().manual_seed(2)
    s = ising.configurations(2, dtype=torch.float32)
    drawn = diffusion.reverse_flips(lambda s, u: s / 2, s, [1.0, 0.5, 0.0], rng=rng)
    assert drawn.dtype == torch.float32 and drawn.shape == s.shape and set(drawn.unique().tolist()) == {-1.0, 1.0}


def test_times_that_do_not_fall():
    s = torch.ones(2, 3)
    with pytest.raises(ValueError, match="times"):
        diffusion.reverse_flips(lambda s, u: s, s, [0.5, 0.5], rng=torch.Generator())
    with pytest.raises(ValueError, match="then"):
        diffusion.flip_probability(s, s, 0.5, 0.6)
