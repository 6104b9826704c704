r"""Decoders: the distribution :math:`p_\theta(\mathbf{x}|\mathbf{h})` of a configuration given the latent vector.

A network gives the parameters of independent components, the logits of zeros and ones or the means of real numbers.
Log-probabilities are sums over the :math:`M` components, in nats. A network goes from :math:`(B, K)` to :math:`(B, M)`,
a decoder takes any number of latent vectors for each configuration, :math:`(\ldots, B, K)`.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from genphys.arguments import count, doors, many, numbers_or_tensor, source, tensor
from genphys.numerics import standard_normal, uniform
from genphys.vae.networks import hidden_layers, linear

LOG_2PI = math.log(2 * math.pi)


def bernoulli_log_prob(x: tensor("B M", values=(0, 1)), logits: tensor("... B M")):
    r"""The log-probability of independent zeros and ones, shape :math:`(\ldots, B)` (``def:bernoulli-decoder``).

    .. math:: \sum_i \left[ x_i \log \sigma(a_i) + (1 - x_i) \log \sigma(-a_i) \right]
    """
    return (x * F.logsigmoid(logits) + (1 - x) * F.logsigmoid(-logits)).sum(-1)


class _BernoulliLogProb(torch.autograd.Function):
    """The terms of :func:`bernoulli_log_prob` with one logarithm each; the gradient in closed form, x - sigma(a).

    At b = (2x - 1) a the term is log sigma(b) = min(b, 0) + log sigma(|b|).
    """

    @staticmethod
    def forward(ctx, x, logits):
        ctx.save_for_backward(x, logits)
        signed = (2 * x - 1) * logits
        return signed.abs().sigmoid_().log_().add_(signed.clamp_(max=0))

    @staticmethod
    def backward(ctx, slope):
        x, logits = ctx.saved_tensors
        return None, (x - logits.sigmoid()) * slope


class BernoulliDecoder(nn.Module):
    r"""Independent binary components given :math:`\mathbf{h}` (``def:bernoulli-decoder``): :func:`bernoulli_log_prob`.

    ``net`` goes from :math:`(B, K)` to the logits :math:`\mathbf{a}_\theta(\mathbf{h})`, shape :math:`(B, M)`.
    """

    values = (0, 1)  # what a component can be; grey values are binarised first

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, h: tensor("... K")):
        r"""The logits :math:`\mathbf{a}_\theta(\mathbf{h})`, shape :math:`(\ldots, M)`."""
        return _over_rows(self.net, h)

    def log_prob(self, x: tensor("B M", values=(0, 1)), h: tensor("... B K")):
        r""":math:`\log p_\theta(\mathbf{x}|\mathbf{h})` in nats, shape :math:`(\ldots, B)`."""
        return _BernoulliLogProb.apply(x, _over_rows(self.net, h)).sum(-1)  # bernoulli_log_prob, fused

    def mean(self, h: tensor("... K")):
        r""":math:`\mathbb{E}[\mathbf{x}|\mathbf{h}] = \sigma(\mathbf{a})`, shape :math:`(\ldots, M)`."""
        return _over_rows(self.net, h).sigmoid()

    def sample(self, h: tensor("... K"), *, rng: source):
        r"""Zeros and ones :math:`\mathbf{x} \sim p_\theta(\mathbf{x}|\mathbf{h})`, shape :math:`(\ldots, M)`."""
        mean = _over_rows(self.net, h).sigmoid()
        return (uniform(mean.shape, mean, rng) < mean).to(mean.dtype)


class GaussianDecoder(nn.Module):
    r"""Independent Gaussian components of one learned variance (``def:gaussian-decoder``).

    .. math:: \log p_\theta(\mathbf{x}|\mathbf{h}) = -\frac12 \sum_i \left[ \frac{(x_i - m_i(\mathbf{h}))^2}{\sigma^2}
              + \log (2\pi\sigma^2) \right]

    ``net`` goes from :math:`(B, K)` to the mean :math:`\mathbf{m}_\theta(\mathbf{h})`, shape :math:`(B, M)`; the
    initial ``log_variance``, a number or of shape :math:`(M)`, stays as given unless ``learn_variance``.
    """

    values = None  # any real number

    def __init__(self, net: nn.Module, log_variance: numbers_or_tensor() = 0.0, learn_variance: bool = True):
        super().__init__()
        self.net = net
        like = next(net.parameters(), torch.empty(()))
        value = torch.as_tensor(log_variance, dtype=like.dtype, device=like.device).clone()
        self.log_variance = nn.Parameter(value, requires_grad=learn_variance)

    def forward(self, h: tensor("... K")):
        r"""The mean :math:`\mathbf{m}_\theta(\mathbf{h})`, shape :math:`(\ldots, M)`."""
        return _over_rows(self.net, h)

    def log_prob(self, x: tensor("B M"), h: tensor("... B K")):
        r""":math:`\log p_\theta(\mathbf{x}|\mathbf{h})` in nats, shape :math:`(\ldots, B)`."""
        squared = (x - _over_rows(self.net, h)).square() * (-self.log_variance).exp()
        return -0.5 * (squared + self.log_variance + LOG_2PI).sum(-1)

    def mean(self, h: tensor("... K")):
        r""":math:`\mathbb{E}[\mathbf{x}|\mathbf{h}]`, shape :math:`(\ldots, M)`."""
        return _over_rows(self.net, h)

    def sample(self, h: tensor("... K"), *, rng: source):
        r"""Draws :math:`\mathbf{x} \sim p_\theta(\mathbf{x}|\mathbf{h})`, shape :math:`(\ldots, M)`."""
        mean = _over_rows(self.net, h)
        return mean + (0.5 * self.log_variance).exp() * standard_normal(mean.shape, mean, rng)


def dense_decoder_net(
    latents: count(), hidden: many(count(), least=0), visible: count(), activation: type = nn.Tanh, *, rng: source
):
    r"""A fully connected network from :math:`(B, K)` to :math:`(B, M)`, linear at its end.

    ``hidden`` are the widths of its hidden layers, ``activation`` is the class of the non-linearity.
    """
    net = hidden_layers([latents, *hidden], activation, rng)
    return net.append(linear([latents, *hidden][-1], visible, rng))


def _over_rows(net, h):
    """Apply a network of (B, K) to (..., B, K)."""
    return net(h) if h.dim() == 2 else net(h.flatten(0, -2)).unflatten(0, h.shape[:-1])


doors(globals())
