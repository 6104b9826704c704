"""The chain and its loss against joint Gaussians, products written out, and quadrature."""

import math
import warnings

import pytest
import torch
from diffusion_cases import (
    F64,
    KINDS,
    MEAN,
    VARIANCE,
    Spy,
    assert_close,
    assert_within,
    check_marginal,
    check_posterior,
    gaussian,
    generator,
    randn,
    scaled,
)
from promise import args
from torch import nn

from genphys import diffusion
from genphys.train import move_average


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


def test_marginal_by_composing_steps():
    check_marginal()
    check_marginal(diffusion.cosine_schedule(40))
    x = randn(3, 2)
    assert torch.equal(diffusion.diffuse(scaled(30), x, torch.zeros(3, dtype=torch.int64), randn(3, 2, seed=1)), x)


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


class Narrow(Spy):
    """A network that answers one component of two."""

    def forward(self, x, t):
        return x[:, :1]


# --- what is refused beyond the walk over every public callable

CHAIN, X = scaled(30), randn(2, 2)
T34 = torch.tensor([3, 4])
WHOLE = (X * 2).to(torch.int64)
BAD_STEPS = {
    "low": torch.tensor([-1, 3]),
    "high": torch.tensor([1, 31]),
    "too few": torch.tensor([1]),
    "two axes": torch.tensor([[1], [2]]),
    "floating": torch.tensor([1.0, 2.0]),
    "truth": torch.tensor([True, True]),
}
TAKE_STEPS = {
    "signal_noise": (CHAIN.signal_noise, lambda t: (t, X), 0),
    "diffuse": (diffusion.diffuse, lambda t: (CHAIN, X, t, X), 0),
    "forward_step": (diffusion.forward_step, lambda t: (CHAIN, X, t, X), 1),
    "posterior": (diffusion.posterior, lambda t: (CHAIN, X, X, t), 1),
    "convert": (diffusion.convert, lambda t: (CHAIN, X, X, t, "x0", "noise"), 1),
}


@pytest.mark.parametrize("bad", BAD_STEPS)
@pytest.mark.parametrize("name", TAKE_STEPS)
def test_a_step_out_of_range_or_not_one_a_row_is_refused(name, bad):
    function, call, first = TAKE_STEPS[name]
    wanted = f"t is .*takes a tensor of whole numbers .* from {first} to T|x is .* = 1 of t"
    with pytest.raises(ValueError, match=wanted):
        function(*call(BAD_STEPS[bad]))


@pytest.mark.parametrize("name", TAKE_STEPS)
def test_step_zero_is_refused_where_there_has_to_be_noise(name):
    function, call, first = TAKE_STEPS[name]
    if first == 0:
        function(*call(torch.tensor([0, 3])))
    else:
        with pytest.raises(ValueError, match=r"t is .*values from 0 to 3"):
            function(*call(torch.tensor([0, 3])))


def test_steps_of_any_integer_type():
    exact = diffusion.diffuse(CHAIN, X, torch.tensor([1, 30]), X)
    for dtype in (torch.int32, torch.uint8):
        assert torch.equal(diffusion.diffuse(CHAIN, X, torch.tensor([1, 30], dtype=dtype), X), exact)


REFUSED = {
    "no beta": (diffusion.Schedule, args([]), "beta"),
    "beta on two axes": (diffusion.Schedule, args([[0.1]]), "beta"),
    "beta 0": (diffusion.Schedule, args([0.0, 0.5]), "beta is .* above 0 and below 1"),
    "beta 1": (diffusion.Schedule, args(torch.tensor([0.5, 1.0])), "beta is .* above 0 and below 1"),
    "beta -0.1": (diffusion.Schedule, args([-0.1, 0.5]), "beta"),
    "beta NaN": (diffusion.Schedule, args([0.1, math.nan]), "beta"),
    "no steps": (diffusion.linear_schedule, args(0), "T is 0, takes a whole number, 1 or more"),
    "no steps of a cosine": (diffusion.cosine_schedule, args(0), "T is 0, takes a whole number, 1 or more"),
    "last beta": (diffusion.linear_schedule, args(10, 0.1, 2.0), "last is 2.0"),
    "offset": (diffusion.cosine_schedule, args(10, 0), "offset is 0, takes a finite number above 0"),
    "noise of another shape": (diffusion.diffuse, args(CHAIN, X, T34, X[0]), "noise is .*n = 2 of x0, ... = .* of x0"),
    "one noise for all rows": (diffusion.forward_step, args(CHAIN, X, T34, X[:1]), "noise"),
    "whole numbers": (diffusion.diffuse, args(CHAIN, WHOLE, T34, WHOLE), "x0 is .*int64"),
    "two types": (diffusion.diffuse, args(CHAIN, X, T34, X.double()), "noise is .*float64"),
    "another x0": (diffusion.posterior, args(CHAIN, X, X[:1], T34), "x0 is"),
    "s not before t": (diffusion.posterior, args(CHAIN, X, X, T34, torch.tensor([3, 3])), "s is .* before those of t"),
    "s below 0": (diffusion.posterior, args(CHAIN, X, X, T34, torch.tensor([-1, 3])), "s is .*from -1"),
    "one s": (diffusion.posterior, args(CHAIN, X, X, T34, torch.tensor([1])), "s is"),
    "given": (diffusion.convert, args(CHAIN, X, X, T34, "eps", "x0"), "given is 'eps', takes one of 'noise'"),
    "wanted": (diffusion.convert, args(CHAIN, X, X, T34, "x0", "eps"), "wanted is 'eps'"),
    "kind": (diffusion.loss, args(Spy(), CHAIN, X, rng=generator(), kind="eps"), "kind is 'eps'"),
    "weight": (diffusion.loss, args(Spy(), CHAIN, X, rng=generator(), weight=torch.ones(30)), r"weight .*T\+1 = 31"),
    "no components": (diffusion.loss, args(Spy(), CHAIN, X[0], rng=generator()), "x0 is"),
    "a narrow network": (diffusion.loss, args(Narrow(), CHAIN, X, rng=generator()), "network's prediction"),
    "decay": (diffusion.ema_rate, args(0, 1), "decay is 1"),
    "step": (diffusion.ema_rate, args(-1, 0.9), "step is -1"),
    "too few variances": (diffusion.optimal_variance, args(CHAIN, torch.ones(30)), "denoising_variance .*31"),
    "too few in a list": (diffusion.optimal_variance, args(CHAIN, [1.0] * 30), "denoising_variance .*31"),
    "negative variance": (diffusion.optimal_variance, args(CHAIN, -torch.ones(31)), "denoising_variance"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    function, call, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        function(*call.args, **call.kwargs)
