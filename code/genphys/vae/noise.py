"""The draws of the autoencoders: made where the generator lives, then moved to where they are wanted."""

import torch

__all__ = []


def uniform(shape, like, rng):
    """Uniform numbers in [0, 1) of the type and on the device of ``like``."""
    return torch.rand(shape, generator=rng, device=rng.device, dtype=like.dtype).to(like.device)


def standard_normal(shape, like, rng):
    """Standard normal numbers of the type and on the device of ``like``."""
    return torch.randn(shape, generator=rng, device=rng.device, dtype=like.dtype).to(like.device)
