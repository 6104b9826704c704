"""genphys.diffusion against joint Gaussians, quadrature, automatic differentiation and closed forms.

For Gaussian data every sampler is an affine map of the state at step T and of its noises, and for one data point too.
:func:`affine` reads the map off the sampler itself, so that means and variances are compared without sampling.
"""

import itertools
import math
import warnings
from contextlib import contextmanager

import pytest
import torch
from torch import distributions as D
from torch import nn

from genphys import diffusion
from genphys.train import move_average

F64 = torch.float64
KINDS = diffusion.KINDS
MEAN, VARIANCE = 0.3, 0.25
ENTROPY = 0.5 * math.log(2 * math.pi * math.e * VARIANCE)  # 0.72579


@pytest.fixture(autouse=True)
def double():
    torch.set_default_dtype(F64)
    yield
    torch.set_default_dtype(torch.float32)


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
    """Let the draws of the module be ``make(k, x)``, with k = 0, 1, ... the number of the draw."""
    with pytest.MonkeyPatch.context() as patch:
        count = iter(range(10**6))
        patch.setattr(diffusion, "_normal", lambda x, rng: make(next(count), x))
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


# --- schedules -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", [diffusion.linear_schedule(1000), scaled(30), diffusion.cosine_schedule(50)])
def test_constants_of_a_schedule(schedule):
    beta = schedule.beta.tolist()
    bar = [math.prod(1 - b for b in beta[1 : t + 1]) for t in range(schedule.T + 1)]
    assert len(beta) - 1 == schedule.T and beta[0] == 0 and bar[0] == 1
    assert all(part.dtype == F64 for part in (schedule.beta, schedule.alpha, schedule.alpha_bar))
    assert_close(schedule.alpha, [1 - b for b in beta])
    assert_close(schedule.alpha_bar, bar)
    assert_close(schedule.time, [-0.5 * math.log(b) for b in bar])
    torch.testing.assert_close(
        schedule.sigma[1:], torch.tensor([math.sqrt(1 / b - 1) for b in bar[1:]]), rtol=1e-10, atol=0
    )
    assert f"T={schedule.T}" in repr(schedule) and "alpha_bar_T=" in repr(schedule)


def test_linear_schedule():
    schedule = diffusion.linear_schedule(1000)
    assert_close(schedule.beta[1:], [1e-4 + (0.02 - 1e-4) * i / 999 for i in range(1000)])
    assert schedule.alpha_bar[-1].item() == pytest.approx(4.0358e-5, rel=1e-4)
    with pytest.warns(UserWarning, match=r"alpha_bar_T = 0\.132, which is not noise"):
        diffusion.linear_schedule(200)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for T in (21, 50, 200, 1000):
            scaled(T)
            diffusion.cosine_schedule(T)


@pytest.mark.parametrize("T", [10, 1000])
def test_cosine_schedule(T):
    schedule = diffusion.cosine_schedule(T)
    f = [math.cos((t / T + 0.008) / 1.008 * math.pi / 2) ** 2 for t in range(T)]
    assert_close(schedule.alpha_bar[:-1], [value / f[0] for value in f])  # all but the last, where beta is cut off
    assert schedule.beta[-1] == 0.999 and (schedule.beta[1:-1] < 0.999).all()
    if T == 1000:
        assert schedule.alpha_bar[-1].item() == pytest.approx(2.43e-9, rel=1e-2)


# --- forward chain and posterior -----------------------------------------------------------------------------------


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


def test_marginal_by_composing_steps():
    check_marginal()
    check_marginal(diffusion.cosine_schedule(40))
    x = randn(3, 2)
    assert torch.equal(diffusion.diffuse(scaled(30), x, torch.zeros(3, dtype=torch.int64), randn(3, 2, seed=1)), x)


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


def test_posterior_by_conditioning_the_joint_gaussian():
    check_posterior()
    assert diffusion.posterior_variance(scaled(30)).shape == (31,)


def test_posterior_of_rows_at_different_steps_and_of_images():
    schedule = scaled(30)
    x, x0, t = randn(3, 1, 2, 2), randn(3, 1, 2, 2, seed=1), torch.tensor([1, 7, 30])
    mean, variance = diffusion.posterior(schedule, x, x0, t)
    assert mean.shape == x.shape and variance.shape == (3, 1, 1, 1)
    for i in range(3):
        alone = diffusion.posterior(schedule, x[i : i + 1], x0[i : i + 1], t[i : i + 1])
        assert_close(mean[i : i + 1], alone[0])
        assert_close(variance[i : i + 1], alone[1])
    assert_close(mean[0], x0[0])  # x_0 given x_0


def test_optimal_variance_is_the_variance_of_the_exact_reverse_step():
    """For Gaussian data q(x_{t-1} | x_t) follows from the joint Gaussian of two neighbours."""
    schedule = scaled(40)
    bar = schedule.alpha_bar
    now = bar * VARIANCE + 1 - bar
    across = schedule.alpha[1:].sqrt() * now[:-1]
    exact = now[:-1] - across**2 / now[1:]
    denoising = VARIANCE - bar * VARIANCE**2 / now
    assert_close(diffusion.optimal_variance(schedule, denoising)[1:], exact)


# --- parametrisations ----------------------------------------------------------------------------------------------


def test_every_conversion_and_its_way_back():
    schedule = diffusion.cosine_schedule(20)
    t = torch.arange(1, 21)
    x0, noise = randn(20, 3), randn(20, 3, seed=1)
    a, s = schedule.alpha_bar[t].sqrt()[:, None], (1 - schedule.alpha_bar[t]).sqrt()[:, None]
    x = a * x0 + s * noise
    truth = {"x0": x0, "noise": noise, "score": -(x - a * x0) / (1 - a**2), "velocity": a * noise - s * x0}
    # the noise of the last step is known to 1e-16, and x_0 from it to 1e-16/a
    atol = (1e-14 / a.min() / s.min()).item()
    assert atol < 1e-11 / 0.03
    for given in KINDS:
        for wanted in KINDS:
            found = diffusion.convert(schedule, truth[given], x, t, given, wanted)
            assert_close(found, truth[wanted], atol)
            assert_close(diffusion.convert(schedule, found, x, t, wanted, given), truth[given], atol)


WEIGHTS = torch.tensor([0.3, 0.7], dtype=F64)
MEANS = torch.tensor([[1.5, 0.5], [-1.0, -0.3]], dtype=F64)
COVARIANCES = torch.tensor([[[0.3, 0.1], [0.1, 0.2]], [[0.15, -0.05], [-0.05, 0.4]]], dtype=F64)


def log_marginal(schedule, x, t):
    """The mixture at step t by torch.distributions."""
    bar = schedule.alpha_bar[t]
    parts = D.MultivariateNormal(bar.sqrt() * MEANS, bar * COVARIANCES + (1 - bar) * torch.eye(2))
    return D.MixtureSameFamily(D.Categorical(WEIGHTS), parts).log_prob(x)


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


def test_exact_denoiser_of_a_mixture_by_tweedie_and_autograd():
    check_denoiser_of_a_mixture()


def test_log_density_of_a_mixture():
    schedule = scaled(30)
    for t in (0, 1, 15, 30):
        x = 1.5 * randn(30, 2, seed=t)
        found = diffusion.mixture_log_density(schedule, WEIGHTS, MEANS, COVARIANCES, x, full(t, x))
        assert_close(found, log_marginal(schedule, x, t))
    far = torch.tensor([[1e4, -1e4]])
    assert torch.isfinite(diffusion.mixture_log_density(schedule, WEIGHTS, MEANS, COVARIANCES, far, full(1, far))).all()
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
        assert_close(diffusion.mixture_log_density(schedule, *args, x[:, None], full(t, x)), log_q)


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


# --- samplers: Gaussian data, without sampling ---------------------------------------------------------------------


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
            lambda x: diffusion.ancestral(denoise, schedule, x, rng=None, variance=variance),  # noqa: B023
            schedule,
        )
        assert_close(mean, MEAN)
        assert_close(spread, VARIANCE)


def test_ancestral_is_exact_for_a_gaussian_with_the_optimal_variance():
    check_ancestral()


@pytest.mark.parametrize("variance", ["posterior", "beta"])
def test_ancestral_with_other_variances_has_the_variance_of_its_recursion(variance):
    errors = []
    for T in (50, 100, 200, 400):
        schedule = gentle(T)
        denoise = gaussian(schedule)
        mean, spread = law(lambda x: diffusion.ancestral(denoise, schedule, x, rng=None, variance=variance), schedule)  # noqa: B023
        bar, beta = schedule.alpha_bar.tolist(), schedule.beta.tolist()
        v = bar[T] * VARIANCE + 1 - bar[T]
        for t in range(T, 0, -1):
            now = bar[t] * VARIANCE + 1 - bar[t]
            factor = math.sqrt(1 - beta[t]) * (bar[t - 1] * VARIANCE + 1 - bar[t - 1]) / now  # slope of E[x_{t-1}|x_t]
            added = beta[t] * ((1 - bar[t - 1]) / (1 - bar[t]) if variance == "posterior" else 1)
            v = factor**2 * v + (added if t > 1 else 0)
        assert_close(mean, MEAN)  # the mean is exact in any case
        assert_close(spread, v)
        errors.append(T * abs(v - VARIANCE))
    assert errors[0] / 50 > 0.005
    if variance == "beta":
        assert slope([50, 100, 200, 400], errors) == pytest.approx(0, abs=0.05)


def test_sampled_ancestral():
    n, schedule = 20_000, scaled(50)
    for shape in ((n, 1), (n, 1, 1, 1)):
        isotropic = gaussian(schedule)
        x = diffusion.ancestral(
            lambda x, t: isotropic(x.reshape(-1, 1), t).reshape(x.shape),  # noqa: B023
            schedule,
            randn(*shape, seed=1),
            rng=generator(2),
            variance=best_variance(schedule),
        )
        assert x.shape == shape
        mean, mean_error, variance, variance_error = moments(x.flatten())
        assert_within(mean, mean_error, MEAN)
        assert_within(variance, variance_error, VARIANCE)


SUBSETS = {"all": None, "7": 7, "list": [30, 17, 16, 5, 2], "one": [30], "early": [30, 1]}


@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("steps", SUBSETS.values(), ids=SUBSETS)
def test_ddim_keeps_every_marginal_of_one_data_point(steps, eta):
    """The definition of DDIM (Song, Meng and Ermon, lemma 1): with x_0 known, x_s ~ q(x_s | x_0) at every step."""
    check_ddim(steps, eta)


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


def test_ancestral_keeps_every_marginal_of_one_data_point():
    schedule, point, met = scaled(30), 1.7, []
    affine(
        lambda x: diffusion.ancestral(
            lambda x, t: torch.full_like(x, point),
            schedule,
            x,
            rng=None,
            callback=lambda t, x, x0: met.append((t, x[:, 0])),
        ),
        30,
    )
    bar = schedule.alpha_bar
    assert [t for t, _ in met] == list(range(29, -1, -1))
    for t, out in met:
        assert_close(out[0] + (out[1] - out[0]) * bar[-1].sqrt() * point, bar[t].sqrt() * point)
        assert_close((out[1] - out[0]) ** 2 * (1 - bar[-1]) + (out[2:] - out[0]).square().sum(), 1 - bar[t])


@pytest.mark.parametrize("make", [scaled, diffusion.cosine_schedule])
def test_ddim_is_eulers_method_and_the_ancestral_chain_at_its_two_ends(make):
    schedule, x = make(40), randn(6, 2)
    denoise = diffusion.mixture_denoiser(schedule, WEIGHTS, MEANS, COVARIANCES)
    for steps in (None, 8, [33, 10, 4], [1]):
        a = diffusion.ddim(denoise, schedule, x, steps=steps)
        b = diffusion.ode(denoise, schedule, x, steps=steps, method="euler", clock="sigma")
        assert_close(a, b, 1e-11)
    paths = {}
    for name, sampler in (("ancestral", diffusion.ancestral), ("ddim", diffusion.ddim)):
        paths[name] = []
        options = {"eta": 1.0} if name == "ddim" else {"variance": "posterior"}
        sampler(
            denoise,
            schedule,
            x,
            rng=generator(7),
            callback=lambda t, x, x0: paths[name].append(torch.cat([full(t, x)[:, None], x, x0], 1)),  # noqa: B023
            **options,
        )
    assert_close(torch.stack(paths["ddim"]), torch.stack(paths["ancestral"]), 1e-10)


def everything(schedule):
    """Every sampler, by name, as a function of a denoiser, x and keywords."""
    return {
        "ancestral": lambda d, x, **k: diffusion.ancestral(d, schedule, x, rng=generator(1), **k),
        "ddim": lambda d, x, **k: diffusion.ddim(d, schedule, x, steps=6, **k),
        "ddim-eta": lambda d, x, **k: diffusion.ddim(d, schedule, x, steps=6, eta=0.5, rng=generator(1), **k),
        "heun": lambda d, x, **k: diffusion.ode(d, schedule, x, steps=6, **k),
        "euler": lambda d, x, **k: diffusion.ode(d, schedule, x, steps=6, method="euler", **k),
        "heun-time": lambda d, x, **k: diffusion.ode(d, schedule, x, steps=6, clock="time", **k),
        "heun-angle": lambda d, x, **k: diffusion.ode(d, schedule, x, steps=6, clock="angle", **k),
        "reverse_sde": lambda d, x, **k: diffusion.reverse_sde(d, schedule, x, steps=6, rng=generator(1), **k),
    }


@pytest.mark.parametrize("name", everything(None))
def test_samplers_end_at_the_data_and_keep_type_and_argument(name):
    schedule = scaled(30)
    for dtype in (torch.float32, F64):
        x = randn(5, 2).to(dtype)
        before, met, asked = x.clone(), [], []
        exact = diffusion.mixture_denoiser(schedule, WEIGHTS.to(dtype), MEANS.to(dtype), COVARIANCES.to(dtype))

        def denoise(x, t):
            asked.append(t[0].item())  # noqa: B023
            assert t.shape == (5,) and t.dtype == torch.int64
            return exact(x, t)  # noqa: B023

        out = everything(schedule)[name](denoise, x, callback=lambda t, x, x0: met.append((t, x, x0)))  # noqa: B023
        assert out.dtype == dtype and out.shape == x.shape and torch.equal(x, before) and not out.requires_grad
        visited = list(range(30, 0, -1)) if name == "ancestral" else diffusion.times(30, 6)
        assert [t for t, _, _ in met] == [*visited[1:], 0]
        assert torch.equal(met[-1][1], out)
        assert min(asked) == visited[-1] and max(asked) == 30  # never the step 0, where nothing is to be removed
        if name in ("ancestral", "ddim", "ddim-eta", "euler", "heun"):
            # the last step is to the denoiser's own estimate
            assert_close(out, met[-1][2], 1e-5 if dtype == torch.float32 else 1e-12)
        assert_close(met[0][2], exact(x, full(30, x)))  # the estimate is the one from the state before


def test_a_sampler_without_its_last_step_is_noisy():
    """What the step to 0 is for: the state at step tau_1 still has the noise 1 - alpha_bar."""
    schedule, met = scaled(40), []
    diffusion.ddim(gaussian(schedule, 0.0, 1e-4), schedule, randn(4000, 1), steps=4, callback=lambda *a: met.append(a))
    (t, unfinished, _), (zero, finished, _) = met[-2:]
    assert (t, zero) == (10, 0)
    assert unfinished.var() > 100 * finished.var()


def test_times():
    assert diffusion.times(10, 10) == list(range(10, 0, -1))
    assert diffusion.times(1000, 4) == [1000, 750, 500, 250]
    assert diffusion.times(1000, 1) == [1000]
    for T, n in ((1000, 3), (7, 5), (50, 20)):
        steps = diffusion.times(T, n)
        gaps = {late - early for late, early in zip(steps, [*steps[1:], 0], strict=True)}
        assert steps[0] == T and len(steps) == n and gaps <= {T // n, T // n + 1}
    for n in (0, 11):
        with pytest.raises(ValueError, match=f"n is {n}, takes 1 to T = 10"):
            diffusion.times(10, n)


# --- samplers: probability flow ------------------------------------------------------------------------------------


def matrix_root(matrix):
    values, vectors = torch.linalg.eigh(matrix)
    return vectors @ values.sqrt().diag() @ vectors.T


def exact_flow(schedule, mean, covariance, x, t, s):
    """C_s^(1/2) C_t^(-1/2), which solves dx/du = -x - score since all C_t commute."""
    bar = schedule.alpha_bar
    here, there = (matrix_root(bar[k] * covariance + (1 - bar[k]) * torch.eye(len(mean))) for k in (t, s))
    moved = torch.linalg.solve(here, (x - bar[t].sqrt() * mean).T)
    return bar[s].sqrt() * mean + (there @ moved).T


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


def quantile_flow(schedule, x, weights, means, variances):
    """In one dimension the flow keeps quantiles: solve F_0(x_0) = F_T(x_T) by bisection."""

    def cdf(x, bar):
        z = (x[:, None] - bar.sqrt() * means) / (bar * variances + 1 - bar).sqrt()
        return torch.special.ndtr(z) @ weights

    wanted = cdf(x, schedule.alpha_bar[-1])
    low, high = torch.full_like(x, -10.0), torch.full_like(x, 10.0)
    for _ in range(60):
        middle = 0.5 * (low + high)
        below = cdf(middle, schedule.alpha_bar[0]) < wanted
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return 0.5 * (low + high)


def along(clock, T, last=8.0):
    """A schedule whose steps are even in a clock, from 0 to the ratio ``last`` of noise to signal."""
    part = torch.arange(T + 1) / T
    sigma = {
        "sigma": lambda: last * part,
        "time": lambda: torch.expm1(part * math.log1p(last**2)).sqrt(),  # exp(2u) = 1 + sigma^2
        "angle": lambda: torch.tan(part * math.atan(last)),
    }[clock]()
    bar = 1 / (1 + sigma**2)
    return diffusion.Schedule(1 - bar[1:] / bar[:-1])


SMALL_MIXTURE = (
    torch.tensor([0.4, 0.6], dtype=F64),
    torch.tensor([-0.8, 0.7], dtype=F64),
    torch.tensor([0.3, 0.2], dtype=F64),
)


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("heun", 2)])
@pytest.mark.parametrize("clock", ["sigma", "time", "angle"])
def test_order_of_convergence_to_the_exact_flow(method, order, clock):
    counts = [64, 128, 256, 512]
    schedule = along(clock, counts[-1])
    x = torch.linspace(-2, 2, 11)[:, None]
    weights, means, variances = SMALL_MIXTURE
    cases = {
        "gaussian": (
            diffusion.gaussian_denoiser(schedule, MEANS[0], COVARIANCES[0]),
            torch.cat([x, x.flip(0) ** 3 / 4], 1),
            lambda x: exact_flow(schedule, MEANS[0], COVARIANCES[0], x, schedule.T, 0),
        ),
        "mixture": (
            diffusion.mixture_denoiser(schedule, weights, means[:, None], variances[:, None, None]),
            x,
            lambda x: quantile_flow(schedule, x[:, 0], weights, means, variances)[:, None],
        ),
    }
    for name, (denoise, start, exact) in cases.items():
        errors = [
            (diffusion.ode(denoise, schedule, start, steps=n, method=method, clock=clock) - exact(start)).abs().max()
            for n in counts
        ]
        assert slope(counts, errors) == pytest.approx(-order, abs=0.1 * order), (name, errors)


def test_heun_in_sigma_fails_where_a_step_crosses_most_of_its_range():
    """The first of 20 steps of the cosine schedule goes from sigma = 2e4 to 12; the angle has no such step."""
    schedule = diffusion.cosine_schedule(1000)
    weights, means, variances = SMALL_MIXTURE
    denoise = diffusion.mixture_denoiser(schedule, weights, means[:, None], variances[:, None, None])
    x = torch.linspace(-2, 2, 11)[:, None]
    exact = quantile_flow(schedule, x[:, 0], weights, means, variances)[:, None]
    worst = {
        (method, clock): (diffusion.ode(denoise, schedule, x, steps=20, method=method, clock=clock) - exact).abs().max()
        for method, clock in (("heun", "sigma"), ("heun", "angle"), ("euler", "sigma"))
    }
    assert worst["heun", "sigma"] > 1
    assert worst["heun", "angle"] < 0.01 < worst["euler", "sigma"] < 0.1


def test_reverse_sde_has_the_moments_of_its_own_recursion_and_order_one():
    """Euler and Maruyama's map for a Gaussian, step by step, and its bias against the true moments."""
    errors = []
    counts = [100, 200, 400, 800]
    for T in counts:
        schedule = diffusion.linear_schedule(T, 2 / T, 10 / T)
        denoise = gaussian(schedule)
        mean, spread = law(lambda x: diffusion.reverse_sde(denoise, schedule, x, rng=None), schedule)  # noqa: B023
        bar = schedule.alpha_bar.tolist()
        m, v = math.sqrt(bar[T]) * MEAN, bar[T] * VARIANCE + 1 - bar[T]
        for t in range(T, 0, -1):
            delta = 0.5 * math.log(bar[t - 1] / bar[t])
            now = bar[t] * VARIANCE + 1 - bar[t]
            factor = 1 + delta - 2 * delta / now
            m = factor * m + 2 * delta / now * math.sqrt(bar[t]) * MEAN
            v = factor**2 * v + (2 * delta if t > 1 else 0)
        assert_close(mean, m, 1e-11)
        assert_close(spread, v, 1e-11)
        errors.append(abs(spread.item() - VARIANCE) + abs(mean.item() - MEAN))
    assert slope(counts, errors) == pytest.approx(-1, abs=0.1)


# --- samplers: a mixture -------------------------------------------------------------------------------------------

LINE = (
    torch.tensor([0.35, 0.65], dtype=F64),
    torch.tensor([[-1.2], [0.9]], dtype=F64),
    torch.tensor([[[0.1]], [[0.2]]], dtype=F64),
)


def line_density(schedule, t, x):
    bar = schedule.alpha_bar[t]
    weights, means, variances = LINE[0], LINE[1][:, 0], LINE[2][:, 0, 0]
    return D.Normal(bar.sqrt() * means, (bar * variances + 1 - bar).sqrt()).log_prob(x[:, None]).exp() @ weights


def line_variances(schedule, choice):
    """The variance of every step; the optimal one from E x_0^2 less the mean square of the denoiser, by quadrature."""
    if choice == "posterior":
        return diffusion.posterior_variance(schedule)
    if choice == "beta":
        return schedule.beta * (torch.arange(schedule.T + 1) > 1)  # the sampler ends without noise
    x = torch.arange(-600, 601) / 100
    denoise = diffusion.mixture_denoiser(schedule, *LINE)
    explained = [
        (line_density(schedule, t, x) @ denoise(x[:, None], full(t, x)).square()).item() / 100
        for t in range(1, schedule.T + 1)
    ]
    return diffusion.optimal_variance(schedule, [0.0, *(exact_line_moments()[1].item() - part for part in explained)])


def grid_moments(T, choice):
    """Mean and mean square at the end of ancestral sampling, by carrying the density on a grid through every step."""
    schedule = gentle(T)
    denoise = diffusion.mixture_denoiser(schedule, *LINE)
    h = 0.04
    x = torch.arange(-150, 151) * h
    density = line_density(schedule, T, x)
    variance = line_variances(schedule, choice)
    for t in range(T, 0, -1):
        b0, b1 = schedule.alpha_bar[t - 1], schedule.alpha_bar[t]
        x0 = denoise(x[:, None], full(t, x))[:, 0]
        mean = (schedule.alpha[t].sqrt() * (1 - b0) * x + b0.sqrt() * schedule.beta[t] * x0) / (1 - b1)
        if t == 1:
            break  # the last step needs no grid: its mean, and its variance on top
        kernel = (-0.5 * (x[:, None] - mean).square() / variance[t]).exp() * h / (2 * math.pi * variance[t]).sqrt()
        density = kernel @ density
    assert (density.sum() * h).item() == pytest.approx(1, abs=1e-6)
    return torch.stack([density @ mean * h, density @ mean**2 * h + variance[1]])


def exact_line_moments():
    weights, means, variances = LINE[0], LINE[1][:, 0], LINE[2][:, 0, 0]
    return torch.stack([weights @ means, weights @ (means**2 + variances)])


@pytest.mark.parametrize("choice", ["posterior", "beta", "optimal"])
def test_bias_of_ancestral_sampling_of_a_mixture(choice):
    r"""It decays as 1/T, and as log(T)/T with the posterior's variance.

    That variance leaves out :math:`c_t^2 v_t`, which for small t is :math:`\beta_t^2/(1-\bar\alpha_t) = \beta_1/t` for
    any smooth density: in sum :math:`\beta_1\log T`, so that T times the bias grows by
    :math:`-T\beta_1\log 2 = -1.386` a doubling, and this is reached from above.
    """
    counts = [50, 100, 200, 400]
    bias = [T * (grid_moments(T, choice) - exact_line_moments())[1].item() for T in counts]
    if choice == "posterior":
        steps = [late - early for early, late in itertools.pairwise(bias)]
        assert 0 > steps[0] > steps[1] > steps[2] > -2 * math.log(2)
        assert steps[2] < -0.85 * 2 * math.log(2)
    else:
        assert slope(counts, [abs(b) for b in bias]) == pytest.approx(0, abs=0.1), bias
    # and the chain that is sampled is the one on the grid: biased by many standard errors of the sample
    n, schedule = 20_000, gentle(50)
    denoise = diffusion.mixture_denoiser(schedule, *LINE)
    variance = line_variances(schedule, choice) if choice == "optimal" else choice
    x = diffusion.ancestral(denoise, schedule, randn(n, 1, seed=3), rng=generator(4), variance=variance)
    squares = x.square().flatten()
    assert_within(squares.mean(), squares.std() / n**0.5, grid_moments(50, choice)[1])


def assert_is_the_mixture(x):
    """Weights, means and covariances of the parts of a sample, told apart by the nearest centre."""
    centres = torch.tensor([[2.0, 1.0], [-2.0, -1.0]])
    part = torch.cdist(x, centres).argmin(1)
    n = len(x)
    share = (part == 0).double().mean()
    assert_within(share, math.sqrt(0.3 * 0.7 / n), 0.3)
    for k in range(2):
        rows = x[part == k] - centres[k]
        assert_within(rows.mean(0), rows.std(0) / len(rows) ** 0.5, torch.zeros(2))
        products = rows[:, :, None] * rows[:, None, :]
        assert_within(products.mean(0), products.std(0) / len(rows) ** 0.5, 0.5 * COVARIANCES[k])


APART = (WEIGHTS, torch.tensor([[2.0, 1.0], [-2.0, -1.0]], dtype=F64), 0.5 * COVARIANCES)


def power_schedule(T):
    """Karras et al. (2022), eq. (5): the seventh root of sigma evenly from 0.01 to 500."""
    sigma = torch.linspace(0.01 ** (1 / 7), 500 ** (1 / 7), T) ** 7
    bar = torch.cat([torch.ones(1), 1 / (1 + sigma**2)])
    return diffusion.Schedule(1 - bar[1:] / bar[:-1])


@pytest.mark.parametrize("method", ["heun-sigma", "euler-sigma", "heun-time", "heun-angle", "reverse_sde"])
def test_continuous_samplers_reproduce_weights_and_covariances(method):
    n = 3000
    x = randn(n, 2, seed=5)
    if method == "reverse_sde":
        schedule = diffusion.linear_schedule(300, 1 / 300, 16 / 300)
        x = diffusion.reverse_sde(diffusion.mixture_denoiser(schedule, *APART), schedule, x, rng=generator(6))
    else:
        name, clock = method.split("-")
        T = {"heun-sigma": 50, "euler-sigma": 200, "heun-time": 200, "heun-angle": 50}[method]
        schedule = power_schedule(T) if clock == "sigma" else along(clock, T, 500.0)
        x = diffusion.ode(diffusion.mixture_denoiser(schedule, *APART), schedule, x, method=name, clock=clock)
    assert_is_the_mixture(x)


def test_single_precision_at_the_end_of_the_cosine_schedule():
    """alpha_bar_T is 2e-9: nothing overflows, and samples in single precision are those in double precision."""
    schedule = diffusion.cosine_schedule(1000)
    x = randn(7, 2)
    t = torch.full((7,), 1000)
    for given in KINDS:
        for wanted in KINDS:
            assert torch.isfinite(diffusion.convert(schedule, x.float(), x.float(), t, given, wanted)).all()
    wide, narrow = (
        diffusion.mixture_denoiser(schedule, *(part.to(dtype) for part in (WEIGHTS, MEANS, COVARIANCES)))
        for dtype in (F64, torch.float32)
    )
    atol = {"ddim": 1e-5, "euler": 1e-3, "angle": 1e-5, "time": 1e-5}  # in sigma 2e4 - 12 is subtracted from 2e4
    for name, sampler in {
        "ddim": lambda d, x: diffusion.ddim(d, schedule, x, steps=20),
        "euler": lambda d, x: diffusion.ode(d, schedule, x, steps=20, method="euler"),
        "angle": lambda d, x: diffusion.ode(d, schedule, x, steps=20, clock="angle"),
        "time": lambda d, x: diffusion.ode(d, schedule, x, steps=20, clock="time"),
    }.items():
        single = sampler(narrow, x.float())
        assert single.dtype == torch.float32
        assert_close(single.double(), sampler(wide, x), atol[name])
    for sampler in (diffusion.ancestral, diffusion.reverse_sde):
        assert torch.isfinite(sampler(narrow, schedule, x.float(), rng=generator())).all()


# --- bounds --------------------------------------------------------------------------------------------------------


def expected_bound(T, variance, denoise=None, schedule=None):
    """The bound averaged over N(0.3, 0.25) and all noise: polynomials of second degree, exact by three nodes each."""
    schedule = scaled(T) if schedule is None else schedule
    nodes, weights = gauss_hermite(3)
    x0 = (MEAN + math.sqrt(VARIANCE) * nodes).repeat_interleave(3)[:, None]
    weight = (weights[:, None] * weights).flatten()
    with noises(lambda k, x: nodes.repeat(3)[:, None]):
        bound = diffusion.vlb(denoise or gaussian(schedule), schedule, x0, rng=None, variance=variance)
    return schedule, weight @ bound.total, bound


def check_bound():
    for T in (25, 50, 200):
        schedule, total, _ = expected_bound(T, best_variance(scaled(T)))
        bar = schedule.alpha_bar[-1]
        end = D.Normal(bar.sqrt() * MEAN, (bar * VARIANCE + 1 - bar).sqrt())
        assert_close(total, ENTROPY + D.kl_divergence(end, D.Normal(0.0, 1.0)), 1e-11)
        assert total.item() == pytest.approx(0.72579, abs=1e-5)


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
            bound = diffusion.vlb(denoise, schedule, x0, rng=None, variance=variance)
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
    log_data = diffusion.mixture_log_density(scaled(25), *LINE, x0[:, None], full(0, x0))
    weight = log_data.exp() * 0.05
    entropy = -(weight * log_data).sum()
    gaps = []
    nodes, node_weights = gauss_hermite(12)
    rows = x0.repeat_interleave(12)[:, None]
    for T in (25, 100, 400):
        schedule = scaled(T)
        with noises(lambda k, x: nodes.repeat(161)[:, None]):
            bound = diffusion.vlb(
                diffusion.mixture_denoiser(schedule, *LINE), schedule, rows, rng=None, variance="beta"
            )
        gaps.append(((weight[:, None] * node_weights).flatten() @ bound.total - entropy).item())
    assert gaps[0] > gaps[1] > gaps[2] > 0
    assert slope([25, 100, 400], gaps) == pytest.approx(-1, abs=0.15)


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
    assert_within(torch.tensor(found), stderr, exact)
    assert found < diffusion.prior_term(schedule, data).mean()
    # in many dimensions, the other components all zero: the divergences add
    wide = torch.cat([data, torch.zeros(3, 9)], 1).reshape(3, 1, 2, 5)
    rest = 9 * 0.5 * ((1 - bar) - 1 - torch.log(1 - bar))
    found, stderr = diffusion.prior_mismatch(schedule, wide, rng=generator(1), samples=20_000)
    assert_within(torch.tensor(found), stderr, exact + rest)


def test_prior_term():
    schedule, x0 = scaled(30), randn(4, 1, 3, 2)
    bar = schedule.alpha_bar[-1]
    exact = (
        D.kl_divergence(D.Normal(bar.sqrt() * x0, (1 - bar).sqrt()), D.Normal(torch.zeros(()), 1.0)).flatten(1).sum(1)
    )
    assert_close(diffusion.prior_term(schedule, x0), exact)
    assert diffusion.prior_term(schedule, x0.float()).dtype == torch.float32


def test_bits_per_dimension():
    """The uniform density on [-1, 1]^M in 256 bins is 8 bits a component, whatever M."""
    for dimension in (1, 784):
        assert diffusion.bits_per_dimension(dimension * math.log(2), dimension, 2 / 256) == pytest.approx(8, abs=1e-12)
    nats = torch.tensor([1.0, 2.0])
    assert_close(diffusion.bits_per_dimension(nats, 2), nats / 2 / math.log(2))


# --- likelihood by the flow ----------------------------------------------------------------------------------------


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


# --- networks: loss, guidance, averages ----------------------------------------------------------------------------


class Spy(nn.Module):
    """A network that remembers what it was asked, and answers x/3."""

    def forward(self, x, t, labels=None):
        self.asked = (x, t, labels)
        return x / 3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_loss_of_every_kind(kind, dtype):
    """The noise is recovered from what the network was shown, and the target made from it by its definition."""
    for T, few in ((1000, 40), (3, 3)):
        schedule, spy = diffusion.cosine_schedule(T), Spy()
        x0 = randn(few, 1, 4, 4).to(dtype)
        weight = torch.rand(T + 1, generator=generator(3))
        labels = torch.arange(few)
        found = diffusion.loss(spy, schedule, x0, rng=generator(5), kind=kind, weight=weight, labels=labels)
        plain = diffusion.loss(spy, schedule, x0, rng=generator(5), kind=kind)
        x, t, _ = spy.asked
        assert x.dtype == dtype and t.min() >= 1 and t.max() <= T
        bar = schedule.alpha_bar[t][:, None, None, None]
        noise = (x.double() - bar.sqrt() * x0.double()) / (1 - bar).sqrt()
        target = {
            "x0": x0.double(),
            "noise": noise,
            "score": -noise / (1 - bar).sqrt(),
            "velocity": bar.sqrt() * noise - (1 - bar).sqrt() * x0.double(),
        }[kind]
        exact = (x.double() / 3 - target).square().mean((1, 2, 3))
        rtol = 1e-11 if dtype == F64 else 1e-4
        torch.testing.assert_close(plain.double(), exact, rtol=rtol, atol=0)
        torch.testing.assert_close(found.double(), weight[t] * exact, rtol=rtol, atol=0)
        assert found.dtype == dtype


def test_loss_at_the_last_step_keeps_its_digits_in_single_precision():
    """There a = 5e-5, and x_0 from the noise would lose all but three digits: the velocity is a noise - s x_0."""
    schedule = diffusion.cosine_schedule(1000)
    x0, noise, taken = randn(16, 1, 4, 4), randn(16, 1, 4, 4, seed=9), {}
    for dtype in (torch.float32, F64):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(diffusion, "steps_of_batch", lambda n, T, rng: torch.full((n,), T))
            patch.setattr(torch, "randn", lambda *a, dtype=None, **k: noise.to(dtype))
            taken[dtype] = diffusion.loss(Spy(), schedule, x0.to(dtype), rng=generator(1), kind="velocity")
    torch.testing.assert_close(taken[torch.float32].double(), taken[F64], rtol=1e-5, atol=0)


def test_the_exact_denoiser_has_the_smallest_loss_and_it_is_the_denoising_variance():
    schedule, n = scaled(50), 50_000
    x0 = MEAN + math.sqrt(VARIANCE) * randn(n, 1)
    exact = gaussian(schedule)
    found = diffusion.loss(exact, schedule, x0, rng=generator(1), kind="x0")
    bar = schedule.alpha_bar[1:]
    assert_within(found.mean(), found.std() / n**0.5, (VARIANCE * (1 - bar) / (bar * VARIANCE + 1 - bar)).mean())
    for shifted in (lambda x, t: exact(x, t) + 0.05, lambda x, t: 1.1 * exact(x, t)):
        worse = diffusion.loss(shifted, schedule, x0, rng=generator(1), kind="x0") - found
        assert worse.mean() > 4 * worse.std() / n**0.5


def test_steps_of_a_batch_are_uniform():
    T, rng = 10, generator(2)
    assert sorted(diffusion.steps_of_batch(T, T, rng=rng).tolist()) == list(range(1, T + 1))
    batches = torch.stack([diffusion.steps_of_batch(7, T, rng=rng) for _ in range(4000)])
    assert batches.dtype == torch.int64
    for row in (0, 6):  # each row of itself: chi-square of 9 degrees of freedom, at the level 1e-4
        counts = torch.bincount(batches[:, row], minlength=T + 1)
        assert counts[0] == 0 and len(counts) == T + 1
        chi_square = ((counts[1:] - 400.0).square() / 400).sum()
        level = torch.special.gammaincc(torch.tensor(4.5), chi_square / 2)
        assert level > 1e-4
    spread = batches.double().mean(1).var()  # together they are spread evenly: far less than independent ones
    assert spread < 0.1 * (T**2 - 1) / 12 / 7
    # rows are shuffled: neighbours are not in order
    assert (batches[:, 0] > batches[:, 6]).double().mean() > 0.3


def test_warm_up_of_the_moving_average():
    """What is left of the first weights after n steps: n! 9! / (n + 9)! with warm-up, and decay^n without."""
    model, average = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    with torch.no_grad():
        for p in model.parameters():
            p.zero_()
        for p in average.parameters():
            p.fill_(1.0)
    model.running_mean += 5
    decay = 0.9993
    for i in range(20):
        move_average(average, model, diffusion.ema_rate(i, decay))
    assert_close(average.weight.detach(), [1 / math.comb(29, 9)] * 3, 1e-15)
    assert torch.equal(average.running_mean, model.running_mean)  # buffers are copied
    assert decay**20 > 0.98
    # the warm-up ends where 9/(10 + i) falls below 1 - decay
    end = math.ceil(9 / (1 - decay)) - 10
    assert diffusion.ema_rate(end + 1, decay) == 1 - decay < diffusion.ema_rate(end - 1, decay)
    assert diffusion.ema_rate(0, 0.0) == 1.0


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
    log_q = diffusion.mixture_log_density(schedule, weights, means, covariances, here, t)
    each = torch.stack(
        [
            diffusion.mixture_log_density(schedule, torch.ones(1), means[[k]], covariances[[k]], here, t)
            for k in range(2)
        ]
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


# --- an off-by-one ----------------------------------------------------------------------------------------------

CHECKS = {
    "marginal": check_marginal,
    "posterior": check_posterior,
    "tweedie": check_denoiser_of_a_mixture,
    "ancestral": check_ancestral,
    "ddim": check_ddim,
    "bound": check_bound,
}


def plant(patch, where):
    """Shift t by one in one place."""
    original = {
        name: getattr(diffusion, name) for name in ("diffuse", "posterior", "forward_step", "ddim", "ancestral")
    }
    rows = diffusion.Schedule._rows
    if where == "alpha_bar begins with alpha_1":
        patch.setattr(
            diffusion.Schedule,
            "_rows",
            lambda self, name, t, *a: rows(self, name, (t + 1).clamp(max=self.T) if name == "alpha_bar" else t, *a),
        )
    elif where == "beta of the step before":
        patch.setattr(
            diffusion.Schedule,
            "_rows",
            lambda self, name, t, *a: rows(self, name, t if name == "alpha_bar" else (t - 1).clamp(min=1), *a),
        )
    elif where == "diffuse to the step before":
        patch.setattr(diffusion, "diffuse", lambda s, x0, t, noise: original["diffuse"](s, x0, t - 1, noise))
    elif where == "forward step of the step before":
        patch.setattr(
            diffusion,
            "forward_step",
            lambda s, x, t, noise: original["forward_step"](s, x, (t - 1).clamp(min=1), noise),
        )
    elif where == "posterior of the step before":
        patch.setattr(
            diffusion,
            "posterior",
            lambda s, x, x0, t, *a: original["posterior"](
                s, x, x0, (t - 1).clamp(min=1), *(torch.minimum(early, (t - 2).clamp(min=0)) for early in a)
            ),
        )
    elif where == "denoiser asked for the step before":
        for name in ("ddim", "ancestral"):
            patch.setattr(
                diffusion,
                name,
                lambda d, *a, name=name, **k: original[name](lambda x, t: d(x, (t - 1).clamp(min=1)), *a, **k),
            )
    elif where == "ddim stops at its last step":
        pairs = diffusion._pairs
        patch.setattr(diffusion, "_pairs", lambda schedule, steps: pairs(schedule, steps)[:-1])
    elif where == "variance of the step after":
        variances = diffusion._variances
        patch.setattr(diffusion, "_variances", lambda schedule, v: variances(schedule, v).roll(-1))


@pytest.mark.parametrize(
    ("where", "caught"),
    [
        ("alpha_bar begins with alpha_1", {"marginal", "posterior", "tweedie", "ancestral", "ddim", "bound"}),
        ("beta of the step before", {"marginal", "posterior", "ancestral", "bound"}),
        ("diffuse to the step before", {"marginal", "bound"}),
        ("forward step of the step before", {"marginal"}),
        ("posterior of the step before", {"posterior", "ancestral", "ddim", "bound"}),
        ("denoiser asked for the step before", {"ancestral"}),
        ("ddim stops at its last step", {"ddim"}),
        ("variance of the step after", {"ancestral", "bound"}),
    ],
)
def test_an_off_by_one_is_caught(where, caught):
    """With t shifted in one place exactly the checks fail that pass through it; without, none does."""
    failed = set()
    with pytest.MonkeyPatch.context() as patch:
        plant(patch, where)
        for name, check in CHECKS.items():
            try:
                check()
            except (AssertionError, ValueError):
                failed.add(name)
    assert failed == caught


# --- errors --------------------------------------------------------------------------------------------------------


def assert_raises(message, action):
    with pytest.raises(ValueError, match=message):
        action()


@pytest.mark.parametrize(
    "beta", [[], [[0.1]], [0.0, 0.5], [0.5, 1.0], [-0.1, 0.5], [0.1, 1.5], [0.1, float("nan")]], ids=str
)
def test_errors_of_beta(beta):
    assert_raises(r"beta has .* \(0, 1\)", lambda: diffusion.Schedule(beta))


def test_errors_of_the_schedules():
    assert_raises("T is 0, takes an integer of at least 1", lambda: diffusion.linear_schedule(0))
    assert_raises("T is 0, takes an integer of at least 1", lambda: diffusion.cosine_schedule(0))
    assert_raises(r"beta has .* \(0, 1\)", lambda: diffusion.linear_schedule(10, 0.1, 2.0))
    assert_raises("offset is 0, takes a positive number", lambda: diffusion.cosine_schedule(10, 0))


BAD_STEPS = {
    "low": (torch.tensor([-1, 3]), "t has -1"),
    "high": (torch.tensor([1, 31]), "t has 1 to 31, takes 0 to T = 30"),
    "shape": (torch.tensor([1]), r"t has shape \(1,\)"),
    "two axes": (torch.tensor([[1], [2]]), r"t has shape \(2, 1\)"),
    "type": (torch.tensor([1.0, 2.0]), "t has .*float32, takes integers"),
    "truth": (torch.tensor([True, True]), "t has .*bool, takes integers"),
}


@pytest.mark.parametrize(("t", "message"), BAD_STEPS.values(), ids=BAD_STEPS)
def test_errors_of_t(t, message):
    schedule, x = scaled(30), randn(2, 2)
    for action in (
        lambda: diffusion.diffuse(schedule, x, t, x),
        lambda: diffusion.forward_step(schedule, x, t, x),
        lambda: diffusion.posterior(schedule, x, x, t),
        lambda: diffusion.convert(schedule, x, x, t, "x0", "noise"),
        lambda: diffusion.mixture_denoiser(schedule, WEIGHTS, MEANS, COVARIANCES)(x, t),
        lambda: diffusion.mixture_log_density(schedule, WEIGHTS, MEANS, COVARIANCES, x, t),
        lambda: diffusion.data_denoiser(schedule, x)(x, t),
    ):
        assert_raises(message, action)


def test_steps_of_any_integer_type():
    schedule, x = scaled(30), randn(2, 2)
    exact = diffusion.diffuse(schedule, x, torch.tensor([1, 30]), x)
    for dtype in (torch.int32, torch.uint8):
        assert torch.equal(diffusion.diffuse(schedule, x, torch.tensor([1, 30], dtype=dtype), x), exact)


def test_errors_of_t_zero():
    schedule, x, t = scaled(30), randn(2, 2), torch.tensor([0, 3])
    for action in (
        lambda: diffusion.forward_step(schedule, x, t, x),
        lambda: diffusion.posterior(schedule, x, x, t),
        lambda: diffusion.convert(schedule, x, x, t, "x0", "noise"),
        lambda: diffusion.data_denoiser(schedule, x)(x, t),
    ):
        assert_raises("t has 0, takes 1 to T = 30", action)


def test_errors_of_shapes_and_names():
    schedule, x, t = scaled(30), randn(2, 2), torch.tensor([3, 4])
    identity = diffusion.gaussian_denoiser(schedule, torch.zeros(2), torch.eye(2))
    whole = (randn(2) * 2).to(torch.int64)
    for message, action in (
        (r"noise has shape \(2,\), takes that of x0", lambda: diffusion.diffuse(schedule, x, t, x[0])),
        (r"noise has shape \(2,\), takes that of x", lambda: diffusion.forward_step(schedule, x, t, x[0])),
        ("x.* has .*int64, takes", lambda: diffusion.diffuse(schedule, whole, t, whole)),
        (r"x0 has shape \(1, 2\)", lambda: diffusion.posterior(schedule, x, x[:1], t)),
        ("s has steps that are not before t", lambda: diffusion.posterior(schedule, x, x, t, torch.tensor([3, 3]))),
        ("s has -1", lambda: diffusion.posterior(schedule, x, x, t, torch.tensor([-1, 3]))),
        (r"s has shape \(1,\)", lambda: diffusion.posterior(schedule, x, x, t, torch.tensor([1]))),
        ("given is 'eps', takes one of 'noise'", lambda: diffusion.convert(schedule, x, x, t, "eps", "x0")),
        ("wanted is 'eps'", lambda: diffusion.convert(schedule, x, x, t, "x0", "eps")),
        (r"prediction has shape \(1, 2\)", lambda: diffusion.convert(schedule, x[:1], x, t, "x0", "noise")),
        ("kind is 'eps'", lambda: diffusion.loss(Spy(), schedule, x, rng=generator(), kind="eps")),
        (
            r"weight has shape \(30,\)",
            lambda: diffusion.loss(Spy(), schedule, x, rng=generator(), weight=torch.ones(30)),
        ),
        ("prediction has shape", lambda: diffusion.loss(lambda x, t: x[:, :1], schedule, x, rng=generator())),
        ("kind is 'eps'", lambda: diffusion.denoiser(Spy(), schedule, "eps")),
        ("scale is 2, which takes labels", lambda: diffusion.denoiser(Spy(), schedule, "x0", scale=2)),
        ("scale is 2, which takes labels", lambda: diffusion.denoiser(Spy(), schedule, "x0", labels=t, scale=2)),
        ("decay is 1, takes", lambda: diffusion.ema_rate(0, 1)),
        ("step is -1, takes", lambda: diffusion.ema_rate(-1, 0.9)),
        (r"denoising_variance has shape \(30,\)", lambda: diffusion.optimal_variance(schedule, torch.ones(30))),
        ("denoising_variance", lambda: diffusion.optimal_variance(schedule, -torch.ones(31))),
        ("weights.* shapes", lambda: diffusion.mixture_denoiser(schedule, WEIGHTS, MEANS[:1], COVARIANCES)),
        ("weights is .*sum to one", lambda: diffusion.mixture_denoiser(schedule, 2 * WEIGHTS, MEANS, COVARIANCES)),
        (
            "not symmetric",
            lambda: diffusion.gaussian_denoiser(schedule, MEANS[0], torch.tensor([[1.0, 0.5], [0.0, 1.0]])),
        ),
        ("eigenvalue", lambda: diffusion.gaussian_denoiser(schedule, MEANS[0], torch.tensor([[1.0, 2.0], [2.0, 1.0]]))),
        (r"x has shape \(2, 3\), takes \(n, 2\)", lambda: identity(randn(2, 3), t)),
        (r"x has shape \(2, 3\), takes \(n, 2\)", lambda: diffusion.data_denoiser(schedule, x)(randn(2, 3), t)),
        ("data has shape", lambda: diffusion.data_denoiser(schedule, x[:0])),
        ("variance is 'small'", lambda: diffusion.ancestral(identity, schedule, x, rng=None, variance="small")),
        (
            r"variance has shape \(30,\)",
            lambda: diffusion.ancestral(identity, schedule, x, rng=None, variance=torch.ones(30)),
        ),
        ("eta is 1.5, takes", lambda: diffusion.ddim(identity, schedule, x, eta=1.5, rng=generator())),
        ("rng is missing", lambda: diffusion.ddim(identity, schedule, x, eta=0.5)),
        ("method is 'rk4'", lambda: diffusion.ode(identity, schedule, x, method="rk4")),
        ("clock is 't'", lambda: diffusion.ode(identity, schedule, x, clock="t")),
        ("variance is zero", lambda: diffusion.vlb(identity, schedule, x, rng=generator(), variance=torch.zeros(31))),
        ("samples is 1", lambda: diffusion.prior_mismatch(schedule, x, rng=generator(), samples=1)),
        ("dimension is 0", lambda: diffusion.bits_per_dimension(1.0, 0)),
        ("bin_width is 0", lambda: diffusion.bits_per_dimension(1.0, 1, 0)),
        ("probes is 0", lambda: diffusion.log_likelihood(identity, schedule, x, probes=0, rng=generator())),
        ("probes is 1", lambda: diffusion.log_likelihood(identity, schedule, x, probes=1)),
        (r"x0 has shape \(2,\), takes \(n, \.\.\.\)", lambda: diffusion.prior_term(schedule, x[0])),
        (r"x0 has shape \(2,\)", lambda: diffusion.vlb(identity, schedule, x[0], rng=generator())),
        (r"x0 has shape \(2,\)", lambda: diffusion.prior_mismatch(schedule, x[0], rng=generator())),
        (r"x0 has shape \(2,\)", lambda: diffusion.loss(Spy(), schedule, x[0], rng=generator())),
        (r"x has shape \(2,\)", lambda: diffusion.log_likelihood(identity, schedule, x[0])),
        ("t has 31, takes 0 to T = 30", lambda: diffusion.gaussian_flow(schedule, MEANS[0], COVARIANCES[0], x, 31, 0)),
        ("s has -1, takes 0 to T = 30", lambda: diffusion.gaussian_flow(schedule, MEANS[0], COVARIANCES[0], x, 30, -1)),
    ):
        assert_raises(message, action)


@pytest.mark.parametrize("steps", [0, 31, [], [31, 2], [5, 0], [5, 5], [2, 5], [7.5, 2]], ids=str)
def test_errors_of_steps(steps):
    schedule, x = scaled(30), randn(2, 1)
    denoise = gaussian(schedule)
    for action in (
        lambda: diffusion.ddim(denoise, schedule, x, steps=steps),
        lambda: diffusion.ode(denoise, schedule, x, steps=steps),
        lambda: diffusion.reverse_sde(denoise, schedule, x, steps=steps, rng=generator()),
        lambda: diffusion.log_likelihood(denoise, schedule, x, steps=steps),
    ):
        assert_raises("steps is|n is", action)


def test_likelihood_takes_lists_that_begin_at_noise():
    schedule, x = scaled(30), randn(2, 1)
    assert_raises(
        "steps begins with 20, takes T = 30",
        lambda: diffusion.log_likelihood(gaussian(schedule), schedule, x, steps=[20, 1]),
    )
