"""The Ising model: energies, enumeration, and the samplers against both and against Kaufman."""

import itertools
import math
from functools import partial

import pytest
import torch

from genphys import exact
from genphys.systems import ising, onsager

SIGMAS = 4  # standard errors that a Monte Carlo mean may be off; the seeds are fixed
TEMPERATURES = (1.5, ising.T_C, 4.0)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def random_spins(*shape, seed=0, dtype=torch.float64):
    return torch.randint(0, 2, shape, generator=generator(seed)).mul(2).sub(1).to(dtype)


def random_couplings(L, seed=0):
    return torch.rand(2 * L * L, generator=generator(seed), dtype=torch.float64) + 0.2


# ---------------------------------------------------------------------------------------------- energies


def energy_by_loops(s, J, field):
    L = len(s)
    total = 0.0
    for i in range(L):
        for j in range(L):
            total -= J[i * L + j] * s[i][j] * s[i][(j + 1) % L]
            total -= J[L * L + i * L + j] * s[i][j] * s[(i + 1) % L][j]
            total -= field * s[i][j]
    return total


@pytest.mark.parametrize("L", [2, 3, 5])
def test_energy_is_that_of_a_double_loop(L):
    spins, J = random_spins(3, 2, L, L, seed=L), random_couplings(L)
    expected = [[energy_by_loops(s.tolist(), J.tolist(), -0.3) for s in row] for row in spins]
    torch.testing.assert_close(
        ising.energy(spins, J, -0.3),
        torch.tensor(expected, dtype=torch.float64),
        rtol=0,
        atol=1e-12,
    )
    expected = [[energy_by_loops(s.tolist(), [1.5] * (2 * L * L), 0.0) for s in row] for row in spins]
    torch.testing.assert_close(
        ising.energy(spins, 1.5), torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("dtype", [torch.int8, torch.int64, torch.float16, torch.bfloat16, torch.float32])
def test_energy_and_magnetisation_are_exact_in_every_dtype(dtype):
    spins = random_spins(7, 48, 48, seed=1)
    result = ising.energy(spins.to(dtype))
    assert result.dtype == (torch.float32 if dtype == torch.float32 else torch.float64)
    assert torch.equal(result.double(), ising.energy(spins))
    torch.testing.assert_close(
        ising.magnetisation(spins.to(dtype)).double(),
        spins.mean((1, 2)),
        rtol=0,
        atol=1e-7,
    )


def test_a_uniform_lattice_has_the_energy_of_its_bonds():
    assert ising.energy(torch.ones(6, 6), 1.0, 0.5) == -2 * 36 - 0.5 * 36
    assert ising.magnetisation(-torch.ones(6, 6)) == -1


@pytest.mark.parametrize("L", [2, 3, 4])
def test_bonds_pair_products_and_energy_agree(L):
    pairs, spins, J = ising.bonds(L), random_spins(9, L, L, seed=2), random_couplings(L)
    flat = spins.flatten(1)
    assert pairs.shape == (2 * L * L, 2)
    assert torch.equal(ising.pair_products(spins), flat[:, pairs[:, 0]] * flat[:, pairs[:, 1]])
    torch.testing.assert_close(ising.energy(spins, J), -ising.pair_products(spins) @ J, rtol=0, atol=1e-12)
    assert torch.equal(pairs.flatten().bincount(), torch.full((L * L,), 4))  # each site ends four bonds


def test_energy_is_differentiable_in_the_couplings():
    spins, J = random_spins(4, 3, 3), random_couplings(3).requires_grad_()
    (gradient,) = torch.autograd.grad(ising.energy(spins, J).sum(), J)
    torch.testing.assert_close(gradient, -ising.pair_products(spins).sum(0))


# ------------------------------------------------------------------------------------------- enumeration


def test_configurations_are_all_different():
    for L in (2, 3, 4):
        spins = ising.configurations(L)
        assert spins.shape == (2 ** (L * L), L, L)
        weight = 2 ** torch.arange(L * L - 1, -1, -1)
        assert torch.equal(((spins.flatten(1) + 1) / 2).long() @ weight, torch.arange(2 ** (L * L)))


def degeneracies(L):
    level, count = ising.energy(ising.configurations(L)).unique(return_counts=True)
    return dict(zip(level.int().tolist(), count.tolist(), strict=True))


def test_degeneracies_are_the_published_ones():
    assert degeneracies(2) == {-8: 2, 0: 12, 8: 2}
    half = {32: 2, 24: 32, 20: 64, 16: 424, 12: 1728, 8: 6688, 4: 13568}
    assert degeneracies(4) == {-e: n for e, n in half.items()} | {0: 20524} | half
    assert sum(degeneracies(3).values()) == 2**9


@pytest.mark.parametrize(
    ("T", "digits"),
    [
        (2.0, ("17.105367", "-1.755380", "0.605533", "0.918943", "0.644811")),
        (ising.T_C, ("15.521915", "-1.565624", "0.783267", "0.843860", "0.617199")),
    ],
)
def test_observables_of_the_4x4_lattice_to_all_printed_digits(T, digits):
    found = ising.enumerate_observables(4, T)
    names = ("log_partition", "energy", "heat_capacity", "abs_magnetisation", "binder")
    assert tuple(f"{found[name].value:.6f}" for name in names) == digits
    assert all(estimate.stderr == 0 for estimate in found.values())


def test_observables_are_derivatives_of_the_log_partition():
    T = torch.tensor([1.3, 2.2, 5.0], dtype=torch.float64, requires_grad=True)
    o = ising.enumerate_observables(3, T, J=random_couplings(3), field=0.4)
    (slope,) = torch.autograd.grad(o["log_partition"].value.sum(), T, create_graph=True)
    energy = T.square() * slope / 9  # u = (T^2 / N) d ln Z / dT and c = du / dT
    (capacity,) = torch.autograd.grad(energy.sum(), T)
    torch.testing.assert_close(energy, o["energy"].value, rtol=1e-12, atol=0)
    torch.testing.assert_close(capacity, o["heat_capacity"].value, rtol=1e-11, atol=0)


def test_a_field_magnetises_the_lattice_as_the_derivative_of_log_z():
    T, h, step = 3.0, 0.5, 1e-4
    up, down = (ising.enumerate_observables(3, T, field=h + d)["log_partition"].value for d in (step, -step))
    p = (-ising.energy(ising.configurations(3), 1.0, h) / T).softmax(0)
    exact_m = p @ ising.magnetisation(ising.configurations(3))
    # the central difference is off by step^2 / 6 times the third derivative, of order 1
    torch.testing.assert_close(T * (up - down) / (2 * step * 9), exact_m, rtol=0, atol=1e-7)


# ----------------------------------------------------------------------------------------------- samplers


def state_index(spins):
    flat = ((spins.flatten(-2) + 1) / 2).long()
    return flat @ (2 ** torch.arange(flat.shape[-1] - 1, -1, -1))


def assert_transitions(step, P, n=4000):
    """Compare how often each state of the 2x2 lattice went to each other one with the exact kernel P."""
    assert (n * P).min() > 10  # every count is close to normal
    start = ising.configurations(2).repeat(n, 1, 1)
    end = step(start, rng=generator(7))
    count = (state_index(start) * 16 + state_index(end)).bincount(minlength=256).view(16, 16)
    assert ((count - n * P) / (n * P * (1 - P)).sqrt()).abs().max() < 4.5  # the largest of 256
    chi2, degrees = ((count - n * P).square() / (n * P)).sum(), 16 * 15
    assert (chi2 - degrees).abs() < SIGMAS * math.sqrt(2 * degrees)


def test_heat_bath_sweep_has_the_exact_kernel_of_its_conditionals():
    T, J, field = 10.0, random_couplings(2), 0.3
    log_p = -ising.energy(ising.configurations(2), J, field) / T
    p, site = log_p.softmax(0), exact.single_site_kernels(log_p)
    for kernel in site:  # one site alone keeps detailed balance, so p is stationary
        assert exact.detailed_balance_violation(kernel, p) < 1e-15
    sweep = site[0] @ site[3] @ site[1] @ site[2]  # the black sites, then the white ones
    torch.testing.assert_close(p @ sweep, p, rtol=0, atol=1e-15)
    assert exact.detailed_balance_violation(sweep, p) > 1e-3  # an order of the updates is not reversible
    assert_transitions(partial(ising.heat_bath_sweep, T=T, J=J, field=field), sweep)


def swendsen_wang_kernel(J, T):
    """The transition matrix of the 2x2 lattice: sum over the 2^8 bond patterns and the coins of their clusters."""
    pairs, states = (
        ising.bonds(2).tolist(),
        ising.configurations(2).flatten(1).long().tolist(),
    )
    index = {tuple(s): n for n, s in enumerate(states)}
    P = torch.zeros(16, 16, dtype=torch.float64)
    for n, s in enumerate(states):
        for pattern in itertools.product((0, 1), repeat=8):
            weight, cluster = 1.0, list(range(4))
            for is_open, (i, j), coupling in zip(pattern, pairs, J.tolist(), strict=True):
                p_open = 1 - math.exp(-2 * coupling / T) if s[i] == s[j] else 0.0
                weight *= p_open if is_open else 1 - p_open
                if is_open:
                    cluster = [cluster[i] if c == cluster[j] else c for c in cluster]
            if weight == 0:
                continue
            names = sorted(set(cluster))
            for coins in itertools.product((-1, 1), repeat=len(names)):
                flip = dict(zip(names, coins, strict=True))
                P[
                    n,
                    index[tuple(x * flip[c] for x, c in zip(s, cluster, strict=True))],
                ] += weight / 2 ** len(names)
    return P


def test_swendsen_wang_step_has_the_exact_kernel_of_its_clusters():
    T, J = 10.0, random_couplings(2)
    P = swendsen_wang_kernel(J, T)
    p = (-ising.energy(ising.configurations(2), J) / T).softmax(0)
    assert exact.detailed_balance_violation(P, p) < 1e-15
    torch.testing.assert_close(exact.stationary_distribution(P), p, rtol=0, atol=1e-13)
    assert_transitions(partial(ising.swendsen_wang_step, T=T, J=J), P)


def assert_estimates(estimates, exact_values, names):
    for name in names:
        value, stderr = estimates[name]
        assert 0 < stderr < 0.02, name
        assert abs(value - exact_values[name].value) < SIGMAS * stderr, name


ALL = ("energy", "heat_capacity", "abs_magnetisation", "binder")


@pytest.mark.parametrize("T", TEMPERATURES)
@pytest.mark.parametrize("L", [3, 4])
@pytest.mark.parametrize("step", [ising.heat_bath_sweep, ising.swendsen_wang_step])
def test_samplers_agree_with_enumeration(step, L, T):
    spins = ising.sample(
        L,
        T,
        n_samples=200,
        n_chains=200,
        rng=generator(3),
        burn_in=100,
        step=step,
    )
    assert_estimates(ising.observables(spins, T), ising.enumerate_observables(L, T), ALL)


def test_heat_bath_in_a_field_with_couplings_agrees_with_enumeration():
    L, T, J, h = 4, 2.5, random_couplings(4), 0.2
    step = partial(ising.heat_bath_sweep, J=J, field=h)
    spins = ising.sample(
        L,
        T,
        n_samples=200,
        n_chains=100,
        rng=generator(4),
        burn_in=100,
        step=step,
    )
    found = ising.observables(spins, T, J=J, field=h)
    assert_estimates(found, ising.enumerate_observables(L, T, J=J, field=h), ALL)


@pytest.mark.parametrize(
    ("step", "burn_in", "n_samples", "thin"),
    [(ising.swendsen_wang_step, 50, 150, 1), (ising.heat_bath_sweep, 600, 300, 4)],
)
def test_samplers_agree_with_kaufman_at_the_critical_point(step, burn_in, n_samples, thin):
    spins = ising.sample(
        16,
        ising.T_C,
        n_samples=n_samples,
        n_chains=40,
        rng=generator(5),
        burn_in=burn_in,
        thin=thin,
        step=step,
    )
    u, c, *_ = ising.observables(spins, ising.T_C).values()
    assert 0 < u.stderr < 0.01
    assert abs(u.value - onsager.kaufman_energy(16, ising.T_C)) < SIGMAS * u.stderr
    assert abs(c.value - onsager.kaufman_heat_capacity(16, ising.T_C)) < SIGMAS * c.stderr


def test_clusters_are_those_of_a_search_from_site_to_site():
    L, n = 9, 6
    u = torch.rand(2, n, L, L, generator=generator(6))
    for density in (0.2, 0.5, 0.9):
        right, down = u < density
        label = ising._clusters(right, down).view(n, L * L)
        pairs = ising.bonds(L)
        for k in range(n):
            opened = torch.cat([right[k].flatten(), down[k].flatten()])
            neighbours = [set() for _ in range(L * L)]
            for i, j in pairs[opened].tolist():
                neighbours[i].add(j)
                neighbours[j].add(i)
            expected = [None] * (L * L)
            for seed in range(L * L):
                todo = [seed] if expected[seed] is None else []
                while todo:
                    i = todo.pop()
                    if expected[i] is None:
                        expected[i] = k * L * L + seed
                        todo.extend(neighbours[i])
            assert label[k].tolist() == expected


def test_no_bond_joins_two_sites_of_one_colour():
    for L in range(2, 9):
        colour, pairs = ising._colours(L, None).flatten(), ising.bonds(L)
        assert (colour[pairs[:, 0]] != colour[pairs[:, 1]]).all()
        assert int(colour.max()) + 1 == 2 + L % 2


def test_cold_and_hot_limits_of_the_updates():
    s = torch.ones(5, 8, 8)
    assert torch.equal(ising.heat_bath_sweep(s, 1e-3, rng=generator()), s)
    flipped = ising.swendsen_wang_step(s, 1e-3, rng=generator())
    assert (ising.magnetisation(flipped).abs() == 1).all() and (flipped == -1).any()
    assert torch.equal(s, torch.ones(5, 8, 8))  # the argument is left alone
    hot = ising.heat_bath_sweep(torch.ones(100, 8, 8), 1e9, rng=generator())
    assert abs(hot.mean()) < SIGMAS / math.sqrt(6400)


@pytest.mark.parametrize("step", [ising.heat_bath_sweep, ising.swendsen_wang_step])
def test_a_seed_fixes_the_samples_and_another_seed_changes_them(step):
    draw = partial(ising.sample, 6, 2.0, n_samples=3, n_chains=4, burn_in=5, thin=2, step=step)
    first = draw(rng=generator(1))
    assert torch.equal(first, draw(rng=generator(1)))
    assert not torch.equal(first, draw(rng=generator(2)))
    assert first.shape == (3, 4, 6, 6) and first.dtype == torch.get_default_dtype()
    small = draw(rng=generator(1), dtype=torch.int8)
    assert small.dtype == torch.int8 and torch.equal(small.float(), first)


@pytest.mark.parametrize("step", [ising.heat_bath_sweep, ising.swendsen_wang_step])
def test_a_step_returns_the_dtype_of_its_spins(step):
    for dtype in (torch.int8, torch.float32, torch.float64):
        spins = random_spins(3, 4, 4, dtype=dtype)
        result = step(spins, 2.0, rng=generator())
        assert result.dtype == dtype and (result.abs() == 1).all() and not torch.equal(result, spins)


def test_chains_start_where_they_are_told_to():
    start = random_spins(4, 5, 5)
    frozen = ising.sample(
        5,
        1.0,
        n_samples=2,
        n_chains=4,
        rng=generator(),
        start=start,
        step=lambda s, T, rng: s,
        dtype=torch.float64,
    )
    assert torch.equal(frozen, start.expand(2, 4, 5, 5))
    kept = ising.sample(
        5,
        1.0,
        n_samples=3,
        n_chains=4,
        rng=generator(),
        start=start,
        burn_in=1,
        thin=3,
        step=lambda s, T, rng: -s,
    )
    assert torch.equal(kept[0].double(), start) and torch.equal(kept[1], -kept[0])  # after 4, 7 and 10 steps


def test_errors_of_the_observables_have_unit_z_scores():
    T, n, repeats = 2.4, 600, 150
    states = ising.configurations(3)
    p = (-ising.energy(states) / T).softmax(0)
    o = ising.enumerate_observables(3, T)
    g = generator(8)
    z = {name: [] for name in ALL}
    for _ in range(repeats):  # independent samples from the enumerated distribution
        estimates = ising.observables(states[p.multinomial(n, replacement=True, generator=g)], T)
        for name in ALL:
            z[name].append(float((estimates[name].value - o[name].value) / estimates[name].stderr))
    for name in ALL:
        # the bias of c and U is of order 1/n, 1/sqrt(n) = 0.04 in these units, beside an error of 4 / sqrt(150) = 0.33
        scores = torch.tensor(z[name])
        assert abs(scores.mean()) < SIGMAS / math.sqrt(repeats), name
        assert abs(scores.square().mean() - 1) < SIGMAS * math.sqrt(2 / repeats), name


GOOD = torch.ones(2, 4, 4)
CHAINS = {"n_samples": 1, "n_chains": 1, "rng": generator()}


@pytest.mark.parametrize(
    ("function", "given", "options", "words"),
    [
        ("configurations", (1,), {}, "L is 1, takes a whole number, 2 or more, at most 4"),
        ("configurations", (5,), {}, "L is 5"),
        ("enumerate_observables", (6, 2.0), {}, "L is 6"),
        ("enumerate_observables", (2.0, 2.0), {}, r"L is 2\.0"),
        ("enumerate_observables", (2, 0.0), {}, r"T is 0\.0, takes a finite number above 0"),
        ("enumerate_observables", (2, 1.0), {"J": torch.ones(5)}, r"J is a tensor of shape \(5,\).*\(8,\) for L = 2"),
        ("bonds", (1,), {}, "L is 1"),
        ("energy", (torch.zeros(3, 3),), {}, r"spins .*takes .*values in \{-1, 1\}"),
        ("energy", (torch.zeros(3, 3, dtype=torch.bool),), {}, r"values in \{-1, 1\}"),
        ("energy", (torch.full((3, 3), math.nan),), {}, "spins .*not finite"),
        ("energy", (torch.ones(3, 4),), {}, r"spins is a tensor of shape \(3, 4\).*\(..., L, L\)"),
        ("energy", (torch.ones(4),), {}, r"spins is a tensor of shape \(4,\)"),
        ("energy", (torch.ones(1, 1),), {}, "spins .*L of 2 or more"),
        ("energy", ([[1, 1], [1, 1]],), {}, "spins is \\[\\[1"),
        ("energy", (GOOD,), {"J": torch.full((32,), math.nan)}, "J .*not finite"),
        ("energy", (GOOD,), {"field": math.inf}, "field is inf"),
        ("energy", (GOOD,), {"field": torch.ones(4)}, r"field is a tensor of shape \(4,\)"),
        ("magnetisation", (2 * GOOD,), {}, r"spins .*values in \{-1, 1\}"),
        ("heat_bath_sweep", (GOOD, 0.0), {"rng": generator()}, r"T is 0\.0"),
        ("heat_bath_sweep", (GOOD, torch.ones(2)), {"rng": generator()}, r"T is a tensor of shape \(2,\)"),
        ("swendsen_wang_step", (GOOD, 1.0), {"J": -1.0, "rng": generator()}, "J .*negative coupling"),
        ("sample", (1, 1.0), CHAINS, "L is 1"),
        ("sample", (4, 1.0), CHAINS | {"n_samples": 0}, "n_samples is 0"),
        ("sample", (4, 1.0), CHAINS | {"n_chains": 1.5}, r"n_chains is 1\.5"),
        ("sample", (4, 1.0), CHAINS | {"thin": 0}, "thin is 0"),
        ("sample", (4, 1.0), CHAINS | {"burn_in": -1}, "burn_in is -1"),
        ("sample", (4, 1.0), CHAINS | {"n_chains": 3, "start": GOOD}, r"start .*\(3, 4, 4\)"),
        ("observables", (GOOD[0], 1.0), {}, r"spins is a tensor of shape \(4, 4\)"),
        ("observables", (GOOD[:1], 1.0), {}, "two samples or more"),
        ("observables", (GOOD, -2.0), {}, r"T is -2\.0"),
    ],
)
def test_bad_input_is_named(function, given, options, words):
    with pytest.raises(ValueError, match=words):
        getattr(ising, function)(*given, **options)
