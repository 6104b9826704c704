"""The figures that only the chapter on Boltzmann machines draws."""

import itertools

import matplotlib.pyplot as plt
import numpy as np

from genphys.arguments import count, doors, number, require
from genphys.figures.drawn import array, named, rows, text, values, words
from genphys.figures.style import CYCLE, DASHES, MARKERS

__all__ = [
    "bracket",
    "circulation",
    "corners",
    "distributions",
    "image_blocks",
    "observables",
    "two_machines",
    "work_histograms",
]


def bracket(
    temperatures: values("n", low=1), forward: values("n repeats"), reverse: values("n repeats"), exact: number()
):
    """Draw estimates of log Z against the number of temperatures, from both ends of the path, a point an estimate.

    Args:
        temperatures: The numbers of temperatures, shape (n,).
        forward: The estimates of annealing from independent units to the model, in nats, a row for each number.
        reverse: The same from exact samples back.
        exact: The exact log Z, in nats.
    """
    fig, ax = plt.subplots()
    ax.axhline(float(exact), color="black", lw=1.2, label=r"exact $\log Z$")
    for k, (word, found) in enumerate({"forward (AIS)": forward, "reverse, from exact samples": reverse}.items()):
        found = array(found)
        place = np.repeat(array(temperatures)[:, None] * (0.92, 1.08)[k], found.shape[1], 1)
        ax.plot(place, found, color=CYCLE[k], marker=MARKERS[k], ms=5, alpha=0.5, ls="")
        ax.plot(place[:, 0], found.mean(1), color=CYCLE[k], marker="_", ms=22, mew=2, ls="")
        ax.plot([], [], color=CYCLE[k], marker=MARKERS[k], ms=5, ls="", label=word)
    ax.set(xscale="log", xlabel="number of temperatures $R$", ylabel=r"$\log Z$ in nats (bars: means)")
    ax.set_xticks(array(temperatures), [f"{R:g}" for R in array(temperatures)])
    ax.minorticks_off()
    ax.legend()
    return fig, ax


def work_histograms(works: rows(values("chains"), "panels"), free_energy: number(), titles: words("panels")):
    r"""Draw the distribution of the work of annealing runs, with its mean and the free-energy difference.

    Args:
        works: Samples of the work, each of shape (C,), in nats.
        free_energy: The free-energy difference, in nats.
        titles: One for each.
    """
    fig, axes = plt.subplots(1, len(works), figsize=(7.6, 2.9), sharey=True)
    for ax, work, title in zip(axes, works, titles, strict=True):
        work = array(work)
        ax.hist(work, bins=20, density=True, color=CYCLE[4])
        ax.axvline(work.mean(), color=CYCLE[1], ls="--", label=r"mean work $\langle\mathcal{W}\rangle$")
        ax.axvline(float(free_energy), color="black", label=r"$-\log(Z/Z_0)$")
        ax.set(title=title, xlabel=r"work $\mathcal{W}$ in nats")
        ax.locator_params(axis="x", nbins=4)
    axes[0].set_ylabel("density")
    handles, words = axes[0].get_legend_handles_labels()
    fig.legend(handles, words, loc="outside upper center", ncols=2)
    return fig, axes


def observables(
    names: words("n"),
    exact: values("systems n"),
    estimates: named(values("systems n")),
    errors: named(values("systems n", low=0)),
):
    """Draw estimates over exact values with error bars, a panel for each observable.

    Args:
        names: The names of the observables.
        exact: Their exact values, a row a system, shape (S, n).
        estimates: The estimates, a dictionary {method: shape (S, n)}.
        errors: Their standard errors, a dictionary of the same keys and shapes.
    """
    require(estimates.keys() == errors.keys(), "errors", list(errors), f"the keys of estimates, {list(estimates)}")
    exact = array(exact)
    fig, axes = plt.subplots(1, len(names), figsize=(7.8, 2.9))
    for i, (ax, name) in enumerate(zip(axes, names, strict=True)):
        for s, value in enumerate(exact[:, i]):
            label = "exact value" if s == 0 else None
            ax.plot([s - 0.35, s + 0.35], [value, value], color="black", lw=1.4, label=label)
        for k, (method, found) in enumerate(estimates.items()):
            place = np.arange(len(exact)) + 0.16 * (k - (len(estimates) - 1) / 2)
            bars = {"ls": "", "capsize": 3, "color": CYCLE[k], "marker": MARKERS[k], "ms": 5}
            ax.errorbar(place, array(found)[:, i], yerr=2 * array(errors[method])[:, i], label=method, **bars)
        ax.set(title=name)
        ax.margins(x=0.2, y=0.3)
    handles, words = axes[0].get_legend_handles_labels()
    fig.legend(handles, words, loc="outside upper center", ncols=len(words))
    return fig, axes


def distributions(x: values("n"), exact: values("n", low=0), panels: named(values("_ n", low=0)), *, xlabel: text):
    """Draw the histograms of a few systems over the exact distribution, a panel for each method.

    Args:
        x: The values that are possible, shape (n,).
        exact: Their exact probabilities, shape (n,).
        panels: A dictionary {title: frequencies, a row a system}.
        xlabel: What x is.
    """
    x = array(x)
    fig, axes = plt.subplots(1, len(panels), figsize=(7.6, 3.0), sharey=True)
    for ax, (title, found) in zip(np.atleast_1d(axes), panels.items(), strict=True):
        ax.bar(x, array(exact), width=0.3 * (x[1] - x[0]), color="black", label="exact")
        for k, row in enumerate(array(found)):
            ax.plot(x, row, color=CYCLE[k], ls=DASHES[k], marker=MARKERS[k], ms=4, label=f"system {k + 1}")
        ax.set(title=title, xlabel=xlabel)
    np.atleast_1d(axes)[0].set_ylabel("frequency")
    np.atleast_1d(axes)[0].legend(loc="upper center")
    return fig, axes


def image_blocks(blocks: named(values("rows _ p")), labels: words("rows")):
    """Draw blocks of square images beside each other, a title over each block and a word before each row.

    Args:
        blocks: A dictionary {title: grey values in [0, 1], shape (rows, columns, side * side)}.
        labels: The words.
    """
    blocks = {title: array(images) for title, images in blocks.items()}
    columns = [images.shape[1] for images in blocks.values()]
    width = 0.62 * sum(columns) + 1.4
    fig, axes = plt.subplots(1, len(blocks), figsize=(width, 0.66 * len(labels) + 0.4), width_ratios=columns)
    for ax, (title, images) in zip(np.atleast_1d(axes), blocks.items(), strict=True):
        rows, n, pixels = images.shape
        side = round(pixels**0.5)
        sheet = np.pad(images.reshape(rows, n, side, side), [(0, 0), (0, 0), (1, 1), (1, 1)], constant_values=0.35)
        ax.imshow(sheet.transpose(0, 2, 1, 3).reshape(rows * (side + 2), -1), vmin=0, vmax=1, interpolation="none")
        ax.set(title=title, xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    first = np.atleast_1d(axes)[0]
    first.set_yticks((side + 2) * (np.arange(len(labels)) + 0.5), labels)
    first.tick_params(length=0)
    for ax in np.atleast_1d(axes):
        ax.grid(False)
    return fig, axes


def corners(
    side: values("n"),
    points: values("_ 2"),
    densities: named(values("n n", low=0)),
    centres: rows(values("_ 2"), "panels"),
    weights: rows(values("_", low=0), "panels"),
):
    """Draw densities in the plane, the data, and the centres of the mixtures with discs as large as their weights.

    Args:
        side: The coordinates of the grid, shape (n,), the same for both axes.
        points: The data, shape (N, 2).
        densities: A dictionary {title: density on the grid, shape (n, n)}.
        centres: The centres of each, shape (2**K, 2).
        weights: Their weights, shape (2**K,).
    """
    fig, axes = plt.subplots(1, len(densities), figsize=(8.2, 3.0), sharey=True, squeeze=False)
    for ax, (title, density), place, weight in zip(axes[0], densities.items(), centres, weights, strict=True):
        ax.contourf(array(side), array(side), array(density), levels=12, cmap="Greys", alpha=0.8)
        ax.plot(*array(points).T, ".", color=CYCLE[0], ms=3)
        ax.scatter(*array(place).T, s=200 * array(weight), color=CYCLE[1], alpha=0.8, lw=0)
        ax.set(title=title, xlabel="$x_1$", aspect="equal")
        ax.grid(False)
    axes[0, 0].set_ylabel("$x_2$")
    return fig, axes[0]


def circulation(
    u: values("n"),
    v: values("m"),
    field: values("m n 2"),
    curl: values("m n"),
    loop: values("k 2"),
    works: named(values("k")),
    *,
    names: words("2"),
):
    """Draw a vector field in a plane over its curl with a closed loop, and the work done along the loop.

    Args:
        u: The first coordinate, shape (n,).
        v: The second coordinate, shape (m,).
        field: The field at each point, shape (m, n, 2); every second arrow is drawn.
        curl: Its curl, shape (m, n).
        loop: The points of the loop, in order, shape (k, 2).
        works: A dictionary {field: the work up to each point of the loop, shape (k,)}.
        names: What the two coordinates are.
    """
    u, v, field, curl, loop = (array(given) for given in (u, v, field, curl, loop))
    fig, (plane, path) = plt.subplots(1, 2, figsize=(8.2, 3.6))
    bound = 1.8 * abs(curl).max()  # pale, under the arrows
    image = plane.pcolormesh(u, v, curl, cmap="RdBu_r", vmin=-bound, vmax=bound, shading="gouraud")
    fig.colorbar(image, ax=plane).ax.set_title("curl", fontsize=10)
    plane.quiver(u[::2], v[::2], *np.moveaxis(field[::2, ::2], 2, 0), width=0.004)
    plane.plot(*np.append(loop, loop[:1], 0).T, color="black", lw=1.6)
    plane.plot(*loop[0], "o", color="black", ms=6)
    plane.set(xlabel=names[0], ylabel=names[1], aspect="equal")
    plane.grid(False)
    for k, (name, work) in enumerate(works.items()):
        work = array(work)
        around = np.linspace(0, 1, len(work) + 1)
        path.plot(around, np.append(0.0, work), color=CYCLE[k], ls=DASHES[k], label=name)
    path.axhline(0, color="black", lw=0.8)
    path.set(xlabel="fraction of the way around the circle", ylabel="work in nats")
    path.legend()
    return fig, (plane, path)


def two_machines(*, visible: count(), hidden: count()):
    """Draw the graph of a general Boltzmann machine beside that of a restricted one.

    Args:
        visible: The number of visible units, which are drawn below.
        hidden: The number of hidden units, which are drawn above.
    """
    places = [(i - (visible - 1) / 2, 0.0) for i in range(visible)]
    places += [(j - (hidden - 1) / 2, 1.4) for j in range(hidden)]
    words = [f"$x_{i + 1}$" for i in range(visible)] + [f"$h_{j + 1}$" for j in range(hidden)]
    fig, axes = plt.subplots(1, 2, figsize=(7.4, 2.8))
    for ax, restricted, title in zip(axes, (False, True), ("general", "restricted"), strict=True):
        for m, n in itertools.combinations(range(visible + hidden), 2):
            across = m < visible <= n
            if across or not restricted:
                # a line inside a layer is bent, so that it does not run through the units between its ends
                (x0, y0), (x1, y1) = places[m], places[n]
                s = np.linspace(0, 1, 30)
                bend = 0.0 if across else 0.7 * (x1 - x0) * s * (1 - s) * (1 if n >= visible and m >= visible else -1)
                colour = CYCLE[0] if across else CYCLE[1]
                ax.plot(x0 + s * (x1 - x0), y0 + s * (y1 - y0) + bend, color=colour, lw=1.3, ls="-" if across else "--")
        for k, ((x, y), word) in enumerate(zip(places, words, strict=True)):
            face = "#d9d9d9" if k < visible else "white"  # what is observed is filled, as in `energy_models.model_map`
            ax.plot(x, y, "o", ms=25, mfc=face, mec="black", zorder=3)
            ax.text(x, y, word, ha="center", va="center", zorder=4, color="black")
        ax.set(title=title, xlim=(-visible / 2 - 0.2, visible / 2 + 0.2), ylim=(-0.75, 2.0))
        ax.set_axis_off()
    return fig, axes


doors(globals())
