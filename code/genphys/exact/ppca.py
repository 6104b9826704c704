r"""Probabilistic principal component analysis, the linear Gaussian latent-variable model.

.. math:: \mathbf{h}\sim\mathcal{N}(0, I_k) , \qquad \mathbf{x}\mid\mathbf{h}\sim\mathcal{N}(W\mathbf{h} +
    \boldsymbol{\mu}, \sigma^2 I_D) , \qquad \mathbf{x}\sim\mathcal{N}(\boldsymbol{\mu}, WW^\top + \sigma^2 I_D) .

Its posterior and its maximum-likelihood fit are known; the evidence is Gaussian.

References:
    Tipping and Bishop, Probabilistic principal component analysis, J. R. Stat. Soc. B 61, 611 (1999).
"""

import torch

from genphys.arguments import count, doors, positive, require, tensor


def ppca_fit(x: tensor("N D", rows=2), k: count()):
    r"""The maximum-likelihood fit to data that do not lie in k dimensions.

    With the eigenvalues :math:`\lambda_1\ge\dots\ge\lambda_D` of the sample covariance (divided by n) and the
    eigenvectors :math:`U_k` of the first k, up to a rotation of the latent space,

    .. math:: \sigma^2 = \frac{1}{D-k}\sum_{j>k}\lambda_j , \qquad W = U_k(\Lambda_k - \sigma^2 I)^{1/2} .

    :math:`W`, (D, k), with the largest component of each column positive, :math:`\sigma^2`, (), and the mean, (D,).
    """
    N, D = x.shape
    require(k < D, "k", k, f"a whole number from 1 to D - 1 = {D - 1}")
    mean = x.mean(0)
    require((x - mean).square().sum().isfinite(), "x", x, "data whose squares do not overflow")
    values, vectors = torch.linalg.eigh((x - mean).mT @ (x - mean) / N)  # ascending
    variance = values[: D - k].mean()
    beyond = variance > D * torch.finfo(x.dtype).eps * values[-1]
    require(beyond, "x", x, f"data with variance beyond k = {k} dimensions: sigma^2 vanishes")
    columns = vectors[:, D - k :].flip(1)
    largest = columns.gather(0, columns.abs().argmax(0, keepdim=True))
    columns = columns * largest.sign()
    return columns * (values[D - k :].flip(0) - variance).clamp(min=0).sqrt(), variance, mean


def ppca_posterior(x: tensor("... D"), W: tensor("D k"), variance: positive, mean: tensor("D")):
    r"""The posterior of the latent variable: its means, shape (..., k), and their common covariance, shape (k, k).

    .. math:: p(\mathbf{h}\mid\mathbf{x}) = \mathcal{N}\big(\mathbf{h}; M^{-1}W^\top(\mathbf{x}-\boldsymbol{\mu}),\,
        \sigma^2 M^{-1}\big) , \qquad M = W^\top W + \sigma^2 I
    """
    M = W.mT @ W + variance * torch.eye(W.shape[1], dtype=W.dtype, device=W.device)
    root, failed = torch.linalg.cholesky_ex(M)
    require(not failed, "W", W, "a matrix whose square does not drown the variance in its rounding")
    inverse = torch.cholesky_inverse(root)
    return (x - mean) @ W @ inverse, variance * inverse  # (..., D) @ (D, k) @ (k, k) -> (..., k)


doors(globals())
