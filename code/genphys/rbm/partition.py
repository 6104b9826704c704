r"""The partition function of a restricted Boltzmann machine by enumeration, exact averages and exact samples.

The hidden layer has :math:`2^K` configurations, and the visible one is summed in closed form, which leaves the free
energy of the hidden one, :math:`F(\mathbf{h}) = -\log\sum_\mathbf{x} e^{-E(\mathbf{x},\mathbf{h})}`.
Each sum is here twice. The functions :func:`log_partition`, :func:`exact_moments` and :func:`exact_sample` hold the
whole table of hidden configurations, up to 16 units. The methods of the same names, of every machine, sum over the
smaller layer of binary units, up to 25, in chunks of a few MB.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch.autograd.function import once_differentiable

from genphys.arguments import Takes, checked, count, doors, require, source
from genphys.exact import all_configurations
from genphys.numerics import double

__all__ = ["Moments", "exact_moments", "exact_sample", "log_partition"]

MAX_UNITS = 25
CHUNK_BYTES = 4 * 2**20  # of one chunk of an exact sum: small enough for a processor's cache


class Moments(NamedTuple):
    r"""Averages of :math:`-\partial E/\partial\Theta`; data minus model is a gradient of :math:`\log p`.

    For a Bernoulli machine they are :math:`\langle x_i h_j\rangle`, :math:`\langle x_i\rangle`,
    :math:`\langle h_j\rangle`; for a Gaussian one :math:`\langle x_i h_j\rangle/\sigma_i^2`,
    :math:`\langle x_i-a_i\rangle/\sigma_i^2`, :math:`\langle h_j\rangle`.
    """

    weight: torch.Tensor
    visible_bias: torch.Tensor
    hidden_bias: torch.Tensor

    def __sub__(self, other: "Moments") -> "Moments":
        return Moments(*(mine - theirs for mine, theirs in zip(self, other, strict=True)))


@checked
class Enumerable:
    """What every machine can do whose smaller layer is small: exact sums over that layer, a chunk at a time."""

    def log_partition(self):
        r"""The exact :math:`\log Z` in nats, a float64 number: :func:`log_partition` in chunks.

        It can be differentiated once; the derivative is :meth:`exact_moments`. No graph of :math:`2^K` states is kept.
        """
        return _LogPartition.apply(self, self.weight, self.visible_bias, self.hidden_bias)

    @torch.no_grad()
    def exact_moments(self):
        r"""The averages of :math:`-\partial E/\partial\Theta` under the machine itself, :math:`\nabla_\Theta\log Z`.

        They are the :class:`Moments` of ``eq:rbm-gradient``: :func:`exact_moments` in chunks.
        """
        log_z = _chunk_log_sums(self).logsumexp(0).to(self.weight)
        total = [torch.zeros_like(parameter) for parameter in (self.weight, self.visible_bias, self.hidden_bias)]
        for states, energy in _sweep(self):
            p = (-energy - log_z).exp()
            if self._sums_over_visible:
                part = self._moments(states, p)
            else:
                part = self._correlations(self._visible_mean(self._visible_field(states)), states, p)
            for sum_, term in zip(total, part, strict=True):
                sum_ += term
        return Moments(*total)

    @torch.no_grad()
    def exact_sample(self, n: count(), *, rng: source):
        """Independent visible configurations from the machine itself, shape (n, M): :func:`exact_sample` in chunks.

        First it is drawn how many fall in each chunk, then which states of the chunk they are.
        """
        chunk_p = _chunk_log_sums(self).softmax(0).to(self.weight)
        in_chunk = torch.multinomial(chunk_p, n, replacement=True, generator=rng).bincount(minlength=len(chunk_p))
        drawn = []
        for number, (states, energy) in zip(in_chunk.tolist(), _sweep(self), strict=True):
            if number:
                cumulated = energy.neg().softmax(0).cumsum(0)
                u = torch.rand(number, generator=rng, dtype=energy.dtype, device=energy.device) * cumulated[-1]
                drawn.append(states[torch.searchsorted(cumulated, u).clamp(max=len(energy) - 1)])
        drawn = torch.cat(drawn)[torch.randperm(n, generator=rng, device=rng.device)]
        return drawn if self._sums_over_visible else self._draw_visible(self._visible_field(drawn), rng)


small = Takes(
    "a machine with at most 16 hidden units (its method of the same name takes more)",
    lambda v, call: isinstance(v, Enumerable) and v.hidden <= 16,
)


def log_partition(model: small):
    r"""The exact :math:`\log Z = \log\sum_\mathbf{h} e^{-F(\mathbf{h})}` in nats (``eq:rbm-log-partition``).

    A float64 number that can be differentiated; ``model.log_partition()`` is the same in chunks.
    """
    h = all_hidden(model)  # (2^K, K)
    return double(-model.hidden_free_energy(h)).logsumexp(0)


def exact_moments(model: small):
    r"""The averages of :math:`-\partial E/\partial\Theta` over the model (``eq:rbm-gradient``), as :class:`Moments`.

    ``model.exact_moments()`` is the same in chunks.
    """
    h = all_hidden(model)  # (2^K, K)
    p = (-model.hidden_free_energy(h)).softmax(0)  # p(h), (2^K,)
    x = model._visible_mean(model.visible_field(h))  # <x> given h, (2^K, M)
    return model._correlations(x, h, p)


@torch.no_grad()
def exact_sample(model: small, n: count(), *, rng: source):
    r"""Independent draws from the machine, :math:`\mathbf{h}\sim p(\mathbf{h})`, then :math:`p(\mathbf{x}|\mathbf{h})`.

    Shape (n, M); ``model.exact_sample(n, rng=rng)`` is the same in chunks.
    """
    h = all_hidden(model)  # (2^K, K)
    p = (-model.hidden_free_energy(h)).softmax(0)
    rows = torch.multinomial(p, n, replacement=True, generator=rng)
    return model.sample_visible(h[rows], rng=rng)


def all_hidden(model):
    """Every configuration of the hidden layer, (2^K, K)."""
    return all_configurations(model.hidden, dtype=model.weight.dtype, device=model.weight.device)


# The sums in chunks


class _LogPartition(torch.autograd.Function):
    """log Z by enumeration, whose backward pass enumerates again: no graph of 2^K states is kept."""

    @staticmethod
    def forward(ctx, model, *parameters):
        ctx.model = model
        ctx.save_for_backward(*parameters)
        return _chunk_log_sums(model).logsumexp(0)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        _ = ctx.saved_tensors  # raises where a parameter was changed in between
        return None, *(gradient.to(moment) * moment for moment in ctx.model.exact_moments())


def _chunk_log_sums(model):
    """The log of the sum of exp(-F) over each chunk, in double precision."""
    # numbers and not tensors: thousands of small blocks kept between large ones that are freed scatter the heap
    log_sums = [double.__wrapped__(-energy).logsumexp(0).item() for _, energy in _sweep(model)]
    return torch.tensor(log_sums, dtype=torch.float64, device="cpu")


def _sweep(model) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The states of the layer that is summed over and their free energies, a chunk at a time."""
    units, others = model.weight.shape if model._sums_over_visible else model.weight.shape[::-1]
    advice = f"at most {MAX_UNITS} units in its smaller layer for an exact sum; else ais() estimates log Z"
    require(units <= MAX_UNITS, "model", model, advice)
    rows = max(1, CHUNK_BYTES // (model.weight.element_size() * (units + 2 * others)))
    for start in range(0, 2**units, rows):
        states = _bits(start, min(start + rows, 2**units), units, model.weight)
        if model._sums_over_visible:
            yield states, model._visible_energy(states, model.visible_bias) - sum_softplus(model._hidden_field(states))
        else:
            field = states @ model.weight.T  # (rows, K) @ (K, M) -> (rows, M)
            yield states, -(states @ model.hidden_bias) - model._visible_log_sum(field, model.visible_bias)


def _bits(start, stop, units, like):
    """The binary digits of the numbers from start to stop, most significant first, (stop - start, units)."""
    index = torch.arange(start, stop, device=like.device)
    shifts = torch.arange(units - 1, -1, -1, device=like.device)
    return ((index[:, None] >> shifts) & 1).to(like.dtype)


def softplus(x):
    """log(1 + exp(x)), to float64's last digits: PyTorch's own threshold of 20 leaves an error of 2e-9."""
    return F.softplus(x, threshold=40.0)


def sum_softplus(x):
    """``softplus(x).sum(-1)`` off the graph, with one logarithm for the product of up to 64 factors between 1 and 2.

    It is max(x, 0) + log(1 + exp(-|x|)), and saves nearly all of the logarithms, which are what a sum costs.
    """
    factors = F.pad(x.abs().neg_().exp_().add_(1), (0, -x.shape[-1] % 64), value=1.0)
    return F.relu(x).sum(-1) + factors.unflatten(-1, (-1, 64)).prod(-1).log().sum(-1)


doors(globals())
