"""Exact sums, averages and draws: plain tables against chunks, autograd and plain loops."""

import math

import pytest
import torch
from machines import SIGMA, binary, chi_square, close, counts, joint_table, random_bernoulli, random_gaussian, rng

from genphys import exact, rbm
from genphys.rbm import partition

MACHINES = {
    "more visible units": random_bernoulli,
    "more hidden units": lambda: random_bernoulli(3, 6),
    "real visible units": random_gaussian,
}


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("chunk", [8 * 14 * 3, 4 * 2**20])
def test_the_plain_table_and_the_chunks_are_equal(name, chunk, monkeypatch):
    """log Z, its gradient by autograd through the table, and the averages."""
    monkeypatch.setattr(partition, "CHUNK_BYTES", chunk)
    model = MACHINES[name]()
    parameters = (model.weight, model.visible_bias, model.hidden_bias)
    close(rbm.log_partition(model), model.log_partition())
    through_the_table = torch.autograd.grad(rbm.log_partition(model), parameters)
    in_chunks = torch.autograd.grad(model.log_partition(), parameters)
    averages = zip(rbm.exact_moments(model), model.exact_moments(), through_the_table, in_chunks, strict=True)
    for plain, chunked, *slopes in averages:
        for other in (chunked, *slopes):
            close(other, plain)


def test_log_partition_is_summed_in_double_precision():
    """A float32 machine whose 2^16 terms are equal: log Z is 16 log 2 to float64's digits, 30 log 2 with the x."""
    model = rbm.BernoulliRBM(30, 16, std=0.0, rng=rng())
    assert model.log_partition().dtype == rbm.log_partition(model).dtype == torch.float64
    assert model.log_partition().item() == pytest.approx(46 * math.log(2), abs=1e-5)


def test_the_plain_exact_sample_draws_from_the_machine():
    model = random_bernoulli(std=0.7)
    p = model.log_prob(exact.all_configurations(5)).exp().detach()
    assert chi_square(counts(rbm.exact_sample(model, 64_000, rng=rng(4))), p) < 2.27


@pytest.mark.parametrize("sizes", [(5, 4), (3, 6)])
def test_gradients_against_autograd_and_enumeration(sizes):
    model = random_bernoulli(*sizes)
    data = binary(20, sizes[0], 0.4, seed=1)
    mine = model.moments(data) - model.exact_moments()
    parameters = (model.weight, model.visible_bias, model.hidden_bias)
    x, h, table = joint_table(model)
    objective = -model.free_energy(data).mean() - (-model.free_energy(x)).logsumexp(0)
    for found, wanted in zip(mine, torch.autograd.grad(objective, parameters), strict=True):
        close(found, wanted)
    for found, wanted in zip(mine, torch.autograd.grad(model.log_prob(data).mean(), parameters), strict=True):
        close(found, wanted)  # the backward pass of log_partition()
    p = table.flatten().softmax(0).view_as(table)
    model_side = model.exact_moments()
    close(model_side.weight, x.T @ p @ h)
    close(model_side.visible_bias, p.sum(1) @ x)
    close(model_side.hidden_bias, p.sum(0) @ h)


def test_gaussian_gradients_against_autograd():
    model = random_gaussian()
    data = torch.randn(20, 2, dtype=torch.float64, generator=rng(6))
    mine = model.moments(data) - model.exact_moments()
    parameters = (model.weight, model.visible_bias, model.hidden_bias)
    log_z = (-model.hidden_free_energy(exact.all_configurations(3))).logsumexp(0)
    for found, wanted in zip(mine, torch.autograd.grad(model.log_prob(data, log_z).mean(), parameters), strict=True):
        close(found, wanted)


def test_gaussian_samples_have_the_exact_moments():
    model = random_gaussian()
    chance, n = rng(7), 40_000
    for x in (model.exact_sample(n, rng=chance), model.gibbs(torch.zeros(n, 2, dtype=torch.float64), 80, rng=chance)):
        wanted = model.exact_moments().visible_bias * SIGMA**2 + model.visible_bias
        z = (x.mean(0) - wanted) / (x.std(0) / n**0.5)
        assert z.abs().max() < 4


def test_exact_sample_draws_across_chunks(monkeypatch):
    model = random_bernoulli(std=0.7)
    monkeypatch.setattr(partition, "CHUNK_BYTES", 8 * 14 * 3)  # three states a chunk
    assert len(list(partition._sweep(model))) == 6
    close(model.log_partition(), joint_table(model)[2].flatten().logsumexp(0))
    drawn = model.exact_sample(64_000, rng=rng(3))
    p = model.log_prob(exact.all_configurations(5)).exp().detach()
    assert chi_square(counts(drawn), p) < 2.27


def test_chunks_stay_under_their_size():
    model = rbm.BernoulliRBM(784, 25, rng=rng())
    unit_states, _ = next(partition._sweep(model))
    assert unit_states.shape[0] * (25 + 2 * 784) * 4 <= partition.CHUNK_BYTES
    assert partition.CHUNK_BYTES * 6 < 500e6


@pytest.mark.parametrize("units", [1, 63, 64, 65, 500])
def test_sum_of_softplus_by_products_is_the_sum_of_softplus(units):
    x = 20 * torch.randn(50, units, dtype=torch.float64, generator=rng(units))
    close(partition.sum_softplus(x), torch.logaddexp(x, torch.zeros(1, dtype=torch.float64)).sum(1), 1e-9)
    close(partition.sum_softplus(x), partition.softplus(x).sum(1), 1e-10)


def test_twenty_hidden_units_are_summed_in_many_chunks():
    """2^20 states against two machines of 19 hidden units, in which the first unit is held off and on."""
    model = random_bernoulli(30, 20, std=0.3)
    log_z = model.log_partition().item()
    halves = []
    for on in (0.0, 1.0):  # fix the first hidden unit: a machine of 19
        half = rbm.BernoulliRBM(30, 19, rng=rng()).double()
        with torch.no_grad():
            half.weight.copy_(model.weight[:, 1:])
            half.visible_bias.copy_(model.visible_bias + on * model.weight[:, 0])
            half.hidden_bias.copy_(model.hidden_bias[1:])
        halves.append(half.log_partition() + on * model.hidden_bias[0])
    assert torch.stack(halves).logsumexp(0).item() == pytest.approx(log_z, abs=1e-9)
