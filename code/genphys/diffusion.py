r"""Diffusion models: a chain of small Gaussian steps from data to noise, and its reversal.

The forward chain :math:`q(\mathbf{x}_t | \mathbf{x}_{t-1}) = \mathcal{N}(\sqrt{\alpha_t}\,\mathbf{x}_{t-1},
\beta_t\mathbf{I})`, with :math:`\alpha_t = 1-\beta_t`, has the marginal

.. math::
    q(\mathbf{x}_t | \mathbf{x}_0) = \mathcal{N}(\sqrt{\bar\alpha_t}\,\mathbf{x}_0, (1-\bar\alpha_t)\mathbf{I}),
    \quad \bar\alpha_t = \prod_{s \le t} \alpha_s, \quad t = 1, \dots, T, \quad \bar\alpha_0 = 1 .

Steps count from 1, and every array of constants has T + 1 entries, so that index t *is* step t.

A *denoiser* is a function :math:`(\mathbf{x}, t) \mapsto \hat{\mathbf{x}}_0`, the estimate of
:math:`\mathbb{E}[\mathbf{x}_0 | \mathbf{x}_t]`; samplers and bounds take one. It can be exact or a network.

References:
    Sohl-Dickstein et al. (2015); Ho, Jain and Abbeel (2020); Song, Meng and Ermon (2021); Song et al. (2021).
"""

import math
import warnings

import torch
from torch import nn

__all__ = [
    "KINDS",
    "Schedule",
    "convert",
    "cosine_schedule",
    "diffuse",
    "ema_rate",
    "linear_schedule",
    "loss",
    "steps_of_batch",
]

KINDS = ("noise", "x0", "score", "velocity")


class Schedule(nn.Module):
    r"""The constants of a forward chain, in double precision: index t is step t, and index 0 is the data.

    Args:
        beta: :math:`\beta_1,\dots,\beta_T`, shape (T,), each in (0, 1).

    Attributes:
        beta, alpha, alpha_bar: Shape (T + 1,), with :math:`\beta_0 = 0` and :math:`\bar\alpha_0 = 1`.

    Raises:
        ValueError: ``beta`` is empty or outside (0, 1).

    Warns:
        UserWarning: :math:`\bar\alpha_T > 0.05`: the end of the chain is not noise.
    """

    def __init__(self, beta):
        super().__init__()
        beta = torch.as_tensor(beta, dtype=torch.float64)
        if beta.ndim != 1 or not len(beta) or not ((beta > 0) & (beta < 1)).all():
            raise ValueError(f"beta has shape {tuple(beta.shape)} and takes (T,) numbers, all inside (0, 1)")
        beta = torch.cat([beta.new_zeros(1), beta])
        self.register_buffer("beta", beta)
        self.register_buffer("alpha", 1 - beta)
        self.register_buffer("alpha_bar", torch.log1p(-beta).cumsum(0).exp())
        if self.alpha_bar[-1] > 0.05:
            warnings.warn(
                f"the schedule ends at alpha_bar_T = {self.alpha_bar[-1]:.3f}, which is not noise; "
                "take more steps or larger ones",
                stacklevel=2,
            )

    @property
    def T(self):
        """The number of steps."""
        return len(self.beta) - 1

    def extra_repr(self):
        return f"T={self.T}, alpha_bar_T={self.alpha_bar[-1]:.3g}"

    def at(self, name, t, x):
        """The constant ``name`` at the steps ``t``, of the type of ``x`` and shaped to multiply its rows.

        Raises:
            ValueError: ``t`` is not one integer a row, or outside 0 to T.
        """
        if t.shape != x.shape[:1] or t.is_floating_point():
            raise ValueError(f"t has shape {tuple(t.shape)} and {t.dtype}, takes integers of shape ({len(x)},)")
        if len(t) and not (int(t.min()) >= 0 and int(t.max()) <= self.T):
            raise ValueError(f"t has {int(t.min())} to {int(t.max())}, takes 0 to T = {self.T}")
        return getattr(self, name)[t].to(x.dtype).reshape(-1, *[1] * (x.ndim - 1))

    def signal_noise(self, t, x):
        r"""The factors :math:`\sqrt{\bar\alpha_t}` and :math:`\sqrt{1-\bar\alpha_t}` for the rows of ``x``."""
        alpha_bar = self.at("alpha_bar", t, x.double())
        return alpha_bar.sqrt().to(x.dtype), (1 - alpha_bar).sqrt().to(x.dtype)


def linear_schedule(T, first=1e-4, last=0.02):
    r"""The schedule :math:`\beta_t` that grows linearly from ``first`` to ``last`` (book: ``def:linear-schedule``).

    Args:
        T: The number of steps.
        first: :math:`\beta_1`.
        last: :math:`\beta_T`.

    Raises:
        ValueError: ``T`` is less than 1, or a :math:`\beta_t` is outside (0, 1).

    References:
        Ho, Jain and Abbeel (2020), with T = 1000.
    """
    if T < 1:
        raise ValueError(f"T is {T}, takes an integer of at least 1")
    return Schedule(torch.linspace(first, last, T, dtype=torch.float64))


def cosine_schedule(T, offset=0.008):
    r"""The schedule whose signal falls as a cosine (book: ``def:cosine-schedule``).

    .. math::
        \bar\alpha_t \propto \cos^2\left(\frac{t/T + s}{1+s}\,\frac{\pi}{2}\right), \quad \beta_t \le 0.999

    Args:
        T: The number of steps.
        offset: :math:`s`.

    Raises:
        ValueError: ``T`` is less than 1, or ``offset`` is not positive.

    References:
        Nichol and Dhariwal, Improved denoising diffusion probabilistic models (2021).
    """
    if T < 1:
        raise ValueError(f"T is {T}, takes an integer of at least 1")
    if offset <= 0:
        raise ValueError(f"offset is {offset}, takes a positive number")
    time = torch.arange(T + 1, dtype=torch.float64) / T
    alpha_bar = torch.cos((time + offset) / (1 + offset) * (math.pi / 2)) ** 2
    return Schedule((1 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=0.999))


def diffuse(schedule, x0, t, noise):
    r"""The state at step t, straight from the data (book: ``eq:forward-marginal``).

    .. math:: \mathbf{x}_t = \sqrt{\bar\alpha_t}\,\mathbf{x}_0 + \sqrt{1-\bar\alpha_t}\,\boldsymbol{\epsilon}

    Args:
        schedule: The :class:`Schedule`.
        x0: The data, shape (n, ...).
        t: The steps, integers, shape (n,).
        noise: :math:`\boldsymbol{\epsilon}`, the shape of ``x0``.

    Raises:
        ValueError: A shape is wrong, or ``t`` is outside 0 to T.
    """
    if noise.shape != x0.shape:
        raise ValueError(f"noise has shape {tuple(noise.shape)}, takes that of x0, {tuple(x0.shape)}")
    signal, sigma = schedule.signal_noise(t, x0)
    return signal * x0 + sigma * noise


def convert(schedule, prediction, x, t, given, wanted):
    r"""One prediction from another: the noise, :math:`\mathbf{x}_0`, the score or the velocity.

    All four are linear in one another, given :math:`\mathbf{x}_t` (book: ``eq:parametrisations``). With
    :math:`a = \sqrt{\bar\alpha_t}` and :math:`s = \sqrt{1-\bar\alpha_t}`,

    .. math::
        \mathbf{x}_t = a\,\mathbf{x}_0 + s\,\boldsymbol{\epsilon}, \quad
        \nabla\log q_t = -\boldsymbol{\epsilon}/s, \quad
        \mathbf{v} = a\,\boldsymbol{\epsilon} - s\,\mathbf{x}_0 .

    Args:
        schedule: The :class:`Schedule`.
        prediction: What is given, the shape of ``x``.
        x: The state :math:`\mathbf{x}_t`.
        t: The steps from 1 to T, shape (n,).
        given: The kind of ``prediction``, one of :data:`KINDS`.
        wanted: The kind of the result.

    Raises:
        ValueError: A kind is unknown, a shape is wrong, or ``t`` is outside 1 to T.

    References:
        Salimans and Ho, Progressive distillation for fast sampling of diffusion models (2022), for the velocity.
    """
    for name, kind in (("given", given), ("wanted", wanted)):
        if kind not in KINDS:
            raise ValueError(f"{name} is {kind!r}, takes one of {', '.join(map(repr, KINDS))}")
    if prediction.shape != x.shape:
        raise ValueError(f"prediction has shape {tuple(prediction.shape)}, takes that of x, {tuple(x.shape)}")
    if len(t) and int(t.min()) < 1:
        raise ValueError(f"t has {int(t.min())}, takes 1 to T = {schedule.T}: at t = 0 there is no noise")
    a, s = schedule.signal_noise(t, x)
    if given == wanted:
        return prediction
    if given == "velocity":
        x0, noise = a * x - s * prediction, s * x + a * prediction
    elif given == "x0":
        x0, noise = prediction, (x - a * prediction) / s
    else:
        noise = prediction if given == "noise" else -s * prediction
        x0 = (x - s * noise) / a
    return {"x0": x0, "noise": noise, "score": -noise / s, "velocity": a * noise - s * x0}[wanted]


def steps_of_batch(n, T, *, rng):
    r"""Steps for a training batch: each uniform on 1 to T, and together spread evenly over them.

    The i-th of ``n`` is uniform on the i-th of n equal parts of the interval, and the rows are then shuffled, which
    lowers the variance of the loss and leaves its mean.

    Args:
        n: The number of rows.
        T: The number of steps of the schedule.
        rng: The source of chance.

    Returns:
        Integers, shape (n,).

    References:
        Kingma et al., Variational diffusion models (2021), for the idea.
    """
    u = (torch.arange(n, device=rng.device) + torch.rand(n, generator=rng, device=rng.device, dtype=torch.float64)) / n
    order = torch.randperm(n, generator=rng, device=rng.device)
    return (u * T).floor().to(torch.int64).clamp(0, T - 1)[order] + 1


def loss(network, schedule, x0, *, rng, kind="noise", weight=None, labels=None):
    r"""The training loss of each image: the squared error of the prediction, averaged over its components.

    .. math::
        \ell = w_t\,\frac1M\left\|\mathbf{y}_t - f_\theta(\mathbf{x}_t, t)\right\|^2 ,

    where :math:`\mathbf{y}_t` is the noise, :math:`\mathbf{x}_0`, the score or the velocity
    (book: ``eq:simple-loss``, ``def:loss-weights``).

    Args:
        network: Maps :math:`(\mathbf{x}_t, t)`, or :math:`(\mathbf{x}_t, t,` labels), to a prediction.
        schedule: The :class:`Schedule`.
        x0: The data, shape (n, ...).
        rng: The source of the steps and of the noise.
        kind: What is predicted, one of :data:`KINDS`.
        weight: :math:`w_t` for t = 0 to T, shape (T + 1,); all one where left out.
        labels: The labels, handed to the network where given.

    Returns:
        The loss of each row, shape (n,).

    Raises:
        ValueError: A shape or ``kind`` is wrong.

    References:
        Ho, Jain and Abbeel (2020), eq. (14), for the noise and weights of one.
    """
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}, takes one of {', '.join(map(repr, KINDS))}")
    if weight is not None and weight.shape != schedule.beta.shape:
        raise ValueError(f"weight has shape {tuple(weight.shape)}, takes (T + 1,) = ({schedule.T + 1},)")
    t = steps_of_batch(len(x0), schedule.T, rng=rng)
    noise = torch.randn(x0.shape, generator=rng, device=x0.device, dtype=x0.dtype)
    x = diffuse(schedule, x0, t, noise)
    target = convert(schedule, x0, x, t, "x0", kind) if kind == "x0" else convert(schedule, noise, x, t, "noise", kind)
    prediction = network(x, t) if labels is None else network(x, t, labels)
    error = (prediction.to(target.dtype) - target).square().flatten(1).mean(1)
    return error if weight is None else weight.to(error.dtype)[t] * error


def ema_rate(step, decay):
    r"""How far the moving average of the weights moves at a step, with warm-up (book: ``def:ema``).

    .. math:: r = \max\left(1-\lambda, \frac{9}{10+i}\right)

    The average forgets quickly at first: without the warm-up it still holds :math:`\lambda^i` of the random weights
    of the first step.

    Args:
        step: :math:`i`, counted from 0.
        decay: :math:`\lambda`.

    Returns:
        :math:`r`, for :math:`\bar\Theta \leftarrow (1-r)\bar\Theta + r\Theta`.

    Raises:
        ValueError: ``decay`` is outside [0, 1), or ``step`` is negative.
    """
    if not 0 <= decay < 1:
        raise ValueError(f"decay is {decay}, takes a number in [0, 1)")
    if step < 0:
        raise ValueError(f"step is {step}, takes an integer of at least 0")
    return max(1 - decay, 9 / (10 + step))
