"""Double precision by rule, hashes, and work in pieces."""

import math

import torch

from genphys.numerics import double, in_pieces, network_hash, tensor_hash


def test_tensor_hash_sees_type_shape_and_value():
    zeros = torch.zeros(2, 3)
    others = (zeros.double(), zeros.view(3, 2), zeros + 1)
    assert len({tensor_hash(t) for t in (zeros, *others)}) == 4
    assert tensor_hash(zeros) == tensor_hash(zeros.clone())


def test_the_hash_of_a_network_sees_names_and_values():
    a, b = (torch.nn.utils.skip_init(torch.nn.Linear, 2, 1) for _ in range(2))
    for layer in (a, b):
        torch.nn.init.ones_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    assert network_hash(a) == network_hash(b)
    assert network_hash(a) != network_hash(torch.nn.Sequential(a))
    with torch.no_grad():
        b.bias += 1e-7
    assert network_hash(a) != network_hash(b)


def test_double_keeps_numbers_exact_and_gradients_alive():
    assert double(math.pi).item() == math.pi and double(2).dtype == torch.float64
    x = torch.tensor([0.1], requires_grad=True)
    assert double(x).item() == torch.tensor(0.1).item()
    double(x).square().sum().backward()
    assert x.grad.dtype == torch.float32 and torch.allclose(x.grad, 2 * x)


def test_work_in_pieces_is_the_work_off_the_graph():
    x = torch.rand(7, 3, generator=torch.Generator().manual_seed(1), requires_grad=True)
    found = in_pieces(torch.sqrt, x, 3)
    assert torch.equal(found, x.sqrt()) and not found.requires_grad
