"""The exercises of the chapter that puts all models on one lattice."""

import math

import torch
import torch.nn.functional as F

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


def _coins(energies, T):
    log_p = (-energies / T).log_softmax(0)
    return log_p.exp() @ log_p + math.log(len(log_p))


def _entropy(energies, T):
    return torch.special.entr((-energies / T).softmax(0)).sum()


def _from_the_coins(energies, T):
    return -(-energies / T).log_softmax(0).mean() - math.log(len(energies))


def _all_energies(rng):
    return [(2 * torch.randn(2**M, generator=rng, dtype=torch.float64), T) for M, T in ((2, 1.0), (4, 2.5), (6, 0.7))]


def _gained(log_prob, spins):
    here, turned = log_prob(spins), log_prob(-spins)
    return (torch.logaddexp(here, turned) - math.log(2) - here).mean()


def _independent(spins):
    bias = torch.linspace(-0.5, 0.7, spins[0].numel(), dtype=spins.dtype).view_as(spins[0])
    return F.logsigmoid(2 * bias * spins).sum((1, 2))


def _row_by_row(spins):
    before = F.pad(spins.flatten(1)[:, :-1], (1, 0), value=1.0)
    return F.logsigmoid(spins.flatten(1) * (0.8 * before + 0.1)).sum(1)


def _models(rng):
    return [
        (model, torch.randint(2, (n, L, L), generator=rng).double() * 2 - 1)
        for model, n, L in ((_independent, 5, 3), (_row_by_row, 8, 4), (_independent, 12, 2))
    ]


def _fit(spins, scale=2.0, shifts=((1, 1), (-1, 1), (1, 2), (-1, 2)), steps=12):
    field = spins * sum(spins.roll(*shift) for shift in shifts)
    beta = torch.zeros((), dtype=torch.float64)
    for _ in range(steps):
        miss = torch.sigmoid(-scale * beta * field)
        beta = beta + (field * miss).mean() / (scale * (field**2 * miss * (1 - miss)).mean())
    return beta


def _magnets(rng):
    cases = []
    for n, L in ((10, 4), (20, 3), (6, 8)):
        noise = torch.randn(n, L, L, generator=rng, dtype=torch.float64)
        smooth = noise + 0.4 * (noise.roll(1, 1) + noise.roll(1, 2))
        cases.append((torch.where(smooth > 0, 1.0, -1.0).double(),))
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
    "ex:coin-nats": Exercise(
        answer=_coins,
        inputs=_all_energies,
        slips=(
            ("that is the entropy itself", _entropy),
            ("in nats, not in bits", lambda energies, T: _coins(energies, T) / math.log(2)),
            ("the average is taken over the lattice, not over the coins", _from_the_coins),
            ("each of the M spins has a coin of its own", lambda energies, T: math.log(2) - _entropy(energies, T)),
            (
                "that is the coins' own loss; the entropy of the lattice is subtracted from it",
                lambda energies, T: math.log(len(energies)) + 0 * _entropy(energies, T),
            ),
        ),
    ),
    "ex:autoregressive-symmetry": Exercise(
        answer=_gained,
        inputs=_models,
        slips=(
            ("the two probabilities enter with one half each", lambda f, s: _gained(f, s) + math.log(2)),
            ("the mean of the probabilities, not of their logarithms", lambda f, s: (f(-s) - f(s)).mean() / 2),
            ("both count, not only the larger one", lambda f, s: F.relu(f(-s) - f(s)).mean()),
            ("the gain, not the loss", lambda f, s: -_gained(f, s)),
            ("what was there without the symmetry is subtracted", lambda f, s: _gained(f, s) + f(s).mean()),
        ),
    ),
    "ex:weight-reach": Exercise(
        answer=lambda M, c, share: math.sqrt(-math.log(share) / (M * c)),
        inputs=lambda rng: [(64, 1.15, 0.5), (4096, 2.2, 0.5), (16, 0.8, 0.1), (100, 1.5, 0.9)],
        slips=(
            (
                "so far from one the share is not linear in its logarithm: keep ln r",
                lambda M, c, share: math.sqrt((1 - share) / (M * c)),
            ),
            ("c is the specific heat of one spin", lambda M, c, share: math.sqrt(-math.log(share) / c)),
            ("the step enters with its square", lambda M, c, share: -math.log(share) / (M * c)),
            (
                "the three values of ln Z are weighed with 2, -1, -1: what is left of their second order?",
                lambda M, c, share: math.sqrt(-2 * math.log(share) / (M * c)),
            ),
        ),
    ),
    "ex:neighbour-couplings": Exercise(
        answer=_fit,
        inputs=_magnets,
        slips=(
            ("turning a spin changes log f by twice its local field", lambda s: _fit(s, scale=1.0)),
            ("the coupling over the temperature, not the temperature", lambda s: 1 / _fit(s)),
            ("a spin has four neighbours: each of them acts on it", lambda s: _fit(s, shifts=((1, 1), (1, 2)))),
            ("that is the first step of Newton's method, not yet the maximum", lambda s: _fit(s, steps=1)),
        ),
        rtol=1e-3,
    ),
}
