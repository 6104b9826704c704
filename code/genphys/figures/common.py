r"""The figures of the book: one style, and a function for each kind of picture.

Every function takes data (tensors, arrays or lists), draws, and returns the figure and its axes; none computes anything
but what the drawing needs, and none knows a model. :func:`style` is called once, in the first cell of a chapter. Curves
differ in colour and in dash or marker, so that a picture survives a black-and-white printer. The colours are those of
Okabe and Ito (*Color Universal Design*, 2008), which are told apart by readers with any common colour blindness.
"""

import math

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

__all__ = [
    "COLOURS",
    "bracket",
    "chains_over_time",
    "enumeration_cost",
    "image_grid",
    "landscape",
    "lines",
    "model_map",
    "observables",
    "phases",
    "recovery",
    "style",
    "work_histograms",
]

COLOURS = {
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "orange": "#E69F00",
    "black": "#000000",
}
_CYCLE = list(COLOURS.values())
_DASHES = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 1))]
_MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
_GREY = "#5a5a5a"


def style():
    """Set the look of all figures that follow, and sharp pictures where a notebook draws them.

    A white ground is part of the style: the figures are read in dark mode as well, where a transparent one would put
    black letters on black.
    """
    mpl.rcParams.update(
        {
            "figure.figsize": (6.4, 3.8),
            "figure.dpi": 100,
            "figure.facecolor": "white",
            "figure.constrained_layout.use": True,
            "savefig.facecolor": "white",
            "axes.facecolor": "white",
            "axes.prop_cycle": mpl.cycler(color=_CYCLE),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#e3e3e3",
            "grid.linewidth": 0.7,
            "font.family": "sans-serif",
            "font.size": 11,
            "axes.titlesize": 11,
            "axes.labelsize": 11,
            "legend.fontsize": 10,
            "xtick.labelsize": 10,
            "ytick.labelsize": 10,
            "legend.frameon": False,
            "lines.linewidth": 1.8,
            "image.cmap": "Greys",
            "mathtext.fontset": "dejavusans",
        }
    )
    try:
        from IPython import get_ipython
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ImportError:
        return
    if hasattr(get_ipython(), "kernel"):
        set_matplotlib_formats("retina")


def lines(x, curves, *, xlabel, ylabel, xscale="linear", yscale="linear", markers=False, title=None, axes=None):
    """Draw one curve for each entry of a dictionary.

    Args:
        x: The abscissae, shape (n,), common to all curves.
        curves: A dictionary {label: ordinates of shape (n,)}.
        xlabel: What the horizontal axis shows, with its unit.
        ylabel: What the vertical axis shows, with its unit.
        xscale: ``"linear"`` or ``"log"``.
        yscale: ``"linear"`` or ``"log"``.
        markers: Whether the points are marked.
        title: A title over the axes.
        axes: Axes to draw into; new ones if None.

    Returns:
        The figure and the axes.

    Raises:
        ValueError: There is no curve, or a curve has not the shape of ``x``.
    """
    if not curves:
        raise ValueError("curves is empty, takes at least one {label: ordinates}")
    x = _array(x)
    fig, ax = (axes.figure, axes) if axes is not None else plt.subplots()
    for k, (label, y) in enumerate(curves.items()):
        y = _array(y)
        if y.shape != x.shape:
            raise ValueError(f"curve {label!r} has shape {y.shape}, takes that of x, {x.shape}")
        marker = _MARKERS[k % len(_MARKERS)] if markers else None
        ax.plot(x, y, color=_CYCLE[k % len(_CYCLE)], ls=_DASHES[k % len(_DASHES)], marker=marker, ms=4.5, label=label)
    ax.set(xlabel=xlabel, ylabel=ylabel, xscale=xscale, yscale=yscale)
    if title:
        ax.set_title(title)
    if len(curves) > 1:
        ax.legend()
    return fig, ax


def image_grid(images, columns=10, labels=None, vmin=0.0, vmax=1.0):
    """Draw square images side by side, black on white.

    Args:
        images: Shape (n, side * side) or (n, side, side).
        columns: How many stand in a row.
        labels: A word beside each row of images, or None.
        vmin: The value drawn white.
        vmax: The value drawn black.

    Returns:
        The figure and an array of axes, shape (rows, columns); axes without an image are hidden.

    Raises:
        ValueError: The images are not square, or there are not as many labels as rows.
    """
    images = _array(images)
    side = math.isqrt(images.shape[1]) if images.ndim == 2 else images.shape[1] if images.ndim == 3 else 0
    if not len(images) or side == 0 or images[0].size != side * side:
        raise ValueError(f"images has shape {images.shape}, takes (n, side * side) or (n, side, side)")
    rows = -(-len(images) // columns)
    if labels is not None and len(labels) != rows:
        raise ValueError(f"labels has {len(labels)} entries, takes one for each of the {rows} rows")
    fig, axes = plt.subplots(
        rows, columns, figsize=(0.7 * columns + (1.2 if labels else 0), 0.72 * rows), squeeze=False
    )
    for k, ax in enumerate(axes.flat):
        ax.grid(False)
        ax.set(xticks=[], yticks=[])
        if k >= len(images):
            ax.set_axis_off()
            continue
        ax.imshow(images[k].reshape(side, side), vmin=vmin, vmax=vmax, interpolation="nearest")
        ax.spines[:].set(visible=True, color="#b0b0b0", linewidth=0.6)
    for ax, word in zip(axes[:, 0], labels or [], strict=False):
        ax.set_ylabel(word, rotation=0, ha="right", va="center")
    return fig, axes


def enumeration_cost(units, seconds, *, give_up, steps=1000):
    """Draw the measured time of a sum over all configurations, and where its straight line leads.

    Args:
        units: The numbers M of units that were measured, shape (n,).
        seconds: The time of one sum for each, in seconds, shape (n,).
        give_up: The number of units that the figure marks.
        steps: The number of sums that a training takes, for the second line.

    Returns:
        The figure and the axes.

    Raises:
        ValueError: The shapes differ or a time is not positive.
    """
    units, seconds = _array(units), _array(seconds)
    if units.shape != seconds.shape or units.ndim != 1 or not (seconds > 0).all():
        raise ValueError(
            f"seconds has shape {seconds.shape}, takes positive times of the shape of units, {units.shape}"
        )
    # One factor of two a unit; the last points fix the height, where the constant costs of the first no longer count.
    height = np.median(np.log2(seconds[-4:]) - units[-4:])
    far = np.linspace(units.min(), 68, 100)
    fig, ax = plt.subplots(figsize=(6.8, 4.4))
    ax.plot(far, 2 ** (height + far), color=_CYCLE[0], ls="--", label=r"one sum, $\propto 2^M$")
    ax.plot(far, steps * 2 ** (height + far), color=_CYCLE[1], ls="-.", label=f"a training of {steps} sums")
    ax.plot(units, seconds, "o", color=_CYCLE[0], ms=5, label="measured")
    for time, word in _TIMES.items():
        ax.axhline(time, color="#c8c8c8", lw=0.8, zorder=0)
        ax.text(68, time * 1.25, word, ha="right", va="bottom", fontsize=9, color=_GREY)
    ax.axvline(give_up, color="black", lw=1.0, ls=":")
    one = 2 ** (height + give_up)
    ax.annotate(
        f"$M = {give_up}$: {_two_digits(one)} s a sum,\n{_two_digits(steps * one / 3600)} hours a training",
        (give_up, one),
        xytext=(give_up + 6, one / 1e3),
        arrowprops={"arrowstyle": "->", "color": "black"},
        fontsize=10,
    )
    ax.set(xlabel="number of binary units $M$", ylabel="time in seconds", yscale="log", xlim=(units.min() - 1, 69))
    ax.set_ylim(seconds.min() / 5, 1e21)
    ax.grid(False)
    ax.legend(loc="upper left")
    return fig, ax


_TIMES = {1.0: "one second", 3600.0: "one hour", 3.156e7: "one year", 4.35e17: "age of the universe"}


def phases(position, energies, model, data, titles):
    r"""Draw what one step of contrastive optimization does to an energy landscape.

    Above, the energy with an arrow at each place: down where the data have more probability than the model (the
    positive phase), up where the model has more (the negative phase); the length is the difference. Below, both
    probabilities.

    Args:
        position: The places, shape (n,).
        energies: The energy at each place, a row a stage, shape (S, n), in nats.
        model: The probabilities of the model, shape (S, n).
        data: The probabilities of the data, shape (n,).
        titles: One for each stage.

    Returns:
        The figure and an array of axes, shape (2, S).

    Raises:
        ValueError: The shapes do not fit.
    """
    position, energies, model, data = (_array(a) for a in (position, energies, model, data))
    if energies.shape != model.shape or energies.shape != (len(titles), len(position)) or data.shape != position.shape:
        raise ValueError(
            f"energies, model and data have shapes {energies.shape}, {model.shape} and {data.shape}, "
            f"take ({len(titles)}, {len(position)}) twice and ({len(position)},)"
        )
    fig, axes = plt.subplots(2, len(titles), figsize=(7.6, 4.6), sharex=True, sharey="row", height_ratios=[1.6, 1])
    axes = axes.reshape(2, len(titles))
    longest = 0.35 * np.ptp(energies) / np.abs(data - model).max()
    width = 0.8 * (position[1] - position[0])
    for s, (above, below) in enumerate(axes.T):
        above.plot(position, energies[s], color="black", lw=1.4)
        push = model[s] - data
        for sign, colour in ((-1, _CYCLE[0]), (1, _CYCLE[1])):
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
        above.set_title(titles[s])
        below.bar(position, data, width=width, color=_CYCLE[4], label="data")
        below.plot(position, model[s], color=_CYCLE[1], label="model")
        below.set_xlabel("$x$")
    above_all = axes[0, 0]
    above_all.plot([], [], marker="v", ls="", color=_CYCLE[0], label="positive phase stronger: down")
    above_all.plot([], [], marker="^", ls="", color=_CYCLE[1], label="negative phase stronger: up")
    handles, words = above_all.get_legend_handles_labels()
    fig.legend(handles, words, loc="outside upper center", ncols=2)
    above_all.set_ylabel("energy $E(x)$ in nats")
    axes[1, 0].set_ylabel("probability")
    axes[1, 0].legend(loc="upper right", handlelength=1.2)
    low, high = energies.min(), energies.max()
    above_all.set_ylim(low - 0.3 * (high - low), high + 0.3 * (high - low))
    return fig, axes


def landscape(x, y, values, *, xlabel, ylabel, label, marks=None):
    """Draw the level lines of a function of two parameters.

    Args:
        x: Horizontal positions, shape (n,).
        y: Vertical positions, shape (m,).
        values: The function, shape (m, n).
        xlabel: What the horizontal axis shows.
        ylabel: What the vertical axis shows.
        label: What the colour shows, with its unit.
        marks: A dictionary {word: (x, y)} of points to name.

    Returns:
        The figure and the axes.

    Raises:
        ValueError: ``values`` has not the shape (m, n).
    """
    x, y, values = _array(x), _array(y), _array(values)
    if values.shape != (len(y), len(x)):
        raise ValueError(f"values has shape {values.shape}, takes (len(y), len(x)) = {(len(y), len(x))}")
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


def recovery(temperatures, couplings, error, *, true=1.0, bottom=0.7, top=1.5):
    """Draw couplings that were recovered from samples, at several temperatures and by several methods.

    Args:
        temperatures: Shape (n,), in units of J.
        couplings: A dictionary {method: couplings of shape (n, P)}, in units of J.
        error: The standard error that the number of samples allows, shape (n,): the shaded bars.
        true: The true coupling.
        bottom: Where the axis begins.
        top: Where the axis ends. Couplings above are drawn as arrows at the edge, with their mean.

    Returns:
        The figure and the axes.

    Raises:
        ValueError: The shapes do not fit.
    """
    temperatures, error = _array(temperatures), _array(error)
    fig, ax = plt.subplots(figsize=(7.4, 4.4))
    place, m = np.arange(len(temperatures)), len(couplings)
    ax.axhline(true, color="black", lw=1)
    ax.bar(place, 4 * error, 0.86, bottom=true - 2 * error, color="#dcdcdc", label="true value, two standard errors")
    for k, (method, found) in enumerate(couplings.items()):
        found = _array(found)
        if found.ndim != 2 or len(found) != len(temperatures):
            raise ValueError(f"couplings {method!r} has shape {found.shape}, takes ({len(temperatures)}, P)")
        shift, colour = 0.8 * ((k + 0.5) / m - 0.5), _CYCLE[k % len(_CYCLE)]
        spread = np.linspace(-0.25, 0.25, found.shape[1]) / m
        x, y = np.broadcast_to((place + shift)[:, None] + spread, found.shape), found
        inside = y <= top
        ax.plot(x[inside], y[inside], _MARKERS[k % len(_MARKERS)], ms=2.6, color=colour)
        ax.plot([], [], _MARKERS[k % len(_MARKERS)], ms=5, color=colour, label=method)
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
    """Draw the map of deep generative models: what each of the five families makes tractable.

    Returns:
        The figure and the axes.
    """
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
        ax.text(0, y - 2.1, note, ha="left", va="center", fontsize=9.5, color=_GREY)
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


def _array(values):
    """A NumPy array of a tensor, array or list."""
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)


def _two_digits(value):
    """A number in words of two digits, without an exponent for the sizes that a figure names."""
    return f"{value:.2g}" if value < 100 else f"{round(value, -math.floor(math.log10(value)) + 1):.0f}"


def bracket(forward, reverse, exact):
    """Draw estimates of log Z against the number of temperatures, from both ends of the path.

    Args:
        forward: Annealing from independent units to the model: the numbers of temperatures, the estimates and their
            standard errors in nats, three sequences of one length.
        reverse: The same from exact samples back.
        exact: The exact log Z, in nats.

    Returns:
        The figure and the axes.
    """
    fig, ax = plt.subplots()
    ax.axhline(float(exact), color="black", lw=1.2, label=r"exact $\log Z$")
    for k, (word, (temperatures, values, error)) in enumerate(
        {"forward (AIS)": forward, "reverse, from exact samples": reverse}.items()
    ):
        place = _array(temperatures) * (0.97, 1.03)[k]
        bars = {"color": _CYCLE[k], "marker": _MARKERS[k], "ms": 5, "ls": _DASHES[k], "capsize": 3}
        ax.errorbar(place, _array(values), yerr=2 * _array(error), label=word, **bars)
    ax.set(xscale="log", xlabel="number of temperatures $R$", ylabel=r"$\log Z$ in nats (bars: two standard errors)")
    ax.legend()
    return fig, ax


def work_histograms(works, free_energy, titles):
    r"""Draw the distribution of the work of annealing runs, with its mean and the free-energy difference.

    Args:
        works: Samples of the work, each of shape (C,), in nats.
        free_energy: The free-energy difference, in nats.
        titles: One for each.

    Returns:
        The figure and an array of axes.
    """
    fig, axes = plt.subplots(1, len(works), figsize=(7.6, 2.9), sharey=True)
    for ax, work, title in zip(axes, works, titles, strict=True):
        work = _array(work)
        ax.hist(work, bins=20, density=True, color=_CYCLE[4])
        ax.axvline(work.mean(), color=_CYCLE[1], ls="--", label=r"mean work $\langle\mathcal{W}\rangle$")
        ax.axvline(float(free_energy), color="black", label=r"$-\log(Z/Z_0)$")
        ax.set(title=title, xlabel=r"work $\mathcal{W}$ in nats")
    axes[0].set_ylabel("density")
    handles, words = axes[0].get_legend_handles_labels()
    fig.legend(handles, words, loc="outside upper center", ncols=2)
    return fig, axes


def observables(names, exact, estimates, errors):
    """Draw estimates over exact values with error bars, a panel for each observable.

    Args:
        names: The names of the observables.
        exact: Their exact values, a row a system, shape (S, n).
        estimates: The estimates, a dictionary {method: shape (S, n)}.
        errors: Their standard errors, a dictionary of the same keys and shapes.

    Returns:
        The figure and an array of axes.
    """
    exact = _array(exact)
    fig, axes = plt.subplots(1, len(names), figsize=(7.8, 2.9))
    for i, (ax, name) in enumerate(zip(axes, names, strict=True)):
        for s, value in enumerate(exact[:, i]):
            label = "exact value" if s == 0 else None
            ax.plot([s - 0.35, s + 0.35], [value, value], color="black", lw=1.4, label=label)
        for k, (method, found) in enumerate(estimates.items()):
            place = np.arange(len(exact)) + 0.16 * (k - (len(estimates) - 1) / 2)
            bars = {"ls": "", "capsize": 3, "color": _CYCLE[k], "marker": _MARKERS[k], "ms": 5}
            ax.errorbar(place, _array(found)[:, i], yerr=2 * _array(errors[method])[:, i], label=method, **bars)
        ax.set(title=name)
        ax.margins(x=0.2, y=0.3)
    handles, words = axes[0].get_legend_handles_labels()
    fig.legend(handles, words, loc="outside upper center", ncols=len(words))
    return fig, axes


def chains_over_time(steps, panels, *, ylabel):
    """Draw a few Markov chains over time, a panel for each method.

    Args:
        steps: The step numbers, shape (n,).
        panels: A dictionary {title: series of shape (n, chains)}.
        ylabel: What the vertical axis shows.

    Returns:
        The figure and an array of axes.
    """
    fig, axes = plt.subplots(1, len(panels), figsize=(7.6, 3.0), sharey=True)
    for ax, (title, series) in zip(axes, panels.items(), strict=True):
        for k, chain in enumerate(_array(series).T):
            ax.plot(_array(steps), chain, color=_CYCLE[k % len(_CYCLE)], lw=1.1)
        ax.set(title=title, xlabel="steps")
    axes[0].set_ylabel(ylabel)
    return fig, axes
