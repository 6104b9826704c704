"""The closed forms, against SciPy, PyTorch's distributions, quadrature, automatic differentiation and Monte Carlo."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats
from scipy.spatial import distance

from genphys import exact

D = torch.float64


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=D, generator=generator(seed))


def covariance(dim, seed=0):
    a = normal(dim, dim + 2, seed=seed)
    return a @ a.mT / dim + 0.1 * torch.eye(dim, dtype=D)


def close(found, expected, atol=1e-12):
    torch.testing.assert_close(
        torch.as_tensor(found, dtype=D), torch.as_tensor(expected, dtype=D), rtol=1e-12, atol=atol
    )


# ---------------------------------------------------------------------------------------------- Gaussians


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
    assert float(exact.gaussian_kl([-0.5], [[0.49]], [1.0], [[4.0]])) == pytest.approx(integral, abs=1e-11)


def test_diagonal_gaussian_kl_is_the_full_one_and_keeps_its_digits():
    mean, log_var = normal(5, 3), normal(5, 3, seed=1)
    zero, one = torch.zeros(3, dtype=D), torch.eye(3, dtype=D)
    full = exact.gaussian_kl(mean, torch.diag_embed(log_var.exp()), zero, one)
    close(exact.diagonal_gaussian_kl(mean, log_var), full)
    # (1/2)(e^v - 1 - v) = v^2 / 4 + v^3 / 12 + ...
    assert float(exact.diagonal_gaussian_kl([0.0], [1e-6])) == pytest.approx(0.25e-12, rel=1e-3)


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
    score = exact.mixture_score(far, [0.5, 0.5], [[-1.0, 0.0], [1.0, 0.0]], [1.0, 1.0])
    close(score, -(far - torch.tensor([1.0, 0.0], dtype=D)))


# --------------------------------------------------------------------------- divergences of distributions


def distributions(*shape, seed=0):
    return normal(*shape, seed=seed).softmax(-1)


def test_entropy_and_divergences_agree_with_scipy():
    p, q = distributions(4, 6), distributions(4, 6, seed=1)
    close(exact.entropy(p), stats.entropy(p.numpy(), axis=-1))
    close(exact.kl_divergence(p, q), stats.entropy(p.numpy(), q.numpy(), axis=-1))
    close(exact.jensen_shannon(p, q), distance.jensenshannon(p.numpy(), q.numpy(), axis=-1) ** 2)
    close(exact.entropy(p.log(), log=True), exact.entropy(p))
    close(exact.kl_divergence(p.log(), q.log(), log=True), exact.kl_divergence(p, q))
    close(exact.jensen_shannon(p.log(), q.log(), log=True), exact.jensen_shannon(p, q))


def test_divergences_at_vanishing_probabilities():
    p, q = torch.tensor([0.5, 0.5, 0.0], dtype=D), torch.tensor([0.0, 0.0, 1.0], dtype=D)
    close(exact.entropy(p), math.log(2))
    assert exact.kl_divergence(p, q) == math.inf
    close(exact.kl_divergence(p, torch.full((3,), 1 / 3, dtype=D)), math.log(3 / 2))
    close(exact.jensen_shannon(p, q), math.log(2))  # disjoint supports
    log_p, log_q = p.log(), torch.tensor([-1.0, -1.0, 0.0], dtype=D).log_softmax(0)
    close(exact.kl_divergence(log_p, log_q, log=True), 1 - math.log(2) + math.log(1 + 2 / math.e))


def test_kl_from_logarithms_keeps_probabilities_that_underflow():
    log_p = torch.tensor([0.0, -2.0], dtype=D).log_softmax(0)
    log_q = torch.tensor([0.0, -2000.0], dtype=D).log_softmax(0)
    p = log_p.exp()
    close(exact.kl_divergence(log_p, log_q, log=True), p[0] * log_p[0] + p[1] * (log_p[1] + 2000))
    assert exact.kl_divergence(p, log_q.exp()) == math.inf


def test_jensen_shannon_of_two_gaussians_to_all_printed_digits():
    x = torch.linspace(-12, 13, 2001, dtype=D)
    log_p, log_q = (-0.5 * (x - m).square() - 0.5 * math.log(2 * math.pi) for m in (0.0, 1.0))
    found = exact.jensen_shannon_on_grid(log_p, log_q, x)
    assert f"{found:.6f}" == "0.111421"

    def integrand(t):
        p, q = stats.norm.pdf(t), stats.norm.pdf(t - 1)
        return (special.rel_entr(p, (p + q) / 2) + special.rel_entr(q, (p + q) / 2)) / 2

    integral, _ = integrate.quad(integrand, -12, 13, epsabs=1e-13, limit=200)
    assert float(found) == pytest.approx(integral, abs=1e-11)


def test_jensen_shannon_on_a_grid_of_disjoint_densities_is_ln_2():
    x = torch.linspace(0, 2, 4001, dtype=D)
    log_p = torch.where(x < 1, torch.zeros_like(x), -math.inf)
    log_q = torch.where(x >= 1, torch.zeros_like(x), -math.inf)
    # the trapezium rule is off by half a step at each jump
    assert float(exact.jensen_shannon_on_grid(log_p, log_q, x)) == pytest.approx(math.log(2), abs=5e-4)


# ------------------------------------------------------------- probabilistic principal component analysis


def linear_data(n=400, dim=6, k=2, seed=0):
    W = 2 * normal(dim, k, seed=seed)
    return normal(n, k, seed=seed + 1) @ W.mT + 0.5 * normal(n, dim, seed=seed + 2) + normal(dim, seed=seed + 3)


def test_ppca_fit_is_a_stationary_point_and_a_maximum_of_the_likelihood():
    x = linear_data()
    W, sigma2, mean = (p.requires_grad_() for p in exact.ppca_fit(x, 2))
    log_evidence = exact.ppca_log_evidence(x, W, sigma2, mean).mean()
    for gradient in torch.autograd.grad(log_evidence, (W, sigma2, mean)):
        close(gradient, torch.zeros_like(gradient), atol=1e-10)
    for seed in range(20):  # nearby parameters are less likely
        shifted = (
            W + 0.05 * normal(*W.shape, seed=seed),
            sigma2 * (1 + 0.05 * normal(1, seed=seed)[0]),
            mean + 0.05 * normal(6, seed=seed),
        )
        assert exact.ppca_log_evidence(x, *shifted).mean() < log_evidence


def test_ppca_fit_reproduces_the_leading_covariance():
    x = linear_data()
    W, sigma2, mean = exact.ppca_fit(x, 2)
    values, vectors = np.linalg.eigh(np.cov(x.numpy().T, bias=True))
    model = W @ W.mT + sigma2 * torch.eye(6, dtype=D)
    for j in (-1, -2):
        close(model @ torch.from_numpy(vectors[:, j].copy()), values[j] * vectors[:, j], atol=1e-11)
    close(sigma2, values[:4].mean())
    close(mean, x.numpy().mean(0))
    assert (W.gather(0, W.abs().argmax(0, keepdim=True)) > 0).all()


def test_ppca_fit_recovers_the_model_that_made_the_data():
    n = 200_000
    W = torch.tensor([[2.0, 0.0], [1.0, 1.0], [0.0, 1.5], [-1.0, 0.5]], dtype=D)
    x = normal(n, 2, seed=1) @ W.mT + 0.5 * normal(n, 4, seed=2)
    fitted, sigma2, _ = exact.ppca_fit(x, 2)
    # the standard error of a covariance is at most sqrt(2 / n) times the largest variance, here 5.25
    close(fitted @ fitted.mT, W @ W.mT, atol=4 * 5.25 * math.sqrt(2 / n) * 2)
    assert float(sigma2) == pytest.approx(0.25, abs=4 * 0.25 * math.sqrt(2 / (2 * n)))


def test_ppca_evidence_is_that_of_the_full_covariance_and_posterior_obeys_bayes():
    x, W, sigma2, mean = linear_data(10), normal(6, 2, seed=8), torch.tensor(0.3, dtype=D), normal(6, seed=9)
    log_evidence = exact.ppca_log_evidence(x, W, sigma2, mean)
    identity = torch.eye(6, dtype=D)
    close(log_evidence, exact.gaussian_log_prob(x, mean, W @ W.mT + sigma2 * identity), atol=1e-10)
    posterior_mean, posterior_cov = exact.ppca_posterior(x, W, sigma2, mean)
    h = normal(10, 2, seed=10)  # ln p(x) = ln p(x|h) + ln p(h) - ln p(h|x) for any h
    joint = exact.gaussian_log_prob(x, h @ W.mT + mean, sigma2 * identity)
    joint = joint + exact.gaussian_log_prob(h, torch.zeros(2, dtype=D), torch.eye(2, dtype=D))
    close(joint - exact.gaussian_log_prob(h, posterior_mean, posterior_cov), log_evidence, atol=1e-10)


# -------------------------------------------------------------------------------------------- double well


def test_double_well_to_all_printed_digits():
    assert f"{exact.double_well_log_partition(1):.6f}" == "0.679926"
    assert f"{exact.double_well_moment(1.0, 2):.6f}" == "0.832745"
    close(exact.double_well_moment(2.0, 3), 0.0)
    close(exact.double_well_moment(2.0, 0), 1.0)


@pytest.mark.parametrize("beta", [1e-8, 1e-3, 0.3, 1.0, 7.0, 1e3, 1e6])
def test_double_well_agrees_with_bessel_functions_and_quadrature(beta):
    # Z = (pi / 2) e^{-beta/2} [I_{-1/4}(beta/2) + I_{1/4}(beta/2)]; ive carries the exponential
    bessel = math.log(math.pi / 2 * (special.ive(-0.25, beta / 2) + special.ive(0.25, beta / 2)))
    assert float(exact.double_well_log_partition(beta)) == pytest.approx(bessel, abs=1e-12)
    step = 1e-4 * beta  # <V> = -d ln Z / d beta, by central differences
    up, down = (float(exact.double_well_log_partition(beta + d)) for d in (step, -step))
    m2, m4 = (float(exact.double_well_moment(beta, k)) for k in (2, 4))
    # the difference is off by (step/beta)^2 of <V>, and by rounding over the step
    assert beta * (m4 - 2 * m2 + 1) == pytest.approx(-(up - down) / 2e-4, abs=1e-7)


# ------------------------------------------------------------------------------------------ finite systems


def test_all_configurations_counts_in_binary():
    states = exact.all_configurations(5)
    assert states.tolist() == [list(map(float, s)) for s in itertools.product((0, 1), repeat=5)]
    signs = exact.all_configurations(5, values=(-1, 1), dtype=torch.int8)
    assert signs.dtype == torch.int8 and torch.equal(signs.double(), 2 * states - 1)
    assert exact.all_configurations(20, dtype=torch.int8).sum() == 20 * 2**19


def test_single_site_kernels_are_the_heat_bath():
    M = 4
    log_p = normal(2**M, seed=1) * 2
    p, states = log_p.softmax(0), exact.all_configurations(M)
    kernels = exact.single_site_kernels(log_p + 128.0)  # the constant drops out, but for its last digit
    for i in range(M):
        for x in range(2**M):
            for y in range(2**M):
                rest = [j for j in range(M) if j != i]
                same = (states[:, rest] == states[x, rest]).all(1)
                expected = p[y] / p[same].sum() if same[y] else 0.0
                assert float(kernels[i, x, y]) == pytest.approx(float(expected), abs=128 * 2.3e-16)
    sweep = torch.linalg.multi_dot(tuple(kernels))
    scan = kernels.mean(0)
    for P in (*kernels, sweep, scan):
        close(p @ P, p, atol=128 * 2.3e-16)
    assert exact.detailed_balance_violation(scan, p) < 128 * 2.3e-16
    assert exact.detailed_balance_violation(sweep, p) > 1e-3
    for P in (sweep, scan):
        close(exact.stationary_distribution(P), p, atol=1e-12)


def test_single_site_kernels_do_not_overflow():
    kernels = exact.single_site_kernels(torch.tensor([1e4, -1e4, 0.0, 5.0], dtype=D))
    close(kernels.sum(-1), torch.ones(2, 4))
    assert kernels[1, 1, 0] == 1 and kernels[1, 0, 1] == 0


def test_two_state_chain_in_closed_form():
    a, b = 0.3, 0.1
    P = torch.tensor([[1 - a, a], [b, 1 - b]], dtype=D)
    p = exact.stationary_distribution(P)
    close(p, [b / (a + b), a / (a + b)])
    close(exact.spectral_gap(P), a + b)
    assert exact.detailed_balance_violation(P, p) < 1e-15
    uniform = torch.full((2,), 0.5, dtype=D)
    close(exact.detailed_balance_violation(P, uniform), (a - b) / 2)


def test_a_driven_ring_is_stationary_but_carries_a_current():
    n, forward, back = 5, 0.5, 0.2
    shift = torch.eye(n, dtype=D).roll(1, 1)
    P = forward * shift + back * shift.mT + (1 - forward - back) * torch.eye(n, dtype=D)
    p = exact.stationary_distribution(P)
    close(p, torch.full((n,), 1 / n, dtype=D))
    close(exact.detailed_balance_violation(P, p), (forward - back) / n)
    k = 2 * math.pi / n  # eigenvalues f e^{ik} + b e^{-ik} + rest
    slowest = max(
        abs(forward * np.exp(1j * k * m) + back * np.exp(-1j * k * m) + 1 - forward - back) for m in range(1, n)
    )
    close(exact.spectral_gap(P), 1 - slowest)


def test_distance_to_stationarity_decays_with_the_spectral_gap():
    log_p = normal(8, seed=3)
    P, p = exact.single_site_kernels(log_p).mean(0), log_p.softmax(0)
    start = torch.eye(8, dtype=D)[0]
    far, near = ((start @ torch.linalg.matrix_power(P, t) - p).abs().sum() for t in (80, 81))
    close(near / far, 1 - exact.spectral_gap(P), atol=1e-4)  # faster modes have died out


def test_periodic_and_reducible_chains():
    swap = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=D)
    close(exact.stationary_distribution(swap), [0.5, 0.5])
    close(exact.spectral_gap(swap), 0.0)
    absorbing = torch.tensor([[1.0, 0.0], [0.5, 0.5]], dtype=D)
    close(exact.stationary_distribution(absorbing), [1.0, 0.0])
    with pytest.raises(ValueError, match="more than one stationary distribution"):
        exact.stationary_distribution(torch.eye(3, dtype=D))


# ---------------------------------------------------------------------------------------------- bad input

EYE = torch.eye(2, dtype=D)
GRID = torch.linspace(-9, 9, 101, dtype=D)
LOG_NORMAL = -0.5 * GRID.square() - 0.5 * math.log(2 * math.pi)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: exact.gaussian_log_prob([1.0], [0.0, 0.0], EYE), r"x has shape \(1,\), takes .* D = 2"),
        (lambda: exact.gaussian_log_prob([1.0, math.nan], [0.0, 0.0], EYE), "x has values that are not finite"),
        (lambda: exact.gaussian_entropy(-EYE), "cov is not positive definite"),
        (lambda: exact.gaussian_entropy([[1.0, 0.5], [0.0, 1.0]]), "cov is not symmetric"),
        (lambda: exact.gaussian_entropy(torch.ones(3)), r"cov has shape \(3,\)"),
        (lambda: exact.gaussian_kl([0.0, 0.0], EYE, [0.0], [[1.0]]), "cov_q has D = 2 and cov_p D = 1"),
        (lambda: exact.gaussian_kl([0.0], EYE, [0.0, 0.0], EYE), r"mean_q has shape \(1,\)"),
        (lambda: exact.diagonal_gaussian_kl(torch.ones(2), torch.ones(3)), r"shapes \(2,\) and \(3,\)"),
        (lambda: exact.mixture_log_prob([0.0], [0.7, 0.7], [[0.0], [1.0]], [1.0, 1.0]), "weights has a sum"),
        (lambda: exact.mixture_log_prob([0.0], [1.0], [[0.0], [1.0]], [1.0, 1.0]), "weights and means"),
        (lambda: exact.mixture_score([0.0], [1.0], [[0.0]], [[1.0, 1.0]]), r"covs has shape \(1, 2\)"),
        (lambda: exact.mixture_score([0.0], [1.0], [[0.0]], [-1.0]), "covs is not positive definite"),
        (lambda: exact.entropy([0.5, 0.4]), "p has a sum that differs from 1 by 0.1"),
        (lambda: exact.entropy([-0.5, 1.5]), "p has negative probabilities .give log=True"),
        (lambda: exact.entropy(1.0), r"p has shape \(\)"),
        (lambda: exact.entropy(torch.ones(1, dtype=torch.complex64)), "p is complex"),
        (lambda: exact.kl_divergence([0.5, 0.5], [1.0]), "p has 2 states and q 1"),
        (lambda: exact.jensen_shannon([0.5, 0.5], [1.0]), "p has 2 states and q 1"),
        (lambda: exact.kl_divergence([], []), "p is empty"),
        (lambda: exact.jensen_shannon_on_grid(LOG_NORMAL, LOG_NORMAL[:-1], GRID), "log_p, log_q and x have shapes"),
        (lambda: exact.jensen_shannon_on_grid(LOG_NORMAL, LOG_NORMAL, -GRID), "x does not increase"),
        (lambda: exact.jensen_shannon_on_grid(LOG_NORMAL, LOG_NORMAL + 1, GRID), r"log_q integrates to 2\.718"),
        (lambda: exact.ppca_fit(torch.ones(3), 1), r"x has shape \(3,\)"),
        (lambda: exact.ppca_fit(normal(9, 3), 3), "k is 3, takes an integer from 1 to D - 1 = 2"),
        (lambda: exact.ppca_fit(normal(9, 1) @ normal(1, 3), 1), "no variance beyond k = 1"),
        (lambda: exact.ppca_log_evidence(normal(4, 3), normal(3), 1.0, normal(3)), r"W has shape \(3,\)"),
        (lambda: exact.ppca_log_evidence(normal(4, 3), normal(3, 1), 0.0, normal(3)), r"sigma2 is 0\.0"),
        (lambda: exact.ppca_posterior(normal(4, 2), normal(3, 1), 1.0, normal(3)), "x and mean have shapes"),
        (lambda: exact.double_well_log_partition(0.0), r"beta is 0\.0"),
        (lambda: exact.double_well_log_partition(math.inf), "beta is inf"),
        (lambda: exact.double_well_moment(1.0, -1), "order is -1"),
        (lambda: exact.all_configurations(26), "M is 26, takes an integer from 1 to 25"),
        (lambda: exact.all_configurations(3.0), r"M is 3\.0"),
        (lambda: exact.all_configurations(3, values=(1, 1)), r"values is \(1, 1\)"),
        (lambda: exact.single_site_kernels(torch.zeros(6)), r"log_prob has shape \(6,\)"),
        (lambda: exact.single_site_kernels(torch.zeros(1)), r"log_prob has shape \(1,\)"),
        (lambda: exact.single_site_kernels(torch.zeros(2**11)), "M from 1 to 10"),
        (lambda: exact.stationary_distribution(torch.ones(2, 2)), "P, in a row, has a sum"),
        (lambda: exact.stationary_distribution(torch.ones(2, 3) / 3), r"P has shape \(2, 3\)"),
        (lambda: exact.spectral_gap(torch.ones(1, 1)), r"P has shape \(1, 1\)"),
        (lambda: exact.detailed_balance_violation(EYE, [1.0]), r"p has shape \(1,\), takes \(2,\)"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
