"""The exercises of the chapter on diffusion models."""

import torch

from genphys.exercises.judge import Exercise

__all__ = ["EXERCISES"]


def _guess(x, t):
    """Something that stands for a network: it depends on the state and on the step."""
    return 0.6 * x.tanh() + 0.02 * t.to(x.dtype)[:, None]


def _mixed(x0, t, noise, alpha_bar):
    signal = alpha_bar[t, None]
    return signal.sqrt() * x0 + (1 - signal).sqrt() * noise


def _loss(predict, x0, t, noise, alpha_bar):
    return (predict(_mixed(x0, t, noise, alpha_bar), t) - noise).square().mean()


def _without_roots(predict, x0, t, noise, alpha_bar):
    signal = alpha_bar[t, None]
    return (predict(signal * x0 + (1 - signal) * noise, t) - noise).square().mean()


def _against_data(predict, x0, t, noise, alpha_bar):
    return (predict(_mixed(x0, t, noise, alpha_bar), t) - x0).square().mean()


def _summed(predict, x0, t, noise, alpha_bar):
    return (predict(_mixed(x0, t, noise, alpha_bar), t) - noise).square().sum(1).mean()


def _shifted(predict, x0, t, noise, alpha_bar):
    return (predict(_mixed(x0, t - 1, noise, alpha_bar), t) - noise).square().mean()


def _normal(rng, *shape):
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


def _batches(rng):
    cases = []
    for n, M, T in ((3, 2, 10), (20, 5, 40)):
        alpha_bar = torch.cumprod(torch.cat([torch.ones(1), torch.full((T,), 0.9)]).double(), 0)
        t = torch.randint(1, T + 1, (n,), generator=rng)
        cases.append((_guess, _normal(rng, n, M), t, _normal(rng, n, M), alpha_bar))
    return cases


def _backward(x, noise, beta_t, alpha_bar_t, z):
    return (x - beta_t / (1 - alpha_bar_t) ** 0.5 * noise) / (1 - beta_t) ** 0.5 + beta_t**0.5 * z


def _steps(rng):
    pairs = ((0.02, 0.9), (0.1, 0.4), (0.3, 0.05))
    return [(_normal(rng, 4, 2), _normal(rng, 4, 2), beta, bar, _normal(rng, 4, 2)) for beta, bar in pairs]


def _skipped(x0, x, before, now, alpha=None):
    alpha = now / before if alpha is None else alpha
    mean = before**0.5 * (1 - alpha) * x0 + alpha**0.5 * (1 - before) * x
    var = (1 - before) * (1 - alpha) / (1 - now)
    return torch.stack([mean / (1 - now), torch.full_like(x, var)])


def _one_down(V0, beta, bar):
    """The variances of the noisy data at both ends of a step, the earlier one first."""
    before = bar / (1 - beta)
    return before * V0 + 1 - before, bar * V0 + 1 - bar


def _best_variance(V0, beta, bar):
    earlier, later = _one_down(V0, beta, bar)
    return beta * earlier / later


def _bridge(beta, bar, v):
    """The variance of the bridge and what a denoising variance v adds to it."""
    before = bar / (1 - beta)
    return beta * (1 - before) / (1 - bar), before * beta**2 / (1 - bar) ** 2 * v


def _left_over(V0, bar):
    return V0 * (1 - bar) / (bar * V0 + 1 - bar)


def _forgotten(A, alpha, beta, sigma2, M):
    return M * (A[2:] * alpha[2:].sqrt() * beta[1:-1] / sigma2[2:]).sum()


def _own_noise(A, alpha, beta, sigma2, M):
    return M * (A[2:] * alpha[2:].sqrt() * beta[2:] / sigma2[2:]).sum()


def _from_the_data(A, alpha, beta, sigma2, M):
    return M * (A[1:] * alpha[1:].sqrt() * beta.roll(1)[1:] / sigma2[1:]).sum()


def _covariances_alone(A, alpha, beta, sigma2, M):
    return M * (alpha[2:].sqrt() * beta[1:-1]).sum()


def _chains(rng):
    def chain(T, M):
        beta = 0.02 + 0.3 * torch.rand(T + 1, generator=rng, dtype=torch.float64)
        A, log_sigma2 = 0.9 + 0.2 * _normal(rng, T + 1), 0.3 * _normal(rng, T + 1)
        return A, 1 - beta, beta, log_sigma2.exp() * beta, M

    return [chain(4, 2), chain(9, 5), chain(30, 1)]


def _half_a_laplacian(y, p, gradient, laplacian):
    return laplacian / 2


def _with_the_trap(y, p, gradient, laplacian):
    return y.shape[1] * p + (y * gradient).sum(1) + laplacian


def _inks(rng):
    """A sum of Gaussian blots with its derivatives."""
    cases = []
    for n, M in ((5, 2), (8, 3)):
        y, centres = _normal(rng, n, M), _normal(rng, 3, M)
        arrows, width2 = y[:, None] - centres, torch.tensor([0.5, 1.0, 2.0]).double()
        blots = torch.exp(-arrows.square().sum(2) / (2 * width2)) / (3 * (2 * torch.pi * width2) ** (M / 2))
        bend = (arrows.square().sum(2) / width2**2 - M / width2) * blots
        cases.append((y, blots.sum(1), -(blots / width2)[..., None].mul(arrows).sum(1), bend.sum(1)))
    return cases


def _area(v, low, high, n=4000):
    width = (high - low) / n
    return (width * v(low + width * (torch.arange(n, dtype=torch.float64) + 0.5))).sum()


def _denoising_terms(v, first, last, M):
    return M / 2 * _area(v, last, first)


def _logarithmic(v, first, last, M):
    low, high = torch.as_tensor([last, first], dtype=torch.float64).log()
    return M / 2 * _area(lambda g: v(g.exp()), low, high)


def _errors(rng):
    return [
        (lambda snr: 0.5 / (1 + 0.5 * snr), 9.0, 0.1, 2),
        (lambda snr: 1 / (1 + snr) ** 2, 4.0, 0.5, 5),
        (lambda snr: 0.3 / (1 + 0.3 * snr) + 0.2 / (1 + snr) ** 2, 20.0, 0.01, 3),
    ]


def _waves(times, size, slowest, share=2):
    rates = slowest ** (-share * torch.arange(size // 2, dtype=torch.float64) / size)
    angle = times[:, None] * rates
    return torch.cat([angle.cos(), angle.sin()], 1)


def _read(waves, step=None):
    steps = (waves[1:] - waves[:-1]).norm(dim=1)
    return torch.stack([(waves.std(0) > 0.05).sum().double(), steps.mean() if step is None else step])


def _entries_and_steps(times, size, slowest):
    return _read(_waves(times, size, slowest))


def _all_pairs(times, size, slowest):
    waves = _waves(times, size, slowest)
    return _read(waves, torch.pdist(waves).mean())


def _frequencies(times, size, slowest):
    found = _entries_and_steps(times, size, slowest)
    found[0] = (_waves(times, size, slowest)[:, : size // 2].std(0) > 0.05).sum()
    return found


def _clocks(rng):
    steps = torch.arange(1, 201, dtype=torch.float64)
    return [(steps, 32, 10_000.0), (steps / 200, 32, 10_000.0), (steps / 10, 12, 100.0)]


def _saved(L, n):
    return L.reshape(n, -1).mean(1).var(correction=0) / n


def _losses(rng):
    return [
        (torch.linspace(1, 0.2, T).double() ** 2 + 0.1 * torch.rand(T, generator=rng), n)
        for T, n in ((8, 8), (12, 4), (60, 6))
    ]


EXERCISES = {
    "ex:write-denoising-loss": Exercise(
        answer=_loss,
        inputs=_batches,
        slips=(
            ("the shares of signal and noise are variances, so their factors are square roots", _without_roots),
            ("the network guesses the noise, so its guess is compared with the noise", _against_data),
            ("a mean over the components as well as over the batch", _summed),
            ("the entry t of alpha_bar belongs to the step t, because the entry 0 is the data", _shifted),
        ),
    ),
    "ex:write-backward-step": Exercise(
        answer=_backward,
        inputs=_steps,
        slips=(
            (
                "the noise has the variance beta, so its factor is the square root",
                lambda x, e, b, a, z: _backward(x, e, b, a, b**0.5 * z),
            ),
            (
                "the state was shrunk on the way there, so it is divided by the square root of alpha on the way back",
                lambda x, e, b, a, z: x - b / (1 - a) ** 0.5 * e + b**0.5 * z,
            ),
            (
                "the predicted noise is taken out, so its sign is minus",
                lambda x, e, b, a, z: _backward(x, -e, b, a, z),
            ),
            (
                "the predicted noise is of unit size: its share is beta over the root of what noise there is",
                lambda x, e, b, a, z: (x - b * e) / (1 - b) ** 0.5 + b**0.5 * z,
            ),
        ),
    ),
    "ex:diffusion-skip": Exercise(
        answer=_skipped,
        inputs=lambda rng: [
            (*torch.randn(2, n, generator=rng), before, now) for n, before, now in ((3, 0.8, 0.3), (5, 0.5, 0.1))
        ],
        slips=(
            (
                "between the two times stands the ratio of the two alpha bars",
                lambda x0, x, before, now: _skipped(x0, x, before, now, now),
            ),
            (
                "a single step stands there: the steps between are integrated out",
                lambda x0, x, before, now: _skipped(x0, x, before, now, before),
            ),
            (
                "the arguments in their order: the clean data first",
                lambda x0, x, before, now: _skipped(x, x0, before, now),
            ),
            (
                "the variance, not its root",
                lambda x0, x, before, now: torch.stack(
                    [_skipped(x0, x, before, now)[0], _skipped(x0, x, before, now)[1] ** 0.5]
                ),
            ),
        ),
    ),
    "ex:diffusion-two-variances": Exercise(
        answer=_best_variance,
        inputs=lambda rng: [(0.0, 0.1, 0.5), (1.0, 0.02, 0.7), (0.25, 0.2, 0.4), (3.0, 0.05, 0.1)],
        slips=(
            (
                "that is right for a single point: other data leave something to guess",
                lambda V0, b, a: _bridge(b, a, 0)[0],
            ),
            ("that is right for standard normal data", lambda V0, b, a: b),
            (
                "the noisy state tells something about the data: v is smaller than their variance",
                lambda V0, b, a: sum(_bridge(b, a, V0)),
            ),
            (
                "what is left to guess enters with a square, that of its weight in the mean",
                lambda V0, b, a: _bridge(b, a, 0)[0] + _left_over(V0, a),
            ),
        ),
    ),
    "ex:false-bound": Exercise(
        answer=_forgotten,
        inputs=_chains,
        slips=(
            ("the covariance comes from the noise of the step into the earlier of the two states", _own_noise),
            ("the sum has no term for the data: its first states are those at 1 and 2", _from_the_data),
            ("the product has a coefficient in the energy of the backward step", _covariances_alone),
            ("each of the M components has this covariance", lambda A, a, b, s, M: _forgotten(A, a, b, s, 1)),
            (
                "a factor of one half is gone: the product occurs twice in the square",
                lambda A, a, b, s, M: _forgotten(A, a, b, s, M) / 2,
            ),
        ),
    ),
    "ex:diffusion-heat": Exercise(
        answer=_half_a_laplacian,
        inputs=_inks,
        slips=(
            ("a Gaussian spreads half as fast: the time is the variance itself", lambda y, p, g, lap: lap),
            ("dividing by the root of alpha bar has taken the trap away", _with_the_trap),
            ("with more noise the ink spreads: it gets thinner at its peaks", lambda y, p, g, lap: -lap / 2),
            ("that is the equation of the logarithm of the density", lambda y, p, g, lap: lap / (2 * p)),
        ),
    ),
    "ex:diffusion-mmse": Exercise(
        answer=_denoising_terms,
        inputs=_errors,
        rtol=1e-3,
        slips=(
            ("half of the weight of a step is its share of the bound", lambda v, f, g, M: _area(v, g, f) * M),
            ("what the last state still knows was not destroyed", lambda v, f, g, M: _area(v, 0.0, f) * M / 2),
            ("v is the error of one component", lambda v, f, g, M: _area(v, g, f) / 2),
            ("the weight is a difference of the ratios themselves, not of their logarithms", _logarithmic),
            ("the terms are divergences, and their sum is positive", lambda v, f, g, M: -_area(v, g, f) * M / 2),
        ),
    ),
    "ex:diffusion-embedding": Exercise(
        answer=_entries_and_steps,
        inputs=_clocks,
        slips=(
            ("neighbours are rows that follow each other, not all pairs of rows", _all_pairs),
            ("each frequency has two entries, and both can vary", _frequencies),
            ("the exponent of a frequency is -2 i/D", lambda t, D, slowest: _read(_waves(t, D, slowest, share=1))),
            (
                "a distance is the root of the sum of squares",
                lambda t, D, slowest: _read(w := _waves(t, D, slowest), w.diff(dim=0).square().sum(1).mean()),
            ),
        ),
    ),
    "ex:diffusion-stratified": Exercise(
        answer=_saved,
        inputs=_losses,
        slips=(
            ("within a part the step is still drawn by chance", lambda L, n: L.var(correction=0) / n),
            ("the mean of n independent terms has an n-th of the variance of one", lambda L, n: n * _saved(L, n)),
            ("that is what is left, not what is saved", lambda L, n: L.reshape(n, -1).var(1, correction=0).mean() / n),
            (
                "the steps are known, not a sample: the variance over them divides by their number",
                lambda L, n: L.reshape(n, -1).mean(1).var() / n,
            ),
        ),
    ),
}
