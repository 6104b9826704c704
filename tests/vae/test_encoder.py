"""The encoder's Gaussian against torch.distributions."""

import pytest
import torch
from torch import distributions as D
from vae_models import rng

from genphys import vae


def test_kl_is_that_of_torch_distributions():
    g = rng()
    mean, log_variance = torch.randn(7, 3, generator=g), 2 * torch.randn(7, 3, generator=g)
    q = D.Independent(D.Normal(mean, (0.5 * log_variance).exp()), 1)
    p = D.Independent(D.Normal(torch.zeros(3), torch.ones(3)), 1)
    torch.testing.assert_close(
        vae.kl_standard_normal(mean, log_variance), D.kl_divergence(q, p), rtol=1e-13, atol=1e-13
    )


def test_kl_keeps_its_digits_near_the_prior():
    s = torch.tensor([[1e-5]], dtype=torch.float32)
    found = vae.kl_standard_normal(torch.zeros_like(s), s).double()
    torch.testing.assert_close(found, torch.tensor([0.25e-10 * (1 + 1e-5 / 3)]), rtol=0.01, atol=0)


def test_shapes_that_do_not_agree_are_refused():
    with pytest.raises(ValueError, match=r"log_variance .*\(4, 2\).* takes the shape of mean, \(3, 2\)"):
        vae.kl_standard_normal(torch.zeros(3, 2), torch.zeros(4, 2))
    with pytest.raises(ValueError, match=r"log_variance .*takes .*K = 2"):
        vae.kl_standard_normal(torch.zeros(3, 2), torch.zeros(3, 1))
    with pytest.raises(ValueError, match=r"noise .*takes the dimensions of mean and log_variance last, \(3, 2\)"):
        vae.reparameterise(torch.zeros(3, 2), torch.zeros(3, 2), torch.zeros(5, 2))
