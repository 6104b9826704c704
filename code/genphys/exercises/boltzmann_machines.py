"""The exercises of the chapter on Boltzmann machines."""

import math

import torch
import torch.nn.functional as F

from genphys.exact import all_configurations
from genphys.exercises.judge import Exercise

__all__ = ["EXERCISES"]


def _log_z(W, a, b):
    h = all_configurations(len(b))
    return (h @ b + F.softplus(a + h @ W.T).sum(1)).logsumexp(0)


def _without_hidden_bias(W, a, b):
    return _log_z(W, a, 0 * b)


def _mean_over_hidden(W, a, b):
    return _log_z(W, a, b) - len(b) * torch.tensor(2.0).log()


def _likeliest_visible(W, a, b):
    h = all_configurations(len(b))
    return (h @ b + F.relu(a + h @ W.T).sum(1)).logsumexp(0)


def _largest_weight(W, a, b):
    h = all_configurations(len(b))
    return (h @ b + F.softplus(a + h @ W.T).sum(1)).max()


def _machines(rng):
    def normal(*shape):
        return torch.randn(*shape, generator=rng, dtype=torch.float64)

    small = [(normal(M, K), normal(M), normal(K)) for M, K in ((3, 2), (2, 4), (7, 5))]
    return [*small, (400 * normal(4, 3), normal(4), normal(3))]


def _cd(W, a, b, x, u, v):
    p = torch.sigmoid(b + x @ W)
    y = (v < torch.sigmoid(a + (u < p).to(x.dtype) @ W.T)).to(x.dtype)
    q = torch.sigmoid(b + y @ W)
    return (x.T @ p - y.T @ q) / len(x)


def _model_first(W, a, b, x, u, v):
    return -_cd(W, a, b, x, u, v)


def _summed(W, a, b, x, u, v):
    return len(x) * _cd(W, a, b, x, u, v)


def _mean_field(W, a, b, x, u, v):
    p = torch.sigmoid(b + x @ W)
    y = (v < torch.sigmoid(a + p @ W.T)).to(x.dtype)
    return (x.T @ p - y.T @ torch.sigmoid(b + y @ W)) / len(x)


def _old_hidden_units(W, a, b, x, u, v):
    p = torch.sigmoid(b + x @ W)
    y = (v < torch.sigmoid(a + (u < p).to(x.dtype) @ W.T)).to(x.dtype)
    return (x.T @ p - y.T @ p) / len(x)


def _batches(rng):
    cases = []
    for n, M, K in ((1, 3, 2), (6, 4, 5), (40, 5, 3)):
        W, a, b = (torch.randn(*s, generator=rng, dtype=torch.float64) for s in ((M, K), (M,), (K,)))
        x = torch.randint(2, (n, M), generator=rng).double()
        u, v = (torch.rand(n, units, generator=rng, dtype=torch.float64) for units in (K, M))
        cases.append((W, a, b, x, u, v))
    return cases


def _renamed(W, a, b, j, a_sign=1, b_sign=-1, w_sign=-1):
    W, a, b = W.clone(), a + a_sign * W[:, j], b.clone()
    W[:, j] *= w_sign
    b[j] *= b_sign
    return torch.cat([W.flatten(), a, b])


def _two_units(W, a, b, both=True):
    off, on = (1 + a.exp()).prod(), math.exp(b) * (1 + (a + W).exp()).prod()
    shift = (a + W).sigmoid() - a.sigmoid()
    weight = on / (off + on)
    return weight * (1 - weight if both else 1) * shift[0] * shift[1]


def _gaussian_machines(rng):
    def draw(*shape):
        return torch.randn(*shape, generator=rng, dtype=torch.float64)

    return [(draw(M, K), draw(K, 9).cov(), draw(M).exp()) for M, K in ((3, 2), (2, 4), (5, 3))]


def _path_ratio(log_f, path, after=0, of_f=1.0):
    r = torch.arange(len(log_f) - 1)
    done = (log_f[r, path[r + after]] - log_f[r + 1, path[r + after]]).sum()
    return done - of_f * (log_f[0].logsumexp(0) - log_f[-1].logsumexp(0))


def _paths(rng):
    return [
        (
            torch.randn(R + 1, states, generator=rng, dtype=torch.float64),
            torch.randint(states, (R + 1,), generator=rng),
        )
        for R, states in ((2, 4), (5, 3), (1, 6))
    ]


def _likelihood(W, a, b, x, weight):
    return weight @ (x @ a + F.softplus(b + x @ W).sum(1)) - _log_z(W, a, b)


def _not_normalised(W, a, b, x, weight):
    return _likelihood(W, a, b, x, weight) + _log_z(W, a, b)


def _alike(W, a, b, x, weight):
    return _likelihood(W, a, b, x, torch.full_like(weight, 1 / len(weight)))


def _patterns_without_bias(W, a, b, x, weight):
    return _likelihood(W, a, b, x, weight) - weight @ (x @ a)


def _likeliest_hidden(W, a, b, x, weight):
    return weight @ (x @ a + F.relu(b + x @ W).sum(1)) - _log_z(W, a, b)


def _patterns(rng):
    cases = []
    for n, M, K in ((3, 4, 2), (6, 5, 3), (4, 3, 5)):
        W, a, b = (torch.randn(*s, generator=rng, dtype=torch.float64) for s in ((M, K), (M,), (K,)))
        x = torch.randint(2, (n, M), generator=rng).double()
        cases.append((W, a, b, x, torch.randn(n, generator=rng, dtype=torch.float64).softmax(0)))
    return cases


def _dissipation(work, log_z_base, log_z):
    lost = work.mean() - log_z_base + log_z
    return torch.stack([lost, (2 * lost / len(work)).sqrt()])


def _scaled_error(work, log_z_base, log_z, factor):
    lost, error = _dissipation(work, log_z_base, log_z)
    return torch.stack([lost, factor * error])


def _works(rng):
    return [
        (base - log_z + lost + torch.rand(n, generator=rng, dtype=torch.float64), base, log_z)
        for n, base, log_z, lost in ((10, 9.0, 5.0, 0.2), (30, 12.0, 8.0, 1.5), (4, 3.5, 3.0, 0.0))
    ]


EXERCISES = {
    "ex:write-log-z": Exercise(
        answer=_log_z,
        inputs=_machines,
        slips=(
            ("the hidden units have a bias too", _without_hidden_bias),
            ("a sum over the hidden configurations, not a mean", _mean_over_hidden),
            ("each visible unit has two values, and both count, not only the likelier one", _likeliest_visible),
            ("the largest term is not yet the sum", _largest_weight),
        ),
    ),
    "ex:write-cd-step": Exercise(
        answer=_cd,
        inputs=_batches,
        slips=(
            ("the data come first: this goes down the likelihood", _model_first),
            ("a mean over the batch, not a sum", _summed),
            ("the visible units are drawn given hidden coins, not given their probabilities", _mean_field),
            ("in the negative phase the hidden units belong to y, not to x", _old_hidden_units),
        ),
    ),
    "ex:rbm-flip": Exercise(
        answer=_renamed,
        inputs=lambda rng: [
            (*(torch.randn(*shape, generator=rng).double() for shape in ((M, K), (M,), (K,))), j)
            for M, K, j in ((3, 2, 1), (4, 5, 0), (2, 3, 2))
        ],
        slips=(
            (
                "the visible biases have to take over what the unit did when it was off",
                lambda W, a, b, j: _renamed(W, a, b, j, a_sign=0),
            ),
            (
                "a look at the sign of what is added to the visible biases",
                lambda W, a, b, j: _renamed(W, a, b, j, a_sign=-1),
            ),
            ("the unit's own bias changes, too", lambda W, a, b, j: _renamed(W, a, b, j, b_sign=1)),
            ("the unit's weights change, too", lambda W, a, b, j: _renamed(W, a, b, j, w_sign=1)),
        ),
    ),
    "ex:rbm-one": Exercise(
        answer=_two_units,
        inputs=lambda rng: [
            (2 * torch.randn(M, generator=rng).double(), torch.randn(M, generator=rng).double(), b)
            for M, b in ((2, 0.5), (4, -1.0), (3, 2.0))
        ],
        slips=(
            ("the bias of the hidden unit belongs to the weight of its mixture", lambda W, a, b: _two_units(W, a, 0.0)),
            (
                "the other visible units decide, too, how probable the two parts are",
                lambda W, a, b: _two_units(W[:2], a[:2], b),
            ),
            ("both parts of the mixture have their weight", lambda W, a, b: _two_units(W, a, b, both=False)),
        ),
    ),
    "ex:rbm-overflow": Exercise(
        answer=88.7228,
        rtol=1e-3,
        slips=(
            ("that is the limit in double precision", 709.783),
            ("that is the decimal logarithm of the largest number", 38.5318),
            ("that is the binary logarithm of the largest number", 128.0),
        ),
    ),
    "ex:gaussian-covariance": Exercise(
        answer=lambda W, hidden, sigma: W @ hidden @ W.T + torch.diag(sigma**2),
        inputs=_gaussian_machines,
        slips=(
            ("the visible units have noise of their own", lambda W, hidden, sigma: W @ hidden @ W.T),
            ("a covariance has the square of the width", lambda W, hidden, sigma: W @ hidden @ W.T + torch.diag(sigma)),
            ("the hidden units are correlated, too", lambda W, hidden, sigma: W @ W.T + torch.diag(sigma**2)),
            (
                "the hidden units are correlated, too: their variances do not suffice",
                lambda W, hidden, sigma: (W * hidden.diag()) @ W.T + torch.diag(sigma**2),
            ),
        ),
    ),
    "ex:rbm-crooks": Exercise(
        answer=_path_ratio,
        inputs=_paths,
        slips=(
            ("forward over backward, not the inverse", lambda log_f, path: -_path_ratio(log_f, path)),
            ("the starts have their normalisations, too", lambda log_f, path: _path_ratio(log_f, path, of_f=0.0)),
            (
                "the free energy difference is minus the logarithm of Z over Z_0",
                lambda log_f, path: _path_ratio(log_f, path, of_f=-1.0),
            ),
            (
                "the work is done before the relaxation, at the configuration that is still there",
                lambda log_f, path: _path_ratio(log_f, path, after=1),
            ),
        ),
    ),
    "ex:rbm-bars": Exercise(
        answer=_likelihood,
        inputs=_patterns,
        slips=(
            ("log Z is subtracted", _not_normalised),
            ("each pattern counts with its probability", _alike),
            ("the visible units have a bias, too", _patterns_without_bias),
            ("each hidden unit is summed over both values, not only the likelier one", _likeliest_hidden),
            ("a log-likelihood, not a loss", lambda *x: -_likelihood(*x)),
        ),
    ),
    "ex:rbm-base": Exercise(
        answer=_dissipation,
        inputs=_works,
        slips=(
            (
                "only the work above the free energy difference is lost",
                lambda work, log_z_base, log_z: _dissipation(work, 0.0, 0.0),
            ),
            (
                "a look at the sign of the free energy difference",
                lambda work, log_z_base, log_z: _dissipation(work, log_z, log_z_base),
            ),
            ("the variance is twice what is dissipated", lambda *x: _scaled_error(*x, 0.5**0.5)),
            ("that is the scatter of one run: the mean of n has less", lambda *x: _scaled_error(*x, len(x[0]) ** 0.5)),
        ),
    ),
}
