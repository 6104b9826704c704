r"""Importance weights :math:`w = f(\mathbf{x})/q(\mathbf{x})` of points that were drawn from :math:`q`.

Their mean is the partition function of :math:`f` (``eq:importance-log-z``), and their spread says what the points are
worth, as far as the points can know (``eq:effective-share``).

With them averages over :math:`f/Z` are had from points of :math:`q`, as a weighted mean (``eq:reweighting``) or from a
chain that takes the points one after the other or stays (``eq:independence-acceptance``).

References:
    Kong (1992); Nicoli et al. (2020) for flows in physics; Albergo, Kanwar and Shanahan (2019) for the chain.
"""

import math

import torch

from genphys.arguments import doors, require, source, tensor
from genphys.exact.estimates import Estimate
from genphys.numerics import double

a_row = tensor("n", rows=2)


def effective_share(log_weights: a_row):
    r"""The effective sample size over n, :math:`(\sum w)^2/(n\sum w^2)`, between 1/n and 1; float64, shape ()."""
    log_w = double(log_weights)
    return (2 * log_w.logsumexp(0) - (2 * log_w).logsumexp(0)).exp() / len(log_w)


def log_partition(log_weights: a_row):
    r"""The logarithm of the mean weight in nats, with its error: an :class:`~genphys.exact.estimates.Estimate`.

    To first order the error of a logarithm is the relative error of the mean, :math:`\sqrt{(1/r - 1)/n}` with the
    effective share r. Where the share is below 2 %, a few points carry the sum and its error is unknown: it is refused.
    """
    log_w = double(log_weights)
    share = _honest_share(log_w)
    n = len(log_w)
    return Estimate(log_w.logsumexp(0) - math.log(n), ((1 / share - 1) / (n - 1)).clamp(min=0).sqrt())


def weighted_mean(values: tensor("n"), log_weights: tensor("n", rows=2)):
    r"""The average of an observable over :math:`f/Z` with its error, from points of :math:`q` (``eq:reweighting``).

    .. math::
        \bar a = \sum_i \hat w_i\,a_i , \qquad \sigma^2 = \sum_i \hat w_i^2\,(a_i - \bar a)^2 , \qquad
        \hat w_i = \frac{w_i}{\sum_j w_j}

    It has a bias of order 1/n. Where the effective share is below 2 % it is refused. An Estimate.
    """
    log_w = double(log_weights)
    _honest_share(log_w)
    w, a = log_w.softmax(0), double(values)
    mean = w @ a
    return Estimate(mean, (w.square() @ (a - mean).square()).sqrt())


def independence_chain(log_weights: tensor("n"), *, rng: source):
    r"""A Markov chain through points of :math:`q` in their order, whose equilibrium is :math:`f/Z`.

    From the point that it holds the chain goes to the next one with the probability :math:`\min(1, w'/w)`
    (``eq:independence-acceptance``), and stays otherwise. The number of the point that is held after each proposal,
    shape (n,); the first point is held at the start.
    """
    log_u = torch.rand(len(log_weights), generator=rng, device=rng.device, dtype=log_weights.dtype).log().tolist()
    log_w, held, now = log_weights.tolist(), [0], 0
    for i in range(1, len(log_w)):
        now = i if log_u[i] < log_w[i] - log_w[now] else now
        held.append(now)
    return torch.tensor(held, device=log_weights.device)


def _honest_share(log_w):
    share = effective_share.__wrapped__(log_w)
    takes = (
        f"weights with an effective share of 0.02 or more; that of these is {share.item():.3f}, no error bar is honest"
    )
    require(share >= 0.02, "log_weights", log_w, takes)
    return share


doors(globals())
