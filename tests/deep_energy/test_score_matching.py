"""Score matching against closed forms for Gaussian data and quadratic energies."""

import pytest
import torch

from genphys import deep_energy

D = torch.float64


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def quadratic(A):
    return lambda x: ((x @ A) * x).sum(1) / 2


A = torch.tensor([[1.3, 0.4, 0.0], [0.4, 0.9, -0.2], [0.0, -0.2, 0.7]], dtype=D)


def test_the_score_is_minus_the_gradient():
    x = torch.randn(5, 3, generator=rng(), dtype=D)
    torch.testing.assert_close(deep_energy.score_of(quadratic(A), x), -x @ A)


def test_the_explicit_loss_of_a_quadratic_energy():
    x = torch.randn(50, 3, generator=rng(), dtype=D)
    wanted = (x @ A).square().sum(1).mean() / 2 - A.trace()
    torch.testing.assert_close(deep_energy.explicit_loss(quadratic(A), x).detach(), wanted, rtol=1e-13, atol=0)


def test_the_sliced_loss_is_unbiased():
    x = torch.randn(40, 3, generator=rng(), dtype=D)
    draws = torch.stack([deep_energy.sliced_loss(quadratic(A), x, rng=rng(k)).detach() for k in range(400)])
    wanted = (x @ A).square().sum(1).mean() / 2 - A.trace()
    assert abs(draws.mean() - wanted) < 4 * draws.std() / 20


def test_the_denoising_loss_against_its_mean():
    x, sigma = torch.randn(200_000, 3, generator=rng(1), dtype=D), 0.6
    found = deep_energy.denoising_loss(quadratic(A), x, sigma, rng=rng(2))
    # s + z/sigma = -A x + (I/sigma - sigma A) z for the quadratic energy
    mixed = torch.eye(3, dtype=D) / sigma - sigma * A
    wanted = ((x @ A).square().sum(1).mean() + mixed.square().sum()) / 2
    assert found.item() == pytest.approx(wanted.item(), rel=0.01)


def test_parameters_get_gradients():
    matrix = A.clone().requires_grad_()
    x = torch.randn(20, 3, generator=rng(), dtype=D)
    deep_energy.explicit_loss(quadratic(matrix), x).backward()
    second = x.T @ x / 20
    # of tr(A C A)/2 - tr A, for a matrix that is not held symmetric: the energy sees its symmetric part
    wanted = (A @ second + second @ A) / 2 - torch.eye(3, dtype=D)
    torch.testing.assert_close(matrix.grad, wanted, rtol=1e-12, atol=1e-12)


def test_the_linear_form_minimises_the_explicit_loss():
    x = torch.randn(300, 1, generator=rng(3), dtype=D)
    gradients = torch.stack([2 * x, 4 * x**3], 1)
    theta = deep_energy.linear_score_matching(gradients, torch.cat([torch.full_like(x, 2), 12 * x**2], 1))
    theta.requires_grad_()
    loss = deep_energy.explicit_loss(lambda y: (theta[0] * y**2 + theta[1] * y**4)[:, 0], x)
    torch.testing.assert_close(torch.autograd.grad(loss, theta)[0], torch.zeros(2, dtype=D), rtol=0, atol=1e-11)
