"""The figures that several chapters draw: curves, panels of curves, and grids of images.

Every function of this room takes data (tensors, arrays or lists), draws, and returns the figure and its axes; none
computes anything but what the drawing needs, and none knows a model.
"""

from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.patches import Rectangle

from genphys.arguments import count, doors, many, number, positive, require
from genphys.figures.drawn import array, named, text, values, words
from genphys.figures.style import CYCLE, DASHES, MARKERS

__all__ = ["image_grid", "image_rows", "lines", "panels", "side_by_side"]

Scale = Literal["linear", "log"]


def lines(
    x: values("n"),
    curves: named(values("n", gaps=True)),
    *,
    xlabel: text,
    ylabel: text,
    xscale: Scale = "linear",
    yscale: Scale = "linear",
    markers: bool = False,
    title: text | None = None,
    axes: Axes | None = None,
):
    """Draw one curve for each entry of a dictionary {label: ordinates}; a gap where an ordinate is NaN."""
    fig, ax = (axes.figure, axes) if axes is not None else plt.subplots()
    for k, (label, y) in enumerate(curves.items()):
        look = {"color": CYCLE[k % 7], "ls": DASHES[k % 7], "marker": MARKERS[k % 7] if markers else None, "ms": 4.5}
        ax.plot(array(x), array(y), label=label, **look)
    ax.set(xlabel=xlabel, ylabel=ylabel, xscale=xscale, yscale=yscale)
    if title:
        ax.set_title(title)
    if len(curves) > 1:
        ax.legend()
    return fig, ax


def panels(n: count(), *, width: positive = 7.6, height: positive = 3.3, sharey: bool = False):
    """An empty figure of this size in inches with axes side by side; they come as an array of shape (n,)."""
    fig, axes = plt.subplots(1, n, figsize=(width, height), sharey=sharey, squeeze=False)
    return fig, axes[0]


def side_by_side(pictures: many(dict), *, width: positive = 8.4, height: positive = 3.5):
    """Draw groups of curves beside each other.

    Args:
        pictures: For each panel the arguments of :func:`lines` and, if wanted, ``ylim``.
        width, height: The size of the figure in inches.
    """
    fig, axes = panels(len(pictures), width=width, height=height)
    for ax, picture in zip(axes, pictures, strict=True):
        picture = dict(picture)
        ylim = picture.pop("ylim", None)
        lines(axes=ax, **picture)
        if ylim is not None:
            ax.set_ylim(ylim)
    return fig, axes


def image_grid(
    images: values("n p") | values("n s s") | values("n 1 s s"),
    columns: count() = 10,
    labels: words("rows") | None = None,
    vmin: number() = 0.0,
    vmax: number() = 1.0,
):
    """Draw square images in rows, from white at ``vmin`` to black at ``vmax``, a word before each row."""
    images = array(images)
    flat = images.reshape(len(images), -1)
    rows = -(-len(flat) // columns)
    require(labels is None or len(labels) == rows, "labels", labels, f"one for each of the {rows} rows")
    require(vmin < vmax, "vmax", vmax, f"a number above vmin, {vmin}")
    return _sheet(flat, columns, labels, 0.7, vmin, vmax)


def image_rows(images: values("rows columns p", low=0), labels: words("rows"), *, scale: positive = 0.62):
    """Draw rows of square images, ``scale`` inches each, a word before each row; bytes or grey values in [0, 1]."""
    images = array(images)
    flat = images.reshape(-1, images.shape[-1])
    return _sheet(flat / 255 if flat.max() > 1 else flat, images.shape[1], labels, scale, 0.0, 1.0)


def _sheet(images, columns, labels, scale, vmin, vmax):
    """All images as one, with a thin frame around each: a picture of few bytes."""
    side = round(images.shape[1] ** 0.5)
    require(side * side == images.shape[1], "images", images.shape, "square images: (n, side * side)")
    step, rows = side + max(1, side // 14), -(-len(images) // columns)
    sheet = np.full((rows * step, columns * step), np.nan)
    frames = []
    for k, image in enumerate(images):
        y, x = step * (k // columns), step * (k % columns)
        sheet[y : y + side, x : x + side] = image.reshape(side, side)
        frames.append(Rectangle((x - 0.5, y - 0.5), side, side))
    fig, ax = plt.subplots(figsize=(scale * columns + (1.3 if labels else 0), scale * rows + 0.1))
    ax.imshow(np.ma.masked_invalid(sheet), vmin=vmin, vmax=vmax, interpolation="none")
    ax.add_collection(PatchCollection(frames, facecolor="none", edgecolor="#b0b0b0", linewidth=0.6))
    ax.set_axis_off()
    for row, word in enumerate(labels or []):
        ax.text(-0.02, row * step + side / 2, word + "  ", ha="right", va="center", linespacing=1.1)
    return fig, ax


doors(globals())
