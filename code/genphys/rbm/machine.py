r"""Restricted Boltzmann machines: energies, conditionals and block Gibbs sampling.

A machine of :math:`M` visible units :math:`\mathbf{x}` and :math:`K` binary hidden units
:math:`\mathbf{h}\in\{0,1\}^K` has the energy :math:`E` and the distribution

.. math::
    p(\mathbf{x},\mathbf{h}) = \frac{e^{-E(\mathbf{x},\mathbf{h})}}{Z}, \qquad
    p(\mathbf{x}) = \frac{e^{-F(\mathbf{x})}}{Z}, \qquad
    F(\mathbf{x}) = -\log\sum_{\mathbf{h}} e^{-E(\mathbf{x},\mathbf{h})} .

There is no connection inside a layer, so each layer is independent given the other one and :math:`F` is a sum of
softplus terms. Temperature is part of the parameters: energies, free energies and log-probabilities are in nats. Each
machine states its equations in its public methods; below are, unchecked, the pieces in which the two machines differ.

References:
    Smolensky (1986); Geman and Geman (1984): sampling; Hinton (2002); Cho, Ilin and Raiko (2011): Gaussian units.
"""

import math

import torch
from torch import nn

from genphys.arguments import Takes, checked, count, doors, number, points, positive, require, source, tensor
from genphys.rbm.partition import Enumerable, Moments, softplus, sum_softplus

__all__ = ["BernoulliRBM", "GaussianBernoulliRBM"]

zeros_and_ones = tensor("B visible", values=(0, 1))
zeros_and_ones.words += "; binarise grey values first, (torch.rand(p.shape, generator=rng) < p).to(p.dtype)"

# What a machine takes for its visible units, which each class states.
states = Takes(
    "visible configurations of shape (B, visible): zeros and ones, of Gaussian units finite numbers",
    lambda v, call: call.owner.states.fits(v, call),
)
states_or_means = Takes(
    "visible configurations of shape (B, visible): zeros, ones and probabilities in [0, 1], of Gaussian units numbers",
    lambda v, call: call.owner.states_or_means.fits(v, call),
)
hidden_states = tensor("B hidden", values=(0, 1))
hidden_states_or_means = tensor("B hidden", low=0, high=1)


@checked
class RestrictedBoltzmannMachine(Enumerable, nn.Module):
    """What both machines share: parameters, the conditionals, block Gibbs sampling."""

    def __init__(self, visible: count(), hidden: count(), *, rng: source, std: number(low=0) = 0.01):
        super().__init__()
        self.weight = nn.Parameter(std * torch.randn(visible, hidden, generator=rng, device=rng.device))
        self.visible_bias = nn.Parameter(torch.zeros(visible, device=rng.device))
        self.hidden_bias = nn.Parameter(torch.zeros(hidden, device=rng.device))

    @property
    def visible(self) -> int:
        """The number of visible units :math:`M`."""
        return self.weight.shape[0]

    @property
    def hidden(self) -> int:
        """The number of hidden units :math:`K`."""
        return self.weight.shape[1]

    def extra_repr(self):
        """The numbers of units, for messages."""
        return f"visible={self.visible}, hidden={self.hidden}"

    def visible_field(self, h: hidden_states_or_means):
        r"""The field :math:`\mathbf{a} + W\mathbf{h}` on the visible units: log-odds, or the Gaussian mean; (B, M)."""
        return self.visible_bias + h @ self.weight.T  # (B, K) @ (K, M) -> (B, M)

    def hidden_probability(self, x: states_or_means):
        r""":math:`p(h_j=1|\mathbf{x}) = \operatorname{sigmoid}(\phi_j)`, (B, K) (``eq:rbm-hidden-conditional``)."""
        return torch.sigmoid(self._hidden_field(x))

    def log_prob(self, x: states, log_z: number() | None = None):
        r"""The log-likelihood :math:`\log p(\mathbf{x}) = -F(\mathbf{x}) - \log Z` in nats, (B,).

        For Gaussian units it is the log of a density. Where ``log_z`` is left out it is the exact one.
        """
        log_z = self.log_partition() if log_z is None else log_z
        return -self.free_energy(x) - torch.as_tensor(log_z, dtype=x.dtype, device=x.device)

    def moments(self, x: states_or_means, weights: tensor("B", low=0) | None = None):
        r"""Averages of :math:`-\partial E/\partial\Theta` over ``x``, with :math:`\mathbf{h}` summed out.

        The :class:`Moments` have shapes (M, K), (M,) and (K,). ``weights`` sum to one; left out, they are equal.
        """
        weights = x.new_full((len(x),), 1 / len(x)) if weights is None else weights
        return self._correlations(x, torch.sigmoid(self._hidden_field(x)), weights)

    def sample_hidden(self, x: states_or_means, *, rng: source):
        r"""Draw :math:`\mathbf{h}\sim p(\mathbf{h}\mid\mathbf{x})`, (B, K)."""
        return bernoulli(torch.sigmoid(self._hidden_field(x)), rng)

    @torch.no_grad()
    def gibbs(self, x: states, steps: count(0) = 1, *, rng: source):
        r"""``steps`` of block Gibbs, :math:`\mathbf{h}\sim p(\cdot|\mathbf{x}),\ \mathbf{x}\sim p(\cdot|\mathbf{h})`.

        They begin at ``x``, shape (B, M), and leave the machine's distribution as it is (``eq:rbm-gibbs-invariance``).
        """
        for _ in range(steps):
            x = self._gibbs_step(x, rng)
        return x

    # Unchecked, for loops

    _moments = moments

    def _gibbs_step(self, x, rng):
        h = bernoulli(torch.sigmoid(self._hidden_field(x)), rng)  # h ~ p(h|x), (B, K)
        return self._draw_visible(self._visible_field(h), rng)  # x ~ p(x|h), (B, M)

    def _hidden_field(self, x):
        return torch.addmm(self.hidden_bias, self._scaled(x), self.weight)  # the sum and the product in one call

    def _visible_field(self, h):
        return torch.addmm(self.visible_bias, h, self.weight.T)


class BernoulliRBM(RestrictedBoltzmannMachine):
    r"""Binary units: :math:`M` ``visible`` and :math:`K` ``hidden`` ones (``def:rbm-energy``).

    .. math:: E(\mathbf{x},\mathbf{h}) = -\mathbf{a}\cdot\mathbf{x}-\mathbf{b}\cdot\mathbf{h}-\mathbf{x}^T W\mathbf{h}

    The first weights have the standard deviation ``std``, the biases are zero; the machine lives where ``rng`` does.
    """

    states = zeros_and_ones
    states_or_means = tensor("B visible", low=0, high=1)

    def energy(self, x: states, h: hidden_states):
        r"""The energy :math:`E(\mathbf{x},\mathbf{h})` (``def:rbm-energy``) in nats, (B,)."""
        return -(x @ self.visible_bias) - h @ self.hidden_bias - (x @ self.weight * h).sum(1)

    def hidden_field(self, x: states_or_means):
        r"""The field :math:`\phi_j(\mathbf{x}) = b_j + \sum_i x_i W_{ij}`, the log-odds of the hidden units; (B, K)."""
        return self.hidden_bias + x @ self.weight  # (B, M) @ (M, K) -> (B, K)

    def free_energy(self, x: states):
        r""":math:`F = -\mathbf{a}\cdot\mathbf{x} - \sum_j\log(1+e^{\phi_j})` in nats, (B,) (``eq:rbm-free-energy``)."""
        return -(x @ self.visible_bias) - softplus(self.hidden_bias + x @ self.weight).sum(1)

    def hidden_free_energy(self, h: hidden_states):
        r"""The free energy of the hidden layer, :math:`-\log\sum_\mathbf{x} e^{-E(\mathbf{x},\mathbf{h})}`, (B,)."""
        return -(h @ self.hidden_bias) - softplus(self.visible_bias + h @ self.weight.T).sum(1)

    def visible_probability(self, h: hidden_states_or_means):
        r""":math:`p(x_i=1) = \operatorname{sigmoid}(a_i+\sum_j W_{ij}h_j)`, (B, M) (``eq:rbm-visible-conditional``)."""
        return torch.sigmoid(self.visible_bias + h @ self.weight.T)

    def sample_visible(self, h: hidden_states_or_means, *, rng: source):
        r"""Draw :math:`\mathbf{x}\sim p(\mathbf{x}\mid\mathbf{h})`, (B, M)."""
        return bernoulli(torch.sigmoid(self._visible_field(h)), rng)

    def base_bias(self, data: states_or_means):
        r"""Visible biases of independent units with the data's means: where annealing starts; (M,).

        One pseudo-observation of each value, :math:`\bar x_i = (1+\sum_n x_{ni})/(N+2)`, keeps
        :math:`\log(\bar x_i/(1-\bar x_i))` finite for a unit that never changes.
        """
        return torch.logit((1 + data.sum(0)) / (len(data) + 2))

    # The pieces in which the machines differ, unchecked

    @property
    def _sums_over_visible(self):
        return self.visible < self.hidden

    def _scaled(self, x):
        return x

    def _correlations(self, x, h, weights):
        h = h * weights[:, None]
        return Moments(x.T @ h, weights @ x, h.sum(0))  # (M, B) @ (B, K) -> (M, K)

    def _visible_energy(self, x, bias):
        return -(x @ bias)

    def _visible_log_sum(self, field, bias):
        return sum_softplus(field + bias)

    def _visible_mean(self, field):
        return torch.sigmoid(field)

    def _draw_visible(self, field, rng):
        return bernoulli(torch.sigmoid(field), rng)


class GaussianBernoulliRBM(RestrictedBoltzmannMachine):
    r"""Real visible and binary hidden units (``def:gaussian-energy``).

    .. math::
        E(\mathbf{x},\mathbf{h}) = \sum_i \frac{(x_i-a_i)^2}{2\sigma_i^2} - \sum_j b_j h_j
        - \sum_{ij} \frac{x_i W_{ij} h_j}{\sigma_i^2} .

    Dividing the coupling by :math:`\sigma_i^2` makes the conditional mean
    :math:`\langle x_i\rangle_{\mathbf{h}} = a_i + \sum_j W_{ij}h_j`, without :math:`\sigma_i`, and its variance
    :math:`\sigma_i^2`. The marginal :math:`p(\mathbf{x})` is a mixture of :math:`2^K` Gaussians. The :math:`\sigma_i`,
    ``sigma``, one number or of shape (M,), are not trained; the other arguments are those of :class:`BernoulliRBM`.
    """

    states = states_or_means = points("B visible")

    def __init__(
        self,
        visible: count(),
        hidden: count(),
        *,
        rng: source,
        sigma: positive | tensor("M", above=0, free=True) = 1.0,
        std: number(low=0) = 0.01,
    ):
        super().__init__(visible, hidden, rng=rng, std=std)
        sigma = torch.as_tensor(sigma, dtype=self.weight.dtype, device=self.weight.device)
        require(sigma.shape in ((), (visible,)), "sigma", sigma, f"a number or a tensor of shape ({visible},)")
        self.register_buffer("sigma", sigma.expand(visible).clone())

    def energy(self, x: points("B visible"), h: hidden_states):
        r"""The energy :math:`E(\mathbf{x},\mathbf{h})` (``def:gaussian-energy``) in nats, (B,)."""
        coupling = ((x / self.sigma**2) @ self.weight * h).sum(1)
        return ((x - self.visible_bias) ** 2 / (2 * self.sigma**2)).sum(1) - h @ self.hidden_bias - coupling

    def hidden_field(self, x: points("B visible")):
        r"""The field :math:`\phi_j(\mathbf{x}) = b_j + \sum_i x_i W_{ij}/\sigma_i^2`, the hidden log-odds; (B, K)."""
        return self.hidden_bias + (x / self.sigma**2) @ self.weight  # (B, M) @ (M, K) -> (B, K)

    def free_energy(self, x: points("B visible")):
        r"""The free energy :math:`F = \sum_i (x_i-a_i)^2/2\sigma_i^2 - \sum_j \log(1+e^{\phi_j})` in nats, (B,).

        This is ``eq:gaussian-free-energy``.
        """
        field = self.hidden_bias + (x / self.sigma**2) @ self.weight
        return ((x - self.visible_bias) ** 2 / (2 * self.sigma**2)).sum(1) - softplus(field).sum(1)

    def hidden_free_energy(self, h: hidden_states):
        r"""The free energy of the hidden layer, :math:`-\log\int d\mathbf{x}\, e^{-E(\mathbf{x},\mathbf{h})}`, (B,).

        With :math:`f_i = \sum_j W_{ij}h_j` the integral over :math:`x_i` is
        :math:`\sqrt{2\pi}\,\sigma_i\, e^{(a_i f_i + f_i^2/2)/\sigma_i^2}`.
        """
        f = h @ self.weight.T  # (B, K) @ (K, M) -> (B, M)
        exponent = (self.visible_bias * f + f**2 / 2) / self.sigma**2
        return -(h @ self.hidden_bias) - (math.log(2 * math.pi) / 2 + self.sigma.log() + exponent).sum(1)

    def sample_visible(self, h: hidden_states_or_means, *, rng: source):
        r"""Draw :math:`\mathbf{x}\sim p(\mathbf{x}\mid\mathbf{h})`, Gaussian about :meth:`visible_field`; (B, M)."""
        return self._draw_visible(self._visible_field(h), rng)

    def base_bias(self, data: points("N visible")):
        r"""The data's means: independent Gaussian units, where annealing starts; (M,)."""
        return data.mean(0)

    # The pieces in which the machines differ, unchecked

    _sums_over_visible = False

    def _scaled(self, x):
        return x / self.sigma**2

    def _correlations(self, x, h, weights):
        h = h * weights[:, None]
        return Moments(self._scaled(x).T @ h, weights @ self._scaled(x - self.visible_bias), h.sum(0))

    def _visible_energy(self, x, bias):
        return ((x - bias) / self.sigma).square().sum(1) / 2

    def _visible_log_sum(self, field, bias):
        log_norm = (math.sqrt(2 * math.pi) * self.sigma).log().sum()
        return log_norm + ((bias * field + field.square() / 2) / self.sigma**2).sum(-1)

    def _visible_mean(self, field):
        return field

    def _draw_visible(self, field, rng):
        noise = torch.randn(field.shape, generator=rng, dtype=field.dtype, device=field.device)
        return field + self.sigma * noise


def bernoulli(p, rng):
    """Zeros and ones with the probabilities p."""
    return (torch.rand(p.shape, generator=rng, dtype=p.dtype, device=rng.device).to(p.device) < p).to(p.dtype)


doors(globals())
