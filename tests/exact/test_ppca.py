"""The linear Gaussian model, against its full covariance and Bayes' rule."""

import math

import numpy as np
import pytest
import torch
from exact_cases import D, close, normal

from genphys import exact


def linear_data(n=400, dim=6, k=2, seed=0):
    W = 2 * normal(dim, k, seed=seed)
    return normal(n, k, seed=seed + 1) @ W.mT + 0.5 * normal(n, dim, seed=seed + 2) + normal(dim, seed=seed + 3)


def log_evidence(x, W, variance, mean):
    """ln N(x; mu, W W^T + sigma^2 I) in D dimensions."""
    return exact.gaussian_log_prob(x, mean, W @ W.mT + variance * torch.eye(len(W), dtype=D))


def test_ppca_fit_is_a_stationary_point_and_a_maximum_of_the_likelihood():
    x = linear_data()
    W, variance, mean = (p.requires_grad_() for p in exact.ppca_fit(x, 2))
    best = log_evidence(x, W, variance, mean).mean()
    for gradient in torch.autograd.grad(best, (W, variance, mean)):
        close(gradient, torch.zeros_like(gradient), atol=1e-10)
    for seed in range(20):  # nearby parameters are less likely
        shifted = (
            W + 0.05 * normal(*W.shape, seed=seed),
            variance * (1 + 0.05 * normal(1, seed=seed)[0]),
            mean + 0.05 * normal(6, seed=seed),
        )
        assert log_evidence(x, *shifted).mean() < best


def test_ppca_fit_reproduces_the_leading_covariance():
    x = linear_data()
    W, variance, mean = exact.ppca_fit(x, 2)
    values, vectors = np.linalg.eigh(np.cov(x.numpy().T, bias=True))
    model = W @ W.mT + variance * torch.eye(6, dtype=D)
    for j in (-1, -2):
        close(model @ torch.from_numpy(vectors[:, j].copy()), values[j] * vectors[:, j], atol=1e-11)
    close(variance, values[:4].mean())
    close(mean, x.numpy().mean(0))
    assert (W.gather(0, W.abs().argmax(0, keepdim=True)) > 0).all()


def test_ppca_fit_recovers_the_model_that_made_the_data():
    n = 200_000
    W = torch.tensor([[2.0, 0.0], [1.0, 1.0], [0.0, 1.5], [-1.0, 0.5]], dtype=D)
    x = normal(n, 2, seed=1) @ W.mT + 0.5 * normal(n, 4, seed=2)
    fitted, variance, _ = exact.ppca_fit(x, 2)
    # the standard error of a covariance is at most sqrt(2 / n) times the largest variance, here 5.25
    close(fitted @ fitted.mT, W @ W.mT, atol=4 * 5.25 * math.sqrt(2 / n) * 2)
    assert float(variance) == pytest.approx(0.25, abs=4 * 0.25 * math.sqrt(2 / (2 * n)))


def test_the_posterior_obeys_bayes_rule():
    x, W, variance, mean = linear_data(10), normal(6, 2, seed=8), torch.tensor(0.3, dtype=D), normal(6, seed=9)
    posterior_mean, posterior_cov = exact.ppca_posterior(x, W, variance, mean)
    h = normal(10, 2, seed=10)  # ln p(x) = ln p(x|h) + ln p(h) - ln p(h|x) for any h
    joint = exact.gaussian_log_prob(x, h @ W.mT + mean, variance * torch.eye(6, dtype=D))
    joint = joint + exact.gaussian_log_prob(h, torch.zeros(2, dtype=D), torch.eye(2, dtype=D))
    posterior = exact.gaussian_log_prob(h, posterior_mean, posterior_cov)
    close(joint - posterior, log_evidence(x, W, variance, mean), atol=1e-10)


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        ("ppca_fit", (torch.ones(3), 1), r"x is .*\(3,\)"),
        ("ppca_fit", (torch.ones(1, 3), 1), "x is .* 2 rows or more"),
        ("ppca_fit", (normal(9, 3), 3), "k is 3, takes a whole number from 1 to D - 1 = 2"),
        ("ppca_fit", (normal(9, 3), 0), "k is 0"),
        ("ppca_fit", (normal(9, 1) @ normal(1, 3), 1), "x is .* variance beyond k = 1"),
        ("ppca_posterior", (normal(4, 3), normal(3), 1.0, normal(3)), r"W is .*\(3,\)"),
        (
            "ppca_posterior",
            (normal(4, 3), normal(3, 1), 0.0, normal(3)),
            r"variance is 0\.0, takes a finite number above 0",
        ),
        ("ppca_posterior", (normal(4, 2), normal(3, 1), 1.0, normal(3)), "W is .* .D = 2"),
    ],
)
def test_what_is_no_linear_model_is_named(function, arguments, words):
    with pytest.raises(ValueError, match=words):
        getattr(exact, function)(*arguments)
