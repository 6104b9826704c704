"""The oscillator's levels against quadrature, Hermite polynomials of NumPy and distances with closed forms."""

import math

import numpy as np
import pytest
import torch

from genphys.systems import oscillator

X = torch.linspace(-9, 9, 36_001, dtype=torch.float64)
DX = (X[1] - X[0]).item()


@pytest.mark.parametrize("level", [0, 1, 2, 3, 8])
def test_the_density_is_the_square_of_hermites_wave_function(level):
    norm = math.sqrt(2.0**level * math.factorial(level) * math.sqrt(math.pi))
    hermite = np.polynomial.hermite.hermval(X.numpy(), [0] * level + [1])
    expected = torch.from_numpy(hermite) * torch.exp(-(X**2) / 2) / norm
    assert torch.allclose(oscillator.density(X, level), expected**2, rtol=0, atol=1e-13)


@pytest.mark.parametrize("level", [0, 1, 2, 3, 8])
def test_distribution_is_the_integral_of_the_density(level):
    p = oscillator.density(X, level)
    integral = torch.cat([torch.zeros(1, dtype=torch.float64), ((p[1:] + p[:-1]) / 2 * DX).cumsum(0)])
    # the trapezoidal rule errs by at most DX^2 / 12 times the range of p', below 3e-7 here
    assert torch.allclose(oscillator.distribution(X, level), integral, rtol=0, atol=3e-7)
    mean_square = (p * X**2).sum().item() * DX
    assert mean_square == pytest.approx(level + 0.5, abs=1e-9)  # half the energy, the virial theorem


def test_quantile_inverts_the_distribution():
    u = torch.linspace(1e-6, 1 - 1e-6, 999, dtype=torch.float64)
    for level in (0, 3):
        assert torch.allclose(oscillator.distribution(oscillator.quantile(u, level), level), u, rtol=0, atol=1e-14)


def test_exact_draws_have_the_ks_distance_of_their_size():
    """sqrt(n) D has the mean sqrt(pi / 2) ln 2 = 0.8687 and the standard deviation 0.2603 for large n."""
    rng = torch.Generator().manual_seed(4)
    n, runs = 1000, 60
    scaled = [math.sqrt(n) * oscillator.ks_distance(oscillator.draw(n, 3, rng=rng), 3) for _ in range(runs)]
    assert abs(sum(scaled) / runs - 0.8687) < 4 * 0.2603 / math.sqrt(runs)


def test_distances_of_one_point_and_of_a_shifted_level():
    zero = torch.zeros(1, dtype=torch.float64)
    assert oscillator.ks_distance(zero, 0) == pytest.approx(0.5)
    # W_1 from a point at 0 is E|x| = 1 / sqrt(pi) for the ground state
    assert oscillator.w1_distance(zero, 0) == pytest.approx(1 / math.sqrt(math.pi), abs=1e-6)
    n = 4000
    exact = oscillator.quantile((torch.arange(n, dtype=torch.float64) + 0.5) / n, 2)
    assert oscillator.ks_distance(exact, 2) == pytest.approx(0.5 / n, abs=1e-12)
    assert oscillator.w1_distance(exact + 0.3, 2) == pytest.approx(0.3, abs=1e-3)  # a shift moves every point


def test_exact_draws_are_the_quantiles_of_uniform_numbers():
    found = oscillator.draw(5, 2, rng=torch.Generator().manual_seed(1))
    u = torch.rand(5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert torch.equal(found, oscillator.quantile(u, 2))


@pytest.mark.parametrize(
    ("function", "given", "words"),
    [
        ("density", (X, -1), "level is -1"),
        ("density", (X, 51), "level is 51"),
        ("quantile", (torch.tensor([1.5]), 0), "u is a tensor .*values from 1.5 to 1.5"),
        ("ks_distance", (torch.zeros(2, 2), 0), r"sample is a tensor of shape \(2, 2\)"),
        ("w1_distance", (torch.tensor([math.nan]), 0), "sample is a tensor .*not finite"),
    ],
)
def test_bad_input_is_named(function, given, words):
    with pytest.raises(ValueError, match=words):
        getattr(oscillator, function)(*given)
