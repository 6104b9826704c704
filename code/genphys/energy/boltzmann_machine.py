r"""The general Boltzmann machine, summed over exactly: all pairs of visible and hidden units are coupled.

The gradient of its log-likelihood is an average over the data, with the hidden units averaged over their posterior,
minus an average over the model. Log-weights :math:`\log f = -E` and log-probabilities are in nats.

References:
    Ackley, Hinton and Sejnowski, A learning algorithm for Boltzmann machines (1985).
"""

import torch

from genphys.arguments import count, doors, require, tensor
from genphys.exact import all_configurations

_MOST_UNITS = 25
_PIECE = 2**14  # configurations weighed at a time: small enough for a processor's cache


class BoltzmannMachine:
    r"""Visible and hidden units in {0, 1}, every pair of which is coupled (``def:boltzmann-machine``).

    With all units in one vector :math:`\mathbf{s} = (\mathbf{x}, \mathbf{h})` of :math:`M + K` entries

    .. math:: \log f(\mathbf{x},\mathbf{h};\Theta) = \sum_{i<j} w_{ij} s_i s_j + \sum_i b_i s_i .

    :math:`\Theta` is the vector of the P couplings and biases: :math:`w_{ij}` in the order (0,1), (0,2), ..., (1,2),
    ..., then :math:`b_i`. Everything is a sum over configurations, so the machine is for small sizes: ``n_visible`` is
    :math:`M` and ``n_hidden`` :math:`K`, ``n_units`` their sum, at most 25, and ``n_parameters`` is P.
    """

    def __init__(self, n_visible: count(), n_hidden: count(0) = 0):
        n = n_visible + n_hidden
        require(n <= _MOST_UNITS, "n_visible + n_hidden", n, f"at most {_MOST_UNITS}: the sums have 2^{n} terms")
        self.n_visible, self.n_hidden, self.n_units, self.n_parameters = n_visible, n_hidden, n, n * (n + 1) // 2

    def split(self, theta: tensor("n_parameters")):
        r"""The symmetric matrix :math:`w_{ij}` with a zero diagonal, and the biases :math:`b_i`."""
        n = self.n_units
        i, j = torch.triu_indices(n, n, 1, device=theta.device)
        upper = theta.new_zeros(n, n).index_put((i, j), theta[: len(i)])
        return upper + upper.T, theta[len(i) :]

    def statistics(self, x: tensor("* n_visible"), h: tensor("* n_hidden") | None = None):
        r""":math:`\nabla_\Theta \log f(\mathbf{x},\mathbf{h};\Theta)`: the products of pairs, then the units, (..., P).

        It does not depend on :math:`\Theta`. Units of shapes (..., M) and (..., K), the hidden left out if none.
        """
        s = self._units(x, h)
        i, j = torch.triu_indices(self.n_units, self.n_units, 1, device=s.device)
        return torch.cat([s[..., i] * s[..., j], s], dim=-1)

    def log_f(self, theta: tensor("n_parameters"), x: tensor("* n_visible"), h: tensor("* n_hidden") | None = None):
        r""":math:`\log f(\mathbf{x},\mathbf{h};\Theta)`, shape (...), or without ``h`` its marginal:

        .. math:: \log f(\mathbf{x};\Theta) = \log \sum_{\mathbf{h}} f(\mathbf{x},\mathbf{h};\Theta)

        These are ``def:boltzmann-machine`` and ``def:marginal-weight``; units as for :meth:`statistics`.
        """
        if h is None and self.n_hidden:
            return self._log_weights(theta, x).logsumexp(-1)
        return _log_f(*self.split(theta), self._units(x, h))

    def log_partition(self, theta: tensor("n_parameters")):
        r""":math:`\log Z = \log \sum_{\mathbf{x}} \sum_{\mathbf{h}} f(\mathbf{x},\mathbf{h};\Theta)`, shape ()."""
        s = all_configurations(self.n_units, dtype=theta.dtype, device=theta.device)  # (2^(M + K), M + K)
        return _log_f(*self.split(theta), s).logsumexp(0)

    def log_partition_in_pieces(self, theta: tensor("n_parameters")):
        """:meth:`log_partition` in pieces: 10 MB of memory for any number of units, and faster from 15 units on."""
        weight, bias = self.split(theta)
        total, place = 2**self.n_units, torch.arange(self.n_units - 1, -1, -1, device=theta.device)
        parts = []
        for start in range(0, total, _PIECE):
            number = torch.arange(start, min(start + _PIECE, total), device=theta.device)
            s = (number[:, None] >> place & 1).to(theta.dtype)
            parts.append(_log_f(weight, bias, s).logsumexp(0))
        return torch.stack(parts).logsumexp(0)

    def log_likelihood(self, theta: tensor("n_parameters"), samples: tensor("N n_visible")):
        r"""The log-likelihood of the data, shape () (``eq:log-likelihood``).

        .. math:: \log p(\mathbf{X};\Theta) = \sum_{n=1}^{N} \log f(\mathbf{x}^{(n)};\Theta) - N \log Z(\Theta)
        """
        return self.log_f(theta, samples).sum() - len(samples) * self.log_partition_in_pieces(theta)

    def posterior(self, theta: tensor("n_parameters"), x: tensor("... n_visible")):
        r"""The probability of every hidden configuration, given visible units (``eq:conditional-hidden``).

        .. math:: p(\mathbf{h}\mid\mathbf{x};\Theta) = \frac{f(\mathbf{x},\mathbf{h};\Theta)}{f(\mathbf{x};\Theta)}

        Shape (..., 2^K), in the order of :func:`~genphys.exact.finite.all_configurations`.
        """
        return self._log_weights(theta, x).softmax(-1)

    def conditional(self, theta: tensor("n_parameters"), units: tensor("... n_units"), i: count(0)):
        r"""The probability that one unit is on, given all others, shape (...) (``eq:conditional-unit``).

        .. math::
            p(s_i = 1 \mid \mathbf{s}_{\setminus i}) = \operatorname{sigmoid}\Big(b_i + \sum_{j \ne i} w_{ij} s_j\Big)

        Of ``units``, :math:`\mathbf{s} = (\mathbf{x},\mathbf{h})` of shape (..., M + K), entry i is not looked at.
        """
        require(i < self.n_units, "i", i, f"the number of a unit, below {self.n_units}")
        weight, bias = self.split(theta)
        return torch.sigmoid(units @ weight[i] + bias[i])  # w_ii = 0

    def positive_phase(self, theta: tensor("n_parameters"), samples: tensor("N n_visible")):
        r"""The average over data and posterior, shape (P,) (``eq:positive-phase-latent``).

        .. math::
            \frac{1}{N} \sum_{n=1}^{N} \mathbb{E}_{p(\mathbf{h}\mid\mathbf{x}^{(n)};\Theta)}
            \left[\nabla_\Theta \log f(\mathbf{x}^{(n)},\mathbf{h};\Theta)\right]
        """
        posterior = self.posterior(theta, samples)  # (N, 2^K)
        phi = self.statistics(samples[:, None, :], self._hidden(samples))  # (N, 2^K, P)
        return torch.einsum("nk,nkp->p", posterior, phi) / len(samples)

    def negative_phase(self, theta: tensor("n_parameters")):
        r"""The average over the model, shape (P,) (``eq:grad-log-z``): :math:`\mathbb{E}_p[s_i s_j]`, then its means.

        .. math:: \nabla_\Theta \log Z = \mathbb{E}_p\left[\nabla_\Theta \log f(\mathbf{x},\mathbf{h};\Theta)\right]
        """
        s = all_configurations(self.n_units, dtype=theta.dtype, device=theta.device)  # (2^(M + K), M + K)
        p = _log_f(*self.split(theta), s).softmax(0)
        products = (p[:, None] * s).T @ s  # E[s_i s_j]
        i, j = torch.triu_indices(self.n_units, self.n_units, 1, device=theta.device)
        return torch.cat([products[i, j], p @ s])

    def gradient(self, theta: tensor("n_parameters"), samples: tensor("N n_visible")):
        r"""The gradient :math:`\nabla_\Theta \log p(\mathbf{X};\Theta)`, shape (P,) (``eq:contrastive-gradient``).

        It is data minus model, :math:`N` times :meth:`positive_phase` minus :meth:`negative_phase`.
        """
        return len(samples) * (self.positive_phase(theta, samples) - self.negative_phase(theta))

    def _hidden(self, x):
        """Every hidden configuration, (2^K, K); None where there are no hidden units."""
        return all_configurations(self.n_hidden, dtype=x.dtype, device=x.device) if self.n_hidden else None

    def _units(self, x, h):
        """The joint vector (x, h), the leading shapes broadcast."""
        require((h is None) == (not self.n_hidden), "h", h, f"a tensor of shape (*, {self.n_hidden}), None for K = 0")
        if h is None:
            return x
        lead = torch.broadcast_shapes(x.shape[:-1], h.shape[:-1])
        return torch.cat([x.expand(*lead, -1), h.expand(*lead, -1)], dim=-1)

    def _log_weights(self, theta, x):
        """log f(x, h) for every h, shape (..., 2^K)."""
        return _log_f(*self.split(theta), self._units(x[..., None, :], self._hidden(x)))


def _log_f(weight, bias, s):
    """Half of s W s plus b s, shape (...): the diagonal of W is zero, and each pair stands in it twice."""
    return 0.5 * ((s @ weight) * s).sum(-1) + s @ bias


doors(globals())
