"""The figures that only the chapter on diffusion models draws."""

import matplotlib.pyplot as plt
import numpy as np

from genphys.arguments import count, doors, positive, require
from genphys.figures.common import lines, panels
from genphys.figures.drawn import array, named, rows, values, words
from genphys.figures.style import COLOURS, CYCLE, DASHES

__all__ = [
    "books",
    "clouds",
    "schedules",
    "score_fields",
    "spacetime",
]


def schedules(found: named(rows(values("_")))):
    r"""Draw what is left of the signal, and the time of the Ornstein-Uhlenbeck process, against t/T.

    Args:
        found: A dictionary {name: (:math:`\bar\alpha_t`, :math:`u_t`)}, each of shape (T + 1,) with its own T.
    """
    fig, (left, right) = panels(2)
    for k, (name, pair) in enumerate(found.items()):
        require(len(pair) == 2, "found", found, "{name: (alpha_bar, time)}")
        alpha_bar, time = map(array, pair)
        require(alpha_bar.shape == time.shape, "found", found, "two arrays of one length (T + 1,) for each name")
        part = np.linspace(0, 1, len(time))
        style = {"color": CYCLE[k % 7], "ls": DASHES[k % 7]}
        left.plot(part, alpha_bar, label=name, **style)
        right.plot(part, time, **style)
    left.set(xlabel="$t/T$", ylabel=r"signal variance $\bar\alpha_t$", ylim=(-0.02, 1.02))
    right.set(xlabel="$t/T$", ylabel="time $u_t$", ylim=(0, 6))
    fig.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig, (left, right)


def spacetime(
    times: values("n"),
    places: values("m"),
    density: values("n m", low=0),
    path_times: values("k"),
    paths: values("particles k"),
):
    """Draw a density that changes in time as a map, and paths of single particles over it.

    Args:
        times: Shape (n,).
        places: Shape (m,).
        density: Shape (n, m).
        path_times: The times of the points of the paths, shape (k,).
        paths: Shape (particles, k).
    """
    times, places, density, path_times, paths = map(array, (times, places, density, path_times, paths))
    fig, ax = plt.subplots(figsize=(7.0, 3.8))
    picture = ax.pcolormesh(times, places, density.T, cmap="Blues", shading="gouraud", rasterized=True)
    fig.colorbar(picture, ax=ax, label="density $p_u(x)$")
    shown = path_times <= times[-1]
    for path in paths:
        ax.plot(path_times[shown], path[shown], color="black", lw=0.5, alpha=0.75)
    ax.set(xlabel="time $u$", ylabel="$x$", xlim=(times[0], times[-1]), ylim=(places[0], places[-1]))
    ax.grid(False)
    return fig, ax


def books(times: values("n"), divergence: values("n"), bound: values("n"), system: values("n"), bath: values("n")):
    """Draw the divergence from equilibrium with its bound, and the entropies gained.

    Args:
        times: Shape (n,).
        divergence: In nats, shape (n,).
        bound: The upper bound of it, shape (n,).
        system: The entropy that the system has gained, in nats, shape (n,).
        bath: The entropy that the bath has gained.
    """
    fig, (left, right) = panels(2)
    labels = {"divergence": divergence, "bound $e^{-2u}$": bound}
    lines(times, labels, xlabel="time $u$", ylabel=r"$\mathrm{KL}(p_u\Vert\pi)$ in nats", yscale="log", axes=left)
    system, bath = array(system), array(bath)
    gained = {"system": system, "bath": bath, "together": system + bath}
    lines(times, gained, xlabel="time $u$", ylabel="entropy gained in nats", axes=right)
    return fig, (left, right)


def score_fields(
    places: values("n n 2"),
    fields: named(values("columns n n 2")),
    densities: values("columns m m", low=0),
    titles: words("columns"),
):
    """Draw vector fields over each other, in a panel for each density to which they belong.

    An arrow is as long as the root of the size of its vector, so that no arrow reaches the next one.

    Args:
        places: Points of the plane, shape (n, n, 2), the first coordinate along the second axis.
        fields: A dictionary {name: vectors of shape (columns, n, n, 2)}, a colour each; the first ones are drawn broad.
        densities: Shape (columns, m, m), on a lattice over the same square.
        titles: A title for each column.
    """
    places, densities = array(places), array(densities)
    m = densities.shape[-1]
    fig, axes = plt.subplots(1, len(titles), figsize=(2.85 * len(titles), 3.4), sharex=True, sharey=True, squeeze=False)
    lengths = [np.linalg.norm(array(next(iter(fields.values())))[k], axis=-1).max() for k in range(len(titles))]
    spacing = places[0, 1, 0] - places[0, 0, 0]
    axis = np.linspace(places[0, 0, 0], places[0, -1, 0], m)
    for k, ax in enumerate(axes[0]):
        ax.contour(axis, axis, densities[k], levels=5, colors="#a6a6a6", linewidths=0.8)
        for rank, (name, field) in enumerate(fields.items()):
            vectors = array(field)[k] / lengths[k]
            length = np.linalg.norm(vectors, axis=-1, keepdims=True)
            arrows = 0.95 * spacing * vectors / np.sqrt(np.maximum(length, 1e-12))  # as long as the root of their size
            ax.quiver(
                places[..., 0],
                places[..., 1],
                arrows[..., 0],
                arrows[..., 1],
                angles="xy",
                scale_units="xy",
                scale=1,
                width=0.016 if rank == 0 else 0.006,
                headwidth=3,
                color=CYCLE[rank],
                alpha=0.45 if rank == 0 else 1.0,
                label=name,
            )
        ax.set(xticks=[-2, 0, 2], yticks=[-2, 0, 2], aspect="equal", title=titles[k], xlabel="$x_1$")
        ax.grid(False)
    axes[0, 0].set_ylabel("$x_2$")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=len(fields))
    return fig, axes[0]


def clouds(sets: named(values("_ 2")), limit: positive, *, columns: count() = 4):
    """Draw sets of points in the plane side by side.

    Args:
        sets: A dictionary {title: points of shape (n, 2)}.
        limit: Half the side of the square that is shown.
        columns: How many stand in a row.
    """
    columns = min(columns, len(sets))
    rows = -(-len(sets) // columns)
    fig, axes = plt.subplots(
        rows, columns, figsize=(2.1 * columns, 2.6 * rows), sharex=True, sharey=True, squeeze=False
    )
    for ax, (title, points) in zip(axes.flat, sets.items(), strict=False):
        points = array(points)
        ax.plot(points[:, 0], points[:, 1], ".", ms=2, alpha=0.5, color=COLOURS["blue"], rasterized=True)
        ax.set(title=title, xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    for ax in axes.flat[len(sets) :]:
        ax.set_axis_off()
    return fig, list(axes.flat)


doors(globals())
