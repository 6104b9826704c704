"""Exponential families: log-weights that are linear in their parameters, and the ascent of their likelihood.

The gradient of the log-likelihood per sample is an average of the statistics over the data minus one over the model.
Parameters are the first argument of every method; log-weights and log-probabilities are in nats.
"""

import torch
from torch.nn.functional import softplus

from genphys.arguments import count, doors, function, positive, source, tensor


class ExponentialFamily:
    r"""An exponential family on a finite list of states (``def:exponential-family``).

    .. math:: p(\mathbf{x};\Theta) = \frac{f(\mathbf{x};\Theta)}{Z(\Theta)} , \qquad
        \log f(\mathbf{x};\Theta) = \Theta \cdot \boldsymbol{\phi}(\mathbf{x}) , \qquad
        Z(\Theta) = \sum_{\mathbf{x}} f(\mathbf{x};\Theta) .

    The numbers :math:`\Theta` are its natural parameters and :math:`\boldsymbol{\phi}` its sufficient ``statistics``,
    shape (S, P): a row a state, a column a parameter. The Ising lattice is one: its parameters are the couplings over
    the temperature, its statistics the products of neighbouring spins.
    """

    def __init__(self, statistics: tensor("S P")):
        self.statistics = self.like = statistics
        self.n_parameters = statistics.shape[1]  # P

    def log_f(self, theta: tensor("n_parameters")):
        r""":math:`\log f = \Theta \cdot \boldsymbol{\phi}(\mathbf{x})` for every state, shape (S,)."""
        return self.statistics @ theta  # (S, P) @ (P,) -> (S,)

    def log_partition(self, theta: tensor("n_parameters")):
        r""":math:`\log Z = \log \sum_{\mathbf{x}} e^{\Theta \cdot \boldsymbol{\phi}(\mathbf{x})}`, shape ()."""
        return (self.statistics @ theta).logsumexp(0)

    def log_prob(self, theta: tensor("n_parameters")):
        r""":math:`\log p(\mathbf{x};\Theta) = \log f - \log Z` for every state, shape (S,)."""
        return (self.statistics @ theta).log_softmax(0)

    def mean(self, theta: tensor("n_parameters")):
        r"""The mean statistics, the negative phase of the gradient (``eq:grad-log-z``), shape (P,).

        .. math:: \frac{\partial \log Z}{\partial \Theta_a} = \mathbb{E}_p[\phi_a]
        """
        p = (self.statistics @ theta).softmax(0)
        return p @ self.statistics  # (S,) @ (S, P) -> (P,)

    def covariance(self, theta: tensor("n_parameters")):
        r"""The covariance of the statistics, the Hessian of log Z (``eq:hessian-log-z``), shape (P, P).

        .. math:: \frac{\partial^2 \log Z}{\partial \Theta_a \partial \Theta_b} = \mathrm{Cov}_p(\phi_a, \phi_b)
        """
        p = (self.statistics @ theta).softmax(0)
        centred = self.statistics - p @ self.statistics
        return (p[:, None] * centred).T @ centred  # (P, S) @ (S, P) -> (P, P)

    def sample(self, theta: tensor("n_parameters"), n: count(), *, rng: source):
        r"""Draw n states independently from :math:`p(\mathbf{x};\Theta)`: the numbers of their rows, shape (n,)."""
        p = (self.statistics @ theta).softmax(0)
        return torch.multinomial(p, n, replacement=True, generator=rng)


class IndependentPixels:
    r"""Binary pixels without couplings, :math:`\log f(\mathbf{x};\Theta) = \Theta \cdot \mathbf{x}`: Z is a product.

    .. math::
        Z(\Theta) = \prod_{i=1}^{M} \left(1 + e^{\Theta_i}\right) , \qquad
        \mathbb{E}_p[x_i] = \operatorname{sigmoid}(\Theta_i)

    These are ``eq:independent-log-z`` and ``eq:independent-mean``; :math:`\Theta` holds the log-odds of each pixel.
    """

    @staticmethod
    def log_partition(theta: tensor("M")):
        r""":math:`\log Z(\Theta) = \sum_i \log(1 + e^{\Theta_i})`, shape ()."""
        return softplus(theta).sum()

    @staticmethod
    def log_prob(theta: tensor("M"), x: tensor("... M")):
        r""":math:`\log p(\mathbf{x};\Theta) = \Theta \cdot \mathbf{x} - \log Z(\Theta)` of images of 0 and 1, (...)."""
        return x @ theta - softplus(theta).sum()

    @staticmethod
    def mean(theta: tensor("M")):
        r""":math:`\mathbb{E}_p[x_i] = \operatorname{sigmoid}(\Theta_i)`, the negative phase, shape (M,)."""
        return torch.sigmoid(theta)

    @staticmethod
    def sample(theta: tensor("M"), n: count(), *, rng: source):
        """Draw n images, shape (n, M), each pixel by itself."""
        u = torch.rand(n, len(theta), generator=rng, dtype=theta.dtype, device=theta.device)
        return (u < torch.sigmoid(theta)).to(theta.dtype)


def gradient_ascent(
    theta: tensor("P"), positive: tensor("P"), negative: function, learning_rate: positive, n_steps: count()
):
    r"""Climb the log-likelihood per sample; a generator, so that the caller sees every step.

    .. math::
        \Theta \leftarrow \Theta
        + \eta \left( \mathbb{E}_\mathrm{data}[\boldsymbol{\phi}] - \mathbb{E}_p[\boldsymbol{\phi}] \right)

    This is ``def:contrastive-update`` for an exponential family without hidden units: ``positive`` are the mean
    statistics of the data, ``negative`` is a function from :math:`\Theta` to those of the model, exact or from Markov
    chains. Yields :math:`\Theta` after each step, shape (P,); the start is left as it is.
    """
    for _ in range(n_steps):
        theta = theta + learning_rate * (positive - negative(theta))
        yield theta


doors(globals())
