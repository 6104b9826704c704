"""The exercises of the chapter on diffusion models at work."""

import math

import torch

from genphys.exercises.judge import Exercise

__all__ = ["EXERCISES"]


def _flip(x, mean, a, b):
    return (1 - a / b) / 2 * (1 + a * b - (a + b) * x * mean) / (1 - a**2)


def _spins(rng):
    def one(n, a, b):
        x = 2 * torch.randint(2, (n, 3, 3), generator=rng).to(torch.float64) - 1
        return x, 1.6 * torch.rand(n, 3, 3, generator=rng, dtype=torch.float64) - 0.8, a, b

    return [one(4, 0.3, 0.5), one(2, 0.6, 0.95), one(3, 0.8, 1.0)]


def _teacher(y, sigma):
    """An answer that bends and depends on both."""
    return y.tanh() / (1 + sigma) + 0.3


def _two_steps(teacher, y, sigma, middle, then):
    first = teacher(y, sigma)
    y1 = first + middle / sigma * (y - first)
    second = teacher(y1, middle)
    return y1, second + then / middle * (y1 - second)


def _target(teacher, y, sigma, middle, then):
    return (sigma * _two_steps(teacher, y, sigma, middle, then)[1] - then * y) / (sigma - then)


def _end_point(teacher, y, sigma, middle, then):
    return _two_steps(teacher, y, sigma, middle, then)[1]


def _second_answer(teacher, y, sigma, middle, then):
    return teacher(_two_steps(teacher, y, sigma, middle, then)[0], middle)


def _plain_mean(teacher, y, sigma, middle, then):
    return (teacher(y, sigma) + _second_answer(teacher, y, sigma, middle, then)) / 2


def _old_noise(teacher, y, sigma, middle, then):
    first = teacher(y, sigma)
    y1 = first + middle / sigma * (y - first)
    second = teacher(y1, sigma)
    return (sigma * (second + then / middle * (y1 - second)) - then * y) / (sigma - then)


def _levels(rng):
    three = ((3.0, 2.0, 1.2), (1.5, 0.8, 0.3), (0.9, 0.5, 0.1))
    return [(_teacher, torch.randn(4, 2, generator=rng, dtype=torch.float64), *levels) for levels in three]


def _nats(u):
    kept = (1 + math.exp(-u)) / 2
    return math.log(2) + kept * math.log(kept) + (1 - kept) * math.log(1 - kept)


def _colour_ratio(P, now, then, a, q=None, old=1):
    c = 1 + (q or len(P)) * a / (1 - a)
    return 1 + (c - 1) * P[then] - old * (1 - 1 / c) * P[now]


EXERCISES = {
    "ex:write-flip-step": Exercise(
        answer=_flip,
        inputs=_spins,
        slips=(
            ("a flip is half of the chance to be drawn anew: a factor 1/2", lambda x, m, a, b: 2 * _flip(x, m, a, b)),
            ("a spin that agrees with its mean is flipped rarely: the sign", lambda x, m, a, b: _flip(x, -m, a, b)),
            (
                "this is the rate of a short step: the factor of the earlier time counts too",
                lambda x, m, a, b: (1 - a / b) / 2 * (1 + a**2 - 2 * a * x * m) / (1 - a**2),
            ),
            (
                "this draws each spin from the denoiser's answer, as the last step to the data does",
                lambda x, m, a, b: (1 - x * m) / 2 + 0 * a * b,
            ),
        ),
    ),
    "ex:write-student-target": Exercise(
        answer=_target,
        inputs=_levels,
        slips=(
            ("this is where the teacher arrives, not the answer that leads there in one step", _end_point),
            ("this is the teacher's second answer; the first one counts as well", _second_answer),
            ("the two answers of the teacher have different weights", _plain_mean),
            ("the teacher's second answer is asked for at the noise in the middle", _old_noise),
        ),
    ),
    "ex:flip-information": Exercise(
        answer=_nats,
        inputs=lambda rng: [(0.2,), (1.0,), (0.05,)],
        slips=(
            ("that is in bits", lambda u: _nats(u) / math.log(2)),
            ("one spin keeps exp(-u) of its mean, a product of two exp(-2 u)", lambda u: _nats(2 * u)),
            ("that is the leading term for late times", lambda u: math.exp(-2 * u) / 2),
            ("information is what the entropy falls short of log 2", lambda u: math.log(2) - _nats(u)),
        ),
    ),
    "ex:potts-ratio": Exercise(
        answer=_colour_ratio,
        inputs=lambda rng: [
            (torch.randn(q, generator=rng).softmax(0), now, then, a)
            for q, now, then, a in ((3, 0, 2, 0.4), (5, 1, 3, 0.7), (2, 1, 0, 0.2))
        ],
        slips=(
            ("that is the inverse ratio", lambda P, now, then, a: _colour_ratio(P, then, now, a)),
            (
                "a colour that is replaced at random can be the old one again",
                lambda P, now, then, a: _colour_ratio(P, now, then, a, q=1),
            ),
            (
                "the clean colour may also be the one that is seen now",
                lambda P, now, then, a: _colour_ratio(P, now, then, a, old=0),
            ),
        ),
    ),
}
