r"""Couplings: maps of one half of the coordinates, whose parameters are functions of the other half.

An affine coupling stretches and moves, :math:`x_i = z_i e^{s_i} + b_i`; a spline coupling bends each coordinate by a
monotone curve. Given the parameters, both act on each number alone, so that the logarithm of the determinant is the
sum of the logarithms of the slopes (``eq:coupling-jacobian``), and both are inverted in closed form.

References:
    Dinh, Sohl-Dickstein and Bengio (2016); Durkan et al., Neural spline flows (2019); Gregory and Delbourgo (1982).
"""

import torch

from genphys.arguments import doors, require, tensor


def affine_forward(z: tensor("n d"), log_scale: tensor("n d"), shift: tensor("n d")):
    r"""The coordinates :math:`z_i e^{s_i} + b_i`, shape (n, d), and the log-determinant, shape (n,)."""
    return z * log_scale.exp() + shift, log_scale.sum(1)


def affine_inverse(x: tensor("n d"), log_scale: tensor("n d"), shift: tensor("n d")):
    r"""The coordinates :math:`(x_i - b_i) e^{-s_i}`, shape (n, d), and the log-determinant of this map, shape (n,)."""
    return (x - shift) * (-log_scale).exp(), -log_scale.sum(1)


positive_rows = tensor("n B", above=0)
positive_slopes = tensor("n _", above=0)


def spline_forward(x: tensor("n"), widths: positive_rows, heights: positive_rows, slopes: positive_slopes):
    """A monotone rational-quadratic spline and the logarithm of its slope (``def:spline``, ``eq:spline-slope``).

    The B bins cover an interval about zero; outside it the map is the identity. In each row ``widths`` and ``heights``
    have the same sum, the length of the interval; the slopes are those at the B + 1 knots.
    """
    left, bottom, w, h, d0, d1, inside = _bin(x, widths, heights, slopes, along="x")
    share = torch.where(inside, (x - left) / w, 0.5)
    mean, between = h / w, share * (1 - share)
    bend = mean + (d0 + d1 - 2 * mean) * between
    y = bottom + h * (mean * share**2 + d0 * between) / bend
    slope = mean**2 * (d1 * share**2 + 2 * mean * between + d0 * (1 - share) ** 2) / bend**2
    return torch.where(inside, y, x), torch.where(inside, slope.log(), 0.0)


def spline_inverse(y: tensor("n"), widths: positive_rows, heights: positive_rows, slopes: positive_slopes):
    r"""The inverse of :func:`spline_forward` and the logarithm of the slope of the inverse (``eq:spline-inverse``)."""
    left, bottom, w, h, d0, d1, inside = _bin(y, widths, heights, slopes, along="y")
    rise, mean = torch.where(inside, y - bottom, h / 2), h / w
    excess = rise * (d0 + d1 - 2 * mean)
    a, b, c = h * (mean - d0) + excess, h * d0 - excess, -mean * rise
    share = -2 * c / (b + (b**2 - 4 * a * c).clamp(min=0).sqrt())  # the root that stays finite where a vanishes
    x = torch.where(inside, left + w * share, y)
    return x, -spline_forward.__wrapped__(x, widths, heights, slopes)[1]


def _bin(values, widths, heights, slopes, along):
    """The bin of each value: its lower corner, width, height, both slopes, and whether the value is in any bin."""
    require(slopes.shape[1] == widths.shape[1] + 1, "slopes", slopes, f"{widths.shape[1] + 1} slopes a row")
    total = widths.sum(1, keepdim=True)
    close = (heights.sum(1, keepdim=True) - total).abs() <= 1e-5 * total
    require(bool(close.all()), "heights", heights, "heights whose sum is that of the widths in each row")
    x_knots, y_knots = (
        torch.cat([-total / 2, part.cumsum(1) - total / 2], 1) for part in (widths, heights)
    )  # (n, B + 1)
    knots = x_knots if along == "x" else y_knots
    inside = (values > knots[:, 0]) & (values < knots[:, -1])
    k = (torch.searchsorted(knots, values[:, None].contiguous()) - 1).clamp(0, widths.shape[1] - 1)
    chosen = [part.gather(1, k)[:, 0] for part in (x_knots, y_knots, widths, heights, slopes)]
    return *chosen, slopes.gather(1, k + 1)[:, 0], inside


doors(globals())
