r"""The linear autoencoder, or probabilistic principal components: the one whose evidence and posterior are known.

.. math:: p(\mathbf{x}|\mathbf{h}) = \mathcal{N}(\mathbf{W}\mathbf{h} + \mathbf{b}, \sigma^2 \mathbf{I}), \qquad
          p(\mathbf{x}) = \mathcal{N}(\mathbf{b}, \mathbf{C}), \quad
          \mathbf{C} = \mathbf{W}\mathbf{W}^\top + \sigma^2 \mathbf{I}

The :math:`K \times K` matrix :math:`\mathbf{A} = \mathbf{W}^\top\mathbf{W} + \sigma^2\mathbf{I}` carries the
determinant, :math:`\det\mathbf{C} = \sigma^{2(M-K)} \det\mathbf{A}`, and the inverse,
:math:`\sigma^2 \mathbf{C}^{-1} = \mathbf{I} - \mathbf{W}\mathbf{A}^{-1}\mathbf{W}^\top`.

References:
    Tipping and Bishop, Probabilistic principal component analysis (1999). Lucas et al., Don't blame the ELBO! (2019).
"""

import math

import torch
from torch import nn

from genphys.arguments import count, doors, positive, require, tensor
from genphys.vae.decoders import LOG_2PI, GaussianDecoder
from genphys.vae.encoder import Encoder
from genphys.vae.model import VAE, configurations
from genphys.vae.networks import linear


class LinearVAE(VAE):
    r"""A linear decoder with Gaussian noise, and an encoder linear in :math:`\mathbf{x}` of constant variance.

    It begins with the first :math:`K` columns of the unit matrix as :math:`\mathbf{W}`, :math:`\mathbf{b} = 0`,
    :math:`\sigma^2 = 1` and the best encoder for them, without chance; :meth:`set_decoder` sets others.
    """

    def __init__(self, visible: count(), latents: count()):
        unused = torch.Generator()  # the first weights are set below
        encoder = Encoder(nn.Identity(), visible, latents, rng=unused)
        nn.init.zeros_(encoder.log_variance.weight).requires_grad_(False)
        super().__init__(encoder, GaussianDecoder(linear(latents, visible, unused)), visible, latents)
        nn.init.eye_(self.weight)
        self.set_optimal_encoder()

    @property
    def weight(self):
        r""":math:`\mathbf{W}`, shape :math:`(M, K)`."""
        return self.decoder.net.weight

    @property
    def bias(self):
        r""":math:`\mathbf{b}`, shape :math:`(M)`."""
        return self.decoder.net.bias

    @property
    def variance(self):
        r""":math:`\sigma^2`, a scalar tensor."""
        return self.decoder.log_variance.exp()

    def log_evidence(self, x: configurations()):
        r"""The exact :math:`\log p(\mathbf{x})` (``eq:ppca-evidence``), in nats, shape :math:`(B)`."""
        centred = x - self.bias  # (B, M)
        root = torch.linalg.cholesky(self._precision())  # (K, K), of A
        mean = torch.cholesky_solve(self.weight.T @ centred.T, root).T  # (B, K), of the posterior
        left = centred - mean @ self.weight.T  # a sum of two squares, where their difference would lose its digits
        squared = left.square().sum(-1) / self.variance + mean.square().sum(-1)  # centred' C^-1 centred
        log_det = (self.visible - self.latents) * self.variance.log() + 2 * root.diagonal().log().sum()
        return -0.5 * (squared + log_det + self.visible * LOG_2PI)

    def posterior(self, x: configurations()):
        r"""Mean, :math:`(B, K)`, and covariance, :math:`(K, K)`, of the exact posterior (``eq:ppca-posterior``).

        .. math:: p(\mathbf{h}|\mathbf{x}) = \mathcal{N}(\mathbf{A}^{-1}\mathbf{W}^\top(\mathbf{x} - \mathbf{b}),
                  \sigma^2\mathbf{A}^{-1})
        """
        precision = self._precision()
        mean = torch.linalg.solve(precision, self.weight.T @ (x - self.bias).T).T
        return mean, self.variance * torch.linalg.inv(precision)

    @torch.no_grad()
    def set_decoder(self, weight: tensor("visible latents"), bias: tensor("visible"), variance: positive):
        r"""Set :math:`\mathbf{W}`, :math:`\mathbf{b}` and :math:`\sigma^2`, and return the model."""
        self.weight.copy_(weight)
        self.bias.copy_(bias)
        self.decoder.log_variance.fill_(math.log(variance))
        return self

    @torch.no_grad()
    def set_optimal_encoder(self):
        r"""Give the encoder the best diagonal Gaussian for the present decoder, and return the model.

        Its mean is the posterior's, its precisions are the diagonal of the posterior's precision matrix
        :math:`\mathbf{A}/\sigma^2`; it is the posterior itself where the columns of :math:`\mathbf{W}` are orthogonal.
        """
        precision = self._precision()
        self.encoder.mean.weight.copy_(torch.linalg.solve(precision, self.weight.T))
        self.encoder.mean.bias.copy_(-self.encoder.mean.weight @ self.bias)
        self.encoder.log_variance.bias.copy_((self.variance / precision.diagonal()).log())
        return self

    def _precision(self):
        A = self.weight.T @ self.weight + self.variance * torch.eye(self.latents).to(self.weight)
        drowned = torch.linalg.cholesky_ex(A).info
        require(not drowned, "weight", self.weight, "a matrix whose square does not drown the variance in its rounding")
        return A


doors(globals())
