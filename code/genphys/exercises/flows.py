"""The exercises of the chapter on flows."""

import math

import torch

from genphys.exercises.judge import Exercise

__all__ = ["EXERCISES"]


def _normal(z):
    return -z.square().sum(1) / 2 - z.shape[1] / 2 * math.log(2 * math.pi)


def _parts(x, s, b):
    kept, moved = x.chunk(2, 1)
    return torch.cat([kept, (moved - b) * torch.exp(-s)], 1)


def _density(x, s, b):
    return _normal(_parts(x, s, b)) - s.sum(1)


def _without_determinant(x, s, b):
    return _normal(_parts(x, s, b))


def _wrong_sign(x, s, b):
    return _normal(_parts(x, s, b)) + s.sum(1)


def _without_constant(x, s, b):
    return -_parts(x, s, b).square().sum(1) / 2 - s.sum(1)


def _forth(x, s, b):
    kept, moved = x.chunk(2, 1)
    return _normal(torch.cat([kept, moved * torch.exp(s) + b], 1)) - s.sum(1)


def _couplings(rng):
    def normal(*shape):
        return torch.randn(*shape, generator=rng, dtype=torch.float64)

    return [(normal(n, 2 * k), normal(n, k), normal(n, k)) for n, k in ((4, 1), (7, 3), (1, 2))]


def _loss(x1, z, t, velocity):
    return (velocity(t * x1 + (1 - t) * z, t) - (x1 - z)).square().sum(1).mean()


def _backwards(x1, z, t, velocity):
    return (velocity(t * x1 + (1 - t) * z, t) - (z - x1)).square().sum(1).mean()


def _times_exchanged(x1, z, t, velocity):
    return (velocity((1 - t) * x1 + t * z, t) - (x1 - z)).square().sum(1).mean()


def _mean_of_components(x1, z, t, velocity):
    return (velocity(t * x1 + (1 - t) * z, t) - (x1 - z)).square().mean()


def _denoiser(x1, z, t, velocity):
    return (velocity(t * x1 + (1 - t) * z, t) - x1).square().sum(1).mean()


def _swirl(x, t):
    return torch.sin(x.flip(1)) + t * x


def _sink(x, t):
    return -x * (1 + t) ** 2


def _pairs(rng):
    cases = []
    for n, M, velocity in ((5, 2, _swirl), (8, 3, _sink), (2, 4, _swirl)):
        x1, z = torch.randn(2, n, M, generator=rng, dtype=torch.float64)
        cases.append((x1, z, torch.rand(n, 1, generator=rng, dtype=torch.float64), velocity))
    return cases


def _planar(rng):
    def draw(*shape):
        return torch.randn(*shape, generator=rng, dtype=torch.float64)

    return [(draw(n, M), u, u + 0.3 * draw(M), 0.3) for n, M, u in ((4, 3, draw(3)), (5, 2, draw(2)))]


def _share(sigma):
    return max(2 * sigma**2 - 1, 0.0) ** 0.5 / sigma**2


def _root(C):
    values, axes = torch.linalg.eigh(C)
    return (axes * values.sqrt()) @ axes.T


def _gaussians(rng):
    def draw(*shape):
        return torch.randn(*shape, generator=rng, dtype=torch.float64)

    return [(draw(n, M), draw(M), draw(M, 9).cov()) for n, M in ((4, 3), (6, 2))]


EXERCISES = {
    "ex:write-coupling-density": Exercise(
        answer=_density,
        inputs=_couplings,
        slips=(
            ("the log-determinant is missing: the map changes volumes", _without_determinant),
            ("where the map stretches, the density falls", _wrong_sign),
            ("the normalisation of the normal noise is missing", _without_constant),
            ("points are given, so the coupling has to be undone, not applied", _forth),
        ),
    ),
    "ex:write-flow-matching": Exercise(
        answer=_loss,
        inputs=_pairs,
        slips=(
            ("the velocity points from the noise to the data", _backwards),
            ("at t = 1 the point on the path is the data", _times_exchanged),
            ("a sum over the components, a mean over the pairs only", _mean_of_components),
            ("what the network guesses is the velocity, not the data", _denoiser),
        ),
    ),
    "ex:planar-flow": Exercise(
        answer=lambda z, u, w, c: torch.log(1 + (1 - torch.tanh(z @ w + c) ** 2) * (w @ u)),
        inputs=_planar,
        slips=(
            (
                "the derivative of tanh is one minus its square",
                lambda z, u, w, c: torch.log(1 + (1 - torch.tanh(z @ w + c)) * (w @ u)),
            ),
            ("the slope of tanh depends on the point", lambda z, u, w, c: torch.log(1 + w @ u) + 0 * z[:, 0]),
            ("the logarithm is missing", lambda z, u, w, c: 1 + (1 - torch.tanh(z @ w + c) ** 2) * (w @ u)),
            (
                "directions perpendicular to w stay as they are: one plus something",
                lambda z, u, w, c: torch.log((1 - torch.tanh(z @ w + c) ** 2) * (w @ u)),
            ),
        ),
    ),
    "ex:gaussian-share": Exercise(
        answer=lambda sigma, M: _share(sigma) ** M,
        inputs=lambda rng: [(0.9, 64), (1.1, 64), (1.3, 2), (0.6, 3)],
        slips=(
            ("an error in each dimension costs a factor for each", lambda sigma, M: _share(sigma)),
            ("a share is at most one", lambda sigma, M: _share(sigma) ** -M if 2 * sigma**2 > 1 else 0.0),
            ("the square of the mean over the mean of the square: no root", lambda sigma, M: _share(sigma) ** (M / 2)),
        ),
    ),
    "ex:gaussian-straight": Exercise(
        answer=lambda z, m, C: m + z @ _root(C),
        inputs=_gaussians,
        slips=(
            (
                "a square root of C there is, but the flow takes the symmetric one",
                lambda z, m, C: m + z @ torch.linalg.cholesky(C).T,
            ),
            ("a width is the root of a variance", lambda z, m, C: m + z @ C),
            ("the axes of C are not the coordinates", lambda z, m, C: m + z * C.diag().sqrt()),
            ("the mean is missing", lambda z, m, C: z @ _root(C)),
        ),
    ),
    "ex:flow-symmetrise": Exercise(
        answer=lambda here, there: torch.logaddexp(here, there) - math.log(2),
        inputs=lambda rng: [tuple(3 * torch.randn(2, n, generator=rng)) for n in (4, 6)],
        slips=(
            ("each half has the probability one half", torch.logaddexp),
            ("the mean of the densities, not of their logarithms", lambda here, there: (here + there) / 2),
            ("a turned sample could have come from both sides", lambda here, there: here - math.log(2)),
        ),
    ),
}
