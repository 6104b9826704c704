"""Bounds and likelihoods against divergences of torch.distributions, entropies and exact densities."""

import math

import pytest
import torch
from diffusion_cases import (
    COVARIANCES,
    ENTROPY,
    LINE,
    MEAN,
    MEANS,
    VARIANCE,
    WEIGHTS,
    assert_close,
    assert_within,
    best_variance,
    check_bound,
    expected_bound,
    full,
    gauss_hermite,
    gaussian,
    generator,
    log_marginal,
    noises,
    randn,
    scaled,
    slope,
)
from promise import args
from torch import distributions as D

from genphys import diffusion


def test_bound_is_the_entropy_for_a_gaussian_with_the_optimal_variance():
    check_bound()
    assert expected_bound(1000, best_variance(scaled(1000)))[1].item() == pytest.approx(0.72579, abs=1e-5)
    # a schedule that does not reach noise: the entropy and what is missing at the end
    with pytest.warns(UserWarning, match="alpha_bar_T = 0.132"):
        short = diffusion.linear_schedule(200)
    bar = short.alpha_bar[-1]
    missing = D.kl_divergence(D.Normal(bar.sqrt() * MEAN, (bar * VARIANCE + 1 - bar).sqrt()), D.Normal(0.0, 1.0))
    total = expected_bound(200, best_variance(short), schedule=short)[1]
    assert_close(total, ENTROPY + missing, 1e-11)
    assert missing > 0.008


@pytest.mark.parametrize(("T", "exact"), [(50, 0.74783), (1000, 0.72689)])
def test_bound_with_the_variance_beta(T, exact):
    assert expected_bound(T, "beta")[1].item() == pytest.approx(exact, abs=1e-5)


def test_terms_of_the_bound_are_divergences_of_torch_distributions():
    schedule = scaled(25)
    x0, z = randn(4, 3), randn(25, 4, 3, seed=1)
    bar, beta = schedule.alpha_bar, schedule.beta

    def denoise(x, t):  # any function, not exact
        return torch.tanh(x) + 0.1 * t[:, None] / 25

    for variance in ("posterior", "beta", best_variance(schedule)):
        with noises(lambda k, x: z[k]):
            bound = diffusion.vlb(denoise, schedule, x0, rng=generator(), variance=variance)
        assert bound.prior.shape == bound.total.shape == (4,) and bound.denoising.shape == (4, 25)
        end = D.Normal(bar[-1].sqrt() * x0, (1 - bar[-1]).sqrt())
        assert_close(bound.prior, D.kl_divergence(end, D.Normal(torch.zeros(()), 1.0)).sum(1))
        for t in range(1, 26):
            x = bar[t].sqrt() * x0 + (1 - bar[t]).sqrt() * z[t - 1]
            of_x, of_x0 = (
                (1 - beta[t]).sqrt() * (1 - bar[t - 1]) / (1 - bar[t]),
                bar[t - 1].sqrt() * beta[t] / (1 - bar[t]),
            )
            tilde = (1 - bar[t - 1]) / (1 - bar[t]) * beta[t]
            estimate = denoise(x, full(t, x))
            spread = beta[t] if variance == "beta" or (t == 1 and isinstance(variance, str)) else tilde
            spread = spread if isinstance(variance, str) else variance[t]
            model = D.Normal(of_x * x + of_x0 * estimate, spread.sqrt())
            if t == 1:
                exact = -model.log_prob(x0).sum(1)
            else:
                exact = D.kl_divergence(D.Normal(of_x * x + of_x0 * x0, tilde.sqrt()), model).sum(1)
            assert_close(bound.denoising[:, t - 1], exact, 1e-11)
        assert_close(bound.total, bound.prior + bound.denoising.sum(1))


def test_bound_of_a_mixture_is_above_the_entropy_and_falls_towards_it():
    """-log p of the data is at least the entropy on average; quadrature over x_0, many draws of noise."""
    x0 = torch.linspace(-4, 4, 161)
    log_data = diffusion.mixture_log_prob(scaled(25), *LINE, x0[:, None], full(0, x0))
    weight = log_data.exp() * 0.05
    entropy = -(weight * log_data).sum()
    gaps = []
    nodes, node_weights = gauss_hermite(12)
    rows = x0.repeat_interleave(12)[:, None]
    for T in (25, 100, 400):
        schedule = scaled(T)
        with noises(lambda k, x: nodes.repeat(161)[:, None]):
            bound = diffusion.vlb(
                diffusion.mixture_denoiser(schedule, *LINE), schedule, rows, rng=generator(), variance="beta"
            )
        gaps.append(((weight[:, None] * node_weights).flatten() @ bound.total - entropy).item())
    assert gaps[0] > gaps[1] > gaps[2] > 0
    assert slope([25, 100, 400], gaps) == pytest.approx(-1, abs=0.15)


def test_work_of_a_path_is_a_ratio_of_two_densities_of_it():
    schedule = diffusion.linear_schedule(6, 0.1, 0.7)
    path, beta, bar = randn(7, 3, 2), schedule.beta, schedule.alpha_bar

    def denoise(x, t):
        return torch.tanh(x) + 0.1 * t[:, None] / 6

    for variance in ("posterior", "beta", best_variance(schedule)):
        found = diffusion.path_work(denoise, schedule, path, variance=variance)
        expected = -D.Normal(torch.zeros(()), 1.0).log_prob(path[6]).sum(1)
        for t in range(1, 7):
            mean, tilde = diffusion.posterior(schedule, path[t], denoise(path[t], full(t, path[t])), full(t, path[t]))
            spread = (
                {"beta": beta[t], "posterior": tilde if t > 1 else beta[1]}.get(variance)
                if isinstance(variance, str)
                else variance[t]
            )
            chain = D.Normal((bar[t] / bar[t - 1]).sqrt() * path[t - 1], beta[t].sqrt())
            expected = expected + chain.log_prob(path[t]).sum(1)
            expected = expected - D.Normal(mean, torch.as_tensor(spread).sqrt()).log_prob(path[t - 1]).sum(1)
        assert found.shape == (3,)
        assert_close(found, expected, 1e-11)


def test_mean_work_is_the_bound():
    """The work of many paths from one point, against the bound with its terms averaged."""
    schedule, n = diffusion.linear_schedule(6, 0.1, 0.7), 40_000
    x0, states = torch.tensor([[0.9, -0.4]]), [torch.tensor([[0.9, -0.4]]).expand(n, 2)]
    dice = generator()
    for t in range(1, 7):
        noise = torch.randn(n, 2, generator=dice)
        states.append(diffusion.forward_step(schedule, states[-1], full(t, states[-1]), noise))
    denoise = diffusion.mixture_denoiser(schedule, WEIGHTS, MEANS, COVARIANCES)
    work = diffusion.path_work(denoise, schedule, torch.stack(states), variance="beta")
    bound = diffusion.vlb(denoise, schedule, x0.expand(n, 2), rng=dice, variance="beta").total
    assert_within(work.mean(), torch.hypot(work.std(), bound.std()) / n**0.5, bound.mean())


def test_prior_mismatch_against_quadrature():
    data = torch.tensor([[-1.0], [0.5], [2.0]])
    with pytest.warns(UserWarning, match="not noise"):
        schedule = diffusion.linear_schedule(5, 0.1, 0.3)
    bar = schedule.alpha_bar[-1]
    x = torch.linspace(-8, 8, 4001)
    log_q = D.Normal(bar.sqrt() * data[:, 0], (1 - bar).sqrt()).log_prob(x[:, None]).logsumexp(1) - math.log(3)
    exact = (log_q.exp() * (log_q - D.Normal(0.0, 1.0).log_prob(x))).sum() * (16 / 4000)
    found, stderr = diffusion.prior_mismatch(schedule, data, rng=generator(), samples=20_000)
    assert 0 < stderr < 0.01
    assert_within(found, stderr, exact)
    assert found < diffusion.prior_term(schedule, data).mean()
    # in many dimensions, the other components all zero: the divergences add
    wide = torch.cat([data, torch.zeros(3, 9)], 1).reshape(3, 1, 2, 5)
    rest = 9 * 0.5 * ((1 - bar) - 1 - torch.log(1 - bar))
    found, stderr = diffusion.prior_mismatch(schedule, wide, rng=generator(1), samples=20_000)
    assert_within(found, stderr, exact + rest)


def test_prior_term():
    schedule, x0 = scaled(30), randn(4, 1, 3, 2)
    bar = schedule.alpha_bar[-1]
    exact = (
        D.kl_divergence(D.Normal(bar.sqrt() * x0, (1 - bar).sqrt()), D.Normal(torch.zeros(()), 1.0)).flatten(1).sum(1)
    )
    assert_close(diffusion.prior_term(schedule, x0), exact)
    assert diffusion.prior_term(schedule, x0.float()).dtype == torch.float32


def test_log_likelihood_converges_to_the_exact_density_of_a_mixture():
    u = 11 * (torch.arange(257) / 256) ** 3  # a smooth clock that is fine near the data; alpha_bar_T = e^-22
    schedule = diffusion.Schedule(-torch.expm1(-2 * (u[1:] - u[:-1])))
    denoise = diffusion.mixture_denoiser(schedule, WEIGHTS, MEANS, COVARIANCES)
    x = 1.2 * randn(6, 2, seed=8)
    exact = log_marginal(schedule, x, 1)
    counts = [64, 128, 256]
    found = [diffusion.log_likelihood(denoise, schedule, x, steps=n) for n in counts]
    assert found[0].shape == (6,) and not found[0].requires_grad
    errors = [(part - exact).abs().max().item() for part in found]
    assert slope(counts, errors) == pytest.approx(-2, abs=0.1), errors
    assert_close((4 * found[2] - found[1]) / 3, exact, 2e-4)  # Richardson: the term of second order drops out


def test_hutchinsons_estimate_is_unbiased():
    T = 24
    schedule = diffusion.linear_schedule(T, 2 / T, 18 / T)
    denoise = diffusion.mixture_denoiser(schedule, WEIGHTS, MEANS, COVARIANCES)
    x = torch.tensor([[0.4, 0.1], [-0.5, 1.0]])
    exact = diffusion.log_likelihood(denoise, schedule, x)
    n = 3000
    many = x.repeat(n, 1)  # every row has its own signs
    found = diffusion.log_likelihood(denoise, schedule, many, probes=1, rng=generator()).reshape(n, 2)
    assert found.std(0).min() > 0.05
    assert_within(found.mean(0), found.std(0) / n**0.5, exact)
    more = diffusion.log_likelihood(denoise, schedule, many[:2000], probes=4, rng=generator()).reshape(1000, 2)
    assert_within(more.mean(0), more.std(0) / 1000**0.5, exact)
    ratio = (found.var(0) / more.var(0)).log2()
    assert (ratio - 2).abs().max() < 0.5


CHAIN, X = scaled(30), randn(2, 1)
IDENTITY = gaussian(CHAIN, 0.0, 1.0)
REFUSED = {
    "zero variance": (diffusion.vlb, args(IDENTITY, CHAIN, X, rng=generator(), variance=torch.zeros(31)), "variance"),
    "name of a variance": (diffusion.vlb, args(IDENTITY, CHAIN, X, rng=generator(), variance="small"), "variance"),
    "work of one path": (diffusion.path_work, args(IDENTITY, CHAIN, randn(31, 1)), "path is"),
    "work of a shorter path": (diffusion.path_work, args(IDENTITY, CHAIN, randn(30, 2, 1)), "path is"),
    "infinite work": (
        diffusion.path_work,
        args(IDENTITY, CHAIN, randn(31, 2, 1), variance=torch.zeros(31)),
        "variance",
    ),
    "one sample": (diffusion.prior_mismatch, args(CHAIN, X, rng=generator(), samples=1), "samples is 1"),
    "no probes": (diffusion.log_likelihood, args(IDENTITY, CHAIN, X, probes=0, rng=generator()), "probes is 0"),
    "probes without chance": (diffusion.log_likelihood, args(IDENTITY, CHAIN, X, probes=1), "rng is None"),
    "not from noise": (diffusion.log_likelihood, args(IDENTITY, CHAIN, X, steps=[20, 1]), "steps .*a list from T = 30"),
    "out of order": (diffusion.log_likelihood, args(IDENTITY, CHAIN, X, steps=[5, 30]), "steps"),
    "prior of one axis": (diffusion.prior_term, args(CHAIN, X[0]), "x0 is"),
    "bound of one axis": (diffusion.vlb, args(IDENTITY, CHAIN, X[0], rng=generator()), "x0 is"),
    "mismatch of one axis": (diffusion.prior_mismatch, args(CHAIN, X[0], rng=generator()), "x0 is"),
    "likelihood of one axis": (diffusion.log_likelihood, args(IDENTITY, CHAIN, X[0]), "x is"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    function, call, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        function(*call.args, **call.kwargs)
