"""The figures that only the chapter on energy models draws."""

import math

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from genphys.arguments import count, doors, number
from genphys.figures.drawn import array, named, text, values, words
from genphys.figures.style import CYCLE, GREY, MARKERS

__all__ = ["enumeration_cost", "landscape", "model_map", "phases", "recovery", "typical_configurations"]


def typical_configurations(
    titles: words("stages"),
    draws: values("stages n L L"),
    levels: values("k"),
    probabilities: values("stages k", low=0),
):
    """Draw samples of a magnet at several temperatures, each above the probabilities of its energies.

    Args:
        titles: One for each temperature.
        draws: The spins of n samples for each, n even, shape (S, n, L, L); up is dark.
        levels: The energies that occur, shape (k,), in units of J.
        probabilities: The probability of each energy, shape (S, k).
    """
    draws, levels, probabilities = (array(a) for a in (draws, levels, probabilities))
    fig, axes = plt.subplots(2, len(titles), figsize=(7.6, 4.2), height_ratios=[1, 1.25], squeeze=False)
    n, L = draws.shape[1:3]
    width = 0.8 * np.diff(np.sort(levels)).min()
    for s, (above, below) in enumerate(axes.T):
        mosaic = np.full((2 * (L + 1) - 1, n // 2 * (L + 1) - 1), np.nan)
        for k in range(n // 2 * 2):
            row, column = (k // (n // 2)) * (L + 1), (k % (n // 2)) * (L + 1)
            mosaic[row : row + L, column : column + L] = draws[s, k]
        above.imshow(np.ma.masked_invalid(mosaic), cmap=_SPINS, vmin=-1, vmax=1, interpolation="nearest")
        above.set_title(titles[s])
        above.set_axis_off()
        below.bar(levels, probabilities[s], width=width, color=CYCLE[0])
        below.set_xlabel("energy $E$ in units of $J$")
        below.set_ylim(0, 1.05 * probabilities.max())
        if s:
            below.set_yticklabels([])
    axes[1, 0].set_ylabel("probability of $E$")
    return fig, axes


_SPINS = ListedColormap(["#e4e4e4", "#333333"])


def enumeration_cost(units: values("n"), seconds: values("n", above=0), *, give_up: count(), steps: count() = 1000):
    """Draw the measured time of a sum over all configurations, and where its straight line leads.

    Args:
        units: The numbers M of units that were measured, shape (n,).
        seconds: The time of one sum for each, in seconds, shape (n,).
        give_up: The number of units that the figure marks.
        steps: The number of sums that a training takes, for the second line.
    """
    units, seconds = array(units), array(seconds)
    # One factor of two a unit; the last points fix the height, where the constant costs of the first no longer count.
    height = np.median(np.log2(seconds[-4:]) - units[-4:])
    far = np.linspace(units.min(), 75, 100)
    fig, ax = plt.subplots(figsize=(6.8, 4.4))
    ax.plot(far, 2 ** (height + far), color=CYCLE[0], ls="--", label=r"one sum, $\propto 2^M$")
    ax.plot(far, steps * 2 ** (height + far), color=CYCLE[1], ls="-.", label=f"a training of {steps} sums")
    ax.plot(units, seconds, "o", color=CYCLE[0], ms=5, label="measured")
    for time, word in _TIMES.items():
        ax.axhline(time, color="#c8c8c8", lw=0.8, zorder=0)
        ax.text(64, time * 1.25, word, ha="right", va="bottom", fontsize=9, color=GREY)
    ax.axvline(give_up, color="black", lw=1.0, ls=":")
    one = 2 ** (height + give_up)
    ax.annotate(
        f"$M = {give_up}$: {_two_digits(one)} s a sum,\n{_two_digits(steps * one / 3600)} hours a training",
        (give_up, one),
        xytext=(give_up + 6, one / 1e3),
        arrowprops={"arrowstyle": "->", "color": "black"},
        fontsize=10,
    )
    ax.set(xlabel="number of binary units $M$", ylabel="time in seconds", yscale="log", xlim=(units.min() - 1, 76))
    ax.set_ylim(seconds.min() / 5, 1e21)
    ax.grid(False)
    fig.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return fig, ax


_TIMES = {1.0: "one second", 3600.0: "one hour", 3.156e7: "one year", 4.35e17: "age of the universe"}


def phases(
    position: values("n"),
    energies: values("stages n"),
    model: values("stages n", low=0),
    data: values("n", low=0),
    titles: words("stages"),
    magnified: values("stages", above=0),
):
    r"""Draw what one step of contrastive optimization does to an energy landscape.

    Above, the energy with an arrow at each place: down where the data have more probability than the model (the
    positive phase), up where the model has more (the negative phase); the length is the difference, which shrinks from
    stage to stage and is magnified by a factor that the title names. Below, both probabilities.

    Args:
        position: The places, shape (n,).
        energies: The energy at each place, a row a stage, shape (S, n), in nats.
        model: The probabilities of the model, shape (S, n).
        data: The probabilities of the data, shape (n,).
        titles: One for each stage.
        magnified: The factor by which the arrows of each stage are drawn longer, shape (S,).
    """
    position, energies, model, data, magnified = (array(a) for a in (position, energies, model, data, magnified))
    fig, axes = plt.subplots(2, len(titles), figsize=(7.6, 4.6), sharex=True, sharey="row", height_ratios=[1.6, 1])
    axes = axes.reshape(2, len(titles))
    longest = 0.35 * np.ptp(energies) / np.abs(data - model).max()
    width = 0.8 * (position[1] - position[0])
    for s, (above, below) in enumerate(axes.T):
        above.plot(position, energies[s], color="black", lw=1.4)
        push = magnified[s] * (model[s] - data)
        for sign, colour in ((-1, CYCLE[0]), (1, CYCLE[1])):
            chosen = sign * push > 0.02 * np.abs(data - model).max()
            above.quiver(
                position[chosen],
                energies[s][chosen],
                np.zeros(chosen.sum()),
                longest * push[chosen],
                color=colour,
                angles="xy",
                scale_units="xy",
                scale=1,
                width=0.009,
                headwidth=3.2,
                headlength=4,
                headaxislength=3.6,
            )
        above.set_title(titles[s] if magnified[s] == 1 else rf"{titles[s]}, arrows $\times\,{magnified[s]:.0f}$")
        below.bar(position, data, width=width, color=CYCLE[4], label="data")
        below.plot(position, model[s], color=CYCLE[1], label="model")
        below.set_xlabel("$x$")
    above_all = axes[0, 0]
    above_all.plot([], [], marker="v", ls="", color=CYCLE[0], label="positive phase stronger: down")
    above_all.plot([], [], marker="^", ls="", color=CYCLE[1], label="negative phase stronger: up")
    handles, words = above_all.get_legend_handles_labels()
    fig.legend(handles, words, loc="outside upper center", ncols=2)
    above_all.set_ylabel("energy $E(x)$ in nats")
    axes[1, 0].set_ylabel("probability")
    axes[1, 0].legend(loc="upper right", handlelength=1.2)
    low, high = energies.min(), energies.max()
    above_all.set_ylim(low - 0.3 * (high - low), high + 0.3 * (high - low))
    return fig, axes


def landscape(
    x: values("n"),
    y: values("m"),
    values: values("m n"),
    *,
    xlabel: text,
    ylabel: text,
    label: text,
    marks: named(values("2")) | None = None,
):
    """Draw the level lines of a function of two parameters.

    Args:
        x: Horizontal positions, shape (n,).
        y: Vertical positions, shape (m,).
        values: The function, shape (m, n).
        xlabel: What the horizontal axis shows.
        ylabel: What the vertical axis shows.
        label: What the colour shows, with its unit.
        marks: A dictionary {word: (x, y)} of points to name.
    """
    x, y, values = array(x), array(y), array(values)
    fig, ax = plt.subplots(figsize=(5.4, 3.5))
    filled = ax.contourf(x, y, values, levels=14, cmap="cividis")
    ax.contour(x, y, values, levels=filled.levels, colors="white", linewidths=0.4)
    fig.colorbar(filled, ax=ax, label=label)
    for word, (a, b) in (marks or {}).items():
        ax.plot(a, b, "o", color="white", mec="black", ms=7)
        ax.annotate(
            word,
            (a, b),
            xytext=(9, 7),
            textcoords="offset points",
            bbox={"boxstyle": "round,pad=0.2", "fc": "white", "ec": "none", "alpha": 0.85},
            fontsize=10,
        )
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.grid(False)
    return fig, ax


def recovery(
    temperatures: values("n", above=0),
    couplings: named(values("n pairs")),
    error: values("n", above=0),
    *,
    true: number() = 1.0,
    bottom: number() = 0.7,
    top: number() = 1.5,
):
    """Draw couplings that were recovered from samples, at several temperatures and by several methods.

    Args:
        temperatures: Shape (n,), in units of J.
        couplings: A dictionary {method: couplings of shape (n, P)}, in units of J.
        error: The standard error that the number of samples allows, shape (n,): the shaded bars.
        true: The true coupling.
        bottom: Where the axis begins.
        top: Where the axis ends. Couplings above are drawn as arrows at the edge, with their mean.
    """
    temperatures, error = array(temperatures), array(error)
    fig, ax = plt.subplots(figsize=(7.4, 4.4))
    place, m = np.arange(len(temperatures)), len(couplings)
    ax.axhline(true, color="black", lw=1)
    ax.bar(place, 4 * error, 0.86, bottom=true - 2 * error, color="#dcdcdc", label="true value, two standard errors")
    for k, (method, found) in enumerate(couplings.items()):
        found = array(found)
        shift, colour = 0.8 * ((k + 0.5) / m - 0.5), CYCLE[k % len(CYCLE)]
        spread = np.linspace(-0.25, 0.25, found.shape[1]) / m
        x, y = np.broadcast_to((place + shift)[:, None] + spread, found.shape), found
        inside = y <= top
        ax.plot(x[inside], y[inside], MARKERS[k % len(MARKERS)], ms=2.6, color=colour)
        ax.plot([], [], MARKERS[k % len(MARKERS)], ms=5, color=colour, label=method)
        for i in np.flatnonzero(~inside.all(1)):
            ax.annotate(
                f"{_two_digits(found[i].mean())}",
                (place[i] + shift, top),
                xytext=(0, -24),
                textcoords="offset points",
                ha="center",
                color=colour,
                fontsize=9,
                arrowprops={"arrowstyle": "->", "color": colour},
            )
    ax.set_xticks(place, [f"{t:.3g}" for t in temperatures])
    ax.set(xlabel="temperature $T$ of the data, in units of $J$", ylabel="recovered $J_{ij}$", ylim=(bottom, top))
    ax.grid(False)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.24), ncols=2)
    return fig, ax


def model_map():
    """Draw the map of deep generative models: what each of the five families makes tractable."""
    fig, ax = plt.subplots(figsize=(8.2, 6.4))
    ax.set(xlim=(0, 101), ylim=(0, 79))
    ax.set_axis_off()
    for x, word in zip(
        _COLUMNS, ("log-probability\nof a given $x$", "drawing\na sample", "hidden variables\nfor a given $x$")
    ):
        ax.text(x, 75.5, word, ha="center", va="center", fontsize=10.5, weight="bold")
    for row, (name, note, draw, cells) in enumerate(_FAMILIES):
        y = 65 - 13.5 * row
        ax.text(0, y + 1.9, name, ha="left", va="center", fontsize=11, weight="bold")
        ax.text(0, y - 2.1, note, ha="left", va="center", fontsize=9.5, color=GREY)
        draw(ax, y)
        for x, (word, kind) in zip(_COLUMNS, cells):
            _cell(ax, x, y, 16, 9.8, kind)
            ax.text(x, y, word, ha="center", va="center", fontsize=9.5, linespacing=1.25)
        if row:
            ax.plot([0, 100], [y + 6.75, y + 6.75], color="#d0d0d0", lw=0.7)
    for x, (kind, word) in zip(
        (22, 44, 72), (("exact", "cheap and exact"), ("approximate", "bounded or costly"), ("hard", "hard"))
    ):
        _cell(ax, x, 1.2, 3, 2.2, kind)
        ax.text(x + 3, 1.1, word, ha="left", va="center", fontsize=9.5)
    return fig, ax


_COLUMNS = (56, 74, 92)


def _cell(ax, x, y, width, height, kind):
    low = (x - width / 2, y - height / 2)
    style = "round,pad=0.1,rounding_size=0.8"
    ax.add_patch(FancyBboxPatch(low, width, height, boxstyle=style, fc=_KINDS[kind], ec="#808080", lw=0.7))


_KINDS = {"exact": "#cfe6f5", "approximate": "#fdf0c4", "hard": "#f6d3bf"}


def _node(ax, x, y, text, observed=False):
    ax.add_patch(Circle((x, y), 2.1, fc="#d9d9d9" if observed else "white", ec="black", lw=1.0, zorder=3))
    ax.text(x, y - 0.1, text, ha="center", va="center", fontsize=9.5, zorder=4)


def _arrow(ax, start, end, style="-|>", dashed=False, bend=0.0):
    arrow = FancyArrowPatch(
        start,
        end,
        arrowstyle=style,
        mutation_scale=9,
        lw=1.1,
        ls="--" if dashed else "-",
        color="black",
        shrinkA=13,
        shrinkB=13,
        connectionstyle=f"arc3,rad={bend}",
    )
    ax.add_patch(arrow)


def _draw_energy(ax, y):
    _arrow(ax, (29, y), (40, y), style="-")
    _node(ax, 29, y, "$h$")
    _node(ax, 40, y, "$x$", observed=True)


def _draw_vae(ax, y):
    _arrow(ax, (29, y), (40, y), bend=-0.35)
    _arrow(ax, (40, y), (29, y), dashed=True, bend=-0.35)
    _node(ax, 29, y, "$h$")
    _node(ax, 40, y, "$x$", observed=True)


def _draw_flow(ax, y):
    _arrow(ax, (29, y), (40, y), style="<|-|>")
    _node(ax, 29, y, "$h$")
    _node(ax, 40, y, "$x$", observed=True)


def _draw_gan(ax, y):
    _arrow(ax, (27, y), (34.5, y))
    _arrow(ax, (34.5, y), (42, y), dashed=True)
    _node(ax, 27, y, "$z$")
    _node(ax, 34.5, y, "$x$", observed=True)
    _node(ax, 42, y, "$d$")


def _draw_diffusion(ax, y):
    _arrow(ax, (27, y), (34.5, y), bend=-0.45)
    _arrow(ax, (34.5, y), (42, y), bend=-0.45)
    _arrow(ax, (42, y), (34.5, y), dashed=True, bend=-0.45)
    _arrow(ax, (34.5, y), (27, y), dashed=True, bend=-0.45)
    _node(ax, 27, y, "$x_T$")
    _node(ax, 34.5, y, "$x_t$")
    _node(ax, 42, y, "$x$", observed=True)


_FAMILIES = [
    (
        "Energy models",
        "Boltzmann machines",
        _draw_energy,
        [
            ("up to the\nconstant $\\log Z$", "hard"),
            ("a Markov chain,\nmany steps", "hard"),
            ("exact if\nrestricted", "exact"),
        ],
    ),
    (
        "Variational",
        "autoencoders",
        _draw_vae,
        [("a lower bound", "approximate"), ("one pass", "exact"), ("approximate:\nthe encoder", "approximate")],
    ),
    (
        "Flows",
        "invertible networks",
        _draw_flow,
        [("exact", "exact"), ("one pass", "exact"), ("exact:\nthe inverse", "exact")],
    ),
    (
        "Adversarial",
        "networks (GAN)",
        _draw_gan,
        [("not available", "hard"), ("one pass", "exact"), ("not available", "hard")],
    ),
    (
        "Diffusion",
        "models",
        _draw_diffusion,
        [("a lower bound", "approximate"), ("$T$ passes", "approximate"), ("known:\nadded noise", "exact")],
    ),
]


def _two_digits(value):
    """A number in words of two digits, without an exponent for the sizes that a figure names."""
    return f"{value:.2g}" if value < 100 else f"{round(value, -math.floor(math.log10(value)) + 1):.0f}"


doors(globals())
