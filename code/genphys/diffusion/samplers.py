r"""Samplers: from noise to data, by a denoiser :math:`(\mathbf{x}, t) \mapsto \hat{\mathbf{x}}_0`.

Each sampler is one line of mathematics, its ``..._step``, and a short loop around it that asks the denoiser. With the
estimate :math:`\hat{\mathbf{x}}_0` come the noise :math:`\hat{\boldsymbol{\epsilon}} = (\mathbf{x}_t -
a\,\hat{\mathbf{x}}_0)/s` and the score :math:`-\hat{\boldsymbol{\epsilon}}/s`. Samplers take the denoiser and noise of
shape (n, ...) at their first step. The factors of all steps are looked up in the schedule before the loop begins.

References:
    Ho, Jain and Abbeel (2020), algorithm 2; Song, Meng and Ermon, Denoising diffusion implicit models (2021), eq. (12);
    Anderson (1982) and Song et al. (2021) for the two equations in continuous time; Karras et al. (2022) for Heun's
    method in sigma; Salimans and Ho (2022) for the angle.
"""

import itertools
import math
from functools import partial
from typing import Literal

import torch

from genphys.arguments import count, doors, function, many, number, points, require, source, tensor, unchecked
from genphys.diffusion.chain import a_schedule, a_variance, converted, posterior_factors, variances
from genphys.numerics import standard_normal

Clock = Literal["sigma", "time", "angle"]
some_steps = count() | many(count()) | None
normal = tensor("n ...") | number()


def times(T: count(), n: count()):
    """``n`` steps from T down to 1 or more, as evenly spaced as integers are; samplers append the step 0 themselves."""
    require(n <= T, "n", n, f"1 to T = {T}")
    return [T - (i * T) // n for i in range(n)]


def ancestral_step(
    x: points("n ..."), x0: points("n ..."), of_x: number(), of_x0: number(), sigma: number(0), z: normal = 0.0
):
    r"""One step of the reverse chain: the mean of the posterior, and noise (book: ``def:ancestral``).

    .. math:: \mathbf{x}_{t-1} = \tilde{\boldsymbol{\mu}}(\mathbf{x}_t, \hat{\mathbf{x}}_0) + \sigma_t\mathbf{z}
    """
    mean = of_x * x + of_x0 * x0
    return mean + sigma * z


@torch.no_grad()
def ancestral(
    denoise: function,
    schedule: a_schedule,
    x: points("n ..."),
    *,
    rng: source,
    variance: a_variance = "posterior",
    callback: function | None = None,
):
    r"""Draw by the reverse chain of all T steps, from noise ``x`` to :math:`\mathbf{x}_0` (book: ``def:ancestral``).

    Each is an :func:`ancestral_step`, the last one without noise unless a variance of it is given. With ``variance`` it
    is :math:`\tilde\beta_t` (``"posterior"``) or :math:`\beta_t` (``"beta"``), which both end without noise, or
    :math:`\sigma_t^2` for t = 0 to T, shape (T + 1,). After every step ``callback(t, x, x0)`` gets the step reached,
    the state there and the denoiser's estimate that led to it.
    """
    step, denoise = unchecked(ancestral_step), unchecked(denoise)
    sigma = variances(schedule, variance, last=0.0).sqrt().tolist()
    late = torch.arange(1, schedule.T + 1)
    of_x, of_x0 = ([0.0, *part.tolist()] for part in posterior_factors(schedule, late, late - 1)[:2])
    for t in range(schedule.T, 0, -1):
        x0 = ask(denoise, x, t)
        x = step(x, x0, of_x[t], of_x0[t], sigma[t], standard_normal(x.shape, x, rng) if sigma[t] else 0.0)
        if callback is not None:
            callback(t - 1, x, x0)
    return x


def ddim_step(
    x: points("n ..."),
    x0: points("n ..."),
    now: many(number(), 2),
    then: many(number(), 2),
    rho: number(0) = 0.0,
    z: normal = 0.0,
):
    r"""One step of DDIM, from (a, s) at step t to (a', s') at an earlier one (book: ``eq:ddim``).

    .. math:: \mathbf{x}' = a'\,\hat{\mathbf{x}}_0 + \sqrt{s'^2-\rho^2}\,\hat{\boldsymbol{\epsilon}} + \rho\,\mathbf{z}
    """
    (a, s), (a_then, s_then) = now, then
    noise = (x - a * x0) / s
    kept = max(s_then**2 - rho**2, 0.0) ** 0.5
    return a_then * x0 + kept * noise + rho * z


@torch.no_grad()
def ddim(
    denoise: function,
    schedule: a_schedule,
    x: points("n ..."),
    *,
    steps: some_steps = None,
    eta: number(0, 1) = 0.0,
    rng: source | None = None,
    callback: function | None = None,
):
    r"""Draw along a sub-sequence of steps, with as much fresh noise as wanted (book: ``eq:ddim``).

    Each is a :func:`ddim_step` from t to s with the fresh noise :math:`\rho = \eta\sqrt{\tilde\beta_{t|s}}` of the
    :func:`posterior`. :math:`\eta = 0` is deterministic, and :math:`\eta = 1` on all steps is :func:`ancestral`. The
    last step always goes to s = 0, which is :math:`\hat{\mathbf{x}}_0`. Of ``steps`` all are taken (None), as many as a
    number says (:func:`times`), or a decreasing list from T to 1; ``callback`` as in :func:`ancestral`.
    """
    require(rng is not None or eta == 0, "rng", rng, "a torch.Generator where eta is above 0")
    step, denoise = unchecked(ddim_step), unchecked(denoise)
    pairs = walk(schedule, steps)
    rho = [float(eta) * variance**0.5 for variance in posterior_factors(schedule, *torch.tensor(pairs).mT)[2].tolist()]
    at = list(zip(schedule.signal.tolist(), schedule.noise.tolist()))
    for (now, then), fresh in zip(pairs, rho):
        x0 = ask(denoise, x, now)
        x = step(x, x0, at[now], at[then], fresh, standard_normal(x.shape, x, rng) if eta and then else 0.0)
        if callback is not None:
            callback(then, x, x0)
    return x


def euler_step(x: points("n ..."), slope: points("n ..."), ratio: number(), length: number()):
    r"""One step of Euler's method along a flow, in which x is rescaled by ``ratio`` where its unit changes.

    .. math:: \mathbf{x}' = r\,\mathbf{x} + h\,\mathbf{f}(\mathbf{x})
    """
    return ratio * x + length * slope


def heun_step(x: points("n ..."), here: points("n ..."), slope: function, ratio: number(), length: number()):
    r"""One step of Heun's method: Euler's, and back to take the mean of the slopes at both ends.

    .. math::
        \tilde{\mathbf{x}} = r\,\mathbf{x} + h\,\mathbf{f}(\mathbf{x}), \qquad
        \mathbf{x}' = r\,\mathbf{x} + \tfrac{h}{2}\left(\mathbf{f}(\mathbf{x}) + \mathbf{f}'(\tilde{\mathbf{x}})\right)

    ``here`` is the slope at x, and ``slope`` the function :math:`\mathbf{f}'` at the end of the step.
    """
    there = slope(ratio * x + length * here)
    return ratio * x + length * 0.5 * (here + there)


@torch.no_grad()
def ode(
    denoise: function,
    schedule: a_schedule,
    x: points("n ..."),
    *,
    steps: some_steps = None,
    method: Literal["heun", "euler"] = "heun",
    clock: Clock = "sigma",
    callback: function | None = None,
):
    r"""Draw by the probability-flow equation (book: ``eq:probability-flow``), which has no noise.

    With the clock ``"sigma"`` the variables are :math:`\mathbf{y} = \mathbf{x}/\sqrt{\bar\alpha}` and
    :math:`\sigma`; with ``"time"`` they are :math:`\mathbf{x}` and :math:`u = -\tfrac12\log\bar\alpha`; with
    ``"angle"`` they are :math:`\mathbf{x}` and :math:`\phi = \arccos\sqrt{\bar\alpha}`:

    .. math::
        \frac{d\mathbf{y}}{d\sigma} = \hat{\boldsymbol{\epsilon}}, \qquad
        \frac{d\mathbf{x}}{du} = -\mathbf{x} - \nabla\log q_u(\mathbf{x}), \qquad
        \frac{d\mathbf{x}}{d\phi} = \hat{\mathbf{v}} .

    Euler's method with the first is :func:`ddim` with :math:`\eta = 0`. Heun's takes two evaluations a step, except
    in the last one, to t = 0, where a denoiser gives 0/0 for the slope: that one is Euler's.

    The order of a method holds for steps that are fine in its clock. The angle runs from 0 to at most :math:`\pi/2`,
    nearly evenly along a cosine schedule; :math:`\sigma` has no bound, and Heun's method in it fails where one step
    crosses most of its range, as the first of a few steps along a cosine schedule does. Arguments as for :func:`ddim`.
    """
    euler, heun, denoise = unchecked(euler_step), unchecked(heun_step), unchecked(denoise)
    a, s = schedule.signal.tolist(), schedule.noise.tolist()
    pairs = walk(schedule, steps)

    def slope(x, t):
        return _slope(clock, x, ask(denoise, x, t), a[t], s[t])

    for (now, then), ratio, length in zip(pairs, *_lengths(schedule, clock, pairs)):
        x0 = ask(denoise, x, now)
        here = _slope(clock, x, x0, a[now], s[now])
        if method == "heun" and then:
            x = heun(x, here, partial(slope, t=then), ratio, length)
        else:
            x = euler(x, here, ratio, length)
        if callback is not None:
            callback(then, x, x0)
    return x


def _slope(clock, x, x0, a, s):
    """The derivative of the flow by its clock, given the denoiser's estimate."""
    if clock == "sigma":
        return converted(x0, x, a, s, "x0", "noise")
    if clock == "angle":
        return converted(x0, x, a, s, "x0", "velocity")
    return -x - converted(x0, x, a, s, "x0", "score")


def _lengths(schedule, clock, pairs):
    """For every step, what x is rescaled by and what the slope is multiplied by."""
    now, then = torch.tensor(pairs).mT
    if clock == "sigma":
        # y and sigma, both times the signal a of the new step, so that nothing overflows where a is tiny
        ratio = schedule.signal[then] / schedule.signal[now]
        return ratio.tolist(), (schedule.noise[then] - ratio * schedule.noise[now]).tolist()
    reading = schedule.time if clock == "time" else schedule.sigma.atan()
    return [1.0] * len(pairs), (reading[then] - reading[now]).tolist()


def reverse_sde_step(x: points("n ..."), score: points("n ..."), delta: number(0), z: normal = 0.0):
    r"""One step of Euler and Maruyama for the reverse equation, back by :math:`\Delta` (book: ``eq:reverse-sde``).

    .. math::
        \mathbf{x}' = \mathbf{x} + \Delta\left(\mathbf{x} + 2\nabla\log q_t(\mathbf{x})\right)
        + \sqrt{2\Delta}\,\mathbf{z}
    """
    drift = x + 2 * score
    return x + delta * drift + math.sqrt(2 * delta) * z


@torch.no_grad()
def reverse_sde(
    denoise: function,
    schedule: a_schedule,
    x: points("n ..."),
    *,
    rng: source,
    steps: some_steps = None,
    callback: function | None = None,
):
    r"""Draw by the reverse stochastic equation, discretised by Euler and Maruyama (book: ``eq:reverse-sde``).

    Each is a :func:`reverse_sde_step` of length :math:`\Delta = u_t - u_s` in the clock u, the last one without noise.
    It is stable only where :math:`\Delta` is small: not at the end of a cosine schedule. Arguments as for :func:`ddim`.
    """
    step, denoise = unchecked(reverse_sde_step), unchecked(denoise)
    a, s, u = schedule.signal.tolist(), schedule.noise.tolist(), schedule.time.tolist()
    for now, then in walk(schedule, steps):
        x0 = ask(denoise, x, now)
        score = converted(x0, x, a[now], s[now], "x0", "score")
        x = step(x, score, u[now] - u[then], standard_normal(x.shape, x, rng) if then else 0.0)
        if callback is not None:
            callback(then, x, x0)
    return x


def walk(schedule, steps):
    """The pairs (t, s) that a sampler goes through; the last s is 0."""
    if not isinstance(steps, list | tuple):
        steps = times(schedule.T, schedule.T if steps is None else steps)
    down = all(late > early for late, early in itertools.pairwise(steps))
    require(down and steps[0] <= schedule.T, "steps", steps, f"decreasing whole numbers from T = {schedule.T} to 1")
    return list(zip(steps, [*steps[1:], 0]))


def ask(denoise, x, t):
    """The denoiser's estimate at one step for all rows, held to the shape of x."""
    x0 = denoise(x, torch.full((len(x),), t, dtype=torch.int64, device=x.device))
    require(x0.shape == x.shape, "denoise's estimate", x0, f"the shape of x, {tuple(x.shape)}")
    return x0


doors(globals())
