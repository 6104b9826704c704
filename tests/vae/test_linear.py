"""The linear autoencoder against Gaussian conditioning, quadrature and principal components."""

import math

import pytest
import torch
from torch import distributions as D
from vae_models import assert_within, covariance, grid, linear, log_joint, mean_and_stderr, orthogonal_linear, rng

from genphys import vae


def test_linear_evidence_and_posterior():
    model = linear()
    x = 2 * torch.randn(20, 5, generator=rng(3))
    exact = D.MultivariateNormal(model.bias, covariance(model)).log_prob(x)
    torch.testing.assert_close(model.log_evidence(x), exact, rtol=1e-12, atol=1e-12)
    mean, cov = model.posterior(x)  # conditioning of the joint Gaussian of (h, x)
    gain = torch.linalg.solve(covariance(model), model.weight).T
    torch.testing.assert_close(mean, (x - model.bias) @ gain.T, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(cov, torch.eye(2) - gain @ model.weight, rtol=1e-12, atol=1e-12)


def test_linear_evidence_by_quadrature():
    model = linear(latents=1)
    x = torch.randn(6, 5, generator=rng(3))
    h, log_step = grid()
    torch.testing.assert_close(
        model.log_evidence(x), (log_joint(model, x, h) + log_step).logsumexp(0), rtol=1e-11, atol=1e-11
    )


def test_gap_of_the_linear_model_is_the_divergence_from_the_posterior():
    model, n = linear(), 40_000
    x = torch.randn(1, 5, generator=rng(4))
    mean, log_variance = model.encode(x)
    q = D.MultivariateNormal(mean, torch.diag_embed(log_variance.exp()))
    gap = D.kl_divergence(q, D.MultivariateNormal(*model.posterior(x)))
    assert gap.item() > 0.05
    estimate, stderr = mean_and_stderr(model.log_weights(x, n, rng=rng(6)))
    assert_within(model.log_evidence(x) - estimate, stderr, gap)


def test_optimal_encoder_is_a_stationary_point_and_exact_for_orthogonal_columns():
    model = linear()
    x = torch.randn(50, 5, generator=rng(4))
    mean, log_variance = (t.detach().requires_grad_() for t in model.encode(x))
    # the expected reconstruction in closed form: the residual of the mean and the spread through W
    spread = (log_variance.exp() * model.weight.square().sum(0)).sum(-1)
    residual = (x - mean @ model.weight.T - model.bias).square().sum(-1)
    bound = -0.5 * (residual + spread) / model.variance - vae.kl_standard_normal(mean, log_variance)
    for gradient in torch.autograd.grad(bound.sum(), (mean, log_variance)):
        assert gradient.abs().max() < 1e-12
    exact = orthogonal_linear()
    torch.testing.assert_close(
        exact.log_weights(x, 3, rng=rng()), exact.log_evidence(x).expand(3, -1), rtol=1e-12, atol=1e-11
    )


def test_maximum_likelihood_is_probabilistic_pca():
    """Tipping and Bishop: W spans the leading eigenvectors, the variance is the mean of the discarded eigenvalues."""
    g = rng(8)
    x = torch.randn(400, 5, generator=g) @ torch.randn(5, 5, generator=g)
    cov = torch.cov(x.T, correction=0)
    values, vectors = torch.linalg.eigh(cov)
    variance = values[:3].mean()
    weight = vectors[:, 3:] * (values[3:] - variance).sqrt()
    model = vae.LinearVAE(5, 2).set_decoder(weight, x.mean(0), variance.item()).set_optimal_encoder()
    total = model.log_evidence(x).mean()
    gradients = torch.autograd.grad(total, (model.weight, model.bias, model.decoder.log_variance))
    assert all(gradient.abs().max() < 1e-12 for gradient in gradients)
    closed = -0.5 * (5 * math.log(2 * math.pi) + values[3:].log().sum() + 3 * variance.log() + 5)
    torch.testing.assert_close(total.detach(), closed, rtol=1e-12, atol=1e-12)
    reconstruction, kl = model.elbo(x, rng=rng(1), samples=2000)  # the columns are orthogonal: the bound is tight
    assert model.log_weights(x, 100, rng=rng(2)).std(0).max() < 1e-11
    one, _ = model.elbo(x, rng=rng(3))
    stderr = one.detach().std() / math.sqrt(400 * 2000)  # an upper bound: it holds the spread over x as well
    assert_within((reconstruction - kl).mean(), stderr, closed)
    for shift in (0.9, 1.1):
        worse = vae.LinearVAE(5, 2).set_decoder(weight, x.mean(0), shift * variance.item())
        assert worse.log_evidence(x).mean() < total - 1e-3


def test_linear_errors():
    with pytest.raises(ValueError, match=r"weight is .*\(2, 5\).* takes .*\(visible, latents\)"):
        vae.LinearVAE(5, 2).set_decoder(torch.zeros(2, 5), torch.zeros(5), 1.0)
    with pytest.raises(ValueError, match=r"variance is 0.0, takes a finite number above 0"):
        vae.LinearVAE(5, 2).set_decoder(torch.zeros(5, 2), torch.zeros(5), 0.0)


def test_it_begins_with_unit_columns_and_the_posterior_as_encoder():
    model, x = vae.LinearVAE(5, 2), torch.randn(7, 5, generator=rng())
    exact = D.MultivariateNormal(torch.zeros(5), torch.diag(torch.tensor([2.0, 2, 1, 1, 1]))).log_prob(x)
    torch.testing.assert_close(model.log_evidence(x), exact, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(model.log_weights(x, 3, rng=rng()), exact.expand(3, -1), rtol=1e-12, atol=1e-12)
