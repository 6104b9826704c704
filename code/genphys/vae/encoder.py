r"""The encoder :math:`q_\phi(\mathbf{h}|\mathbf{x})`, a diagonal Gaussian: networks, draws, divergence from the prior.

.. math:: q_\phi(\mathbf{h}|\mathbf{x}) = \mathcal{N}\big(\boldsymbol{\mu}_\phi(\mathbf{x}),
          \mathrm{diag}\,\boldsymbol{\sigma}^2_\phi(\mathbf{x})\big)

References:
    Kingma and Welling, Auto-encoding variational Bayes (2013); Rezende, Mohamed and Wierstra (2014).
"""

from torch import nn

from genphys.arguments import count, doors, many, require, source, tensor
from genphys.vae.networks import hidden_layers, linear


def reparameterise(mean: tensor("..."), log_variance: tensor("..."), noise: tensor("...")):
    r"""A sample of the encoder's Gaussian from standard normal noise (``eq:reparameterisation``).

    .. math:: \mathbf{h} = \boldsymbol{\mu} + \boldsymbol{\sigma} \odot \boldsymbol{\epsilon}

    Mean and log-variance have the shape :math:`(B, K)`, noise and result :math:`(\ldots, B, K)`; differentiable.
    """
    same = noise.shape[noise.ndim - mean.ndim :] == mean.shape == log_variance.shape
    require(same, "noise", noise, f"the dimensions of mean and log_variance last, {tuple(mean.shape)}")
    return mean + (0.5 * log_variance).exp() * noise


def kl_standard_normal(mean: tensor("... K"), log_variance: tensor("... K")):
    r"""The Kullback-Leibler divergence from the standard normal (``eq:gaussian-kl``), in nats, shape :math:`(\ldots)`.

    .. math:: \mathrm{KL} = \frac12 \sum_j \left( \mu_j^2 + \sigma_j^2 - 1 - \log \sigma_j^2 \right)
    """
    require(mean.shape == log_variance.shape, "log_variance", log_variance, f"the shape of mean, {tuple(mean.shape)}")
    # expm1(s) - s keeps its digits where the variance is close to 1, that is for a collapsed latent unit
    return 0.5 * (mean.square() + log_variance.expm1() - log_variance).sum(-1)


class Encoder(nn.Module):
    r"""The diagonal Gaussian :math:`q_\phi(\mathbf{h}|\mathbf{x})` (``def:encoder``).

    ``trunk`` goes from :math:`(B, M)` to ``features`` numbers; two linear maps give mean and log-variance from them.
    """

    def __init__(self, trunk: nn.Module, features: count(), latents: count(), *, rng: source):
        super().__init__()
        self.trunk = trunk
        self.mean = linear(features, latents, rng)
        self.log_variance = linear(features, latents, rng)

    def forward(self, x: tensor("B M")):
        r""":math:`\boldsymbol{\mu}_\phi(\mathbf{x})` and :math:`\log \boldsymbol{\sigma}^2_\phi(\mathbf{x})`."""
        features = self.trunk(x)  # (B, M) -> (B, F)
        return self.mean(features), self.log_variance(features)  # (B, K) each


def dense_encoder(
    visible: count(), hidden: many(count(), least=0), latents: count(), activation: type = nn.Tanh, *, rng: source
):
    """A fully connected :class:`Encoder`.

    ``hidden`` are the widths of its hidden layers, ``activation`` is the class of the non-linearity.
    """
    trunk = hidden_layers([visible, *hidden], activation, rng)
    return Encoder(trunk, [visible, *hidden][-1], latents, rng=rng)


doors(globals())
