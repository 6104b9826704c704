"""The exercises of the chapter on adversarial networks."""

import math

import torch
import torch.nn.functional as F

from genphys.exercises.judge import Exercise

__all__ = ["EXERCISES"]


def _losses(real, fake):
    return torch.stack([F.softplus(-real).mean() + F.softplus(fake).mean(), F.softplus(-fake).mean()])


def _minimax(real, fake):
    return torch.stack([_losses(real, fake)[0], -F.softplus(fake).mean()])


def _labels_exchanged(real, fake):
    return torch.stack([_losses(fake, real)[0], _losses(real, fake)[1]])


def _other_order(real, fake):
    return _losses(real, fake).flip(0)


def _rewards(real, fake):
    return -_losses(real, fake)


def _logits(rng):
    cases = [(torch.randn(n, generator=rng).double(), 3 * torch.randn(m, generator=rng).double()) for n, m in ((4, 7),)]
    return [*cases, (torch.tensor([1e4, -1e4, 2.0]).double(), torch.tensor([-1e4, 5.0]).double())]


def _extragradient(a, b, A, eta):
    a_ahead, b_ahead = a - eta * A @ b, b + eta * A.T @ a
    return torch.cat([a - eta * A @ b_ahead, b + eta * A.T @ a_ahead])


def _simultaneous(a, b, A, eta):
    return torch.cat([a - eta * A @ b, b + eta * A.T @ a])


def _twice(a, b, A, eta):
    a_ahead, b_ahead = a - eta * A @ b, b + eta * A.T @ a
    return torch.cat([a_ahead - eta * A @ b_ahead, b_ahead + eta * A.T @ a_ahead])


def _both_climb(a, b, A, eta):
    return _extragradient(a, b, A, -eta)


def _alternating(a, b, A, eta):
    b = b + eta * A.T @ a
    return torch.cat([a - eta * A @ b, b])


def _games(rng):
    def normal(*shape):
        return torch.randn(*shape, generator=rng, dtype=torch.float64)

    return [(normal(m), normal(k), normal(m, k), eta) for m, k, eta in ((3, 2, 0.3), (1, 1, 0.05), (4, 6, 0.8))]


def _gradient(q, loss):
    return q * (loss - q @ loss)


def _non_saturating(p, theta):
    q = theta.softmax(0)
    return _gradient(q, ((p + q) / p).log())


def _minimax_gradient(p, theta):
    q = theta.softmax(0)
    return _gradient(q, (q / (p + q)).log())


def _without_the_distance(p, theta):
    q = theta.softmax(0)
    return _gradient(q, (q / p).log())


def _one_distance(p, theta):
    q = theta.softmax(0)
    return _gradient(q, (q / p).log() - 0.5 * (2 * q / (p + q)).log())


def _through_the_critic(p, theta):
    q = theta.softmax(0)
    return _gradient(q, ((p + q) / p).log() + q / (p + q))


def _generators(rng):
    return [
        (torch.randn(n, generator=rng).double().softmax(0), torch.randn(n, generator=rng).double()) for n in (3, 6, 4)
    ]


def _slope(distribution, x1, x2):
    z1, z2 = torch.special.ndtri(distribution(torch.tensor([x1, x2], dtype=torch.float64)))
    return (x2 - x1) / (z2 - z1)


def _from_uniform_noise(distribution, x1, x2):
    f1, f2 = distribution(torch.tensor([x1, x2], dtype=torch.float64))
    return (x2 - x1) / (f2 - f1)


def _two_humps(x):
    return (torch.special.ndtr((x + 2) / 0.7) + torch.special.ndtr((x - 2) / 0.7)) / 2


def _exponential(x):
    return -torch.expm1(-x)


EXERCISES = {
    "ex:write-gan-losses": Exercise(
        answer=_losses,
        inputs=_logits,
        slips=(
            ("this is the minimax loss of the generator, whose slope vanishes where the samples are bad", _minimax),
            ("the discriminator should say one for the real examples and zero for the samples", _labels_exchanged),
            ("the discriminator's loss comes first", _other_order),
            ("losses are minimised: these are the rewards", _rewards),
        ),
    ),
    "ex:write-extragradient": Exercise(
        answer=_extragradient,
        inputs=_games,
        slips=(
            ("this is a simultaneous step: the slope has to be taken where it leads", _simultaneous),
            ("these are two steps: the second one starts at the old parameters", _twice),
            ("the generator descends and the discriminator climbs", _both_climb),
            ("this is an alternating step: both players look ahead, from the old parameters", _alternating),
        ),
    ),
    "ex:smoothing": Exercise(
        answer=lambda p, q, s: (1 - s) * p / (p + q),
        inputs=lambda rng: [
            (torch.rand(n, generator=rng) + 0.1, torch.rand(n, generator=rng) + 0.1, s) for n, s in ((4, 0.1), (3, 0.3))
        ],
        slips=(
            (
                "the targets of the samples stay at 0: the smoothing is one-sided",
                lambda p, q, s: ((1 - s) * p + s * q) / (p + q),
            ),
            ("that is the answer without smoothing", lambda p, q, s: p / (p + q)),
            (
                "a smoothed example also counts as a sample, with the weight s",
                lambda p, q, s: (1 - s) * p / ((1 - s) * p + q),
            ),
        ),
    ),
    "ex:least-squares": Exercise(
        answer=lambda p, q: (p * q / (p + q)).sum() / 2,
        inputs=lambda rng: [tuple(torch.randn(2, n, generator=rng).softmax(1)) for n in (3, 6, 4)],
        slips=(
            ("both terms of the loss have a factor one half", lambda p, q: (p * q / (p + q)).sum()),
            ("a constant critic is not the best one", lambda p, q: (p + q).sum() / 8),
            ("that is the critic, not its loss", lambda p, q: (p / (p + q)).sum()),
        ),
    ),
    "ex:friction": Exercise(
        answer=lambda gamma: 0.5 * (gamma - max(gamma**2 - 1, 0.0) ** 0.5),
        inputs=lambda rng: [(0.2,), (0.9,), (1.5,), (4.0,)],
        slips=(
            ("beyond the critical friction there are two rates, and they differ", lambda gamma: 0.5 * gamma),
            ("the slower of the two rates decides", lambda gamma: 0.5 * (gamma + max(gamma**2 - 1, 0.0) ** 0.5)),
            (
                "a factor of two: the friction acts on one of the two players",
                lambda gamma: gamma - max(gamma**2 - 1, 0.0) ** 0.5,
            ),
        ),
    ),
    "ex:wrong-well": Exercise(
        answer=lambda delta, gamma: torch.tensor([1.0, -1.0]) + delta / (2 * gamma),
        inputs=lambda rng: [(1.0, 2.0), (3.0, 10.0), (0.5, 0.3)],
        slips=(
            (
                "the data pull both solutions to the same side",
                lambda delta, gamma: torch.tensor([1.0, -1.0]) * (1 + delta / (2 * gamma)),
            ),
            (
                "the derivative of the square has a factor of two",
                lambda delta, gamma: torch.tensor([1.0, -1.0]) + delta / gamma,
            ),
            ("the right one comes first", lambda delta, gamma: torch.tensor([-1.0, 1.0]) + delta / (2 * gamma)),
        ),
    ),
    "ex:uniform-noise": Exercise(
        answer=lambda z: -torch.log((1 - z) / 2),
        inputs=lambda rng: [(2 * torch.rand(n, generator=rng) - 1,) for n in (5, 3)],
        slips=(
            ("the noise is uniform on an interval of length two", lambda z: -torch.log((1 - z).clamp(min=1e-9))),
            ("that generator decreases", lambda z: -torch.log((1 + z) / 2)),
            ("data are positive", lambda z: torch.log((1 - z) / 2)),
        ),
    ),
    "ex:non-saturating": Exercise(
        answer=_non_saturating,
        inputs=_generators,
        slips=(
            ("that is the gradient of the minimax loss, of log(1 - d)", _minimax_gradient),
            ("that is the divergence alone: the distance that is rewarded is missing", _without_the_distance),
            ("log(1 - d) brings the distance twice, once from the data and once from the samples", _one_distance),
            ("the discriminator is held fixed: its own change does not count", _through_the_critic),
            ("the gradient of a loss, not the way down", lambda p, theta: -_non_saturating(p, theta)),
        ),
    ),
    "ex:steepness": Exercise(
        answer=_slope,
        inputs=lambda rng: [
            (torch.sigmoid, -1.0, 2.0),
            (_two_humps, -0.5, 0.3),
            (_exponential, 0.2, 3.0),
            (_two_humps, 1.0, 4.0),
        ],
        slips=(
            ("the noise is normal, not uniform: which quantiles does the interval have?", _from_uniform_noise),
            ("a length of x over a length of z, not the inverse", lambda F, x1, x2: 1 / _slope(F, x1, x2)),
            (
                "the density of the noise changes along the way: take its quantiles",
                lambda F, x1, x2: _from_uniform_noise(F, x1, x2) / (2 * math.pi) ** 0.5,
            ),
            ("that is the length in the noise alone", lambda F, x1, x2: (x2 - x1) / _slope(F, x1, x2)),
        ),
    ),
}
