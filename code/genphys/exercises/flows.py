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
}
