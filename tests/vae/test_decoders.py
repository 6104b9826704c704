"""The decoders against torch.distributions, the fused log-probability against the plain one."""

import pytest
import torch
from torch import distributions as D
from torch import nn
from vae_models import assert_within, binary, grid, mean_and_stderr, rng, small

from genphys import vae


def test_bernoulli_log_prob_and_its_gradient():
    logits = (3 * torch.randn(5, 8, generator=rng())).requires_grad_()
    x = binary(5, 8)
    ours = vae.BernoulliDecoder(nn.Identity()).log_prob(x, logits)
    theirs = D.Bernoulli(logits=logits).log_prob(x).sum(-1)
    torch.testing.assert_close(ours, theirs, rtol=1e-13, atol=1e-13)
    weight = torch.randn(5, generator=rng(1))
    g_ours, g_theirs = (torch.autograd.grad((weight * v).sum(), logits)[0] for v in (ours, theirs))
    torch.testing.assert_close(g_ours, g_theirs, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bernoulli_log_prob_at_large_logits(dtype):
    logits = torch.tensor([[1e4, -1e4, 1e4, -1e4]], dtype=dtype, requires_grad=True)
    x = torch.tensor([[1.0, 0.0, 0.0, 1.0]], dtype=dtype)
    value = vae.BernoulliDecoder(nn.Identity()).log_prob(x, logits)
    assert value.item() == -2e4
    torch.testing.assert_close(
        torch.autograd.grad(value.sum(), logits)[0], torch.tensor([[0.0, 0.0, -1.0, 1.0]], dtype=dtype)
    )


@pytest.mark.parametrize("log_variance", [0.7, [0.1, -1.0, 2.0]])
def test_gaussian_log_prob(log_variance):
    decoder = vae.GaussianDecoder(nn.Linear(2, 3), torch.tensor(log_variance))
    g = rng()
    x, h = torch.randn(4, 3, generator=g), torch.randn(6, 4, 2, generator=g)
    scale = (0.5 * torch.tensor(log_variance)).exp()
    theirs = D.Normal(decoder.net(h), scale).log_prob(x).sum(-1)
    torch.testing.assert_close(decoder.log_prob(x, h), theirs, rtol=1e-13, atol=1e-12)


def test_bernoulli_samples_have_the_quadrature_mean():
    model, n = small(9), 40_000
    h, log_step = grid()
    weight = (D.Normal(0.0, 1.0).log_prob(h) + log_step).exp()
    exact = (weight[:, None] * model.decoder.mean(h[:, None])).sum(0).detach()
    x = model.sample(n, rng=rng(2))
    assert ((x == 0) | (x == 1)).all()
    assert_within(*mean_and_stderr(x), exact)


def test_the_fused_log_probability_and_its_gradient_are_the_plain_ones():
    logits = (5 * torch.randn(4, 5, 8, generator=rng())).requires_grad_()
    x, weight = binary(5, 8), torch.randn(4, 5, generator=rng(1))
    plain, fused = vae.bernoulli_log_prob(x, logits), vae.BernoulliDecoder(nn.Identity()).log_prob(x, logits)
    torch.testing.assert_close(fused, plain, rtol=1e-13, atol=1e-13)
    g_plain, g_fused = (torch.autograd.grad((weight * v).sum(), logits)[0] for v in (plain, fused))
    torch.testing.assert_close(g_fused, g_plain, rtol=1e-12, atol=1e-13)


def test_the_variance_of_a_gaussian_decoder_has_the_type_of_its_network_and_stays_where_it_is_told_to():
    fixed = vae.GaussianDecoder(nn.Linear(2, 3).float(), -1.0, learn_variance=False)
    assert fixed.log_variance.dtype == torch.float32 and not fixed.log_variance.requires_grad
    assert vae.GaussianDecoder(nn.Linear(2, 3)).log_variance.requires_grad
