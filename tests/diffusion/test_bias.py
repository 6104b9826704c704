"""How the bias of ancestral sampling falls with T, against a density carried on a grid."""

import itertools
import math

import pytest
import torch
from diffusion_cases import LINE, assert_within, full, generator, gentle, randn, slope
from torch import distributions as D

from genphys import diffusion


def line_density(schedule, t, x):
    bar = schedule.alpha_bar[t]
    weights, means, variances = LINE[0], LINE[1][:, 0], LINE[2][:, 0, 0]
    return D.Normal(bar.sqrt() * means, (bar * variances + 1 - bar).sqrt()).log_prob(x[:, None]).exp() @ weights


def line_variances(schedule, choice):
    """The variance of every step; the optimal one from E x_0^2 less the mean square of the denoiser, by quadrature."""
    if choice == "posterior":
        return diffusion.posterior_variance(schedule)
    if choice == "beta":
        return schedule.beta * (torch.arange(schedule.T + 1) > 1)  # the sampler ends without noise
    x = torch.arange(-600, 601) / 100
    denoise = diffusion.mixture_denoiser(schedule, *LINE)
    explained = [
        (line_density(schedule, t, x) @ denoise(x[:, None], full(t, x)).square()).item() / 100
        for t in range(1, schedule.T + 1)
    ]
    return diffusion.optimal_variance(schedule, [0.0, *(exact_line_moments()[1].item() - part for part in explained)])


def grid_moments(T, choice):
    """Mean and mean square at the end of ancestral sampling, by carrying the density on a grid through every step."""
    schedule = gentle(T)
    denoise = diffusion.mixture_denoiser(schedule, *LINE)
    h = 0.04
    x = torch.arange(-150, 151) * h
    density = line_density(schedule, T, x)
    variance = line_variances(schedule, choice)
    for t in range(T, 0, -1):
        b0, b1 = schedule.alpha_bar[t - 1], schedule.alpha_bar[t]
        x0 = denoise(x[:, None], full(t, x))[:, 0]
        mean = (schedule.alpha[t].sqrt() * (1 - b0) * x + b0.sqrt() * schedule.beta[t] * x0) / (1 - b1)
        if t == 1:
            break  # the last step needs no grid: its mean, and its variance on top
        kernel = (-0.5 * (x[:, None] - mean).square() / variance[t]).exp() * h / (2 * math.pi * variance[t]).sqrt()
        density = kernel @ density
    assert (density.sum() * h).item() == pytest.approx(1, abs=1e-6)
    return torch.stack([density @ mean * h, density @ mean**2 * h + variance[1]])


def exact_line_moments():
    weights, means, variances = LINE[0], LINE[1][:, 0], LINE[2][:, 0, 0]
    return torch.stack([weights @ means, weights @ (means**2 + variances)])


@pytest.mark.parametrize("choice", ["posterior", "beta", "optimal"])
def test_bias_of_ancestral_sampling_of_a_mixture(choice):
    r"""It decays as 1/T, and as log(T)/T with the posterior's variance.

    That variance leaves out :math:`c_t^2 v_t`, which for small t is :math:`\beta_t^2/(1-\bar\alpha_t) = \beta_1/t` for
    any smooth density: in sum :math:`\beta_1\log T`, so that T times the bias grows by
    :math:`-T\beta_1\log 2 = -1.386` a doubling, and this is reached from above.
    """
    counts = [50, 100, 200, 400]
    bias = [T * (grid_moments(T, choice) - exact_line_moments())[1].item() for T in counts]
    if choice == "posterior":
        steps = [late - early for early, late in itertools.pairwise(bias)]
        assert 0 > steps[0] > steps[1] > steps[2] > -2 * math.log(2)
        assert steps[2] < -0.85 * 2 * math.log(2)
    else:
        assert slope(counts, [abs(b) for b in bias]) == pytest.approx(0, abs=0.1), bias
    # and the chain that is sampled is the one on the grid: biased by many standard errors of the sample
    n, schedule = 20_000, gentle(50)
    denoise = diffusion.mixture_denoiser(schedule, *LINE)
    variance = line_variances(schedule, choice) if choice == "optimal" else choice
    x = diffusion.ancestral(denoise, schedule, randn(n, 1, seed=3), rng=generator(4), variance=variance)
    squares = x.square().flatten()
    assert_within(squares.mean(), squares.std() / n**0.5, grid_moments(50, choice)[1])
