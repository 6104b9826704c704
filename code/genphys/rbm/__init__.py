r"""Restricted Boltzmann machines: energies, block Gibbs sampling, training and the partition function.

A machine of :math:`M` visible units :math:`\mathbf{x}` and :math:`K` binary hidden units
:math:`\mathbf{h}\in\{0,1\}^K` has the energy :math:`E` and the distribution

.. math::
    p(\mathbf{x},\mathbf{h}) = \frac{e^{-E(\mathbf{x},\mathbf{h})}}{Z}, \qquad
    p(\mathbf{x}) = \frac{e^{-F(\mathbf{x})}}{Z}, \qquad
    F(\mathbf{x}) = -\log\sum_{\mathbf{h}} e^{-E(\mathbf{x},\mathbf{h})} .

Temperature is part of the parameters, so energies, free energies and log-probabilities are in nats.

- :class:`BernoulliRBM`: :math:`\mathbf{x}\in\{0,1\}^M`,
  :math:`E = -\mathbf{a}\cdot\mathbf{x} - \mathbf{b}\cdot\mathbf{h} - \mathbf{x}^T W \mathbf{h}`.
- :class:`GaussianBernoulliRBM`: :math:`\mathbf{x}\in\mathbb{R}^M`,
  :math:`E = \sum_i (x_i-a_i)^2/2\sigma_i^2 - \mathbf{b}\cdot\mathbf{h} - \sum_{ij} x_i W_{ij} h_j/\sigma_i^2`.

There is no connection inside a layer, so each layer is independent given the other one and
:math:`F` is a sum of softplus terms. Three things are built on that:

- **Training** in closed form: data minus model correlations, the latter from short chains
  (:func:`contrastive_divergence`, plain or persistent) or exact (:func:`maximum_likelihood`).
- **Exact sums** over the smaller layer, up to 25 units: ``log_partition``, ``exact_moments``, ``exact_sample``.
- **Annealing** from independent visible units at :math:`\beta_\mathrm{th}=0` to the machine at 1, along

  .. math::
      \log f_{\beta_\mathrm{th}}(\mathbf{x}) = -(1-\beta_\mathrm{th})\,E_0(\mathbf{x})
      - \beta_\mathrm{th}\,E_\mathrm{vis}(\mathbf{x})
      + \sum_j \log\left(1 + e^{\beta_\mathrm{th}\phi_j(\mathbf{x})}\right) ,

  with :math:`\phi_j` the field on hidden unit :math:`j` (``def:annealing-path``): :func:`ais`, :func:`reverse_ais`
  and :func:`parallel_tempering`.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.function import once_differentiable

from genphys.exact import all_configurations

__all__ = [
    "Annealed",
    "BernoulliRBM",
    "Chains",
    "GaussianBernoulliRBM",
    "Moments",
    "ais",
    "annealed_log_f",
    "centred",
    "contrastive_divergence",
    "gibbs_kernel",
    "maximum_likelihood",
    "parallel_tempering",
    "persistent_chains",
    "reverse_ais",
]

MAX_UNITS = 25
CHUNK_BYTES = 4 * 2**20  # of one chunk of an exact sum: small enough for a processor's cache


class Moments(NamedTuple):
    r"""Averages of :math:`-\partial E/\partial\Theta`; a difference of two of them is a gradient of :math:`\log p`.

    For a Bernoulli machine they are :math:`\langle x_i h_j\rangle`, :math:`\langle x_i\rangle`,
    :math:`\langle h_j\rangle`; for a Gaussian one :math:`\langle x_i h_j\rangle/\sigma_i^2`,
    :math:`\langle x_i-a_i\rangle/\sigma_i^2`, :math:`\langle h_j\rangle`.
    """

    weight: torch.Tensor
    visible_bias: torch.Tensor
    hidden_bias: torch.Tensor

    def minus(self, other: "Moments") -> "Moments":
        return Moments(*(mine - theirs for mine, theirs in zip(self, other, strict=True)))


class _RBM(nn.Module):
    """What both machines share; a subclass states what its visible units are."""

    def __init__(self, visible: int, hidden: int, *, std: float = 0.01, generator: torch.Generator | None = None):
        super().__init__()
        for name, value in (("visible", visible), ("hidden", hidden)):
            if not (isinstance(value, int) and value >= 1):
                raise ValueError(f"{name} is {value!r}, takes a number of units, 1 or more")
        self.weight = nn.Parameter(std * torch.randn(visible, hidden, generator=generator))
        self.visible_bias = nn.Parameter(torch.zeros(visible))
        self.hidden_bias = nn.Parameter(torch.zeros(hidden))

    @property
    def visible(self) -> int:
        """The number of visible units :math:`M`."""
        return self.weight.shape[0]

    @property
    def hidden(self) -> int:
        """The number of hidden units :math:`K`."""
        return self.weight.shape[1]

    # What differs between the machines; x is checked by the public methods that call these.
    def _scale(self, x: torch.Tensor) -> torch.Tensor:  # x, or x / sigma^2
        raise NotImplementedError

    def _visible_energy(self, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:  # the energy of x without h
        raise NotImplementedError

    def _sample_visible(self, field: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
        raise NotImplementedError

    def _bias_moment(self, x: torch.Tensor) -> torch.Tensor:  # -dE/da
        raise NotImplementedError

    def _visible_log_sum(self, field: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def _check_visible(self, name: str, x: torch.Tensor, probabilities: bool = False) -> torch.Tensor:
        raise NotImplementedError

    def _enumerable(self) -> str:  # the layer that exact sums run over
        raise NotImplementedError

    def _field(self, x: torch.Tensor) -> torch.Tensor:
        return torch.addmm(self.hidden_bias, self._scale(x), self.weight)  # (B, M) @ (M, K) -> (B, K)

    def hidden_field(self, x: torch.Tensor) -> torch.Tensor:
        r"""The field :math:`\phi_j(\mathbf{x}) = b_j + \sum_i x_i W_{ij}` (Gaussian: :math:`x_i/\sigma_i^2`).

        Args:
            x: Visible configurations (Bernoulli: or probabilities), shape :math:`(B, M)`.

        Returns:
            The log-odds of each hidden unit, shape :math:`(B, K)`, in nats.

        Raises:
            ValueError: ``x`` has another shape or values that the visible units do not take.
        """
        return self._field(self._check_visible("x", x, probabilities=True))

    def visible_field(self, h: torch.Tensor) -> torch.Tensor:
        r"""The field :math:`\mathbf{a} + W\mathbf{h}` on the visible units: log-odds, or the Gaussian mean.

        Args:
            h: Hidden configurations or probabilities, shape :math:`(B, K)`.

        Returns:
            Shape :math:`(B, M)`.

        Raises:
            ValueError: ``h`` has another shape or values outside [0, 1].
        """
        h = _check_units("h", h, self.hidden, self.weight, probabilities=True)
        return torch.addmm(self.visible_bias, h, self.weight.T)  # (B, K) @ (K, M) -> (B, M)

    def hidden_probability(self, x: torch.Tensor) -> torch.Tensor:
        r"""The probabilities of the hidden units, given the visible ones (``eq:rbm-hidden-conditional``).

        .. math:: p(h_j=1\mid\mathbf{x}) = \operatorname{sigmoid}(\phi_j(\mathbf{x}))

        Args:
            x: Visible configurations (Bernoulli: or probabilities), shape :math:`(B, M)`.

        Returns:
            Shape :math:`(B, K)`.

        Raises:
            ValueError: ``x`` has another shape or values that the visible units do not take.
        """
        return torch.sigmoid(self.hidden_field(x))

    def energy(self, x: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
        r"""The energy :math:`E(\mathbf{x},\mathbf{h})` (``def:rbm-energy``, ``def:gaussian-energy``).

        Args:
            x: Visible configurations, shape :math:`(B, M)`.
            h: Hidden configurations, shape :math:`(B, K)`.

        Returns:
            Shape :math:`(B,)`, in nats.

        Raises:
            ValueError: A shape is wrong or a value is not a unit's.

        References:
            Smolensky (1986); Hinton (2002); for the Gaussian machine Cho, Ilin and Raiko (2011).
        """
        x = self._check_visible("x", x)
        h = _check_units("h", h, self.hidden, self.weight)
        if len(x) != len(h):
            raise ValueError(f"x has {len(x)} rows and h has {len(h)}; they must be equal")
        return self._visible_energy(x, self.visible_bias) - (self._field(x) * h).sum(1)

    def free_energy(self, x: torch.Tensor) -> torch.Tensor:
        r"""The free energy :math:`F(\mathbf{x}) = E_\mathrm{vis}(\mathbf{x}) - \sum_j \log(1+e^{\phi_j})`.

        Here :math:`E_\mathrm{vis} = -\mathbf{a}\cdot\mathbf{x}` (``eq:rbm-free-energy``) or
        :math:`\sum_i (x_i-a_i)^2/2\sigma_i^2` (``eq:gaussian-free-energy``).

        Args:
            x: Visible configurations, shape :math:`(B, M)`.

        Returns:
            Shape :math:`(B,)`, in nats.

        Raises:
            ValueError: ``x`` has another shape or values that the visible units do not take.
        """
        x = self._check_visible("x", x)
        return self._visible_energy(x, self.visible_bias) - _sum_softplus(self._field(x))

    def hidden_free_energy(self, h: torch.Tensor) -> torch.Tensor:
        r"""The free energy of a hidden configuration, :math:`-\log\sum_\mathbf{x} e^{-E(\mathbf{x},\mathbf{h})}`.

        Args:
            h: Hidden configurations, shape :math:`(B, K)`.

        Returns:
            Shape :math:`(B,)`, in nats.

        Raises:
            ValueError: ``h`` has another shape or values outside {0, 1}.
        """
        return self._hidden_free_energy(_check_units("h", h, self.hidden, self.weight))

    def _hidden_free_energy(self, h: torch.Tensor) -> torch.Tensor:
        return -(h @ self.hidden_bias) - self._visible_log_sum(h @ self.weight.T, self.visible_bias)

    def sample_hidden(self, x: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        r"""Draw :math:`\mathbf{h}\sim p(\mathbf{h}\mid\mathbf{x})`.

        Args:
            x: Visible configurations, shape :math:`(B, M)`.
            generator: The source of chance.

        Returns:
            Zeros and ones of shape :math:`(B, K)`.

        Raises:
            ValueError: ``x`` has another shape or values that the visible units do not take.
        """
        return _bernoulli(self.hidden_probability(x), generator)

    def sample_visible(self, h: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        r"""Draw :math:`\mathbf{x}\sim p(\mathbf{x}\mid\mathbf{h})`.

        Args:
            h: Hidden configurations, shape :math:`(B, K)`.
            generator: The source of chance.

        Returns:
            Visible configurations of shape :math:`(B, M)`.

        Raises:
            ValueError: ``h`` has another shape or values outside [0, 1].
        """
        return self._sample_visible(self.visible_field(h), generator)

    @torch.no_grad()
    def gibbs(self, x: torch.Tensor, steps: int = 1, generator: torch.Generator | None = None) -> torch.Tensor:
        r"""Block Gibbs sampling: ``steps`` times :math:`\mathbf{h}\sim p(\cdot|\mathbf{x})`, then
        :math:`\mathbf{x}\sim p(\cdot|\mathbf{h})` (``eq:rbm-gibbs-invariance``).

        Args:
            x: Where the chains start, shape :math:`(B, M)`.
            steps: The number of steps, 0 or more.
            generator: The source of chance.

        Returns:
            The chains' visible configurations after the last step, shape :math:`(B, M)`.

        Raises:
            ValueError: ``x`` is no batch of visible configurations or ``steps`` is negative.

        References:
            Geman and Geman (1984); Smolensky (1986).
        """
        x = self._check_visible("x", x)
        if steps < 0:
            raise ValueError(f"steps is {steps}, takes 0 or more")
        for _ in range(steps):
            x = self._gibbs(x, generator)
        return x

    def _gibbs(self, x, generator):
        h = _bernoulli(torch.sigmoid(self._field(x)), generator)
        return self._sample_visible(torch.addmm(self.visible_bias, h, self.weight.T), generator)

    def log_partition(self) -> torch.Tensor:
        r"""The exact :math:`\log Z`, by summing over the smaller layer (``eq:rbm-log-partition``).

        The sum runs in chunks of a few MB. It can be differentiated once; the derivative is :meth:`exact_moments`.

        Returns:
            A number, in nats.

        Raises:
            ValueError: The layer to be summed over has more than 25 units.
        """
        return _LogPartition.apply(self, self.weight, self.visible_bias, self.hidden_bias)

    def log_prob(self, x: torch.Tensor, log_z: torch.Tensor | float | None = None) -> torch.Tensor:
        r"""The log-likelihood :math:`\log p(\mathbf{x}) = -F(\mathbf{x}) - \log Z` of each configuration.

        Args:
            x: Visible configurations, shape :math:`(B, M)`.
            log_z: :math:`\log Z`, in nats; the exact one where it is left out.

        Returns:
            Shape :math:`(B,)`, in nats (Gaussian: the log of a density).

        Raises:
            ValueError: ``x`` is no batch of visible configurations, or the machine is too large to enumerate.
        """
        return -self.free_energy(x) - (self.log_partition() if log_z is None else log_z)

    def moments(self, x: torch.Tensor, weights: torch.Tensor | None = None) -> Moments:
        r"""Averages of :math:`-\partial E/\partial\Theta` over ``x``, with :math:`\mathbf{h}` summed out.

        Args:
            x: Visible configurations (Bernoulli: or probabilities), shape :math:`(B, M)`.
            weights: The weight of each row, summing to one, shape :math:`(B,)`; equal where left out.

        Returns:
            :class:`Moments` of shapes :math:`(M, K)`, :math:`(M,)` and :math:`(K,)`.

        Raises:
            ValueError: ``x`` is no batch of visible configurations.
        """
        x = self._check_visible("x", x, probabilities=True)
        weights = x.new_full((len(x),), 1 / len(x)) if weights is None else weights
        q = torch.sigmoid(self._field(x)) * weights[:, None]
        return Moments(self._scale(x).T @ q, weights @ self._bias_moment(x), q.sum(0))

    @torch.no_grad()
    def exact_moments(self) -> Moments:
        r"""The averages of :math:`-\partial E/\partial\Theta` under the machine itself, by enumeration.

        Returns:
            :class:`Moments`, equal to :math:`\nabla_\Theta\log Z` (``eq:rbm-gradient``).

        Raises:
            ValueError: The layer to be summed over has more than 25 units.
        """
        log_z = self.log_partition()
        total = [torch.zeros_like(parameter) for parameter in (self.weight, self.visible_bias, self.hidden_bias)]
        for unit_states, energy in self._sweep():
            p = (-energy - log_z).exp()
            if self._enumerable() == "visible":
                part = self.moments(unit_states, p)
            else:
                x = self._visible_mean(torch.addmm(self.visible_bias, unit_states, self.weight.T))
                part = (self._scale(x).T @ (unit_states * p[:, None]), p @ self._bias_moment(x), p @ unit_states)
            for sum_, term in zip(total, part, strict=True):
                sum_ += term
        return Moments(*total)

    @torch.no_grad()
    def exact_sample(self, n: int, generator: torch.Generator | None = None) -> torch.Tensor:
        r"""Draw independent visible configurations from the machine itself, by enumerating its smaller layer.

        Args:
            n: The number of samples.
            generator: The source of chance.

        Returns:
            Shape :math:`(n, M)`.

        Raises:
            ValueError: The layer to be summed over has more than 25 units.
        """
        chunk_logits = self._chunk_log_sums()
        counts = torch.multinomial(chunk_logits.softmax(0), n, replacement=True, generator=generator)
        counts = counts.bincount(minlength=len(chunk_logits)).tolist()
        drawn = []
        for count, unit_states in zip(counts, self._chunks(), strict=True):
            if count:
                energy = self._layer_free_energy(unit_states)
                cumulated = energy.neg().softmax(0).cumsum(0)
                u = torch.rand(count, generator=generator, dtype=energy.dtype, device=energy.device) * cumulated[-1]
                drawn.append(unit_states[torch.searchsorted(cumulated, u).clamp(max=len(energy) - 1)])
        drawn = torch.cat(drawn)[torch.randperm(n, generator=generator)]
        return drawn if self._enumerable() == "visible" else self.sample_visible(drawn, generator)

    def _visible_mean(self, field: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def _sweep(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """The states of the enumerated layer and their free energies, a chunk at a time."""
        for unit_states in self._chunks():
            yield unit_states, self._layer_free_energy(unit_states)

    def _chunk_log_sums(self) -> torch.Tensor:
        # numbers and not tensors: thousands of small blocks kept between large ones that are freed scatter the heap
        return self.weight.new_tensor([energy.neg().logsumexp(0).item() for _, energy in self._sweep()])

    def _chunks(self) -> Iterator[torch.Tensor]:
        layer = self._enumerable()
        units, others = (self.visible, self.hidden) if layer == "visible" else (self.hidden, self.visible)
        if units > MAX_UNITS:
            raise ValueError(
                f"the {layer} layer has {units} units, too many to enumerate (at most {MAX_UNITS}); "
                "estimate log Z with ais() and pass it as log_z"
            )
        rows = max(1, CHUNK_BYTES // (self.weight.element_size() * (units + 2 * others)))
        for start in range(0, 2**units, rows):
            index = torch.arange(start, min(start + rows, 2**units), device=self.weight.device)
            yield _bits(index, units, self.weight.dtype)

    def _layer_free_energy(self, unit_states: torch.Tensor) -> torch.Tensor:
        if self._enumerable() == "visible":
            return self._visible_energy(unit_states, self.visible_bias) - _sum_softplus(self._field(unit_states))
        return self._hidden_free_energy(unit_states)


class _LogPartition(torch.autograd.Function):
    """log Z by enumeration, whose backward pass enumerates again: no graph of 2^K states is kept."""

    @staticmethod
    def forward(ctx, model, *parameters):
        ctx.model = model
        ctx.save_for_backward(*parameters)
        return model._chunk_log_sums().logsumexp(0)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        _ = ctx.saved_tensors  # raises where a parameter was changed in between
        return None, *(gradient * moment for moment in ctx.model.exact_moments())


class BernoulliRBM(_RBM):
    r"""Binary visible and binary hidden units (``def:rbm-energy``):
    :math:`E = -\mathbf{a}\cdot\mathbf{x}-\mathbf{b}\cdot\mathbf{h}-\mathbf{x}^T W\mathbf{h}`.

    Args:
        visible: The number of visible units :math:`M`.
        hidden: The number of hidden units :math:`K`.
        std: The standard deviation of the initial weights; the biases begin at zero.
        generator: The source of chance of the initial weights.

    Raises:
        ValueError: A number of units is not a positive integer.

    References:
        Smolensky (1986); Hinton (2002).
    """

    def visible_probability(self, h: torch.Tensor) -> torch.Tensor:
        r"""The probabilities of the visible units, given the hidden ones (``eq:rbm-visible-conditional``).

        .. math:: p(x_i=1\mid\mathbf{h}) = \operatorname{sigmoid}\Big(a_i + \sum_j W_{ij}h_j\Big)

        Args:
            h: Hidden configurations or probabilities, shape :math:`(B, K)`.

        Returns:
            Shape :math:`(B, M)`.

        Raises:
            ValueError: ``h`` has another shape or values outside [0, 1].
        """
        return torch.sigmoid(self.visible_field(h))

    def base_bias(self, data: torch.Tensor) -> torch.Tensor:
        r"""Visible biases of independent units with the data's means: where annealing starts.

        One pseudo-observation of each value, :math:`\bar x_i = (1+\sum_n x_{ni})/(N+2)`, keeps
        :math:`\log(\bar x_i/(1-\bar x_i))` finite for a unit that never changes.

        Args:
            data: Visible configurations or probabilities, shape :math:`(N, M)`.

        Returns:
            Shape :math:`(M,)`.

        Raises:
            ValueError: ``data`` has another shape or values outside [0, 1].
        """
        data = self._check_visible("data", data, probabilities=True)
        return torch.logit((1 + data.sum(0)) / (len(data) + 2))

    def _scale(self, x):
        return x

    def _visible_energy(self, x, bias):
        return -(x @ bias)

    def _sample_visible(self, field, generator):
        return _bernoulli(torch.sigmoid(field), generator)

    def _visible_mean(self, field):
        return torch.sigmoid(field)

    def _bias_moment(self, x):
        return x

    def _visible_log_sum(self, field, bias):
        return _sum_softplus(field + bias)

    def _check_visible(self, name, x, probabilities=False):
        return _check_units(name, x, self.visible, self.weight, probabilities)

    def _enumerable(self):
        return "visible" if self.visible < self.hidden else "hidden"


class GaussianBernoulliRBM(_RBM):
    r"""Real visible and binary hidden units (``def:gaussian-energy``).

    .. math::
        E(\mathbf{x},\mathbf{h}) = \sum_i \frac{(x_i-a_i)^2}{2\sigma_i^2} - \sum_j b_j h_j
        - \sum_{ij} \frac{x_i W_{ij} h_j}{\sigma_i^2} .

    Dividing the coupling by :math:`\sigma_i^2` makes the conditional mean
    :math:`\langle x_i\rangle_{\mathbf{h}} = a_i + \sum_j W_{ij}h_j`, without :math:`\sigma_i`, and its variance
    :math:`\sigma_i^2`. The marginal :math:`p(\mathbf{x})` is a mixture of :math:`2^K` Gaussians.

    Args:
        visible: The number of visible units :math:`M`.
        hidden: The number of hidden units :math:`K`.
        sigma: The standard deviation :math:`\sigma_i` of each visible unit, one number or of shape :math:`(M,)`.
            It is a property of the machine and is not trained.
        std: The standard deviation of the initial weights; the biases begin at zero.
        generator: The source of chance of the initial weights.

    Raises:
        ValueError: A number of units is not a positive integer, or ``sigma`` is not positive.

    References:
        Cho, Ilin and Raiko (2011).
    """

    def __init__(self, visible, hidden, *, sigma: float | torch.Tensor = 1.0, std=0.01, generator=None):
        super().__init__(visible, hidden, std=std, generator=generator)
        sigma = torch.as_tensor(sigma, dtype=self.weight.dtype)
        if sigma.shape not in ((), (visible,)) or not ((sigma > 0) & sigma.isfinite()).all():
            raise ValueError(f"sigma is {sigma}, takes one positive number or a positive tensor of shape ({visible},)")
        self.register_buffer("sigma", sigma.expand(visible).clone())

    def base_bias(self, data: torch.Tensor) -> torch.Tensor:
        r"""The data's means: independent Gaussian units, where annealing starts.

        Args:
            data: Visible configurations, shape :math:`(N, M)`.

        Returns:
            Shape :math:`(M,)`.

        Raises:
            ValueError: ``data`` has another shape or is not finite.
        """
        return self._check_visible("data", data).mean(0)

    def _scale(self, x):
        return x / self.sigma**2

    def _visible_energy(self, x, bias):
        return ((x - bias) / self.sigma).square().sum(1) / 2

    def _sample_visible(self, field, generator):
        noise = torch.randn(field.shape, generator=generator, dtype=field.dtype, device=field.device)
        return field + self.sigma * noise

    def _visible_mean(self, field):
        return field

    def _bias_moment(self, x):
        return (x - self.visible_bias) / self.sigma**2

    def _visible_log_sum(self, field, bias):
        # int dx exp(-(x-a)^2/2s^2 + x f/s^2) = sqrt(2 pi) s exp((a f + f^2/2)/s^2)
        log_norm = (math.sqrt(2 * math.pi) * self.sigma).log().sum()
        return log_norm + ((bias * field + field.square() / 2) / self.sigma**2).sum(-1)

    def _check_visible(self, name, x, probabilities=False):
        _check_matrix(name, x, self.visible, self.weight)
        if not x.isfinite().all():
            raise ValueError(f"{name} is not finite everywhere, takes real numbers")
        return x

    def _enumerable(self):
        return "hidden"


# Training


@dataclass
class Chains:
    """What training carries from step to step: keep it to go on later, copy its tensors to resume.

    Attributes:
        hidden: The persistent chains' hidden configurations, shape (C, K); None where chains restart from the data.
        visible: The visible configurations of the last negative phase, shape (C, M); None before the first step.
        visible_mean: The offset of the visible units in the centred gradient, shape (M,).
        hidden_mean: The offset of the hidden units, shape (K,).
        step: The number of steps taken.
    """

    hidden: torch.Tensor | None
    visible: torch.Tensor | None
    visible_mean: torch.Tensor
    hidden_mean: torch.Tensor
    step: int = 0


def persistent_chains(model: _RBM, n: int, generator: torch.Generator | None = None) -> Chains:
    r"""Chains for persistent contrastive divergence, started with fair coins for the hidden units.

    Args:
        model: The machine.
        n: The number of chains; 0 for chains that start from the data at each step (plain CD).
        generator: The source of chance.

    Returns:
        The state that :func:`contrastive_divergence` carries on.

    Raises:
        ValueError: ``n`` is negative.
    """
    if n < 0:
        raise ValueError(f"n is {n}, takes a number of chains, 0 or more")
    weight = model.weight.detach()
    hidden = _bernoulli(weight.new_full((n, model.hidden), 0.5), generator) if n else None
    return Chains(hidden, None, weight.new_full((model.visible,), 0.5), weight.new_full((model.hidden,), 0.5))


def centred(gradient: Moments, visible_mean: torch.Tensor, hidden_mean: torch.Tensor) -> Moments:
    r"""The centred gradient: the direction of a machine written in :math:`x_i-\bar x_i` and :math:`h_j-\bar h_j`.

    .. math::
        \Delta W = \nabla_W - \bar{\mathbf{x}}\,\nabla_\mathbf{b}^T - \nabla_\mathbf{a}\,\bar{\mathbf{h}}^T, \qquad
        \Delta\mathbf{a} = \nabla_\mathbf{a} - \Delta W\,\bar{\mathbf{h}}, \qquad
        \Delta\mathbf{b} = \nabla_\mathbf{b} - \Delta W^T\bar{\mathbf{x}} .

    It is the gradient in the centred parameters, translated back (``eq:rbm-centred-direction``), an ascent direction
    of the same objective (``eq:rbm-centred-gradient``), and does not change when a unit's
    0 and 1 are renamed. :func:`contrastive_divergence` takes the same direction without forming the gradient first.

    Args:
        gradient: The plain gradient.
        visible_mean: The offsets :math:`\bar x_i` (Gaussian: :math:`\bar x_i/\sigma_i^2`), shape :math:`(M,)`.
        hidden_mean: The offsets :math:`\bar h_j`, shape :math:`(K,)`.

    Returns:
        The direction, as :class:`Moments`.

    References:
        Montavon and Müller (2012); Melchior, Fischer and Wiskott (2016).
    """
    left = torch.stack([visible_mean, gradient.visible_bias], 1)  # (M, 2)
    right = torch.stack([gradient.hidden_bias, hidden_mean])  # (2, K)
    weight = torch.addmm(gradient.weight, left, right, alpha=-1)
    return Moments(weight, gradient.visible_bias - weight @ hidden_mean, gradient.hidden_bias - visible_mean @ weight)


def contrastive_divergence(
    model: _RBM,
    batches: Iterable[torch.Tensor],
    chains: Chains | None = None,
    *,
    k: int | Callable[[int], int] = 1,
    learning_rate: float | Callable[[int], float] = 0.05,
    weight_decay: float = 0.0,
    centre: bool = True,
    generator: torch.Generator | None = None,
) -> Iterator[Chains]:
    r"""Train by contrastive divergence: a generator that takes one step for each batch and yields the state.

    .. math::
        \Delta\Theta \propto \langle -\partial_\Theta E\rangle_\mathrm{data}
        - \langle -\partial_\Theta E\rangle_{k\ \mathrm{Gibbs\ steps}} .

    The chains of the negative phase start from the data (CD-k, :func:`persistent_chains` with ``n=0`` or nothing)
    or where the last step left them (PCD-k). The parameters are changed in place and in closed form: no autograd
    graph goes through the chain.

    Args:
        model: The machine to train.
        batches: Visible configurations (Bernoulli: or probabilities), each of shape :math:`(B, M)`.
        chains: The state to carry on; a new one for CD-k where it is left out.
        k: The number of Gibbs steps, or a function of the step number.
        learning_rate: The step size, or a function of the step number.
        weight_decay: :math:`\lambda` of the penalty :math:`\lambda\|W\|^2/2`.
        centre: Whether to use :func:`centred`, with running means of the data as offsets.
        generator: The source of chance.

    Yields:
        ``chains`` after each step; the same object every time.

    Raises:
        ValueError: A batch is no batch of visible configurations, or ``k`` is less than 1.

    References:
        Hinton (2002); Younes (1999) and Tieleman (2008) for persistent chains.
    """
    chains = persistent_chains(model, 0) if chains is None else chains
    for x in batches:
        model._check_visible("batches", x, probabilities=True)
        steps = k(chains.step) if callable(k) else k
        if steps < 1:
            raise ValueError(f"k is {steps}, takes a number of Gibbs steps, 1 or more")
        rate = learning_rate(chains.step) if callable(learning_rate) else learning_rate
        _cd_step(model, x, chains, steps, rate, weight_decay, centre, generator)
        yield chains


@torch.no_grad()
def _cd_step(model, x, chains, k, rate, weight_decay, centre, generator):
    weight, a = model.weight, model.visible_bias
    p = torch.sigmoid(model._field(x))
    persistent = chains.hidden is not None
    h = chains.hidden if persistent else _bernoulli(p, generator)
    for i in range(k):
        y = model._sample_visible(torch.addmm(a, h, weight.T), generator)
        q = torch.sigmoid(model._field(y))
        if persistent or i < k - 1:
            h = _bernoulli(q, generator)
    sx, sy, ax, ay = model._scale(x), model._scale(y), model._bias_moment(x), model._bias_moment(y)
    plus, minus = rate / len(x), -rate / len(y)
    grad_a, grad_b = plus * ax.sum(0) + minus * ay.sum(0), plus * p.sum(0) + minus * q.sum(0)
    if centre:
        mu, lam = chains.visible_mean, chains.hidden_mean
        mu.lerp_(sx.mean(0), 1.0 if chains.step == 0 else 0.01)
        lam.lerp_(p.mean(0), 1.0 if chains.step == 0 else 0.01)
        sx, sy, p, q = sx - mu, sy - mu, p - lam, q - lam
        # dW lam and dW^T mu by products with the batch, so that the (M, K) matrix dW is never formed
        grad_a = grad_a - plus * (p @ lam) @ sx - minus * (q @ lam) @ sy
        grad_b = grad_b - plus * (sx @ mu) @ p - minus * (sy @ mu) @ q
    weight.addmm_(sx.T, p, beta=1 - rate * weight_decay, alpha=plus)
    weight.addmm_(sy.T, q, alpha=minus)
    a.add_(grad_a)
    model.hidden_bias.add_(grad_b)
    if persistent:
        chains.hidden.copy_(h)
    chains.visible, chains.step = y, chains.step + 1


def maximum_likelihood(
    model: _RBM,
    batches: Iterable[torch.Tensor | tuple[torch.Tensor, torch.Tensor]],
    *,
    learning_rate: float | Callable[[int], float] = 0.1,
    weight_decay: float = 0.0,
    centre: bool = True,
) -> Iterator[Chains]:
    r"""Train a small machine by its exact gradient: a generator that takes one step for each batch.

    .. math::
        \Delta\Theta \propto \langle -\partial_\Theta E\rangle_\mathrm{data}
        - \langle -\partial_\Theta E\rangle_{p_\Theta} ,

    the second average by enumeration (``eq:rbm-gradient``).

    Args:
        model: The machine to train; its smaller layer has at most 25 units.
        batches: Visible configurations of shape :math:`(B, M)`, or pairs of these and the probability of each row,
            of shape :math:`(B,)`: a whole distribution.
        learning_rate: The step size, or a function of the step number.
        weight_decay: :math:`\lambda` of the penalty :math:`\lambda\|W\|^2/2`.
        centre: Whether to use :func:`centred`, with the batch's means as offsets.

    Yields:
        The state after each step (its offsets and step number); the same object every time.

    Raises:
        ValueError: A batch is no batch of visible configurations, or the machine is too large to enumerate.
    """
    state = persistent_chains(model, 0)
    for batch in batches:
        x, weights = batch if isinstance(batch, tuple) else (batch, None)
        rate = learning_rate(state.step) if callable(learning_rate) else learning_rate
        with torch.no_grad():
            data = model.moments(x, weights)
            direction = data.minus(model.exact_moments())
            if centre:
                mean = model._scale(x)
                mean = mean.mean(0) if weights is None else weights @ mean
                state.visible_mean, state.hidden_mean = mean, data.hidden_bias
                direction = centred(direction, mean, data.hidden_bias)
            _ascend(model, direction, rate, weight_decay)
        state.step += 1
        yield state


def _ascend(model, direction, rate, weight_decay):
    if weight_decay:
        model.weight.mul_(1 - rate * weight_decay)
    model.weight.add_(direction.weight, alpha=rate)
    model.visible_bias.add_(direction.visible_bias, alpha=rate)
    model.hidden_bias.add_(direction.hidden_bias, alpha=rate)


# Exact kernel, annealing and tempering


def gibbs_kernel(model: BernoulliRBM, beta: float = 1.0, base_bias: torch.Tensor | None = None) -> torch.Tensor:
    r"""The transition matrix of one block Gibbs step (``def:rbm-gibbs-kernel``).

    .. math::
        P(\mathbf{x}\to\mathbf{x}') = \sum_\mathbf{h} p(\mathbf{h}\mid\mathbf{x})\,p(\mathbf{x}'\mid\mathbf{h})

    Args:
        model: A Bernoulli machine with at most 12 units in each layer.
        beta: Where on the annealing path, :math:`\beta_\mathrm{th}` from 0 to 1.
        base_bias: The visible biases at :math:`\beta_\mathrm{th}=0`, shape :math:`(M,)`; zero where left out.

    Returns:
        Shape :math:`(2^M, 2^M)`, rows :math:`\mathbf{x}`, in the order of :func:`genphys.exact.all_configurations`.

    Raises:
        ValueError: The machine is too large, or not a Bernoulli machine.
    """
    if not isinstance(model, BernoulliRBM) or max(model.visible, model.hidden) > 12:
        raise ValueError(f"model is {model}, takes a BernoulliRBM with at most 12 units in each layer")
    base = _base(model, base_bias)
    x, h = (all_configurations(units, dtype=model.weight.dtype) for units in model.weight.shape)
    hidden = beta * model._field(x)
    visible = (1 - beta) * base + beta * (model.visible_bias + h @ model.weight.T)
    return _log_bernoulli(hidden, h).exp() @ _log_bernoulli(visible, x).exp()


def _log_bernoulli(logits, states):
    """The log-probability of every state (a row of states) under every row of logits."""
    return F.logsigmoid(logits) @ states.T + F.logsigmoid(-logits) @ (1 - states).T


def annealed_log_f(
    model: _RBM, x: torch.Tensor, beta: float | torch.Tensor, base_bias: torch.Tensor | None = None
) -> torch.Tensor:
    r"""The unnormalised log-probability :math:`\log f_{\beta_\mathrm{th}}(\mathbf{x})` on the annealing path.

    It is :math:`-F(\mathbf{x})` at 1 and that of independent units at 0 (``def:annealing-path``).

    Args:
        model: The machine.
        x: Visible configurations, shape :math:`(B, M)`.
        beta: :math:`\beta_\mathrm{th}`, a number or of shape :math:`(B, 1)`.
        base_bias: The visible biases at :math:`\beta_\mathrm{th}=0`, shape :math:`(M,)`; where left out zero
            (Gaussian: the machine's own).

    Returns:
        Shape :math:`(B,)`, in nats.

    Raises:
        ValueError: ``x`` is no batch of visible configurations or ``base_bias`` has another shape.
    """
    x = model._check_visible("x", x)
    return _log_f(model, x, model._field(x), beta, _base(model, base_bias))


class Annealed(NamedTuple):
    r"""What an annealing run found.

    Attributes:
        log_z: The estimate of :math:`\log Z`, in nats.
        stderr: Its standard error, in nats.
        work: The dimensionless work of each run, shape :math:`(C,)`, with :math:`\langle e^{-\mathcal{W}}\rangle
            = Z/Z_0` (``eq:rbm-jarzynski``); for the reverse process :math:`Z_0/Z`.
        log_z_base: The exact :math:`\log Z_0` of the independent units.
    """

    log_z: torch.Tensor
    stderr: torch.Tensor
    work: torch.Tensor
    log_z_base: torch.Tensor


@torch.no_grad()
def ais(
    model: _RBM,
    betas: torch.Tensor,
    chains: int = 100,
    *,
    base_bias: torch.Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Annealed:
    r"""Annealed importance sampling of :math:`\log Z`, from independent units to the machine.

    .. math::
        \frac{Z}{Z_0} = \left\langle e^{-\mathcal{W}}\right\rangle, \qquad
        \mathcal{W} = -\sum_{r=1}^{R} \log\frac{f_r(\mathbf{x}_{r-1})}{f_{r-1}(\mathbf{x}_{r-1})} ,

    where :math:`f_r` is short for :math:`f_{\beta_{\mathrm{th},r}}`, :math:`\mathbf{x}_0` is an exact sample at
    :math:`\beta_{\mathrm{th},0}=0` and :math:`\mathbf{x}_r` one Gibbs step at :math:`\beta_{\mathrm{th},r}` from
    :math:`\mathbf{x}_{r-1}` (``eq:rbm-jarzynski``). The average of :math:`e^{-\mathcal{W}}` is
    unbiased, so that its logarithm is too low on average.

    Args:
        model: The machine.
        betas: The path :math:`0=\beta_{\mathrm{th},0}<\dots<\beta_{\mathrm{th},R}=1`, shape :math:`(R+1,)`.
        chains: The number :math:`C` of independent runs, 2 or more.
        base_bias: The visible biases at :math:`\beta_\mathrm{th}=0`, shape :math:`(M,)`, as ``model.base_bias(data)``
            gives them; zero where left out (Gaussian: the machine's own).
        generator: The source of chance.

    Returns:
        :class:`Annealed`. Its ``stderr`` is :math:`s_w/(\bar w\sqrt C)` with :math:`w=e^{-\mathcal{W}}`.

    Raises:
        ValueError: ``betas`` is no such path, ``chains`` is less than 2 or ``base_bias`` has another shape.

    References:
        Neal (2001); Salakhutdinov and Murray (2008); Jarzynski (1997).
    """
    betas, base = _check_path(model, betas, chains, base_bias)
    x = model._sample_visible(base.expand(chains, -1), generator)
    work = _anneal(model, x, betas, base, generator)
    log_z_base = _log_z_base(model, base)
    log_ratio, stderr = _log_mean_exp(-work)
    return Annealed(log_z_base + log_ratio, stderr, work, log_z_base)


@torch.no_grad()
def reverse_ais(
    model: _RBM,
    betas: torch.Tensor,
    chains: int = 100,
    *,
    base_bias: torch.Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Annealed:
    r"""The reverse process: from exact samples of the machine to independent units; :math:`\log Z` too high on average.

    .. math::
        \frac{Z_0}{Z} = \left\langle e^{-\tilde{\mathcal{W}}}\right\rangle .

    With :func:`ais` it brackets :math:`\log Z`. It does so only from exact samples, so it is refused where the
    smaller layer cannot be enumerated: from a chain that has not converged the bound would be empty.

    Args:
        model: The machine, its smaller layer of at most 25 units.
        betas: The path of the forward process, from 0 to 1.
        chains: The number of runs, 2 or more.
        base_bias: The visible biases at :math:`\beta_\mathrm{th}=0`, shape :math:`(M,)`.
        generator: The source of chance.

    Returns:
        :class:`Annealed`.

    Raises:
        ValueError: As :func:`ais`, and where the machine is too large for exact samples.

    References:
        Burda, Grosse and Salakhutdinov (2015); Grosse, Ghahramani and Adams (2015).
    """
    betas, base = _check_path(model, betas, chains, base_bias)
    units = getattr(model, model._enumerable())
    if units > MAX_UNITS:
        raise ValueError(
            f"model has {units} units in its {model._enumerable()} layer: the reverse estimate bounds log Z only from "
            f"exact samples, which takes at most {MAX_UNITS}; use ais() and multiply its temperatures by ten"
        )
    x = model.exact_sample(chains, generator)
    # the reverse of the forward process: a Gibbs step at beta_t, then the switch to beta_{t-1}
    work = _anneal(model, x, betas.flip(0), base, generator, reverse=True)
    log_z_base = _log_z_base(model, base)
    log_ratio, stderr = _log_mean_exp(-work)
    return Annealed(log_z_base - log_ratio, stderr, work, log_z_base)


def _anneal(model, x, betas, base, generator, reverse=False):
    """The work of carrying x along betas: a switch then a Gibbs step, or the other way round in reverse."""
    work = x.new_zeros(len(x), dtype=torch.float64)
    if reverse:
        x = _tempered_gibbs(model, x, model._field(x), betas[0], base, generator)
    for before, after in zip(betas[:-1].tolist(), betas[1:].tolist(), strict=True):
        field = model._field(x)
        work -= _log_f(model, x, field, after, base) - _log_f(model, x, field, before, base)
        x = _tempered_gibbs(model, x, field, after, base, generator)
    return work


def _log_f(model, x, field, beta, base):
    r"""``log f_beta(x)``; beta is a number or has the shape (B, 1)."""
    visible = (1 - beta) * _column(model._visible_energy(x, base)) + beta * _column(
        model._visible_energy(x, model.visible_bias)
    )
    return (_sum_softplus(beta * field)[:, None] - visible).squeeze(1)


def _tempered_gibbs(model, x, field, beta, base, generator):
    h = _bernoulli(torch.sigmoid(beta * field), generator)
    return model._sample_visible((1 - beta) * base + beta * (model.visible_bias + h @ model.weight.T), generator)


def _log_z_base(model, base):
    return model._visible_log_sum(torch.zeros_like(base), base).double() + model.hidden * math.log(2)


def _log_mean_exp(log_w):
    """log of the mean of exp(log_w), and its standard error by the delta method."""
    n = len(log_w)
    w = (log_w - log_w.max()).exp()
    return log_w.logsumexp(0) - math.log(n), w.std() / w.mean() / math.sqrt(n)


@torch.no_grad()
def parallel_tempering(
    model: _RBM,
    betas: torch.Tensor,
    x: torch.Tensor,
    steps: int,
    *,
    base_bias: torch.Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    r"""Replica exchange along the annealing path: a generator that yields all replicas after each step.

    Each step is one Gibbs step of every replica at its own :math:`\beta_\mathrm{th}`, then an attempt to exchange
    neighbours (even and odd pairs in turn), accepted with probability (``eq:rbm-swap``)

    .. math::
        \min\left(1,\ \frac{f_{r+1}(\mathbf{x}_r)\,f_r(\mathbf{x}_{r+1})}
                         {f_r(\mathbf{x}_r)\,f_{r+1}(\mathbf{x}_{r+1})}\right)

    Args:
        model: The machine.
        betas: The replicas' :math:`\beta_{\mathrm{th},r}`, rising from 0 (independent units) to 1 (the machine),
            shape :math:`(R,)`.
        x: Where the replicas start, shape :math:`(R, C, M)`: ``C`` independent systems of ``R`` replicas.
        steps: The number of steps.
        base_bias: The visible biases at :math:`\beta_\mathrm{th}=0`, shape :math:`(M,)`.
        generator: The source of chance.

    Yields:
        The replicas, shape :math:`(R, C, M)` (the last one samples the machine), and the fraction of exchanges
        accepted between each pair of neighbours so far, shape :math:`(R-1,)`.

    Raises:
        ValueError: ``betas`` is no such path or ``x`` has another shape.

    References:
        Swendsen and Wang (1986); Desjardins et al. (2010).
    """
    if x.dim() != 3 or x.shape[0] != len(betas):
        raise ValueError(f"x has shape {tuple(x.shape)}, takes ({len(betas)}, C, {model.visible}): a replica each beta")
    betas, base = _check_path(model, betas, 2, base_bias)
    replicas, systems, units = x.shape
    x = model._check_visible("x", x.reshape(-1, units))
    beta = betas.to(x).repeat_interleave(systems)[:, None]  # (R C, 1)
    tried, accepted = torch.zeros(replicas - 1), torch.zeros(replicas - 1)
    for step in range(steps):
        x = _tempered_gibbs(model, x, model._field(x), beta, base, generator)
        lower = torch.arange(step % 2, replicas - 1, 2)
        if len(lower):
            grid = x.view(replicas, systems, units)
            here, there = grid[lower].reshape(-1, units), grid[lower + 1].reshape(-1, units)
            low, high = (beta.view(replicas, systems)[i].reshape(-1, 1) for i in (lower, lower + 1))
            f_here, f_there = model._field(here), model._field(there)
            log_ratio = _log_f(model, here, f_here, high, base) - _log_f(model, here, f_here, low, base)
            log_ratio += _log_f(model, there, f_there, low, base) - _log_f(model, there, f_there, high, base)
            u = torch.rand(log_ratio.shape, generator=generator, dtype=x.dtype, device=x.device)
            swap = (u.log() < log_ratio)[:, None]
            grid = grid.clone()
            grid[lower] = torch.where(swap, there, here).view(len(lower), systems, units)
            grid[lower + 1] = torch.where(swap, here, there).view(len(lower), systems, units)
            x = grid.view(-1, units)
            tried[lower] += systems
            accepted[lower] += swap.view(len(lower), systems).sum(1).cpu()
        yield x.view(replicas, systems, units), accepted / tried.clamp(min=1)


# Small helpers


def _sum_softplus(x):
    """The sum of log(1 + exp(x)) over the last axis."""
    if x.requires_grad:
        # PyTorch's own threshold of 20 leaves an error of 2e-9, which float64 would show
        return F.softplus(x, threshold=40.0).sum(-1)
    # max(x, 0) + log(1 + exp(-|x|)), with one logarithm for the product of up to 64 factors between 1 and 2
    factors = F.pad(x.abs().neg_().exp_().add_(1), (0, -x.shape[-1] % 64), value=1.0)
    return F.relu(x).sum(-1) + factors.unflatten(-1, (-1, 64)).prod(-1).log().sum(-1)


def _bernoulli(p, generator):
    return (torch.rand(p.shape, generator=generator, dtype=p.dtype, device=p.device) < p).to(p.dtype)


def _bits(index, units, dtype):
    shifts = torch.arange(units - 1, -1, -1, device=index.device)
    return ((index[:, None] >> shifts) & 1).to(dtype)


def _column(values):
    return values[:, None]


def _check_matrix(name, x, units, weight):
    if not isinstance(x, torch.Tensor) or x.dim() != 2 or x.shape[1] != units or len(x) == 0:
        got = f"has shape {tuple(x.shape)}" if isinstance(x, torch.Tensor) else f"is a {type(x).__name__}"
        raise ValueError(f"{name} {got}, takes a tensor of shape (B, {units}) with B >= 1")
    if x.dtype != weight.dtype:
        raise ValueError(f"{name} is {x.dtype}, takes the model's {weight.dtype}; convert one of them")


def _check_units(name, x, units, weight, probabilities=False):
    _check_matrix(name, x, units, weight)
    if probabilities:
        low, high = x.aminmax()
        if not (low >= 0 and high <= 1):
            raise ValueError(f"{name} has values from {low:g} to {high:g}, takes units or probabilities in [0, 1]")
    elif not ((x == 0) | (x == 1)).all():
        raise ValueError(f"{name} has values outside {{0, 1}}; binarise it first, (torch.rand_like(p) < p).to(p.dtype)")
    return x


def _check_path(model, betas, chains, base_bias):
    if betas.dim() != 1 or len(betas) < 2 or betas[0] != 0 or betas[-1] != 1 or not (betas.diff() > 0).all():
        raise ValueError(
            "betas is no path, takes a rising tensor of shape (R + 1,) from 0 to 1, such as torch.linspace(0, 1, R + 1)"
        )
    if chains < 2:
        raise ValueError(f"chains is {chains}, takes 2 or more: a standard error needs two runs")
    return betas.double(), _base(model, base_bias)


def _base(model, base_bias):
    if base_bias is None:
        gaussian = isinstance(model, GaussianBernoulliRBM)
        return model.visible_bias.detach() if gaussian else torch.zeros_like(model.visible_bias)
    if base_bias.shape != (model.visible,):
        raise ValueError(f"base_bias has shape {tuple(base_bias.shape)}, takes ({model.visible},)")
    return base_bias.detach().to(model.weight)
