"""Langevin dynamics: the bias of its step, Metropolis' correction, and the chain of the images."""

import math

import pytest
import torch

from genphys import deep_energy

D = torch.float64


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def spring(x):
    return 2.0 * x.square().sum(1)  # A = 4


def test_the_variance_of_a_harmonic_chain_is_too_large_by_its_step():
    x = deep_energy.run_langevin(spring, torch.zeros(40_000, 2, dtype=D), 0.2, 60, rng=rng())
    wanted = 0.25 / (1 - 0.2 * 4 / 4)
    assert abs(x.square().mean() - wanted) < 4 * wanted * math.sqrt(2 / x.numel())


def test_a_step_against_its_formula():
    x = torch.randn(5, 2, generator=rng(1), dtype=D)
    found = deep_energy.langevin_step(spring, x, 0.1, rng=rng(2))
    z = torch.randn(5, 2, generator=rng(2), dtype=D)
    torch.testing.assert_close(found, x - 0.05 * 4 * x + math.sqrt(0.1) * z)


def test_with_metropolis_the_variance_is_right_for_a_large_step():
    x = torch.randn(40_000, 2, generator=rng(3), dtype=D) / 2
    for k in range(20):
        x, accepted = deep_energy.metropolis_langevin_step(spring, x, 0.3, rng=rng(10 + k))
    assert 0.5 < accepted.double().mean() < 1
    assert abs(x.square().mean() - 0.25) < 4 * 0.25 * math.sqrt(2 / x.numel())


def test_a_proposal_into_a_wall_stays():
    def wall(x):
        return torch.where(x[:, 0] > 0, 1e9, 0.0) + 0 * x[:, 0]

    x = -1e-6 * torch.ones(200, 1, dtype=D)
    y, accepted = deep_energy.metropolis_langevin_step(wall, x, 1.0, rng=rng(4))
    assert torch.equal(y[~accepted], x[~accepted]) and (y <= 0).all() and 0.3 < accepted.double().mean() < 0.7


def test_the_chain_of_images_keeps_to_its_range_and_leaves_the_network_alone():
    energy = deep_energy.ConvEnergy(4, rng=rng())
    x = 2 * torch.rand(3, 784, generator=rng(5)) - 1
    y = deep_energy.short_run(energy, x, 5, rng=rng(6))
    assert y.abs().max() <= 1 and not y.requires_grad and not torch.equal(x, y)
    assert all(p.grad is None for p in energy.parameters())
    assert torch.equal(deep_energy.short_run(energy, x, 0, rng=rng()), x)


def test_the_clipped_slope_bounds_a_step():
    y = deep_energy.short_run(lambda x: 1e6 * x.sum(1), torch.zeros(2, 3), 1, rng=rng(), noise=0.0)
    torch.testing.assert_close(y, torch.full((2, 3), -0.3))


def test_the_noise_contrast_of_known_densities():
    x = torch.linspace(-8, 8, 2001, dtype=D)
    p = torch.distributions.Normal(0.0, 1.0).log_prob(x)
    q = torch.distributions.Normal(0.5, 1.5).log_prob(x)
    logit = p - q
    found = deep_energy.noise_contrastive_loss(logit, logit)
    wanted = -torch.sigmoid(logit).log().mean() - torch.sigmoid(-logit).log().mean()
    assert found.item() == pytest.approx(wanted.item(), rel=1e-13)
    assert deep_energy.noise_contrastive_loss(torch.tensor([1e4]), torch.tensor([-1e4])).item() == 0.0
    assert math.isfinite(deep_energy.noise_contrastive_loss(torch.tensor([-1e4]), torch.tensor([1e4])).item())
