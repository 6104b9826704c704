"""Small autoencoders with known answers, shared by the tests of genphys.vae."""

import math

import torch
from torch import distributions as D

from genphys import vae


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def small(seed=0, visible=6, latents=1, decoder="bernoulli"):
    """A small non-linear model with weights of order one, so that no term is negligible."""
    net = vae.dense_decoder_net(latents, (5,), visible, rng=rng())
    model = vae.VAE(
        vae.dense_encoder(visible, (4,), latents, rng=rng()),
        vae.BernoulliDecoder(net) if decoder == "bernoulli" else vae.GaussianDecoder(net, math.log(0.3)),
        visible,
        latents,
    )
    g = rng(seed)
    with torch.no_grad():
        for p in model.parameters():
            if p.dim():
                p.copy_(0.8 * torch.randn(p.shape, generator=g))
    return model


def binary(n, visible=6, seed=5):
    return (torch.rand(n, visible, generator=rng(seed)) < 0.5).to(torch.float64)


def grid(width=9.0, points=4001):
    """Nodes of the trapezoidal rule on the line, whose error for these smooth, decaying integrands is rounding."""
    h = torch.linspace(-width, width, points)
    return h, math.log(2 * width / (points - 1))


def log_joint(model, x, h):
    """log p(x, h) on a grid of one latent dimension, shape (points, B)."""
    log_prior = D.Normal(0.0, 1.0).log_prob(h)[:, None]
    return model.decoder.log_prob(x, h[:, None, None].expand(-1, len(x), 1)) + log_prior


def mean_and_stderr(values, dim=0):
    n = values.shape[dim]
    return values.mean(dim), values.std(dim) / math.sqrt(n)


def assert_within(estimate, stderr, exact, sigmas=4.0):
    deviation = (estimate - exact).abs() / stderr
    assert (deviation < sigmas).all(), f"{deviation.max():.2f} standard errors"


def linear(seed=0, visible=5, latents=2):
    """Columns of the weight that are far from orthogonal, so that no diagonal Gaussian is the posterior."""
    g = rng(seed)
    model = vae.LinearVAE(visible, latents)
    weight = 0.5 * torch.randn(visible, latents, generator=g) + torch.linspace(-1, 1, visible)[:, None]
    return model.set_decoder(weight, torch.randn(visible, generator=g), 0.37).set_optimal_encoder()


def orthogonal_linear():
    g = rng(1)
    q = torch.linalg.qr(torch.randn(5, 2, generator=g))[0]
    model = vae.LinearVAE(5, 2)
    return model.set_decoder(q * torch.tensor([1.5, 0.6]), torch.randn(5, generator=g), 0.37).set_optimal_encoder()


def covariance(model):
    return model.weight @ model.weight.T + model.variance * torch.eye(model.visible)
