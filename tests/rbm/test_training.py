"""Steps of training: data minus model by autograd, plain against fused, what is learnt, and what diverges."""

import copy
import itertools

import pytest
import torch
from machines import binary, close, random_bernoulli, random_gaussian, rng

from genphys import exact, rbm
from genphys.numerics import Diverged
from genphys.rbm import training


@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize("persistent", [True, False])
@pytest.mark.parametrize("make", [random_bernoulli, random_gaussian])
def test_a_step_is_data_minus_chains(make, persistent, centre):
    """The step in closed form against the gradient of the two free energies by autograd."""
    model = make()
    chance = rng(8)
    data = (torch.rand(9, model.visible, generator=chance) < 0.4).double()
    chains = rbm.persistent_chains(model, 7 if persistent else 0, rng=chance)
    before = copy.deepcopy(model)
    rate, decay = 0.1, 0.02
    for _ in rbm.contrastive_divergence(
        model, [data], chains, k=2, learning_rate=rate, weight_decay=decay, centre=centre, rng=chance
    ):
        pass
    assert len(chains.visible) == (7 if persistent else 9)
    objective = before.free_energy(chains.visible).mean() - before.free_energy(data).mean()
    gradient = rbm.Moments(*torch.autograd.grad(objective, (before.weight, before.visible_bias, before.hidden_bias)))
    if centre:
        gradient = rbm.centred(gradient, before._scaled(data).mean(0), before.hidden_probability(data).detach().mean(0))
    for name, direction in zip(("weight", "visible_bias", "hidden_bias"), gradient, strict=True):
        old, new = getattr(before, name).detach(), getattr(model, name).detach()
        old = old * (1 - rate * decay) if name == "weight" else old
        close(new - old, rate * direction)


@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize("persistent", [True, False])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("make", [random_bernoulli, random_gaussian])
def test_the_plain_step_and_the_fused_one_are_equal(make, k, persistent, centre):
    """Five steps with the same draws: parameters, chains and offsets."""
    found = []
    for step in (rbm.cd_step, rbm.cd_step_fused):
        model, chance = make(), rng(8)
        data = binary(9, model.visible)
        chains = rbm.persistent_chains(model, 7 if persistent else 0, rng=chance)
        for _ in range(5):
            step(model, data, chains, k=k, learning_rate=0.1, weight_decay=0.02, centre=centre, rng=chance)
        hidden = [chains.hidden] if persistent else []
        found.append([*model.parameters(), chains.visible, chains.visible_mean, chains.hidden_mean, *hidden])
        assert chains.step == 5
    for plain, fused in zip(*found, strict=True):
        close(fused, plain)


def test_the_negative_phase_is_k_gibbs_steps():
    """The same draws give the configurations of gibbs(); persistent chains go on where they stood."""
    model, data = random_bernoulli(), binary(9, 5)
    none = rbm.persistent_chains(model, 0, rng=rng())
    close(training.negative_phase(model, data, none, k=4, rng=rng(3)), model.gibbs(data, 4, rng=rng(3)))
    chains, chance = rbm.persistent_chains(model, 7, rng=rng(5)), rng(6)
    start = model.sample_visible(chains.hidden, rng=chance)
    rest = model.gibbs(start, 5, rng=chance)  # h drawn by the second phase, then x: k = 2 and k = 4 in one run
    chance = rng(6)
    training.negative_phase(model, data, chains, k=2, rng=chance)
    close(training.negative_phase(model, data, chains, k=4, rng=chance), rest)


@pytest.mark.parametrize("method", ["contrastive_divergence", "maximum_likelihood"])
def test_a_training_that_diverges_stops_at_the_step_where_it_does(method):
    """A Gaussian machine at a learning rate of 5 diverges in 200 steps; no state that is not finite is yielded."""
    chance = rng(1)
    model = rbm.GaussianBernoulliRBM(4, 3, rng=chance)
    batches = itertools.repeat(3 * torch.randn(50, 4, generator=chance), 200)
    options = {"rng": chance} if method == "contrastive_divergence" else {}
    steps = getattr(rbm, method)(model, batches, learning_rate=5.0, **options)
    taken = 0
    with pytest.raises(
        Diverged, match=r"^step \d+: .* is not finite any more; take a smaller learning rate"
    ) as stopped:
        for state in steps:
            taken = state.step
            assert all(parameter.isfinite().all() for parameter in model.parameters())
    assert 0 < taken < 200
    assert str(stopped.value).startswith(f"step {taken}:")
    assert not all(parameter.isfinite().all() for parameter in model.parameters())


def test_centred_gradient_does_not_see_which_value_is_called_one():
    """Renaming 0 and 1 of every unit maps the machine on an equal one; its centred step maps on the step."""
    model = random_bernoulli()
    flipped = copy.deepcopy(model)
    with torch.no_grad():  # x -> 1 - x, h -> 1 - h
        flipped.visible_bias.copy_(-model.visible_bias - model.weight.sum(1))
        flipped.hidden_bias.copy_(-model.hidden_bias - model.weight.sum(0))
    data = binary(30, 5, 0.3, seed=9)
    for pair in ((model, data), (flipped, 1 - data)):
        next(rbm.maximum_likelihood(pair[0], [pair[1]], learning_rate=0.3))
    close(flipped.weight, model.weight)
    close(flipped.log_prob(1 - data), model.log_prob(data))


def test_exact_training_reaches_the_target():
    """A machine can copy another one: KL falls to a hundredth, and never rises with a small step."""
    target = random_bernoulli(4, 3, std=0.7, seed=1)
    x = exact.all_configurations(4)
    p = target.log_prob(x).exp().detach()
    model = random_bernoulli(4, 3, std=0.3, seed=2)
    kl = [exact.kl_divergence(p, model.log_prob(x).exp().detach()).item()]
    for _ in rbm.maximum_likelihood(model, itertools.repeat((x, p), 1200), learning_rate=0.5):
        kl.append(exact.kl_divergence(p, model.log_prob(x).exp().detach()).item())
    assert kl[-1] < 0.01 * kl[0]
    assert max(later - earlier for earlier, later in itertools.pairwise(kl)) < 1e-12


def test_contrastive_divergence_learns_and_persistent_chains_follow_the_model():
    target = random_bernoulli(4, 3, std=0.7, seed=1)
    x = exact.all_configurations(4)
    p = target.log_prob(x).exp().detach()
    chance = rng(10)
    model = random_bernoulli(4, 3, std=0.1, seed=2)
    start = exact.kl_divergence(p, model.log_prob(x).exp().detach()).item()
    chains = rbm.persistent_chains(model, 200, rng=chance)
    batches = (target.exact_sample(200, rng=chance) for _ in range(1500))

    def falling(step):
        return 0.2 / (1 + step / 300)

    for _ in rbm.contrastive_divergence(model, batches, chains, learning_rate=falling, rng=chance):
        pass
    assert chains.step == 1500
    assert exact.kl_divergence(p, model.log_prob(x).exp().detach()).item() < 0.05 * start


def test_schedules_see_the_step_number():
    model, seen = random_bernoulli(), []
    data = torch.zeros(3, 5, dtype=torch.float64)

    def steps(t):
        seen.append(t)
        return 1

    chains = rbm.persistent_chains(model, 0, rng=rng())
    for _ in rbm.contrastive_divergence(model, [data] * 3, chains, k=steps, learning_rate=0.1, rng=rng()):
        pass
    assert seen == [0, 1, 2]
