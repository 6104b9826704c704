"""The exercises of the chapter on deep energy models."""

import torch
import torch.nn.functional as F

from genphys.exact import all_configurations
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


def _information(coupling, field):
    """Statistics, true parameters and probabilities of the five spins, with H and G of the pseudolikelihood."""
    i, j = torch.triu_indices(5, 5, 1)
    s = all_configurations(5, values=(-1, 1))
    phi = torch.cat([s[:, i] * s[:, j], s], 1)
    unit = torch.arange(5)[:, None]
    contains = torch.cat([(unit == i) | (unit == j), unit == unit.T], 1).double()
    difference = 2 * phi[:, None] * contains
    truth = torch.tensor([coupling] * 10 + [field] * 5, dtype=torch.float64)
    p = (phi @ truth).softmax(0)
    miss = torch.sigmoid(-(difference @ truth))
    slope = (miss[:, :, None] * difference).sum(1)
    H = torch.einsum("k,km,kmp,kmq->pq", p, miss * (1 - miss), difference, difference)
    return torch.cov(phi.T, aweights=p, correction=0), H, (slope.T * p) @ slope


def _variance(covariance, chosen=tuple(range(10, 15))):
    u = torch.zeros(len(covariance), dtype=torch.float64)
    u[list(chosen)] = 1 / len(chosen)
    return u @ covariance @ u


def _sandwich(H, G):
    inverse = torch.linalg.inv(H)
    return inverse @ G @ inverse


def _loss(coupling, field):
    information, H, G = _information(coupling, field)
    return _variance(_sandwich(H, G)) / _variance(torch.linalg.inv(information))


def _without_the_scatter(coupling, field):
    information, H, _ = _information(coupling, field)
    return _variance(torch.linalg.inv(H)) / _variance(torch.linalg.inv(information))


def _couplings_known(coupling, field):
    information, H, G = (matrix[10:, 10:] for matrix in _information(coupling, field))
    five = tuple(range(5))
    return _variance(_sandwich(H, G), five) / _variance(torch.linalg.inv(information), five)


def _of_one_field(coupling, field):
    information, H, G = _information(coupling, field)
    return _variance(_sandwich(H, G), (10,)) / _variance(torch.linalg.inv(information), (10,))


def _contrast(width, centred=True, noise=True):
    x = torch.linspace(-14, 14, 14_001, dtype=torch.float64)
    log_p, log_q = ((w - w.logsumexp(0)) for w in (2 * x**2 - x**4, -0.5 * (x / width) ** 2))
    p, q, share = log_p.exp(), log_q.exp(), torch.sigmoid(log_p - log_q)
    feature = torch.stack([-(x**2), -(x**4), -torch.ones_like(x)], 1)
    H = (feature.T * (p * (1 - share))) @ feature
    G = 0 * H
    for weight, slope in ((p, feature * (1 - share)[:, None]), (q, feature * share[:, None]))[: 2 if noise else 1]:
        mean = weight @ slope * centred
        G = G + (slope.T * weight) @ slope - torch.outer(mean, mean)
    return _sandwich(H, G).diagonal() / 20_000


def _errors(width, **slip):
    return _contrast(width, **slip).sqrt()


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
    "ex:potts-copy": Exercise(
        answer=_loss,
        inputs=lambda rng: [(0.2, 0.05), (0.5, 0.05), (0.3, 0.4)],
        slips=(
            (
                "the variance of pseudolikelihood has three factors: its gradient scatters by G, not by H",
                _without_the_scatter,
            ),
            ("pseudolikelihood over likelihood", lambda coupling, field: 1 / _loss(coupling, field)),
            ("the ratio of the variances, not of the errors", lambda coupling, field: _loss(coupling, field).sqrt()),
            ("the couplings are not known: invert the whole matrices first", _couplings_known),
            ("the mean of the five fields, not one of them", _of_one_field),
        ),
        rtol=1e-3,
    ),
    "ex:far-noise": Exercise(
        answer=_errors,
        inputs=lambda rng: [(0.5,), (1.5,), (3.0,)],
        slips=(
            (
                "the gradients scatter about their means, which are not zero: G is not H",
                lambda width: _errors(width, centred=False),
            ),
            ("the noise points scatter, too", lambda width: _errors(width, noise=False)),
            ("those are the variances", _contrast),
            ("with 20 000 points the errors are smaller", lambda width: _errors(width) * 20_000**0.5),
        ),
        rtol=1e-3,
    ),
}
