r"""Annealing and tempering of restricted Boltzmann machines along one path of distributions.

It leads from independent visible units at :math:`\beta_\mathrm{th}=0` to the machine at 1 (``def:annealing-path``),

.. math::
    \log f_{\beta_\mathrm{th}}(\mathbf{x}) = -(1-\beta_\mathrm{th})\,E_0(\mathbf{x})
    - \beta_\mathrm{th}\,E_\mathrm{vis}(\mathbf{x})
    + \sum_j \log\left(1 + e^{\beta_\mathrm{th}\phi_j(\mathbf{x})}\right) ,

with :math:`\phi_j` the field on hidden unit :math:`j`, :math:`E_\mathrm{vis}` the energy of the visible layer and
:math:`E_0` the same with the biases ``base_bias``. Left out, these are zero (Gaussian units: the machine's own).

References:
    Neal (2001); Jarzynski (1997); Salakhutdinov and Murray (2008). Burda, Grosse and Salakhutdinov (2015) and Grosse,
    Ghahramani and Adams (2015): the reverse process. Swendsen and Wang (1986), Desjardins et al. (2010): tempering.
"""

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F

from genphys.arguments import Takes, count, doors, number, owner, require, source, tensor
from genphys.exact import all_configurations
from genphys.numerics import double
from genphys.rbm.machine import BernoulliRBM, GaussianBernoulliRBM, RestrictedBoltzmannMachine, bernoulli, states
from genphys.rbm.partition import MAX_UNITS, softplus, sum_softplus

machine = owner(RestrictedBoltzmannMachine)
inverse_temperatures = tensor("R", rows=2, low=0, high=1, free=True)
path = inverse_temperatures.where(
    lambda v: v[0] == 0 and v[-1] == 1 and bool((v.diff() > 0).all()),
    "a rising tensor of shape (R + 1,) from 0 to 1, such as torch.linspace(0, 1, R + 1)",
)
tabulable = owner(BernoulliRBM).where(
    lambda model: max(model.visible, model.hidden) <= 12, "a BernoulliRBM with at most 12 units in each layer"
)
replicas = Takes(
    "a configuration for each replica of each system, a tensor of shape (R, C, visible)",
    lambda v, call: tensor("R C visible").fits(v, call) and states.fits(v.flatten(0, 1), call),
)


def annealed_log_f(
    model: machine,
    x: states,
    beta: number(0, 1) | tensor("B 1", low=0, high=1),
    base_bias: tensor("visible") | None = None,
):
    r"""The unnormalised :math:`\log f_{\beta_\mathrm{th}}(\mathbf{x})` in nats, (B,) (``def:annealing-path``).

    It is :math:`-F(\mathbf{x})` at 1 and that of independent units at 0.
    """
    base = _base(model, base_bias)
    independent = model._visible_energy(x, base)[:, None]  # E_0, (B, 1)
    visible = model._visible_energy(x, model.visible_bias)[:, None]
    log_sum = softplus(beta * model.hidden_field(x)).sum(1, keepdim=True)
    return (log_sum - (1 - beta) * independent - beta * visible)[:, 0]


class Annealed(NamedTuple):
    r"""What an annealing run found, in float64: the estimate ``log_z`` and its standard error ``stderr``, in nats.

    The ``work`` of each run, shape :math:`(C,)`, is dimensionless and has
    :math:`\langle e^{-\mathcal{W}}\rangle = Z/Z_0` (``eq:rbm-jarzynski``), or :math:`Z_0/Z` for the reverse process;
    ``log_z_base`` is the exact :math:`\log Z_0` of the independent units.
    """

    log_z: torch.Tensor
    stderr: torch.Tensor
    work: torch.Tensor
    log_z_base: torch.Tensor


@torch.no_grad()
def ais(
    model: machine, betas: path, chains: count(2) = 100, *, base_bias: tensor("visible") | None = None, rng: source
):
    r"""Annealed importance sampling of :math:`\log Z`: from independent units to the machine.

    .. math:: \frac{Z}{Z_0} = \left\langle e^{-\mathcal{W}}\right\rangle ,

    with the work :math:`\mathcal{W}` of :func:`annealing_work` from an exact sample at :math:`\beta_{\mathrm{th},0}=0`
    (``eq:rbm-jarzynski``). The average is unbiased, so that its logarithm is too low on average.

    The path :math:`0=\beta_{\mathrm{th},0}<\dots<\beta_{\mathrm{th},R}=1` has the shape :math:`(R+1,)`, ``base_bias``
    are the visible biases at 0, as ``model.base_bias(data)`` gives them. The ``stderr`` of the :class:`Annealed` is
    :math:`s_w/(\bar w\sqrt C)` with :math:`w=e^{-\mathcal{W}}` of the :math:`C` runs.
    """
    base = _base(model, base_bias)
    x = model._draw_visible(base.expand(chains, -1), rng)
    work = annealing_work_fused.__wrapped__(model, x, betas, base_bias=base, rng=rng)
    log_z_base = _log_z_base(model, base)
    log_ratio, stderr = _log_mean_exp(-work)
    return Annealed(log_z_base + log_ratio, stderr, work, log_z_base)


@torch.no_grad()
def reverse_ais(
    model: machine, betas: path, chains: count(2) = 100, *, base_bias: tensor("visible") | None = None, rng: source
):
    r"""The reverse process, from exact samples of the machine to independent units; :math:`\log Z` too high on average.

    .. math:: \frac{Z_0}{Z} = \left\langle e^{-\tilde{\mathcal{W}}}\right\rangle .

    With :func:`ais` it brackets :math:`\log Z` (``eq:reverse-jarzynski``). It does so only from exact samples, so it is
    refused where the smaller layer cannot be enumerated: from a chain that has not converged the bound would be empty.
    The arguments are those of :func:`ais`; ``betas`` is the path of the forward process.
    """
    units = model.visible if model._sums_over_visible else model.hidden
    advice = f"at most {MAX_UNITS} units in its smaller layer: the reverse estimate is a bound from exact samples only"
    require(units <= MAX_UNITS, "model", model, advice)
    base, betas = _base(model, base_bias), betas.flip(0)
    x = model.exact_sample(chains, rng=rng)
    # the forward process backwards: a Gibbs step at beta_t, then the switch to beta_{t-1}
    x = _annealed_gibbs(model, x, model._hidden_field(x), betas[0].item(), base, rng)
    work = annealing_work_fused.__wrapped__(model, x, betas, base_bias=base, rng=rng)
    log_z_base = _log_z_base(model, base)
    log_ratio, stderr = _log_mean_exp(-work)
    return Annealed(log_z_base - log_ratio, stderr, work, log_z_base)


@torch.no_grad()
def annealing_work(
    model: machine, x: states, betas: inverse_temperatures, *, base_bias: tensor("visible") | None = None, rng: source
):
    r"""The work of carrying each row of ``x`` along ``betas``, a switch and then a Gibbs step at a time; (B,), float64.

    .. math:: \mathcal{W} = -\sum_{r=1}^{R} \log\frac{f_r(\mathbf{x}_{r-1})}{f_{r-1}(\mathbf{x}_{r-1})}

    Here :math:`f_r` is short for :math:`f_{\beta_{\mathrm{th},r}}`, and :math:`\mathbf{x}_r` is one Gibbs step at
    :math:`\beta_{\mathrm{th},r}` from :math:`\mathbf{x}_{r-1}`. :func:`annealing_work_fused` is the faster form.
    """
    base, work = _base(model, base_bias), 0.0
    for before, after in itertools.pairwise(double(betas).tolist()):
        log_ratio = annealed_log_f(model, x, after, base) - annealed_log_f(model, x, before, base)
        work = work - double(log_ratio)  # the switch: beta changes, x stays
        x = _annealed_gibbs(model, x, model.hidden_field(x), after, base, rng)  # the transition at the new beta
    return work


@torch.no_grad()
def annealing_work_fused(
    model: machine, x: states, betas: inverse_temperatures, *, base_bias: tensor("visible") | None = None, rng: source
):
    """:func:`annealing_work` with the same draws; each field is computed once, for both weights and the Gibbs step."""
    base, work = _base(model, base_bias), torch.zeros(len(x), dtype=torch.float64, device="cpu")
    for before, after in itertools.pairwise(double(betas).tolist()):
        field = model._hidden_field(x)
        log_ratio = _log_f(model, x, field, after, base) - _log_f(model, x, field, before, base)
        work -= double.__wrapped__(log_ratio)
        x = _annealed_gibbs(model, x, field, after, base, rng)
    return work


def _log_f(model, x, field, beta, base):
    """:func:`annealed_log_f` off the graph, with the field on the hidden units given."""
    independent = model._visible_energy(x, base)[:, None]
    visible = model._visible_energy(x, model.visible_bias)[:, None]
    return (sum_softplus(beta * field)[:, None] - ((1 - beta) * independent + beta * visible)).squeeze(1)


def _annealed_gibbs(model, x, field, beta, base, rng):
    """One Gibbs step at beta, given the field of x on the hidden units."""
    h = bernoulli(torch.sigmoid(beta * field), rng)
    return model._draw_visible((1 - beta) * base + beta * (model.visible_bias + h @ model.weight.T), rng)


def _base(model, base_bias):
    if base_bias is not None:
        return base_bias.detach()
    bias = model.visible_bias.detach()
    return bias if isinstance(model, GaussianBernoulliRBM) else torch.zeros_like(bias)


def _log_z_base(model, base):
    """log Z_0 of independent visible units; each idle hidden unit counts 2."""
    return double(model._visible_log_sum(torch.zeros_like(base), base)) + model.hidden * math.log(2)


def _log_mean_exp(log_w):
    """log of the mean of exp(log_w), and its standard error by the delta method."""
    n = len(log_w)
    w = (log_w - log_w.max()).exp()
    return log_w.logsumexp(0) - math.log(n), w.std() / w.mean() / math.sqrt(n)


@torch.no_grad()
def parallel_tempering(
    model: machine,
    betas: path,
    x: replicas,
    steps: count(0),
    *,
    base_bias: tensor("visible") | None = None,
    rng: source,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    r"""Replica exchange along the annealing path: a generator that yields all replicas after each step.

    Each step is one Gibbs step of every replica at its own :math:`\beta_\mathrm{th}`, then an attempt to exchange
    neighbours (even and odd pairs in turn), accepted with probability (``eq:rbm-swap``)

    .. math::
        \min\left(1,\ \frac{f_{r+1}(\mathbf{x}_r)\,f_r(\mathbf{x}_{r+1})}
                         {f_r(\mathbf{x}_r)\,f_{r+1}(\mathbf{x}_{r+1})}\right)

    The replicas' :math:`\beta_{\mathrm{th},r}`, shape :math:`(R,)`, rise from 0 (independent units) to 1 (the machine);
    ``x``, shape :math:`(R, C, M)`, are ``C`` independent systems of ``R`` replicas. With the replicas it yields the
    fraction of exchanges accepted between each pair of neighbours so far, shape :math:`(R-1,)`.
    """
    base, (n, systems, units) = _base(model, base_bias), x.shape
    beta = double(betas).to(x).repeat_interleave(systems)[:, None]  # (R C, 1)
    x = x.reshape(-1, units)
    tried, accepted = torch.zeros(n - 1), torch.zeros(n - 1)
    for step in range(steps):
        x = _annealed_gibbs(model, x, model._hidden_field(x), beta, base, rng)
        lower = torch.arange(step % 2, n - 1, 2)  # each is tried against its neighbour above
        if len(lower):
            grid, swapped = _exchange(model, x.view(n, systems, units), beta.view(n, systems), lower, base, rng)
            x = grid.view(-1, units)
            tried[lower] += systems
            accepted[lower] += swapped.sum(1).cpu()
        yield x.view(n, systems, units), accepted / tried.clamp(min=1)


def _exchange(model, grid, beta, lower, base, rng):
    """The replicas after one attempt for each pair (lower, lower + 1) in each system, and which were exchanged."""
    pairs = (len(lower), *grid.shape[1:])
    here, there = (grid[rows].flatten(0, 1) for rows in (lower, lower + 1))
    low, high = (beta[rows].reshape(-1, 1) for rows in (lower, lower + 1))
    log_ratio = _log_f_change(model, here, low, high, base) + _log_f_change(model, there, high, low, base)
    u = torch.rand(log_ratio.shape, generator=rng, dtype=grid.dtype, device=grid.device)
    swap = (u.log() < log_ratio)[:, None]
    grid = grid.clone()
    grid[lower] = torch.where(swap, there, here).view(pairs)
    grid[lower + 1] = torch.where(swap, here, there).view(pairs)
    return grid, swap.view(pairs[:2])


def _log_f_change(model, x, before, after, base):
    """log f of x at one beta less that at another."""
    field = model._hidden_field(x)
    return _log_f(model, x, field, after, base) - _log_f(model, x, field, before, base)


def gibbs_kernel(model: tabulable, beta: number(0, 1) = 1.0, base_bias: tensor("visible") | None = None):
    r"""The transition matrix of one block Gibbs step at a point of the annealing path (``def:rbm-gibbs-kernel``).

    .. math:: P(\mathbf{x}\to\mathbf{x}') = \sum_\mathbf{h} p(\mathbf{h}\mid\mathbf{x})\,p(\mathbf{x}'\mid\mathbf{h})

    Shape :math:`(2^M, 2^M)`, rows :math:`\mathbf{x}`, in the order of :func:`genphys.exact.all_configurations`.
    """
    like = {"dtype": model.weight.dtype, "device": model.weight.device}
    x, h = (all_configurations(units, **like) for units in (model.visible, model.hidden))
    hidden = beta * model.hidden_field(x)
    visible = (1 - beta) * _base(model, base_bias) + beta * (model.visible_bias + h @ model.weight.T)
    return _log_bernoulli(hidden, h).exp() @ _log_bernoulli(visible, x).exp()


def _log_bernoulli(logits, states):
    """The log-probability of every state (a row of states) under every row of logits."""
    return F.logsigmoid(logits) @ states.T + F.logsigmoid(-logits) @ (1 - states).T


doors(globals())
