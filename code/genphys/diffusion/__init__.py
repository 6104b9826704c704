"""Diffusion models: the chain from data to noise, denoisers, samplers, likelihoods, and the same for spins."""

from .chain import (
    KINDS,
    Schedule,
    convert,
    cosine_schedule,
    diffuse,
    ema_rate,
    forward_step,
    linear_schedule,
    loss,
    optimal_variance,
    posterior,
    posterior_variance,
    steps_of_batch,
)
from .denoisers import data_denoiser, denoiser, gaussian_denoiser, gaussian_flow, mixture_denoiser, mixture_log_prob
from .discrete import flip_noise, flip_probability, flip_ratio, reverse_flips
from .likelihood import Bound, log_likelihood, path_work, prior_mismatch, prior_term, vlb
from .samplers import ancestral, ddim, ddim_step, ode, reverse_sde, times
