r"""Variational autoencoders: encoder, decoder, evidence lower bound and its importance-weighted refinement.

A latent variable :math:`\mathbf{h} \sim \mathcal{N}(\mathbf{0}, \mathbf{I})` and a decoder
:math:`p_\theta(\mathbf{x}|\mathbf{h})` define the evidence

.. math:: p_\theta(\mathbf{x}) = \int p_\theta(\mathbf{x}|\mathbf{h})\, p(\mathbf{h})\, \mathrm{d}\mathbf{h} .

The encoder :math:`q_\phi(\mathbf{h}|\mathbf{x}) = \mathcal{N}(\boldsymbol{\mu}_\phi(\mathbf{x}),
\mathrm{diag}\,\boldsymbol{\sigma}^2_\phi(\mathbf{x}))` gives the lower bound

.. math:: \log p_\theta(\mathbf{x}) \ge \mathbb{E}_{q_\phi}[\log p_\theta(\mathbf{x}|\mathbf{h})]
          - \mathrm{KL}(q_\phi(\mathbf{h}|\mathbf{x}) \,\|\, p(\mathbf{h}))

and, with :math:`k` samples of the weight :math:`w_i = p_\theta(\mathbf{x}, \mathbf{h}_i) /
q_\phi(\mathbf{h}_i|\mathbf{x})`, the tighter one :math:`\mathbb{E} \log \frac1k \sum_i w_i`.

Configurations are rows of a matrix: :math:`\mathbf{x}` has shape :math:`(B, M)`, whatever the networks do inside. All
bounds are sums over the :math:`M` components, in nats.
"""

import itertools
import math

import torch
from torch import nn

__all__ = [
    "VAE",
    "BernoulliDecoder",
    "Encoder",
    "GaussianDecoder",
    "LinearVAE",
    "conv_decoder_net",
    "conv_encoder",
    "dense_decoder_net",
    "dense_encoder",
    "initialise",
    "kl_standard_normal",
    "reparameterise",
]

LOG_2PI = math.log(2 * math.pi)


def reparameterise(mean, log_variance, noise):
    r"""Turn standard normal noise into a sample of the encoder's Gaussian (``eq:reparameterisation``).

    .. math:: \mathbf{h} = \boldsymbol{\mu} + \boldsymbol{\sigma} \odot \boldsymbol{\epsilon}

    Args:
        mean: :math:`\boldsymbol{\mu}`, shape :math:`(B, K)`.
        log_variance: :math:`\log \boldsymbol{\sigma}^2`, shape :math:`(B, K)`.
        noise: :math:`\boldsymbol{\epsilon}`, shape :math:`(\ldots, B, K)`.

    Returns:
        :math:`\mathbf{h}`, shape :math:`(\ldots, B, K)`, differentiable in ``mean`` and ``log_variance``.

    Source: Kingma and Welling 2013; Rezende, Mohamed and Wierstra 2014.
    """
    return mean + (0.5 * log_variance).exp() * noise


def kl_standard_normal(mean, log_variance):
    r"""Kullback-Leibler divergence of a diagonal Gaussian from the standard normal (``eq:gaussian-kl``).

    .. math:: \mathrm{KL} = \frac12 \sum_j \left( \mu_j^2 + \sigma_j^2 - 1 - \log \sigma_j^2 \right)

    Args:
        mean: :math:`\boldsymbol{\mu}`, shape :math:`(\ldots, K)`.
        log_variance: :math:`\log \boldsymbol{\sigma}^2`, shape :math:`(\ldots, K)`.

    Returns:
        The divergence in nats, shape :math:`(\ldots)`.

    Source: Kingma and Welling 2013, appendix B.
    """
    # expm1(s) - s keeps its digits where the variance is close to 1, that is for a collapsed latent unit
    return 0.5 * (mean.square() + log_variance.expm1() - log_variance).sum(-1)


class _BernoulliLogProb(torch.autograd.Function):
    r"""log sigma((2x - 1) a), elementwise, with its gradient x - sigma(a) in closed form.

    log sigma(b) = min(b, 0) + log sigma(|b|) does not overflow, and takes a sixth of the time of F.logsigmoid.
    """

    @staticmethod
    def forward(ctx, x, logits):
        ctx.save_for_backward(x, logits)
        signed = (2 * x - 1) * logits
        return signed.abs().sigmoid_().log_().add_(signed.clamp_(max=0))

    @staticmethod
    def backward(ctx, grad):
        x, logits = ctx.saved_tensors
        return None, (x - logits.sigmoid()) * grad


class Encoder(nn.Module):
    r"""The diagonal Gaussian :math:`q_\phi(\mathbf{h}|\mathbf{x})` (``def:encoder``).

    Args:
        trunk: A module from :math:`(B, M)` to :math:`(B, F)`.
        features: :math:`F`, the width of its output.
        latents: :math:`K`, the number of latent units.
    """

    def __init__(self, trunk, features, latents):
        super().__init__()
        self.trunk = trunk
        self.mean = nn.Linear(features, latents)
        self.log_variance = nn.Linear(features, latents)

    def forward(self, x):
        r"""Return :math:`\boldsymbol{\mu}_\phi(\mathbf{x})` and :math:`\log \boldsymbol{\sigma}^2_\phi(\mathbf{x})`."""
        features = self.trunk(x)
        return self.mean(features), self.log_variance(features)


class BernoulliDecoder(nn.Module):
    r"""Independent binary components given :math:`\mathbf{h}` (``def:bernoulli-decoder``).

    .. math:: \log p_\theta(\mathbf{x}|\mathbf{h}) = \sum_i \left[ x_i \log \sigma(a_i) + (1 - x_i) \log \sigma(-a_i)
              \right], \qquad \mathbf{a} = \mathbf{a}_\theta(\mathbf{h})

    Args:
        net: A module from :math:`(B, K)` to the logits :math:`\mathbf{a}`, shape :math:`(B, M)`.
    """

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, h):
        r"""Return the logits :math:`\mathbf{a}_\theta(\mathbf{h})`, shape :math:`(\ldots, M)`."""
        return _over_rows(self.net, h)

    def log_prob(self, x, h):
        r"""Return :math:`\log p_\theta(\mathbf{x}|\mathbf{h})` in nats, shape :math:`(\ldots, B)`.

        Args:
            x: Binary configurations, shape :math:`(B, M)`.
            h: Latent vectors, shape :math:`(\ldots, B, K)`.
        """
        return _BernoulliLogProb.apply(x, self(h)).sum(-1)

    def mean(self, h):
        r"""Return :math:`\mathbb{E}[\mathbf{x}|\mathbf{h}] = \sigma(\mathbf{a})`, shape :math:`(\ldots, M)`."""
        return self(h).sigmoid()

    def sample(self, h, generator=None):
        r"""Draw zeros and ones :math:`\mathbf{x} \sim p_\theta(\mathbf{x}|\mathbf{h})`, shape :math:`(\ldots, M)`."""
        mean = self.mean(h)
        return (_rand(mean, generator) < mean).to(mean.dtype)

    def check(self, x):
        """Raise ``ValueError`` unless every component of ``x`` is 0 or 1, the support of the distribution."""
        outside = x * (x - 1) != 0  # true for nan as well
        if outside.any():
            raise ValueError(
                f"x holds {x[outside][0].item():g}, takes 0 and 1 only (the support of a Bernoulli decoder); "
                "binarise grey values first"
            )


class GaussianDecoder(nn.Module):
    r"""Independent Gaussian components of one learned variance (``def:gaussian-decoder``).

    .. math:: \log p_\theta(\mathbf{x}|\mathbf{h}) = -\frac12 \sum_i \left[ \frac{(x_i - m_i(\mathbf{h}))^2}{\sigma^2}
              + \log (2\pi\sigma^2) \right]

    Args:
        net: A module from :math:`(B, K)` to the mean :math:`\mathbf{m}_\theta(\mathbf{h})`, shape :math:`(B, M)`.
        log_variance: The initial :math:`\log \sigma^2`, a number or a tensor of shape :math:`(M)`.
        learn_variance: Whether it is a parameter; otherwise it stays as given.
    """

    def __init__(self, net, log_variance=0.0, learn_variance=True):
        super().__init__()
        self.net = net
        value = torch.as_tensor(log_variance, dtype=torch.get_default_dtype()).clone()
        self.log_variance = nn.Parameter(value, requires_grad=learn_variance)

    def forward(self, h):
        r"""Return the mean :math:`\mathbf{m}_\theta(\mathbf{h})`, shape :math:`(\ldots, M)`."""
        return _over_rows(self.net, h)

    def log_prob(self, x, h):
        r"""Return :math:`\log p_\theta(\mathbf{x}|\mathbf{h})` in nats, shape :math:`(\ldots, B)`.

        Args:
            x: Real configurations, shape :math:`(B, M)`.
            h: Latent vectors, shape :math:`(\ldots, B, K)`.
        """
        squared = (x - self(h)).square() * (-self.log_variance).exp()
        return -0.5 * (squared + self.log_variance + LOG_2PI).sum(-1)

    def mean(self, h):
        r"""Return :math:`\mathbb{E}[\mathbf{x}|\mathbf{h}]`, shape :math:`(\ldots, M)`."""
        return self(h)

    def sample(self, h, generator=None):
        r"""Draw :math:`\mathbf{x} \sim p_\theta(\mathbf{x}|\mathbf{h})`, shape :math:`(\ldots, M)`."""
        mean = self(h)
        return mean + (0.5 * self.log_variance).exp() * _randn(mean.shape, mean, generator)

    def check(self, x):
        """Raise ``ValueError`` unless every component of ``x`` is finite."""
        if not torch.isfinite(x).all():
            raise ValueError(
                "x is not finite everywhere, takes finite real numbers (the support of a Gaussian decoder)"
            )


class VAE(nn.Module):
    r"""An encoder and a decoder around a standard normal prior.

    Args:
        encoder: A module from :math:`(B, M)` to mean and log-variance, each of shape :math:`(B, K)`.
        decoder: A :class:`BernoulliDecoder` or :class:`GaussianDecoder`.
        visible: :math:`M`, the number of components of a configuration.
        latents: :math:`K`, the number of latent units.

    Source: Kingma and Welling 2013 (arXiv:1312.6114).
    """

    def __init__(self, encoder, decoder, visible, latents):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.visible = _positive("visible", visible)
        self.latents = _positive("latents", latents)

    def encode(self, x):
        r"""Return the mean and the log-variance of :math:`q_\phi(\mathbf{h}|\mathbf{x})`, each :math:`(B, K)`.

        Raises:
            ValueError: ``x`` has not the shape :math:`(B, M)` or lies outside the decoder's support.
        """
        return self.encoder(self._checked(x))

    def elbo(self, x, generator=None, *, samples=1, noise=None):
        r"""The two terms of the evidence lower bound for each configuration (``eq:elbo-terms``).

        .. math:: \mathcal{L} = \frac1L \sum_{l=1}^L \log p_\theta(\mathbf{x}|\mathbf{h}^{(l)})
                  - \mathrm{KL}(q_\phi(\mathbf{h}|\mathbf{x}) \,\|\, p(\mathbf{h}))

        Args:
            x: Configurations, shape :math:`(B, M)`.
            generator: Where the noise comes from.
            samples: :math:`L`, the number of latent samples a configuration.
            noise: The noise :math:`\boldsymbol{\epsilon}` itself, shape :math:`(L, B, K)`, in place of the two above.

        Returns:
            ``(reconstruction, kl)`` in nats, each of shape :math:`(B)`; the bound is their difference. Both are
            differentiable in all parameters.

        Raises:
            ValueError: A wrong shape, data outside the decoder's support, or ``samples`` below 1.

        Source: Kingma and Welling 2013, equation 10.
        """
        mean, log_variance = self.encode(x)
        noise = self._noise(noise, _positive("samples", samples), mean, generator)
        reconstruction = self.decoder.log_prob(x, reparameterise(mean, log_variance, noise)).mean(0)
        return reconstruction, kl_standard_normal(mean, log_variance)

    def log_weights(self, x, k, generator=None, *, noise=None):
        r"""Logarithms of :math:`k` importance weights for each configuration (``def:importance-weight``).

        .. math:: \log w_i = \log p_\theta(\mathbf{x}|\mathbf{h}_i) + \log p(\mathbf{h}_i)
                  - \log q_\phi(\mathbf{h}_i|\mathbf{x}), \qquad \mathbf{h}_i \sim q_\phi(\mathbf{h}|\mathbf{x})

        Args:
            x: Configurations, shape :math:`(B, M)`.
            k: The number of samples a configuration.
            generator: Where the noise comes from.
            noise: The noise itself, shape :math:`(k, B, K)`.

        Returns:
            Shape :math:`(k, B)`, in nats, differentiable in all parameters.

        Raises:
            ValueError: A wrong shape, data outside the decoder's support, or ``k`` below 1.
        """
        mean, log_variance = self.encode(x)
        noise = self._noise(noise, _positive("k", k), mean, generator)
        return self._log_weights(x, mean, log_variance, noise)

    def importance_weighted_bound(self, x, k, generator=None, *, noise=None):
        r"""The importance-weighted bound (``eq:iwae-bound``), differentiable; :math:`k = 1` is the ELBO.

        .. math:: \mathcal{L}_k = \log \frac1k \sum_{i=1}^k w_i

        Args:
            x: Configurations, shape :math:`(B, M)`.
            k: The number of samples a configuration.
            generator: Where the noise comes from.
            noise: The noise itself, shape :math:`(k, B, K)`.

        Returns:
            Shape :math:`(B)`, in nats.

        Raises:
            ValueError: A wrong shape, data outside the decoder's support, or ``k`` below 1.

        Source: Burda, Grosse and Salakhutdinov 2015 (arXiv:1509.00519), equation 8.
        """
        return self.log_weights(x, k, generator, noise=noise).logsumexp(0) - math.log(k)

    def resampled_bound(self, x, k, draws, generator=None):
        r"""The importance-weighted bound with an unbiased gradient from ``draws`` of the ``k`` samples.

        The gradient :math:`\sum_i \tilde w_i \nabla \log w_i`, :math:`\tilde w_i = w_i / \sum_j w_j`, is an average of
        :math:`\nabla \log w_i` over :math:`\tilde w`. It is estimated by systematic resampling, so that only ``draws``
        samples are differentiated: ``k`` forward and ``draws`` backward passes through the decoder.

        Args:
            x: Configurations, shape :math:`(B, M)`.
            k: The number of samples of the bound.
            draws: The number of samples of the gradient.
            generator: Where noise and resampling come from.

        Returns:
            :math:`\mathcal{L}_k`, shape :math:`(B)`, in nats; its gradient is the estimate.

        Raises:
            ValueError: A wrong shape, data outside the decoder's support, ``k`` or ``draws`` below 1.

        Source: Burda, Grosse and Salakhutdinov 2015, section 3.1, propose the single draw.
        """
        _positive("draws", draws)
        mean, log_variance = self.encode(x)
        noise = self._noise(None, _positive("k", k), mean, generator)
        with torch.no_grad():
            log_w = self._log_weights(x, mean, log_variance, noise)  # (k, B)
            bound = log_w.logsumexp(0) - math.log(k)
            levels = torch.arange(draws, device=x.device) + _rand(mean[:, :1], generator)  # (B, draws), one shift a row
            cumulated = log_w.softmax(0).T.cumsum(-1).contiguous()
            picked = torch.searchsorted(cumulated, levels / draws).clamp_(max=k - 1).T  # (draws, B)
            noise = noise.gather(0, picked.unsqueeze(-1).expand(-1, -1, self.latents))
        surrogate = self._log_weights(x, mean, log_variance, noise).mean(0)
        return bound + (surrogate - surrogate.detach())

    @torch.no_grad()
    def log_likelihood_bound(self, x, k, generator=None, *, rows=4000):
        r"""A lower bound on :math:`\log p_\theta(\mathbf{x})` by :math:`k` importance samples, in bounded memory.

        The samples are drawn piece by piece, and the pieces joined by a running log-sum-exp, so that at most ``rows``
        latent vectors are decoded at a time, whatever ``k`` and :math:`B`.

        Args:
            x: Configurations, shape :math:`(B, M)`.
            k: The number of samples a configuration; 5 000 is usual.
            generator: Where the noise comes from.
            rows: The largest number of latent vectors in memory.

        Returns:
            Shape :math:`(B)`, in nats. Its expectation rises with ``k`` to the evidence (``eq:iwae-monotone``).

        Raises:
            ValueError: A wrong shape, data outside the decoder's support, ``k`` or ``rows`` below 1.

        Source: Burda, Grosse and Salakhutdinov 2015.
        """
        _positive("k", k)
        _positive("rows", rows)
        self._checked(x)
        pieces = []
        for batch in x.split(max(1, min(len(x), rows // min(k, 100)))):
            mean, log_variance = self.encoder(batch)
            total = torch.full(mean.shape[:1], -math.inf, dtype=mean.dtype, device=mean.device)
            step = max(1, rows // len(batch))
            for start in range(0, k, step):
                noise = _randn((min(step, k - start), *mean.shape), mean, generator)
                log_w = self._log_weights(batch, mean, log_variance, noise)
                total = torch.logaddexp(total, log_w.logsumexp(0))
            pieces.append(total - math.log(k))
        return torch.cat(pieces)

    @torch.no_grad()
    def sample(self, n, generator=None, *, mean=False):
        r"""Draw ``n`` configurations: :math:`\mathbf{h}` from the prior, then :math:`\mathbf{x}` from the decoder.

        Args:
            n: How many.
            generator: Where the chance comes from.
            mean: Return :math:`\mathbb{E}[\mathbf{x}|\mathbf{h}]`, the usual picture, in place of a sample.

        Returns:
            Shape :math:`(n, M)`.

        Raises:
            ValueError: ``n`` is below 1.
        """
        like = next(self.decoder.parameters())
        h = _randn((_positive("n", n), self.latents), like, generator)
        return self.decoder.mean(h) if mean else self.decoder.sample(h, generator)

    @torch.no_grad()
    def reconstruct(self, x):
        r"""Return :math:`\mathbb{E}[\mathbf{x}|\mathbf{h}]` at the encoder's mean, shape :math:`(B, M)`."""
        return self.decoder.mean(self.encode(x)[0])

    @torch.no_grad()
    def interpolate(self, start, end, steps):
        r"""Decode the straight line between two encoder means.

        Args:
            start: Configurations, shape :math:`(B, M)`.
            end: As many others.
            steps: The number of points on the line, both ends included.

        Returns:
            Decoder means, shape ``(B, steps, M)``.

        Raises:
            ValueError: Wrong shapes, or ``steps`` below 2.
        """
        if start.shape != end.shape:
            raise ValueError(f"end has shape {tuple(end.shape)}, takes that of start, {tuple(start.shape)}")
        if _positive("steps", steps) < 2:
            raise ValueError(f"steps is {steps!r}, takes an integer >= 2")
        a, b = self.encode(start)[0].unsqueeze(1), self.encode(end)[0].unsqueeze(1)
        t = torch.linspace(0, 1, steps, dtype=a.dtype, device=a.device).unsqueeze(-1)
        return self.decoder.mean((1 - t) * a + t * b)

    @torch.no_grad()
    def attribute_direction(self, with_attribute, without):
        r"""The latent direction of an attribute: the difference of two classes' mean encodings, shape :math:`(K)`.

        Args:
            with_attribute: Configurations that have it, shape :math:`(B, M)`.
            without: Configurations that have not, shape :math:`(B', M)`.
        """
        return self.encode(with_attribute)[0].mean(0) - self.encode(without)[0].mean(0)

    @torch.no_grad()
    def edit(self, x, direction, amounts):
        r"""Decode :math:`\boldsymbol{\mu}_\phi(\mathbf{x}) + a\,\mathbf{d}` for several amounts :math:`a`.

        Args:
            x: Configurations, shape :math:`(B, M)`.
            direction: :math:`\mathbf{d}`, shape :math:`(K)`.
            amounts: The amounts :math:`a`, shape :math:`(A)`.

        Returns:
            Decoder means, shape :math:`(B, A, M)`.

        Raises:
            ValueError: ``direction`` or ``x`` has the wrong shape.
        """
        if direction.shape != (self.latents,):
            raise ValueError(f"direction has shape {tuple(direction.shape)}, takes ({self.latents},)")
        amounts = torch.as_tensor(amounts, dtype=direction.dtype, device=direction.device)
        return self.decoder.mean(self.encode(x)[0].unsqueeze(1) + amounts[:, None] * direction)

    def _log_weights(self, x, mean, log_variance, noise):
        h = reparameterise(mean, log_variance, noise)
        # log p(h) - log q(h|x): the factors of 2 pi cancel, and (h - mean)/sigma is the noise
        log_ratio = 0.5 * (noise.square() - h.square() + log_variance).sum(-1)
        return self.decoder.log_prob(x, h) + log_ratio

    def _noise(self, noise, samples, mean, generator):
        if noise is None:
            return _randn((samples, *mean.shape), mean, generator)
        if noise.dim() != 3 or noise.shape[1:] != mean.shape:
            raise ValueError(f"noise has shape {tuple(noise.shape)}, takes (samples, {len(mean)}, {self.latents})")
        return noise

    def _checked(self, x):
        if not isinstance(x, torch.Tensor) or x.dim() != 2 or x.shape[1] != self.visible or len(x) == 0:
            found = tuple(x.shape) if isinstance(x, torch.Tensor) else type(x).__name__
            raise ValueError(f"x has shape {found}, takes (B, {self.visible}) with B >= 1")
        if not x.is_floating_point():
            raise ValueError(f"x has dtype {x.dtype}, takes a floating-point dtype")
        self.decoder.check(x)
        return x


class LinearVAE(VAE):
    r"""A linear decoder with Gaussian noise, whose evidence and posterior are known (``eq:ppca-evidence``).

    .. math:: p(\mathbf{x}|\mathbf{h}) = \mathcal{N}(\mathbf{W}\mathbf{h} + \mathbf{b}, \sigma^2 \mathbf{I}), \qquad
              p(\mathbf{x}) = \mathcal{N}(\mathbf{b}, \mathbf{C}), \quad
              \mathbf{C} = \mathbf{W}\mathbf{W}^\top + \sigma^2 \mathbf{I}

    The encoder is linear in :math:`\mathbf{x}` with a variance that does not depend on :math:`\mathbf{x}`.

    Args:
        visible: :math:`M`.
        latents: :math:`K`.

    Source: Tipping and Bishop 1999; Lucas et al. 2019.
    """

    def __init__(self, visible, latents):
        encoder = Encoder(nn.Identity(), visible, latents)
        nn.init.zeros_(encoder.log_variance.weight)
        nn.init.zeros_(encoder.log_variance.bias)
        encoder.log_variance.weight.requires_grad_(False)
        super().__init__(encoder, GaussianDecoder(nn.Linear(latents, visible)), visible, latents)

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

    def evidence(self, x):
        r"""The exact :math:`\log p(\mathbf{x})` (``eq:ppca-evidence``), in nats, shape :math:`(B)`.

        The :math:`K \times K` matrix :math:`\mathbf{A} = \mathbf{W}^\top\mathbf{W} + \sigma^2\mathbf{I}` carries
        both the determinant, :math:`\det\mathbf{C} = \sigma^{2(M-K)} \det\mathbf{A}`, and the inverse,
        :math:`\sigma^2 \mathbf{C}^{-1} = \mathbf{I} - \mathbf{W}\mathbf{A}^{-1}\mathbf{W}^\top`.
        """
        centred = self._checked(x) - self.bias
        root = torch.linalg.cholesky(self._precision())
        projected = torch.linalg.solve_triangular(root, self.weight.T @ centred.T, upper=False)  # (K, B)
        squared = (centred.square().sum(-1) - projected.square().sum(0)) / self.variance
        log_det = (self.visible - self.latents) * self.variance.log() + 2 * root.diagonal().log().sum()
        return -0.5 * (squared + log_det + self.visible * LOG_2PI)

    def posterior(self, x):
        r"""The exact :math:`p(\mathbf{h}|\mathbf{x})` (``eq:ppca-posterior``).

        .. math:: p(\mathbf{h}|\mathbf{x}) = \mathcal{N}(\mathbf{A}^{-1}\mathbf{W}^\top(\mathbf{x} - \mathbf{b}),
                  \sigma^2\mathbf{A}^{-1})

        Args:
            x: Configurations, shape :math:`(B, M)`.

        Returns:
            The mean, shape :math:`(B, K)`, and the covariance, shape :math:`(K, K)`, the same for every configuration.
        """
        precision = self._precision()
        mean = torch.linalg.solve(precision, self.weight.T @ (self._checked(x) - self.bias).T).T
        return mean, self.variance * torch.linalg.inv(precision)

    @torch.no_grad()
    def set_decoder(self, weight, bias, variance):
        r"""Set :math:`\mathbf{W}`, :math:`\mathbf{b}` and :math:`\sigma^2`, and return the model.

        Raises:
            ValueError: A wrong shape or a variance that is not positive.
        """
        if weight.shape != self.weight.shape or bias.shape != self.bias.shape:
            found = f"{tuple(weight.shape)} and {tuple(bias.shape)}"
            takes = f"{tuple(self.weight.shape)} and {tuple(self.bias.shape)}"
            raise ValueError(f"weight and bias have shapes {found}, take {takes}")
        if not float(variance) > 0:
            raise ValueError(f"variance is {float(variance):g}, takes a positive number")
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
        eye = torch.eye(self.latents, dtype=self.weight.dtype, device=self.weight.device)
        return self.weight.T @ self.weight + self.variance * eye


def dense_encoder(visible, hidden, latents, activation=nn.Tanh):
    """A fully connected :class:`Encoder`.

    Args:
        visible: :math:`M`.
        hidden: The widths of the hidden layers, a sequence of integers.
        latents: :math:`K`.
        activation: The class of the non-linearity.
    """
    return Encoder(_dense([visible, *hidden], activation), [visible, *hidden][-1], latents)


def dense_decoder_net(latents, hidden, visible, activation=nn.Tanh):
    r"""A fully connected network from :math:`(B, K)` to :math:`(B, M)`, linear at its end.

    Args:
        latents: :math:`K`.
        hidden: The widths of the hidden layers, a sequence of integers.
        visible: :math:`M`.
        activation: The class of the non-linearity.
    """
    net = _dense([latents, *hidden], activation)
    net.append(nn.Linear([latents, *hidden][-1], visible))
    return net


def conv_encoder(side, channels, latents):
    r"""A convolutional :class:`Encoder` of square images: two convolutions of stride 2.

    Args:
        side: The side of an image, a multiple of 4; :math:`M` is its square.
        channels: The channels of the first convolution; the second has twice as many.
        latents: :math:`K`.

    Raises:
        ValueError: ``side`` is not a positive multiple of 4.
    """
    _multiple_of_four(side)
    trunk = nn.Sequential(
        nn.Unflatten(1, (1, side, side)),
        nn.Conv2d(1, channels, 4, stride=2, padding=1),
        nn.SiLU(),
        nn.Conv2d(channels, 2 * channels, 4, stride=2, padding=1),
        nn.SiLU(),
        nn.Flatten(),
    )
    return Encoder(trunk, 2 * channels * (side // 4) ** 2, latents)


def conv_decoder_net(latents, channels, side):
    r"""The mirror image of :func:`conv_encoder`: from :math:`(B, K)` to :math:`(B, M)`.

    Args:
        latents: :math:`K`.
        channels: The channels before the last layer; twice as many stand before those.
        side: The side of an image, a multiple of 4.

    Raises:
        ValueError: ``side`` is not a positive multiple of 4.
    """
    _multiple_of_four(side)
    return nn.Sequential(
        nn.Linear(latents, 2 * channels * (side // 4) ** 2),
        nn.SiLU(),
        nn.Unflatten(1, (2 * channels, side // 4, side // 4)),
        nn.ConvTranspose2d(2 * channels, channels, 4, stride=2, padding=1),
        nn.SiLU(),
        nn.ConvTranspose2d(channels, 1, 4, stride=2, padding=1),
        nn.Flatten(),
    )


@torch.no_grad()
def initialise(model, generator):
    r"""Draw all weights anew by Glorot's rule, set the biases to zero, and return the model.

    .. math:: W_{ij} \sim U(-a, a), \qquad a = \sqrt{6 / (n_\mathrm{in} + n_\mathrm{out})}

    Args:
        model: A module of linear and convolutional layers; parameters of other modules stay as they are.
        generator: Where the weights come from, in place of PyTorch's global one.

    Source: Glorot and Bengio 2010.
    """
    for layer in model.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            nn.init.zeros_(layer.bias)
    return model


def _dense(widths, activation):
    net = nn.Sequential()
    for wide, narrow in itertools.pairwise(widths):
        net.append(nn.Linear(wide, narrow)).append(activation())
    return net


def _over_rows(net, h):
    """Apply a network of (B, K) to (..., B, K)."""
    return net(h) if h.dim() == 2 else net(h.flatten(0, -2)).unflatten(0, h.shape[:-1])


def _rand(like, generator):
    return torch.rand(like.shape, dtype=like.dtype, device=like.device, generator=generator)


def _randn(shape, like, generator):
    return torch.randn(shape, dtype=like.dtype, device=like.device, generator=generator)


def _positive(name, value):
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} is {value!r}, takes an integer >= 1")
    return value


def _multiple_of_four(side):
    if _positive("side", side) % 4:
        raise ValueError(f"side is {side}, takes a multiple of 4")
