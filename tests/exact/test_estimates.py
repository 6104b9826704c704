"""Errors of Monte Carlo means: correlated and independent values, and functions of means."""

import math

import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from genphys.exact import estimates

SIGMAS = 4  # standard errors that a Monte Carlo mean may be off; the seeds are fixed


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def autoregression(phi, n, chains, seed):
    """x_t = phi x_{t-1} + e_t, stationary from the start; rho(t) = phi^t, so tau = (1 + phi) / (1 - phi) / 2."""
    noise = np.random.default_rng(seed).standard_normal((n, chains))
    noise[0] /= math.sqrt(1 - phi**2)
    return torch.from_numpy(lfilter([1.0], [1.0, -phi], noise, axis=0))


@pytest.mark.parametrize(("phi", "chains"), [(0.0, 1), (0.5, 1), (0.9, 1), (0.9, 8), (-0.5, 1)])
def test_autocorrelation_time_of_an_autoregression(phi, chains):
    n = 40000
    exact_tau = (1 + phi) / (1 - phi) / 2
    tau = float(estimates.autocorrelation_time(autoregression(phi, n, chains, seed=1).squeeze(1)))
    # Madras and Sokal 1988: the variance of tau is 2 (2 W + 1) tau^2 / n; the window leaves out phi^W of the sum
    error = exact_tau * math.sqrt(2 * (2 * 6 * max(exact_tau, 1) + 1) / (n * chains))
    assert abs(tau - exact_tau) < SIGMAS * error + exact_tau * abs(phi) ** (6 * max(exact_tau, 1))


def test_standard_errors_cover_the_true_mean():
    repeats = 300
    z = []
    for k in range(repeats):
        mean, error = estimates.correlated_mean_and_error(autoregression(0.8, 2000, 2, seed=k))
        z.append(float(mean / error))
    z = torch.tensor(z)
    assert abs(z.mean()) < SIGMAS / math.sqrt(repeats)
    assert abs(z.square().mean() - 1) < SIGMAS * math.sqrt(2 / repeats)


def test_the_error_of_independent_values_is_the_usual_one_with_and_without_a_time():
    x = torch.randn(50000, generator=generator(), dtype=torch.float64)
    mean, error = estimates.correlated_mean_and_error(x)
    assert float(mean) == float(x.mean())
    assert float(error) == pytest.approx(float(x.std()) / math.sqrt(50000), rel=0.05)  # tau is known to 2 %


def test_chains_that_do_not_mix_have_the_error_of_their_number():
    x = torch.tensor([1.0, -1.0] * 8).repeat(100, 1)
    _, error = estimates.correlated_mean_and_error(x)
    assert float(error) >= 1 / math.sqrt(16)
    constant = torch.full((10,), 3.0)
    assert (
        estimates.correlated_mean_and_error(constant) == (3.0, 0.0) and estimates.autocorrelation_time(constant) == 0.5
    )


def ratio(means):
    return means[0] / means[1]


def test_a_function_of_means_has_the_error_of_its_repetitions():
    """A ratio of two correlated means, 400 times: z-scores of mean 0 and variance 1, with the value itself exact."""
    z, g = [], generator(5)
    for _ in range(400):
        x = 1 + torch.rand(2, 500, generator=g, dtype=torch.float64)
        found = estimates.function_of_means(ratio, [x[0] + x[1], x[1]])
        assert found.value == pytest.approx(float((x[0] + x[1]).mean() / x[1].mean()), rel=1e-14)
        z.append((found.value - 2) / found.stderr)
    z = torch.stack(z)
    assert abs(z.mean()) < SIGMAS / math.sqrt(400)
    assert abs(z.square().mean() - 1) < SIGMAS * math.sqrt(2 / 400)


def test_a_function_of_means_of_a_correlated_series_has_the_larger_error():
    x = 3 + autoregression(0.9, 40_000, 2, seed=4)
    plain, correlated = (estimates.function_of_means(ratio, [x, x**0 + 1], correlated=c) for c in (False, True))
    assert correlated.value == plain.value == pytest.approx(float(x.mean()) / 2, rel=1e-14)
    assert float(correlated.stderr / plain.stderr) == pytest.approx(math.sqrt(19), rel=0.1)  # 2 tau = 19
    mean = estimates.correlated_mean_and_error(x)
    assert float(correlated.stderr) == pytest.approx(float(mean.stderr) / 2, rel=1e-12)


def test_the_binder_cumulant_is_zero_for_a_gaussian_and_two_thirds_for_two_values():
    gauss = estimates.binder_cumulant(torch.randn(40_000, generator=generator(6), dtype=torch.float64))
    assert abs(gauss.value) < SIGMAS * gauss.stderr and gauss.stderr < 0.02
    two = estimates.binder_cumulant(torch.tensor([0.7, -0.7, 0.7, 0.7]))
    assert float(two.value) == pytest.approx(2 / 3, abs=1e-12) and two.stderr == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("function", "given", "words"),
    [
        ("autocorrelation_time", (torch.ones(1),), r"series is a tensor of shape \(1,\).*2 rows or more"),
        ("correlated_mean_and_error", (torch.ones(5, 2, 2),), r"series is a tensor of shape \(5, 2, 2\)"),
        ("correlated_mean_and_error", (torch.tensor([1.0, math.nan]),), "series .* not finite"),
        ("mean_and_error", (torch.ones(1),), "values .* 2 rows or more"),
    ],
)
def test_bad_input_is_named(function, given, words):
    with pytest.raises(ValueError, match=words):
        getattr(estimates, function)(*given)
