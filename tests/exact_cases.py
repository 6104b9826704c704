"""What the tests of exact references share: seeded numbers and a comparison to rounding, in float64."""

import torch

D = torch.float64


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=D, generator=torch.Generator().manual_seed(seed))


def covariance(dim, seed=0):
    a = normal(dim, dim + 2, seed=seed)
    return a @ a.mT / dim + 0.1 * torch.eye(dim, dtype=D)


def numbers(values):
    return torch.tensor(values, dtype=D)


def close(found, expected, atol=1e-12):
    torch.testing.assert_close(
        torch.as_tensor(found, dtype=D), torch.as_tensor(expected, dtype=D), rtol=1e-12, atol=atol
    )
