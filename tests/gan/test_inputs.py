"""Noise, its great circles, and data in the range of a tanh."""

import math

import pytest
import torch

from genphys import gan

DOUBLE = torch.float64


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def test_noise_has_the_moments_of_its_distribution():
    n = 40_000
    for kind, var, fourth in (("uniform", 1 / 3, 1 / 5), ("normal", 1.0, 3.0)):
        z = gan.noise(n, 2, kind, rng=rng(3), dtype=DOUBLE)
        assert (z.mean(0).abs() < 4 * math.sqrt(var / n)).all()
        assert ((z.square().mean(0) - var).abs() < 4 * math.sqrt((fourth - var**2) / n)).all()
    assert gan.noise(n, 1, "uniform", rng=rng(3)).abs().max() <= 1


def test_signed_and_unit_are_inverse():
    x = torch.rand(50, 784, generator=rng(), dtype=DOUBLE)
    assert torch.allclose(gan.to_unit(gan.to_signed(x)), x, atol=1e-15)
    assert gan.to_signed(torch.tensor([0.0, 0.5, 1.0])).tolist() == [-1.0, 0.0, 1.0]


def test_interpolation_keeps_the_length_and_the_ends():
    a, b = torch.randn(64, generator=rng(1), dtype=DOUBLE), torch.randn(64, generator=rng(2), dtype=DOUBLE)
    b = b * a.norm() / b.norm()
    path = gan.interpolate(a, b, 9)
    assert torch.allclose(path[0], a, atol=1e-14)
    assert torch.allclose(path[-1], b, atol=1e-14)
    assert torch.allclose(path.norm(dim=1), a.norm().expand(9), atol=1e-12)
    cosine = torch.cosine_similarity(path[:-1], path[1:])
    assert torch.allclose(cosine, cosine[0].expand(8), atol=1e-12)  # equal angles


@pytest.mark.parametrize(
    ("call", "given", "match"),
    [
        (gan.noise, (4, 3, "gauss"), "kind is 'gauss', takes one of 'uniform', 'normal'"),
        (gan.noise, (0, 3), "n is 0"),
        (gan.to_signed, (torch.tensor([-0.5, 1.0]),), "images is .* with values from -0.5 to 1"),
        (gan.to_unit, (torch.tensor([0.0, math.nan]),), "images is .* not finite"),
        (gan.interpolate, (torch.ones(3), torch.ones(3), 5), "last is .* not parallel"),
        (gan.interpolate, (torch.ones(3), torch.ones(4), 5), "last is .*K = 3"),
    ],
)
def test_bad_input_is_named(call, given, match):
    options = {"rng": rng()} if call is gan.noise else {}
    with pytest.raises(ValueError, match=match):
        call(*given, **options)
