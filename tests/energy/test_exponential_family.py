"""Exponential families, against automatic differentiation, sums over all images and the Ising lattice."""

import math

import pytest
import torch
from exact_cases import D as F64
from exact_cases import normal as randn
from promise import rng
from torch.autograd.functional import hessian, jacobian

from genphys import energy, exact
from genphys.systems import ising


@pytest.fixture
def family():
    return energy.ExponentialFamily(randn(40, 5, seed=1))


def test_mean_and_covariance_are_the_derivatives_of_log_z(family):
    theta = randn(5, seed=2)
    torch.testing.assert_close(family.mean(theta), jacobian(family.log_partition, theta), atol=1e-14, rtol=0)
    torch.testing.assert_close(family.covariance(theta), hessian(family.log_partition, theta), atol=1e-13, rtol=0)


def test_the_probabilities_are_normalised_weights(family):
    theta = randn(5, seed=2)
    weights = torch.exp(family.statistics @ theta)
    torch.testing.assert_close(family.log_prob(theta), (weights / weights.sum()).log(), atol=1e-13, rtol=0)
    torch.testing.assert_close(family.log_partition(theta), weights.sum().log(), atol=1e-13, rtol=0)


def test_samples_have_the_frequencies_of_the_model(family):
    theta, n = randn(5, seed=2), 40000
    counts = torch.bincount(family.sample(theta, n, rng=rng(5)), minlength=40)
    p = family.log_prob(theta).exp()
    chi_squared = ((counts - n * p) ** 2 / (n * p)).sum()  # 39 degrees of freedom
    assert abs(chi_squared - 39) < 4 * math.sqrt(2 * 39)


def test_the_ising_lattice_is_an_exponential_family():
    spins = ising.configurations(4)
    family = energy.ExponentialFamily(ising.pair_products(spins))
    theta = torch.full((32,), 1 / ising.T_C, dtype=F64)
    assert family.log_partition(theta).item() == pytest.approx(15.521915, abs=1e-6)
    u = ising.enumerate_observables(4, ising.T_C)["energy"].value
    assert family.mean(theta).sum().item() == pytest.approx(-16 * u.item(), abs=1e-10)


def test_independent_pixels_against_the_sum_over_all_images():
    theta, images = randn(10, seed=6), exact.all_configurations(10)
    log_weight = images @ theta
    assert energy.IndependentPixels.log_partition(theta).item() == pytest.approx(
        log_weight.logsumexp(0).item(), abs=1e-12
    )
    torch.testing.assert_close(
        energy.IndependentPixels.log_prob(theta, images), log_weight.log_softmax(0), atol=1e-12, rtol=0
    )
    torch.testing.assert_close(energy.IndependentPixels.mean(theta), log_weight.softmax(0) @ images, atol=1e-13, rtol=0)


def test_pixels_are_drawn_with_their_probabilities():
    theta, n = torch.linspace(-3, 3, 12, dtype=F64), 50000
    drawn = energy.IndependentPixels.sample(theta, n, rng=rng(7))
    p = torch.sigmoid(theta)
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    assert ((drawn.mean(0) - p).abs() < 4 * (p * (1 - p) / n).sqrt()).all()
    assert (torch.corrcoef(drawn.T) - torch.eye(12)).abs().max() < 5 / math.sqrt(n)


def test_pixels_with_large_log_odds_are_certain():
    theta = torch.tensor([1e4, -1e4], dtype=F64)
    assert energy.IndependentPixels.log_prob(theta, torch.tensor([1.0, 0.0], dtype=F64)).item() == 0.0
    assert energy.IndependentPixels.log_partition(theta).item() == 1e4


def test_gradient_ascent_matches_the_moments(family):
    start, target = torch.zeros(5, dtype=F64), family.mean(0.5 * randn(5, seed=8))
    path = list(energy.gradient_ascent(start, target, family.mean, learning_rate=0.5, n_steps=400))
    assert len(path) == 400
    assert (start == 0).all()
    torch.testing.assert_close(family.mean(path[-1]), target, atol=1e-9, rtol=0)
    log_likelihood = torch.stack([target @ theta - family.log_partition(theta) for theta in path])
    assert (log_likelihood.diff() > -1e-12).all()


def test_the_methods_work_under_vmap(family):
    theta = randn(3, 4, 5, seed=3)
    found = torch.vmap(torch.vmap(family.log_partition))(theta)
    expected = torch.stack([family.log_partition(t) for t in theta.view(12, 5)]).view(3, 4)
    torch.testing.assert_close(found, expected, atol=1e-13, rtol=0)


@pytest.mark.parametrize(
    "table",
    [torch.ones(3), torch.ones(3, 2, dtype=torch.int64), torch.ones(0, 2), torch.full((2, 2), math.nan), [[1.0]]],
)
def test_the_family_refuses_what_is_no_table(table):
    with pytest.raises(ValueError, match="statistics is"):
        energy.ExponentialFamily(table)


ZERO = torch.zeros(5, dtype=F64)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda family: family.mean(ZERO[:4]), r"theta is .*\(4,\).*n_parameters = 5"),
        (lambda family: family.mean(ZERO.float()), "theta is .* float32 on cpu beside float64"),
        (lambda family: family.sample(ZERO, 0, rng=rng()), "n is 0"),
        (lambda family: family.sample(ZERO, 3, generator=rng()), "generator is now called rng"),
        (lambda family: energy.IndependentPixels.log_prob(ZERO[:4], torch.zeros(2, 3)), r"x is .*\(2, 3\).*M = 4"),
        (lambda family: energy.IndependentPixels.sample(ZERO, 0, rng=rng()), "n is 0"),
        (lambda family: energy.gradient_ascent(ZERO, ZERO[:2], family.mean, 0.1, 1), r"positive is .*\(2,\).*P = 5"),
        (lambda family: energy.gradient_ascent(ZERO, ZERO, family.mean, 0, 1), "learning_rate is 0, takes"),
        (lambda family: energy.gradient_ascent(ZERO, ZERO, family.mean, rate=0.1, n_steps=1), "rate is now called lea"),
        (lambda family: energy.gradient_ascent(ZERO, ZERO, family.mean, 0.1, 0), "n_steps is 0"),
    ],
)
def test_what_does_not_fit_is_named_at_the_call(family, call, words):
    with pytest.raises(ValueError, match=words):
        call(family)
