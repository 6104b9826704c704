r"""The figures of the two chapters on adversarial networks, in the style of :mod:`genphys.figures.common`.

Every function takes data, draws, and returns the figure and its axes; none computes anything but what the drawing
needs.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from genphys.figures.common import COLOURS

__all__ = [
    "game_loop",
    "image_rows",
    "learning_curves",
    "level_samples",
    "network_pair",
    "orbits",
    "planes",
    "players",
    "share_bars",
    "side_by_side",
]

_BLUE, _RED, _GREEN = COLOURS["blue"], COLOURS["vermilion"], COLOURS["green"]
_FILL = {"data": "#e6e6e6", "g": "#cfe6f5", "d": "#f6d3bf", "plain": "white"}


def _array(value):
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value, dtype=float)


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
    """Draw the generator against the discriminator: what flows forward, and where the gradients go.

    Returns:
        The figure and the axes.
    """
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
    """Draw the two half-steps of the training: which network moves and which stands still.

    Returns:
        The figure and an array of two axes.
    """
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


def network_pair(g_sizes, d_sizes):
    """Draw two fully connected networks as columns of units.

    Args:
        g_sizes: The widths of the generator's layers, from noise to image.
        d_sizes: The widths of the discriminator's layers, from image to logit.

    Returns:
        The figure and an array of two axes.
    """
    fig, axes = plt.subplots(1, 2, figsize=(8.2, 3.3))
    words = (("noise", "hidden", "image"), ("image", "hidden", "logit"))
    for ax, sizes, title, names, colour in zip(
        axes, (g_sizes, d_sizes), ("generator", "discriminator"), words, (_BLUE, _RED), strict=True
    ):
        ax.set_axis_off()
        ax.set(title=title, xlim=(-0.6, len(sizes) - 0.4), ylim=(-1.6, 1.5))
        rows = [np.linspace(-1, 1, min(7, n)) if n > 1 else np.zeros(1) for n in sizes]
        for k in range(len(sizes) - 1):
            for a in rows[k]:
                for b in rows[k + 1]:
                    ax.plot([k, k + 1], [a, b], color="#d0d0d0", lw=0.5, zorder=1)
        for k, (n, row) in enumerate(zip(sizes, rows, strict=True)):
            ax.plot(np.full(len(row), k), row, "o", ms=9, mfc="white", mec=colour, mew=1.5, zorder=2)
            word = names[0] if k == 0 else names[2] if k == len(sizes) - 1 else names[1]
            ax.text(k, -1.38, f"{word}\n{n}", ha="center", va="center", fontsize=10)
    return fig, axes


def side_by_side(panels, *, size=(8.4, 3.5)):
    """Draw groups of curves beside each other.

    Args:
        panels: A list of dictionaries with ``x``, ``curves`` (label to ordinates), ``xlabel``, ``ylabel`` and, if
            wanted, ``yscale``, ``title`` and ``ylim``.
        size: The size of the figure in inches.

    Returns:
        The figure and an array of axes.
    """
    from genphys.figures.common import lines

    fig, axes = plt.subplots(1, len(panels), figsize=size, squeeze=False)
    for ax, panel in zip(axes[0], panels, strict=True):
        extra = {key: panel[key] for key in ("yscale", "title", "markers") if key in panel}
        lines(panel["x"], panel["curves"], xlabel=panel["xlabel"], ylabel=panel["ylabel"], axes=ax, **extra)
        if "ylim" in panel:
            ax.set_ylim(panel["ylim"])
    return fig, axes[0]


def orbits(paths, *, reach=1.6):
    r"""Draw the paths of several games in the plane of their two parameters; the equilibrium is at the centre.

    Args:
        paths: A dictionary {title: states of shape (n, 2), the discriminator's parameter first}.
        reach: Half the side of each panel.

    Returns:
        The figure and an array of axes.
    """
    fig, axes = plt.subplots(1, len(paths), figsize=(2.15 * len(paths), 2.7), sharey=True, squeeze=False)
    for ax, (title, path) in zip(axes[0], paths.items(), strict=True):
        path = _array(path)
        ax.plot(path[:, 1], path[:, 0], color=_BLUE, lw=0.9)
        ax.plot(path[0, 1], path[0, 0], "o", color=_GREEN, ms=6, label="start")
        ax.plot(path[-1, 1], path[-1, 0], "s", color=_RED, ms=6, label="end")
        ax.plot(0, 0, "+", color="black", ms=10)
        ax.set(title=title, xlabel=r"generator $\theta^{(g)}$", xlim=(-reach, reach), ylim=(-reach, reach))
        ax.set_aspect("equal")
    axes[0, 0].set_ylabel(r"discriminator $\theta^{(d)}$")
    axes[0, -1].legend(loc="lower left", fontsize=9, handletextpad=0.1)
    return fig, axes[0]


def level_samples(x, densities, samples):
    r"""Draw the exact densities of several levels and histograms of what a generator has made of them.

    Args:
        x: Positions, shape (n,).
        densities: The exact densities, a row a level, shape (S, n).
        samples: The generated positions, shape (S, m).

    Returns:
        The figure and an array of axes.
    """
    x, densities, samples = _array(x), _array(densities), _array(samples)
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
    axes[1].legend(loc="upper center", fontsize=8, handlelength=1.0, ncols=2, columnspacing=1.0)
    return fig, axes


def planes(samples, centres, titles):
    """Draw samples in the plane and the centres of the modes that they should cover, three panels a row.

    Args:
        samples: Points, shape (S, n, 2).
        centres: The centres, shape (K, 2).
        titles: A title a panel.

    Returns:
        The figure and an array of axes.
    """
    centres = _array(centres)
    reach = 1.45 * np.abs(centres).max()
    columns = min(3, len(titles))
    rows = -(-len(titles) // columns)
    fig, axes = plt.subplots(
        rows, columns, figsize=(2.3 * columns, 2.6 * rows), sharex=True, sharey=True, squeeze=False
    )
    for ax in axes.flat[len(titles) :]:
        ax.remove()
    for ax, points, title in zip(axes.flat[: len(titles)], samples, titles, strict=True):
        points = _array(points)
        ax.plot(centres[:, 0], centres[:, 1], "o", ms=9, mfc="none", mec=_RED, mew=1.2)
        ax.plot(points[:, 0], points[:, 1], ".", ms=1.5, color=_BLUE, alpha=0.6)
        ax.set(title=title, xlim=(-reach, reach), ylim=(-reach, reach))
        ax.set_aspect("equal")
    for row in axes:
        row[0].set_ylabel("$x_2$")
    for ax in axes[-1]:
        ax.set_xlabel("$x_1$")
    return fig, axes.flat[: len(titles)]


def learning_curves(steps, record, *, xlabel="step", right="discriminator output", ylim=None):
    r"""Draw the losses of both players, and what the discriminator says of data and of samples.

    Args:
        steps: The step of each point, shape (n,).
        record: The curves ``d_loss``, ``g_loss``, ``d_real`` and ``d_fake``, each of shape (n,).
        xlabel: What ``steps`` counts.
        right: What the right axis shows.
        ylim: The limits of the left axis.

    Returns:
        The figure and an array of two axes.
    """
    fig, axes = plt.subplots(1, 2, figsize=(8.4, 3.3))
    steps = _array(steps)
    axes[0].plot(steps, _array(record["g_loss"]), color=_BLUE, lw=1.2, label="generator")
    axes[0].plot(steps, _array(record["d_loss"]), color=_RED, lw=1.2, ls="--", label="discriminator")
    axes[0].set(xlabel=xlabel, ylabel="loss in nats" if right == "discriminator output" else "loss", ylim=ylim)
    real, fake = (
        (r"$d(\mathbf{x})$", r"$d(g(\mathbf{z}))$")
        if right == "discriminator output"
        else (r"$\ell(\mathbf{x})$", r"$\ell(g(\mathbf{z}))$")
    )
    axes[1].plot(steps, _array(record["d_real"]), color=_GREEN, lw=1.2, label="data: " + real)
    axes[1].plot(steps, _array(record["d_fake"]), color=COLOURS["purple"], lw=1.2, ls="--", label="samples: " + fake)
    axes[1].set(xlabel=xlabel, ylabel=right, ylim=(0, 1) if right == "discriminator output" else None)
    for ax in axes:
        ax.legend()
    return fig, axes


def image_rows(images, labels, *, scale=0.62):
    """Draw rows of square images with a word before each row.

    Args:
        images: Grey values in [0, 1] (or bytes), shape (rows, columns, side * side); 1 is drawn black.
        labels: A word a row.
        scale: The side of an image in inches.

    Returns:
        The figure and the axes.
    """
    images = _array(images)
    if images.max() > 1:
        images = images / 255
    rows, columns, size = images.shape
    side = round(size**0.5)
    pad = 2
    sheet = np.zeros((rows * (side + pad), columns * (side + pad)))
    for r in range(rows):
        for c in range(columns):
            y, x = r * (side + pad), c * (side + pad)
            sheet[y : y + side, x : x + side] = images[r, c].reshape(side, side)
    fig, ax = plt.subplots(figsize=(scale * columns + 1.3, scale * rows + 0.1))
    ax.imshow(sheet, cmap="Greys", vmin=0, vmax=1, interpolation="nearest")
    ax.grid(False)
    ax.spines[:].set_visible(False)
    ax.set_xticks([])
    ax.set_yticks([r * (side + pad) + side / 2 for r in range(rows)], labels)
    ax.tick_params(length=0)
    return fig, ax


def share_bars(shares):
    """Draw the share of each digit among the samples of several models, and the fair share with a band of 20 %.

    Args:
        shares: A dictionary {model: ten shares}.

    Returns:
        The figure and the axes.
    """
    fig, ax = plt.subplots(figsize=(7.6, 3.2))
    width = 0.8 / len(shares)
    ax.axhspan(0.08, 0.12, color="#e6e6e6", zorder=0, label="fair share, 20 % around it")
    hatches = ["", "//", "..", "xx"]
    for k, (name, share) in enumerate(shares.items()):
        place = np.arange(10) + (k + 0.5) * width - 0.4
        colour = list(COLOURS.values())[k]
        ax.bar(place, _array(share), width, label=name, color=colour, hatch=hatches[k % 4], edgecolor="white", lw=0.3)
    ax.set(xlabel="digit, as the classifier reads it", ylabel="share of the samples", xticks=range(10))
    ax.grid(False)
    ax.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.25), fontsize=9)
    return fig, ax
