"""The partition function of the lattice field: two exact corners, and work that leads away from one of them."""

import math

import pytest
import torch

from genphys import flows
from genphys.exact.estimates import mean_and_error
from genphys.systems import phi4, phi4_partition


def rng(seed=1):
    return torch.Generator().manual_seed(seed)


def on_a_grid(kappa, lam):
    """log Z of 2 x 2 sites by a sum over four dimensions."""
    line = torch.linspace(-3.3, 3.3, 25, dtype=torch.float64)
    fields = torch.cartesian_prod(line, line, line, line).view(-1, 2, 2)
    return (-phi4.action(fields, kappa, lam)).logsumexp(0) + 4 * (line[1] - line[0]).log()


def test_the_free_field_is_a_gaussian_integral():
    matrix = torch.autograd.functional.hessian(
        lambda f: phi4.action(f.view(1, 4, 4), 0.17, 0.0).sum(), torch.zeros(16, dtype=torch.float64)
    )
    exact = 8 * math.log(2 * math.pi) - torch.linalg.slogdet(matrix)[1] / 2
    torch.testing.assert_close(phi4_partition.free_log_partition(4, 0.17), exact)


@pytest.mark.parametrize("lam", [0.0, 0.3, 0.5, 1.2])
def test_sites_without_hopping_are_independent(lam):
    exact = on_a_grid(0.0, lam)
    torch.testing.assert_close(4 * phi4_partition.site_log_partition(lam), exact, atol=1e-5, rtol=0)


def test_one_site_in_closed_form():
    assert phi4_partition.site_log_partition(0.0).item() == pytest.approx(math.log(math.pi) / 2, abs=1e-12)
    quartic = -0.5 + math.log(2**1.25 * math.gamma(1.25))
    assert phi4_partition.site_log_partition(0.5).item() == pytest.approx(quartic, abs=1e-12)


def test_independent_sites_have_the_moments_of_one_site():
    phi = phi4_partition.independent_sites(4000, 4, 0.5, rng=rng())
    square = mean_and_error(phi.square().mean((1, 2)))
    exact = math.sqrt(2) * math.gamma(0.75) / math.gamma(0.25)
    assert abs(square.value - exact) < 4 * square.stderr
    neighbours = mean_and_error((phi * phi.roll(1, 1)).mean((1, 2)))
    assert abs(neighbours.value) < 4 * neighbours.stderr


def test_the_sum_over_the_bonds_is_the_slope_of_the_action():
    phi = torch.randn(3, 4, 4, generator=rng(), dtype=torch.float64)
    slope = (phi4.action(phi, 0.3, 0.5) - phi4.action(phi, 0.1, 0.5)) / 0.2
    torch.testing.assert_close(phi4_partition.hopping(phi), -slope / 2)


def test_work_gives_the_exact_ratio_at_any_speed():
    start = phi4_partition.independent_sites(20_000, 2, 0.7, rng=rng())
    exact = on_a_grid(0.2, 0.7) - on_a_grid(0.0, 0.7)
    for ladder in ([0.0, 0.1, 0.2], [0.0, 0.05, 0.1, 0.15, 0.2]):
        phi, work = phi4_partition.anneal(start, ladder, 0.7, rng=rng(2))
        found = flows.log_partition(-work)
        assert abs(found.value - exact) < 4 * found.stderr
    assert phi.shape == start.shape


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: phi4_partition.free_log_partition(4, 0.25), "kappa is 0.25"),
        (lambda: phi4_partition.site_log_partition(-1.0), "lam is -1.0"),
        (lambda: phi4_partition.hopping(torch.ones(4, 4)), "phi is"),
        (lambda: phi4_partition.anneal(torch.ones(2, 4, 5), [0.1, 0.2], 0.5, rng=rng()), "phi is"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
