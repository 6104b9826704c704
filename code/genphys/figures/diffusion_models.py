"""The figures that only the chapter on diffusion models draws."""

import matplotlib.pyplot as plt
import numpy as np

from genphys.arguments import checked, count, positive, require
from genphys.figures.common import lines, panels
from genphys.figures.drawn import array, named, rows, values, words
from genphys.figures.style import COLOURS, CYCLE, DASHES

__all__ = [
    "books",
    "clouds",
    "comparison",
    "configurations",
    "identity_by_momentum",
    "schedules",
    "score_and_force",
    "score_fields",
    "spacetime",
]

_STYLES = (("black", "o", "-"), ("vermilion", "s", "--"), ("blue", "^", ":"), ("green", "D", "-."))


@checked
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


@checked
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


@checked
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


@checked
def score_fields(
    places: values("n n 2"),
    fields: named(values("columns n n 2")),
    densities: values("columns m m", low=0),
    titles: words("columns"),
):
    """Draw vector fields over each other, in a panel for each density to which they belong.

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
            arrows = array(field)[k] / lengths[k] * 2.2 * spacing
            ax.quiver(
                places[..., 0],
                places[..., 1],
                arrows[..., 0],
                arrows[..., 1],
                angles="xy",
                scale_units="xy",
                scale=1,
                width=0.013 if rank == 0 else 0.006,
                headwidth=3,
                color=CYCLE[rank],
                label=name,
            )
        ax.set(xticks=[-2, 0, 2], yticks=[-2, 0, 2], aspect="equal", title=titles[k], xlabel="$x_1$")
        ax.grid(False)
    axes[0, 0].set_ylabel("$x_2$")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=len(fields))
    return fig, axes[0]


@checked
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
