"""The flow of the lattice field: density against the Jacobian, the way back, the symmetry, and what is refused."""

import math

import pytest
import torch

from genphys import flows
from genphys.systems import phi4

D = torch.float64


def rng(seed=1):
    return torch.Generator().manual_seed(seed)


def spoiled(even=True, L=4):
    """A flow whose couplings do something."""
    flow = flows.LatticeFlow(L, 3, 8, even=even, rng=rng())
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=rng(2)))
    return flow.double()


def test_a_fresh_flow_is_the_free_field():
    flow = flows.LatticeFlow(4, 2, 8, rng=rng()).double()
    z = torch.randn(5, 4, 4, generator=rng(3), dtype=D)
    phi, log_q = flow(z)
    matrix = torch.autograd.functional.hessian(
        lambda f: phi4.action(f.view(1, 4, 4), 0.2, 0.0).sum(), torch.zeros(16, dtype=D)
    )
    normal = torch.distributions.MultivariateNormal(torch.zeros(16, dtype=D), precision_matrix=matrix)
    torch.testing.assert_close(log_q, normal.log_prob(phi.flatten(1)), atol=1e-5, rtol=0)  # its power is single


@pytest.mark.parametrize("even", [True, False])
def test_the_density_is_that_of_the_jacobian_and_of_the_way_back(even):
    flow = spoiled(even)
    z = torch.randn(4, 4, 4, generator=rng(3), dtype=D)
    phi, log_q = flow(z)
    jacobian = torch.stack([torch.autograd.functional.jacobian(lambda v: flow(v[None])[0][0], v) for v in z])
    normal = -z.square().sum((1, 2)) / 2 - 8 * math.log(2 * math.pi)
    torch.testing.assert_close(log_q, normal - torch.linalg.slogdet(jacobian.view(4, 16, 16))[1])
    torch.testing.assert_close(flow.log_prob(phi), log_q)


def test_the_symmetry_is_there_where_it_is_asked_for():
    phi = torch.randn(6, 4, 4, generator=rng(3), dtype=D)
    even, plain = spoiled(True), spoiled(False)
    torch.testing.assert_close(even.log_prob(-phi), even.log_prob(phi))
    assert (plain.log_prob(-phi) - plain.log_prob(phi)).abs().min() > 1e-3


def test_neighbours_have_different_colours():
    black, white = flows.checkerboard(6)
    board = torch.zeros(36)
    board[black] = 1
    board = board.view(6, 6)
    for axis in (0, 1):
        assert ((board + board.roll(1, axis)) == 1).all()
    assert sorted([*black.tolist(), *white.tolist()]) == list(range(36))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: flows.checkerboard(5), "L is 5, takes an even side"),
        (lambda: flows.LatticeFlow(3, rng=rng()), "L is 3, takes an even side"),
        (lambda: spoiled()(torch.ones(2, 6, 6, dtype=D)), r"z is .*\(L = 4\)"),
        (lambda: spoiled().log_prob(torch.ones(2, 6, 6, dtype=D)), r"phi is .*\(L = 4\)"),
        (lambda: spoiled().log_prob(torch.ones(2, 4, 6, dtype=D)), "phi is"),
        (lambda: spoiled().log_prob(torch.full((2, 4, 4), math.nan, dtype=D)), "phi is"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
