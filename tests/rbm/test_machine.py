"""Energies, conditionals and draws of both machines against enumeration, quadrature and scikit-learn."""

import math

import pytest
import torch
from machines import SIGMA, binary, chi_square, close, counts, joint_table, random_bernoulli, random_gaussian, rng

from genphys import exact, rbm
from genphys.rbm.partition import softplus


@pytest.mark.parametrize("sizes", [(5, 4), (3, 6)])
def test_energies_and_sums_against_enumeration(sizes):
    model = random_bernoulli(*sizes)
    x, h, table = joint_table(model)
    energy = torch.stack([model.energy(row.expand(len(h), -1), h) for row in x])
    close(energy, -table)
    close(model.free_energy(x), -table.logsumexp(1))
    close(model.hidden_free_energy(h), -table.logsumexp(0))
    log_z = table.flatten().logsumexp(0)
    close(model.log_partition(), log_z)
    close((-model.free_energy(x)).logsumexp(0), (-model.hidden_free_energy(h)).logsumexp(0))
    close(model.log_prob(x), table.logsumexp(1) - log_z)
    close(model.log_prob(x, log_z=1.5), table.logsumexp(1) - 1.5)


def test_conditionals_against_enumeration():
    model = random_bernoulli()
    x, h, table = joint_table(model)
    close(model.hidden_probability(x), table.softmax(1) @ h)
    close(model.visible_probability(h), table.softmax(0).T @ x)


def test_moments_take_weights():
    model = random_bernoulli()
    x = exact.all_configurations(5)
    p = model.log_prob(x).exp()
    for found, wanted in zip(model.moments(x, p), model.exact_moments(), strict=True):
        close(found, wanted)


def test_free_energy_against_scikit_learn():
    neural_network = pytest.importorskip("sklearn.neural_network", reason="scikit-learn is not installed")
    model = random_bernoulli(12, 7)
    reference = neural_network.BernoulliRBM(n_components=7)
    reference.components_ = model.weight.detach().T.numpy()
    reference.intercept_visible_ = model.visible_bias.detach().numpy()
    reference.intercept_hidden_ = model.hidden_bias.detach().numpy()
    x = binary(50, 12, 0.5, seed=4)
    close(model.free_energy(x).detach(), torch.from_numpy(reference._free_energy(x.numpy())))


def grid(points=321, width=12.0):
    """A product grid for the two real units, and its weights (trapezium rule, exact for what decays at the ends)."""
    axis = torch.linspace(-width, width, points, dtype=torch.float64)
    x = torch.cartesian_prod(axis, axis)
    return x, (axis[1] - axis[0]) ** 2


def test_gaussian_machine_against_quadrature():
    model = random_gaussian()
    h = exact.all_configurations(3)
    x, cell = grid()
    energy = torch.stack([model.energy(x, row.expand(len(x), -1)) for row in h], 1)  # (points, 8)
    a, b, w = model.visible_bias, model.hidden_bias, model.weight
    written = ((x[:, None] - a) ** 2 / (2 * SIGMA**2)).sum(2) - h @ b - (x / SIGMA**2) @ w @ h.T
    close(energy, written, 1e-9)
    close(model.free_energy(x), -(-energy).logsumexp(1), 1e-9)
    log_sums = (-energy).logsumexp(0) + cell.log()
    close(model.hidden_free_energy(h), -log_sums, 1e-9)
    close(model.log_partition(), log_sums.logsumexp(0), 1e-9)
    conditional = (-energy).softmax(0)
    mean = conditional.T @ x
    close(model.visible_field(h), mean, 1e-9)
    variance = conditional.T @ x**2 - mean**2
    close(variance, (SIGMA**2).expand_as(variance), 1e-8)
    close(model.hidden_probability(x), (-energy).softmax(1) @ h, 1e-9)


def test_gaussian_marginal_is_a_mixture():
    model = random_gaussian()
    h = exact.all_configurations(3)
    x = torch.randn(40, 2, dtype=torch.float64, generator=rng(5))
    weights = (-model.hidden_free_energy(h)).softmax(0)
    covs = torch.diag(SIGMA**2).expand(len(h), 2, 2)
    close(model.log_prob(x), exact.mixture_log_prob(x, weights, model.visible_field(h), covs), 1e-10)


def test_samplers_draw_from_what_they_say():
    """64 000 draws; with 31 degrees of freedom 5 standard deviations are 1 + 5 sqrt(2/31) = 2.27."""
    model, n = random_bernoulli(std=0.7), 64_000
    x, p = exact.all_configurations(5), random_bernoulli(std=0.7).log_prob(exact.all_configurations(5)).exp().detach()
    chance = rng(2)
    drawn = model.exact_sample(n, rng=chance)
    assert chi_square(counts(drawn), p) < 2.27
    start = x[13].expand(n, -1)
    one = model.gibbs(start, 1, rng=chance)
    assert chi_square(counts(one), rbm.gibbs_kernel(model)[13]) < 2.27
    assert chi_square(counts(model.gibbs(start, 60, rng=chance)), p) < 2.27
    assert chi_square(counts(one), p) > 5  # the statistic would notice


def test_base_bias_gives_the_means_of_the_data():
    data = torch.tensor([[0.0, 1.0], [0.0, 1.0], [0.0, 0.0], [0.0, 1.0]])
    close(torch.sigmoid(rbm.BernoulliRBM(2, 1, rng=rng()).base_bias(data)), torch.tensor([1 / 6, 4 / 6]), 1e-6)
    close(rbm.GaussianBernoulliRBM(2, 1, rng=rng()).base_bias(data), torch.tensor([0.0, 0.75]), 1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sign", [-1, 1])
def test_nothing_overflows(dtype, sign):
    model = rbm.BernoulliRBM(3, 2, rng=rng()).to(dtype)
    with torch.no_grad():
        model.weight.fill_(sign * 1e4)
        model.visible_bias.fill_(-sign * 1e4)
        model.hidden_bias.fill_(sign * 1e4)
    x = exact.all_configurations(3, dtype=dtype)
    chance = rng(14)
    annealed = rbm.ais(model, torch.linspace(0, 1, 5), 4, rng=chance)
    gradient = torch.autograd.grad(model.free_energy(x).sum(), model.weight)[0]
    for value in (model.free_energy(x), model.log_partition(), model.gibbs(x, 3, rng=chance), gradient, annealed.log_z):
        assert value.isfinite().all()
    list(rbm.contrastive_divergence(model, [x] * 3, k=2, rng=chance))
    assert all(parameter.isfinite().all() for parameter in model.parameters())
    if sign > 0:  # the largest term alone: all units on, 3 * (-1e4) + 2 * 1e4 + 6 * 1e4
        assert model.log_partition().item() == pytest.approx(5e4, abs=1500)


@pytest.mark.parametrize("model", [random_bernoulli(), random_gaussian()], ids=["Bernoulli", "Gaussian"])
def test_the_pieces_that_loops_use_are_the_public_equations(model):
    x, h = binary(20, model.visible), binary(20, model.hidden, seed=2)
    field = model._hidden_field(x)
    close(model.hidden_field(x), field)
    close(model.visible_field(h), model._visible_field(h))
    visible = model._visible_energy(x, model.visible_bias)
    close(model.energy(x, h), visible - (field * h).sum(1))
    close(model.free_energy(x), visible - softplus(field).sum(1))
    log_sum = model._visible_log_sum(h @ model.weight.T, model.visible_bias)
    close(model.hidden_free_energy(h), -(h @ model.hidden_bias) - log_sum, 1e-10)
    drawn = model._draw_visible(model._visible_field(h), rng(3))
    close(model.sample_visible(h, rng=rng(3)), drawn)


BERNOULLI, GAUSSIAN = rbm.BernoulliRBM(5, 4, rng=rng()), rbm.GaussianBernoulliRBM(2, 3, rng=rng())
BIG, X, PATH = rbm.BernoulliRBM(30, 26, rng=rng()), torch.zeros(2, 5), torch.linspace(0, 1, 3)
OTHER_CHAINS = rbm.persistent_chains(BIG, 2, rng=rng())
REFUSED = {
    "another width": (BERNOULLI.free_energy, (torch.zeros(2, 4),), {}, r"^x is .* takes .*visible = 5"),
    "a hidden layer for a visible one": (BERNOULLI.visible_probability, (X,), {}, "^h is .*hidden = 4"),
    "a list": (BERNOULLI.free_energy, ([[0.0] * 5],), {}, r"^x is \[\["),
    "grey values": (BERNOULLI.free_energy, (X + 0.5,), {}, "^x is .* binarise grey values first"),
    "negative values": (BERNOULLI.hidden_probability, (X - 1,), {}, r"^x is .* probabilities in \[0, 1\]"),
    "another precision": (BERNOULLI.free_energy, (X.double(),), {}, "^x is .* beside float32"),
    "rows that do not pair": (BERNOULLI.energy, (X, torch.zeros(3, 4)), {}, r"^h is .* \(B = 2 of x, hidden = 4\)"),
    "NaN": (GAUSSIAN.free_energy, (torch.tensor([[math.nan, 0.0]]),), {}, "^x is .* not finite"),
    "no width": (rbm.GaussianBernoulliRBM, (2, 3), {"sigma": 0.0, "rng": rng()}, "^sigma is 0.0"),
    "widths of another layer": (rbm.GaussianBernoulliRBM, (2, 3), {"sigma": torch.ones(3), "rng": rng()}, "^sigma is"),
    "no hidden units": (rbm.BernoulliRBM, (2, 0), {"rng": rng()}, "^hidden is 0"),
    "no chance": (rbm.BernoulliRBM, (2, 1), {}, "^rng is missing"),
    "the old name": (rbm.BernoulliRBM, (2, 1), {"generator": rng()}, "^generator is now called rng"),
    "too many states": (BIG.log_partition, (), {}, "^model is BernoulliRBM.*at most 25 units .* ais"),
    "too many states for a table": (rbm.log_partition, (BIG,), {}, "^model is .* at most 16 hidden units"),
    "no exact samples": (rbm.reverse_ais, (BIG, PATH), {"rng": rng()}, "^model is .* reverse estimate"),
    "steps back": (BERNOULLI.gibbs, (X, -1), {"rng": rng()}, "^steps is -1"),
    "no steps": (rbm.contrastive_divergence, (BERNOULLI, [X]), {"k": 0, "rng": rng()}, "^k is 0"),
    "no step at some time": (rbm.contrastive_divergence, (BERNOULLI, [X]), {"k": int, "rng": rng()}, "^k is 0"),
    "data that is no data": (rbm.contrastive_divergence, (BERNOULLI, [X + 2]), {"rng": rng()}, "^batches holds"),
    "a wrong pair": (rbm.maximum_likelihood, (BERNOULLI, [(X, torch.ones(3))]), {}, "^batches holds"),
    "chains of another machine": (
        rbm.contrastive_divergence,
        (BERNOULLI, [X], OTHER_CHAINS),
        {"rng": rng()},
        "^chains is .* of this machine",
    ),
    "fewer than no chains": (rbm.persistent_chains, (BERNOULLI, -1), {"rng": rng()}, "^n is -1"),
    "offsets of another gradient": (
        rbm.centred,
        (BERNOULLI.exact_moments(), torch.zeros(3), torch.zeros(4)),
        {},
        "^visible_mean is",
    ),
    "a falling path": (rbm.ais, (BERNOULLI, PATH.flip(0)), {"rng": rng()}, "^betas is .* rising"),
    "one run": (rbm.ais, (BERNOULLI, PATH, 1), {"rng": rng()}, "^chains is 1"),
    "a base of another size": (
        rbm.ais,
        (BERNOULLI, PATH),
        {"base_bias": torch.zeros(4), "rng": rng()},
        "^base_bias is",
    ),
    "the kernel of real units": (rbm.gibbs_kernel, (GAUSSIAN,), {}, "^model is .* takes a BernoulliRBM"),
    "too few replicas": (rbm.parallel_tempering, (BERNOULLI, PATH, X, 1), {"rng": rng()}, "^x is .* each replica"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refusals_say_what_to_do(what):
    function, args, options, message = REFUSED[what]
    with pytest.raises(ValueError, match=message):
        list(function(*args, **options))
