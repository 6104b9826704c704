"""The exercises of the chapter on lattice fields."""

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
}
