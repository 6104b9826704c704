"""The exercises of the chapter on scores."""

import math

import torch

from genphys.exercises.judge import Exercise

__all__ = ["EXERCISES"]


def _kernel(a, b, width):
    return torch.exp(-torch.cdist(a, b).square() / (2 * width**2))


def _mmd2(x, y, width):
    n, m = len(x), len(y)
    kx, ky = _kernel(x, x, width), _kernel(y, y, width)
    within = (kx.sum() - kx.trace()) / (n * (n - 1)) + (ky.sum() - ky.trace()) / (m * (m - 1))
    return within - 2 * _kernel(x, y, width).mean()


def _with_diagonals(x, y, width):
    return _kernel(x, x, width).mean() + _kernel(y, y, width).mean() - 2 * _kernel(x, y, width).mean()


def _cross_once(x, y, width):
    return _mmd2(x, y, width) + _kernel(x, y, width).mean()


def _without_two(x, y, width):
    return _mmd2(x, y, width / 2**0.5)


def _root(x, y, width):
    return _mmd2(x, y, width).clamp(min=0).sqrt()


def _sets(rng):
    cases = []
    for n, m, d, width in ((2, 3, 1, 1.0), (6, 4, 2, 0.7), (30, 20, 5, 2.0)):
        x = torch.randn(n, d, generator=rng, dtype=torch.float64)
        cases.append((x, torch.randn(m, d, generator=rng, dtype=torch.float64) + 1, width))
    return cases


def _auc(real, generated):
    pairs = (real[:, None] > generated).double() + 0.5 * (real[:, None] == generated).double()
    return pairs.mean()


def _other_way(real, generated):
    return _auc(generated, real)


def _ties_lost(real, generated):
    return (real[:, None] > generated).double().mean()


def _right_at_zero(real, generated):
    return ((real > 0).double().mean() + (generated <= 0).double().mean()) / 2


def _logits(rng):
    cases = []
    for n, m in ((3, 2), (8, 5), (40, 60)):
        real = torch.randn(n, generator=rng, dtype=torch.float64) + 0.7
        generated = torch.randn(m, generator=rng, dtype=torch.float64)
        cases.append(((4 * real).round() / 4, (4 * generated).round() / 4))
    return cases


def _points(rng, n, d):
    return torch.randn(n, d, generator=rng, dtype=torch.float64)


EXERCISES = {
    "ex:write-mmd": Exercise(
        answer=_mmd2,
        inputs=_sets,
        slips=(
            ("the pairs of a point with itself stay out, and the sum is over n (n - 1) pairs", _with_diagonals),
            ("the cross term counts twice", _cross_once),
            ("the Gaussian kernel has the factor 2 beside the squared width", _without_two),
            ("the estimate is of the square; the root of an unbiased estimate is biased", _root),
        ),
    ),
    "ex:write-auc": Exercise(
        answer=_auc,
        inputs=_logits,
        slips=(
            ("this is the probability that a generated point is above a real one", _other_way),
            ("a tie counts one half", _ties_lost),
            ("this is the accuracy at the threshold zero; the area needs no threshold", _right_at_zero),
        ),
    ),
    "ex:wide-kernel": Exercise(
        answer=lambda x, y: (x.mean(0) - y.mean(0)).square().sum(),
        inputs=lambda rng: [(_points(rng, n, d), _points(rng, m, d) + 0.5) for n, m, d in ((6, 4, 2), (9, 9, 3))],
        slips=(
            ("a square is missing", lambda x, y: (x.mean(0) - y.mean(0)).norm()),
            ("there are two cross terms: a factor of two", lambda x, y: (x.mean(0) - y.mean(0)).square().sum() / 2),
            ("the mean squares cancel", lambda x, y: (x.square().mean(0) - y.square().mean(0)).sum().abs()),
        ),
    ),
    "ex:bootstrap-copies": Exercise(
        answer=lambda n: 1 - (1 - 1 / n) ** (n - 1),
        inputs=lambda rng: [(2,), (5,), (400,)],
        slips=(
            ("the other draws are n - 1", lambda n: 1 - (1 - 1 / n) ** n),
            ("that is the probability of no copy", lambda n: (1 - 1 / n) ** (n - 1)),
            ("that is the limit of many points", lambda n: 1 - math.exp(-1)),
        ),
    ),
}
