r"""Training restricted Boltzmann machines: contrastive divergence, persistent chains, exact maximum likelihood.

The gradient of the mean log-likelihood is an average over data minus that over the model (``eq:rbm-gradient``),

.. math::
    \nabla_\Theta \langle\log p\rangle = \langle -\partial_\Theta E\rangle_\mathrm{data}
    - \langle -\partial_\Theta E\rangle_{p_\Theta} .

:func:`cd_step` takes the second average after :math:`k` Gibbs steps, from the data (CD-k) or from where the last step
left the chains (PCD-k), :func:`maximum_likelihood` exactly, by enumeration. Both loops are generators that yield after
each step, and stop with :class:`genphys.numerics.Diverged` where a parameter is not finite any more.

References:
    Hinton (2002); Younes (1999) and Tieleman (2008) for persistent chains; Montavon and Müller (2012) and Melchior,
    Fischer and Wiskott (2016) for the centred gradient.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from genphys import arguments
from genphys.arguments import Takes, count, doors, function, iterable, number, owner, positive, require, source, tensor
from genphys.numerics import must_stay_finite
from genphys.rbm.machine import RestrictedBoltzmannMachine, bernoulli, states_or_means
from genphys.rbm.partition import Moments

machine = owner(RestrictedBoltzmannMachine)


@dataclass
class Chains:
    """What training carries from step to step: keep it to go on later, copy its tensors to resume.

    The persistent chains' ``hidden`` configurations, (C, K), None where chains restart from the data; the ``visible``
    ones of the last negative phase, (C, M); and the offsets of the centred gradient, of shapes (M,) and (K,).
    """

    hidden: torch.Tensor | None
    visible: torch.Tensor | None
    visible_mean: torch.Tensor
    hidden_mean: torch.Tensor
    step: int = 0

    def _follow(self, visible_mean, hidden_mean):
        """Move the offsets towards the means of a batch; the first batch sets them."""
        share = 1.0 if self.step == 0 else 0.01
        self.visible_mean.lerp_(visible_mean, share)
        self.hidden_mean.lerp_(hidden_mean, share)


carried = Takes(
    "the Chains of this machine, as persistent_chains() makes them",
    lambda v, call: isinstance(v, Chains) and (len(v.visible_mean), len(v.hidden_mean)) == call.owner.weight.shape,
)


def persistent_chains(model: machine, n: count(0), *, rng: source):
    """The :class:`Chains` of persistent contrastive divergence, started with fair coins for the hidden units.

    ``n`` is their number; 0 is for chains that start from the data at each step (plain CD).
    """
    chains = _no_chains(model)
    if n:
        chains.hidden = bernoulli(model.weight.new_full((n, model.hidden), 0.5), rng)
    return chains


def _no_chains(model):
    halves = model.weight.new_full
    return Chains(None, None, halves((model.visible,), 0.5), halves((model.hidden,), 0.5))


@torch.no_grad()
def negative_phase(model: machine, x: states_or_means, chains: carried, *, k: count() = 1, rng: source):
    """Visible configurations after k Gibbs steps, from the data (CD-k) or from where the chains stood (PCD-k)."""
    persistent = chains.hidden is not None
    h = chains.hidden if persistent else model.sample_hidden(x, rng=rng)
    y = model.sample_visible(h, rng=rng)
    for _ in range(k - 1):
        y = model._gibbs_step(y, rng)
    if persistent:
        chains.hidden.copy_(bernoulli(torch.sigmoid(model._hidden_field(y)), rng))  # the next step goes on from here
    return y


@torch.no_grad()
def cd_step(
    model: machine,
    x: states_or_means,
    chains: carried,
    *,
    k: count() = 1,
    learning_rate: positive = 0.05,
    weight_decay: number(low=0) = 0.0,
    centre: bool = True,
    rng: source,
):
    r"""One step of contrastive divergence, CD-k or PCD-k, on a batch of data: up the gradient data minus model.

    The parameters and ``chains`` are changed in place. :func:`cd_step_fused` is the faster form.
    """
    data = model._moments(x)  # positive phase
    y = negative_phase.__wrapped__(model, x, chains, k=k, rng=rng)
    gradient = data - model._moments(y)  # data minus model
    if centre:
        chains._follow(model._scaled(x).mean(0), data.hidden_bias)
        gradient = centred.__wrapped__(gradient, chains.visible_mean, chains.hidden_mean)
    _ascend(model, gradient, learning_rate, weight_decay, chains.step)
    chains.visible, chains.step = y, chains.step + 1


@torch.no_grad()
def cd_step_fused(
    model: machine,
    x: states_or_means,
    chains: carried,
    *,
    k: count() = 1,
    learning_rate: positive = 0.05,
    weight_decay: number(low=0) = 0.0,
    centre: bool = True,
    rng: source,
):
    """:func:`cd_step` with the same draws, in fewer operations.

    The probabilities of the last Gibbs step serve the chain and the average; batches are added to the weights as they
    are, so that no gradient of shape (M, K) is ever formed, nor its products with the offsets.
    """
    weight, a = model.weight, model.visible_bias
    p = torch.sigmoid(model._hidden_field(x))
    persistent = chains.hidden is not None
    h = chains.hidden if persistent else bernoulli(p, rng)
    for i in range(k):
        y = model._draw_visible(model._visible_field(h), rng)
        q = torch.sigmoid(model._hidden_field(y))
        if persistent or i < k - 1:
            h = bernoulli(q, rng)
    sx, sy = model._scaled(x), model._scaled(y)
    plus, minus = learning_rate / len(x), -learning_rate / len(y)
    sum_x, sum_p = sx.sum(0), p.sum(0)
    grad_a, grad_b = plus * sum_x + minus * sy.sum(0), plus * sum_p + minus * q.sum(0)
    if centre:
        chains._follow(sum_x / len(x), sum_p / len(x))
        mu, lam = chains.visible_mean, chains.hidden_mean
        sx, sy, p, q = sx - mu, sy - mu, p - lam, q - lam
        # dW lam and dW^T mu by products with the batch
        grad_a = grad_a - plus * (p @ lam) @ sx - minus * (q @ lam) @ sy
        grad_b = grad_b - plus * (sx @ mu) @ p - minus * (sy @ mu) @ q
    weight.addmm_(sx.T, p, beta=1 - learning_rate * weight_decay, alpha=plus)
    weight.addmm_(sy.T, q, alpha=minus)
    a.add_(grad_a)
    model.hidden_bias.add_(grad_b)
    _require_finite(model, chains.step)
    if persistent:
        chains.hidden.copy_(h)
    chains.visible, chains.step = y, chains.step + 1


def centred(gradient: Moments, visible_mean: tensor("M"), hidden_mean: tensor("K")):
    r"""The centred gradient: the direction of a machine written in :math:`x_i-\bar x_i` and :math:`h_j-\bar h_j`.

    .. math::
        \Delta W = \nabla_W - \bar{\mathbf{x}}\,\nabla_\mathbf{b}^T - \nabla_\mathbf{a}\,\bar{\mathbf{h}}^T, \qquad
        \Delta\mathbf{a} = \nabla_\mathbf{a} - \Delta W\,\bar{\mathbf{h}}, \qquad
        \Delta\mathbf{b} = \nabla_\mathbf{b} - \Delta W^T\bar{\mathbf{x}} .

    It is the gradient in the centred parameters, translated back (``eq:rbm-centred-direction``), an ascent direction
    of the same objective (``eq:rbm-centred-gradient``), and does not change when a unit's 0 and 1 are renamed. For
    Gaussian units the offsets ``visible_mean`` are :math:`\bar x_i/\sigma_i^2`.
    """
    shape = gradient.weight.shape
    require((len(visible_mean), len(hidden_mean)) == shape, "visible_mean", visible_mean, f"with hidden_mean {shape}")
    left = torch.stack([visible_mean, gradient.visible_bias], 1)  # (M, 2)
    right = torch.stack([gradient.hidden_bias, hidden_mean])  # (2, K)
    weight = torch.addmm(gradient.weight, left, right, alpha=-1)
    return Moments(weight, gradient.visible_bias - weight @ hidden_mean, gradient.hidden_bias - visible_mean @ weight)


def contrastive_divergence(
    model: machine,
    batches: iterable,
    chains: carried | None = None,
    *,
    k: count() | function = 1,
    learning_rate: positive | function = 0.05,
    weight_decay: number(low=0) = 0.0,
    centre: bool = True,
    rng: source,
) -> Iterator[Chains]:
    r"""Train by contrastive divergence: one :func:`cd_step_fused` for each batch, yielding ``chains`` after it.

    The parameters are changed in place. Batches have the shape :math:`(B, M)`; ``chains`` carries on from
    :func:`persistent_chains`, and left out CD-k begins. The number ``k`` of Gibbs steps and the learning rate may be
    functions of the step number, ``weight_decay`` is :math:`\lambda` of the penalty :math:`\lambda\|W\|^2/2`, and
    ``centre`` uses :func:`centred`, with running means of the data as offsets.
    """
    chains = _no_chains(model) if chains is None else chains
    for x in arguments.batches(states_or_means, batches, model):
        cd_step_fused.__wrapped__(
            model,
            x,
            chains,
            k=_at("k", k, chains.step, count()),
            learning_rate=_at("learning_rate", learning_rate, chains.step, positive),
            weight_decay=weight_decay,
            centre=centre,
            rng=rng,
        )
        yield chains


# A batch, or a whole distribution: configurations and the probability of each
weighted = states_or_means | arguments.together(states_or_means, tensor("B", low=0))


def maximum_likelihood(
    model: machine,
    batches: iterable,
    *,
    learning_rate: positive | function = 0.1,
    weight_decay: number(low=0) = 0.0,
    centre: bool = True,
) -> Iterator[Chains]:
    """Train a small machine by its exact gradient, data minus model (``eq:rbm-gradient``): a step for each batch.

    The average over the model is an enumeration, so that the smaller layer has at most 25 units. A batch may be a whole
    distribution: a pair of configurations and the probability of each, shape :math:`(B,)`. Other arguments as for
    :func:`contrastive_divergence`, with the batch's means as offsets. Yields the state, one object, after each step.
    """
    state = _no_chains(model)
    for batch in arguments.batches(weighted, batches, model):
        whole = isinstance(batch, tuple | list)
        x, weights = batch if whole else (batch, batch.new_full((len(batch),), 1 / len(batch)))
        size = _at("learning_rate", learning_rate, state.step, positive)
        with torch.no_grad():
            data = model._moments(x, weights)
            gradient = data - model.exact_moments()  # data minus model
            if centre:
                state.visible_mean, state.hidden_mean = weights @ model._scaled(x), data.hidden_bias
                gradient = centred.__wrapped__(gradient, state.visible_mean, state.hidden_mean)
            _ascend(model, gradient, size, weight_decay, state.step)
        state.step += 1
        yield state


def _at(name, value, step, takes):
    """A setting at a step: a number, or a function of the step number."""
    if callable(value):
        value = value(step)
        require(takes.fits(value, None), name, value, f"{takes.words} at each step")
    return value


def _ascend(model, direction, learning_rate, weight_decay, step):
    model.weight.mul_(1 - learning_rate * weight_decay)
    for parameter, change in zip((model.weight, model.visible_bias, model.hidden_bias), direction, strict=True):
        parameter.add_(change, alpha=learning_rate)
    _require_finite(model, step)


def _require_finite(model, step):
    """Look at one number, the sum of all parameters; where it is not finite, at each of them."""
    weight, visible_bias, hidden_bias = model.weight, model.visible_bias, model.hidden_bias
    if not math.isfinite((weight.sum() + visible_bias.sum() + hidden_bias.sum()).item()):
        advice = "take a smaller learning rate"
        must_stay_finite(step, advice, weight=weight, visible_bias=visible_bias, hidden_bias=hidden_bias)


doors(globals())
