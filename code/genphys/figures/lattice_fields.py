"""The figures of the chapter on lattice fields."""

import matplotlib.pyplot as plt
import numpy as np

from genphys.arguments import checked, require
from genphys.figures.common import panels
from genphys.figures.drawn import array, named, values
from genphys.figures.style import COLOURS

__all__ = ["comparison", "configurations", "identity_by_momentum", "score_and_force"]

_STYLES = (("black", "o", "-"), ("vermilion", "s", "--"), ("blue", "^", ":"), ("green", "D", "-."))


@checked
def configurations(real: values("n side side"), drawn: values("n side side")):
    """Draw a row of Monte Carlo configurations above a row of samples, in one scale of colour.

    Args:
        real: Configurations, shape (n, L, L).
        drawn: Samples, of the same shape.
    """
    real, drawn = array(real), array(drawn)
    fig, axes = plt.subplots(2, len(real), figsize=(1.7 * len(real) + 0.6, 3.5), squeeze=False)
    for row, fields, name in zip(axes, (real, drawn), ("Monte Carlo", "model"), strict=True):
        for ax, field in zip(row, fields, strict=True):
            picture = ax.imshow(field, cmap="RdBu_r", vmin=-2, vmax=2)
            ax.set(xticks=[], yticks=[])
            ax.grid(False)
        row[0].set_ylabel(name)
    fig.colorbar(picture, ax=axes, label=r"field $\varphi_x$", extend="both")
    return fig, axes


@checked
def comparison(sets: named(dict)):
    r"""Draw the histogram of the magnetisation and the correlation of columns, each set beside the others.

    Args:
        sets: For each name an entry of the record of :func:`genphys.train.describe_phi4`, from which are read
            ``magnetisation_counts`` (between -1.5 and 1.5) and ``time_slices``.
    """
    _few(sets)
    fig, (left, right) = panels(2, height=3.6)
    for index, ((name, found), (colour, marker, dash)) in enumerate(zip(sets.items(), _STYLES, strict=False)):
        counts = np.asarray(found["magnetisation_counts"], dtype=float)
        edges = np.linspace(-1.5, 1.5, len(counts) + 1)
        density = counts / counts.sum() / (edges[1] - edges[0])
        left.stairs(density, edges, color=COLOURS[colour], ls=dash, lw=1.6, label=name)
        value, error = np.asarray(found["time_slices"]).T
        place = np.arange(len(value)) + 0.06 * (index - (len(sets) - 1) / 2)
        style = {
            "color": COLOURS[colour],
            "marker": marker,
            "ls": dash,
            "ms": 5,
            "lw": 1.2,
            "capsize": 3,
            "mfc": "none",
        }
        right.errorbar(place, value, error, label=name, **style)
    left.set(xlabel="magnetisation per site $m$", ylabel="probability density", xlim=(-1.5, 1.5))
    right.set(xlabel=r"distance $\tau$ in lattice spacings", ylabel=r"column correlation $C(\tau)$")
    right.set_ylim(bottom=0)
    fig.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=len(sets))
    return fig, (left, right)


@checked
def identity_by_momentum(momentum_squared: values("n"), sets: named(values("n 2"))):
    """Draw the Schwinger-Dyson identity at each momentum, with error bars of one standard error and the line at 1.

    Args:
        momentum_squared: The lattice momentum squared, shape (n,), increasing.
        sets: For each name the values and their errors, shape (n, 2).
    """
    _few(sets)
    x = array(momentum_squared)
    fig, ax = plt.subplots(figsize=(6.4, 3.5))
    ax.axhline(1, color=COLOURS["black"], lw=1, label="exact")
    for (name, pairs), (colour, marker, dash) in zip(sets.items(), _STYLES, strict=False):
        pairs = array(pairs)
        style = {"color": COLOURS[colour], "marker": marker, "ls": dash, "ms": 5, "lw": 1, "capsize": 3, "mfc": "none"}
        ax.errorbar(x, pairs[:, 0], pairs[:, 1], label=name, **style)
    ax.set(xlabel=r"lattice momentum squared $\hat{k}^2$", ylabel=r"$\tilde{D}(k)$")
    ax.legend()
    return fig, ax


@checked
def score_and_force(force: values("n side side"), score: values("n side side")):
    """Draw the exact force against the learnt score at little noise, site by site, with the line of equality.

    Args:
        force: Minus the gradient of the action in the units of the score, any shape.
        score: The learnt score, of the same shape.
    """
    force, score = array(force), array(score)
    fig, ax = plt.subplots(figsize=(4.4, 4.0))
    ax.plot(score.ravel(), force.ravel(), ".", color=COLOURS["blue"], ms=3, alpha=0.35, rasterized=True)
    end = 1.05 * max(np.abs(force).max(), np.abs(score).max())
    ax.plot([-end, end], [-end, end], "--", color=COLOURS["black"], lw=1.2)
    ax.set(xlabel="learnt score", ylabel=r"force $-\partial S/\partial x$", xlim=(-end, end), ylim=(-end, end))
    return fig, ax


def _few(sets):
    require(len(sets) <= len(_STYLES), "sets", list(sets), f"at most {len(_STYLES)} entries")
