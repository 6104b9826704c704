r"""Monte Carlo estimates: a mean, or a function of means, with its standard error.

References:
    Sokal, Monte Carlo methods in statistical mechanics (1997). Binder (1981) for the cumulant.
"""

import math
from typing import NamedTuple

import torch

from genphys.arguments import doors, function, many, tensor
from genphys.numerics import double

_in_time = {"rows": 2, "kind": "any", "free": True}  # values in the order of time
chains = tensor("n", **_in_time) | tensor("n c", **_in_time)


class Estimate(NamedTuple):
    """A Monte Carlo mean, or a function of means, and its standard error (0 if exact); both of one shape."""

    value: torch.Tensor
    stderr: torch.Tensor


def mean_and_error(values: tensor("n ...", rows=2, kind="any")):
    """The mean of independent values, one a row, and its standard error, in float64: an :class:`Estimate`."""
    values = double(values)
    return Estimate(values.mean(0), values.std(0) / math.sqrt(len(values)))


def correlated_mean_and_error(series: chains):
    r"""The mean of a Monte Carlo series and its standard error :math:`\sqrt{2\tau\,C(0)/n}`: an :class:`Estimate`.

    :math:`C(0)` is the variance of all n values, and :math:`\tau` the :func:`autocorrelation_time`, but at least that
    of independent values, 1/2. The series is in the order of time, shape (steps,) or (steps, chains).
    """
    tau = autocorrelation_time(series).clamp(min=0.5)
    x = double(series)
    return Estimate(x.mean(), (2 * tau * x.var() / x.numel()).sqrt())


def autocorrelation_time(series: chains):
    r"""The integrated autocorrelation time with Sokal's automatic window, in steps of the series; float64.

    .. math:: \tau = \frac{1}{2} + \sum_{t=1}^{W} \rho(t) , \qquad \rho(t) = C(t)/C(0) ,

    where :math:`W` is the smallest window with :math:`W \ge 6\max(\tau(W), 1)`, or the whole series if there is none.
    Independent data have :math:`\tau = 1/2`. With several chains :math:`C(t)` is their average about the mean of all of
    them, so that chains which have not mixed show as a long time. Where the variance of the mean is written
    :math:`\tau' C(0)/n`, as in ``eq:autocorrelation-modes``, :math:`\tau' = 2\tau`.
    """
    covariance = _autocovariance(double(series).reshape(len(series), -1))
    if not covariance[0] > 0:
        return torch.full_like(covariance[0], 0.5)  # a constant series
    tau = (covariance / covariance[0]).cumsum(0) - 0.5  # tau[W], with rho(0) = 1
    closed = torch.arange(len(tau)) >= 6 * tau.clamp(min=1)
    window = int(closed.int().argmax()) if bool(closed.any()) else len(tau) - 1
    return tau[window].clamp(min=0)


def function_of_means(formula: function, series: many(chains), *, correlated: bool = False):
    r"""A function :math:`f` of the means of several series :math:`x_a`, and its error to first order in theirs.

    The error is that of the mean of :math:`\sum_a x_a\,\partial f/\partial\langle x_a\rangle`: an :class:`Estimate`.
    The ``formula`` maps the means, shape (p,), to a number, differentiably; the p series have one shape, (n,) or (n,
    chains), and follow the time where they are ``correlated``.
    """
    series = [double(x) for x in series]
    with torch.enable_grad():
        means = torch.stack([x.mean() for x in series]).requires_grad_()
        value = formula(means)
        (slopes,) = torch.autograd.grad(value, means)
    linear = sum(slope * x for slope, x in zip(slopes, series, strict=True))
    _, stderr = correlated_mean_and_error(linear) if correlated else mean_and_error(linear.flatten())
    return Estimate(value.detach(), stderr)


def binder_cumulant(magnetisation: chains, *, correlated: bool = False):
    r"""The Binder cumulant :math:`U = 1 - \langle m^4\rangle/(3\langle m^2\rangle^2)` of samples: an :class:`Estimate`.

    It is 0 for Gaussian fluctuations about 0, and 2/3 where :math:`|m|` has one value.
    """
    square = double(magnetisation).square()
    return function_of_means(lambda m: 1 - m[1] / (3 * m[0].square()), [square, square.square()], correlated=correlated)


def _autocovariance(x):
    """C(t) for t = 0, ..., n - 1, the average over chains about the mean of all; (n, chains) to (n,)."""
    n = len(x)
    x = x - x.mean()
    # The square of the modulus of the transform, padded with zeros, is that of the sums over s of x_s x_{s+t}.
    transform = torch.fft.rfft(x, n=2 * n, dim=0)
    sums = torch.fft.irfft(transform.abs().square(), n=2 * n, dim=0)[:n].mean(1)
    return sums / torch.arange(n, 0, -1)


doors(globals())
