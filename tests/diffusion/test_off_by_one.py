"""A step shifted by one in one place: exactly the checks fail that pass through it."""

import pytest
from diffusion_cases import (
    check_ancestral,
    check_bound,
    check_ddim,
    check_denoiser_of_a_mixture,
    check_marginal,
    check_posterior,
)

from genphys import diffusion
from genphys.diffusion import chain, denoisers, likelihood, samplers

CHECKS = {
    "marginal": check_marginal,
    "posterior": check_posterior,
    "tweedie": check_denoiser_of_a_mixture,
    "ancestral": check_ancestral,
    "ddim": check_ddim,
    "bound": check_bound,
}
MODULES = (chain, denoisers, likelihood, samplers, diffusion)


def alpha_bar_begins_with_alpha_1(schedule, beta, *, original):
    original(schedule, beta)
    schedule.signal, schedule.noise = schedule.signal.roll(-1), schedule.noise.roll(-1)


def factors_of_the_step_after(schedule, t, x, *, original):
    return original(schedule, (t + 1).clamp(max=schedule.T), x)


def diffuse_to_the_step_before(schedule, x0, t, noise, *, original):
    return original(schedule, x0, t - 1, noise)


def forward_step_of_the_step_before(schedule, x, t, noise, *, original):
    return original(schedule, x, (t - 1).clamp(min=1), noise)


def posterior_of_the_step_before(schedule, t, s, *, original):
    return original(schedule, (t - 1).clamp(min=1), s.minimum((t - 2).clamp(min=0)))


def denoiser_asked_for_the_step_before(denoise, x, t, *, original):
    return original(denoise, x, max(t - 1, 1))


def walk_that_stops_at_its_last_step(schedule, steps, *, original):
    return original(schedule, steps)[:-1]


def variance_of_the_step_after(schedule, variance, last, *, original):
    return original(schedule, variance, last).roll(-1)


def planted(wrong, original):
    def run(*given, **named):
        return wrong(*given, original=original, **named)

    return run


@pytest.mark.parametrize(
    ("name", "wrong", "caught"),
    [
        ("__init__", alpha_bar_begins_with_alpha_1, {"marginal", "tweedie", "ancestral", "ddim", "bound"}),
        ("factors", factors_of_the_step_after, {"marginal", "tweedie", "ancestral", "bound"}),
        ("diffuse", diffuse_to_the_step_before, {"marginal"}),
        ("forward_step", forward_step_of_the_step_before, {"marginal"}),
        ("posterior_factors", posterior_of_the_step_before, {"posterior", "ancestral", "ddim", "bound"}),
        ("ask", denoiser_asked_for_the_step_before, {"ancestral", "bound"}),
        ("walk", walk_that_stops_at_its_last_step, {"ddim"}),
        ("variances", variance_of_the_step_after, {"ancestral", "bound"}),
    ],
)
def test_an_off_by_one_is_caught(monkeypatch, name, wrong, caught):
    for place in (diffusion.Schedule, *MODULES):
        if name in vars(place):
            monkeypatch.setattr(place, name, planted(wrong, getattr(place, name)))
    failed = set()
    for check in CHECKS:
        try:
            CHECKS[check]()
        except (AssertionError, ValueError):
            failed.add(check)
    assert failed == caught


def test_without_a_fault_every_check_passes():
    for check in CHECKS.values():
        check()
