r"""The figures that only the chapter on diffusion models draws, in the style of ``genphys.figures.common``."""

import matplotlib.pyplot as plt
import numpy as np

from genphys.figures.common import COLOURS, lines

__all__ = ["books", "clouds", "panels", "schedules", "score_fields", "spacetime"]


def panels(n, width=7.6, height=3.3):
    """An empty figure with axes side by side.

    Args:
        n: Their number, at least 1.
        width: The width of the figure in inches.
        height: Its height in inches.

    Returns:
        The figure and an array of the axes, shape (n,).

    Raises:
        ValueError: ``n`` is below 1.
    """
    if n < 1:
        raise ValueError(f"n is {n}, takes an integer of at least 1")
    fig, axes = plt.subplots(1, n, figsize=(width, height), squeeze=False)
    return fig, axes[0]


def schedules(found):
    r"""Draw what is left of the signal, and the time of the Ornstein-Uhlenbeck process, against t/T.

    Args:
        found: A dictionary {name: (:math:`\bar\alpha_t`, :math:`u_t`)}, each of shape (T + 1,) with its own T.

    Returns:
        The figure and its two axes.

    Raises:
        ValueError: There is no schedule, or the two arrays of one have different lengths.
    """
    if not found:
        raise ValueError("found is empty, takes at least one {name: (alpha_bar, time)}")
    fig, (left, right) = panels(2)
    dashes = ["-", "--", "-.", ":"]
    for k, (name, pair) in enumerate(found.items()):
        alpha_bar, time = (np.asarray(part) for part in pair)
        if alpha_bar.shape != time.shape or alpha_bar.ndim != 1:
            raise ValueError(f"{name!r} has shapes {alpha_bar.shape} and {time.shape}, takes (T + 1,) twice")
        part = np.linspace(0, 1, len(time))
        style = {"color": list(COLOURS.values())[k % 7], "ls": dashes[k % 4]}
        left.plot(part, alpha_bar, label=name, **style)
        right.plot(part, time, **style)
    left.set(xlabel="$t/T$", ylabel=r"signal variance $\bar\alpha_t$", ylim=(-0.02, 1.02))
    right.set(xlabel="$t/T$", ylabel="time $u_t$", ylim=(0, 6))
    fig.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig, (left, right)


def spacetime(times, places, density, path_times, paths):
    """Draw a density that changes in time as a map, and paths of single particles over it.

    Args:
        times: Shape (n,).
        places: Shape (m,).
        density: Shape (n, m).
        path_times: The times of the points of the paths, shape (k,).
        paths: Shape (particles, k).

    Returns:
        The figure and the axes.

    Raises:
        ValueError: The shapes do not fit.
    """
    times, places, density, path_times, paths = (np.asarray(a) for a in (times, places, density, path_times, paths))
    if density.shape != (len(times), len(places)) or paths.shape[1:] != path_times.shape:
        raise ValueError(
            f"density and paths have shapes {density.shape} and {paths.shape}, "
            f"take ({len(times)}, {len(places)}) and (particles, {len(path_times)})"
        )
    fig, ax = plt.subplots(figsize=(7.0, 3.8))
    picture = ax.pcolormesh(times, places, density.T, cmap="Blues", shading="gouraud", rasterized=True)
    fig.colorbar(picture, ax=ax, label="density $p_u(x)$")
    shown = path_times <= times[-1]
    for path in paths:
        ax.plot(path_times[shown], path[shown], color="black", lw=0.5, alpha=0.75)
    ax.set(xlabel="time $u$", ylabel="$x$", xlim=(times[0], times[-1]), ylim=(places[0], places[-1]))
    ax.grid(False)
    return fig, ax


def books(times, divergence, bound, system, bath):
    """Draw the divergence from equilibrium with its bound, and the entropies gained.

    Args:
        times: Shape (n,).
        divergence: In nats, shape (n,).
        bound: The upper bound of it, shape (n,).
        system: The entropy that the system has gained, in nats, shape (n,).
        bath: The entropy that the bath has gained.

    Returns:
        The figure and its two axes.
    """
    fig, (left, right) = panels(2)
    labels = {"divergence": divergence, "bound $e^{-2u}$": bound}
    lines(times, labels, xlabel="time $u$", ylabel=r"$\mathrm{KL}(p_u\Vert\pi)$ in nats", yscale="log", axes=left)
    system, bath = np.asarray(system), np.asarray(bath)
    gained = {"system": system, "bath": bath, "together": system + bath}
    lines(times, gained, xlabel="time $u$", ylabel="entropy gained in nats", axes=right)
    return fig, (left, right)


def score_fields(places, fields, densities, titles):
    """Draw rows of vector fields over the densities to which they belong.

    Args:
        places: Points of the plane, shape (n, n, 2), the first coordinate along the second axis.
        fields: A dictionary {name: vectors of shape (columns, n, n, 2)}, a row of panels each.
        densities: Shape (columns, m, m), on a lattice over the same square.
        titles: A title for each column.

    Returns:
        The figure and an array of axes, shape (rows, columns).

    Raises:
        ValueError: The shapes do not fit.
    """
    places, densities = np.asarray(places), np.asarray(densities)
    wanted, m = (len(titles), *places.shape), densities.shape[-1]
    if densities.shape != (len(titles), m, m) or any(np.asarray(field).shape != wanted for field in fields.values()):
        shapes = ", ".join(str(np.asarray(field).shape) for field in fields.values())
        raise ValueError(
            f"fields and densities have shapes {shapes} and {densities.shape}, take {wanted} and ({len(titles)}, m, m)"
        )
    fig, axes = plt.subplots(
        len(fields),
        len(titles),
        figsize=(2.5 * len(titles), 2.5 * len(fields) + 0.2),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    lengths = [np.linalg.norm(np.asarray(next(iter(fields.values())))[k], axis=-1).max() for k in range(len(titles))]
    spacing = places[0, 1, 0] - places[0, 0, 0]
    axis = np.linspace(places[0, 0, 0], places[0, -1, 0], m)
    for row, (name, field) in zip(axes, fields.items(), strict=True):
        row[0].set_ylabel(name)
        for k, ax in enumerate(row):
            ax.contourf(axis, axis, densities[k], levels=12, cmap="Blues", alpha=0.8)
            arrows = np.asarray(field)[k] / lengths[k] * 2.2 * spacing
            ax.quiver(
                places[..., 0],
                places[..., 1],
                arrows[..., 0],
                arrows[..., 1],
                angles="xy",
                scale_units="xy",
                scale=1,
                width=0.006,
                headwidth=4,
                color="black",
            )
            ax.set(xticks=[-2, 0, 2], yticks=[-2, 0, 2], aspect="equal")
            ax.grid(False)
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(title)
    return fig, axes


def clouds(sets, limit, *, columns=4):
    """Draw sets of points in the plane side by side.

    Args:
        sets: A dictionary {title: points of shape (n, 2)}.
        limit: Half the side of the square that is shown.
        columns: How many stand in a row.

    Returns:
        The figure and a list of the axes.

    Raises:
        ValueError: A set is not of shape (n, 2).
    """
    columns = min(columns, len(sets))
    rows = -(-len(sets) // columns)
    fig, axes = plt.subplots(
        rows, columns, figsize=(2.1 * columns, 2.6 * rows), sharex=True, sharey=True, squeeze=False
    )
    for ax, (title, points) in zip(axes.flat, sets.items(), strict=False):
        points = np.asarray(points)
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(f"{title!r} has shape {points.shape}, takes (n, 2)")
        ax.plot(points[:, 0], points[:, 1], ".", ms=2, alpha=0.5, color=COLOURS["blue"], rasterized=True)
        ax.set(title=title, xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    for ax in axes.flat[len(sets) :]:
        ax.set_axis_off()
    return fig, list(axes.flat)
