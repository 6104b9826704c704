r"""One row of the table: a fitted model against the exact lattice.

The distance from the exact distribution, where the model has a weight :math:`f_q` (``eq:nats-above``),

.. math:: \mathrm{KL}(p\,\Vert\,q) = \mathbb{E}_p\Big[-\frac ET - \log f_q\Big] + \log\frac{Z_q}{Z} , \qquad
    \frac{Z_q}{Z} = \mathbb{E}_p\big[f_q\, e^{E/T}\big] ,

is an average over exact draws alone, and so is the constant :math:`Z_q` that a Boltzmann machine does not know. The
averages of the observables of n draws are judged by (``def:chi-squared``)

.. math:: \chi^2 = n\,(\bar{\mathbf{a}} - \langle\mathbf{a}\rangle)^\top \Sigma^{-1}
    (\bar{\mathbf{a}} - \langle\mathbf{a}\rangle) ,

with the covariance :math:`\Sigma` of exact draws. Of n exact draws it is 8, give or take 4.
"""

import functools
import math
import time
from typing import NamedTuple

import torch

from genphys import flows, scores
from genphys.arguments import count, doors, positive, require, tensor
from genphys.numerics import double
from genphys.systems import ising, onsager
from genphys.train.one_lattice.reference import _drawn, exact_averages, measure

__all__ = ["judge_samples", "nats_above"]

TEST = {True: 20_000, False: 10_000}  # exact draws that no training saw, up to the side 8 and above
TEST_SEED = 1_000_003


def test_draws(L, T):
    """The exact draws that models are judged by."""
    return _drawn(L, T, TEST[L <= 8], TEST_SEED)


def judge_samples(spins: tensor("n L L", kind="any", values=(-1, 1), rows=20), T: positive, *, points: count(2) = 1000):
    """What the table says of samples alone, with a few digits; the points enter the two last scores.

    Returns:
        A dictionary: ``"u"``, ``"c"``, ``"abs_m"``, ``"binder"``, ``"g"`` (the two-point function at 1, 2, 3, 4),
        ``"chi2"``, ``"nn"`` (the accuracy of the nearest neighbour) and ``"mmd2"`` with its bandwidth 8.
    """
    L, n = spins.shape[1], len(spins)
    require(L >= 8, "spins", spins, "lattices of a side of 8 or more")
    a, (expected, covariance, _) = measure(spins), reference_of(L, float(T))
    mean = a.mean(0)
    off = mean - expected
    fresh = test_draws(L, float(T))[:points].flatten(1).double()
    made = double(spins[:points]).flatten(1)
    return {
        "u": round(mean[0].item(), 5),
        "c": round((L**2 / float(T) ** 2 * (mean[1] - mean[0] ** 2)).item(), 5),
        "abs_m": round(mean[2].item(), 5),
        "binder": round((1 - mean[4] / (3 * mean[3] ** 2)).item(), 5),
        "g": [round(v, 5) for v in [-mean[0].item() / 2, *mean[5:].tolist()]],
        "chi2": round((n * off @ torch.linalg.solve(covariance, off)).item(), 1),
        "nn": round(scores.nearest_neighbour(fresh, made).accuracy, 4),
        "mmd2": round(scores.mmd2_blocked(fresh, made, 8.0).item(), 6),
    }


@functools.lru_cache(maxsize=4)
def reference_of(L, T):
    """The averages, the covariance of the observables, and the errors of the averages (0 where they are exact)."""
    a = measure(test_draws(L, T))
    covariance = a.T.cov()
    if L <= 8:
        return exact_averages(L, T), covariance, torch.zeros(8, dtype=torch.float64)
    u, c = (float(f(L, T)) for f in (onsager.kaufman_energy, onsager.kaufman_heat_capacity))
    expected, error = a.mean(0), (covariance.diagonal() / len(a)).sqrt()
    # what is known of the energy corrects what is not: regression on e and e^2 takes out the shared fluctuation
    known = torch.tensor([u, u**2 + c * T**2 / L**2], dtype=torch.float64)
    slope = torch.linalg.solve(covariance[:2, :2], covariance[:2, 2:])
    expected = torch.cat([known, expected[2:] + (known - expected[:2]) @ slope])
    left = covariance[2:, 2:].diagonal() - (covariance[2:, :2] * slope.T).sum(1)
    error = torch.cat([torch.zeros(2, dtype=torch.float64), (left.clamp(min=0) / len(a)).sqrt()])
    return expected, covariance, error


class Nats(NamedTuple):
    """How far a model is from the exact distribution, with its error, and the constant; all in nats."""

    value: torch.Tensor
    stderr: torch.Tensor
    log_constant: torch.Tensor


def nats_above(log_p: tensor("n", rows=2), log_f: tensor("n", rows=2), *, normalised: bool = False):
    r"""The divergence of a model from the exact distribution, from exact draws (``eq:nats-above``).

    Args:
        log_p: The exact :math:`\log p` of n exact draws, shape (n,).
        log_f: What the model gives them, shape (n,): :math:`\log q` up to a constant.
        normalised: Whether there is no constant; else it is estimated from the same draws.

    Returns:
        A :class:`Nats`: the value, its standard error to first order, and :math:`\log Z_q`.
    """
    require(log_p.shape == log_f.shape, "log_f", log_f, f"the shape of log_p, {tuple(log_p.shape)}")
    work, n = double(log_f) - double(log_p), len(log_p)
    if normalised:
        return Nats(-work.mean(), work.std() / n**0.5, torch.zeros_like(work[0]))
    log_z = work.logsumexp(0) - math.log(n)
    influence = (work - log_z).exp() - work
    return Nats(log_z - work.mean(), influence.std() / n**0.5, log_z)


def log_probability(spins, L, T):
    """The exact log p of configurations, in nats."""
    return -ising.energy(double(spins)) / T - onsager.kaufman_log_partition(L, T)


def judge(fitted, L, T, *, draws, seed):
    """The whole row: nats, seconds, observables, the effective share; and the samples."""
    rng, began = torch.Generator().manual_seed(10_000 + seed), time.thread_time()
    spins = fitted.draw(draws, rng)
    seconds = time.thread_time() - began
    row = {
        "parameters": fitted.parameters,
        "seconds": round(fitted.seconds, 2),
        "draw_seconds": round(1000 * seconds / draws, 3),
    } | judge_samples(spins, T)
    if fitted.log_f is not None:
        x, log_f = test_draws(L, T), double(fitted.log_f(spins))
        log_p = log_probability(x, L, T)
        found = nats_above(log_p, double(fitted.log_f(x)), normalised=fitted.normalised)
        log_w = log_probability(spins, L, T) - log_f + found.log_constant  # of the model's own draws, with p normalised
        row |= {
            "nats": round(found.value.item(), 4),
            "nats_error": round(found.stderr.item(), 4),
            "share": round(flows.effective_share(log_w).item(), 4),
            "log_z_gap": round((log_w.logsumexp(0) - math.log(draws)).item(), 4),  # 0 where both sides agree
        }
        row["history"] = [
            [
                round(when, 2),
                *(round(v.item(), 4) for v in nats_above(log_p, double(f(x)), normalised=fitted.normalised)[:2]),
            ]
            for when, f in fitted.history
        ]
        row["reweighted"] = reweighted(spins, log_f, T, L)
    if fitted.bound is not None:
        x = test_draws(L, T)[:1000]
        above = log_probability(x, L, T) - double(fitted.bound(x, rng))
        row |= {"nats_at_most": round(above.mean().item(), 4), "nats_error": round((above.std() / 1000**0.5).item(), 4)}
    return row, spins


NEIGHBOURS = (2.0, 2.1, 2.2, ising.T_C, 2.35, 2.5, 2.7, 3.0)


def reweighted(spins, log_f, T, L):
    """From one temperature to its neighbours: the effective share, and energy and |m| with their errors.

    Where the share is below 0.02 no error bar would be honest, and the share stands alone.
    """
    found, E = [], ising.energy(spins.double())
    for other in (T,) if abs(T - ising.T_C) > 1e-9 else NEIGHBOURS:
        log_w = -E / other - log_f
        row = [other, flows.effective_share(log_w).item()]
        if row[1] >= 0.02:
            for a in (E / L**2, spins.double().mean((1, 2)).abs()):
                row += [part.item() for part in flows.weighted_mean(a, log_w)]
        found.append([round(v, 5) for v in row])
    return found


doors(globals())
