"""The Boltzmann machine, against loops over configurations, automatic differentiation and the Ising lattice."""

import itertools

import pytest
import torch
from exact_cases import D as F64
from exact_cases import normal as randn
from promise import rng
from torch.autograd.functional import jacobian

from genphys import energy, exact
from genphys.systems import ising


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
    torch.testing.assert_close(machine.log_partition_in_pieces(theta), expected, atol=1e-11, rtol=0)


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
    samples = torch.randint(0, 2, (9, machine.n_visible), generator=rng(3)).to(F64)
    positive = jacobian(lambda t: machine.log_f(t, samples).mean(), theta)
    torch.testing.assert_close(machine.positive_phase(theta, samples), positive, atol=1e-13, rtol=0)
    negative = jacobian(machine.log_partition, theta)
    torch.testing.assert_close(machine.negative_phase(theta), negative, atol=1e-13, rtol=0)
    gradient = jacobian(lambda t: machine.log_likelihood(t, samples), theta)
    torch.testing.assert_close(machine.gradient(theta, samples), gradient, atol=1e-12, rtol=0)


def test_the_log_likelihood_is_that_of_independent_samples(machine, theta):
    samples = torch.randint(0, 2, (5, machine.n_visible), generator=rng(4)).to(F64)
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
    ("arguments", "words"),
    [
        ((0,), "n_visible is 0, takes a whole number, 1 or more"),
        ((2.0,), "n_visible is 2.0"),
        ((3, -1), "n_hidden is -1"),
        ((20, 6), "n_visible \\+ n_hidden is 26, takes at most 25"),
    ],
)
def test_impossible_sizes_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        energy.BoltzmannMachine(*arguments)


THETA, X = torch.zeros(15), torch.zeros(5, 3)


@pytest.mark.parametrize(
    ("method", "arguments", "words"),
    [
        ("log_partition", (THETA[:-1],), r"theta is .*\(14,\).*n_parameters = 15"),
        ("log_f", (THETA, X[:, :2]), r"x is .*\(5, 2\).*n_visible = 3"),
        ("log_f", (THETA, X, X), r"h is .*\(5, 3\).*n_hidden = 2"),
        ("log_f", (THETA, X, X[:4, :2]), r"h is a tensor of shape \(4, 2\)"),
        ("log_f", (THETA, X.double()), "x is .* float64 on cpu beside float32"),
        ("log_f", (THETA, X.long()), "x is .* int64.*, takes a floating tensor"),
        ("statistics", (X,), r"h is None, takes a tensor of shape \(\*, 2\)"),
        ("log_likelihood", (THETA, X[0]), r"samples is .*\(3,\).*N, n_visible"),
        ("positive_phase", (THETA, X[:0]), r"samples is .*\(0, 3\)"),
        ("conditional", (THETA, torch.zeros(4), 0), r"units is .*\(4,\).*n_units = 5"),
        ("conditional", (THETA, torch.zeros(5), 5), "i is 5, takes the number of a unit, below 5"),
    ],
)
def test_the_machine_refuses_what_does_not_fit(method, arguments, words):
    with pytest.raises(ValueError, match=words):
        getattr(energy.BoltzmannMachine(3, 2), method)(*arguments)


def test_a_machine_without_hidden_units_takes_none():
    with pytest.raises(ValueError, match="h is"):
        energy.BoltzmannMachine(3).statistics(X, X[:, :1])
