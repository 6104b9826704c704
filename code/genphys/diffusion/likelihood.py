r"""How probable a model finds data: the variational bound of the reverse chain, and the density of the flow.

With isotropic Gaussians everywhere, a term of the bound is the divergence of two of them in M dimensions,

.. math::
    D_\mathrm{KL}\left(\mathcal{N}(\boldsymbol{\mu}, v\,\mathbf{I})\,\|\,\mathcal{N}(\boldsymbol{\mu}', v'\,\mathbf{I})
    \right) = \frac{\|\boldsymbol{\mu}-\boldsymbol{\mu}'\|^2}{2v'} + \frac{M}{2}\left(\frac{v}{v'} - 1 -
    \log\frac{v}{v'}\right) ,

and along the probability flow the density changes by the divergence of its velocity. Everything is in nats.

References:
    Sohl-Dickstein et al. (2015); Ho, Jain and Abbeel (2020), eq. (5); Jarzynski (1997) and Crooks (1999): the work.
    Chen et al., Neural ordinary differential equations (2018); Grathwohl et al. (2018); Song et al. (2021).
"""

import itertools
import math
from functools import partial
from typing import NamedTuple

import torch

from genphys.arguments import count, doors, function, points, require, source, unchecked
from genphys.diffusion.chain import a_schedule, a_variance, converted, posterior_factors, posterior_variance, variances
from genphys.diffusion.samplers import ask, heun_step, some_steps, walk
from genphys.exact.estimates import mean_and_error
from genphys.numerics import double, standard_normal


class Bound(NamedTuple):
    r"""The terms of the variational bound on :math:`-\log p(\mathbf{x}_0)` in nats, float64, and their ``total``, (n,).

    ``prior`` is :math:`D_\mathrm{KL}(q(\mathbf{x}_T|\mathbf{x}_0)\,\|\,\mathcal{N}(0, \mathbf{I}))`, (n,);
    ``denoising``, (n, T), has in column t - 1 the divergence of step t, in column 0
    :math:`-\log p(\mathbf{x}_0|\mathbf{x}_1)`.
    """

    prior: torch.Tensor
    denoising: torch.Tensor
    total: torch.Tensor


@torch.no_grad()
def vlb(
    denoise: function, schedule: a_schedule, x0: points("n d ..."), *, rng: source, variance: a_variance = "posterior"
):
    r"""The variational bound on :math:`-\log p(\mathbf{x}_0)` of the reverse chain, term by term (book: ``eq:vlb``).

    .. math::
        -\log p(\mathbf{x}_0) \le D_\mathrm{KL}(q(\mathbf{x}_T|\mathbf{x}_0)\|p(\mathbf{x}_T))
        + \sum_{t=2}^T \mathbb{E}\,D_\mathrm{KL}(q(\mathbf{x}_{t-1}|\mathbf{x}_t,\mathbf{x}_0)\|
        p(\mathbf{x}_{t-1}|\mathbf{x}_t)) - \mathbb{E}\log p(\mathbf{x}_0|\mathbf{x}_1)

    Every expectation is estimated with one draw of :math:`\mathbf{x}_t`. The data is taken as continuous: the last step
    is a Gaussian density, and with ``"posterior"``, whose variance ends in 0, it has that of ``"beta"``. Of
    ``variance``, see :func:`ancestral`, every entry from t = 1 is positive. A :class:`Bound`.
    """
    model = variances(schedule, variance, last=schedule.beta[1])
    require((model[1:] > 0).all(), "variance", variance, "no zero from t = 1 on, where the bound would be infinite")
    denoise, M = unchecked(denoise), x0[0].numel()
    v, exact = model.tolist(), posterior_variance(schedule).tolist()
    late = torch.arange(1, schedule.T + 1)
    of_x0 = [0.0, *posterior_factors(schedule, late, late - 1)[1].tolist()]
    columns = []
    for t in range(1, schedule.T + 1):
        x = schedule.signal[t].item() * x0 + schedule.noise[t].item() * standard_normal(x0.shape, x0, rng)
        # both means have the same share of x_t; that of t = 1 is x_0 itself
        error = of_x0[t] ** 2 * double((x0 - ask(denoise, x, t)).flatten(1)).square().sum(1)
        columns.append(divergence(error, exact[t], v[t], M) if t > 1 else reconstruction(error, v[t], M))
    prior, denoising = divergence_from_noise(schedule, x0), torch.stack(columns, dim=1)
    return Bound(prior, denoising, prior + denoising.sum(1))


def divergence(error, v, v_model, M):
    """KL of isotropic Gaussians in M dimensions, of variances v and v_model and with means a squared distance apart."""
    return error / (2 * v_model) + 0.5 * M * (v / v_model - 1 - math.log(v / v_model))


def reconstruction(error, v_model, M):
    """Minus the log-density of an isotropic Gaussian, at a squared distance from its mean."""
    return error / (2 * v_model) + 0.5 * M * math.log(2 * math.pi * v_model)


def path_work(denoise: function, schedule: a_schedule, path: points("T+1 n d"), *, variance: a_variance = "posterior"):
    r"""The work along paths of the chain in nats, shape (n,): the bound before the average (book: ``def:path-work``).

    .. math::
        \mathcal{W} = \sum_{t=1}^T \log\frac{q(\mathbf{x}_t|\mathbf{x}_{t-1})}{p(\mathbf{x}_{t-1}|\mathbf{x}_t)}
        - \log\mathcal{N}(\mathbf{x}_T; 0, \mathbf{I})

    A path is :math:`\mathbf{x}_0, \dots, \mathbf{x}_T`, shape (T + 1, n, M); ``variance`` as for :func:`vlb`.
    """
    model = variances(schedule, variance, last=schedule.beta[1])
    require((model[1:] > 0).all(), "variance", variance, "no zero from t = 1 on, where the work would be infinite")
    denoise = unchecked(denoise)
    late = torch.arange(1, schedule.T + 1)
    of_x, of_x0 = (part.tolist() for part in posterior_factors(schedule, late, late - 1)[:2])
    work = -log_normal(path[-1], torch.zeros_like(path[-1]), 1.0)
    for t in range(1, schedule.T + 1):
        before, now = path[t - 1], path[t]
        back = of_x[t - 1] * now + of_x0[t - 1] * ask(denoise, now, t)
        work = work + log_normal(now, schedule.alpha[t].sqrt().item() * before, schedule.beta[t].item())
        work = work - log_normal(before, back, model[t].item())
    return work


def log_normal(x, mean, v):
    """The log-density of an isotropic Gaussian of variance v, for each row."""
    return -0.5 * ((x - mean).square().sum(1) / v + x.shape[1] * math.log(2 * math.pi * v))


def prior_term(schedule: a_schedule, x0: points("n d ...")):
    r"""The divergence :math:`D_\mathrm{KL}(q(\mathbf{x}_T|\mathbf{x}_0)\,\|\,\mathcal{N}(0,\mathbf{I}))`, shape (n,).

    .. math:: \tfrac12\left(\bar\alpha_T\|\mathbf{x}_0\|^2 - M\bar\alpha_T - M\log(1-\bar\alpha_T)\right)
    """
    return divergence_from_noise(schedule, x0).to(x0.dtype).to(x0.device)


def divergence_from_noise(schedule, x0):
    """As :func:`prior_term`, in double precision."""
    bar, M = schedule.alpha_bar[-1], x0[0].numel()
    return 0.5 * (bar * double(x0).flatten(1).square().sum(1) - M * (bar + torch.log1p(-bar)))


def prior_mismatch(schedule: a_schedule, x0: points("n d ..."), *, rng: source, samples: count(2) = 2_000):
    r"""How far the chain ends from noise: :math:`D_\mathrm{KL}(q(\mathbf{x}_T)\,\|\,\mathcal{N}(0,\mathbf{I}))`.

    Here :math:`q(\mathbf{x}_T)` is the mixture over all the data, and the divergence an estimate with draws from it, an
    :class:`~genphys.exact.estimates.Estimate`. By convexity it is at most the mean of :func:`prior_term`.
    """
    data = double(x0).flatten(1)
    bar, M = schedule.alpha_bar[-1], data.shape[1]
    a, s = bar.sqrt(), (1 - bar).sqrt()
    rows = torch.randint(len(data), (samples,), generator=rng, device=rng.device).cpu()
    x = a * data[rows] + s * standard_normal(data[rows].shape, data, rng)
    found = []
    for part in x.split(500):
        log_q = (-0.5 * torch.cdist(part, a * data).square() / s**2).logsumexp(1) - math.log(len(data)) - M * s.log()
        found.append(log_q + 0.5 * part.square().sum(1))
    return mean_and_error(torch.cat(found))


def log_likelihood(
    denoise: function,
    schedule: a_schedule,
    x: points("n d ..."),
    *,
    steps: some_steps = None,
    probes: count() | None = None,
    rng: source | None = None,
):
    r"""The log-density of the probability flow at step 1, by the instantaneous change of variables, shape (n,).

    Along the flow :math:`d\mathbf{x}/du = -\mathbf{x} - \mathbf{s}(\mathbf{x}, u)` (book: ``eq:instantaneous-change``)

    .. math::
        \log q_{u_1}(\mathbf{x}_1) = \log\mathcal{N}(\mathbf{x}_T; 0, \mathbf{I})
        - \int_{u_1}^{u_T} \left(M + \nabla\cdot\mathbf{s}\right) du ,

    integrated together with the flow by Heun's method, from t = 1 to T. At t = 0 the score need not exist. The trace is
    exact, with as many backward passes as components, or by Hutchinson's estimate from so many ``probes``, random
    signs. ``steps`` as for :func:`ddim`; 1 is added if missing.
    """
    require(probes is None or rng is not None, "rng", rng, "a torch.Generator where probes is given")
    ascending = [now for now, _ in walk(schedule, steps)][::-1]
    require(ascending[-1] == schedule.T, "steps", steps, f"a list from T = {schedule.T}, where the density is known")
    denoise, directions = unchecked(denoise), _directions(x, probes, rng)
    a, s, u = schedule.signal.tolist(), schedule.noise.tolist(), schedule.time.tolist()

    def rates(state, t):
        return _rates(denoise, state[:, :-1].reshape(x.shape), t, a[t], s[t], directions)

    heun = unchecked(heun_step)
    state = torch.cat([x.flatten(1), x.new_zeros(len(x), 1)], dim=1)  # (n, M + 1): the point, and the integral so far
    for now, then in itertools.pairwise(ascending if ascending[0] == 1 else [1, *ascending]):
        state = heun(state, rates(state, now), partial(rates, t=then), 1.0, u[then] - u[now])
    end, growth = state[:, :-1], state[:, -1]
    return -0.5 * (end.square().sum(1) + end.shape[1] * math.log(2 * math.pi)) + growth


def _directions(x, probes, rng):
    """All axes, for the trace, or random signs divided by the root of their number; (k, n, ...)."""
    M = x[0].numel()
    if probes is None:
        return torch.eye(M, dtype=x.dtype, device=x.device)[:, None].expand(-1, len(x), -1).reshape(M, *x.shape)
    # the same signs at every step, so that the integrand is smooth
    signs = 2 * torch.randint(2, (probes, len(x), M), generator=rng, device=rng.device).to(x) - 1
    return signs.reshape(probes, *x.shape) / math.sqrt(probes)


def _rates(denoise, x, t, a, s, directions):
    """The velocity of the flow and, in the last column, the growth of the log-density it carries along."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        score = converted(ask(denoise, x, t), x, a, s, "x0", "score")
        trace = torch.zeros_like(x).flatten(1).sum(1)
        for v in directions:
            (pulled,) = torch.autograd.grad((score * v).sum(), x, retain_graph=True)  # v^T ds/dx
            trace = trace + (pulled * v).flatten(1).sum(1)
    M = x[0].numel()
    return torch.cat([(-x - score).flatten(1), (-M - trace)[:, None]], dim=1).detach()


doors(globals())
