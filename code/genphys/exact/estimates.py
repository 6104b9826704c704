"""Monte Carlo estimates: a mean with its standard error."""

import math
from typing import NamedTuple

import torch

from genphys.arguments import checked, require, tensor

__all__ = ["Estimate", "mean_and_error"]


class Estimate(NamedTuple):
    """A Monte Carlo mean, or a function of means, and its standard error; both of one shape."""

    value: torch.Tensor
    stderr: torch.Tensor


@checked
def mean_and_error(values: tensor(kind="any")):
    """The mean of independent values, one a row, and its standard error, in float64: an :class:`Estimate`."""
    require(values.ndim >= 1 and len(values) >= 2, "values", values, "two rows or more")
    values = values.double()
    return Estimate(values.mean(0), values.std(0) / math.sqrt(len(values)))
