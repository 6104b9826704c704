"""Gaussians and mixtures, against SciPy, PyTorch's distributions, quadrature and automatic differentiation."""

import math

import numpy as np
import pytest
import torch
from exact_cases import D, close, covariance, normal, numbers
from scipy import integrate, stats

from genphys import exact


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_gaussian_log_prob_and_entropy_agree_with_scipy(dim):
    x, mean, cov = normal(7, 3, dim), normal(dim, seed=1), covariance(dim)
    reference = stats.multivariate_normal(mean.numpy(), cov.numpy())
    close(exact.gaussian_log_prob(x, mean, cov), reference.logpdf(x.numpy()).reshape(7, 3))
    close(exact.gaussian_entropy(cov), float(reference.entropy()))


def test_gaussian_log_prob_broadcasts_over_means_and_covariances():
    x, mean, cov = normal(4, 3), normal(4, 3, seed=1), torch.stack([covariance(3, seed=k) for k in range(4)])
    rows = [exact.gaussian_log_prob(x[k], mean[k], cov[k]) for k in range(4)]
    close(exact.gaussian_log_prob(x, mean, cov), torch.stack(rows))
    close(exact.gaussian_entropy(cov), torch.stack([exact.gaussian_entropy(c) for c in cov]))


def test_gaussian_kl_agrees_with_torch_and_with_its_definition():
    mean_q, mean_p, cov_q, cov_p = normal(4), normal(4, seed=1), covariance(4, seed=2), covariance(4, seed=3)
    found = exact.gaussian_kl(mean_q, cov_q, mean_p, cov_p)
    q, p = (torch.distributions.MultivariateNormal(m, c) for m, c in ((mean_q, cov_q), (mean_p, cov_p)))
    close(found, torch.distributions.kl_divergence(q, p))
    # KL = -H(q) - E_q[ln p]; the average of a quadratic form over q is exact on symmetric points mean +- sqrt(D) L e_k
    step = math.sqrt(4) * torch.linalg.cholesky(cov_q).mT
    points = torch.cat([mean_q + step, mean_q - step])
    close(found, -exact.gaussian_entropy(cov_q) - exact.gaussian_log_prob(points, mean_p, cov_p).mean())
    close(exact.gaussian_kl(mean_q, cov_q, mean_q, cov_q), 0.0, atol=1e-14)


def test_gaussian_kl_in_one_dimension_is_the_integral():
    p, q = stats.norm(1.0, 2.0), stats.norm(-0.5, 0.7)
    integral, _ = integrate.quad(lambda x: q.pdf(x) * (q.logpdf(x) - p.logpdf(x)), -9, 8, epsabs=1e-13)
    assert float(exact.gaussian_kl(*map(numbers, ([-0.5], [[0.49]], [1.0], [[4.0]])))) == pytest.approx(
        integral, abs=1e-11
    )


def mixture(dim, K=3):
    weights = torch.tensor([0.5, 0.3, 0.2], dtype=D)[:K]
    return weights / weights.sum(), 2 * normal(K, dim, seed=5), torch.stack([covariance(dim, seed=k) for k in range(K)])


def test_mixture_log_prob_is_the_sum_of_scipy_densities():
    weights, means, covs = mixture(2)
    x = 3 * normal(6, 4, 2)
    density = sum(
        w * stats.multivariate_normal(m, c).pdf(x.numpy())
        for w, m, c in zip(weights.numpy(), means.numpy(), covs.numpy(), strict=True)
    )
    close(exact.mixture_log_prob(x, weights, means, covs), np.log(density))


@pytest.mark.parametrize("dim", [1, 3])
def test_mixture_score_is_the_gradient_by_autograd(dim):
    weights, means, covs = mixture(dim)
    x = (3 * normal(50, dim)).requires_grad_()
    (gradient,) = torch.autograd.grad(exact.mixture_log_prob(x, weights, means, covs).sum(), x)
    close(exact.mixture_score(x.detach(), weights, means, covs), gradient, atol=1e-11)


def test_isotropic_components_take_their_variances():
    weights, means, _ = mixture(3)
    x, variances = normal(8, 3), torch.tensor([0.2, 1.0, 3.0], dtype=D)
    covs = variances[:, None, None] * torch.eye(3, dtype=D)
    close(exact.mixture_log_prob(x, weights, means, variances), exact.mixture_log_prob(x, weights, means, covs), atol=0)
    close(exact.mixture_score(x, weights, means, variances), exact.mixture_score(x, weights, means, covs), atol=0)


def test_mixture_score_is_finite_far_away_and_that_of_the_nearest_component():
    far = torch.tensor([[1e4, 0.0]], dtype=D)
    score = exact.mixture_score(far, *map(numbers, ([0.5, 0.5], [[-1.0, 0.0], [1.0, 0.0]], [1.0, 1.0])))
    close(score, -(far - torch.tensor([1.0, 0.0], dtype=D)))


def test_leading_dimensions_broadcast_with_each_other():
    x, mean, cov = normal(5, 1, 1, 2), normal(3, 2, seed=1), torch.stack([covariance(2, seed=k) for k in range(3)])
    found = exact.gaussian_log_prob(x, mean, cov)
    assert found.shape == (5, 1, 3)
    close(found[:, 0, 1], exact.gaussian_log_prob(x[:, 0, 0], mean[1], cov[1]))
    divergence = exact.gaussian_kl(mean, cov, mean[0], cov[0])
    close(divergence[2], exact.gaussian_kl(mean[2], cov[2], mean[0], cov[0]))


EYE, HALF = torch.eye(2, dtype=D), numbers([0.5, 0.5])


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        ("gaussian_log_prob", (numbers([1.0]), numbers([0.0, 0.0]), EYE), r"mean is .*\(\*, D\), finite .D = 1"),
        ("gaussian_log_prob", (numbers([1.0, math.nan]), numbers([0.0, 0.0]), EYE), "x is .* not finite everywhere"),
        ("gaussian_log_prob", (normal(3, 2), normal(4, 2), EYE), r"mean is a tensor of shape \(4, 2\)"),
        ("gaussian_log_prob", (normal(2).float(), normal(2), EYE), "mean is .* float64 on cpu beside float32 on cpu"),
        ("gaussian_log_prob", ([1.0, 0.0], numbers([0.0, 0.0]), EYE), r"x is \[1.0, 0.0\], takes a floating tensor"),
        ("gaussian_entropy", (-EYE,), "cov is .* takes symmetric and positive definite matrices"),
        ("gaussian_entropy", (numbers([[1.0, 0.5], [0.0, 1.0]]),), "cov is .* takes symmetric"),
        ("gaussian_entropy", (torch.ones(3),), r"cov is a tensor of shape \(3,\)"),
        ("gaussian_kl", (normal(2), EYE, normal(1), EYE[:1, :1]), r"mean_p is .* \(\*, D\), finite .D = 2"),
        ("gaussian_kl", (normal(1), EYE, normal(2), EYE), r"cov_q is .* .D = 1"),
        ("mixture_log_prob", (normal(1), 1.4 * HALF, normal(2, 1), HALF), "weights is .* takes probabilities of sum 1"),
        ("mixture_log_prob", (normal(1), numbers([1.0]), normal(2, 1), HALF), r"means is .*K = 1"),
        ("mixture_score", (normal(1), HALF, normal(2, 1), normal(1, 2)), r"covs is a tensor of shape \(1, 2\)"),
        ("mixture_score", (normal(1), HALF, normal(2, 1), -HALF), "covs is .* above 0 or symmetric and positive"),
        ("mixture_score", (normal(2), HALF, normal(2, 1), HALF), r"means is .*D = 2"),
    ],
)
def test_what_is_no_gaussian_is_named(function, arguments, words):
    with pytest.raises(ValueError, match=words):
        getattr(exact, function)(*arguments)
