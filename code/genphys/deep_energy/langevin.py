r"""Langevin dynamics: samples of :math:`e^{-E}` from its gradient, with and without Metropolis' correction.

References:
    Rossky, Doll and Friedman (1978); Roberts and Tweedie (1996).
"""

import torch

from genphys.arguments import count, doors, function, number, positive, source, tensor
from genphys.numerics import standard_normal


def _slope(energy, x):
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        value = energy(x)
        return value.detach(), torch.autograd.grad(value.sum(), x)[0]


def _step(energy, x, step_size, rng):
    return x - step_size / 2 * _slope(energy, x)[1] + step_size**0.5 * standard_normal(x.shape, x, rng)


def langevin_step(energy: function, x: tensor("n d"), step_size: positive, *, rng: source):
    r"""One step of unadjusted Langevin dynamics (``def:langevin``).

    .. math:: \mathbf{x}' = \mathbf{x} - \tfrac{\epsilon}{2}\nabla E(\mathbf{x}) + \sqrt\epsilon\,\mathbf{z}

    ``energy`` takes (n, d) to (n,), in nats; the distribution that the steps leave invariant is :math:`e^{-E}` up to
    a bias of first order in :math:`\epsilon`.
    """
    return _step(energy, x, step_size, rng)


def metropolis_langevin_step(energy: function, x: tensor("n d"), step_size: positive, *, rng: source):
    """The same step, accepted by Metropolis' rule: no bias (``eq:mala-acceptance``). The points, and which moved."""
    here, slope = _slope(energy, x)
    y = x - step_size / 2 * slope + step_size**0.5 * standard_normal(x.shape, x, rng)
    there, slope_there = _slope(energy, y)
    forth = (y - x + step_size / 2 * slope).square().sum(1) / (2 * step_size)  # -log q(y | x) + const
    back = (x - y + step_size / 2 * slope_there).square().sum(1) / (2 * step_size)
    log_ratio = here - there + forth - back
    accepted = torch.rand(len(x), generator=rng, dtype=x.dtype, device=x.device).log() < log_ratio
    return torch.where(accepted[:, None], y, x), accepted


def run_langevin(energy: function, x: tensor("n d"), step_size: positive, steps: count(0), *, rng: source):
    """``steps`` steps of unadjusted Langevin dynamics."""
    for _ in range(steps):
        x = _step(energy, x, step_size, rng)
    return x.detach()


def short_run(
    energy: function,
    x: tensor("n d"),
    steps: count(0),
    *,
    rng: source,
    step_size: positive = 10.0,
    noise: number(0) = 0.005,
    most: positive = 0.03,
):
    r"""The chain that deep energies are trained with, for images in [-1, 1] as rows.

    .. math:: \mathbf{x}' = \mathbf{x} - \eta\,\operatorname{clip}(\nabla E, \pm g) + \sigma\mathbf{z}

    Langevin dynamics of the temperature :math:`\sigma^2/2\eta`: far below one, since the energies that such networks
    learn are of order one. Gradients are clipped to ``most``, points kept in [-1, 1].
    """
    for _ in range(steps):
        x = (x + noise * standard_normal(x.shape, x, rng)).clamp(-1, 1)
        x = (x - step_size * _slope(energy, x)[1].clamp(-most, most)).clamp(-1, 1)
    return x.detach()


doors(globals())
