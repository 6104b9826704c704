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


def _apart(a, b):
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


def _radius(points, k, own=0):
    """The distance of each point to its k-th neighbour; itself is the zeroth of them."""
    return _apart(points, points).sort(1).values[:, k - own]


def _recall_and_coverage(real, generated, k, own=0):
    far = _apart(real, generated)
    recall = (far <= _radius(generated, k, own)).any(1)
    return torch.stack([recall.double().mean(), (far <= _radius(real, k, own)[:, None]).any(1).double().mean()])


def _precision_first(real, generated, k):
    within = _apart(real, generated) <= _radius(real, k)[:, None]
    return torch.stack([within.any(0).double().mean(), within.any(1).double().mean()])


def _density_last(real, generated, k):
    within = _apart(real, generated) <= _radius(real, k)[:, None]
    return torch.stack([_recall_and_coverage(real, generated, k)[0], within.double().mean() * len(real) / k])


def _with_copies(rng):
    real = _points(rng, 40, 2)
    return [
        (real, real[:4].add(0.1).repeat(10, 1), 3),
        (_points(rng, 30, 3), 0.7 * _points(rng, 50, 3) + 0.3, 2),
        (_points(rng, 25, 2), 0.5 * _points(rng, 20, 2) + 0.5, 5),
    ]


def _spins_and_normals(width, dim, cross=2):
    c = 1 / width**2
    mixed = (1 + c) ** -0.5 * math.exp(-c / (2 * (1 + c)))
    return ((1 + math.exp(-2 * c)) / 2) ** dim + (1 + 2 * c) ** (-dim / 2) - cross * mixed**dim


def _different_spins(width, dim):
    c = 1 / width**2
    return _spins_and_normals(width, dim) + math.exp(-2 * c * dim) - ((1 + math.exp(-2 * c)) / 2) ** dim


def _variance_one(width, dim):
    c = 1 / width**2
    return _spins_and_normals(width, dim) + (1 + c) ** (-dim / 2) - (1 + 2 * c) ** (-dim / 2)


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
    "ex:ten-images": Exercise(
        answer=_recall_and_coverage,
        inputs=_with_copies,
        slips=(
            ("recall has the balls of the generated points; that is precision", _precision_first),
            ("coverage counts the balls that hold a point, not the points in them", _density_last),
            (
                "no point is its own neighbour, but a copy of it is one",
                lambda x, y, k: _recall_and_coverage(x, y, k, 1),
            ),
            ("recall comes first", lambda x, y, k: _recall_and_coverage(x, y, k).flip(0)),
            (
                "both ask about the real points: the two sets are exchanged",
                lambda x, y, k: _recall_and_coverage(y, x, k),
            ),
        ),
    ),
    "ex:shifted-set": Exercise(
        answer=lambda x, a: a.norm(),
        inputs=lambda rng: [(_points(rng, n, d), _points(rng, d, 1)[:, 0]) for n, d in ((5, 3), (8, 2), (6, 4))],
        slips=(
            ("that is its square", lambda x, a: a.square().sum()),
            ("the cost is the square of the length in space, not a sum of its components", lambda x, a: a.abs().sum()),
            ("the cost of a plan is a mean over its points, not a sum", lambda x, a: a.norm() * len(x) ** 0.5),
            (
                "no distribution has the distance zero to another one",
                lambda x, a: 0.0 * a.norm(),
            ),
        ),
    ),
    "ex:frechet-blind": Exercise(
        answer=_spins_and_normals,
        inputs=lambda rng: [(1.0, 2), (0.7, 1), (3.0, 6), (2.0, 3)],
        slips=(
            ("the cross term counts twice", lambda width, dim: _spins_and_normals(width, dim, cross=1)),
            ("two spins are equal as often as not", _different_spins),
            ("the difference of two normal numbers has the variance two", _variance_one),
            ("each direction is a factor", lambda width, dim: _spins_and_normals(width, 1)),
            ("that is MMD, the root", lambda width, dim: _spins_and_normals(width, dim) ** 0.5),
        ),
    ),
}
