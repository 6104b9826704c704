"""What the tests of genphys.diffusion share: examples with known answers, and the checks that an off-by-one must fail.

For Gaussian data every sampler is an affine map of the state at step T and of its noises, and for one data point too.
:func:`affine` reads the map off the sampler itself, so that means and variances are compared without sampling.
"""

import math
import warnings
from contextlib import contextmanager

import pytest
import torch
from torch import distributions as D
from torch import nn

from genphys import diffusion
from genphys.diffusion import likelihood, samplers

KINDS = diffusion.KINDS
F64 = torch.float64
MEAN, VARIANCE = 0.3, 0.25
ENTROPY = 0.5 * math.log(2 * math.pi * math.e * VARIANCE)  # 0.72579
WEIGHTS = torch.tensor([0.3, 0.7], dtype=F64)
MEANS = torch.tensor([[1.5, 0.5], [-1.0, -0.3]], dtype=F64)
COVARIANCES = torch.tensor([[[0.3, 0.1], [0.1, 0.2]], [[0.15, -0.05], [-0.05, 0.4]]], dtype=F64)
LINE = (
    torch.tensor([0.35, 0.65], dtype=F64),
    torch.tensor([[-1.2], [0.9]], dtype=F64),
    torch.tensor([[[0.1]], [[0.2]]], dtype=F64),
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed))


def scaled(T):
    """The linear schedule of 1000 steps, with steps that are 1000/T times as large."""
    return diffusion.linear_schedule(T, 0.1 / T, 20 / T)


def gentle(T):
    """A schedule whose narrowest reverse step is wide enough for a coarse grid; alpha_bar_T = 4e-5."""
    return diffusion.linear_schedule(T, 2 / T, 18 / T)


def full(t, x):
    return torch.full((len(x),), t)


def assert_close(found, exact, atol=1e-12):
    torch.testing.assert_close(found, torch.as_tensor(exact, dtype=found.dtype), rtol=0, atol=atol)


def assert_within(estimate, stderr, exact, sigmas=4.0):
    deviation = ((estimate - exact) / stderr).abs().max()
    assert deviation < sigmas, f"{deviation:.2f} standard errors"


def moments(x):
    """Mean and variance of the rows with their standard errors, (n,) -> 4 numbers."""
    centred = x - x.mean()
    return x.mean(), x.std() / len(x) ** 0.5, x.var(), centred.square().std() / len(x) ** 0.5


def slope(x, y):
    x, y = torch.as_tensor(x, dtype=F64).log(), torch.as_tensor(y, dtype=F64).log()
    return (((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()).item()


@contextmanager
def noises(make):
    """Let the draws of samplers and bounds be ``make(k, x)``, with k = 0, 1, ... the number of the draw."""
    with pytest.MonkeyPatch.context() as patch:
        number = iter(range(10**6))
        for module in (samplers, likelihood):
            patch.setattr(module, "standard_normal", lambda shape, x, rng: make(next(number), x))
        yield


def affine(sampler, T):
    r"""Offset, factor of x_T and factor of every draw of a sampler that is affine in one dimension.

    Row 0 has x = 0 and no noise, row 1 has x = 1, and row 2 + k has nothing but the draw k.
    """
    x = torch.zeros(T + 2, 1)
    x[1] = 1

    def unit(k, x):
        z = torch.zeros_like(x)
        z[2 + k] = 1
        return z

    with noises(unit):
        out = sampler(x)[:, 0]
    return out[0], out[1] - out[0], out[2:] - out[0]


def gauss_hermite(n):
    """Nodes and weights for the expectation over a standard normal, from the Jacobi matrix of Hermite polynomials."""
    off = torch.arange(1, n, dtype=F64).sqrt()
    nodes, vectors = torch.linalg.eigh(torch.diag(off, 1) + torch.diag(off, -1))
    return nodes, vectors[0].square()


def log_marginal(schedule, x, t):
    """The mixture at step t by torch.distributions."""
    bar = schedule.alpha_bar[t]
    parts = D.MultivariateNormal(bar.sqrt() * MEANS, bar * COVARIANCES + (1 - bar) * torch.eye(2))
    return D.MixtureSameFamily(D.Categorical(WEIGHTS), parts).log_prob(x)


def gaussian(schedule, mean=MEAN, variance=VARIANCE):
    return diffusion.gaussian_denoiser(schedule, torch.tensor([mean]), torch.tensor([[variance]]))


def law(sampler, schedule, mean=MEAN, variance=VARIANCE):
    """Mean and variance at the end of a sampler that starts from the exact marginal of step T."""
    offset, factor, draws = affine(sampler, schedule.T)
    bar = schedule.alpha_bar[-1]
    return offset + factor * bar.sqrt() * mean, factor**2 * (bar * variance + 1 - bar) + draws.square().sum()


def best_variance(schedule, variance=VARIANCE):
    bar = schedule.alpha_bar
    return diffusion.optimal_variance(schedule, variance - bar * variance**2 / (bar * variance + 1 - bar))


class Spy(nn.Module):
    """A network that remembers what it was asked, and answers x/3."""

    def forward(self, x, t, labels=None):
        self.asked = (x, t, labels)
        return x / 3


def matrix_root(matrix):
    values, vectors = torch.linalg.eigh(matrix)
    return vectors @ values.sqrt().diag() @ vectors.T


def exact_flow(schedule, mean, covariance, x, t, s):
    """C_s^(1/2) C_t^(-1/2), which solves dx/du = -x - score since all C_t commute."""
    bar = schedule.alpha_bar
    here, there = (matrix_root(bar[k] * covariance + (1 - bar[k]) * torch.eye(len(mean))) for k in (t, s))
    moved = torch.linalg.solve(here, (x - bar[t].sqrt() * mean).T)
    return bar[s].sqrt() * mean + (there @ moved).T


# --- the checks


def check_marginal(schedule=None):
    """Composing the steps, coefficient by coefficient, gives the mean and the variance of the marginal."""
    schedule = scaled(30) if schedule is None else schedule
    factor, variance = torch.ones(1, 1), torch.zeros(1, 1)
    nil, one = torch.zeros(1, 1), torch.ones(1, 1)
    for t in range(1, schedule.T + 1):
        step = torch.tensor([t])
        factor = diffusion.forward_step(schedule, factor, step, nil)
        contraction, spread = (
            diffusion.forward_step(schedule, one, step, nil),
            diffusion.forward_step(schedule, nil, step, one),
        )
        variance = contraction**2 * variance + spread**2
        assert_close(diffusion.diffuse(schedule, one, step, nil), factor)
        assert_close(diffusion.diffuse(schedule, nil, step, one).square(), variance)


def check_posterior(schedule=None):
    """Against conditioning of the joint Gaussian of the whole chain, for every pair s < t."""
    schedule = diffusion.linear_schedule(9, 0.02, 0.6) if schedule is None else schedule
    T = schedule.T
    beta = schedule.beta.tolist()
    maps = torch.zeros(T + 1, T + 1)  # x_t as a combination of x_0 ~ N(0, 1) and of the noises
    maps[0, 0] = 1
    for t in range(1, T + 1):
        maps[t] = math.sqrt(1 - beta[t]) * maps[t - 1]
        maps[t, t] = math.sqrt(beta[t])
    joint = maps @ maps.T
    x, x0 = torch.tensor([[1.3, -0.4]]), torch.tensor([[-0.7, 2.0]])
    for t in range(1, T + 1):
        for s in range(t):
            if s == 0:
                mean, variance = x0, torch.zeros(())
            else:
                known = torch.tensor([t, 0])
                gain = torch.linalg.solve(joint[known][:, known], joint[known, s])
                mean, variance = gain[0] * x + gain[1] * x0, joint[s, s] - gain @ joint[known, s]
            found = diffusion.posterior(schedule, x, x0, torch.tensor([t]), torch.tensor([s]))
            assert_close(found[0], mean)
            assert_close(found[1], variance.expand(1, 1))
            if s == t - 1:
                found = diffusion.posterior(schedule, x, x0, torch.tensor([t]))
                assert_close(found[0], mean)
                assert_close(found[1], variance.expand(1, 1))
                assert_close(diffusion.posterior_variance(schedule)[t], variance)


def check_denoiser_of_a_mixture():
    """Tweedie's formula, with the score by automatic differentiation of an independent log-density."""
    schedule = diffusion.cosine_schedule(20)
    denoise = diffusion.mixture_denoiser(schedule, WEIGHTS, MEANS, COVARIANCES)
    for t in (1, 5, 12, 20):
        x = (1.5 * randn(30, 2, seed=t)).requires_grad_()
        log_q = log_marginal(schedule, x, t)
        (score,) = torch.autograd.grad(log_q.sum(), x)
        bar = schedule.alpha_bar[t]
        x = x.detach()
        x0 = (x + (1 - bar) * score) / bar.sqrt()
        found = denoise(x, full(t, x))
        atol = 1e-13 / bar.sqrt().item()
        assert_close(found, x0, 100 * atol)
        truth = {
            "x0": x0,
            "score": score,
            "noise": -(1 - bar).sqrt() * score,
            "velocity": -(bar * (1 - bar)).sqrt() * score - (1 - bar).sqrt() * x0,
        }
        for kind in KINDS:
            assert_close(diffusion.convert(schedule, found, x, full(t, x), "x0", kind), truth[kind], 100 * atol)


def check_ancestral():
    """With the exact denoiser and the optimal variance the reverse chain is exact for a Gaussian, for every T."""
    for T in (1, 2, 25, 200):
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # one step of 0.9 ends before noise: from the exact marginal that is no matter
            schedule = diffusion.linear_schedule(T, 0.5, 0.9) if T < 3 else scaled(T)
        denoise, variance = gaussian(schedule), best_variance(schedule)
        mean, spread = law(
            lambda x: diffusion.ancestral(denoise, schedule, x, rng=generator(), variance=variance),  # noqa: B023
            schedule,
        )
        assert_close(mean, MEAN)
        assert_close(spread, VARIANCE)


def check_ddim(steps=7, eta=0.4):
    schedule, point, met = scaled(30), 1.7, []
    rng = generator() if eta else None
    offset, factor, draws = affine(
        lambda x: diffusion.ddim(
            lambda x, t: torch.full_like(x, point),
            schedule,
            x,
            steps=steps,
            eta=eta,
            rng=rng,
            callback=lambda t, x, x0: met.append((t, x[:, 0])),
        ),
        30,
    )
    bar = schedule.alpha_bar
    for t, out in met:
        mean = out[0] + (out[1] - out[0]) * bar[-1].sqrt() * point
        variance = (out[1] - out[0]) ** 2 * (1 - bar[-1]) + (out[2:] - out[0]).square().sum()
        assert_close(mean, bar[t].sqrt() * point)
        assert_close(variance, 1 - bar[t])
    # the fresh noise of the first move is eta times that of the posterior, by conditioning two jointly normal numbers
    t, out = met[0]
    cross = (bar[-1] / bar[t]).sqrt() * (1 - bar[t])
    assert_close((out[2] - out[0]) ** 2, eta**2 * (1 - bar[t] - cross**2 / (1 - bar[-1])))
    assert met[-1][0] == 0
    assert_close(offset, point)
    assert_close(factor, 0.0)
    assert_close(draws, torch.zeros(30))


def expected_bound(T, variance, denoise=None, schedule=None):
    """The bound averaged over N(0.3, 0.25) and all noise: polynomials of second degree, exact by three nodes each."""
    schedule = scaled(T) if schedule is None else schedule
    nodes, weights = gauss_hermite(3)
    x0 = (MEAN + math.sqrt(VARIANCE) * nodes).repeat_interleave(3)[:, None]
    weight = (weights[:, None] * weights).flatten()
    with noises(lambda k, x: nodes.repeat(3)[:, None]):
        bound = diffusion.vlb(denoise or gaussian(schedule), schedule, x0, rng=generator(), variance=variance)
    return schedule, weight @ bound.total, bound


def check_bound():
    for T in (25, 50, 200):
        schedule, total, _ = expected_bound(T, best_variance(scaled(T)))
        bar = schedule.alpha_bar[-1]
        end = D.Normal(bar.sqrt() * MEAN, (bar * VARIANCE + 1 - bar).sqrt())
        assert_close(total, ENTROPY + D.kl_divergence(end, D.Normal(0.0, 1.0)), 1e-11)
        assert total.item() == pytest.approx(0.72579, abs=1e-5)
