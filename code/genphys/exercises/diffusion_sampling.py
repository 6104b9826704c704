"""The exercises of the chapter on sampling from diffusion models."""

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
}
