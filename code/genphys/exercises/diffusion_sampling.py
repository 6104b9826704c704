"""The exercises of the chapter on sampling from diffusion models."""

import math

import torch

from genphys.exercises.judge import Exercise

__all__ = ["EXERCISES"]


def _normal(rng, *shape):
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


def _ddim(x, x0, a, s, a_then, s_then):
    return a_then * x0 + s_then * (x - a * x0) / s


def _ends(rng):
    pairs = ((0.3, 0.7), (0.6, 0.9), (0.8, 1.0))
    return [(_normal(rng, 4, 3), _normal(rng, 4, 3), a, (1 - a**2) ** 0.5, b, (1 - b**2) ** 0.5) for a, b in pairs]


def _slope(y, sigma):
    """Something that bends and depends on both."""
    return y.tanh() * sigma + 0.3 * sigma**2


def _heun(f, y, sigma, then):
    here = f(y, sigma)
    return y + (then - sigma) / 2 * (here + f(y + (then - sigma) * here, then))


def _euler(f, y, sigma, then):
    return y + (then - sigma) * f(y, sigma)


def _late(f, y, sigma, then):
    """The slope at the end taken with the noise of the beginning."""
    here = f(y, sigma)
    return y + (then - sigma) / 2 * (here + f(y + (then - sigma) * here, sigma))


def _twice(f, y, sigma, then):
    here = f(y, sigma)
    return y + (then - sigma) * (here + f(y + (then - sigma) * here, then))


def _upwards(f, y, sigma, then):
    here = f(y, sigma)
    return y + (sigma - then) / 2 * (here + f(y + (sigma - then) * here, then))


def _spans(rng):
    return [(_slope, _normal(rng, 5, 2), sigma, then) for sigma, then in ((2.0, 1.2), (1.0, 0.7), (0.5, 0.0))]


def _two_times(c, u, later, zeta):
    lam, after = (math.exp(-2 * v) * (c - 1) + 1 for v in (u, later))
    return math.exp(-zeta * (later - u)) * lam ** ((1 + zeta) / 2) * after ** ((1 - zeta) / 2)


def _two_variances(J):
    return 2 * torch.stack([J.square().sum() - J.diagonal().square().sum(), J.square().sum()])


EXERCISES = {
    "ex:write-ddim-step": Exercise(
        answer=_ddim,
        inputs=_ends,
        slips=(
            (
                "the noise in x is divided by s before it is used again",
                lambda x, y, a, s, b, r: b * y + r * (x - a * y),
            ),
            ("the step ends with the signal of the earlier time", lambda x, y, a, s, b, r: a * y + r * (x - a * y) / s),
            ("the step ends with the noise of the earlier time", lambda x, y, a, s, b, r: b * y + (x - a * y)),
            ("what is left of x without its signal is the noise", lambda x, y, a, s, b, r: b * y + r * x / s),
        ),
    ),
    "ex:write-heun-step": Exercise(
        answer=_heun,
        inputs=_spans,
        slips=(
            ("this is a step of Euler's method: the slope at the end is missing", _euler),
            ("the slope at the end is taken at the end, with the later sigma too", _late),
            ("a mean of the two slopes, not their sum", _twice),
            ("the length of the step is the new sigma minus the old one", _upwards),
        ),
    ),
    "ex:hermite-modes": Exercise(
        answer=lambda c, n, u: c * math.exp(-n * u),
        inputs=lambda rng: [(1.5, 3, 0.4), (-0.7, 1, 1.0), (2.0, 5, 0.1)],
        slips=(
            ("each mode has a rate of its own", lambda c, n, u: c * math.exp(-u)),
            ("the eigenvalue of Hermite's equation is n", lambda c, n, u: c * math.exp(-2 * n * u)),
            ("the eigenvalue of Hermite's equation is n, not its square", lambda c, n, u: c * math.exp(-n * n * u)),
            ("modes decay", lambda c, n, u: c * math.exp(n * u)),
        ),
    ),
    "ex:two-times": Exercise(
        answer=_two_times,
        inputs=lambda rng: [(0.3, 0.1, 0.6, 0.5), (2.0, 0.2, 1.0, 1.0), (0.5, 0.0, 0.4, 0.0)],
        slips=(
            (
                "that is Anderson's process; the noise may be another",
                lambda c, u, later, zeta: _two_times(c, u, later, 1.0),
            ),
            (
                "that is the probability flow; there is fresh noise, too",
                lambda c, u, later, zeta: _two_times(c, u, later, 0.0),
            ),
            (
                "a look at which of the two variances has which power",
                lambda c, u, later, zeta: _two_times(c, later, u, zeta) * math.exp(-2 * zeta * (later - u)),
            ),
        ),
    ),
    "ex:hutchinson-variance": Exercise(
        answer=_two_variances,
        inputs=lambda rng: [(A + A.T,) for A in (torch.randn(n, n, generator=rng) for n in (3, 5, 2))],
        slips=(
            ("the signs come first", lambda J: _two_variances(J).flip(0)),
            ("a product of two different signs occurs twice in the sum", lambda J: _two_variances(J) / 2),
            (
                "the square of a sign is certain: the diagonal does not fluctuate",
                lambda J: 2 * J.square().sum().expand(2),
            ),
        ),
    ),
    "ex:pitchfork-exponent": Exercise(
        answer=0.5,
        slips=(
            ("the first order of tanh cancels: which is the next?", 1.0),
            ("the next order of tanh is the third, and one power of z drops out", 1 / 3),
            ("that is the square lattice; here every spin sees the mean field", 0.125),
        ),
    ),
}
