"""The exercises of the chapter that puts all models on one lattice."""

import math

import torch

from genphys.exercises.judge import Exercise

__all__ = ["EXERCISES"]


def _nats(log_p, log_f):
    ratio = log_f - log_p
    return ratio.logsumexp(0) - math.log(len(ratio)) - ratio.mean()


def _as_if_normalised(log_p, log_f):
    return (log_p - log_f).mean()


def _sum_for_mean(log_p, log_f):
    ratio = log_f - log_p
    return ratio.logsumexp(0) - ratio.mean()


def _constant_subtracted(log_p, log_f):
    ratio = log_f - log_p
    return -ratio.mean() - (ratio.logsumexp(0) - math.log(len(ratio)))


def _constant_without_p(log_p, log_f):
    return (log_p - log_f).mean() + log_f.logsumexp(0) - math.log(len(log_f))


def _weights(rng):
    cases = []
    for n, level in ((7, 0.0), (12, 1500.0), (30, -900.0)):
        log_p, other = torch.randn(2, n, generator=rng, dtype=torch.float64)
        cases.append((log_p - 20, log_p - 20 + 0.7 * other + level))
    return cases


def _chi_squared(a, expected, covariance):
    off = a.mean(0) - expected
    return len(a) * off @ torch.linalg.solve(covariance, off)


def _without_n(a, expected, covariance):
    return _chi_squared(a, expected, covariance) / len(a)


def _diagonal_only(a, expected, covariance):
    return len(a) * ((a.mean(0) - expected).square() / covariance.diagonal()).sum()


def _not_inverted(a, expected, covariance):
    off = a.mean(0) - expected
    return len(a) * off @ covariance @ off


def _of_each_draw(a, expected, covariance):
    off = a - expected
    return (off * torch.linalg.solve(covariance, off.T).T).sum(1).mean()


def _observables(rng):
    cases = []
    for n, k in ((5, 2), (9, 3), (20, 4)):
        mixing = torch.randn(k, k, generator=rng, dtype=torch.float64)
        expected = torch.randn(k, generator=rng, dtype=torch.float64)
        covariance = mixing @ mixing.T + 0.3 * torch.eye(k, dtype=torch.float64)
        a = expected + 0.5 + torch.randn(n, k, generator=rng, dtype=torch.float64) @ mixing.T
        cases.append((a, expected, covariance))
    return cases


EXERCISES = {
    "ex:write-nats": Exercise(
        answer=_nats,
        inputs=_weights,
        slips=(
            ("the constant of the model is missing", _as_if_normalised),
            ("the constant is a mean over the draws, not a sum", _sum_for_mean),
            ("the constant is added, not subtracted", _constant_subtracted),
            ("the constant is the mean of the ratio of the model's weight and p", _constant_without_p),
        ),
    ),
    "ex:write-chi-squared": Exercise(
        answer=_chi_squared,
        inputs=_observables,
        slips=(
            ("the covariance of a mean is that of one draw over n", _without_n),
            ("the observables are correlated: the whole matrix is needed", _diagonal_only),
            ("it takes the inverse of the covariance", _not_inverted),
            ("it compares the means, not each draw", _of_each_draw),
        ),
    ),
}
