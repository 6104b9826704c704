"""Denoisers against Tweedie's formula with automatic differentiation, quadrature and conditioning."""

import math

import pytest
import torch
from diffusion_cases import (
    COVARIANCES,
    F64,
    KINDS,
    MEANS,
    WEIGHTS,
    Spy,
    assert_close,
    check_denoiser_of_a_mixture,
    exact_flow,
    full,
    log_marginal,
    randn,
    scaled,
)
from promise import args
from torch import distributions as D
from torch import nn

from genphys import diffusion


def test_exact_denoiser_of_a_mixture_by_tweedie_and_autograd():
    check_denoiser_of_a_mixture()


def test_log_density_of_a_mixture():
    schedule = scaled(30)
    for t in (0, 1, 15, 30):
        x = 1.5 * randn(30, 2, seed=t)
        found = diffusion.mixture_log_prob(schedule, WEIGHTS, MEANS, COVARIANCES, x, full(t, x))
        assert_close(found, log_marginal(schedule, x, t))
    far = torch.tensor([[1e4, -1e4]])
    assert torch.isfinite(diffusion.mixture_log_prob(schedule, WEIGHTS, MEANS, COVARIANCES, far, full(1, far))).all()
    denoise = diffusion.mixture_denoiser(schedule, WEIGHTS, MEANS, COVARIANCES)
    assert torch.isfinite(denoise(far, full(1, far))).all()
    x = randn(4, 2)
    assert_close(denoise(x, full(0, x)), x)  # without noise the data is known


def test_exact_denoiser_of_a_mixture_by_quadrature():
    schedule = scaled(30)
    weights, means, variances = (
        torch.tensor([0.2, 0.5, 0.3]),
        torch.tensor([-1.0, 0.2, 2.0]),
        torch.tensor([0.2, 0.1, 0.5]),
    )
    denoise = diffusion.mixture_denoiser(schedule, weights, means[:, None], variances[:, None, None])
    x0 = torch.linspace(-8, 8, 8001)
    log_data = (weights.log() + D.Normal(means, variances.sqrt()).log_prob(x0[:, None])).logsumexp(1)
    x = torch.linspace(-3, 3, 9)
    for t in (1, 4, 15, 30):
        bar = schedule.alpha_bar[t]
        joint = log_data + D.Normal(bar.sqrt() * x0, (1 - bar).sqrt()).log_prob(x[:, None])
        assert_close(denoise(x[:, None], full(t, x))[:, 0], joint.softmax(1) @ x0)
        log_q = joint.logsumexp(1) + math.log(16 / 8000)
        args = (weights, means[:, None], variances[:, None, None])
        assert_close(diffusion.mixture_log_prob(schedule, *args, x[:, None], full(t, x)), log_q)


def test_exact_denoiser_of_a_gaussian_by_conditioning():
    schedule, d = scaled(30), 3
    root = randn(d, d, seed=3)
    mean, covariance = randn(d, seed=4), root @ root.T + 0.1 * torch.eye(d)
    denoise = diffusion.gaussian_denoiser(schedule, mean, covariance)
    x, t = randn(5, d), torch.tensor([1, 2, 10, 20, 30])
    for i in range(5):
        bar = schedule.alpha_bar[t[i]]
        gain = bar.sqrt() * covariance @ torch.linalg.inv(bar * covariance + (1 - bar) * torch.eye(d))
        assert_close(denoise(x, t)[i], mean + gain @ (x[i] - bar.sqrt() * mean))


def test_exact_denoiser_of_a_finite_data_set():
    schedule = diffusion.cosine_schedule(20)
    data = randn(6, 1, 2, 2, seed=5)
    denoise = diffusion.data_denoiser(schedule, data)
    for t in (1, 6, 14, 20):
        bar = schedule.alpha_bar[t]
        x = (bar.sqrt() * data[:4] + (1 - bar).sqrt() * randn(4, 1, 2, 2)).requires_grad_()
        log_q = (-0.5 * (x[:, None] - bar.sqrt() * data).square().sum((2, 3, 4)) / (1 - bar)).logsumexp(1)
        (score,) = torch.autograd.grad(log_q.sum(), x)
        x = x.detach()
        assert_close(denoise(x, full(t, x)), (x + (1 - bar) * score) / bar.sqrt(), 1e-11)
    near = data + 1e-3 * randn(6, 1, 2, 2)
    assert_close(diffusion.data_denoiser(diffusion.linear_schedule(1000), data)(near, full(1, near)), data)
    assert_close(denoise(near, full(20, near)), data.mean(0).expand(6, -1, -1, -1), 0.01)


def test_exact_denoiser_of_data_far_from_the_origin_in_single_precision():
    """Weights depend on differences of distances, and not on the distances, which are ten thousand times as large."""
    schedule = diffusion.linear_schedule(1000)
    data = 3 + 0.002 * randn(6, 50, seed=5)
    x = data[:3] + 0.01 * randn(3, 50)
    exact = diffusion.data_denoiser(schedule, data)(x, full(1, x))
    assert (exact - data[:3]).abs().amax(1).min() > 1e-4  # more than one point counts
    found = diffusion.data_denoiser(schedule, data.float())(x.float(), full(1, x))
    assert_close(found.double(), exact, 2e-6)  # 3 is known to 2e-7, and the weights to a thousandth


def test_gaussian_flow_is_the_exact_map():
    schedule, x = scaled(30), randn(5, 2)
    mean, covariance = torch.tensor([0.5, -1.0]), COVARIANCES[0]
    for t, s in ((30, 0), (30, 7), (0, 30), (7, 7), (1, 0)):
        found = diffusion.gaussian_flow(schedule, mean, covariance, x, t, s)
        assert_close(found, exact_flow(schedule, mean, covariance, x, t, s))
    # the exact map obeys the equation: a central difference over two steps of a fine schedule
    fine = diffusion.linear_schedule(20_000, 5e-6, 1e-3)
    t = 9000
    after, before = (diffusion.gaussian_flow(fine, mean, covariance, x, t, s) for s in (t + 1, t - 1))
    speed = (after - before) / (fine.time[t + 1] - fine.time[t - 1])
    bar = fine.alpha_bar[t]
    score = -torch.linalg.solve(bar * covariance + (1 - bar) * torch.eye(2), (x - bar.sqrt() * mean).T).T
    assert_close(speed, -x - score, 1e-4)


class Conditional(nn.Module):
    """Exact noise of N(+2, 0.3) for label 0, N(-1, 0.5) for label 1, and of their mixture for label 2."""

    parts = (
        torch.tensor([0.4, 0.6], dtype=F64),
        torch.tensor([[2.0], [-1.0]], dtype=F64),
        torch.tensor([[[0.3]], [[0.5]]], dtype=F64),
    )

    def __init__(self, schedule):
        super().__init__()
        self.schedule = schedule
        weights, means, covariances = self.parts
        self.denoisers = [diffusion.gaussian_denoiser(schedule, means[k], covariances[k]) for k in range(2)]
        self.denoisers.append(diffusion.mixture_denoiser(schedule, weights, means, covariances))

    def forward(self, x, t, labels):
        every = torch.stack([denoise(x, t) for denoise in self.denoisers])
        x0 = every.gather(0, labels[None, :, None].expand(1, -1, x.shape[1]))[0]
        return diffusion.convert(self.schedule, x0, x, t, "x0", "noise")


def test_guidance():
    schedule = scaled(30)
    network = Conditional(schedule)
    x, t = randn(8, 1), torch.arange(2, 30, 4)[:7].repeat(2)[:8]
    labels = torch.tensor([0, 1] * 4)

    def guided(scale, **options):
        return diffusion.denoiser(network, schedule, "noise", labels=labels, none=2, scale=scale, **options)(x, t)

    plain = diffusion.denoiser(network, schedule, "noise", labels=labels)(x, t)
    assert torch.equal(guided(1.0), plain)
    assert_close(plain, torch.stack([network.denoisers[k](x, t)[i] for i, k in enumerate(labels)]))
    assert_close(guided(0.0), network.denoisers[2](x, t))
    for scale in (-0.5, 0.3, 4.0):
        assert_close(guided(scale), guided(0.0) + scale * (guided(1.0) - guided(0.0)), 1e-11)
    assert_close(guided(4.0, clip=(-1.0, 1.0)), guided(4.0).clamp(-1, 1))
    # Bayes: the score is that of q(x) q(y | x)^g, by automatic differentiation
    here = x.clone().requires_grad_()
    weights, means, covariances = Conditional.parts
    log_q = diffusion.mixture_log_prob(schedule, weights, means, covariances, here, t)
    each = torch.stack(
        [diffusion.mixture_log_prob(schedule, torch.ones(1), means[[k]], covariances[[k]], here, t) for k in range(2)]
    )
    log_y = weights.log()[labels] + each.gather(0, labels[None])[0] - log_q
    (score,) = torch.autograd.grad((log_q + 3 * log_y).sum(), here)
    assert_close(diffusion.convert(schedule, guided(3.0), x, t, "x0", "score"), score, 1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_denoiser_of_a_network_of_every_kind(kind):
    schedule = scaled(30)
    exact = diffusion.mixture_denoiser(schedule, WEIGHTS, MEANS, COVARIANCES)
    x, t = randn(6, 2), torch.tensor([1, 5, 10, 20, 29, 30])

    def network(x, t):
        return diffusion.convert(schedule, exact(x, t), x, t, "x0", kind)

    assert_close(diffusion.denoiser(network, schedule, kind)(x, t), exact(x, t), 1e-11)


def test_a_mixture_of_one_component_is_a_gaussian():
    schedule, x, t = scaled(30), randn(5, 2), torch.tensor([0, 1, 10, 20, 30])
    one = diffusion.mixture_denoiser(schedule, torch.ones(1), MEANS[:1], COVARIANCES[:1])
    assert_close(one(x, t), diffusion.gaussian_denoiser(schedule, MEANS[0], COVARIANCES[0])(x, t))


# --- what is refused beyond the walk over every public callable

CHAIN, X = scaled(30), randn(2, 2)
T34 = torch.tensor([3, 4])
SKEW, INDEFINITE = torch.tensor([[1.0, 0.5], [0.0, 1.0]]), torch.tensor([[1.0, 2.0], [2.0, 1.0]])
REFUSED = {
    "kind": (diffusion.denoiser, args(Spy(), CHAIN, "eps"), "kind is 'eps'"),
    "a scale without labels": (diffusion.denoiser, args(Spy(), CHAIN, "x0", scale=2), "scale is 2"),
    "a scale without none": (diffusion.denoiser, args(Spy(), CHAIN, "x0", labels=T34, scale=2), "none is None"),
    "clip": (diffusion.denoiser, args(Spy(), CHAIN, "x0", clip=(1.0, -1.0)), "clip is .*, takes a pair"),
    "two weights for one mean": (
        diffusion.mixture_denoiser,
        args(CHAIN, WEIGHTS, MEANS[:1], COVARIANCES),
        "means is .*K = 2 of weights",
    ),
    "weights of sum 2": (
        diffusion.mixture_denoiser,
        args(CHAIN, 2 * WEIGHTS, MEANS, COVARIANCES),
        "weights is .*probabilities of sum 1",
    ),
    "the same for the density": (
        diffusion.mixture_log_prob,
        args(CHAIN, 2 * WEIGHTS, MEANS, COVARIANCES, X, T34),
        "weights is .*probabilities of sum 1",
    ),
    "not symmetric": (diffusion.gaussian_denoiser, args(CHAIN, MEANS[0], SKEW), "cov is .*takes symmetric"),
    "not positive": (diffusion.gaussian_denoiser, args(CHAIN, MEANS[0], INDEFINITE), "cov is .*positive definite"),
    "a weight of 0": (
        diffusion.mixture_denoiser,
        args(CHAIN, torch.tensor([0.0, 1.0], dtype=MEANS.dtype), MEANS, COVARIANCES),
        "weights is .*positive",
    ),
    "no data": (diffusion.data_denoiser, args(CHAIN, X[:0]), "data is"),
    "t after T": (diffusion.gaussian_flow, args(CHAIN, MEANS[0], COVARIANCES[0], X.double(), 31, 0), "t is 31.*T = 30"),
    "s before 0": (diffusion.gaussian_flow, args(CHAIN, MEANS[0], COVARIANCES[0], X.double(), 30, -1), "s is -1"),
    "old name": (diffusion.gaussian_denoiser, args(CHAIN, MEANS[0], covariance=SKEW), "covariance is now called cov"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    function, call, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        function(*call.args, **call.kwargs)


DENOISERS = {  # and the first step that each takes
    "gaussian": (diffusion.gaussian_denoiser(CHAIN, MEANS[0], COVARIANCES[0]), 0),
    "mixture": (diffusion.mixture_denoiser(CHAIN, WEIGHTS, MEANS, COVARIANCES), 0),
    "data": (diffusion.data_denoiser(CHAIN, X), 1),
    "network": (diffusion.denoiser(Spy(), CHAIN, "noise", labels=T34), 1),
}


@pytest.mark.parametrize("name", DENOISERS)
def test_a_denoiser_keeps_a_door_of_its_own(name):
    denoise, first = DENOISERS[name]
    assert denoise(X, torch.tensor([first, 30])).shape == X.shape
    wrong = [X[:1], torch.full_like(X, math.nan), None]
    wrong += [X[0], randn(2, 3)] if name != "network" else []  # which may have any number of components
    for x in wrong:
        with pytest.raises(ValueError, match=r"^x is|^t is"):
            denoise(x, T34)
    for t in (torch.tensor([first - 1, 3]), torch.tensor([1, 31]), T34[:1], T34[:, None], T34 + 0.5, T34 > 0, 3):
        with pytest.raises(ValueError, match=r"^t is .*"):
            denoise(X, t)
