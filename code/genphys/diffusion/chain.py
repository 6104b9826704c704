r"""The chain from data to noise: its schedule, its marginals and posteriors, and the loss that learns its reversal.

A step adds noise and shrinks what was there, :math:`q(\mathbf{x}_t | \mathbf{x}_{t-1}) =
\mathcal{N}(\sqrt{\alpha_t}\,\mathbf{x}_{t-1}, \beta_t\mathbf{I})` with :math:`\alpha_t = 1-\beta_t`, and so

.. math::
    q(\mathbf{x}_t | \mathbf{x}_0) = \mathcal{N}(\sqrt{\bar\alpha_t}\,\mathbf{x}_0, (1-\bar\alpha_t)\mathbf{I}),
    \quad \bar\alpha_t = \prod_{s \le t} \alpha_s, \quad t = 1, \dots, T, \quad \bar\alpha_0 = 1 .

In the code :math:`a = \sqrt{\bar\alpha_t}` and :math:`s = \sqrt{1-\bar\alpha_t}`. Steps count from 1, and every array
of constants has T + 1 entries, so that index t *is* step t. They are in double precision on the processor, and cast to
the type and device of the state where they meet it.

References:
    Sohl-Dickstein et al. (2015); Ho, Jain and Abbeel (2020): linear schedule, posterior (eqs. 6 and 7) and loss (eq.
    14). Nichol and Dhariwal, Improved denoising diffusion probabilistic models (2021): cosine schedule. Bao et al.,
    Analytic-DPM (2022): optimal variance. Salimans and Ho (2022): velocity. Kingma et al. (2021): spread steps.
"""

import math
import warnings
from typing import Literal, get_args

import torch

from genphys.arguments import Takes, count, doors, function, label, many, number, positive, require, source, tensor
from genphys.numerics import double, standard_normal

Kind = Literal["noise", "x0", "score", "velocity"]
KINDS = get_args(Kind)


def _fits_schedule(value, call):
    return isinstance(value, Schedule) and call.agrees("T", value.T) and call.agrees("T+1", value.T + 1)


a_schedule = Takes("a Schedule", _fits_schedule)


def steps_from(first=0):
    """One step for each row, from ``first`` to the T of the call's schedule."""

    def fits(value, call):
        T = call.sizes.get("T", getattr(call.owner, "T", None))
        return tensor("n", kind="whole", low=first, high=T).fits(value, call)

    return Takes(f"a tensor of whole numbers of shape (n), from {first} to T", fits)


constants = tensor("T+1", kind="any", low=0, free=True) | many(number(low=0))
a_variance = constants | Literal["posterior", "beta"]  # Python 3.10 takes no other order


def as_constants(name, values, schedule):
    """A list or tensor of one number a step, in double precision."""
    values = double(torch.as_tensor(values, dtype=None if isinstance(values, torch.Tensor) else torch.float64))
    require(len(values) == schedule.T + 1, name, values, f"T + 1 = {schedule.T + 1} numbers")
    return values


class Schedule:
    r"""The constants of a forward chain from :math:`\beta_1,\dots,\beta_T`: index t is step t, index 0 the data.

    They are ``beta``, ``alpha``, ``alpha_bar``, and the factors ``signal``, :math:`\sqrt{\bar\alpha_t}`, and ``noise``,
    :math:`\sqrt{1-\bar\alpha_t}`, each with T + 1 entries, :math:`\beta_0 = 0` and :math:`\bar\alpha_0 = 1` the first.
    Where :math:`\bar\alpha_T > 0.05` the end of the chain is no noise, and it warns.
    """

    def __init__(self, beta: tensor("T", kind="any", above=0, below=1) | many(number(above=0, below=1))):
        beta = double(beta) if isinstance(beta, torch.Tensor) else torch.tensor(beta, dtype=torch.float64)
        self.T, self.beta = len(beta), torch.cat([beta.new_zeros(1), beta])
        self.alpha = 1 - self.beta
        self.alpha_bar = torch.log1p(-self.beta).cumsum(0).exp()
        self.signal, self.noise = self.alpha_bar.sqrt(), (1 - self.alpha_bar).sqrt()
        if self.alpha_bar[-1] > 0.05:
            warnings.warn(
                f"the schedule ends at alpha_bar_T = {self.alpha_bar[-1]:.3f}, which is not noise; "
                "take more steps or larger ones",
                stacklevel=3,
            )

    @property
    def time(self):
        r"""The clock :math:`u_t = -\tfrac12\log\bar\alpha_t` of the Ornstein-Uhlenbeck process (book: ``eq:ou-clock``).

        In it every schedule is the same process, :math:`d\mathbf{x} = -\mathbf{x}\,du + \sqrt2\,d\mathbf{W}`.
        """
        return -0.5 * self.alpha_bar.log()

    @property
    def sigma(self):
        r"""The noise-to-signal ratio :math:`\sigma_t = \sqrt{1-\bar\alpha_t}/\sqrt{\bar\alpha_t}`."""
        return ((1 - self.alpha_bar) / self.alpha_bar).sqrt()

    def signal_noise(self, t: steps_from(), x: tensor("n ...")):
        r"""The factors :math:`\sqrt{\bar\alpha_t}` and :math:`\sqrt{1-\bar\alpha_t}` for the rows of ``x``."""
        return factors(self, t, x)

    def __repr__(self):
        return f"Schedule(T={self.T}, alpha_bar_T={self.alpha_bar[-1]:.3g})"


def rows(values, t, x):
    """The entries of a constant at the steps of the rows, of the type and device of x and shaped to multiply it."""
    return values[t.cpu().long()].reshape(-1, *[1] * (x.ndim - 1)).to(x)


def factors(schedule, t, x):
    """The factors a and s of signal and noise, for the rows of x."""
    return rows(schedule.signal, t, x), rows(schedule.noise, t, x)


def linear_schedule(T: count(), first: number(above=0, below=1) = 1e-4, last: number(above=0, below=1) = 0.02):
    r"""The schedule :math:`\beta_t` that grows linearly from ``first`` to ``last`` (book: ``def:linear-schedule``)."""
    return Schedule(torch.linspace(first, last, T, dtype=torch.float64))


def cosine_schedule(T: count(), offset: positive = 0.008):
    r"""The schedule whose signal falls as a cosine (book: ``def:cosine-schedule``).

    .. math:: \bar\alpha_t \propto \cos^2\left(\frac{t/T + s}{1+s}\,\frac{\pi}{2}\right), \quad \beta_t \le 0.999
    """
    time = torch.arange(T + 1, dtype=torch.float64) / T
    alpha_bar = torch.cos((time + offset) / (1 + offset) * (math.pi / 2)) ** 2
    return Schedule((1 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=0.999))


def forward_step(schedule: a_schedule, x: tensor("n ..."), t: steps_from(1), noise: tensor("n ...")):
    r"""One step of the chain, from t - 1 to t (book: ``def:forward-step``).

    .. math:: \mathbf{x}_t = \sqrt{\alpha_t}\,\mathbf{x}_{t-1} + \sqrt{\beta_t}\,\boldsymbol{\epsilon}
    """
    return rows(schedule.alpha.sqrt(), t, x) * x + rows(schedule.beta.sqrt(), t, x) * noise


def diffuse(schedule: a_schedule, x0: tensor("n ..."), t: steps_from(), noise: tensor("n ...")):
    r"""The state at step t, straight from the data (book: ``eq:forward-marginal``).

    .. math:: \mathbf{x}_t = \sqrt{\bar\alpha_t}\,\mathbf{x}_0 + \sqrt{1-\bar\alpha_t}\,\boldsymbol{\epsilon}
    """
    a, s = factors(schedule, t, x0)
    return a * x0 + s * noise


def posterior(
    schedule: a_schedule, x: tensor("n ..."), x0: tensor("n ..."), t: steps_from(1), s: steps_from() | None = None
):
    r"""Mean and variance of :math:`q(\mathbf{x}_s | \mathbf{x}_t, \mathbf{x}_0)` for s < t (book: ``eq:posterior``).

    Shapes (n, ...) and (n, 1, ...). With :math:`\alpha_{t|s} = \bar\alpha_t/\bar\alpha_s`, and s = t - 1 if left out,

    .. math::
        \tilde{\boldsymbol{\mu}} = \frac{\sqrt{\alpha_{t|s}}\,(1-\bar\alpha_s)}{1-\bar\alpha_t}\,\mathbf{x}_t
        + \frac{\sqrt{\bar\alpha_s}\,(1-\alpha_{t|s})}{1-\bar\alpha_t}\,\mathbf{x}_0, \quad
        \tilde\beta = \frac{(1-\bar\alpha_s)(1-\alpha_{t|s})}{1-\bar\alpha_t} .
    """
    s = t - 1 if s is None else s
    require((s < t).all(), "s", s, "steps before those of t")
    of_x, of_x0, variance = posterior_factors(schedule, t.cpu().long(), s.cpu().long())
    of_x, of_x0, variance = (part.reshape(-1, *[1] * (x.ndim - 1)).to(x) for part in (of_x, of_x0, variance))
    return of_x * x + of_x0 * x0, variance


def posterior_factors(schedule, t, s):
    """What x_t and x_0 are multiplied by in the posterior's mean, and its variance, in double precision."""
    late, early = schedule.alpha_bar[t], schedule.alpha_bar[s]
    beta = torch.where(s == t - 1, schedule.beta[t], 1 - late / early)  # 1 - alpha cancels for small steps
    of_x = (late / early).sqrt() * (1 - early) / (1 - late)
    of_x0 = early.sqrt() * beta / (1 - late)
    return of_x, of_x0, (1 - early) * beta / (1 - late)


def posterior_variance(schedule: a_schedule):
    r"""The variances :math:`\tilde\beta_t` of :func:`posterior` for s = t - 1, shape (T + 1,); that of t = 1 is 0."""
    bar = schedule.alpha_bar
    return torch.cat([bar.new_zeros(1), schedule.beta[1:] * (1 - bar[:-1]) / (1 - bar[1:])])


def optimal_variance(schedule: a_schedule, denoising_variance: constants):
    r"""The variance of the best Gaussian reverse step, given the exact denoiser (book: ``eq:optimal-variance``).

    .. math::
        \sigma_t^2 = \tilde\beta_t + c_t^2\,\frac1M\,\mathbb{E}\,\mathrm{tr}\,\mathrm{Cov}[\mathbf{x}_0|\mathbf{x}_t],
        \quad c_t = \frac{\sqrt{\bar\alpha_{t-1}}\,\beta_t}{1-\bar\alpha_t}

    ``denoising_variance``, (T + 1,), is the mean variance of a component of :math:`\mathbf{x}_0|\mathbf{x}_t`.
    """
    v = as_constants("denoising_variance", denoising_variance, schedule)
    bar = schedule.alpha_bar
    factor = bar[:-1].sqrt() * schedule.beta[1:] / (1 - bar[1:])
    return posterior_variance(schedule) + torch.cat([bar.new_zeros(1), factor.square() * v[1:]])


def variances(schedule, variance, last):
    """The variance of every reverse step; one that is chosen by name has ``last`` in the step from t = 1."""
    if not isinstance(variance, str):
        return as_constants("variance", variance, schedule)
    chosen = posterior_variance(schedule) if variance == "posterior" else schedule.beta.clone()
    chosen[1] = last
    return chosen


def convert(
    schedule: a_schedule, prediction: tensor("n ..."), x: tensor("n ..."), t: steps_from(1), given: Kind, wanted: Kind
):
    r"""One prediction from another: noise, :math:`\mathbf{x}_0`, score or velocity (book: ``eq:parametrisations``).

    .. math::
        \mathbf{x}_t = a\,\mathbf{x}_0 + s\,\boldsymbol{\epsilon}, \quad
        \nabla\log q_t = -\boldsymbol{\epsilon}/s, \quad
        \mathbf{v} = a\,\boldsymbol{\epsilon} - s\,\mathbf{x}_0 .
    """
    return converted(prediction, x, *factors(schedule, t, x), given, wanted)


def converted(prediction, x, a, s, given, wanted):
    """As :func:`convert`, with the factors a of the signal and s of the noise looked up."""
    if given == wanted:
        return prediction
    if given == "velocity":
        return as_kind(wanted, a * x - s * prediction, s * x + a * prediction, a, s)
    if given == "x0":
        return as_kind(wanted, prediction, (x - a * prediction) / s, a, s)
    noise = prediction if given == "noise" else -s * prediction
    return as_kind(wanted, (x - s * noise) / a, noise, a, s)


def as_kind(kind, x0, noise, a, s):
    """What a network of this kind predicts, from both parts of the state."""
    return {"x0": x0, "noise": noise, "score": -noise / s, "velocity": a * noise - s * x0}[kind]


def steps_of_batch(n: count(), T: count(), *, rng: source):
    """Steps for a training batch, shape (n,): each uniform on 1 to T, and together spread evenly over them.

    The i-th of ``n`` is uniform on the i-th of n equal parts of the interval, and the rows are then shuffled, which
    lowers the variance of the loss and leaves its mean (the idea of Kingma et al. 2021).
    """
    u = (torch.arange(n) + uniform(n, rng)) / n
    order = torch.randperm(n, generator=rng, device=rng.device)
    return (u * T).floor().to(torch.int64).clamp(0, T - 1).to(rng.device)[order] + 1


def loss(
    network: function,
    schedule: a_schedule,
    x0: tensor("n d ..."),
    *,
    rng: source,
    kind: Kind = "noise",
    weight: tensor("T+1", kind="any", free=True) | None = None,
    labels: label("n") | None = None,
):
    r"""The training loss of each image: the squared error of the prediction, averaged over its components.

    .. math:: \ell = w_t\,\frac1M\left\|\mathbf{y}_t - f_\theta(\mathbf{x}_t, t)\right\|^2 ,

    where :math:`\mathbf{y}_t` is the noise, :math:`\mathbf{x}_0`, the score or the velocity (book: ``eq:simple-loss``,
    ``def:loss-weights``). The network maps :math:`(\mathbf{x}_t, t)`, or :math:`(\mathbf{x}_t, t,` labels), to a
    prediction; ``weight`` is :math:`w_t` for t = 0 to T, all one where left out. Shape (n,).
    """
    t = steps_of_batch(len(x0), schedule.T, rng=rng)
    a, s = factors(schedule, t, x0)
    t, noise = t.to(x0.device), standard_normal(x0.shape, x0, rng)
    prediction = answer(network, a * x0 + s * noise, t, labels)
    # the target from both parts, which are known: x_0 from x_t and the noise would lose its digits where a is small
    error = (prediction - as_kind(kind, x0, noise, a, s)).square().flatten(1).mean(1)
    return error if weight is None else weight[t.to(weight.device)].to(error) * error


def answer(network, x, t, labels=None):
    """What a network says, in the type of x and held to its shape."""
    prediction = network(x, t) if labels is None else network(x, t, labels)
    require(prediction.shape == x.shape, "network's prediction", prediction, f"the shape of x, {tuple(x.shape)}")
    return prediction.to(x.dtype)


def uniform(n, rng):
    """Uniform numbers in double precision: drawn so on the processor, while a device may only have single precision."""
    dtype = torch.float64 if rng.device.type == "cpu" else torch.float32
    return double(torch.rand(n, generator=rng, device=rng.device, dtype=dtype))


def ema_rate(step: count(0), decay: number(low=0, below=1)):
    r"""How far the moving average of the weights moves at a step, with warm-up (book: ``def:ema``).

    .. math:: r = \max\left(1-\lambda, \frac{9}{10+i}\right), \qquad \bar\Theta \leftarrow (1-r)\bar\Theta + r\Theta

    The average forgets quickly at first: without the warm-up it holds :math:`\lambda^i` of the random first weights.
    """
    return max(1 - decay, 9 / (10 + step))


doors(globals())
