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

import itertools
import math
import warnings
from typing import NamedTuple

import torch
from torch import nn

__all__ = [
    "KINDS",
    "Bound",
    "Schedule",
    "ancestral",
    "bits_per_dimension",
    "convert",
    "cosine_schedule",
    "data_denoiser",
    "ddim",
    "denoiser",
    "diffuse",
    "ema_rate",
    "forward_step",
    "gaussian_denoiser",
    "gaussian_flow",
    "linear_schedule",
    "log_likelihood",
    "loss",
    "mixture_denoiser",
    "mixture_log_density",
    "ode",
    "optimal_variance",
    "posterior",
    "posterior_variance",
    "prior_mismatch",
    "prior_term",
    "reverse_sde",
    "steps_of_batch",
    "times",
    "vlb",
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
            span = f" from {beta.min().item():.4g} to {beta.max().item():.4g}" if beta.numel() else ""
            raise ValueError(f"beta has shape {tuple(beta.shape)}{span}, takes (T,) numbers, all inside (0, 1)")
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

    @property
    def time(self):
        r"""The clock :math:`u_t = -\tfrac12\log\bar\alpha_t` of the Ornstein-Uhlenbeck process, shape (T + 1,).

        In it every schedule is the same process, :math:`d\mathbf{x} = -\mathbf{x}\,du + \sqrt2\,d\mathbf{W}`
        (book: ``eq:ou-clock``).
        """
        return -0.5 * self.alpha_bar.log()

    @property
    def sigma(self):
        r"""The noise-to-signal ratio :math:`\sigma_t = \sqrt{1-\bar\alpha_t}/\sqrt{\bar\alpha_t}`, shape (T + 1,)."""
        return ((1 - self.alpha_bar) / self.alpha_bar).sqrt()

    def extra_repr(self):
        return f"T={self.T}, alpha_bar_T={self.alpha_bar[-1]:.3g}"

    def at(self, name, t, x, argument="t"):
        """The constant ``name`` at the steps ``t``, of the type of ``x`` and shaped to multiply its rows.

        Raises:
            ValueError: ``t`` (called ``argument`` in the message) is not one integer a row, or outside 0 to T; or
                ``x`` is not floating-point.
        """
        return self._rows(name, t, x, argument).to(x.dtype)

    def signal_noise(self, t, x, argument="t"):
        r"""The factors :math:`\sqrt{\bar\alpha_t}` and :math:`\sqrt{1-\bar\alpha_t}` for the rows of ``x``."""
        alpha_bar = self._rows("alpha_bar", t, x, argument)
        return alpha_bar.sqrt().to(x.dtype), (1 - alpha_bar).sqrt().to(x.dtype)

    def _rows(self, name, t, x, argument="t"):
        """As :meth:`at`, in double precision."""
        if t.shape != x.shape[:1] or t.is_floating_point() or t.dtype == torch.bool:
            raise ValueError(
                f"{argument} has shape {tuple(t.shape)} and {t.dtype}, takes integers of shape {tuple(x.shape[:1])}"
            )
        if not x.is_floating_point():
            raise ValueError(f"x or x0 has {x.dtype}, takes a floating-point type")
        if len(t) and not (int(t.min()) >= 0 and int(t.max()) <= self.T):
            raise ValueError(f"{argument} has {int(t.min())} to {int(t.max())}, takes 0 to T = {self.T}")
        return getattr(self, name)[t.long()].reshape(-1, *[1] * (x.ndim - 1))


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
    _from_one(schedule, t)
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
    _check_rows("x0", x0)
    t = steps_of_batch(len(x0), schedule.T, rng=rng)
    noise = torch.randn(x0.shape, generator=rng, device=x0.device, dtype=x0.dtype)
    x = diffuse(schedule, x0, t, noise)
    a, s = schedule.signal_noise(t, x0)
    # from both parts that are known: x_0 from x_t and the noise would lose its digits where a is small
    target = {"x0": x0, "noise": noise, "score": -noise / s, "velocity": a * noise - s * x0}[kind]
    prediction = network(x, t) if labels is None else network(x, t, labels)
    if prediction.shape != x0.shape:
        raise ValueError(f"prediction has shape {tuple(prediction.shape)}, takes that of x0, {tuple(x0.shape)}")
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


def forward_step(schedule, x, t, noise):
    r"""One step of the chain, from t - 1 to t (book: ``def:forward-step``).

    .. math:: \mathbf{x}_t = \sqrt{\alpha_t}\,\mathbf{x}_{t-1} + \sqrt{\beta_t}\,\boldsymbol{\epsilon}

    Args:
        schedule: The :class:`Schedule`.
        x: :math:`\mathbf{x}_{t-1}`, shape (n, ...).
        t: The steps that are entered, from 1 to T, shape (n,).
        noise: :math:`\boldsymbol{\epsilon}`, the shape of ``x``.

    Raises:
        ValueError: A shape is wrong, or ``t`` is outside 1 to T.
    """
    if noise.shape != x.shape:
        raise ValueError(f"noise has shape {tuple(noise.shape)}, takes that of x, {tuple(x.shape)}")
    _from_one(schedule, t)
    return schedule.at("alpha", t, x).sqrt() * x + schedule.at("beta", t, x).sqrt() * noise


def posterior(schedule, x, x0, t, s=None):
    r"""Mean and variance of :math:`q(\mathbf{x}_s | \mathbf{x}_t, \mathbf{x}_0)` for s < t (book: ``eq:posterior``).

    With :math:`\alpha_{t|s} = \bar\alpha_t/\bar\alpha_s` (which is :math:`\alpha_t` for s = t - 1),

    .. math::
        \tilde{\boldsymbol{\mu}} = \frac{\sqrt{\alpha_{t|s}}\,(1-\bar\alpha_s)}{1-\bar\alpha_t}\,\mathbf{x}_t
        + \frac{\sqrt{\bar\alpha_s}\,(1-\alpha_{t|s})}{1-\bar\alpha_t}\,\mathbf{x}_0, \quad
        \tilde\beta = \frac{(1-\bar\alpha_s)(1-\alpha_{t|s})}{1-\bar\alpha_t} .

    Args:
        schedule: The :class:`Schedule`.
        x: :math:`\mathbf{x}_t`, shape (n, ...).
        x0: :math:`\mathbf{x}_0`, the shape of ``x``.
        t: The steps from 1 to T, shape (n,).
        s: Earlier steps from 0, shape (n,); t - 1 where left out.

    Returns:
        The mean, the shape of ``x``, and the variance of each component, shape (n, 1, ...).

    Raises:
        ValueError: A shape is wrong, ``t`` is outside 1 to T, or ``s`` is not before ``t``.

    References:
        Ho, Jain and Abbeel (2020), eqs. (6) and (7).
    """
    if x0.shape != x.shape:
        raise ValueError(f"x0 has shape {tuple(x0.shape)}, takes that of x, {tuple(x.shape)}")
    _from_one(schedule, t)
    late = schedule._rows("alpha_bar", t, x)
    s = t - 1 if s is None else s
    early = schedule._rows("alpha_bar", s, x, "s")
    if not (s < t).all():
        raise ValueError("s has steps that are not before t")
    one_step = (s == t - 1).reshape(late.shape)
    beta = torch.where(one_step, schedule._rows("beta", t, x), 1 - late / early)  # 1 - alpha cancels for small steps
    of_x = (late / early).sqrt() * (1 - early) / (1 - late)
    of_x0 = early.sqrt() * beta / (1 - late)
    variance = (1 - early) * beta / (1 - late)
    return of_x.to(x.dtype) * x + of_x0.to(x.dtype) * x0, variance.to(x.dtype)


def posterior_variance(schedule):
    r"""The variances :math:`\tilde\beta_t` of :func:`posterior` for s = t - 1, shape (T + 1,); that of t = 1 is 0."""
    bar = schedule.alpha_bar
    return torch.cat([bar.new_zeros(1), schedule.beta[1:] * (1 - bar[:-1]) / (1 - bar[1:])])


def optimal_variance(schedule, denoising_variance):
    r"""The variance of the best Gaussian reverse step, given the exact denoiser (book: ``eq:optimal-variance``).

    .. math::
        \sigma_t^2 = \tilde\beta_t + c_t^2\,\frac1M\,\mathbb{E}\,\mathrm{tr}\,\mathrm{Cov}[\mathbf{x}_0|\mathbf{x}_t],
        \quad c_t = \frac{\sqrt{\bar\alpha_{t-1}}\,\beta_t}{1-\bar\alpha_t}

    Args:
        schedule: The :class:`Schedule`.
        denoising_variance: The mean variance of a component of :math:`\mathbf{x}_0` given :math:`\mathbf{x}_t`, at
            t = 0 to T, shape (T + 1,).

    Returns:
        The variances, shape (T + 1,).

    Raises:
        ValueError: ``denoising_variance`` has another shape or a negative entry.

    References:
        Bao et al., Analytic-DPM (2022).
    """
    v = torch.as_tensor(denoising_variance, dtype=torch.float64)
    if v.shape != schedule.beta.shape or not (v >= 0).all():
        raise ValueError(
            f"denoising_variance has shape {tuple(v.shape)}, takes numbers of at least 0, shape ({schedule.T + 1},)"
        )
    bar = schedule.alpha_bar
    factor = bar[:-1].sqrt() * schedule.beta[1:] / (1 - bar[1:])
    return posterior_variance(schedule) + torch.cat([bar.new_zeros(1), factor.square() * v[1:]])


# Denoisers


def denoiser(network, schedule, kind, *, labels=None, none=None, scale=1.0, clip=None):
    r"""A denoiser from a network, with guidance if labels are given.

    Guidance moves the prediction away from the one without a label (book: ``def:guidance``):
    :math:`f = f_\mathrm{none} + \gamma\,(f_\mathrm{label} - f_\mathrm{none})`; 1 is the network with labels, 0 the
    one without.

    Args:
        network: Maps :math:`(\mathbf{x}_t, t)`, or with labels :math:`(\mathbf{x}_t, t,` labels), to a prediction.
        schedule: The :class:`Schedule`.
        kind: What it predicts, one of :data:`KINDS`.
        labels: The label of each row, or None.
        none: The label that means that none is given; needed where ``scale`` is not 1.
        scale: :math:`\gamma`.
        clip: A pair of numbers that :math:`\hat{\mathbf{x}}_0` is clipped to, or None.

    Returns:
        The function :math:`(\mathbf{x}, t) \mapsto \hat{\mathbf{x}}_0`.

    Raises:
        ValueError: ``kind`` is unknown, or a scale is given without the label ``none``.

    References:
        Ho and Salimans, Classifier-free diffusion guidance (2022).
    """
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}, takes one of {', '.join(map(repr, KINDS))}")
    if scale != 1 and (labels is None or none is None):
        raise ValueError(f"scale is {scale}, which takes labels and the label none")

    def predict(x, t):
        if labels is None:
            return network(x, t)
        if scale == 1:
            return network(x, t, labels)
        both = network(torch.cat([x, x]), torch.cat([t, t]), torch.cat([labels, torch.full_like(labels, none)]))
        given, free = both.chunk(2)
        return free + scale * (given - free)

    def denoise(x, t):
        x0 = convert(schedule, predict(x, t).to(x.dtype), x, t, kind, "x0")
        return x0 if clip is None else x0.clamp(*clip)

    return denoise


def gaussian_denoiser(schedule, mean, covariance):
    r"""The exact denoiser of data :math:`\mathcal{N}(\mathbf{m}, \mathbf{C})` (book: ``eq:gaussian-denoiser``).

    .. math::
        \mathbb{E}[\mathbf{x}_0|\mathbf{x}_t] = \mathbf{m} + \sqrt{\bar\alpha_t}\,\mathbf{C}
        \left(\bar\alpha_t\mathbf{C} + (1-\bar\alpha_t)\mathbf{I}\right)^{-1}
        (\mathbf{x}_t - \sqrt{\bar\alpha_t}\,\mathbf{m})

    Args:
        schedule: The :class:`Schedule`.
        mean: :math:`\mathbf{m}`, shape (d,).
        covariance: :math:`\mathbf{C}`, shape (d, d).

    Returns:
        The function :math:`(\mathbf{x}, t) \mapsto \hat{\mathbf{x}}_0` for x of shape (n, d).

    Raises:
        ValueError: The shapes do not fit, or ``covariance`` is not symmetric and positive.
    """
    mean, covariance = torch.as_tensor(mean), torch.as_tensor(covariance)
    return mixture_denoiser(schedule, mean.new_ones(1), mean[None], covariance[None])


def mixture_denoiser(schedule, weights, means, covariances):
    r"""The exact denoiser of a Gaussian mixture: the components' denoisers, averaged by their responsibilities.

    .. math::
        \mathbb{E}[\mathbf{x}_0|\mathbf{x}_t] = \sum_k r_k(\mathbf{x}_t)\,\mathbb{E}[\mathbf{x}_0|\mathbf{x}_t, k],
        \quad r_k \propto w_k\,\mathcal{N}(\mathbf{x}_t; \sqrt{\bar\alpha_t}\,\mathbf{m}_k,
        \bar\alpha_t\mathbf{C}_k + (1-\bar\alpha_t)\mathbf{I})

    Args:
        schedule: The :class:`Schedule`.
        weights: :math:`w_k`, positive, shape (K,), summing to one.
        means: :math:`\mathbf{m}_k`, shape (K, d).
        covariances: :math:`\mathbf{C}_k`, shape (K, d, d).

    Returns:
        The function :math:`(\mathbf{x}, t) \mapsto \hat{\mathbf{x}}_0` for x of shape (n, d).

    Raises:
        ValueError: The shapes do not fit, a weight is not positive, or a covariance not symmetric and positive.
    """
    spectrum = _mixture(weights, means, covariances)

    def denoise(x, t):
        a = schedule.signal_noise(t, x)[0]
        logits, shift, along, vectors, variances, now = _components(schedule, spectrum, x, t)
        given = shift + torch.einsum("kij,nkj->nki", vectors, a[:, :, None] * variances / now * along)
        return (logits.softmax(1)[:, :, None] * given).sum(1)

    return denoise


def mixture_log_density(schedule, weights, means, covariances, x, t):
    r"""The exact :math:`\log q(\mathbf{x}_t)` of a Gaussian mixture at step t, in nats (book: ``eq:mixture-marginal``).

    Args:
        schedule: The :class:`Schedule`.
        weights, means, covariances: See :func:`mixture_denoiser`.
        x: Where, shape (n, d).
        t: The steps from 0 to T, shape (n,).

    Returns:
        The log-densities, shape (n,).

    Raises:
        ValueError: See :func:`mixture_denoiser`.
    """
    return _components(schedule, _mixture(weights, means, covariances), x, t)[0].logsumexp(1)


def _mixture(weights, means, covariances):
    """Log-weights, means, eigenvectors and eigenvalues of the components, checked."""
    weights, means, covariances = (torch.as_tensor(part) for part in (weights, means, covariances))
    if means.ndim != 2 or covariances.shape != (*means.shape, means.shape[1]) or weights.shape != means.shape[:1]:
        raise ValueError(
            f"weights, means and covariances have shapes {tuple(weights.shape)}, {tuple(means.shape)} and "
            f"{tuple(covariances.shape)}, take (K,), (K, d) and (K, d, d)"
        )
    if not (weights > 0).all() or abs(weights.double().sum().item() - 1) > 1e-5:
        raise ValueError(f"weights is {weights.tolist()}, takes positive numbers that sum to one")
    if not torch.allclose(covariances, covariances.mT):
        raise ValueError("covariances has a matrix that is not symmetric")
    values, vectors = torch.linalg.eigh(covariances.double())
    if not (values > 0).all():
        raise ValueError(f"covariances has an eigenvalue {values.min().item():.3g}, takes positive ones")
    return weights.double().log(), means.double(), vectors, values


def _components(schedule, spectrum, x, t):
    """Log of weight times density of every component at x, shape (n, K), and what the denoiser is made of."""
    log_weights, means, vectors, variances = (part.to(x) for part in spectrum)
    if x.ndim != 2 or x.shape[1] != means.shape[1]:
        raise ValueError(f"x has shape {tuple(x.shape)}, takes (n, {means.shape[1]})")
    a, s = schedule.signal_noise(t, x)
    now = a.square()[:, :, None] * variances + s.square()[:, :, None]  # (n, K, d) variances along the axes at step t
    along = torch.einsum("kij,nki->nkj", vectors, x[:, None, :] - a[:, :, None] * means)
    logits = log_weights - 0.5 * (along.square() / now + now.log() + math.log(2 * math.pi)).sum(2)
    return logits, means, along, vectors, variances, now


def data_denoiser(schedule, data):
    r"""The exact denoiser of a finite data set: the average of its points, weighted by their closeness.

    .. math::
        \mathbb{E}[\mathbf{x}_0|\mathbf{x}_t] = \sum_i r_i\,\mathbf{x}^{(i)}, \quad
        r_i \propto \exp\left(-\frac{\|\mathbf{x}_t - \sqrt{\bar\alpha_t}\,\mathbf{x}^{(i)}\|^2}
        {2(1-\bar\alpha_t)}\right)

    A network that reaches the lowest training loss becomes this function, and draws nothing but training data.

    Args:
        schedule: The :class:`Schedule`.
        data: The points, shape (m, ...).

    Returns:
        The function :math:`(\mathbf{x}, t) \mapsto \hat{\mathbf{x}}_0` for x of shape (n, ...), t from 1.

    Raises:
        ValueError: ``data`` is empty.
    """
    if data.ndim < 2 or not len(data):
        raise ValueError(f"data has shape {tuple(data.shape)}, takes (m, ...) with m at least 1")
    points = data.flatten(1)
    centre = points.mean(0)
    points = points - centre

    def denoise(x, t):
        if x.shape[1:] != data.shape[1:]:
            raise ValueError(f"x has shape {tuple(x.shape)}, takes (n, {', '.join(map(str, data.shape[1:]))})")
        _from_one(schedule, t)
        a, s = (part.flatten(1) for part in schedule.signal_noise(t, x))
        known, middle = points.to(x), centre.to(x)
        # the square of x is the same for all points and drops out of the softmax
        distant = (x.flatten(1) - a * middle) @ known.T
        logits = (a * distant - 0.5 * a.square() * known.square().sum(1)) / s.square()
        return (middle + logits.softmax(1) @ known).reshape(x.shape)

    return denoise


def gaussian_flow(schedule, mean, covariance, x, t, s):
    r"""Where the probability flow of data :math:`\mathcal{N}(\mathbf{m}, \mathbf{C})` takes x from step t to step s.

    Along every eigenvector of :math:`\mathbf{C}`, of eigenvalue c, the distance from the mean in units of the
    standard deviation stays what it is (book: ``eq:gaussian-flow``):

    .. math::
        \frac{x_s - \sqrt{\bar\alpha_s}\,m}{\sqrt{\bar\alpha_s c + 1 - \bar\alpha_s}}
        = \frac{x_t - \sqrt{\bar\alpha_t}\,m}{\sqrt{\bar\alpha_t c + 1 - \bar\alpha_t}}

    Args:
        schedule: The :class:`Schedule`.
        mean: :math:`\mathbf{m}`, shape (d,).
        covariance: :math:`\mathbf{C}`, shape (d, d).
        x: The points, shape (n, d).
        t, s: The steps, two integers from 0 to T in any order.

    Returns:
        The points at step s, shape (n, d).

    Raises:
        ValueError: See :func:`mixture_denoiser`; or a step is out of range.
    """
    mean, covariance = torch.as_tensor(mean), torch.as_tensor(covariance)
    spectrum = _mixture(mean.new_ones(1), mean[None], covariance[None])
    for name, step in (("t", t), ("s", s)):
        if int(step) != step or not 0 <= step <= schedule.T:
            raise ValueError(f"{name} has {step}, takes 0 to T = {schedule.T}")
    _, centre, along, vectors, _, now = _components(schedule, spectrum, x, _full(t, x))
    then = torch.zeros_like(x) + centre[0]  # its components at step s, for the variances there
    later = _components(schedule, spectrum, then, _full(s, x))[-1]
    a = schedule.signal_noise(_full(s, x), x)[0]
    return a * centre[0] + torch.einsum("ij,nj->ni", vectors[0], (along * (later / now).sqrt())[:, 0])


# Samplers


def times(T, n):
    """``n`` steps from T down to 1 or more, as evenly spaced as integers are; samplers append the step 0 themselves.

    Args:
        T: The number of steps of the schedule.
        n: How many are wanted, from 1 to T.

    Returns:
        A decreasing list of integers that begins with T.

    Raises:
        ValueError: ``n`` is not from 1 to ``T``.
    """
    if not 1 <= n <= T:
        raise ValueError(f"n is {n}, takes 1 to T = {T}")
    return [T - (i * T) // n for i in range(n)]


def ancestral(denoise, schedule, x, *, rng, variance="posterior", callback=None):
    r"""Draw by the reverse chain of all T steps, from noise ``x`` to :math:`\mathbf{x}_0` (book: ``def:ancestral``).

    .. math::
        \mathbf{x}_{t-1} = \tilde{\boldsymbol{\mu}}(\mathbf{x}_t, \hat{\mathbf{x}}_0) + \sigma_t\mathbf{z}, \quad
        t = T, \dots, 1,

    without noise in the last step unless a variance of it is given.

    Args:
        denoise: The denoiser.
        schedule: The :class:`Schedule`.
        x: :math:`\mathbf{x}_T`, shape (n, ...), standard normal.
        rng: The source of the noise.
        variance: ``"posterior"`` for :math:`\tilde\beta_t`, ``"beta"`` for :math:`\beta_t` (both end without noise), or
            :math:`\sigma_t^2` for t = 0 to T, shape (T + 1,).
        callback: Called as ``callback(t, x, x0)`` after every step with the step reached, the state there and the
            denoiser's estimate that led to it.

    Returns:
        The samples, the shape of ``x``.

    Raises:
        ValueError: ``variance`` is unknown or of a wrong shape.

    References:
        Ho, Jain and Abbeel (2020), algorithm 2.
    """
    sigma = _variances(schedule, variance).sqrt()
    if isinstance(variance, str):
        sigma = sigma.clone()
        sigma[1] = 0.0
    with torch.no_grad():
        for now in range(schedule.T, 0, -1):
            t = _full(now, x)
            x0 = denoise(x, t)
            x = posterior(schedule, x, x0, t)[0]
            if sigma[now] > 0:
                x = x + sigma[now].to(x.dtype) * _normal(x, rng)
            if callback is not None:
                callback(now - 1, x, x0)
    return x


def ddim(denoise, schedule, x, *, steps=None, eta=0.0, rng=None, callback=None):
    r"""Draw along a sub-sequence of steps, with as much fresh noise as wanted (book: ``eq:ddim``).

    From step t to an earlier step s,

    .. math::
        \mathbf{x}_s = \sqrt{\bar\alpha_s}\,\hat{\mathbf{x}}_0
        + \sqrt{1-\bar\alpha_s-\eta^2\tilde\beta_{t|s}}\,\hat{\boldsymbol{\epsilon}} + \eta\sqrt{\tilde\beta_{t|s}}\,
        \mathbf{z} ,

    with :math:`\tilde\beta_{t|s}` the variance of :func:`posterior`. :math:`\eta = 0` is deterministic, and
    :math:`\eta = 1` on all steps is :func:`ancestral`. The last step always goes to s = 0, which is
    :math:`\hat{\mathbf{x}}_0`.

    Args:
        denoise: The denoiser.
        schedule: The :class:`Schedule`.
        x: The state at the first step, shape (n, ...).
        steps: All of them (None), a number for :func:`times`, or a decreasing list from 1 to T.
        eta: :math:`\eta`, from 0 to 1.
        rng: The source of the noise; needed where ``eta`` is positive.
        callback: See :func:`ancestral`.

    Returns:
        The samples, the shape of ``x``.

    Raises:
        ValueError: ``steps`` or ``eta`` is out of range, or ``rng`` is missing.

    References:
        Song, Meng and Ermon, Denoising diffusion implicit models (2021), eq. (12).
    """
    if not 0 <= eta <= 1:
        raise ValueError(f"eta is {eta}, takes a number from 0 to 1")
    if eta and rng is None:
        raise ValueError("rng is missing: with eta above 0 there is noise")
    with torch.no_grad():
        for now, then in _pairs(schedule, steps):
            t, s = _full(now, x), _full(then, x)
            x0 = denoise(x, t)
            noise = convert(schedule, x0, x, t, "x0", "noise")
            a, spread = schedule.signal_noise(s, x)
            variance = eta**2 * posterior(schedule, x, x0, t, s)[1]
            x = a * x0 + (spread.square() - variance).clamp(min=0).sqrt() * noise
            if eta and then:
                x = x + variance.sqrt() * _normal(x, rng)
            if callback is not None:
                callback(then, x, x0)
    return x


def ode(denoise, schedule, x, *, steps=None, method="heun", clock="sigma", callback=None):
    r"""Draw by the probability-flow equation (book: ``eq:probability-flow``), which has no noise.

    With the clock ``"sigma"`` the variables are :math:`\mathbf{y} = \mathbf{x}/\sqrt{\bar\alpha}` and
    :math:`\sigma`; with ``"time"`` they are :math:`\mathbf{x}` and :math:`u = -\tfrac12\log\bar\alpha`; with
    ``"angle"`` they are :math:`\mathbf{x}` and :math:`\phi = \arccos\sqrt{\bar\alpha}`:

    .. math::
        \frac{d\mathbf{y}}{d\sigma} = \hat{\boldsymbol{\epsilon}}, \qquad
        \frac{d\mathbf{x}}{du} = -\mathbf{x} - \nabla\log q_u(\mathbf{x}), \qquad
        \frac{d\mathbf{x}}{d\phi} = \hat{\mathbf{v}} .

    Euler's method with the first is :func:`ddim` with :math:`\eta = 0`. Heun's takes two evaluations a step, except
    in the last one, to t = 0, where the score does not exist: that one is Euler's.

    The order of a method holds for steps that are fine in its clock. The angle runs from 0 to at most
    :math:`\pi/2`, nearly evenly along a cosine schedule; :math:`\sigma` has no bound, and Heun's method in it fails
    where one step crosses most of its range, as the first of a few steps along a cosine schedule does.

    Args:
        denoise: The denoiser.
        schedule: The :class:`Schedule`.
        x: The state at the first step, shape (n, ...).
        steps: See :func:`ddim`.
        method: ``"heun"`` (second order) or ``"euler"`` (first).
        clock: ``"sigma"``, ``"time"`` or ``"angle"``.
        callback: See :func:`ancestral`.

    Returns:
        The samples, the shape of ``x``.

    Raises:
        ValueError: ``steps``, ``method`` or ``clock`` is wrong.

    References:
        Song et al., Score-based generative modeling through stochastic differential equations (2021); Karras et al.,
        Elucidating the design space of diffusion-based generative models (2022), for Heun's method in sigma;
        Salimans and Ho (2022) for the angle.
    """
    if method not in ("heun", "euler"):
        raise ValueError(f"method is {method!r}, takes 'heun' or 'euler'")
    if clock not in ("sigma", "time", "angle"):
        raise ValueError(f"clock is {clock!r}, takes 'sigma', 'time' or 'angle'")
    with torch.no_grad():
        for now, then in _pairs(schedule, steps):
            x0, slope = _slope(denoise, schedule, x, now, clock)
            new = _move(schedule, x, slope, now, then, clock)
            if method == "heun" and then:
                _, slope_there = _slope(denoise, schedule, new, then, clock)
                new = _move(schedule, x, 0.5 * (slope + slope_there), now, then, clock)
            x = new
            if callback is not None:
                callback(then, x, x0)
    return x


def reverse_sde(denoise, schedule, x, *, rng, steps=None, callback=None):
    r"""Draw by the reverse stochastic equation, discretised by Euler and Maruyama (book: ``eq:reverse-sde``).

    In the clock u, over a step of length :math:`\Delta = u_t - u_s`,

    .. math::
        \mathbf{x}_s = \mathbf{x}_t + \Delta\left(\mathbf{x}_t + 2\nabla\log q_t(\mathbf{x}_t)\right)
        + \sqrt{2\Delta}\,\mathbf{z} ,

    without noise in the last step, to t = 0. It is stable only where :math:`\Delta` is small: not at the end of a
    cosine schedule.

    Args:
        denoise: The denoiser.
        schedule: The :class:`Schedule`.
        x: The state at the first step, shape (n, ...).
        rng: The source of the noise.
        steps: See :func:`ddim`.
        callback: See :func:`ancestral`.

    Returns:
        The samples, the shape of ``x``.

    Raises:
        ValueError: ``steps`` is out of range.

    References:
        Anderson (1982); Song et al. (2021).
    """
    clock = schedule.time
    with torch.no_grad():
        for now, then in _pairs(schedule, steps):
            t = _full(now, x)
            x0 = denoise(x, t)
            score = convert(schedule, x0, x, t, "x0", "score")
            delta = (clock[now] - clock[then]).item()
            x = x + delta * (x + 2 * score)
            if then:
                x = x + math.sqrt(2 * delta) * _normal(x, rng)
            if callback is not None:
                callback(then, x, x0)
    return x


def _slope(denoise, schedule, x, now, clock):
    t = _full(now, x)
    x0 = denoise(x, t)
    if clock == "sigma":
        return x0, convert(schedule, x0, x, t, "x0", "noise")
    if clock == "angle":
        return x0, convert(schedule, x0, x, t, "x0", "velocity")
    return x0, -x - convert(schedule, x0, x, t, "x0", "score")


def _move(schedule, x, slope, now, then, clock):
    if clock == "time":
        return x + (schedule.time[then] - schedule.time[now]).item() * slope
    if clock == "angle":
        angle = schedule.sigma[[now, then]].atan()
        return x + (angle[1] - angle[0]).item() * slope
    # y and sigma, both times the signal a of the new step, so that nothing overflows where a is tiny
    a = schedule.alpha_bar[[now, then]].sqrt()
    s = (1 - schedule.alpha_bar[[now, then]]).sqrt()
    ratio = a[1] / a[0]
    return ratio.item() * x + (s[1] - ratio * s[0]).item() * slope


def _pairs(schedule, steps):
    """The pairs (t, s) that a sampler goes through; the last s is 0."""
    if steps is None:
        steps = schedule.T
    if isinstance(steps, int):
        steps = times(schedule.T, steps)
    steps = list(steps)
    down = all(int(step) == step for step in steps) and all(late > early for late, early in itertools.pairwise(steps))
    if not steps or not down or not (steps[0] <= schedule.T and steps[-1] >= 1):
        raise ValueError(f"steps is {steps}, takes a decreasing list of integers from T = {schedule.T} to 1")
    steps = [int(step) for step in steps]
    return list(zip(steps, [*steps[1:], 0], strict=True))


def _variances(schedule, variance):
    if isinstance(variance, str):
        if variance not in ("posterior", "beta"):
            raise ValueError(f"variance is {variance!r}, takes 'posterior', 'beta' or numbers of shape (T + 1,)")
        return posterior_variance(schedule) if variance == "posterior" else schedule.beta
    variance = torch.as_tensor(variance, dtype=torch.float64)
    if variance.shape != schedule.beta.shape or not (variance >= 0).all():
        raise ValueError(
            f"variance has shape {tuple(variance.shape)}, takes numbers of at least 0, ({schedule.T + 1},)"
        )
    return variance


# Likelihood


class Bound(NamedTuple):
    r"""The terms of the variational bound on :math:`-\log p(\mathbf{x}_0)`, in nats.

    Attributes:
        prior: :math:`D_\mathrm{KL}(q(\mathbf{x}_T|\mathbf{x}_0)\,\|\,\mathcal{N}(0, \mathbf{I}))`, shape (n,).
        denoising: Shape (n, T): in column t - 1 the divergence of step t, and in column 0 the reconstruction term
            :math:`-\log p(\mathbf{x}_0|\mathbf{x}_1)`.
        total: Their sum, shape (n,).
    """

    prior: torch.Tensor
    denoising: torch.Tensor
    total: torch.Tensor


def vlb(denoise, schedule, x0, *, rng, variance="posterior"):
    r"""The variational bound on :math:`-\log p(\mathbf{x}_0)` of the reverse chain, term by term (book: ``eq:vlb``).

    .. math::
        -\log p(\mathbf{x}_0) \le D_\mathrm{KL}(q(\mathbf{x}_T|\mathbf{x}_0)\|p(\mathbf{x}_T))
        + \sum_{t=2}^T \mathbb{E}\,D_\mathrm{KL}(q(\mathbf{x}_{t-1}|\mathbf{x}_t,\mathbf{x}_0)\|
        p(\mathbf{x}_{t-1}|\mathbf{x}_t)) - \mathbb{E}\log p(\mathbf{x}_0|\mathbf{x}_1)

    Every expectation is estimated with one draw of :math:`\mathbf{x}_t`. The data is taken as continuous: the last
    step is a Gaussian density, and with ``"posterior"``, whose variance ends in 0, it has that of ``"beta"``.

    Args:
        denoise: The denoiser.
        schedule: The :class:`Schedule`.
        x0: The data, shape (n, ...).
        rng: The source of the draws.
        variance: See :func:`ancestral`; positive for every t from 1.

    Returns:
        The :class:`Bound`.

    Raises:
        ValueError: ``variance`` is unknown, of a wrong shape or zero at a step.

    References:
        Sohl-Dickstein et al. (2015); Ho, Jain and Abbeel (2020), eq. (5).
    """
    _check_rows("x0", x0)
    chosen = _variances(schedule, variance).clone()
    if isinstance(variance, str):
        chosen[1] = schedule.beta[1]
    if not (chosen[1:] > 0).all():
        raise ValueError("variance is zero at a step, where the bound is infinite")
    exact = posterior_variance(schedule)
    columns = []
    size = x0[0].numel()
    with torch.no_grad():
        for now in range(1, schedule.T + 1):
            t = _full(now, x0)
            x = diffuse(schedule, x0, t, _normal(x0, rng))
            estimate = denoise(x, t)
            model = posterior(schedule, x, estimate, t)[0]
            wanted = x0 if now == 1 else posterior(schedule, x, x0, t)[0]
            error = (wanted - model).flatten(1).double().square().sum(1) / (2 * chosen[now])
            if now == 1:
                columns.append(error + 0.5 * size * torch.log(2 * math.pi * chosen[1]))
            else:
                ratio = exact[now] / chosen[now]
                columns.append(error + 0.5 * size * (ratio - 1 - ratio.log()))
    prior, denoising = prior_term(schedule, x0).double(), torch.stack(columns, dim=1)
    return Bound(prior, denoising, prior + denoising.sum(1))


def prior_term(schedule, x0):
    r"""The divergence :math:`D_\mathrm{KL}(q(\mathbf{x}_T|\mathbf{x}_0)\,\|\,\mathcal{N}(0,\mathbf{I}))` of each row.

    .. math:: \tfrac12\left(\bar\alpha_T\|\mathbf{x}_0\|^2 - M\bar\alpha_T - M\log(1-\bar\alpha_T)\right)

    Args:
        schedule: The :class:`Schedule`.
        x0: The data, shape (n, ...).

    Returns:
        Nats, shape (n,).
    """
    _check_rows("x0", x0)
    bar = schedule.alpha_bar[-1]
    size = x0[0].numel()
    return (0.5 * (bar * x0.flatten(1).double().square().sum(1) - size * (bar + torch.log1p(-bar)))).to(x0.dtype)


def prior_mismatch(schedule, x0, *, rng, samples=2_000):
    r"""How far the chain ends from noise: :math:`D_\mathrm{KL}(q(\mathbf{x}_T)\,\|\,\mathcal{N}(0,\mathbf{I}))`.

    Here :math:`q(\mathbf{x}_T)` is the marginal, the mixture over all the data, and the divergence is estimated with
    draws from it. By convexity it is at most the mean of :func:`prior_term`.

    Args:
        schedule: The :class:`Schedule`.
        x0: The data, shape (n, ...).
        rng: The source of the draws.
        samples: Their number.

    Returns:
        The divergence in nats, and its standard error.

    Raises:
        ValueError: ``samples`` is less than 2.
    """
    if samples < 2:
        raise ValueError(f"samples is {samples}, takes an integer of at least 2")
    _check_rows("x0", x0)
    points = x0.flatten(1).double()
    bar = schedule.alpha_bar[-1]
    rows = torch.randint(len(points), (samples,), generator=rng, device=x0.device)
    x = bar.sqrt() * points[rows] + (1 - bar).sqrt() * _normal(points[rows], rng)
    found = []
    for part in x.split(500):
        squares = (
            (part[:, None] - bar.sqrt() * points).square().sum(2)
            if points.shape[1] < 8
            else (part.square().sum(1)[:, None] - 2 * bar.sqrt() * part @ points.T + bar * points.square().sum(1))
        )
        log_q = (-0.5 * squares / (1 - bar)).logsumexp(1) - math.log(len(points))
        found.append(log_q - 0.5 * points.shape[1] * torch.log1p(-bar) + 0.5 * part.square().sum(1))
    difference = torch.cat(found)
    return difference.mean().item(), (difference.std() / samples**0.5).item()


def bits_per_dimension(nats, dimension, bin_width=1.0):
    r"""A negative log-density in nats, of M components, as bits a component for data in bins.

    .. math:: \frac{L}{M\log 2} - \log_2 h

    Args:
        nats: :math:`L`, a number or a tensor.
        dimension: :math:`M`.
        bin_width: :math:`h`: 2/255 for 256 grey values on [-1, 1].

    Raises:
        ValueError: ``dimension`` or ``bin_width`` is not positive.
    """
    if dimension < 1:
        raise ValueError(f"dimension is {dimension}, takes an integer of at least 1")
    if bin_width <= 0:
        raise ValueError(f"bin_width is {bin_width}, takes a positive number")
    return nats / (dimension * math.log(2)) - math.log2(bin_width)


def log_likelihood(denoise, schedule, x, *, steps=None, probes=None, rng=None):
    r"""The log-density of the probability flow at step 1, by the instantaneous change of variables.

    Along the flow :math:`d\mathbf{x}/du = -\mathbf{x} - \mathbf{s}(\mathbf{x}, u)` the density changes by
    (book: ``eq:instantaneous-change``)

    .. math::
        \log q_{u_1}(\mathbf{x}_1) = \log\mathcal{N}(\mathbf{x}_T; 0, \mathbf{I})
        - \int_{u_1}^{u_T} \left(M + \nabla\cdot\mathbf{s}\right) du ,

    integrated together with the flow by Heun's method, from t = 1 to T. At t = 0 the score need not exist.

    Args:
        denoise: The denoiser, differentiable.
        schedule: The :class:`Schedule`.
        x: Points at step 1, shape (n, ...).
        steps: All of them (None), a number for :func:`times`, or a decreasing list from T to 1; 1 is added if missing.
        probes: None for the exact trace (as many backward passes as components), or the number of random signs per
            point in Hutchinson's estimate of it.
        rng: The source of the signs.

    Returns:
        Nats, shape (n,).

    Raises:
        ValueError: ``steps`` or ``probes`` is out of range, or ``rng`` is missing.

    References:
        Chen et al., Neural ordinary differential equations (2018); Grathwohl et al. (2018); Song et al. (2021).
    """
    if probes is not None and (probes < 1 or rng is None):
        raise ValueError(f"probes is {probes}, takes None, or an integer of at least 1 together with rng")
    _check_rows("x", x)
    ascending = [late for late, _ in _pairs(schedule, steps)][::-1]
    if ascending[-1] != schedule.T:
        raise ValueError(f"steps begins with {ascending[-1]}, takes T = {schedule.T}, where the density is known")
    if ascending[0] != 1:
        ascending = [1, *ascending]
    size = x[0].numel()
    if probes is None:
        directions = torch.eye(size, dtype=x.dtype, device=x.device)[:, None].expand(-1, len(x), -1)
    else:
        # the same signs at every step, so that the integrand is smooth
        directions = torch.randint(2, (probes, len(x), size), generator=rng, device=x.device).to(x.dtype) * 2 - 1
    weight = 1.0 if probes is None else 1.0 / probes

    def rates(x, now):
        with torch.enable_grad():
            place = x.detach().requires_grad_()
            t = _full(now, x)
            score = convert(schedule, denoise(place, t), place, t, "x0", "score")
            trace = torch.zeros(len(x), dtype=x.dtype, device=x.device)
            for direction in directions:
                along = direction.reshape(x.shape)
                (pulled,) = torch.autograd.grad((score * along).sum(), place, retain_graph=True)
                trace = trace + weight * (pulled * along).flatten(1).sum(1)
        return -x - score.detach(), -size - trace.detach()

    clock = schedule.time
    total = torch.zeros(len(x), dtype=x.dtype, device=x.device)
    for now, then in itertools.pairwise(ascending):
        delta = (clock[then] - clock[now]).item()
        speed, growth = rates(x, now)
        speed_there, growth_there = rates(x + delta * speed, then)
        x = x + 0.5 * delta * (speed + speed_there)
        total = total + 0.5 * delta * (growth + growth_there)
    last = -0.5 * (x.flatten(1).square().sum(1) + size * math.log(2 * math.pi))
    return last + total


def _check_rows(name, x):
    if x.ndim < 2 or not len(x):
        raise ValueError(f"{name} has shape {tuple(x.shape)}, takes (n, ...) with n at least 1")


def _from_one(schedule, t):
    if len(t) and int(t.min()) < 1:
        raise ValueError(f"t has {int(t.min())}, takes 1 to T = {schedule.T}: at t = 0 there is no noise")


def _full(step, x):
    return torch.full((len(x),), step, dtype=torch.int64, device=x.device)


def _normal(x, rng):
    return torch.randn(x.shape, generator=rng, dtype=x.dtype, device=x.device)
