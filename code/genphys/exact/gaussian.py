r"""Gaussians and their mixtures in closed form.

A covariance enters by its Cholesky factor, :math:`\Sigma = LL^\top`. All are in nats; leading dimensions broadcast.
"""

import math

import torch

from genphys.arguments import doors, positive_definite, probabilities, tensor

_variances_or_covs = tensor("K", above=0) | positive_definite("K D D")


def gaussian_log_prob(x: tensor("* D"), mean: tensor("* D"), cov: positive_definite("* D D")):
    r"""The log-density of a Gaussian, shape (...).

    .. math:: \ln\mathcal{N}(\mathbf{x};\boldsymbol{\mu},\Sigma) = -\frac{1}{2}\Big[D\ln 2\pi + \ln\det\Sigma
        + (\mathbf{x}-\boldsymbol{\mu})^\top\Sigma^{-1}(\mathbf{x}-\boldsymbol{\mu})\Big]
    """
    return _log_prob(x, mean, torch.linalg.cholesky(cov))


def _log_prob(x, mean, factor):
    white = _solve(factor, x - mean)  # L^-1 (x - mu), (..., D)
    return -0.5 * (x.shape[-1] * math.log(2 * math.pi) + white.square().sum(-1)) - _half_log_det(factor)


def gaussian_entropy(cov: positive_definite("... D D")):
    r"""The differential entropy of a Gaussian, :math:`H = \frac{1}{2}\ln\det(2\pi e\,\Sigma)`, shape (...)."""
    return _half_log_det(torch.linalg.cholesky(cov)) + 0.5 * cov.shape[-1] * (1 + math.log(2 * math.pi))


def gaussian_kl(
    mean_q: tensor("* D"), cov_q: positive_definite("* D D"), mean_p: tensor("* D"), cov_p: positive_definite("* D D")
):
    r"""The Kullback-Leibler divergence of two Gaussians with full covariances, shape (...).

    .. math::
        \mathrm{KL}(q\,\|\,p) = \frac{1}{2}\Big[\operatorname{tr}(\Sigma_p^{-1}\Sigma_q)
            + (\boldsymbol{\mu}_p - \boldsymbol{\mu}_q)^\top \Sigma_p^{-1} (\boldsymbol{\mu}_p - \boldsymbol{\mu}_q)
            - D + \ln\frac{\det\Sigma_p}{\det\Sigma_q}\Big]
    """
    factor_q, factor_p = torch.linalg.cholesky(cov_q), torch.linalg.cholesky(cov_p)
    trace = torch.linalg.solve_triangular(factor_p, factor_q, upper=False).square().sum((-2, -1))
    distance = _solve(factor_p, mean_p - mean_q).square().sum(-1)
    log_ratio = _half_log_det(factor_p) - _half_log_det(factor_q)
    return 0.5 * (trace + distance - mean_p.shape[-1]) + log_ratio


def mixture_log_prob(x: tensor("... D"), weights: probabilities("K"), means: tensor("K D"), covs: _variances_or_covs):
    r"""The log-density of a Gaussian mixture, shape (...).

    .. math:: \ln p(\mathbf{x}) = \ln\sum_k w_k\, \mathcal{N}(\mathbf{x};\boldsymbol{\mu}_k,\Sigma_k)

    The covariances are :math:`\Sigma_k`, or the variances of isotropic components.
    """
    return _log_joint(x, weights, means, _factors(means, covs)).logsumexp(-1)


def mixture_score(x: tensor("... D"), weights: probabilities("K"), means: tensor("K D"), covs: _variances_or_covs):
    r"""The score of a Gaussian mixture, shape (..., D); the arguments are those of :func:`mixture_log_prob`.

    .. math::
        \nabla\ln p(\mathbf{x}) = -\sum_k r_k(\mathbf{x})\,\Sigma_k^{-1}(\mathbf{x}-\boldsymbol{\mu}_k) , \qquad
        r_k(\mathbf{x}) = \frac{w_k\,\mathcal{N}(\mathbf{x};\boldsymbol{\mu}_k,\Sigma_k)}{p(\mathbf{x})}
    """
    factors = _factors(means, covs)
    responsibilities = _log_joint(x, weights, means, factors).softmax(-1)  # (..., K)
    precisions = torch.cholesky_inverse(factors)  # (K, D, D)
    pull = torch.einsum("kij,...kj->...ki", precisions, x[..., None, :] - means)  # (..., K, D)
    return -(responsibilities[..., None] * pull).sum(-2)


def _log_joint(x, weights, means, factors):
    """ln w_k N(x; mu_k, Sigma_k) for each component, (..., K)."""
    return weights.log() + _log_prob(x[..., None, :], means, factors)


def _factors(means, covs):
    """The Cholesky factors of the components, (K, D, D); a variance stands for an isotropic covariance."""
    if covs.ndim == 1:
        return covs.sqrt()[:, None, None] * torch.eye(means.shape[1], dtype=covs.dtype, device=covs.device)
    return torch.linalg.cholesky(covs)


def _solve(factor, x):
    """L^-1 x, (..., D)."""
    return torch.linalg.solve_triangular(factor, x[..., None], upper=False)[..., 0]


def _half_log_det(factor):
    """(1/2) ln det of L L^T."""
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


doors(globals())
