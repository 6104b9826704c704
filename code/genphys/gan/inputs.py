r"""What goes into the two networks: noise for the generator, data in the range of a tanh for the discriminator.

References:
    White, Sampling generative networks (2016): great circles.
"""

from typing import Literal

import torch

from genphys.arguments import count, doors, require, source, tensor

Noise = Literal["uniform", "normal"]


def noise(n: count(), size: count(), kind: Noise = "uniform", *, rng: source, dtype: torch.dtype | None = None):
    r"""The noise :math:`\mathbf{z}` that enters a generator, uniform on :math:`[-1, 1)` or standard normal, (n, size).

    It is drawn on the device of ``rng``, in the default type where ``dtype`` is None.
    """
    if kind == "normal":
        return torch.randn(n, size, generator=rng, device=rng.device, dtype=dtype)
    return 2 * torch.rand(n, size, generator=rng, device=rng.device, dtype=dtype) - 1


def to_signed(images: tensor("...", low=0, high=1)):
    r"""Grey values from :math:`[0, 1]`, the range of the data, to :math:`[-1, 1]`, that of a tanh: :math:`2x - 1`."""
    return 2 * images - 1


def to_unit(images: tensor("...", low=-1, high=1)):
    r"""Grey values from :math:`[-1, 1]` back to :math:`[0, 1]`: :math:`(x + 1) / 2`."""
    return (images + 1) / 2


def interpolate(first: tensor("K"), last: tensor("K"), steps: count(2)):
    r"""Noise along the great circle from one point to another, whose length changes evenly (``eq:great-circle``).

    With the angle :math:`\Omega` between the two,

    .. math::
        \mathbf{z}(t) = \frac{\sin((1-t)\Omega)}{\sin\Omega}\mathbf{z}_0
        + \frac{\sin(t\Omega)}{\sin\Omega}\mathbf{z}_1 ,

    shape (steps, K), both ends included. A straight line would pass through points much shorter than any that a normal
    distribution in many dimensions draws. Of two parallel vectors there is no one circle.
    """
    cosine = (first @ last / (first.norm() * last.norm())).clamp(-1, 1)
    angle = torch.acos(cosine)
    takes = f"a vector that is not parallel to first (cosine {cosine.item():.6f})"
    require(torch.sin(angle) > 1e-3, "last", last, takes)
    t = torch.linspace(0, 1, steps, dtype=first.dtype, device=first.device)[:, None]
    return (torch.sin((1 - t) * angle) * first + torch.sin(t * angle) * last) / torch.sin(angle)


doors(globals())
