r"""Exact references: closed forms, quadrature and small transition matrices that other results are compared with.

Gaussians. For :math:`q = \mathcal{N}(\boldsymbol{\mu}_q, \Sigma_q)` and :math:`p = \mathcal{N}(\boldsymbol{\mu}_p,
\Sigma_p)` in D dimensions

.. math::

    \mathrm{KL}(q\,\|\,p) = \frac{1}{2}\Big[\operatorname{tr}(\Sigma_p^{-1}\Sigma_q)
        + (\boldsymbol{\mu}_p - \boldsymbol{\mu}_q)^\top \Sigma_p^{-1} (\boldsymbol{\mu}_p - \boldsymbol{\mu}_q)
        - D + \ln\frac{\det\Sigma_p}{\det\Sigma_q}\Big] ,

and a mixture :math:`p(\mathbf{x}) = \sum_k w_k\, \mathcal{N}(\mathbf{x};\boldsymbol{\mu}_k,\Sigma_k)` has the score
:math:`\nabla\ln p = -\sum_k r_k(\mathbf{x})\,\Sigma_k^{-1}(\mathbf{x}-\boldsymbol{\mu}_k)` with the responsibilities
:math:`r_k`. Probabilistic principal component analysis (Tipping and Bishop, J. R. Stat. Soc. B 61, 611, 1999) is the
linear Gaussian latent-variable model, whose evidence, posterior and maximum-likelihood fit are known.

Finite systems. The :math:`2^M` states of M binary units stand in binary counting order; distributions over them are
vectors and Markov kernels are row-stochastic matrices, :math:`P_{xy} = P(x \to y)`, so that a distribution evolves as
:math:`p^\top P`.

Everything is in nats and in the dtype of its arguments; numbers that are not tensors become float64, the dtype that an
identity should be checked in.
"""

import math

import torch

__all__ = [
    "all_configurations",
    "detailed_balance_violation",
    "diagonal_gaussian_kl",
    "double_well_log_partition",
    "double_well_moment",
    "entropy",
    "gaussian_entropy",
    "gaussian_kl",
    "gaussian_log_prob",
    "jensen_shannon",
    "jensen_shannon_on_grid",
    "kl_divergence",
    "mixture_log_prob",
    "mixture_score",
    "ppca_fit",
    "ppca_log_evidence",
    "ppca_posterior",
    "single_site_kernels",
    "spectral_gap",
    "stationary_distribution",
]


# ---------------------------------------------------------------------------------------------- Gaussians


def gaussian_log_prob(x, mean, cov):
    r"""Return the log-density of a Gaussian.

    .. math:: \ln\mathcal{N}(\mathbf{x};\boldsymbol{\mu},\Sigma) = -\frac{1}{2}\Big[D\ln 2\pi + \ln\det\Sigma
        + (\mathbf{x}-\boldsymbol{\mu})^\top\Sigma^{-1}(\mathbf{x}-\boldsymbol{\mu})\Big]

    Args:
        x: :math:`\mathbf{x}`, shape (..., D).
        mean: :math:`\boldsymbol{\mu}`, shape (D,) or (..., D).
        cov: :math:`\Sigma`, shape (D, D) or (..., D, D), symmetric and positive definite.

    Returns:
        Nats, shape (...), broadcast over the leading dimensions.

    Raises:
        ValueError: The shapes do not fit, or ``cov`` is not symmetric and positive definite.
    """
    factor = _cholesky("cov", cov)
    x, mean = _vectors("x", x, factor), _vectors("mean", mean, factor)
    white = torch.linalg.solve_triangular(factor, (x - mean)[..., None], upper=False)[..., 0]
    return -0.5 * (x.shape[-1] * math.log(2 * math.pi) + white.square().sum(-1)) - _half_log_det(factor)


def gaussian_entropy(cov):
    r"""Return the differential entropy of a Gaussian.

    .. math:: H = \frac{1}{2}\ln\det(2\pi e\,\Sigma)

    Args:
        cov: :math:`\Sigma`, shape (..., D, D), symmetric and positive definite.

    Returns:
        Nats, shape (...).

    Raises:
        ValueError: ``cov`` is not symmetric and positive definite.
    """
    factor = _cholesky("cov", cov)
    return _half_log_det(factor) + 0.5 * factor.shape[-1] * (1 + math.log(2 * math.pi))


def gaussian_kl(mean_q, cov_q, mean_p, cov_p):
    r"""Return the Kullback-Leibler divergence :math:`\mathrm{KL}(q\,\|\,p)` of two Gaussians with full covariances.

    .. math::

        \mathrm{KL}(q\,\|\,p) = \frac{1}{2}\Big[\operatorname{tr}(\Sigma_p^{-1}\Sigma_q)
            + (\boldsymbol{\mu}_p - \boldsymbol{\mu}_q)^\top \Sigma_p^{-1} (\boldsymbol{\mu}_p - \boldsymbol{\mu}_q)
            - D + \ln\frac{\det\Sigma_p}{\det\Sigma_q}\Big]

    Args:
        mean_q: :math:`\boldsymbol{\mu}_q`, shape (..., D).
        cov_q: :math:`\Sigma_q`, shape (..., D, D), symmetric and positive definite.
        mean_p: :math:`\boldsymbol{\mu}_p`, shape (..., D).
        cov_p: :math:`\Sigma_p`, shape (..., D, D), symmetric and positive definite.

    Returns:
        Nats, shape (...).

    Raises:
        ValueError: The shapes do not fit, or a covariance is not symmetric and positive definite.
    """
    factor_q, factor_p = _cholesky("cov_q", cov_q), _cholesky("cov_p", cov_p)
    if factor_q.shape[-1] != factor_p.shape[-1]:
        raise ValueError(f"cov_q has D = {factor_q.shape[-1]} and cov_p D = {factor_p.shape[-1]}; they must be equal")
    shift = _vectors("mean_p", mean_p, factor_p) - _vectors("mean_q", mean_q, factor_q)
    white = torch.linalg.solve_triangular(factor_p, shift[..., None], upper=False)[..., 0]
    ratio = torch.linalg.solve_triangular(factor_p, factor_q, upper=False)  # its squared norm is the trace
    log_ratio = _half_log_det(factor_p) - _half_log_det(factor_q)
    return 0.5 * (ratio.square().sum((-2, -1)) + white.square().sum(-1) - shift.shape[-1]) + log_ratio


def diagonal_gaussian_kl(mean, log_var):
    r"""Return the Kullback-Leibler divergence of a Gaussian with a diagonal covariance from the standard one.

    .. math:: \mathrm{KL}\big(\mathcal{N}(\boldsymbol{\mu}, \operatorname{diag}\boldsymbol{\sigma}^2)\,\|\,
        \mathcal{N}(0, I)\big) = \frac{1}{2}\sum_k\big(\mu_k^2 + \sigma_k^2 - 1 - \ln\sigma_k^2\big)

    Args:
        mean: :math:`\boldsymbol{\mu}`, shape (..., K).
        log_var: :math:`\ln\boldsymbol{\sigma}^2`, of the same shape.

    Returns:
        Nats, shape (...), the sum over the K dimensions.

    Raises:
        ValueError: The shapes differ or are ().
    """
    mean, log_var = _real("mean", mean), _real("log_var", log_var)
    if mean.shape != log_var.shape or mean.dim() == 0:
        raise ValueError(
            f"mean and log_var have shapes {tuple(mean.shape)} and {tuple(log_var.shape)}, take one shape (..., K)"
        )
    # expm1 keeps the digits of sigma^2 - 1 - ln sigma^2 near sigma = 1
    return 0.5 * (mean.square() + torch.expm1(log_var) - log_var).sum(-1)


def mixture_log_prob(x, weights, means, covs):
    r"""Return the log-density of a Gaussian mixture.

    .. math:: \ln p(\mathbf{x}) = \ln\sum_k w_k\, \mathcal{N}(\mathbf{x};\boldsymbol{\mu}_k,\Sigma_k)

    Args:
        x: :math:`\mathbf{x}`, shape (..., D).
        weights: :math:`w_k`, shape (K,), positive, of sum 1.
        means: :math:`\boldsymbol{\mu}_k`, shape (K, D).
        covs: :math:`\Sigma_k`, shape (K, D, D), or the variances of isotropic components, shape (K,).

    Returns:
        Nats, shape (...).

    Raises:
        ValueError: The shapes do not fit, the weights are no distribution or a covariance is not positive definite.
    """
    return torch.logsumexp(_mixture_terms(x, weights, means, covs)[0], dim=-1)


def mixture_score(x, weights, means, covs):
    r"""Return the score of a Gaussian mixture.

    .. math::

        \nabla\ln p(\mathbf{x}) = -\sum_k r_k(\mathbf{x})\,\Sigma_k^{-1}(\mathbf{x}-\boldsymbol{\mu}_k) , \qquad
        r_k(\mathbf{x}) = \frac{w_k\,\mathcal{N}(\mathbf{x};\boldsymbol{\mu}_k,\Sigma_k)}{p(\mathbf{x})}

    Args:
        x: :math:`\mathbf{x}`, shape (..., D).
        weights: :math:`w_k`, shape (K,), positive, of sum 1.
        means: :math:`\boldsymbol{\mu}_k`, shape (K, D).
        covs: :math:`\Sigma_k`, shape (K, D, D), or the variances of isotropic components, shape (K,).

    Returns:
        Shape (..., D).

    Raises:
        ValueError: The shapes do not fit, the weights are no distribution or a covariance is not positive definite.
    """
    terms, white, factor = _mixture_terms(x, weights, means, covs)
    pull = torch.linalg.solve_triangular(factor.mT, white[..., None], upper=True)[..., 0]  # (..., K, D)
    return -(terms.softmax(-1)[..., None] * pull).sum(-2)


def _mixture_terms(x, weights, means, covs):
    """ln w_k N(x; mu_k, Sigma_k), the whitened x - mu_k and the Cholesky factors."""
    weights, means, covs = _distribution("weights", weights, False), _real("means", means), _real("covs", covs)
    if weights.dim() != 1 or means.dim() != 2 or len(means) != len(weights):
        raise ValueError(
            f"weights and means have shapes {tuple(weights.shape)} and {tuple(means.shape)}, take (K,) and (K, D)"
        )
    K, D = means.shape
    if covs.shape == (K,):
        covs = covs[:, None, None] * torch.eye(D, dtype=covs.dtype, device=covs.device)
    if covs.shape != (K, D, D):
        raise ValueError(f"covs has shape {tuple(covs.shape)}, takes ({K}, {D}, {D}) or ({K},)")
    factor = _cholesky("covs", covs)
    x = _vectors("x", x, factor)
    white = torch.linalg.solve_triangular(factor, (x[..., None, :] - means)[..., None], upper=False)[..., 0]
    log_norm = 0.5 * D * math.log(2 * math.pi) + _half_log_det(factor)
    return weights.log() - log_norm - 0.5 * white.square().sum(-1), white, factor


# --------------------------------------------------------------------------- divergences of distributions


def entropy(p, *, log=False):
    r"""Return the entropy of a discrete distribution (``def:entropy-and-kl``).

    .. math:: H(p) = -\sum_x p(x)\ln p(x) , \qquad 0\ln 0 = 0

    Args:
        p: Probabilities, shape (..., n), of sum 1 along the last dimension; log-probabilities with ``log=True``.
        log: Whether ``p`` holds log-probabilities.

    Returns:
        Nats, shape (...).

    Raises:
        ValueError: ``p`` is not a distribution.
    """
    p = _distribution("p", p, log)
    return -torch.xlogy(p, p).sum(-1)


def kl_divergence(p, q, *, log=False):
    r"""Return the Kullback-Leibler divergence of two discrete distributions (``def:entropy-and-kl``).

    .. math:: \mathrm{KL}(p\,\|\,q) = \sum_x p(x)\ln\frac{p(x)}{q(x)}

    Args:
        p: Probabilities, shape (..., n), of sum 1 along the last dimension; log-probabilities with ``log=True``.
        q: The same for the second distribution, of a shape that broadcasts with that of ``p``.
        log: Whether both hold log-probabilities, which keeps the digits of small ones.

    Returns:
        Nats, shape (...); infinite where ``q`` vanishes and ``p`` does not.

    Raises:
        ValueError: An argument is not a distribution, or the numbers of states differ.
    """
    prob_p, prob_q = _distribution("p", p, log), _distribution("q", q, log)
    if prob_p.shape[-1] != prob_q.shape[-1]:
        raise ValueError(f"p has {prob_p.shape[-1]} states and q {prob_q.shape[-1]}; they must be equal")
    log_p, log_q = (_real("p", p, True), _real("q", q, True)) if log else (prob_p.log(), prob_q.log())
    # where p vanishes the term is 0, whatever the logarithms are
    return torch.where(prob_p > 0, prob_p * (log_p - log_q), torch.zeros_like(prob_p)).sum(-1)


def jensen_shannon(p, q, *, log=False):
    r"""Return the Jensen-Shannon divergence of two discrete distributions.

    .. math:: \mathrm{JSD}(p, q) = \frac{1}{2}\mathrm{KL}(p\,\|\,m) + \frac{1}{2}\mathrm{KL}(q\,\|\,m) ,
        \qquad m = \frac{p + q}{2}

    Args:
        p: Probabilities, shape (..., n), of sum 1 along the last dimension; log-probabilities with ``log=True``.
        q: The same for the second distribution.
        log: Whether both hold log-probabilities.

    Returns:
        Nats, shape (...), between 0 and ln 2.

    Raises:
        ValueError: An argument is not a distribution, or the numbers of states differ.
    """
    p, q = _distribution("p", p, log), _distribution("q", q, log)
    m = (p + q) / 2 if p.shape[-1] == q.shape[-1] else q
    return (kl_divergence(p, m) + kl_divergence(q, m)) / 2


def jensen_shannon_on_grid(log_p, log_q, x):
    r"""Return the Jensen-Shannon divergence of two densities in one dimension by the trapezium rule.

    .. math:: \mathrm{JSD}(p, q) = \frac{1}{2}\int \Big[p\ln\frac{2p}{p+q} + q\ln\frac{2q}{p+q}\Big]\,dx

    Args:
        log_p: :math:`\ln p` at the points of the grid, shape (n,); -inf where p vanishes.
        log_q: :math:`\ln q` there.
        x: The grid, shape (n,), strictly increasing, wide enough to hold both densities.

    Returns:
        Nats, shape ().

    Raises:
        ValueError: The shapes do not fit, the grid does not increase, or a density does not integrate to 1 on it within
            1e-3, because it is not normalised or the grid is too coarse or too narrow.
    """
    log_p, log_q, x = _real("log_p", log_p, True), _real("log_q", log_q, True), _real("x", x)
    if x.dim() != 1 or len(x) < 3 or log_p.shape != x.shape or log_q.shape != x.shape:
        raise ValueError(
            f"log_p, log_q and x have shapes {tuple(log_p.shape)}, {tuple(log_q.shape)} and {tuple(x.shape)}, "
            "take one shape (n,) with n of 3 or more"
        )
    if not (x.diff() > 0).all():
        raise ValueError("x does not increase strictly")
    p, q = log_p.exp(), log_q.exp()
    for name, density in (("log_p", p), ("log_q", q)):
        mass = torch.trapezoid(density, x).item()
        if not abs(mass - 1) < 1e-3:
            raise ValueError(f"{name} integrates to {mass:.6g} on the grid, takes a density with integral 1")
    log_m = torch.logaddexp(log_p, log_q) - math.log(2)
    zero = torch.zeros_like(x)
    integrand = torch.where(p > 0, p * (log_p - log_m), zero) + torch.where(q > 0, q * (log_q - log_m), zero)
    return torch.trapezoid(integrand, x) / 2


# ------------------------------------------------------------- probabilistic principal component analysis


def ppca_fit(x, k):
    r"""Return the maximum-likelihood fit of probabilistic principal component analysis.

    The model is :math:`\mathbf{h}\sim\mathcal{N}(0, I_k)`, :math:`\mathbf{x}\mid\mathbf{h}\sim\mathcal{N}(W\mathbf{h} +
    \boldsymbol{\mu}, \sigma^2 I_D)`. With the eigenvalues :math:`\lambda_1\ge\dots\ge\lambda_D` of the sample
    covariance (divided by N) and the eigenvectors :math:`U_k` of the first k

    .. math:: \sigma^2 = \frac{1}{D-k}\sum_{j>k}\lambda_j , \qquad W = U_k(\Lambda_k - \sigma^2 I)^{1/2} ,

    which is unique up to a rotation of the latent space (Tipping and Bishop, 1999).

    Args:
        x: Data, shape (N, D).
        k: The latent dimension, from 1 to D - 1.

    Returns:
        :math:`W` of shape (D, k), :math:`\sigma^2` of shape () and :math:`\boldsymbol{\mu}` of shape (D,). The largest
        component of each column of :math:`W` is positive.

    Raises:
        ValueError: ``x`` is not (N, D) with N of 2 or more, k is out of range, or the data lie in k dimensions so that
            :math:`\sigma^2` vanishes.
    """
    x = _real("x", x)
    if x.dim() != 2 or len(x) < 2:
        raise ValueError(f"x has shape {tuple(x.shape)}, takes (N, D) with N of 2 or more")
    N, D = x.shape
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k < D:
        raise ValueError(f"k is {k!r}, takes an integer from 1 to D - 1 = {D - 1}")
    mean = x.mean(0)
    values, vectors = torch.linalg.eigh((x - mean).mT @ (x - mean) / N)  # ascending
    sigma2 = values[: D - k].mean()
    if not sigma2 > D * torch.finfo(x.dtype).eps * values[-1]:
        raise ValueError(f"x has no variance beyond k = {k} dimensions, so sigma^2 vanishes; takes a smaller k")
    columns = vectors[:, D - k :].flip(1)
    largest = columns.gather(0, columns.abs().argmax(0, keepdim=True))
    columns = columns * largest.sign()
    return columns * (values[D - k :].flip(0) - sigma2).clamp(min=0).sqrt(), sigma2, mean


def ppca_log_evidence(x, W, sigma2, mean):
    r"""Return the log-evidence of probabilistic principal component analysis.

    .. math:: \ln p(\mathbf{x}) = \ln\mathcal{N}(\mathbf{x};\boldsymbol{\mu}, WW^\top + \sigma^2 I)

    computed with the k x k matrix :math:`M = W^\top W + \sigma^2 I`, for which :math:`\ln\det(WW^\top+\sigma^2 I) =
    (D-k)\ln\sigma^2 + \ln\det M`.

    Args:
        x: :math:`\mathbf{x}`, shape (..., D).
        W: Shape (D, k).
        sigma2: :math:`\sigma^2 > 0`, a number.
        mean: :math:`\boldsymbol{\mu}`, shape (D,).

    Returns:
        Nats, shape (...).

    Raises:
        ValueError: The shapes do not fit or ``sigma2`` is not positive.
    """
    shift, W, sigma2, factor = _ppca(x, W, sigma2, mean)
    D, k = W.shape
    projected = torch.linalg.solve_triangular(factor, (shift @ W)[..., None], upper=False)[..., 0]
    distance = (shift.square().sum(-1) - projected.square().sum(-1)) / sigma2
    log_det = (D - k) * sigma2.log() + 2 * _half_log_det(factor)
    return -0.5 * (D * math.log(2 * math.pi) + log_det + distance)


def ppca_posterior(x, W, sigma2, mean):
    r"""Return the posterior of the latent variable of probabilistic principal component analysis.

    .. math:: p(\mathbf{h}\mid\mathbf{x}) = \mathcal{N}\big(\mathbf{h}; M^{-1}W^\top(\mathbf{x}-\boldsymbol{\mu}),\,
        \sigma^2 M^{-1}\big) , \qquad M = W^\top W + \sigma^2 I

    Args:
        x: :math:`\mathbf{x}`, shape (..., D).
        W: Shape (D, k).
        sigma2: :math:`\sigma^2 > 0`, a number.
        mean: :math:`\boldsymbol{\mu}`, shape (D,).

    Returns:
        The posterior means, shape (..., k), and the covariance that all of them share, shape (k, k).

    Raises:
        ValueError: The shapes do not fit or ``sigma2`` is not positive.
    """
    shift, W, sigma2, factor = _ppca(x, W, sigma2, mean)
    means = torch.cholesky_solve((shift @ W)[..., None], factor)[..., 0]
    return means, sigma2 * torch.cholesky_inverse(factor)


def _ppca(x, W, sigma2, mean):
    """x - mean, W and sigma2 checked, and the Cholesky factor of M."""
    W, sigma2 = _real("W", W), _real("sigma2", sigma2)
    if W.dim() != 2:
        raise ValueError(f"W has shape {tuple(W.shape)}, takes (D, k)")
    if sigma2.dim() != 0 or not sigma2 > 0:
        raise ValueError(f"sigma2 is {sigma2.tolist()}, takes one positive number")
    x, mean = _real("x", x), _real("mean", mean)
    if x.dim() == 0 or x.shape[-1] != len(W) or mean.shape != W.shape[:1]:
        raise ValueError(
            f"x and mean have shapes {tuple(x.shape)} and {tuple(mean.shape)}, take (..., D) and (D,) with D = {len(W)}"
        )
    M = W.mT @ W + sigma2 * torch.eye(W.shape[1], dtype=W.dtype, device=W.device)
    return x - mean, W, sigma2, torch.linalg.cholesky(M)


# -------------------------------------------------------------------------------------------- double well


def double_well_log_partition(beta):
    r"""Return :math:`\ln Z` of one particle in the double well :math:`V(x) = (x^2 - 1)^2`.

    .. math:: Z(\beta) = \int_{-\infty}^{\infty} e^{-\beta (x^2-1)^2}\,dx

    by the trapezium rule, which converges exponentially for an analytic integrand that decays on both sides.

    Args:
        beta: The inverse temperature :math:`\beta > 0` in units of the inverse barrier, a number up to 1e8.

    Returns:
        Nats, float64, shape ().

    Raises:
        ValueError: ``beta`` is not positive or above 1e8.
    """
    _, log_weight, step = _double_well(beta)
    return log_weight.logsumexp(0) + math.log(step)


def double_well_moment(beta, order):
    r"""Return the moment :math:`\langle x^n\rangle` of one particle in the double well :math:`V(x) = (x^2 - 1)^2`.

    Args:
        beta: The inverse temperature :math:`\beta > 0` in units of the inverse barrier, a number up to 1e8.
        order: :math:`n`, an integer of 0 or more.

    Returns:
        Float64, shape (); odd moments vanish.

    Raises:
        ValueError: ``beta`` is not positive or above 1e8, or ``order`` is not an integer of 0 or more.
    """
    if isinstance(order, bool) or not isinstance(order, int) or order < 0:
        raise ValueError(f"order is {order!r}, takes an integer of 0 or more")
    x, log_weight, _ = _double_well(beta)
    return log_weight.softmax(0) @ x.pow(order)


def _double_well(beta):
    """Points, their log-weights -beta V and the step of a grid that resolves both wells and their tails."""
    beta = float(beta)
    if not 0 < beta <= 1e8:
        raise ValueError(f"beta is {beta}, takes a number above 0 and up to 1e8")
    edge = math.sqrt(1 + math.sqrt(750 / beta))  # beta V = 750 there, and exp(-750) vanishes in float64
    width = min(1 / math.sqrt(8 * beta), beta**-0.25)  # of one well when deep, of both together when shallow
    half = math.ceil(10 * edge / width)
    x = torch.linspace(-edge, edge, 2 * half + 1, dtype=torch.float64)
    return x, -beta * (x.square() - 1).square(), edge / half


# ------------------------------------------------------------------------------------------ finite systems


def all_configurations(M, values=(0, 1), dtype=torch.float64, device=None):
    """Return all states of M binary units in binary counting order: row n holds the digits of n, the last unit fastest.

    Args:
        M: The number of units, from 1 to 25. The result takes 2^M M numbers: 8 MB in float64 for M = 16, 168 MB for
            M = 20 and 6.7 GB for M = 25; ``dtype=torch.int8`` takes an eighth of it.
        values: The two values of a unit, ``(0, 1)`` or ``(-1, 1)`` or any other two.
        dtype: The dtype of the result.
        device: Where the result lives.

    Returns:
        Shape (2^M, M).

    Raises:
        ValueError: M is not an integer from 1 to 25, or ``values`` is not two numbers.
    """
    if isinstance(M, bool) or not isinstance(M, int) or not 1 <= M <= 25:
        raise ValueError(f"M is {M!r}, takes an integer from 1 to 25 (the 2^M states are written out)")
    if len(values) != 2 or values[0] == values[1]:
        raise ValueError(f"values is {values!r}, takes two different numbers")
    states = torch.empty((2**M, M), dtype=dtype, device=device)
    for unit in range(M):
        column = states[:, unit].view(2**unit, 2, -1)
        column[:, 0], column[:, 1] = values
    return states


def single_site_kernels(log_prob):
    r"""Return the heat-bath transition matrix of each unit of an enumerated binary system (``def:gibbs-kernel``).

    The kernel of unit i redraws :math:`x_i` from its conditional distribution and leaves the others alone,

    .. math:: P^{(i)}_{xy} = \frac{p(y)}{p(y) + p(y^{(i)})} \quad\text{if } y_j = x_j \text{ for all } j \ne i ,
        \quad\text{else } 0 ,

    where :math:`y^{(i)}` is y with unit i flipped. A random scan is the mean of the kernels, a systematic sweep
    their product in the order of the units, ``torch.linalg.multi_dot(tuple(kernels))``.

    Args:
        log_prob: Log-probabilities, normalised or not, of the states in the order of :func:`all_configurations`, shape
            (2^M,) with M from 1 to 10.

    Returns:
        Row-stochastic matrices, shape (M, 2^M, 2^M).

    Raises:
        ValueError: ``log_prob`` does not have 2^M finite entries.
    """
    log_prob = _real("log_prob", log_prob)
    M = log_prob.numel().bit_length() - 1
    if log_prob.dim() != 1 or len(log_prob) != 2**M or not 1 <= M <= 10:
        raise ValueError(f"log_prob has shape {tuple(log_prob.shape)}, takes (2^M,) with M from 1 to 10")
    state = torch.arange(2**M, device=log_prob.device)
    kernels = torch.zeros((M, 2**M, 2**M), dtype=log_prob.dtype, device=log_prob.device)
    for unit in range(M):
        flipped = state ^ (1 << (M - 1 - unit))
        stay = torch.sigmoid(log_prob - log_prob[flipped])
        kernels[unit, state, state] = stay
        kernels[unit, state, flipped] = stay[flipped]
    return kernels


def stationary_distribution(P):
    r"""Return the stationary distribution of a finite Markov chain (``eq:stationarity``).

    .. math:: p^\top P = p^\top

    Args:
        P: The row-stochastic transition matrix :math:`P_{xy} = P(x\to y)`, shape (n, n).

    Returns:
        Probabilities, shape (n,).

    Raises:
        ValueError: ``P`` is not row-stochastic, or has more than one stationary distribution.
    """
    P = _stochastic(P)
    n = len(P)
    flow = P.mT - torch.eye(n, dtype=P.dtype, device=P.device)
    singular = torch.linalg.svdvals(flow)
    if n > 1 and not singular[-2] > n * torch.finfo(P.dtype).eps * max(1.0, singular[0].item()):
        raise ValueError("P has more than one stationary distribution, takes a chain with a single closed class")
    system = torch.cat([flow, flow.new_ones(1, n)])
    p = torch.linalg.lstsq(system, torch.cat([flow.new_zeros(n), flow.new_ones(1)])[:, None]).solution[:, 0]
    p = p.clamp(min=0)
    return p / p.sum()


def spectral_gap(P):
    r"""Return the spectral gap :math:`1 - \max_{k\ge 2}|\lambda_k|` of a finite Markov chain.

    Its inverse bounds the number of steps that the slowest mode takes to decay by a factor e. It is 0 for a chain that
    is reducible or periodic.

    Args:
        P: The row-stochastic transition matrix, shape (n, n) with n of 2 or more.

    Returns:
        Shape ().

    Raises:
        ValueError: ``P`` is not row-stochastic, or n is 1.
    """
    P = _stochastic(P)
    if len(P) < 2:
        raise ValueError("P has shape (1, 1), takes two states or more")
    return 1 - torch.linalg.eigvals(P).abs().sort(descending=True).values[1]


def detailed_balance_violation(P, p):
    r"""Return the largest net probability current, which ``eq:detailed-balance`` says is none.

    .. math:: \max_{xy}|p_x P_{xy} - p_y P_{yx}|

    Args:
        P: The row-stochastic transition matrix, shape (n, n).
        p: The distribution, shape (n,).

    Returns:
        Shape (); 0 to rounding if and only if the chain is reversible with respect to ``p``.

    Raises:
        ValueError: ``P`` is not row-stochastic or ``p`` is not a distribution over its states.
    """
    P, p = _stochastic(P), _distribution("p", p, False)
    if p.shape != P.shape[:1]:
        raise ValueError(f"p has shape {tuple(p.shape)}, takes ({len(P)},)")
    flow = p[:, None] * P
    return (flow - flow.mT).abs().max()


# ------------------------------------------------------------------------------------------ what they share


def _real(name, value, infinite=False):
    """A finite (or, for logarithms, -inf) real floating tensor; what is not a tensor becomes float64."""
    if not isinstance(value, torch.Tensor):
        value = torch.as_tensor(value, dtype=torch.float64)
    if value.is_complex() or value.numel() == 0:
        raise ValueError(f"{name} is {'empty' if value.numel() == 0 else 'complex'}, takes real numbers")
    value = value if value.is_floating_point() else value.to(torch.float64)
    if not (~value.isnan() & (value < torch.inf) if infinite else value.isfinite()).all():
        raise ValueError(f"{name} has values that are not finite")
    return value


def _rounding(value):
    """How far a sum of probabilities may be from 1."""
    return 1e-8 if value.dtype == torch.float64 else 1e-4


def _distribution(name, value, log):
    p = _real(name, value, log)
    p = p.exp() if log else p
    if p.dim() == 0:
        raise ValueError(f"{name} has shape (), takes (..., n)")
    if (p < 0).any():
        raise ValueError(f"{name} has negative probabilities{'' if log else ' (give log=True for logarithms)'}")
    worst = (p.sum(-1) - 1).abs().max().item()
    if not worst <= _rounding(p):
        raise ValueError(f"{name} has a sum that differs from 1 by {worst:.3g}, takes probabilities of sum 1")
    return p


def _stochastic(P):
    P = _real("P", P)
    if P.dim() != 2 or P.shape[0] != P.shape[1]:
        raise ValueError(f"P has shape {tuple(P.shape)}, takes a square matrix (n, n)")
    return _distribution("P, in a row,", P, False)


def _cholesky(name, cov):
    cov = _real(name, cov)
    if cov.dim() < 2 or cov.shape[-1] != cov.shape[-2]:
        raise ValueError(f"{name} has shape {tuple(cov.shape)}, takes (..., D, D)")
    asymmetry = (cov - cov.mT).abs().max()
    if not asymmetry <= 100 * torch.finfo(cov.dtype).eps * cov.abs().max():
        raise ValueError(f"{name} is not symmetric: it differs from its transpose by {asymmetry.item():.3g}")
    factor, failed = torch.linalg.cholesky_ex(cov)
    if failed.any():
        raise ValueError(f"{name} is not positive definite")
    return factor


def _half_log_det(factor):
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def _vectors(name, value, factor):
    value = _real(name, value)
    if value.dim() == 0 or value.shape[-1] != factor.shape[-1]:
        raise ValueError(f"{name} has shape {tuple(value.shape)}, takes (..., D) with D = {factor.shape[-1]}")
    return value
