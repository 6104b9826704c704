"""The exercises of the chapter on Boltzmann machines."""

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
}
