"""genphys.energy against loops over configurations, automatic differentiation and the Ising module."""

import itertools
import math

import pytest
import torch
from torch.autograd.functional import hessian, jacobian

from genphys import energy, exact
from genphys.systems import ising

F64 = torch.float64


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed), dtype=F64)


def naive_log_f(theta, s):
    """The definition, with Python loops: couplings in the order (0,1), (0,2), ..., then the biases."""
    n = len(s)
    pairs = list(itertools.combinations(range(n), 2))
    total = sum(theta[a].item() * s[i] * s[j] for a, (i, j) in enumerate(pairs))
    return total + sum(theta[len(pairs) + i].item() * s[i] for i in range(n))


@pytest.fixture(params=[(3, 2), (4, 0), (1, 3)], ids=str)
def machine(request):
    return energy.BoltzmannMachine(*request.param)


@pytest.fixture
def theta(machine):
    return randn(machine.n_parameters, seed=machine.n_visible)


def joint(machine):
    """All joint configurations as (visible, hidden or None)."""
    s = exact.all_configurations(machine.n_units)
    return s[:, : machine.n_visible], s[:, machine.n_visible :] if machine.n_hidden else None


# ------------------------------------------------------------------------------------- the Boltzmann machine


def test_log_f_is_the_definition(machine, theta):
    x, h = joint(machine)
    states = itertools.product((0, 1), repeat=machine.n_units)
    expected = torch.tensor([naive_log_f(theta, s) for s in states], dtype=F64)
    torch.testing.assert_close(machine.log_f(theta, x, h), expected, atol=1e-13, rtol=0)


def test_log_f_is_linear_with_the_statistics_as_slope(machine, theta):
    x, h = joint(machine)
    torch.testing.assert_close(machine.statistics(x, h) @ theta, machine.log_f(theta, x, h), atol=1e-13, rtol=0)


def test_the_marginal_weight_is_a_sum_over_hidden_configurations(machine, theta):
    x, h = joint(machine)
    weights = machine.log_f(theta, x, h).exp().view(2**machine.n_visible, -1)
    visible = exact.all_configurations(machine.n_visible)
    torch.testing.assert_close(machine.log_f(theta, visible).exp(), weights.sum(1), atol=0, rtol=1e-13)


@pytest.mark.parametrize("sizes", [(3, 2), (16, 0), (12, 4)])
def test_the_partition_function_sums_over_everything_in_pieces(sizes):
    """Sixteen units take several pieces."""
    machine = energy.BoltzmannMachine(*sizes)
    theta = randn(machine.n_parameters)
    expected = machine.log_f(theta, *joint(machine)).logsumexp(0)
    torch.testing.assert_close(machine.log_partition(theta), expected, atol=1e-11, rtol=0)


def test_the_posterior_is_bayes_rule(machine, theta):
    x, h = joint(machine)
    p = machine.log_f(theta, x, h).softmax(0).view(2**machine.n_visible, -1)
    posterior = machine.posterior(theta, exact.all_configurations(machine.n_visible))
    torch.testing.assert_close(posterior, p / p.sum(1, keepdim=True), atol=1e-14, rtol=0)


def test_the_conditional_of_a_unit_does_not_look_at_it(machine, theta):
    s = exact.all_configurations(machine.n_units)
    p = machine.log_f(theta, *joint(machine)).softmax(0)
    for i in range(machine.n_units):
        on = s[:, i] == 1
        expected = p[on] / (p[on] + p[~on])
        torch.testing.assert_close(machine.conditional(theta, s[on], i), expected, atol=1e-14, rtol=0)
        torch.testing.assert_close(machine.conditional(theta, s[~on], i), expected, atol=1e-14, rtol=0)


def test_both_phases_and_the_gradient_are_derivatives(machine, theta):
    samples = torch.randint(0, 2, (9, machine.n_visible), generator=generator(3)).to(F64)
    positive = jacobian(lambda t: machine.log_f(t, samples).mean(), theta)
    torch.testing.assert_close(machine.positive_phase(theta, samples), positive, atol=1e-13, rtol=0)
    negative = jacobian(machine.log_partition, theta)
    torch.testing.assert_close(machine.negative_phase(theta), negative, atol=1e-13, rtol=0)
    gradient = jacobian(lambda t: machine.log_likelihood(t, samples), theta)
    torch.testing.assert_close(machine.gradient(theta, samples), gradient, atol=1e-12, rtol=0)


def test_the_log_likelihood_is_that_of_independent_samples(machine, theta):
    samples = torch.randint(0, 2, (5, machine.n_visible), generator=generator(4)).to(F64)
    visible = exact.all_configurations(machine.n_visible)
    log_p = machine.log_f(theta, visible).log_softmax(0)
    number = (samples @ 2.0 ** torch.arange(machine.n_visible - 1, -1, -1, dtype=F64)).long()
    torch.testing.assert_close(machine.log_likelihood(theta, samples), log_p[number].sum(), atol=1e-12, rtol=0)


def test_an_ising_lattice_of_bits():
    """w = 4 J / T and b = 2 (B - z J) / T give the Boltzmann weights of spins up to a constant."""
    T, field = 1.7, 0.3
    machine, spins = energy.BoltzmannMachine(9), ising.configurations(3)
    weight = torch.zeros(9, 9, dtype=F64)
    for i, j in ising.bonds(3).tolist():
        weight[min(i, j), max(i, j)] = 4 / T
    upper = torch.triu_indices(9, 9, 1)
    theta = torch.cat([weight[upper[0], upper[1]], torch.full((9,), 2 * (field - 4) / T, dtype=F64)])
    log_p = machine.log_f(theta, (spins.flatten(1) + 1) / 2).log_softmax(0)
    torch.testing.assert_close(log_p, (-ising.energy(spins, field=field) / T).log_softmax(0), atol=1e-11, rtol=0)


def test_large_parameters_do_not_overflow():
    machine = energy.BoltzmannMachine(4, 3)
    theta = 1e4 * randn(machine.n_parameters).sign()
    samples = exact.all_configurations(4)
    for value in (machine.log_partition(theta), machine.log_f(theta, samples), machine.gradient(theta, samples)):
        assert torch.isfinite(value).all()


def test_single_precision_stays_single():
    machine = energy.BoltzmannMachine(4, 2)
    theta, samples = randn(machine.n_parameters).float(), exact.all_configurations(4, dtype=torch.float32)
    found = machine.gradient(theta, samples)
    assert found.dtype == torch.float32
    assert machine.log_partition(theta).dtype == torch.float32
    torch.testing.assert_close(found.double(), machine.gradient(theta.double(), samples.double()), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, t: energy.BoltzmannMachine(0), "n_visible is 0, takes an integer of 1"),
        (lambda m, t: energy.BoltzmannMachine(2.0), "n_visible is 2.0"),
        (lambda m, t: energy.BoltzmannMachine(3, -1), "n_hidden is -1"),
        (lambda m, t: energy.BoltzmannMachine(20, 6), "is 26, takes at most 25"),
        (lambda m, t: m.log_partition(t[:-1]), r"theta has shape \(14,\), takes \(15,\)"),
        (lambda m, t: m.log_f(t, torch.zeros(5, 4)), r"x has shape \(5, 4\), takes \(\.\.\., 3\)"),
        (
            lambda m, t: m.log_f(t, torch.zeros(5, 3), torch.zeros(5, 3)),
            r"h is of shape \(5, 3\), takes shape \(\.\.\., 2\)",
        ),
        (lambda m, t: m.statistics(torch.zeros(5, 3)), "h is None"),
        (lambda m, t: m.log_likelihood(t, torch.zeros(3)), r"samples has shape \(3,\), takes \(N, 3\)"),
        (lambda m, t: m.positive_phase(t, torch.zeros(0, 3)), r"samples has shape \(0, 3\)"),
        (
            lambda m, t: energy.BoltzmannMachine(3).statistics(torch.zeros(5, 3), torch.zeros(5, 1)),
            "without hidden units",
        ),
        (lambda m, t: m.conditional(t, torch.zeros(4), 0), r"units has shape \(4,\), takes \(\.\.\., 5\)"),
    ],
)
def test_the_machine_refuses_what_does_not_fit(call, message):
    with pytest.raises(ValueError, match=message):
        call(energy.BoltzmannMachine(3, 2), torch.zeros(15))


# ------------------------------------------------------------------------------------ the exponential family


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
    counts = torch.bincount(family.sample(theta, n, generator(5)), minlength=40)
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


@pytest.mark.parametrize(
    "table",
    [torch.ones(3), torch.ones(3, 2, dtype=torch.int64), torch.ones(0, 2), torch.full((2, 2), math.nan), [[1.0]]],
)
def test_the_family_refuses_what_is_no_table(table):
    with pytest.raises(ValueError, match="statistics is"):
        energy.ExponentialFamily(table)


def test_the_family_refuses_what_does_not_fit(family):
    with pytest.raises(ValueError, match=r"theta has shape \(4,\), takes \(5,\)"):
        family.mean(torch.zeros(4, dtype=F64))
    with pytest.raises(ValueError, match="n is 0"):
        family.sample(torch.zeros(5, dtype=F64), 0, generator())


# --------------------------------------------------------------------------------------- independent pixels


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
    drawn = energy.IndependentPixels.sample(theta, n, generator(7))
    p = torch.sigmoid(theta)
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    assert ((drawn.mean(0) - p).abs() < 4 * (p * (1 - p) / n).sqrt()).all()
    assert (torch.corrcoef(drawn.T) - torch.eye(12)).abs().max() < 5 / math.sqrt(n)


def test_pixels_with_large_log_odds_are_certain():
    theta = torch.tensor([1e4, -1e4], dtype=F64)
    assert energy.IndependentPixels.log_prob(theta, torch.tensor([1.0, 0.0], dtype=F64)).item() == 0.0
    assert energy.IndependentPixels.log_partition(theta).item() == 1e4


def test_pixels_refuse_what_does_not_fit():
    with pytest.raises(ValueError, match=r"x has shape \(2, 3\), takes \(\.\.\., 4\)"):
        energy.IndependentPixels.log_prob(torch.zeros(4), torch.zeros(2, 3))
    with pytest.raises(ValueError, match="n is 0"):
        energy.IndependentPixels.sample(torch.zeros(4), 0, generator())


# ------------------------------------------------------------------------------- gradient ascent, Gibbs sweeps


def test_gradient_ascent_matches_the_moments(family):
    start, target = torch.zeros(5, dtype=F64), family.mean(0.5 * randn(5, seed=8))
    path = list(energy.gradient_ascent(start, target, family.mean, rate=0.5, n_steps=400))
    assert len(path) == 400
    assert (start == 0).all()
    torch.testing.assert_close(family.mean(path[-1]), target, atol=1e-9, rtol=0)
    log_likelihood = torch.stack([target @ theta - family.log_partition(theta) for theta in path])
    assert (log_likelihood.diff() > -1e-12).all()


def test_gradient_ascent_refuses_what_does_not_fit():
    mean = torch.sigmoid
    with pytest.raises(ValueError, match=r"positive has shape \(2,\)"):
        next(energy.gradient_ascent(torch.zeros(3), torch.zeros(2), mean, 0.1, 1))
    with pytest.raises(ValueError, match="rate is 0"):
        next(energy.gradient_ascent(torch.zeros(3), torch.zeros(3), mean, 0, 1))
    with pytest.raises(ValueError, match="n_steps is 0"):
        next(energy.gradient_ascent(torch.zeros(3), torch.zeros(3), mean, 0.1, 0))


@pytest.mark.parametrize("M", [1, 2, 5])
def test_a_sweep_of_a_distribution_is_the_product_of_the_kernels(M):
    log_p = randn(2**M, seed=9).log_softmax(0)
    start = randn(2**M, seed=10).softmax(0)
    expected = start
    for kernel in exact.single_site_kernels(log_p):
        expected = expected @ kernel
    torch.testing.assert_close(energy.gibbs_sweep(start, log_p + 3.0), expected, atol=1e-14, rtol=0)
    torch.testing.assert_close(energy.gibbs_sweep(log_p.exp(), log_p), log_p.exp(), atol=1e-14, rtol=0)


@pytest.mark.parametrize(("prob", "log_f"), [((6,), (6,)), ((8,), (4,)), ((1,), (1,)), ((4, 4), (4, 4))])
def test_a_sweep_refuses_what_is_no_distribution_over_units(prob, log_f):
    with pytest.raises(ValueError, match="prob and log_f have shapes"):
        energy.gibbs_sweep(torch.ones(prob), torch.ones(log_f))
