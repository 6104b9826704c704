r"""Paths from noise to data and the velocities along them.

The time t runs from 0, standard normal noise :math:`\mathbf{z}`, to 1, data :math:`\mathbf{x}_1`. A path mixes the two,
:math:`\mathbf{x}_t = a_t\mathbf{x}_1 + s_t\mathbf{z}` (``def:flow-path``), and has the velocity
:math:`\mathbf{u}_t = \dot a_t\mathbf{x}_1 + \dot s_t\mathbf{z}`. What carries the density is the average at a place,
:math:`\mathbf{v}(\mathbf{x},t) = \mathbb{E}[\mathbf{u}_t\mid\mathbf{x}_t=\mathbf{x}]` (``eq:marginal-velocity``).

References:
    Lipman et al., Flow matching for generative modeling (2022); Liu et al. (2022); Albergo, Vanden-Eijnden (2022).
"""

import math
from typing import Literal

import torch

from genphys.arguments import doors, number, points, positive_definite, probabilities, tensor

Path = Literal["linear", "angle"]
times = tensor("n", low=0, high=1)
a_time = number(low=0, high=1)


def path_factors(path: Path, t: times):
    r"""The factors :math:`a_t, s_t` and their derivatives :math:`\dot a_t, \dot s_t`, each of shape (n,).

    ``"linear"`` is :math:`a = t, s = 1 - t`; ``"angle"`` keeps the variance, :math:`a = \sin(\pi t/2)`,
    :math:`s = \cos(\pi t/2)`.
    """
    if path == "linear":
        return t, 1 - t, torch.ones_like(t), -torch.ones_like(t)
    quarter = math.pi / 2
    sine, cosine = torch.sin(quarter * t), torch.cos(quarter * t)
    return sine, cosine, quarter * cosine, -quarter * sine


def conditional_path(path: Path, x1: points("n d"), z: points("n d"), t: times):
    r"""The point :math:`\mathbf{x}_t` between noise and data and its velocity :math:`\mathbf{u}_t`, (n, d) each."""
    a, s, da, ds = (part[:, None] for part in path_factors.__wrapped__(path, t))
    return a * x1 + s * z, da * x1 + ds * z


def mixture_velocity(
    path: Path,
    weights: probabilities("K"),
    means: tensor("K d"),
    covs: positive_definite("K d d"),
    x: points("n d"),
    t: a_time,
):
    r"""The exact velocity of a Gaussian mixture at one time, shape (n, d) (``eq:mixture-velocity``).

    With :math:`\Sigma_k = a^2 C_k + s^2 I` and the responsibilities :math:`r_k` at :math:`\mathbf{x}`,

    .. math::
        \mathbf{v} = \sum_k r_k\left[\dot a\,\mathbf{m}_k + (\dot a\,a\,C_k + \dot s\,s\,I)\,\Sigma_k^{-1}
        (\mathbf{x} - a\,\mathbf{m}_k)\right] .
    """
    a, s, da, ds = (float(part) for part in path_factors.__wrapped__(path, torch.tensor([float(t)]).double()))
    eye = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    spread = a**2 * covs + s**2 * eye  # (K, d, d)
    away = x[:, None] - a * means  # (n, K, d)
    scaled = torch.linalg.solve(spread, away.permute(1, 2, 0))  # (K, d, n)
    log_r = weights.log() - 0.5 * ((away.permute(1, 2, 0) * scaled).sum(1).T + torch.linalg.slogdet(spread)[1])
    moved = ((da * a * covs + ds * s * eye) @ scaled).permute(2, 0, 1)
    return (log_r.softmax(1)[:, :, None] * (da * means + moved)).sum(1)


doors(globals())
