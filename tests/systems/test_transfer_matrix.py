"""The transfer matrix against enumeration, Kaufman's closed form, and averages over its own draws."""

import pytest
import torch

from genphys.systems import ising, onsager, transfer_matrix

D = torch.float64


def random_lattice(L, W, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return [torch.randn(L, W, generator=rng, dtype=D) for _ in range(3)]


def enumerated(right, down, field):
    """log f of all configurations, by the sums that define it."""
    L, W = right.shape
    s = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=D)] * (L * W)).view(-1, L, W)
    return s, (s * s.roll(-1, 2) * right + s * s.roll(-1, 1) * down + s * field).sum((1, 2))


def averages(*parameters):
    """What the parameters multiply, on average: the derivatives of log Z."""
    parameters = [p.detach().requires_grad_() for p in parameters]
    return torch.autograd.grad(transfer_matrix.log_partition(*parameters), parameters)


@pytest.mark.parametrize("shape", [(3, 3), (4, 3), (2, 5), (4, 4)])
def test_any_couplings_and_fields_against_enumeration(shape):
    parameters = random_lattice(*shape)
    s, log_f = enumerated(*parameters)
    p = log_f.softmax(0)
    torch.testing.assert_close(transfer_matrix.log_partition(*parameters), log_f.logsumexp(0), rtol=1e-13, atol=0)
    products = [s * s.roll(-1, 2), s * s.roll(-1, 1), s]
    for found, statistic in zip(averages(*parameters), products, strict=True):
        torch.testing.assert_close(found, torch.einsum("n,nij->ij", p, statistic), rtol=0, atol=1e-12)


@pytest.mark.parametrize("L", [4, 8])
@pytest.mark.parametrize("T", [1.5, 2.0, 2.269185314213022, 3.0])
def test_the_uniform_lattice_against_kaufman(L, T):
    found = transfer_matrix.log_partition(*transfer_matrix.uniform(L, T))
    assert found.item() == pytest.approx(float(onsager.kaufman_log_partition(L, T)), rel=1e-12)


def test_a_cold_lattice_does_not_overflow():
    found = transfer_matrix.log_partition(*transfer_matrix.uniform(8, 0.01))
    assert found.item() == pytest.approx(128 / 0.01 + torch.log(torch.tensor(2.0, dtype=D)).item(), rel=1e-14)


def test_draws_have_the_exact_averages():
    parameters = [0.4 * p for p in random_lattice(3, 4, seed=1)]
    s = transfer_matrix.draw(40_000, *parameters, rng=torch.Generator().manual_seed(2))
    assert s.shape == (40_000, 3, 4) and s.abs().eq(1).all()
    exact = averages(*parameters)
    for statistic, mean in zip([s * s.roll(-1, 2), s * s.roll(-1, 1), s], exact, strict=True):
        z = (statistic.mean(0) - mean) / (statistic.std(0) / 200)
        assert z.abs().max() < 4.5  # 36 numbers
    _, log_f = enumerated(*parameters)  # and the whole distribution: 4096 configurations, by their energy
    energies = (s * s.roll(-1, 2) * parameters[0] + s * s.roll(-1, 1) * parameters[1] + s * parameters[2]).sum((1, 2))
    p = log_f.softmax(0)
    for power in (1, 2, 3):
        mean, spread = (p * log_f**power).sum(), (p * log_f ** (2 * power)).sum()
        error = ((spread - mean**2) / len(s)).sqrt()
        assert ((energies**power).mean() - mean).abs() < 4 * error


def test_rows_that_are_too_long_are_refused():
    with pytest.raises(ValueError, match=r"right .* at most 12"):
        transfer_matrix.log_partition(*random_lattice(2, 13))


def test_energy_is_that_of_the_lattice():
    right, down, field = transfer_matrix.uniform(3, 2.0)
    s, log_f = enumerated(right, down, field)
    torch.testing.assert_close(log_f, -ising.energy(s) / 2.0)
