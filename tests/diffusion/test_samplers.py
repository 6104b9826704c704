"""Samplers against exact maps, recursions of moments and the definition of DDIM."""

import functools
import math
from functools import partial

import pytest
import torch
from diffusion_cases import (
    COVARIANCES,
    F64,
    KINDS,
    MEAN,
    MEANS,
    VARIANCE,
    WEIGHTS,
    affine,
    assert_close,
    assert_within,
    best_variance,
    check_ancestral,
    check_ddim,
    exact_flow,
    full,
    gaussian,
    generator,
    gentle,
    law,
    moments,
    randn,
    scaled,
    slope,
)
from promise import args

from genphys import diffusion
from genphys.diffusion import samplers


def ancestral(denoise, schedule, x, variance):
    return diffusion.ancestral(denoise, schedule, x, rng=generator(), variance=variance)


def test_ancestral_is_exact_for_a_gaussian_with_the_optimal_variance():
    check_ancestral()


@pytest.mark.parametrize("variance", ["posterior", "beta"])
def test_ancestral_with_other_variances_has_the_variance_of_its_recursion(variance):
    errors = []
    for T in (50, 100, 200, 400):
        schedule = gentle(T)
        denoise = gaussian(schedule)
        mean, spread = law(partial(ancestral, denoise, schedule, variance=variance), schedule)
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


def test_ancestral_keeps_every_marginal_of_one_data_point():
    schedule, point, met = scaled(30), 1.7, []
    affine(
        lambda x: diffusion.ancestral(
            lambda x, t: torch.full_like(x, point),
            schedule,
            x,
            rng=generator(),
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
        mean, spread = law(lambda x: diffusion.reverse_sde(denoise, schedule, x, rng=generator()), schedule)  # noqa: B023
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


APART = (WEIGHTS, torch.tensor([[2.0, 1.0], [-2.0, -1.0]], dtype=F64), 0.5 * COVARIANCES)


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


# --- one step at a time


def test_ddim_is_its_step_on_the_coefficients_of_the_schedule():
    schedule, x = scaled(30), randn(5, 2)
    denoise = diffusion.mixture_denoiser(schedule, WEIGHTS, MEANS, COVARIANCES)
    bar, rng = schedule.alpha_bar, generator(3)
    expected = diffusion.ddim(denoise, schedule, x, steps=[30, 12, 5], eta=0.5, rng=generator(3))
    for t, s in ((30, 12), (12, 5), (5, 0)):
        variance = (1 - bar[s]) / (1 - bar[t]) * (1 - bar[t] / bar[s])
        factors = [(bar[k].sqrt(), (1 - bar[k]).sqrt()) for k in (t, s)]
        z = torch.randn(5, 2, generator=rng) if s else 0.0
        x = diffusion.ddim_step(x, denoise(x, full(t, x)), *factors, 0.5 * variance.sqrt(), z)
    assert_close(x, expected)


def test_ancestral_is_its_step_on_the_coefficients_of_the_schedule():
    schedule, x = scaled(21), randn(5, 2)
    denoise = diffusion.mixture_denoiser(schedule, WEIGHTS, MEANS, COVARIANCES)
    bar, beta, rng = schedule.alpha_bar, schedule.beta, generator(3)
    expected = diffusion.ancestral(denoise, schedule, x, rng=generator(3), variance="beta")
    for t in range(21, 0, -1):
        of_x = (1 - beta[t]).sqrt() * (1 - bar[t - 1]) / (1 - bar[t])
        of_x0 = bar[t - 1].sqrt() * beta[t] / (1 - bar[t])
        noise = (beta[t].sqrt(), torch.randn(5, 2, generator=rng)) if t > 1 else (0.0, 0.0)
        x = samplers.ancestral_step(x, denoise(x, full(t, x)), of_x, of_x0, *noise)
    assert_close(x, expected)


def test_reverse_sde_is_its_step_in_the_clock_of_the_process():
    schedule, x = scaled(30), randn(5, 2)
    denoise = diffusion.mixture_denoiser(schedule, WEIGHTS, MEANS, COVARIANCES)
    rng = generator(3)
    expected = diffusion.reverse_sde(denoise, schedule, x, steps=[30, 12, 5], rng=generator(3))
    for t, s in ((30, 12), (12, 5), (5, 0)):
        score = diffusion.convert(schedule, denoise(x, full(t, x)), x, full(t, x), "x0", "score")
        z = torch.randn(5, 2, generator=rng) if s else 0.0
        x = samplers.reverse_sde_step(x, score, schedule.time[t] - schedule.time[s], z)
    assert_close(x, expected)


def test_euler_and_heun_for_exponential_decay():
    """dx/dt = -x: Euler's factor is 1 - h and Heun's 1 - h + h^2/2, the first terms of exp(-h)."""
    x, h = randn(5, 2), 0.3
    assert_close(samplers.euler_step(x, -x, 1.0, h), (1 - h) * x)
    assert_close(samplers.heun_step(x, -x, torch.neg, 1.0, h), (1 - h + h**2 / 2) * x)


# --- what is refused beyond the walk over every public callable

CHAIN, X = scaled(30), randn(2, 1)
IDENTITY = gaussian(CHAIN, 0.0, 1.0)
REFUSED = {
    "name of a variance": (
        diffusion.ancestral,
        args(IDENTITY, CHAIN, X, rng=generator(), variance="small"),
        "variance",
    ),
    "too few variances": (
        diffusion.ancestral,
        args(IDENTITY, CHAIN, X, rng=generator(), variance=torch.ones(30)),
        r"variance is .* \(30,\)",
    ),
    "eta": (diffusion.ddim, args(IDENTITY, CHAIN, X, eta=1.5, rng=generator()), "eta is 1.5"),
    "noise without chance": (diffusion.ddim, args(IDENTITY, CHAIN, X, eta=0.5), "rng is None, takes a torch.Generator"),
    "method": (diffusion.ode, args(IDENTITY, CHAIN, X, method="rk4"), "method is 'rk4', takes one of 'heun', 'euler'"),
    "clock": (diffusion.ode, args(IDENTITY, CHAIN, X, clock="t"), "clock is 't'"),
    "no times": (diffusion.times, args(10, 0), "n is 0"),
    "more times than steps": (diffusion.times, args(10, 11), "n is 11, takes 1 to T = 10"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    function, call, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        function(*call.args, **call.kwargs)


SAMPLERS = {
    "ancestral": (diffusion.ancestral, {"rng": generator()}),
    "ddim": (diffusion.ddim, {}),
    "ode": (diffusion.ode, {}),
    "reverse_sde": (diffusion.reverse_sde, {"rng": generator()}),
}


@pytest.mark.parametrize("steps", [0, 31, [], [31, 2], [5, 0], [5, 5], [2, 5], [7.5, 2]], ids=str)
@pytest.mark.parametrize("name", ["ddim", "ode", "reverse_sde"])
def test_steps_that_do_not_go_down_to_one_are_refused(name, steps):
    sampler, options = SAMPLERS[name]
    with pytest.raises(ValueError, match=r"steps is|n is 31"):
        sampler(IDENTITY, CHAIN, X, steps=steps, **options)


@pytest.mark.parametrize("name", SAMPLERS)
def test_an_estimate_of_another_shape_is_refused(name):
    """One that is broadcast would draw wrong samples in silence."""
    sampler, options = SAMPLERS[name]
    with pytest.raises(ValueError, match=r"denoise's estimate is .*, takes the shape of x"):
        sampler(lambda x, t: x[:1], CHAIN, X, **options)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_denoiser_wrapped_by_the_user_is_called_through_the_wrapper(name):
    sampler, options = SAMPLERS[name]
    asked = []

    @functools.wraps(IDENTITY)
    def counting(x, t):
        asked.append(t[0].item())
        return IDENTITY(x, t)

    sampler(counting, CHAIN, X, **options)
    assert len(asked) >= 30
