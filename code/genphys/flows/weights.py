r"""Importance weights :math:`w = f(\mathbf{x})/q(\mathbf{x})` of points that were drawn from :math:`q`.

Their mean is the partition function of :math:`f` (``eq:importance-log-z``), and their spread says what the points are
worth, as far as the points can know (``eq:effective-share``).

References:
    Kong (1992); Nicoli et al. (2020) for flows in physics.
"""

import math

from genphys.arguments import checked, require, tensor
from genphys.exact.estimates import Estimate
from genphys.numerics import double

__all__ = ["effective_share", "log_partition"]

a_row = tensor("n", rows=2)


@checked
def effective_share(log_weights: a_row):
    r"""The effective sample size over n, :math:`(\sum w)^2/(n\sum w^2)`, between 1/n and 1; float64, shape ()."""
    log_w = double(log_weights)
    return (2 * log_w.logsumexp(0) - (2 * log_w).logsumexp(0)).exp() / len(log_w)


@checked
def log_partition(log_weights: a_row):
    r"""The logarithm of the mean weight in nats, with its error: an :class:`~genphys.exact.estimates.Estimate`.

    To first order the error of a logarithm is the relative error of the mean, :math:`\sqrt{(1/r - 1)/n}` with the
    effective share r. Where the share is below 2 %, a few points carry the sum and its error is unknown: it is refused.
    """
    log_w = double(log_weights)
    share = effective_share.__wrapped__(log_w)
    takes = (
        f"weights with an effective share of 0.02 or more; that of these is {share.item():.3f}, no error bar is honest"
    )
    require(share >= 0.02, "log_weights", log_weights, takes)
    n = len(log_w)
    return Estimate(log_w.logsumexp(0) - math.log(n), ((1 / share - 1) / (n - 1)).clamp(min=0).sqrt())
