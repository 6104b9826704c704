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
}
