"""Kaufman's results against enumeration, sixty digits, textbook integrals and sampling."""

import itertools
import math

import mpmath
import pytest
import torch
from scipy.integrate import quad
from scipy.special import ellipk

from genphys.systems import ising, onsager


@pytest.mark.parametrize("L", [2, 3, 4])
def test_kaufman_agrees_with_enumeration(L):
    T = torch.tensor([0.05, 0.3, 1.0, 2.0, ising.T_C, 2.5, 4.0, 50.0, 1e4], dtype=torch.float64)
    found = ising.enumerate_observables(L, T)
    for name in ("log_partition", "energy", "heat_capacity"):
        exact = getattr(onsager, f"kaufman_{name}")(L, T)
        torch.testing.assert_close(exact, found[name].value, rtol=0, atol=1e-10)


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
    assert float(onsager.kaufman_log_partition(L, T)) == pytest.approx(float(log_z), rel=1e-14, abs=1e-13)
    assert float(onsager.kaufman_energy(L, T)) == pytest.approx(float(u), rel=1e-12)
    assert float(onsager.kaufman_heat_capacity(L, T)) == pytest.approx(float(c), rel=1e-10, abs=1e-12)


def test_kaufman_at_the_critical_point_to_all_printed_digits():
    per_site = {L: f"{onsager.kaufman_log_partition(L, ising.T_C) / L**2:.6f}" for L in (16, 32)}
    assert per_site == {16: "0.932196", 32: "0.930320"}


def test_kaufman_energy_is_the_derivative_of_log_z_and_stays_finite_from_cold_to_hot():
    T = torch.cat(
        [
            torch.logspace(-3, 6, 40, dtype=torch.float64),
            torch.linspace(0.5, 50, 40, dtype=torch.float64),
        ]
    )
    T.requires_grad_()
    for L in (2, 31, 128):
        (slope,) = torch.autograd.grad(onsager.kaufman_log_partition(L, T).sum(), T)
        u, c = onsager.kaufman_energy(L, T), onsager.kaufman_heat_capacity(L, T)
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
    u = onsager.kaufman_energy(6, T)
    assert u.shape == (2, 3) and not u.requires_grad
    assert float(u[1, 2]) == float(onsager.kaufman_energy(6, 6))
    with torch.inference_mode():
        assert torch.equal(onsager.kaufman_energy(6, T), u)


@pytest.mark.parametrize("T", [1.6, 3.2])
def test_large_lattices_approach_onsagers_integrals_exponentially_away_from_the_critical_point(T):
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
    extra = math.log(2) / 128**2 if ising.T_C > T else 0.0  # two ordered phases below the critical point
    assert float(onsager.kaufman_log_partition(128, T)) / 128**2 - extra == pytest.approx(log_z, abs=1e-13)
    u = -(1 + 2 / math.pi * (2 * math.tanh(2 * K) ** 2 - 1) * ellipk(k * k)) / math.tanh(2 * K)
    assert float(onsager.kaufman_energy(128, T)) == pytest.approx(u, abs=1e-12)


@pytest.mark.parametrize("L", [2, 3, 4])
@pytest.mark.parametrize("T", [1.0, ising.T_C, 10.0])
def test_the_distribution_of_the_magnetisation_agrees_with_enumeration(L, T):
    spins = ising.configurations(L)
    p = (-ising.energy(spins) / T).softmax(0)
    up = ((ising.magnetisation(spins) + 1) / 2 * L * L).round().long()
    expected = torch.zeros(L * L + 1, dtype=torch.float64).index_add(0, up, p)
    m, found = onsager.magnetisation_distribution(L, T)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(m, torch.arange(L * L + 1, dtype=torch.float64) * 2 / (L * L) - 1)


def test_the_distribution_of_the_magnetisation_has_its_symmetry_and_limits():
    p = onsager.magnetisation_distribution(7, 2.5)[1]
    torch.testing.assert_close(p, p.flip(0), rtol=0, atol=1e-13)
    hot = onsager.magnetisation_distribution(6, 1e7)[1]  # free spins: a binomial distribution
    binomial = torch.tensor([math.comb(36, n) / 2**36 for n in range(37)], dtype=torch.float64)
    torch.testing.assert_close(hot, binomial, rtol=0, atol=1e-7)
    cold = onsager.magnetisation_distribution(6, 0.2)[1]
    torch.testing.assert_close(cold[[0, -1]], torch.tensor([0.5, 0.5], dtype=torch.float64), rtol=0, atol=1e-12)


def test_the_distribution_of_the_magnetisation_agrees_with_cluster_sampling():
    L, T, chains = 8, 2.4, 500
    s = ising.sample(L, T, n_samples=20, n_chains=chains, rng=torch.Generator().manual_seed(1), burn_in=40, thin=4)
    per_chain = ising.magnetisation(s.double()).abs().mean(0)  # chains are independent
    m, p = onsager.magnetisation_distribution(L, T)
    assert abs(per_chain.mean() - p @ m.abs()) < 4 * per_chain.std() / math.sqrt(chains)


@pytest.mark.parametrize(
    ("function", "given", "words"),
    [
        ("kaufman_log_partition", (True, 1.0), "L is True"),
        ("kaufman_energy", (0, 1.0), "L is 0"),
        ("kaufman_energy", (4, -1.0), r"T is -1\.0"),
        ("kaufman_heat_capacity", (4, math.inf), "T is inf"),
        ("kaufman_log_partition", (4, math.nan), "T is nan"),
        ("kaufman_energy", (4, torch.tensor([1.0, -1.0])), "T is a tensor"),
        ("magnetisation_distribution", (9, 2.0), "L is 9, takes a whole number, 2 or more, at most 8"),
        ("magnetisation_distribution", (1, 2.0), "L is 1"),
        ("magnetisation_distribution", (4, 0.0), "T is 0"),
    ],
)
def test_bad_input_is_named(function, given, words):
    with pytest.raises(ValueError, match=words):
        getattr(onsager, function)(*given)
