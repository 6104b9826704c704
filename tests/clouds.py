"""Sets of points for tests, in float64, and how near two numbers have to be."""

import torch

D = torch.float64


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=D, generator=rng(seed))


def covariance(dim, seed=0):
    a = normal(dim, dim + 2, seed=seed)
    return a @ a.mT / dim


def rotation(dim, seed=0):
    return torch.linalg.qr(normal(dim, dim, seed=seed)).Q


def close(found, expected, atol=1e-12):
    found, expected = (v.to(D) if isinstance(v, torch.Tensor) else torch.tensor(v, dtype=D) for v in (found, expected))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=atol)


def two_sets():
    """A pair of unequal sets of unequal sizes, in five dimensions."""
    return normal(40, 5, seed=1), 0.3 + 1.4 * normal(30, 5, seed=2)
