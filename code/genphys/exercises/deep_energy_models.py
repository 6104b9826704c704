"""The exercises of the chapter on deep energy models."""

import torch
import torch.nn.functional as F

from genphys.exercises.judge import Exercise

__all__ = ["EXERCISES"]


def _pseudo(spins, coupling, field):
    return F.logsigmoid(2 * spins * (field + spins @ coupling)).sum(1).mean()


def _half_field(spins, coupling, field):
    return F.logsigmoid(spins * (field + spins @ coupling)).sum(1).mean()


def _of_up(spins, coupling, field):
    return F.logsigmoid(2 * (field + spins @ coupling)).sum(1).mean()


def _mean_over_units(spins, coupling, field):
    return _pseudo(spins, coupling, field) / spins.shape[1]


def _log_weight(spins, coupling, field):
    return (spins @ field + (spins @ coupling * spins).sum(1) / 2).mean()


def _machines(rng):
    cases = []
    for n, M in ((1, 2), (5, 4), (30, 9)):
        upper = torch.randn(M, M, generator=rng, dtype=torch.float64).triu(1)
        spins = torch.randint(2, (n, M), generator=rng).to(torch.float64) * 2 - 1
        cases.append((spins, upper + upper.T, torch.randn(M, generator=rng, dtype=torch.float64)))
    return cases


def _langevin(x, gradient, epsilon, z):
    return x - epsilon / 2 * gradient + epsilon**0.5 * z


def _steps(rng):
    def normal(*shape):
        return torch.randn(*shape, generator=rng, dtype=torch.float64)

    return [(normal(4, 2), normal(4, 2), epsilon, normal(4, 2)) for epsilon in (0.3, 0.01, 1.7)]


EXERCISES = {
    "ex:write-pseudolikelihood": Exercise(
        answer=_pseudo,
        inputs=_machines,
        slips=(
            ("turning a spin changes log f by twice its local field", _half_field),
            ("the probability of the value that the spin has, not of up", _of_up),
            ("a sum over the units, a mean over the samples only", _mean_over_units),
            ("this is log f, which is not normalised: each unit has its own conditional probability", _log_weight),
        ),
    ),
    "ex:write-langevin": Exercise(
        answer=_langevin,
        inputs=_steps,
        slips=(
            ("the drift goes down the energy", lambda x, g, e, z: x + e / 2 * g + e**0.5 * z),
            ("the drift has half the step size", lambda x, g, e, z: x - e * g + e**0.5 * z),
            (
                "the noise has the variance epsilon, so its factor is the square root",
                lambda x, g, e, z: x - e / 2 * g + e * z,
            ),
            ("the noise is missing: this is gradient descent", lambda x, g, e, z: x - e / 2 * g),
        ),
    ),
    "ex:score-gaussian": Exercise(
        answer=lambda x: torch.linalg.inv(x.T @ x / len(x)),
        inputs=lambda rng: [
            (torch.randn(n, M, generator=rng, dtype=torch.float64),) for n, M in ((12, 3), (30, 2), (9, 4))
        ],
        slips=(
            ("a wide direction has a soft spring", lambda x: x.T @ x / len(x)),
            ("the mean over the points divides by n", lambda x: torch.linalg.inv(x.T @ x)),
            ("the energy has a one half in front already", lambda x: torch.linalg.inv(x.T @ x / len(x)) / 2),
            ("the coordinates are correlated", lambda x: torch.diag(1 / x.square().mean(0))),
        ),
    ),
    "ex:stiffest-spring": Exercise(
        answer=lambda a, bias: 4 * bias / ((1 + bias) * a),
        inputs=lambda rng: [(100.0, 0.05), (1.0, 0.5), (7.0, 0.2)],
        slips=(
            (
                "that is the first order in the bias; the stationary variance can be had exactly",
                lambda a, bias: 4 * bias / a,
            ),
            (
                "a factor of two: the drift of a step is half the step times the force",
                lambda a, bias: 2 * bias / ((1 + bias) * a),
            ),
            ("a stiff spring takes short steps", lambda a, bias: 4 * bias / (1 + bias) * a),
        ),
    ),
}
