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
}
