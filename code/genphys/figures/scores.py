"""The figures that only the chapter on scores draws."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from genphys.arguments import count, doors, number, positive, require
from genphys.figures.common import panels
from genphys.figures.drawn import array, named, values, words
from genphys.figures.style import COLOURS, CYCLE, MARKERS

__all__ = ["error_ratios", "score_strips", "score_table"]

_MAP = LinearSegmentedColormap.from_list("seen", ["#ffffff", "#bcdcf0", "#56B4E9", "#0072B2"])


def score_table(
    rows: words("rows"),
    columns: words("columns"),
    values: values("rows columns"),
    errors: values("columns", above=0),
    *,
    formats: words("columns"),
    baseline: count(0) = 0,
    threshold: positive = 4.0,
):
    """Draw a table of scores, each cell the darker the more standard errors it lies from the baseline's.

    Cells below the threshold are white: the score does not see the difference.

    Args:
        rows: The names of the sets that were scored.
        columns: The names of the scores.
        values: The scores, shape (rows, columns).
        errors: Their standard errors at the baseline, shape (columns,).
        formats: A format for each column, such as ``".2f"``.
        baseline: The row of the baseline.
        threshold: The number of standard errors from which a cell is coloured.
    """
    require(baseline < len(rows), "baseline", baseline, f"a row below {len(rows)}")
    values, errors = array(values), array(errors)
    distance = np.abs(values - values[baseline]) / errors
    depth = np.clip(np.log(np.maximum(distance, 1e-9) / threshold) / np.log(30), 0, 1)
    depth = np.where(distance > threshold, 0.25 + 0.75 * depth, 0)
    fig, ax = plt.subplots(figsize=(0.57 * len(columns) + 1.7, 0.36 * len(rows) + 0.9))
    ax.imshow(depth, cmap=_MAP, vmin=0, vmax=1, aspect="auto")
    for i, j in np.ndindex(values.shape):
        luminance = np.dot((0.21, 0.72, 0.07), np.array(_MAP(depth[i, j])[:3]) ** 2.2)
        colour = "white" if luminance < 0.18 else "black"  # what has more contrast
        ax.text(j, i, format(values[i, j], formats[j]), ha="center", va="center", color=colour, fontsize=10.5)
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
    ax.grid(False)
    ax.grid(which="minor", color="#b0b0b0", lw=0.7)
    ax.tick_params(which="both", length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
    ax.spines[:].set_visible(False)
    return fig, ax


def score_strips(
    names: words("sets"),
    titles: words("scores"),
    values: values("sets scores"),
    errors: values("sets scores", low=0),
    *,
    baseline: count(0) = 0,
    scales: words("scores") | None = None,
):
    """Draw one strip for each score, four a row: a point with its error bar for each set, a line at the baseline.

    Args:
        names: The names of the sets.
        titles: The names of the scores, with their units where they have one.
        values: The scores, shape (sets, scores).
        errors: Their standard errors, of the same shape.
        baseline: The set whose value is drawn as a line through the others.
        scales: The scale of each strip's axis, such as ``"log"``; all linear if left out. ``"symlog"`` is linear up to
            the power of ten above the baseline's error, which has to be positive.
    """
    require(baseline < len(names), "baseline", baseline, f"a set below {len(names)}")
    values, errors = array(values), array(errors)
    scales = scales or ["linear"] * len(titles)
    require(set(scales) <= {"linear", "log", "symlog"}, "scales", scales, "linear, log or symlog for each score")
    y = np.arange(len(names))[::-1]
    columns = min(4, len(titles))
    rows = -(-len(titles) // columns)
    size = (1.75 * columns + 1.5, rows * (0.3 * len(names) + 0.9))
    fig, grid = plt.subplots(rows, columns, figsize=size, sharey=True, squeeze=False)
    for ax in grid.flat[len(titles) :]:
        ax.remove()
    axes = np.array(grid.flat[: len(titles)])
    for j, ax in enumerate(axes):
        ax.axvline(values[baseline, j], color=COLOURS["vermilion"], lw=1.2, ls="--")
        ax.errorbar(values[:, j], y, xerr=errors[:, j], fmt="o", ms=4.5, color=COLOURS["blue"], capsize=2, lw=1.2)
        ax.set(title=titles[j], xscale=scales[j])
        if scales[j] == "symlog":  # linear where the baseline is zero within its error
            ax.set_xscale("symlog", linthresh=10.0 ** np.ceil(np.log10(errors[baseline, j])))
        ax.tick_params(axis="x", labelsize=9)
    axes[0].set_yticks(y, names)
    return fig, axes


def error_ratios(
    names: words("scores"),
    cases: named(values("methods scores", low=0)),
    methods: words("methods"),
    *,
    factor: number() = 3**0.5,
):
    """Draw the ratio of estimated to true standard errors, one panel for each case.

    Args:
        names: The names of the scores.
        cases: A dictionary from the title of a panel to the ratios, shape (methods, scores).
        methods: The names of the methods, at most three.
        factor: A ratio that is marked by a dashed line.
    """
    fig, axes = panels(len(cases), width=4.3 * len(cases), sharey=True)
    for ax, (title, ratios) in zip(axes, cases.items()):
        ax.axhline(1, color="black", lw=1)
        ax.axhline(factor, color="black", lw=1, ls="--")
        for k, method in enumerate(methods):
            x = np.arange(len(names)) + 0.16 * (k - (len(methods) - 1) / 2)
            ax.plot(x, array(ratios)[k], MARKERS[k], ms=7, color=CYCLE[k], label=method)
        ax.set(title=title, ylim=(0, None))
        ax.set_xticks(range(len(names)), names, fontsize=9)
    axes[0].set_ylabel("estimated / true error")
    axes[-1].legend(loc="best")
    return fig, axes


doors(globals())
