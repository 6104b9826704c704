"""The exercises of the chapter on lattice fields."""

import math

import torch

from genphys.exercises.judge import Exercise

__all__ = ["EXERCISES"]


def _leapfrog(phi, pi, gradient, eps, steps):
    for _ in range(steps):
        pi = pi - eps / 2 * gradient(phi)
        phi = phi + eps * pi
        pi = pi - eps / 2 * gradient(phi)
    return torch.stack([phi, pi])


def _whole_first_step(phi, pi, gradient, eps, steps):
    for _ in range(steps):
        pi = pi - eps * gradient(phi)
        phi = phi + eps * pi
    return torch.stack([phi, pi])


def _uphill(phi, pi, gradient, eps, steps):
    return _leapfrog(phi, pi, lambda field: -gradient(field), eps, steps)


def _old_force(phi, pi, gradient, eps, steps):
    for _ in range(steps):
        force = gradient(phi)
        phi = phi + eps * (pi - eps / 2 * force)
        pi = pi - eps * force
    return torch.stack([phi, pi])


def _one_step_more(phi, pi, gradient, eps, steps):
    return _leapfrog(phi, pi, gradient, eps, steps + 1)


def _quartic(phi):
    return phi**3 + 0.3 * phi.roll(1, -1) + 0.3 * phi.roll(-1, -1)


def _stiff(phi):
    return 2 * phi + torch.sin(phi)


def _starts(rng):
    cases = []
    for n, side, gradient, eps, steps in ((3, 2, _quartic, 0.1, 4), (2, 4, _stiff, 0.2, 1), (1, 3, _quartic, 0.05, 7)):
        phi, pi = torch.randn(2, n, side, side, generator=rng, dtype=torch.float64)
        cases.append((phi, pi, gradient, eps, steps))
    return cases


def _weighted_mean(a, log_w):
    w = log_w.softmax(0)
    mean = w @ a
    return mean, (w.square() @ (a - mean).square()).sqrt()


def _error_of_alike(a, log_w):
    mean, _ = _weighted_mean(a, log_w)
    return mean, (log_w.softmax(0) @ (a - mean).square() / len(a)).sqrt()


def _plain_mean(a, log_w):
    return a.mean(), a.std() / len(a) ** 0.5


def _variance(a, log_w):
    mean, error = _weighted_mean(a, log_w)
    return mean, error**2


def _logs_as_weights(a, log_w):
    w = log_w / log_w.sum()
    mean = w @ a
    return mean, (w.square() @ (a - mean).square()).sqrt()


def _weighted(rng):
    cases = []
    for n, level in ((6, 0.0), (9, 900.0), (20, -1200.0)):
        a, log_w = torch.randn(2, n, generator=rng, dtype=torch.float64)
        cases.append((a, 1.5 * log_w + level))
    return cases


def _share(log_w):
    return (2 * log_w.logsumexp(0) - (2 * log_w).logsumexp(0)).exp() / len(log_w)


def _bonds(phi):
    return (phi * (phi.roll(-1, 1) + phi.roll(-1, 2))).sum((1, 2))


def _share_at(phi, kappa, other, factor=2):
    return _share(factor * (other - kappa) * _bonds(phi))


def _of_largest(phi, kappa, other):
    return (2 * (other - kappa) * _bonds(phi)).softmax(0).max()


def _some_fields(rng):
    return [
        (torch.randn(n, L, L, generator=rng, dtype=torch.float64), kappa, other)
        for n, L, kappa, other in ((8, 4, 0.2, 0.25), (30, 3, 0.32, 0.30), (15, 6, 0.3, 0.38))
    ]


def _momentum_test(k, kappa, lam, fourth=3, factor=4):
    a, b = 4 * fourth * lam, 2 - 4 * lam
    r_squared = ((b**2 + 4 * a) ** 0.5 - b) / (2 * a)
    return 1 - factor * kappa * r_squared * k.cos().sum(1)


def _not_squared(k, kappa, lam):
    a, b = 12 * lam, 2 - 4 * lam
    return 1 - 4 * kappa * (((b**2 + 4 * a) ** 0.5 - b) / (2 * a)) ** 0.5 * k.cos().sum(1)


def _momenta(rng):
    return [
        (6 * torch.rand(n, 2, generator=rng, dtype=torch.float64), kappa, lam)
        for n, kappa, lam in ((4, 0.32, 0.5), (6, 0.2, 0.2), (5, 0.4, 1.0))
    ]


def _needed(start, tau, share):
    return math.log(abs(start - 1) / share) / math.log((tau + 1) / (tau - 1))


def _log_mean(log_w):
    mean = log_w.logsumexp(0) - math.log(len(log_w))
    return torch.stack([mean, ((1 / _share(log_w) - 1) / len(log_w)).sqrt()])


def _mean_log(log_w):
    return torch.stack([log_w.mean(), _log_mean(log_w)[1]])


def _of_one_weight(log_w):
    return torch.stack([_log_mean(log_w)[0], (1 / _share(log_w) - 1).sqrt()])


def _scatter_of_logs(log_w):
    return torch.stack([_log_mean(log_w)[0], log_w.std(correction=0) / len(log_w) ** 0.5])


def _squared_error(log_w):
    return torch.stack([_log_mean(log_w)[0], _log_mean(log_w)[1] ** 2])


def _not_relative(log_w):
    mean, error = _log_mean(log_w)
    return torch.stack([mean, error * mean.exp()])


def _log_weights(rng):
    return [
        (level + width * torch.randn(n, generator=rng, dtype=torch.float64),)
        for n, level, width in ((6, 0.5, 1.0), (20, 3.0, 2.0), (50, -2.0, 0.5))
    ]


EXERCISES = {
    "ex:write-leapfrog": Exercise(
        answer=_leapfrog,
        inputs=_starts,
        slips=(
            ("the momenta begin and end with half a step", _whole_first_step),
            ("the force is minus the gradient", _uphill),
            ("the second half-step of the momenta needs the gradient at the new field", _old_force),
            ("there is a step too many", _one_step_more),
        ),
    ),
    "ex:write-weighted-mean": Exercise(
        answer=_weighted_mean,
        inputs=_weighted,
        slips=(
            ("the error has the squares of the weights; this one takes them as alike", _error_of_alike),
            ("the weights are missing", _plain_mean),
            ("this is the square of the error", _variance),
            ("what is given are the logarithms of the weights", _logs_as_weights),
        ),
    ),
    "ex:volume-law": Exercise(
        answer=lambda r, blocks: r**blocks,
        inputs=lambda rng: [(0.9, 16), (0.5, 3), (0.99, 40)],
        slips=(
            ("weights of independent parts multiply", lambda r, blocks: r / blocks),
            ("that is the first order in what is lost", lambda r, blocks: 1 - blocks * (1 - r)),
            ("all blocks have to be good at the same time", lambda r, blocks: r),
        ),
    ),
    "ex:kappa-reweighting": Exercise(
        answer=_share_at,
        inputs=_some_fields,
        slips=(
            ("a look at the sign of the hopping term in the action", lambda *x: _share_at(*x, factor=-2)),
            ("the hopping term has a factor of two", lambda *x: _share_at(*x, factor=1)),
            ("each bond counts once, not once for each of its ends", lambda *x: _share_at(*x, factor=4)),
            ("the number of fields that is left, over that of all fields", lambda *x: len(x[0]) * _share_at(*x)),
            ("that is the share of the largest weight in the sum", _of_largest),
        ),
    ),
    "ex:phi4-blind": Exercise(
        answer=_momentum_test,
        inputs=_momenta,
        slips=(
            ("the fourth moment of a normal number is three", lambda k, kappa, lam: _momentum_test(k, kappa, lam, 1)),
            ("a site has two neighbours in each direction", lambda k, kappa, lam: _momentum_test(k, kappa, lam, 3, 2)),
            (
                "neighbours pull a site along: a look at the sign",
                lambda k, kappa, lam: _momentum_test(k, kappa, lam, 3, -4),
            ),
            (
                "r is to be found for each coupling, not only for one half",
                lambda k, kappa, lam: _momentum_test(k, kappa, 0.5),
            ),
            ("both the field and the force contain a factor r", _not_squared),
        ),
    ),
    "ex:phi4-mend": Exercise(
        answer=_needed,
        inputs=lambda rng: [(3.0, 10.0, 0.1), (0.6, 40.0, 0.05), (5.0, 4.0, 0.01), (5.4, 17.0, 0.1)],
        slips=(
            (
                "what shrinks is the distance from the right value, not the value",
                lambda start, tau, share: math.log(start / share) / math.log((tau + 1) / (tau - 1)),
            ),
            (
                "this tau counts a time and its negative: the deviation falls faster than exp(-t / tau)",
                lambda start, tau, share: tau * math.log(abs(start - 1) / share),
            ),
            (
                "that is the limit of a large tau; the factor of one trajectory can be had exactly",
                lambda start, tau, share: tau / 2 * math.log(abs(start - 1) / share),
            ),
            (
                "tau counts the equal time once, too",
                lambda start, tau, share: math.log(abs(start - 1) / share) / math.log(tau / (tau - 1)),
            ),
        ),
    ),
    "ex:refused": Exercise(
        answer=_log_mean,
        inputs=_log_weights,
        slips=(
            ("the mean is taken before the logarithm", _mean_log),
            ("that is the scatter of one weight, not the error of the mean of n", _of_one_weight),
            ("the weights scatter, not their logarithms", _scatter_of_logs),
            ("that is the square of the error", _squared_error),
            ("the error of a logarithm is the relative error of the mean", _not_relative),
        ),
    ),
}
