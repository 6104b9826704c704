"""Annealing, tempering and the exact kernel against matrices of all configurations."""

import itertools
import math

import pytest
import torch
from machines import binary, chi_square, close, counts, joint_table, random_bernoulli, random_gaussian, rng

from genphys import exact, rbm
from genphys.rbm import annealing


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


@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("make", [random_bernoulli, random_gaussian])
def test_the_plain_work_and_the_fused_one_are_equal(make, direction):
    model, betas = make(), torch.linspace(0, 1, 12)
    betas = betas if direction == "forward" else betas.flip(0)
    base, x = torch.full((model.visible,), 0.3, dtype=torch.float64), binary(50, model.visible)
    plain = rbm.annealing_work(model, x, betas, base_bias=base, rng=rng(5))
    fused = annealing.annealing_work_fused(model, x, betas, base_bias=base, rng=rng(5))
    close(fused, plain)
    assert plain.std() > 0.1


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_the_work_obeys_jarzynski_and_the_second_law(steps):
    model = random_bernoulli()
    base = torch.linspace(-1, 1, 5, dtype=torch.float64)
    betas = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    mean_exp, mean_work = transport(model, betas, base)
    found = rbm.ais(model, betas, 40_000, base_bias=base, rng=rng(11))
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
    runs = [method(model, betas, 100, base_bias=base, rng=rng(seed)) for seed in range(200)]
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
    chance = rng(12)
    low, high = (
        torch.stack([method(model, betas, 20, rng=chance).log_z for _ in range(400)])
        for method in (rbm.ais, rbm.reverse_ais)
    )
    assert low.mean() + 4 * low.std() / 20 < log_z < high.mean() - 4 * high.std() / 20


def test_parallel_tempering_samples_every_replica():
    model, n = random_bernoulli(std=1.0, seed=4), 4000
    chance = rng(13)
    betas = torch.tensor([0.0, 0.5, 1.0])
    base = torch.linspace(-1, 1, 5, dtype=torch.float64)
    x = exact.all_configurations(5)
    start = torch.zeros(3, n, 5, dtype=torch.float64)
    for replicas, accepted in rbm.parallel_tempering(model, betas, start, 60, base_bias=base, rng=chance):
        last = replicas, accepted
    for replica, beta in zip(last[0], betas.tolist(), strict=True):
        p = rbm.annealed_log_f(model, x, beta, base).softmax(0).detach()
        assert chi_square(counts(replica), p) < 2.27
    assert ((last[1] > 0.05) & (last[1] < 1)).all()
