r"""The variational autoencoder, its evidence lower bound, and the importance-weighted bounds.

A latent variable :math:`\mathbf{h} \sim \mathcal{N}(\mathbf{0}, \mathbf{I})` and a decoder define the evidence, to
which the encoder :math:`q_\phi(\mathbf{h}|\mathbf{x})` gives lower bounds,

.. math:: p_\theta(\mathbf{x}) = \int p_\theta(\mathbf{x}|\mathbf{h})\, p(\mathbf{h})\, \mathrm{d}\mathbf{h} .

Configurations are rows of a matrix, :math:`(B, M)`. All bounds are sums over the :math:`M` components, in nats. The
noise :math:`\boldsymbol{\epsilon}` itself can be given in the place of ``rng``, where the draws have to be known.

References:
    Kingma and Welling, Auto-encoding variational Bayes (2013). Burda et al., Importance weighted autoencoders (2015).
"""

import math

import torch
from torch import nn

from genphys.arguments import Takes, count, doors, many, number, require, source, tensor, unchecked
from genphys.numerics import must_stay_finite, standard_normal, uniform
from genphys.vae.encoder import kl_standard_normal, reparameterise

ADVICE = "bring the data to order one, bound the log-variance of the encoder, or take a smaller learning rate"
_kl, _reparameterise, _must_stay_finite = map(unchecked, (kl_standard_normal, reparameterise, must_stay_finite))


def configurations(rows="B"):
    """What a VAE takes: rows in the support of its decoder, the values that a component can have."""
    real, binary = tensor(f"{rows} visible"), tensor(f"{rows} visible", values=(0, 1))
    words = f"{real.words}, in the support of the decoder (a Bernoulli decoder: 0 and 1, so binarise grey values first)"
    return Takes(words, lambda x, call: (binary if getattr(call.owner.decoder, "values", None) else real).fits(x, call))


class VAE(nn.Module):
    """An encoder and a decoder around a standard normal prior.

    The encoder goes from :math:`(B, M)` to mean and log-variance, each of shape :math:`(B, K)`; ``visible`` is the
    number :math:`M` of components, ``latents`` that of latent units, :math:`K`.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, visible: count(), latents: count()):
        super().__init__()
        self.encoder, self.decoder, self.visible, self.latents = encoder, decoder, visible, latents

    def encode(self, x: configurations()):
        r"""The mean and the log-variance of :math:`q_\phi(\mathbf{h}|\mathbf{x})`, each :math:`(B, K)`."""
        return self._encode(x)

    def elbo(
        self,
        x: configurations(),
        *,
        samples: count() = 1,
        rng: source | None = None,
        noise: tensor("L B latents") | None = None,
    ):
        r"""The two terms of the evidence lower bound, reconstruction and KL, each :math:`(B)` (``eq:elbo-terms``).

        .. math:: \mathcal{L} = \frac1L \sum_{l=1}^L \log p_\theta(\mathbf{x}|\mathbf{h}^{(l)})
                  - \mathrm{KL}(q_\phi(\mathbf{h}|\mathbf{x}) \,\|\, p(\mathbf{h}))

        The bound is their difference, with :math:`L` = ``samples`` draws or the noise itself, :math:`(L, B, K)`.
        """
        mean, log_variance = self._encode(x)  # (B, M) -> (B, K) each
        noise = self._noise(samples, mean, rng) if noise is None else noise
        h = _reparameterise(mean, log_variance, noise)  # (L, B, K)
        reconstruction = self._log_prob(x, h).mean(0)  # (L, B) -> (B)
        kl = _kl(mean, log_variance)
        _must_stay_finite(None, ADVICE, evidence_lower_bound=(reconstruction - kl).sum())
        return reconstruction, kl

    def log_weights(
        self, x: configurations(), k: count(), *, rng: source | None = None, noise: tensor("k B latents") | None = None
    ):
        r"""Logarithms of :math:`k` importance weights a configuration, :math:`(k, B)` (``def:importance-weight``).

        .. math:: \log w_i = \log p_\theta(\mathbf{x}|\mathbf{h}_i) + \log p(\mathbf{h}_i)
                  - \log q_\phi(\mathbf{h}_i|\mathbf{x}), \qquad \mathbf{h}_i \sim q_\phi(\mathbf{h}|\mathbf{x})

        The noise itself has the shape :math:`(k, B, K)`.
        """
        require(noise is None or len(noise) == k, "noise", noise, f"k = {k} draws")
        mean, log_variance = self._encode(x)
        noise = self._noise(k, mean, rng) if noise is None else noise
        return self._log_weights(x, mean, log_variance, noise)

    def importance_weighted_bound(
        self, x: configurations(), k: count(), *, rng: source | None = None, noise: tensor("k B latents") | None = None
    ):
        r"""The bound of :math:`k` samples, :math:`(B)`, of which the first is the ELBO (``eq:iwae-bound``).

        .. math:: \mathcal{L}_k = \log \frac1k \sum_{i=1}^k w_i
        """
        log_w = unchecked(self.log_weights)(x, k, rng=rng, noise=noise)  # (k, B)
        bound = log_w.logsumexp(0) - math.log(k)
        _must_stay_finite(None, ADVICE, importance_weighted_bound=bound.sum())
        return bound

    def resampled_bound(self, x: configurations(), k: count(), draws: count(), *, rng: source):
        r""":meth:`importance_weighted_bound` with an unbiased gradient from ``draws`` of the ``k`` samples.

        The gradient :math:`\sum_i \tilde w_i \nabla \log w_i`, :math:`\tilde w_i = w_i / \sum_j w_j`, is an average of
        :math:`\nabla \log w_i` over :math:`\tilde w`. Systematic resampling estimates it from a few samples: ``k``
        passes forward through the decoder, ``draws`` back. Burda et al., section 3.1, propose a single draw.
        """
        mean, log_variance = self._encode(x)
        noise = self._noise(k, mean, rng)
        with torch.no_grad():
            log_w = self._log_weights(x, mean, log_variance, noise)  # (k, B)
            bound = log_w.logsumexp(0) - math.log(k)
            _must_stay_finite(None, ADVICE, importance_weighted_bound=bound.sum())
            levels = torch.arange(draws, device=x.device) + uniform((len(x), 1), mean, rng)  # (B, draws): a shift a row
            cumulated = log_w.softmax(0).T.cumsum(-1).contiguous()
            picked = torch.searchsorted(cumulated, levels / draws).clamp_(max=k - 1).T  # (draws, B)
            noise = noise[picked, torch.arange(len(x), device=x.device)]  # (draws, B, K)
        surrogate = self._log_weights(x, mean, log_variance, noise).mean(0)
        return bound + (surrogate - surrogate.detach())

    @torch.no_grad()
    def log_likelihood_bound(self, x: configurations(), k: count(), *, rng: source, rows: count() = 4000):
        r""":meth:`importance_weighted_bound` in bounded memory, :math:`(B)`: for :math:`k` = 5 000 and more.

        The samples are drawn piece by piece, at most ``rows`` latent vectors at a time, and the pieces joined by a
        running log-sum-exp. The expectation rises with ``k`` to the evidence (``eq:iwae-monotone``).
        """
        pieces = []
        for batch in x.split(max(1, min(len(x), rows // min(k, 100)))):
            mean, log_variance = self._encode(batch)
            total = torch.full_like(mean[:, 0], -math.inf)
            step = max(1, rows // len(batch))
            for start in range(0, k, step):
                noise = self._noise(min(step, k - start), mean, rng)
                log_w = self._log_weights(batch, mean, log_variance, noise)
                total = torch.logaddexp(total, log_w.logsumexp(0))
            pieces.append(total - math.log(k))
        return torch.cat(pieces)

    @torch.no_grad()
    def sample(self, n: count(), *, rng: source, mean: bool = False):
        r"""Draw :math:`\mathbf{h}` from the prior, then :math:`\mathbf{x}` from the decoder: :math:`(n, M)`.

        With ``mean`` the result is :math:`\mathbb{E}[\mathbf{x}|\mathbf{h}]`, the usual picture, in place of a draw.
        """
        h = standard_normal((n, self.latents), next(self.decoder.parameters()), rng)
        return self.decoder.mean(h) if mean else self.decoder.sample(h, rng=rng)

    @torch.no_grad()
    def reconstruct(self, x: configurations()):
        r""":math:`\mathbb{E}[\mathbf{x}|\mathbf{h}]` at the encoder's mean, shape :math:`(B, M)`."""
        return self.decoder.mean(self._encode(x)[0])

    @torch.no_grad()
    def interpolate(self, start: configurations(), end: configurations(), steps: count(2)):
        r"""Decoder means on the straight line between two encoder means, ends included: :math:`(B, steps, M)`."""
        a, b = (self._encode(x)[0].unsqueeze(1) for x in (start, end))  # (B, 1, K) each
        t = torch.linspace(0, 1, steps, dtype=a.dtype, device=a.device).unsqueeze(-1)
        return self.decoder.mean((1 - t) * a + t * b)

    @torch.no_grad()
    def attribute_direction(self, with_attribute: configurations(), without: configurations("C")):
        r"""The latent direction of an attribute, the difference of two sets' mean encodings: :math:`(K)`."""
        return self._encode(with_attribute)[0].mean(0) - self._encode(without)[0].mean(0)

    @torch.no_grad()
    def edit(self, x: configurations(), direction: tensor("latents"), amounts: many(number()) | tensor("A", free=True)):
        r"""Decoder means at :math:`\boldsymbol{\mu}_\phi(\mathbf{x}) + a\,\mathbf{d}`, one for each amount :math:`a`.

        The direction :math:`\mathbf{d}` has the shape :math:`(K)`, the result :math:`(B, A, M)`.
        """
        amounts = torch.as_tensor(amounts, dtype=direction.dtype, device=direction.device)
        return self.decoder.mean(self._encode(x)[0].unsqueeze(1) + amounts[:, None] * direction)

    def _encode(self, x):
        return unchecked(self.encoder)(x)

    def _log_prob(self, x, h):
        return unchecked(self.decoder.log_prob)(x, h)

    def _log_weights(self, x, mean, log_variance, noise):
        h = _reparameterise(mean, log_variance, noise)  # (k, B, K)
        log_prior = -0.5 * h.square().sum(-1)  # log p(h), without the 2 pi that cancels
        log_encoder = -0.5 * (noise.square() + log_variance).sum(-1)  # log q(h|x): (h - mean) / sigma is the noise
        return self._log_prob(x, h) + log_prior - log_encoder

    def _noise(self, samples, mean, rng):
        require(rng is not None, "rng", rng, "a source of chance, torch.Generator, or the noise in its place")
        return standard_normal((samples, *mean.shape), mean, rng)


doors(globals())
