"""The Ising model: energies, enumeration, Kaufman's and Onsager's results, the samplers and their errors."""

import itertools
import math
from functools import partial

import mpmath
import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.signal import lfilter
from scipy.special import ellipk

from genphys import exact
from genphys.systems import ising

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


def test_degeneracies_are_the_published_ones():
    assert ising.degeneracies(2) == {-8: 2, 0: 12, 8: 2}
    half = {32: 2, 24: 32, 20: 64, 16: 424, 12: 1728, 8: 6688, 4: 13568}
    assert ising.degeneracies(4) == {-e: n for e, n in half.items()} | {0: 20524} | half
    assert sum(ising.degeneracies(3).values()) == 2**9


@pytest.mark.parametrize(
    ("T", "digits"),
    [
        (2.0, ("17.105367", "-1.755380", "0.605533", "0.918943", "0.644811")),
        (ising.T_C, ("15.521915", "-1.565624", "0.783267", "0.843860", "0.617199")),
    ],
)
def test_observables_of_the_4x4_lattice_to_all_printed_digits(T, digits):
    o = ising.enumerate_observables(4, T)
    found = (o.log_partition, o.energy, o.heat_capacity, o.abs_magnetisation, o.binder)
    assert tuple(f"{x:.6f}" for x in found) == digits


def test_observables_are_derivatives_of_the_log_partition():
    T = torch.tensor([1.3, 2.2, 5.0], dtype=torch.float64, requires_grad=True)
    o = ising.enumerate_observables(3, T, J=random_couplings(3), field=0.4)
    (slope,) = torch.autograd.grad(o.log_partition.sum(), T, create_graph=True)
    energy = T.square() * slope / 9  # u = (T^2 / N) d ln Z / dT and c = du / dT
    (capacity,) = torch.autograd.grad(energy.sum(), T)
    torch.testing.assert_close(energy, o.energy, rtol=1e-12, atol=0)
    torch.testing.assert_close(capacity, o.heat_capacity, rtol=1e-11, atol=0)


def test_a_field_magnetises_the_lattice_as_the_derivative_of_log_z():
    T, h, step = 3.0, 0.5, 1e-4
    up, down = (ising.enumerate_observables(3, T, field=h + d).log_partition for d in (step, -step))
    p = (-ising.energy(ising.configurations(3), 1.0, h) / T).softmax(0)
    exact_m = p @ ising.magnetisation(ising.configurations(3))
    # the central difference is off by step^2 / 6 times the third derivative, of order 1
    torch.testing.assert_close(T * (up - down) / (2 * step * 9), exact_m, rtol=0, atol=1e-7)


# ------------------------------------------------------------------------------------- Kaufman and Onsager


@pytest.mark.parametrize("L", [2, 3, 4])
def test_kaufman_agrees_with_enumeration(L):
    T = torch.tensor([0.05, 0.3, 1.0, 2.0, ising.T_C, 2.5, 4.0, 50.0, 1e4], dtype=torch.float64)
    o = ising.enumerate_observables(L, T)
    torch.testing.assert_close(ising.kaufman_log_partition(L, T), o.log_partition, rtol=0, atol=1e-10)
    torch.testing.assert_close(ising.kaufman_energy(L, T), o.energy, rtol=0, atol=1e-10)
    torch.testing.assert_close(ising.kaufman_heat_capacity(L, T), o.heat_capacity, rtol=0, atol=1e-10)


def kaufman_by_the_book(L, K):
    """Kaufman's four products as printed, in arithmetic of 60 digits and more."""
    s = mpmath.sinh(2 * K)
    gamma = [2 * K + mpmath.log(mpmath.tanh(K))]
    gamma += [mpmath.acosh(s + 1 / s - mpmath.cos(mpmath.pi * k / L)) for k in range(1, 2 * L)]
    products = [
        mpmath.fprod(2 * f(L * g / 2) for g in gamma[first::2])
        for first, f in itertools.product((0, 1), (mpmath.cosh, mpmath.sinh))
    ]
    return L * L * mpmath.log(2 * s) / 2 - mpmath.log(2) + mpmath.log(mpmath.fsum(products))


@pytest.mark.parametrize(
    ("L", "T"),
    [
        (5, 1.0),
        (16, ising.T_C),
        (16, 3.0),
        (32, 2.2),
        (128, 0.5),
        (128, 2.3),
        (128, 50.0),
    ],
)
def test_kaufman_agrees_with_sixty_digits(L, T):
    with mpmath.workdps(60):
        K = 1 / mpmath.mpf(T)
        log_z = kaufman_by_the_book(L, K)
        step = mpmath.mpf(10) ** -18
        up, down = (kaufman_by_the_book(L, K + d) for d in (step, -step))
        u = -(up - down) / (2 * step * L * L)
        c = K**2 * (up - 2 * log_z + down) / (step**2 * L * L)
    # rounding: each of the 2 L terms of size L gamma is off by its last digit, the derivatives a few times more
    assert float(ising.kaufman_log_partition(L, T)) == pytest.approx(float(log_z), rel=1e-14, abs=1e-13)
    assert float(ising.kaufman_energy(L, T)) == pytest.approx(float(u), rel=1e-12)
    assert float(ising.kaufman_heat_capacity(L, T)) == pytest.approx(float(c), rel=1e-10, abs=1e-12)


def test_kaufman_at_the_critical_point_to_all_printed_digits():
    per_site = {L: f"{ising.kaufman_log_partition(L, ising.T_C) / L**2:.6f}" for L in (16, 32)}
    assert per_site == {16: "0.932196", 32: "0.930320"}
    assert f"{ising.onsager_log_partition(ising.T_C):.6f}" == "0.929695"
    assert float(ising.onsager_energy(ising.T_C)) == pytest.approx(-math.sqrt(2), abs=1e-13)


def test_kaufman_energy_is_the_derivative_of_log_z_and_stays_finite_from_cold_to_hot():
    T = torch.cat(
        [
            torch.logspace(-3, 6, 40, dtype=torch.float64),
            torch.linspace(0.5, 50, 40, dtype=torch.float64),
        ]
    )
    T.requires_grad_()
    for L in (2, 31, 128):
        (slope,) = torch.autograd.grad(ising.kaufman_log_partition(L, T).sum(), T)
        u, c = ising.kaufman_energy(L, T), ising.kaufman_heat_capacity(L, T)
        # u is a sum of terms of size max(1, T) (from d ln sinh 2K / dK), each off by its last digits
        bound = 1e-13 * T.detach().clamp(min=1)
        assert ((T.square() * slope / L**2 - u).abs() <= bound).all()
        assert (u >= -2 - 1e-12).all() and (u < 0).all() and (c > -1e-10).all()
        cold, hot = T < 0.2, (T > 1e3) & (T < 1e5)
        torch.testing.assert_close(u[cold], torch.full_like(u[cold], -2), rtol=0, atol=1e-12)
        if L > 2:  # u -> -2 K = -2 / T; two bonds between each pair change nothing at this order
            torch.testing.assert_close(u[hot] * T[hot].detach(), torch.full_like(u[hot], -2), rtol=1e-5, atol=0)


def test_kaufman_keeps_the_shape_of_the_temperature_and_works_in_inference_mode():
    T = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], dtype=torch.float64)
    u = ising.kaufman_energy(6, T)
    assert u.shape == (2, 3) and not u.requires_grad
    assert float(u[1, 2]) == float(ising.kaufman_energy(6, 6))
    with torch.inference_mode():
        assert torch.equal(ising.kaufman_energy(6, T), u)


@pytest.mark.parametrize("T", [0.1, 1.0, 2.2, 2.268, 2.27, 3.0, 100.0])
def test_onsager_agrees_with_the_textbook_integrals(T):
    K = 1 / T
    k = 2 * math.sinh(2 * K) / math.cosh(2 * K) ** 2
    integral, _ = quad(
        lambda t: math.log((1 + math.sqrt(1 - k * k * math.sin(t) ** 2)) / 2),
        0,
        math.pi / 2,
        epsabs=1e-13,
        limit=200,
    )
    log_z = math.log(2 * math.cosh(2 * K)) + integral / math.pi
    assert float(ising.onsager_log_partition(T)) == pytest.approx(log_z, abs=1e-11)
    u = -(1 + 2 / math.pi * (2 * math.tanh(2 * K) ** 2 - 1) * ellipk(k * k)) / math.tanh(2 * K)
    # ellipk takes k^2, whose last digit moves it by eps / (2 (1 - k^2))
    assert float(ising.onsager_energy(T)) == pytest.approx(u, abs=1e-12 + 1e-15 / (1 - k * k))


def test_large_lattices_approach_onsager_exponentially_away_from_the_critical_point():
    for T in (1.6, 3.2):
        extra = math.log(2) / 128**2 if ising.T_C > T else 0.0  # two ordered phases below the critical point
        finite = float(ising.kaufman_log_partition(128, T)) / 128**2 - extra
        assert finite == pytest.approx(float(ising.onsager_log_partition(T)), abs=1e-13)


def test_spontaneous_magnetisation_follows_the_low_temperature_series():
    T = 1.0
    x = math.exp(-4 / T)  # the number of ways to turn over small droplets, order by order
    series = 1 - 2 * x**2 - 8 * x**3 - 34 * x**4 - 152 * x**5 - 714 * x**6 - 3472 * x**7
    assert float(ising.spontaneous_magnetisation(T)) == pytest.approx(series, abs=20000 * x**8)
    above = ising.spontaneous_magnetisation(torch.tensor([ising.T_C + 1e-9, 3.0, 100.0], dtype=torch.float64))
    assert torch.equal(above, torch.zeros(3, dtype=torch.float64))


# ----------------------------------------------------------------------------------------------- samplers


def state_index(spins):
    flat = ((spins.flatten(-2) + 1) / 2).long()
    return flat @ (2 ** torch.arange(flat.shape[-1] - 1, -1, -1))


def assert_transitions(step, P, n=4000):
    """Compare how often each state of the 2x2 lattice went to each other one with the exact kernel P."""
    assert (n * P).min() > 10  # every count is close to normal
    start = ising.configurations(2).repeat(n, 1, 1)
    end = step(start, generator=generator(7))
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
        value, error = getattr(estimates, name), getattr(estimates, name + "_error")
        assert 0 < error < 0.02, name
        assert abs(value - getattr(exact_values, name)) < SIGMAS * error, name


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
        generator=generator(3),
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
        generator=generator(4),
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
        generator=generator(5),
        burn_in=burn_in,
        thin=thin,
        step=step,
    )
    estimates = ising.observables(spins, ising.T_C)
    assert 0 < estimates.energy_error < 0.01
    assert abs(estimates.energy - ising.kaufman_energy(16, ising.T_C)) < SIGMAS * estimates.energy_error
    capacity = ising.kaufman_heat_capacity(16, ising.T_C)
    assert abs(estimates.heat_capacity - capacity) < SIGMAS * estimates.heat_capacity_error


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
    assert torch.equal(ising.heat_bath_sweep(s, 1e-3, generator()), s)
    flipped = ising.swendsen_wang_step(s, 1e-3, generator())
    assert (ising.magnetisation(flipped).abs() == 1).all() and (flipped == -1).any()
    assert torch.equal(s, torch.ones(5, 8, 8))  # the argument is left alone
    hot = ising.heat_bath_sweep(torch.ones(100, 8, 8), 1e9, generator())
    assert abs(hot.mean()) < SIGMAS / math.sqrt(6400)


@pytest.mark.parametrize("step", [ising.heat_bath_sweep, ising.swendsen_wang_step])
def test_a_seed_fixes_the_samples_and_another_seed_changes_them(step):
    draw = partial(ising.sample, 6, 2.0, n_samples=3, n_chains=4, burn_in=5, thin=2, step=step)
    first = draw(generator=generator(1))
    assert torch.equal(first, draw(generator=generator(1)))
    assert not torch.equal(first, draw(generator=generator(2)))
    assert first.shape == (3, 4, 6, 6) and first.dtype == torch.get_default_dtype()
    small = draw(generator=generator(1), dtype=torch.int8)
    assert small.dtype == torch.int8 and torch.equal(small.float(), first)


@pytest.mark.parametrize("step", [ising.heat_bath_sweep, ising.swendsen_wang_step])
def test_a_step_returns_the_dtype_of_its_spins(step):
    for dtype in (torch.int8, torch.float32, torch.float64):
        spins = random_spins(3, 4, 4, dtype=dtype)
        result = step(spins, 2.0, generator())
        assert result.dtype == dtype and (result.abs() == 1).all() and not torch.equal(result, spins)


def test_chains_start_where_they_are_told_to():
    start = random_spins(4, 5, 5)
    frozen = ising.sample(
        5,
        1.0,
        n_samples=2,
        n_chains=4,
        generator=generator(),
        start=start,
        step=lambda s, T, g: s,
        dtype=torch.float64,
    )
    assert torch.equal(frozen, start.expand(2, 4, 5, 5))
    kept = ising.sample(
        5,
        1.0,
        n_samples=3,
        n_chains=4,
        generator=generator(),
        start=start,
        burn_in=1,
        thin=3,
        step=lambda s, T, g: -s,
    )
    assert torch.equal(kept[0].double(), start) and torch.equal(kept[1], -kept[0])  # after 4, 7 and 10 steps


# ------------------------------------------------------------------------------------ Monte Carlo errors


def autoregression(phi, n, chains, seed):
    """x_t = phi x_{t-1} + e_t, stationary from the start; rho(t) = phi^t, so tau = (1 + phi) / (1 - phi) / 2."""
    noise = np.random.default_rng(seed).standard_normal((n, chains))
    noise[0] /= math.sqrt(1 - phi**2)
    return torch.from_numpy(lfilter([1.0], [1.0, -phi], noise, axis=0))


@pytest.mark.parametrize(("phi", "chains"), [(0.0, 1), (0.5, 1), (0.9, 1), (0.9, 8), (-0.5, 1)])
def test_autocorrelation_time_of_an_autoregression(phi, chains):
    n = 40000
    exact_tau = (1 + phi) / (1 - phi) / 2
    tau = float(ising.autocorrelation_time(autoregression(phi, n, chains, seed=1).squeeze(1)))
    # Madras and Sokal 1988: the variance of tau is 2 (2 W + 1) tau^2 / n; the window leaves out phi^W of the sum
    error = exact_tau * math.sqrt(2 * (2 * 6 * max(exact_tau, 1) + 1) / (n * chains))
    assert abs(tau - exact_tau) < SIGMAS * error + exact_tau * abs(phi) ** (6 * max(exact_tau, 1))


def test_standard_errors_cover_the_true_mean():
    repeats = 300
    z = []
    for k in range(repeats):
        mean, error = ising.mean_and_error(autoregression(0.8, 2000, 2, seed=k))
        z.append(float(mean / error))
    z = torch.tensor(z)
    assert abs(z.mean()) < SIGMAS / math.sqrt(repeats)
    assert abs(z.square().mean() - 1) < SIGMAS * math.sqrt(2 / repeats)


def test_error_of_independent_values_is_the_usual_one():
    x = torch.randn(50000, generator=generator(), dtype=torch.float64)
    mean, error = ising.mean_and_error(x)
    assert float(mean) == float(x.mean())
    assert float(error) == pytest.approx(float(x.std()) / math.sqrt(50000), rel=0.05)  # tau is known to 2 %


def test_chains_that_do_not_mix_have_the_error_of_their_number():
    x = torch.tensor([1.0, -1.0] * 8).repeat(100, 1)
    _, error = ising.mean_and_error(x)
    assert float(error) >= 1 / math.sqrt(16)
    constant = torch.full((10,), 3.0)
    assert ising.mean_and_error(constant) == (3.0, 0.0) and ising.autocorrelation_time(constant) == 0.5


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
            z[name].append(float((getattr(estimates, name) - getattr(o, name)) / getattr(estimates, name + "_error")))
    for name in ALL:
        # the bias of c and U is of order 1/n, 1/sqrt(n) = 0.04 in these units, beside an error of 4 / sqrt(150) = 0.33
        scores = torch.tensor(z[name])
        assert abs(scores.mean()) < SIGMAS / math.sqrt(repeats), name
        assert abs(scores.square().mean() - 1) < SIGMAS * math.sqrt(2 / repeats), name


# ---------------------------------------------------------------------------------------------- bad input

GOOD = torch.ones(2, 4, 4)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ising.configurations(1), "L is 1, takes an integer of 2 or more"),
        (lambda: ising.configurations(5), "L is 5, takes at most 4"),
        (lambda: ising.degeneracies(2.0), r"L is 2\.0"),
        (lambda: ising.enumerate_observables(6, 2.0), "L is 6"),
        (
            lambda: ising.enumerate_observables(2, 0.0),
            r"T is 0\.0, takes a positive finite temperature",
        ),
        (
            lambda: ising.enumerate_observables(2, 1.0, J=torch.ones(5)),
            r"J has shape \(5,\).*\(8,\)",
        ),
        (lambda: ising.kaufman_log_partition(True, 1.0), "L is True"),
        (lambda: ising.kaufman_energy(0, 1.0), "L is 0"),
        (lambda: ising.kaufman_energy(4, -1.0), r"T is -1\.0"),
        (lambda: ising.kaufman_heat_capacity(4, math.inf), "T is inf"),
        (lambda: ising.onsager_log_partition(math.nan), "T is nan"),
        (lambda: ising.spontaneous_magnetisation(0), "T is 0"),
        (lambda: ising.bonds(1), "L is 1"),
        (lambda: ising.energy(torch.zeros(3, 3)), r"values other than -1 and \+1"),
        (
            lambda: ising.energy(torch.ones(3, 3, dtype=torch.bool) & False),
            r"values other than -1 and \+1",
        ),
        (
            lambda: ising.energy(torch.full((3, 3), math.nan)),
            r"values other than -1 and \+1",
        ),
        (lambda: ising.energy(torch.ones(3, 4)), r"spins is shape \(3, 4\)"),
        (lambda: ising.energy(torch.ones(4)), r"spins is shape \(4,\)"),
        (lambda: ising.energy(torch.ones(1, 1)), "L = 1"),
        (lambda: ising.energy([[1, 1], [1, 1]]), "spins is list"),
        (lambda: ising.energy(GOOD, J=torch.full((32,), math.nan)), "J is not finite"),
        (lambda: ising.energy(GOOD, field=math.inf), "field is inf"),
        (lambda: ising.energy(GOOD, field=torch.ones(4)), r"field has shape \(4,\)"),
        (lambda: ising.magnetisation(2 * GOOD), "values other than"),
        (lambda: ising.heat_bath_sweep(GOOD, 0.0, generator()), r"T is 0\.0"),
        (
            lambda: ising.heat_bath_sweep(GOOD, torch.ones(2), generator()),
            r"T has shape \(2,\)",
        ),
        (
            lambda: ising.swendsen_wang_step(GOOD, 1.0, generator(), J=-1.0),
            "negative coupling",
        ),
        (
            lambda: ising.sample(1, 1.0, n_samples=1, n_chains=1, generator=generator()),
            "L is 1",
        ),
        (
            lambda: ising.sample(4, 1.0, n_samples=0, n_chains=1, generator=generator()),
            "n_samples is 0",
        ),
        (
            lambda: ising.sample(4, 1.0, n_samples=1, n_chains=1.5, generator=generator()),
            r"n_chains is 1\.5",
        ),
        (
            lambda: ising.sample(4, 1.0, n_samples=1, n_chains=1, generator=generator(), thin=0),
            "thin is 0",
        ),
        (
            lambda: ising.sample(4, 1.0, n_samples=1, n_chains=1, generator=generator(), burn_in=-1),
            "burn_in is -1",
        ),
        (
            lambda: ising.sample(4, 1.0, n_samples=1, n_chains=3, generator=generator(), start=GOOD),
            "start has shape",
        ),
        (lambda: ising.observables(GOOD[0], 1.0), r"spins has shape \(4, 4\)"),
        (lambda: ising.observables(GOOD[:1], 1.0), "two samples or more"),
        (lambda: ising.observables(GOOD, -2.0), r"T is -2\.0"),
        (lambda: ising.autocorrelation_time(torch.ones(1)), r"series has shape \(1,\)"),
        (
            lambda: ising.mean_and_error(torch.ones(5, 2, 2)),
            r"series has shape \(5, 2, 2\)",
        ),
        (
            lambda: ising.mean_and_error(torch.tensor([1.0, math.nan])),
            "series is not finite",
        ),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
