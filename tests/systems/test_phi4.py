"""The lattice field against what is known exactly: free field, one site, two sites, identities, hybrid Monte Carlo."""

import math

import pytest
import torch

from genphys.exact.estimates import binder_cumulant, mean_and_error
from genphys.systems import phi4

KAPPA, LAM = (
    0.32,
    0.5,
)  # the couplings of the book, at the pseudo-critical point of L = 8


def rng(seed=1):
    return torch.Generator().manual_seed(seed)


def random_field(n=5, L=4, seed=2):
    return torch.randn(n, L, L, generator=rng(seed), dtype=torch.float64)


@pytest.fixture(scope="module")
def configurations():
    return phi4.sample(3000, 8, KAPPA, LAM, rng=rng())


@pytest.fixture(scope="module")
def free_field():
    return phi4.sample(4000, 6, 0.2, 0.0, rng=rng(3), trajectories=100)


def two_point(phi):
    """The correlation at each distance, averaged over the lattice."""
    return torch.fft.ifft2(phi4.structure_factor(phi)).real


def binder(phi):
    return binder_cumulant(phi4.magnetisation(phi))


def within(estimate, exact, sigmas=4):
    return ((estimate.value - exact).abs() <= sigmas * estimate.stderr).all() and (estimate.stderr > 0).all()


# The action


@pytest.mark.parametrize("L", [1, 2, 3, 4])
def test_the_action_is_the_sum_over_sites_and_bonds(L):
    phi = random_field(L=L)
    expected = torch.zeros(5, dtype=torch.float64)
    for a in range(L):
        for b in range(L):
            site = phi[:, a, b]
            expected += site**2 + LAM * (site**2 - 1) ** 2
            expected -= 2 * KAPPA * site * (phi[:, (a + 1) % L, b] + phi[:, a, (b + 1) % L])
    assert (phi4.action(phi, KAPPA, LAM) - expected).abs().max() < 1e-12


@pytest.mark.parametrize("L", [1, 2, 5])
@pytest.mark.parametrize("kappa, lam", [(0.32, 0.5), (-0.1, 0.0), (0.2, 3.0)])
def test_the_gradient_is_autograds(L, kappa, lam):
    phi = random_field(L=L).requires_grad_()
    (expected,) = torch.autograd.grad(phi4.action(phi, kappa, lam).sum(), phi)
    assert (phi4.action_gradient(phi, kappa, lam) - expected).abs().max() < 1e-12


def test_the_symmetries_keep_the_action_and_reach_every_image():
    phi, chance = random_field(1, 3), rng(4)
    images = torch.cat([phi4.symmetry_images(phi, rng=chance) for _ in range(4000)])
    assert (phi4.action(images, KAPPA, LAM) - phi4.action(phi, KAPPA, LAM)).abs().max() < 1e-12
    assert len(images.unique(dim=0)) == 9 * 8 * 2  # translations, the dihedral group, the sign


# Hybrid Monte Carlo


def test_leapfrog_is_reversible_to_rounding_and_conserves_energy_to_second_order():
    phi, momentum = random_field(50, 8), random_field(50, 8, seed=3)

    def energy(phi, momentum):
        return phi4.action(phi, KAPPA, LAM) + momentum.square().sum((1, 2)) / 2

    errors = []
    for steps in (10, 20, 40):
        end, last = phi4.leapfrog(phi, momentum, KAPPA, LAM, step_size=1 / steps, steps=steps)
        back, first = phi4.leapfrog(end, -last, KAPPA, LAM, step_size=1 / steps, steps=steps)
        assert (back - phi).abs().max() < 1e-11 and (first + momentum).abs().max() < 1e-11
        assert (end - phi).abs().max() > 0.5
        errors.append((energy(end, last) - energy(phi, momentum)).abs().mean())
    assert abs(math.log2(errors[1] / errors[2]) - 2) < 0.1


def test_leapfrog_keeps_the_volume_of_phase_space():
    def step(state):
        end = phi4.leapfrog(
            state[None, :4].reshape(1, 2, 2),
            state[None, 4:].reshape(1, 2, 2),
            KAPPA,
            LAM,
            step_size=0.3,
            steps=3,
        )
        return torch.cat([part.flatten() for part in end])

    jacobian = torch.autograd.functional.jacobian(step, random_field(1, 3).flatten()[:8])
    assert abs(torch.linalg.det(jacobian).item() - 1) < 1e-11


def test_the_mean_of_exp_minus_the_energy_error_is_one_in_equilibrium(configurations):
    phi = configurations
    _, moved = phi4.hybrid_monte_carlo(phi, KAPPA, LAM, trajectories=1, rng=rng(5), step_size=0.2, steps=5)
    weight = mean_and_error((-moved.energy_error[0]).exp())
    assert weight.stderr < 0.05 and within(weight, 1.0)
    assert 0.3 < moved.accepted.double().mean() < 0.95  # rejections that matter


def test_a_coarse_step_biases_nothing():
    """With a quarter of the trajectories rejected, the exact moments of one site come out all the same."""
    chance = rng(6)
    begun = phi4.start(20_000, 1, rng=chance)
    phi, moved = phi4.hybrid_monte_carlo(begun, 0.1, 0.5, rng=chance, trajectories=60, step_size=0.5, steps=2)
    assert moved.accepted[-20:].double().mean() < 0.97
    x = torch.linspace(-6, 6, 4001, dtype=torch.float64)
    weight = (-phi4.action(x[:, None, None], 0.1, 0.5)).exp()
    for order in (2, 4):
        exact = (weight * x**order).sum() / weight.sum()
        assert within(mean_and_error(phi[:, 0, 0] ** order), exact)


def test_the_chains_forget_their_start():
    found = []
    for start in (0.0, 1.2):
        phi = torch.full((1500, 8, 8), start, dtype=torch.float64)
        phi, _ = phi4.hybrid_monte_carlo(phi, KAPPA, LAM, trajectories=100, rng=rng(7), step_size=0.16, steps=8)
        found.append(phi4.observables(phi, KAPPA, LAM))
    for name, one in found[0].items():
        other = found[1][name]
        assert (one.value - other.value).abs() <= 4 * (one.stderr**2 + other.stderr**2).sqrt(), name


def test_chains_forget_at_the_rate_the_default_relies_on():
    """The squared magnetisation of ordered starts relaxes by e in fewer than 15 trajectories; the default is 150."""
    phi, chance, excess = torch.full((3000, 8, 8), 1.2, dtype=torch.float64), rng(8), []
    for _ in range(3):
        phi, _ = phi4.hybrid_monte_carlo(phi, KAPPA, LAM, trajectories=15, rng=chance)
        excess.append(phi4.susceptibility(phi).value - 17.3)
    assert excess[1] < excess[0] / math.e and abs(excess[2]) < 2


def test_the_same_seed_gives_the_same_chains_and_another_one_others():
    one, two, other = (phi4.sample(10, 4, KAPPA, LAM, rng=rng(s), trajectories=5) for s in (1, 1, 2))
    assert torch.equal(one, two) and (one - other).abs().max() > 0.1


# Exact references


def test_the_free_propagator_is_the_inverse_of_the_quadratic_form():
    L, kappa = 5, 0.21
    matrix = torch.autograd.functional.hessian(
        lambda phi: phi4.action(phi.reshape(1, L, L), kappa, 0.0).sum(),
        torch.zeros(L * L, dtype=torch.float64),
    )
    expected = torch.fft.ifft2(phi4.free_propagator(L, kappa)).real.flatten()
    assert (torch.linalg.inv(matrix)[0] - expected).abs().max() < 1e-12
    mass = 1 / kappa - 4
    lattice = 1 / (2 * kappa * (phi4.lattice_momentum_squared(L) + mass))
    assert (phi4.free_propagator(L, kappa) - lattice).abs().max() < 1e-12


def test_the_free_field_has_its_propagator_and_half_a_unit_of_action_a_site(free_field):
    exact = phi4.free_propagator(6, 0.2)
    assert within(mean_and_error(phi4.structure_factor(free_field)), exact)
    assert within(mean_and_error(two_point(free_field)), torch.fft.ifft2(exact).real)
    assert within(mean_and_error(phi4.action(free_field, 0.2, 0.0)), 36 / 2)  # equipartition
    assert within(phi4.correlation_length(free_field), 1.0)  # 1/m, m^2 = 1/0.2 - 4
    assert within(phi4.susceptibility(free_field), 2.5)  # 1/(2 - 8 kappa)
    assert within(binder(free_field), 0.0)


@pytest.mark.parametrize("kappa, lam", [(0.1, 0.5), (0.3, 1.0)])
def test_one_site_is_an_integral(kappa, lam):
    """On the torus of one site the neighbour is the site itself: S = (1 - 4 kappa) x^2 + lam (x^2 - 1)^2."""
    phi = phi4.sample(20_000, 1, kappa, lam, rng=rng(9), trajectories=60)
    x = torch.linspace(-6, 6, 4001, dtype=torch.float64)
    weight = (-(1 - 4 * kappa) * x**2 - lam * (x**2 - 1) ** 2).exp()
    mean = {name: (weight * f).sum() / weight.sum() for name, f in (("2", x**2), ("abs", x.abs()), ("4", x**4))}
    assert within(phi4.susceptibility(phi), mean["2"])
    assert within(mean_and_error(phi4.magnetisation(phi).abs()), mean["abs"])
    assert within(binder(phi), 1 - mean["4"] / (3 * mean["2"] ** 2))


def test_four_sites_against_a_transfer_matrix():
    """L = 2: every bond counts twice, and Z is a sum over four sites that a lattice of field values makes finite."""
    kappa, lam = 0.2, 0.5
    x = torch.linspace(-2.8, 2.8, 41, dtype=torch.float64)
    dx = x[1] - x[0]
    a, b = torch.meshgrid(x, x, indexing="ij")
    site = x**2 + lam * (x**2 - 1) ** 2
    row = (-(site[:, None] + site) / 2 + 2 * kappa * a * b).exp()  # half of a row's action: both bonds of a row
    hop = (4 * kappa * x[:, None] * x).exp()  # the two bonds between the rows
    # weight of (a, b; c, d) = row(ab)^2 row(cd)^2 hop(ac) hop(bd)
    square = row**2
    moved = hop @ square @ hop.T
    partition = (square * moved).sum() * dx**4
    phi_a_phi_b = (square * a * b * moved).sum() * dx**4 / partition
    phi_a_phi_c = (square * a * (hop @ (a * square) @ hop.T)).sum() * dx**4 / partition
    phi_a_phi_d = (square * a * (hop @ (b * square) @ hop.T)).sum() * dx**4 / partition
    phi_squared = (square * a**2 * moved).sum() * dx**4 / partition
    assert abs(phi_a_phi_b - phi_a_phi_c) < 1e-8  # the torus is symmetric, the quadrature exact
    phi = phi4.sample(20_000, 2, kappa, lam, rng=rng(10), trajectories=60)
    exact = torch.stack(
        [
            torch.stack([phi_squared, phi_a_phi_b]),
            torch.stack([phi_a_phi_c, phi_a_phi_d]),
        ]
    )
    assert within(mean_and_error(two_point(phi)), exact)


@pytest.mark.parametrize("kappa, lam, L", [(0.32, 0.5, 4), (0.1, 2.0, 4), (0.2, 0.0, 6), (0.4, 0.5, 4)])
def test_the_schwinger_dyson_identity_holds_at_every_distance(kappa, lam, L):
    phi = phi4.sample(2000, L, kappa, lam, rng=rng(11), trajectories=100, step_size=0.06, steps=16)
    exact = torch.zeros(L, L, dtype=torch.float64)
    exact[0, 0] = 1
    assert within(mean_and_error(phi4.schwinger_dyson(phi, kappa, lam)), exact)
    trace = phi4.observables(phi, kappa, lam)["schwinger_dyson"]
    assert trace.stderr < 0.03 and within(trace, 1.0)


def test_the_schwinger_dyson_identity_fails_for_another_distribution(configurations):
    wrong = phi4.observables(1.03 * configurations, KAPPA, LAM)["schwinger_dyson"]
    assert not within(wrong, 1.0, sigmas=5)


# Observables


def test_correlations_by_transform_are_the_double_sum():
    phi = random_field(2, 4)
    gradient = phi4.action_gradient(phi, KAPPA, LAM)
    for found, partner in (
        (two_point(phi), phi),
        (phi4.schwinger_dyson(phi, KAPPA, LAM), gradient),
    ):
        for a in range(4):
            for b in range(4):
                expected = (phi * partner.roll((-a, -b), (1, 2))).mean((1, 2))
                assert (found[:, a, b] - expected).abs().max() < 1e-13
    columns = phi.sum(1)
    for tau in range(4):
        expected = (columns * columns.roll(-tau, 1)).sum(1) / 16
        assert (phi4.time_slice_correlation(phi)[:, tau] - expected).abs().max() < 1e-13


def test_the_definitions_of_the_observables(configurations):
    phi = configurations[:500]
    found, m = phi4.observables(phi, KAPPA, LAM), phi.mean((1, 2))
    assert torch.allclose(phi4.magnetisation(phi), m)
    assert math.isclose(found["susceptibility"].value, 64 * m.square().mean(), rel_tol=1e-12)
    assert math.isclose(
        found["binder"].value,
        1 - (m**4).mean() / (3 * (m**2).mean() ** 2),
        rel_tol=1e-12,
    )
    assert math.isclose(found["action"].value, phi4.action(phi, KAPPA, LAM).mean() / 64, rel_tol=1e-12)
    assert math.isclose(found["square"].value, phi.square().mean(), rel_tol=1e-12)


def test_a_field_without_long_waves_has_no_correlation_length():
    phi = random_field(10, 4)
    assert "correlation_length" not in phi4.observables(phi - phi.mean((1, 2), keepdim=True), KAPPA, LAM)


def test_errors_of_functions_of_means_are_the_spread_of_repetitions(configurations):
    parts = configurations.reshape(50, 60, 8, 8)
    for function in (binder, phi4.correlation_length):
        estimates = [function(part) for part in parts]
        spread = torch.stack([e.value for e in estimates]).std()
        stated = torch.stack([e.stderr for e in estimates]).median()
        assert abs(spread / stated - 1) < 4 / math.sqrt(2 * 49)  # the error of a standard deviation of 50


def test_the_couplings_of_the_book_lie_midway(configurations):
    found = phi4.observables(configurations, KAPPA, LAM)
    assert 0.35 < found["binder"].value < 0.5 and 3 < found["correlation_length"].value < 4.5


def test_a_sample_is_the_end_of_the_chains_that_the_start_begins():
    chance = rng(12)
    begun = phi4.start(10, 4, rng=chance)
    ended, moved = phi4.hybrid_monte_carlo(begun, KAPPA, LAM, rng=chance, trajectories=3)
    assert torch.equal(ended, phi4.sample(10, 4, KAPPA, LAM, rng=rng(12), trajectories=3))
    assert moved.accepted.shape == moved.energy_error.shape == (3, 10)


ONE, WIDE = torch.zeros(1, 4, 4), torch.zeros(1, 4, 5)
CHECKERED = torch.eye(2)[None].expand(3, 2, 2) - 0.5


@pytest.mark.parametrize(
    ("function", "given", "options", "words"),
    [
        ("action", (torch.zeros(3, 4), 0.1, 0.1), {}, r"phi is a tensor of shape \(3, 4\)"),
        ("action", (WIDE, 0.1, 0.1), {}, r"phi is a tensor of shape \(1, 4, 5\)"),
        ("action", (torch.zeros(0, 4, 4), 0.1, 0.1), {}, r"phi is a tensor of shape \(0, 4, 4\)"),
        ("action", (ONE.long(), 0.1, 0.1), {}, "takes a floating tensor"),
        ("action_gradient", (ONE, math.nan, 0.1), {}, "kappa is nan"),
        ("action_gradient", (ONE, 0.1, -0.1), {}, "lam is -0.1"),
        ("free_propagator", (4, 0.25), {}, "kappa is 0.25"),
        ("free_propagator", (0, 0.1), {}, "L is 0"),
        ("lattice_momentum_squared", (0,), {}, "L is 0"),
        ("leapfrog", (ONE, WIDE, 0, 0), {"step_size": 0.1, "steps": 1}, "momentum is"),
        ("leapfrog", (ONE, ONE, 0, 0), {"step_size": 0.1, "steps": 0}, "steps is 0"),
        ("hybrid_monte_carlo", (ONE, 0, 0), {"trajectories": 0, "rng": rng()}, "trajectories is 0"),
        ("sample", (2, 4, 0, 0), {"rng": rng(), "step_size": -1.0}, "step_size is -1.0"),
        ("sample", (2, 4, 0, 0), {"rng": rng(), "step": 0.1}, "step is now called step_size"),
        ("sample", (500, 2, 0.1, 40.0), {"rng": rng(), "trajectories": 20, "step_size": 0.5}, "never left their start"),
        ("sample", (0, 4, 0, 0), {"rng": rng()}, "n is 0"),
        ("sample", (4, 2.5, 0, 0), {"rng": rng()}, "L is 2.5"),
        ("susceptibility", (torch.ones(1, 2, 2),), {}, "2 rows or more"),
        ("correlation_length", (torch.ones(3, 1, 1),), {}, "phi .*a side of at least 2"),
        ("correlation_length", (CHECKERED,), {}, "no correlation length"),
        ("symmetry_images", (torch.zeros(2, 2),), {"rng": rng()}, "phi is a tensor of shape"),
    ],
)
def test_bad_input_is_named(function, given, options, words):
    with pytest.raises(ValueError, match=words):
        getattr(phi4, function)(*given, **options)
