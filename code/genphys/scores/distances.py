r"""Squared distances between points, on which kernels, neighbours and transport stand.

.. math::
    \lVert\mathbf{x}-\mathbf{y}\rVert^2
    = \lVert\mathbf{x}\rVert^2 + \lVert\mathbf{y}\rVert^2 - 2\,\mathbf{x}\cdot\mathbf{y}

One rule for the numbers of all scores:

- Points in float64 are compared where they lie, on their own device. Points of any other type are compared in float64
  on the processor (:func:`genphys.numerics.double`): near equality a score is a small difference of averages, of which
  float32 would leave nothing.
- The origin does not matter. The right side is taken about a point amid the two sets, else it would lose its digits
  far away from zero.
- What runs over pairs runs over blocks of them: two sets of 10 000 points need well below 1 GB.
"""

import torch

from genphys.arguments import doors, points
from genphys.numerics import double

BLOCK = 2**20  # elements of a block of distances: 8 MB in float64
ROUNDING = 64 * torch.finfo(torch.float64).eps  # of a squared distance, relative to the squares that it is made of


def pairwise_squared_distances(x: points("n d", rows=2), y: points("m d", rows=2)):
    r"""All :math:`\lVert\mathbf{x}-\mathbf{y}\rVert^2` between the rows of two sets, (n, D) and (m, D) to (n, m).

    In float64, never negative, in the squared unit of the points. Differentiable. The matrix is whole: 8 n m bytes.
    """
    return squared_distances(in_double(x), in_double(y))


def in_double(x):
    """The first line of the rule: float64 points stay where they are, others become float64 on the processor."""
    return x if x.dtype is torch.float64 else double(x)


def about_their_middle(*sets):
    """The sets, less one point amid them all: a median, which outliers do not move, of some hundred of the points."""
    with torch.no_grad():
        middle = torch.cat([s[:: max(1, len(s) // 100)] for s in sets]).median(0).values
    return [s - middle for s in sets]


def squared_distances(x, y):
    x, y = about_their_middle(x, y)
    return _expanded(x, y, x.square().sum(1), y.square().sum(1))


def distance_blocks(x, *sets):
    """Slices of the rows of x, each with the squared distances from there to every point of each set, (rows, m)."""
    pairs = [about_their_middle(x, y) for y in sets]
    squares = [(a.square().sum(1), b.square().sum(1)) for a, b in pairs]
    size = max(1, BLOCK // sum(map(len, sets)))
    for start in range(0, len(x), size):
        rows = slice(start, min(start + size, len(x)))
        yield rows, *(_expanded(a[rows], b, aa[rows], bb) for (a, b), (aa, bb) in zip(pairs, squares))


def rounding(x, *sets):
    """Squared distances from a point of x that differ by less than this may be equal, (n,)."""
    return ROUNDING * torch.stack([about_their_middle(x, y)[0].square().sum(1) for y in sets]).amax(0)


def _expanded(x, y, xx, yy):
    # (n, D) @ (D, m) -> (n, m); rounding may leave something negative of a zero
    return torch.addmm(yy, x, y.mT, alpha=-2).add_(xx[:, None]).clamp(min=0)


doors(globals())
