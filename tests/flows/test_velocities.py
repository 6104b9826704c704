"""Paths and velocities against closed forms, and densities carried by them."""

import math

import pytest
import torch

from genphys import exact, flows

D = torch.float64


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


MEAN = torch.tensor([[1.0, -0.5, 0.2]], dtype=D)
COV = torch.diag(torch.tensor([0.5, 2.0, 1.0], dtype=D))[None]


@pytest.mark.parametrize("path", ["linear", "angle"])
def test_the_factors_begin_with_noise_and_end_with_data(path):
    a, s, _, _ = flows.path_factors(path, torch.tensor([0.0, 1.0], dtype=D))
    torch.testing.assert_close(a, torch.tensor([0.0, 1.0], dtype=D))
    torch.testing.assert_close(s, torch.tensor([1.0, 0.0], dtype=D), rtol=0, atol=1e-15)
    t = torch.tensor([0.3], dtype=D)
    h = 1e-6
    up, down = flows.path_factors(path, t + h), flows.path_factors(path, t - h)
    for k, derivative in enumerate(flows.path_factors(path, t)[2:]):
        torch.testing.assert_close((up[k] - down[k]) / (2 * h), derivative, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("path", ["linear", "angle"])
def test_the_velocity_of_one_gaussian_carries_it(path):
    """A point keeps its distance from the mean in units of the standard deviation, along every axis."""
    z = torch.randn(20, 3, generator=rng(), dtype=D)

    def velocity(x, t):
        return flows.mixture_velocity(path, torch.ones(1, dtype=D), MEAN, COV, x, t)

    end = flows.integrate(velocity, z, 400)
    torch.testing.assert_close(end, MEAN + z * COV[0].diagonal().sqrt(), rtol=0, atol=2e-4)
    found = flows.flow_log_prob(velocity, end, 400)
    wanted = exact.gaussian_log_prob(end, MEAN[0], COV[0])
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-3)


def test_the_velocity_of_a_mixture_is_the_mean_of_its_pairs():
    weights = torch.tensor([0.3, 0.7], dtype=D)
    means, covs = torch.cat([MEAN, -MEAN]), torch.cat([COV, COV / 2])
    g = rng(3)
    which = torch.multinomial(weights, 400_000, replacement=True, generator=g)
    x1 = means[which] + torch.randn(400_000, 3, generator=g, dtype=D) * covs[which].diagonal(dim1=1, dim2=2).sqrt()
    z = torch.randn(400_000, 3, generator=g, dtype=D)
    t = 0.6
    x, u = flows.conditional_path("linear", x1, z, torch.full((400_000,), t, dtype=D))
    v = flows.mixture_velocity("linear", weights, means, covs, x, t)
    for test in (torch.ones(400_000, 1, dtype=D), x, torch.sin(x)):  # the rest is uncorrelated with any function of x
        product = (u - v) * test
        assert (product.mean(0).abs() < 4.5 * product.std(0) / math.sqrt(400_000)).all()


def test_the_methods_have_their_orders():
    def turn(x, t):
        return (1 + t) * torch.stack([-x[:, 1], x[:, 0]], 1)

    start = torch.tensor([[1.0, 0.0]], dtype=D)
    wanted = torch.tensor([[math.cos(1.5), math.sin(1.5)]], dtype=D)
    for method, order in (("euler", 1), ("midpoint", 2)):
        errors = [(flows.integrate(turn, start, n, method=method) - wanted).norm() for n in (100, 200)]
        assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.05)


def test_the_variance_of_a_probe():
    J = torch.randn(5, 5, generator=rng(4), dtype=D)
    signs = exact.all_configurations(5, values=(-1, 1)).to(D)
    probes = torch.einsum("ni,ij,nj->n", signs, J, signs)
    torch.testing.assert_close(flows.hutchinson_variance(J, "signs"), probes.var(correction=0))
    normal = torch.randn(400_000, 5, generator=rng(5), dtype=D)
    probes = torch.einsum("ni,ij,nj->n", normal, J, normal)
    torch.testing.assert_close(flows.hutchinson_variance(J, "normal"), probes.var(), rtol=0.03, atol=0)
