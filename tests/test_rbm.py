"""Restricted Boltzmann machines against enumeration, quadrature, autograd and scikit-learn."""

import copy
import itertools
import math

import pytest
import torch

from genphys import exact, rbm

SIGMA = torch.tensor([0.75, 1.25], dtype=torch.float64)  # exact in float32 too


def close(found, wanted, atol=1e-11):
    torch.testing.assert_close(found, wanted, atol=atol, rtol=0)


def random_bernoulli(visible=5, hidden=4, std=1.0, seed=0):
    return randomised(rbm.BernoulliRBM(visible, hidden), std, seed)


def random_gaussian(hidden=3, std=0.8, seed=0):
    return randomised(rbm.GaussianBernoulliRBM(2, hidden, sigma=SIGMA), std, seed)


def randomised(model, std, seed):
    generator = torch.Generator().manual_seed(seed)
    model = model.double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=std, generator=generator)
    return model


def joint_table(model):
    """log f(x, h) of every pair from the energy's definition, term by term, in plain loops."""
    x, h = (exact.all_configurations(units) for units in (model.visible, model.hidden))
    table = torch.zeros(len(x), len(h), dtype=torch.float64)
    for n, m in itertools.product(range(len(x)), range(len(h))):
        for i in range(model.visible):
            table[n, m] += model.visible_bias[i].item() * x[n, i]
        for j in range(model.hidden):
            table[n, m] += model.hidden_bias[j].item() * h[m, j]
        for i, j in itertools.product(range(model.visible), range(model.hidden)):
            table[n, m] += x[n, i] * model.weight[i, j].item() * h[m, j]
    return x, h, table


def grid(model, points=321, width=12.0):
    """A product grid for the two real units, and its weights (trapezium rule, exact for what decays at the ends)."""
    axis = torch.linspace(-width, width, points, dtype=torch.float64)
    x = torch.cartesian_prod(axis, axis)
    return x, (axis[1] - axis[0]) ** 2


# Bernoulli machine against enumeration


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


@pytest.mark.parametrize("sizes", [(5, 4), (3, 6)])
def test_gradients_against_autograd_and_enumeration(sizes):
    model = random_bernoulli(*sizes)
    data = (torch.rand(20, sizes[0], generator=torch.Generator().manual_seed(1)) < 0.4).double()
    mine = model.moments(data).minus(model.exact_moments())
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


def test_moments_take_weights():
    model = random_bernoulli()
    x = exact.all_configurations(5)
    p = model.log_prob(x).exp()
    for found, wanted in zip(model.moments(x, p), model.exact_moments(), strict=True):
        close(found, wanted)


def test_gibbs_kernel_is_reversible_and_leaves_p_invariant():
    model = random_bernoulli()
    x, _, table = joint_table(model)
    kernel = rbm.gibbs_kernel(model)
    close(kernel, table.softmax(1) @ table.softmax(0).T)
    p = model.log_prob(x).exp()
    close(p @ kernel, p)
    assert exact.detailed_balance_violation(kernel, p) < 1e-15
    base = torch.linspace(-1, 1, 5, dtype=torch.float64)
    for beta in (0.0, 0.3, 1.0):
        log_f = rbm.annealed_log_f(model, x, beta, base)
        close(log_f.softmax(0) @ rbm.gibbs_kernel(model, beta, base), log_f.softmax(0))


def test_annealing_path_ends_are_the_base_and_the_machine():
    model, x = random_bernoulli(), exact.all_configurations(5)
    base = torch.linspace(-1, 1, 5, dtype=torch.float64)
    close(rbm.annealed_log_f(model, x, 1.0, base), -model.free_energy(x))
    close(rbm.annealed_log_f(model, x, 0.0, base), x @ base + 4 * math.log(2))


def counts(x):
    """How often each of the 2^M configurations is in x."""
    place = 2 ** torch.arange(x.shape[1] - 1, -1, -1)
    return (x.long() @ place).bincount(minlength=2 ** x.shape[1]).double()


def chi_square(observed, p):
    """Pearson's statistic over its number of degrees of freedom: mean 1, standard deviation sqrt(2/d)."""
    expected = p * observed.sum()
    return ((observed - expected).square() / expected).sum().item() / (len(p) - 1)


def test_samplers_draw_from_what_they_say():
    """64 000 draws; with 31 degrees of freedom 5 standard deviations are 1 + 5 sqrt(2/31) = 2.27."""
    model, n = random_bernoulli(std=0.7), 64_000
    x, p = exact.all_configurations(5), random_bernoulli(std=0.7).log_prob(exact.all_configurations(5)).exp().detach()
    generator = torch.Generator().manual_seed(2)
    drawn = model.exact_sample(n, generator)
    assert chi_square(counts(drawn), p) < 2.27
    start = x[13].expand(n, -1)
    one = model.gibbs(start, 1, generator)
    assert chi_square(counts(one), rbm.gibbs_kernel(model)[13]) < 2.27
    assert chi_square(counts(model.gibbs(start, 60, generator)), p) < 2.27
    assert chi_square(counts(one), p) > 5  # the statistic would notice


def test_exact_sample_draws_across_chunks(monkeypatch):
    model = random_bernoulli(std=0.7)
    monkeypatch.setattr(rbm, "CHUNK_BYTES", 8 * 14 * 3)  # three states a chunk
    assert len(list(model._sweep())) == 6
    close(model.log_partition(), joint_table(model)[2].flatten().logsumexp(0))
    drawn = model.exact_sample(64_000, torch.Generator().manual_seed(3))
    p = model.log_prob(exact.all_configurations(5)).exp().detach()
    assert chi_square(counts(drawn), p) < 2.27


def test_chunks_stay_under_their_size():
    model = rbm.BernoulliRBM(784, 25)
    unit_states, _ = next(model._sweep())
    assert unit_states.shape[0] * (25 + 2 * 784) * 4 <= rbm.CHUNK_BYTES
    assert rbm.CHUNK_BYTES * 6 < 500e6


@pytest.mark.parametrize("units", [1, 63, 64, 65, 500])
def test_sum_of_softplus_by_products_is_the_sum_of_softplus(units):
    x = 20 * torch.randn(50, units, dtype=torch.float64, generator=torch.Generator().manual_seed(units))
    close(rbm._sum_softplus(x), torch.logaddexp(x, torch.zeros(1, dtype=torch.float64)).sum(1), 1e-9)
    close(rbm._sum_softplus(x), rbm._sum_softplus(x.clone().requires_grad_()).detach(), 1e-10)


def test_twenty_hidden_units_are_summed_in_many_chunks():
    """2^20 states against two machines of 19 hidden units, in which the first unit is held off and on."""
    model = random_bernoulli(30, 20, std=0.3)
    log_z = model.log_partition().item()
    halves = []
    for on in (0.0, 1.0):  # fix the first hidden unit: a machine of 19
        half = rbm.BernoulliRBM(30, 19).double()
        with torch.no_grad():
            half.weight.copy_(model.weight[:, 1:])
            half.visible_bias.copy_(model.visible_bias + on * model.weight[:, 0])
            half.hidden_bias.copy_(model.hidden_bias[1:])
        halves.append(half.log_partition() + on * model.hidden_bias[0])
    assert torch.stack(halves).logsumexp(0).item() == pytest.approx(log_z, abs=1e-9)


def test_free_energy_against_scikit_learn():
    neural_network = pytest.importorskip("sklearn.neural_network", reason="scikit-learn is not installed")
    model = random_bernoulli(12, 7)
    reference = neural_network.BernoulliRBM(n_components=7)
    reference.components_ = model.weight.detach().T.numpy()
    reference.intercept_visible_ = model.visible_bias.detach().numpy()
    reference.intercept_hidden_ = model.hidden_bias.detach().numpy()
    x = (torch.rand(50, 12, generator=torch.Generator().manual_seed(4)) < 0.5).double()
    close(model.free_energy(x).detach(), torch.from_numpy(reference._free_energy(x.numpy())))


# Gaussian machine against quadrature


def test_gaussian_machine_against_quadrature():
    model = random_gaussian()
    h = exact.all_configurations(3)
    x, cell = grid(model)
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
    x = torch.randn(40, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    weights = (-model.hidden_free_energy(h)).softmax(0)
    covs = torch.diag(SIGMA**2).expand(len(h), 2, 2)
    close(model.log_prob(x), exact.mixture_log_prob(x, weights, model.visible_field(h), covs), 1e-10)


def test_gaussian_gradients_against_autograd():
    model = random_gaussian()
    data = torch.randn(20, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    mine = model.moments(data).minus(model.exact_moments())
    parameters = (model.weight, model.visible_bias, model.hidden_bias)
    log_z = (-model.hidden_free_energy(exact.all_configurations(3))).logsumexp(0)
    for found, wanted in zip(mine, torch.autograd.grad(model.log_prob(data, log_z).mean(), parameters), strict=True):
        close(found, wanted)


def test_gaussian_samples_have_the_exact_moments():
    model = random_gaussian()
    generator, n = torch.Generator().manual_seed(7), 40_000
    for x in (model.exact_sample(n, generator), model.gibbs(torch.zeros(n, 2, dtype=torch.float64), 80, generator)):
        wanted = model.exact_moments().visible_bias * SIGMA**2 + model.visible_bias
        z = (x.mean(0) - wanted) / (x.std(0) / n**0.5)
        assert z.abs().max() < 4


# Training


@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize("persistent", [True, False])
@pytest.mark.parametrize("make", [random_bernoulli, random_gaussian])
def test_a_step_is_data_minus_chains(make, persistent, centre):
    """The step in closed form against the gradient of the two free energies by autograd."""
    model = make()
    generator = torch.Generator().manual_seed(8)
    data = (torch.rand(9, model.visible, generator=generator) < 0.4).double()
    chains = rbm.persistent_chains(model, 7 if persistent else 0, generator)
    before = copy.deepcopy(model)
    rate, decay = 0.1, 0.02
    for _ in rbm.contrastive_divergence(
        model, [data], chains, k=2, learning_rate=rate, weight_decay=decay, centre=centre, generator=generator
    ):
        pass
    assert len(chains.visible) == (7 if persistent else 9)
    objective = before.free_energy(chains.visible).mean() - before.free_energy(data).mean()
    gradient = rbm.Moments(*torch.autograd.grad(objective, (before.weight, before.visible_bias, before.hidden_bias)))
    if centre:
        gradient = rbm.centred(gradient, before._scale(data).mean(0), before.hidden_probability(data).detach().mean(0))
    for name, direction in zip(("weight", "visible_bias", "hidden_bias"), gradient, strict=True):
        old, new = getattr(before, name).detach(), getattr(model, name).detach()
        old = old * (1 - rate * decay) if name == "weight" else old
        close(new - old, rate * direction)


def test_centred_gradient_does_not_see_which_value_is_called_one():
    """Renaming 0 and 1 of every unit maps the machine on an equal one; its centred step maps on the step."""
    model = random_bernoulli()
    flipped = copy.deepcopy(model)
    with torch.no_grad():  # x -> 1 - x, h -> 1 - h
        flipped.visible_bias.copy_(-model.visible_bias - model.weight.sum(1))
        flipped.hidden_bias.copy_(-model.hidden_bias - model.weight.sum(0))
    data = (torch.rand(30, 5, generator=torch.Generator().manual_seed(9)) < 0.3).double()
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
    generator = torch.Generator().manual_seed(10)
    model = random_bernoulli(4, 3, std=0.1, seed=2)
    start = exact.kl_divergence(p, model.log_prob(x).exp().detach()).item()
    chains = rbm.persistent_chains(model, 200, generator)
    batches = (target.exact_sample(200, generator) for _ in range(1500))
    for _ in rbm.contrastive_divergence(
        model, batches, chains, learning_rate=lambda t: 0.2 / (1 + t / 300), generator=generator
    ):
        pass
    assert chains.step == 1500
    assert exact.kl_divergence(p, model.log_prob(x).exp().detach()).item() < 0.05 * start


def test_schedules_see_the_step_number():
    model, seen = random_bernoulli(), []
    data = torch.zeros(3, 5, dtype=torch.float64)
    chains = rbm.persistent_chains(model, 0)
    for _ in rbm.contrastive_divergence(model, [data] * 3, chains, k=lambda t: seen.append(t) or 1, learning_rate=0.1):
        pass
    assert seen == [0, 1, 2]


# Annealing


def transport(model, betas, base):
    """Exact averages over the annealing process: (E[exp(-work)], E[work]), by matrices of all states."""
    x = exact.all_configurations(model.visible)
    log_f = [rbm.annealed_log_f(model, x, beta, base) for beta in betas.tolist()]
    weighted = plain = log_f[0].softmax(0)
    work = 0.0
    for r in range(1, len(betas)):
        step = log_f[r] - log_f[r - 1]
        work -= (plain @ step).item()
        kernel = rbm.gibbs_kernel(model, betas[r].item(), base)
        weighted, plain = (weighted * step.exp()) @ kernel, plain @ kernel
    return weighted.sum().item(), work


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_the_work_obeys_jarzynski_and_the_second_law(steps):
    model = random_bernoulli()
    base = torch.linspace(-1, 1, 5, dtype=torch.float64)
    betas = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    mean_exp, mean_work = transport(model, betas, base)
    found = rbm.ais(model, betas, 40_000, base_bias=base, generator=torch.Generator().manual_seed(11))
    log_ratio = (model.log_partition() - found.log_z_base).item()
    assert math.log(mean_exp) == pytest.approx(log_ratio, abs=1e-12)
    assert mean_work > -log_ratio
    z = (found.work.mean().item() - mean_work) / (found.work.std().item() / 200)
    assert abs(z) < 4  # the sampled process is the one that the matrices describe


@pytest.mark.parametrize(
    ("make", "method"), list(itertools.product([random_bernoulli, random_gaussian], [rbm.ais, rbm.reverse_ais]))
)
def test_annealing_is_right_within_honest_error_bars(make, method):
    """200 runs: the reported error against the scatter, the mean in its own error, and the coverage of two errors."""
    model = make(std=0.8)
    base = torch.full((model.visible,), 0.3, dtype=torch.float64)
    log_z = model.log_partition().item()
    betas = torch.linspace(0, 1, 41)
    runs = [
        method(model, betas, 100, base_bias=base, generator=torch.Generator().manual_seed(seed)) for seed in range(200)
    ]
    error = torch.stack([run.log_z for run in runs]) - log_z
    reported = torch.stack([run.stderr for run in runs])
    scatter = error.std()
    assert 0.8 < reported.mean() / scatter < 1.25
    assert (error.abs() < 2 * reported).double().mean() >= 0.85
    # the logarithm of an unbiased mean is off by about half its variance, the rest is chance
    assert abs(error.mean()) < scatter**2 / 2 + 4 * scatter / len(runs) ** 0.5


def test_forward_and_reverse_bracket_when_both_are_short():
    """Averages of 400 runs: below and above log Z by more than four standard errors."""
    model = random_bernoulli(8, 6, std=2.0, seed=3)
    log_z, betas = model.log_partition().item(), torch.linspace(0, 1, 3)
    generator = torch.Generator().manual_seed(12)
    low, high = (
        torch.stack([method(model, betas, 20, generator=generator).log_z for _ in range(400)])
        for method in (rbm.ais, rbm.reverse_ais)
    )
    assert low.mean() + 4 * low.std() / 20 < log_z < high.mean() - 4 * high.std() / 20


def test_base_bias_gives_the_means_of_the_data():
    data = torch.tensor([[0.0, 1.0], [0.0, 1.0], [0.0, 0.0], [0.0, 1.0]])
    close(torch.sigmoid(rbm.BernoulliRBM(2, 1).base_bias(data)), torch.tensor([1 / 6, 4 / 6]), 1e-6)
    close(rbm.GaussianBernoulliRBM(2, 1).base_bias(data), torch.tensor([0.0, 0.75]), 1e-6)


def test_parallel_tempering_samples_every_replica():
    model, n = random_bernoulli(std=1.0, seed=4), 4000
    generator = torch.Generator().manual_seed(13)
    betas = torch.tensor([0.0, 0.5, 1.0])
    base = torch.linspace(-1, 1, 5, dtype=torch.float64)
    x = exact.all_configurations(5)
    start = torch.zeros(3, n, 5, dtype=torch.float64)
    for replicas, accepted in rbm.parallel_tempering(model, betas, start, 60, base_bias=base, generator=generator):
        last = replicas, accepted
    for replica, beta in zip(last[0], betas.tolist(), strict=True):
        p = rbm.annealed_log_f(model, x, beta, base).softmax(0).detach()
        assert chi_square(counts(replica), p) < 2.27
    assert ((last[1] > 0.05) & (last[1] < 1)).all()


# Limits


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sign", [-1, 1])
def test_nothing_overflows(dtype, sign):
    model = rbm.BernoulliRBM(3, 2).to(dtype)
    with torch.no_grad():
        model.weight.fill_(sign * 1e4)
        model.visible_bias.fill_(-sign * 1e4)
        model.hidden_bias.fill_(sign * 1e4)
    x = exact.all_configurations(3, dtype=dtype)
    generator = torch.Generator().manual_seed(14)
    annealed = rbm.ais(model, torch.linspace(0, 1, 5), 4, generator=generator)
    gradient = torch.autograd.grad(model.free_energy(x).sum(), model.weight)[0]
    for value in (model.free_energy(x), model.log_partition(), model.gibbs(x, 3, generator), gradient, annealed.log_z):
        assert value.isfinite().all()
    list(rbm.contrastive_divergence(model, [x] * 3, k=2, generator=generator))
    assert all(parameter.isfinite().all() for parameter in model.parameters())
    if sign > 0:  # the largest term alone: all units on, 3 * (-1e4) + 2 * 1e4 + 6 * 1e4
        assert model.log_partition().item() == pytest.approx(5e4, abs=1500)


def test_refusals_say_what_to_do():
    model, gaussian = rbm.BernoulliRBM(5, 4), rbm.GaussianBernoulliRBM(2, 3)
    x, big = torch.zeros(2, 5), rbm.BernoulliRBM(30, 26)
    path = torch.linspace(0, 1, 3)
    refused = {
        "x has shape": lambda: model.free_energy(torch.zeros(2, 4)),
        "h has shape": lambda: model.visible_probability(torch.zeros(2, 5)),
        "x is a list": lambda: model.free_energy([[0.0] * 5]),
        "binarise it first": lambda: model.free_energy(x + 0.5),
        r"probabilities in \[0, 1\]": lambda: model.hidden_probability(x - 1),
        "x is torch.float64": lambda: model.free_energy(x.double()),
        "x has 2 rows and h has 3": lambda: model.energy(x, torch.zeros(3, 4)),
        "x is not finite": lambda: gaussian.free_energy(torch.tensor([[float("nan"), 0.0]])),
        "sigma is": lambda: rbm.GaussianBernoulliRBM(2, 3, sigma=0.0),
        "hidden is 0": lambda: rbm.BernoulliRBM(2, 0),
        "too many to enumerate": lambda: big.log_partition(),
        "reverse estimate": lambda: rbm.reverse_ais(big, path),
        "steps is -1": lambda: model.gibbs(x, -1),
        "k is 0": lambda: list(rbm.contrastive_divergence(model, [x], k=0)),
        "batches has": lambda: list(rbm.contrastive_divergence(model, [x + 2])),
        "n is -1": lambda: rbm.persistent_chains(model, -1),
        "betas is no path": lambda: rbm.ais(model, path.flip(0)),
        "chains is 1": lambda: rbm.ais(model, path, 1),
        "base_bias has shape": lambda: rbm.ais(model, path, base_bias=torch.zeros(4)),
        "takes a BernoulliRBM": lambda: rbm.gibbs_kernel(gaussian),
        "a replica each beta": lambda: next(rbm.parallel_tempering(model, path, x, 1)),
    }
    for message, call in refused.items():
        with pytest.raises(ValueError, match=message):
            call()
