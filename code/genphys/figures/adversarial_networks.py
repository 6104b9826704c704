"""The figures that only the chapter on adversarial networks draws."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from genphys.arguments import doors, positive
from genphys.figures.drawn import array, named, rows, values, words
from genphys.figures.style import COLOURS

__all__ = ["gains", "game_loop", "level_samples", "orbits", "planes", "players"]

_BLUE, _RED, _GREEN = COLOURS["blue"], COLOURS["vermilion"], COLOURS["green"]
_FILL = {"data": "#e6e6e6", "g": "#cfe6f5", "d": "#f6d3bf", "plain": "white"}


def _canvas(width, height, size):
    fig, ax = plt.subplots(figsize=size)
    ax.set(xlim=(0, width), ylim=(0, height))
    ax.set_axis_off()
    return fig, ax


def _box(ax, x, y, width, height, text, kind="plain", dashed=False):
    low = (x - width / 2, y - height / 2)
    ax.add_patch(
        FancyBboxPatch(
            low,
            width,
            height,
            boxstyle="round,pad=0.1,rounding_size=1.2",
            fc=_FILL[kind],
            ec="#606060",
            lw=1.0,
            ls="--" if dashed else "-",
        )
    )
    ax.text(x, y, text, ha="center", va="center", fontsize=10, linespacing=1.3)


def _arrow(ax, start, end, colour="black", dashed=False, bend=0.0):
    ax.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=12,
            color=colour,
            lw=1.4,
            ls="--" if dashed else "-",
            connectionstyle=f"arc3,rad={bend}",
            shrinkA=0,
            shrinkB=0,
        )
    )


def players():
    """Draw the generator against the discriminator: what flows forward, and where the gradients go."""
    fig, ax = _canvas(100, 48, (8.0, 3.8))
    _box(ax, 9, 16, 15, 9, "noise\n$\\mathbf{z}$")
    _box(ax, 33, 16, 19, 11, "generator\n$g(\\mathbf{z};\\theta^{(g)})$", "g")
    _box(ax, 33, 38, 19, 9, "data\n$\\mathbf{x}\\sim p_\\mathrm{data}$", "data")
    _box(ax, 65, 27, 21, 11, "discriminator\n$d(\\mathbf{x};\\theta^{(d)})$", "d")
    _box(ax, 91, 27, 15, 9, "“real” with\nprobability $d$")
    _arrow(ax, (17, 16), (23, 16))
    _arrow(ax, (43, 16), (54, 24))
    _arrow(ax, (43, 38), (54, 30))
    _arrow(ax, (76, 27), (83, 27))
    ax.text(52.5, 16.6, "samples", fontsize=10, ha="center")
    ax.text(51.5, 37, "examples", fontsize=10, ha="center")
    _arrow(ax, (91, 32.2), (69, 33.2), _RED, dashed=True, bend=0.45)
    ax.text(82, 41.5, "climb $v$ in $\\theta^{(d)}$", color=_RED, fontsize=10, ha="center")
    _arrow(ax, (91, 21.8), (36, 9.6), _BLUE, dashed=True, bend=-0.32)
    ax.text(
        62,
        0.8,
        "descend $v$ in $\\theta^{(g)}$, through the discriminator",
        color=_BLUE,
        fontsize=10,
        ha="center",
    )
    return fig, ax


def game_loop():
    """Draw the two half-steps of the training: which network moves and which stands still."""
    fig, axes = plt.subplots(1, 2, figsize=(8.2, 3.0))
    for ax, title in zip(axes, ("1. The discriminator moves", "2. The generator moves"), strict=True):
        ax.set(xlim=(0, 62), ylim=(0, 44), title=title)
        ax.set_axis_off()
        _box(ax, 7, 12, 9, 8, "$\\mathbf{z}$")
        _arrow(ax, (12, 12), (16, 12))
    first, second = axes
    _box(first, 22, 12, 11, 9, "$g$", "g", dashed=True)
    _box(first, 22, 29, 13, 8, "examples", "data")
    _box(first, 43, 20, 11, 9, "$d$", "d")
    _box(first, 45, 38, 29, 8, "wanted: 1 for examples,\n0 for samples")
    for start, end in (((28, 12), (37, 17)), ((29, 29), (37, 23)), ((41, 25), (41, 33))):
        _arrow(first, start, end)
    _arrow(first, (46, 33), (46, 25), _RED, dashed=True)
    first.text(47.5, 28.5, "gradient", color=_RED, fontsize=10, va="center")
    first.text(22, 3.5, "stands still", ha="center", fontsize=10)
    _box(second, 22, 12, 11, 9, "$g$", "g")
    _box(second, 43, 12, 11, 9, "$d$", "d", dashed=True)
    _box(second, 43, 37, 20, 8, "wanted: 1\nfor samples")
    for start, end in (((28, 14), (37, 14)), ((41, 17), (41, 32.5))):
        _arrow(second, start, end)
    _arrow(second, (46, 32.5), (46, 17), _BLUE, dashed=True)
    _arrow(second, (37, 10), (28, 10), _BLUE, dashed=True)
    second.text(47.5, 25, "gradient", color=_BLUE, fontsize=10, va="center")
    second.text(43, 3.5, "stands still", ha="center", fontsize=10)
    return fig, axes


def gains(cells: values("n", low=0), measured: dict):
    """Draw how many exact events a generated sample is worth for each event of its training set.

    Args:
        cells: Numbers of cells, shape (n,).
        measured: A dictionary {size of the training set: (mean, standard error)}, both of shape (n,).
    """
    fig, ax = plt.subplots(figsize=(5.4, 3.4))
    for (size, (mean, error)), marker in zip(measured.items(), "osD^v", strict=False):
        ax.errorbar(array(cells), array(mean), array(error), marker=marker, capsize=3, label=f"{size} showers")
    ax.axhline(1.0, color="black", ls="--", lw=1.0)
    ax.set(xscale="log", yscale="log", xlabel="number of cells $K$", ylabel=r"$n_{\mathrm{eff}}/n$")
    ax.set_xticks(array(cells), [f"{k:g}" for k in array(cells)])
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.legend()
    return fig, ax


def orbits(paths: named(values("n 2")), *, reach: positive = 1.6):
    r"""Draw the paths of several games in the plane of their two parameters; the equilibrium is at the centre.

    Args:
        paths: A dictionary {title: states of shape (n, 2), the generator's parameter first}.
        reach: Half the side of each panel.
    """
    fig, axes = plt.subplots(1, len(paths), figsize=(2.15 * len(paths), 2.7), sharey=True, squeeze=False)
    for ax, (title, path) in zip(axes[0], paths.items(), strict=True):
        path = array(path)
        ax.plot(path[:, 0], path[:, 1], color=_BLUE, lw=0.9)
        ax.plot(path[0, 0], path[0, 1], "o", color=_GREEN, ms=6, label="start")
        ax.plot(path[-1, 0], path[-1, 1], "s", color=_RED, ms=6, label="end")
        ax.plot(0, 0, "+", color="black", ms=10)
        ax.set(title=title, xlabel=r"generator $\theta^{(g)}$", xlim=(-reach, reach), ylim=(-reach, reach))
        ax.set_aspect("equal")
    axes[0, 0].set_ylabel(r"discriminator $\theta^{(d)}$")
    axes[0, -1].legend(loc="lower left", fontsize=9, handletextpad=0.1)
    return fig, axes[0]


def level_samples(x: values("n"), densities: values("levels n", low=0), samples: values("levels m")):
    r"""Draw the exact densities of several levels and histograms of what a generator has made of them.

    Args:
        x: Positions, shape (n,).
        densities: The exact densities, a row a level, shape (S, n).
        samples: The generated positions, shape (S, m).
    """
    x, densities, samples = array(x), array(densities), array(samples)
    fig, axes = plt.subplots(1, len(densities), figsize=(8.6, 2.7), sharey=True, sharex=True)
    highest = densities.max()
    for level, ax in enumerate(axes):
        height, _, _ = ax.hist(
            samples[level], bins=90, range=(x[0], x[-1]), density=True, color="#9ecae9", label="generator"
        )
        highest = max(highest, height.max())
        ax.plot(x, densities[level], color="black", lw=1.3, label=r"$|\psi_\nu|^2$")
        ax.set(title=rf"$\nu = {level}$", xlabel="position $x$")
    axes[0].set_ylabel("density, 1/length")
    axes[0].set_ylim(0, 1.05 * highest)
    axes[1].legend(loc="upper center", fontsize=9, handlelength=1.0, ncols=2, columnspacing=1.0)
    return fig, axes


def planes(samples: rows(values("n 2"), "panels"), centres: values("modes 2"), titles: words("panels")):
    """Draw samples in the plane and the centres of the modes that they should cover, three panels a row.

    Args:
        samples: Points, shape (S, n, 2).
        centres: The centres, shape (K, 2).
        titles: A title a panel.
    """
    centres = array(centres)
    reach = 1.45 * np.abs(centres).max()
    columns = min(3, len(titles))
    lines = -(-len(titles) // columns)
    fig, axes = plt.subplots(
        lines, columns, figsize=(2.3 * columns, 2.6 * lines), sharex=True, sharey=True, squeeze=False
    )
    for ax in axes.flat[len(titles) :]:
        ax.remove()
    for ax, points, title in zip(axes.flat[: len(titles)], samples, titles, strict=True):
        points = array(points)
        ax.plot(centres[:, 0], centres[:, 1], "o", ms=9, mfc="none", mec=_RED, mew=1.2)
        ax.plot(points[:, 0], points[:, 1], ".", ms=1.5, color=_BLUE, alpha=0.6)
        ax.set(title=title, xlim=(-reach, reach), ylim=(-reach, reach))
        ax.set_aspect("equal")
    for row in axes:
        row[0].set_ylabel("$x_2$")
    for ax in axes[-1]:
        ax.set_xlabel("$x_1$")
    return fig, axes.flat[: len(titles)]


doors(globals())
