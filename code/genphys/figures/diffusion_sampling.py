"""The figures that only the chapter on sampling from diffusion models draws."""

import matplotlib.pyplot as plt
import numpy as np

from genphys.arguments import count, doors, many, number, require
from genphys.figures.common import panels
from genphys.figures.drawn import array, named, values
from genphys.figures.page import KEEP
from genphys.figures.style import COLOURS, CYCLE, DASHES, GREY

__all__ = ["flow_lines", "measured", "pitchfork", "reverse_paths", "there_and_back"]


def there_and_back(
    clock: values("n"),
    forward: values("n _ 2"),
    side: values("g"),
    densities: values("n g g", low=0),
    scores: values("n g g 2"),
    backward: values("n _ 2"),
):
    """Draw a plane of particles that diffuse to noise, the density and score they pass, and particles on the way back.

    Args:
        clock: The diffusion times of the columns, shape (n,), increasing.
        forward: Particles of the forward process at these times, shape (n, particles, 2).
        side: The places of the grid along each axis, shape (g,).
        densities: The density on the grid at these times, shape (n, g, g), first coordinate first.
        scores: The score on the grid, shape (n, g, g, 2); an arrow is drawn at every twelfth place.
        backward: Particles of the way back at the same times, shape (n, particles, 2).
    """
    clock, forward, side, densities, scores, backward = map(array, (clock, forward, side, densities, scores, backward))
    n, g = len(clock), len(side)
    fig, axes = plt.subplots(3, n, figsize=(1.68 * n, 5.2), sharex=True, sharey=True)
    some = np.arange(6, g, 12)
    for i, column in enumerate(axes.T):
        for ax, points, colour in ((column[0], forward[i], "blue"), (column[2], backward[i], "vermilion")):
            ax.plot(*points.T, ".", ms=2.2, color=COLOURS[colour], mew=0, rasterized=True)
        column[1].contourf(side, side, densities[i].T, levels=12, cmap="cividis")
        arrows = scores[i][np.ix_(some, some)]
        length = np.linalg.norm(arrows, axis=-1, keepdims=True)
        arrows = arrows / np.sqrt(1 + length**2)  # long arrows are shortened, so that short ones are seen
        x, y = np.meshgrid(side[some], side[some], indexing="ij")
        column[1].quiver(x, y, arrows[..., 0], arrows[..., 1], color="white", scale=14, width=0.008, gid=KEEP)
        column[0].set_title(f"$u = {abs(clock[i]):.2f}$")
        for ax in column:
            ax.set(aspect="equal", xlim=(-3, 3), ylim=(-3, 3), xticks=(-2, 0, 2), yticks=(-2, 0, 2))
            ax.grid(False)
        column[2].set_xlabel("$x_1$")
    for ax, word in zip(axes[:, 0], ("forward", "density and score", "backward"), strict=True):
        ax.set_ylabel(word + "\n$x_2$")
    return fig, axes


def reverse_paths(
    clock: values("n"), place: values("g"), density: values("n g", low=0), paths: named(values("n particles"))
):
    """Draw paths from noise to data over the density that they have to follow.

    Args:
        clock: The diffusion times, shape (n,), decreasing to 0: the horizontal axis runs as they do.
        place: The places, shape (g,).
        density: The density at each time and place, shape (n, g).
        paths: A dictionary {title: paths of shape (n, particles)}, a panel each.
    """
    clock, place, density = map(array, (clock, place, density))
    fig, axes = panels(len(paths), width=3.8 * len(paths), sharey=True)
    for ax, (title, drawn) in zip(axes, paths.items(), strict=True):
        ax.pcolormesh(
            clock, place, np.sqrt(density.T), cmap="Greys", shading="nearest", vmin=0, vmax=2.0, rasterized=True
        )
        for k, path in enumerate(array(drawn).T):
            ax.plot(clock, path, lw=0.9, color=CYCLE[k % 6])
        ax.set(title=title, xlabel="diffusion time $u$", xlim=(clock[0], clock[-1]), ylim=(place[0], place[-1]))
        ax.grid(False)
    axes[0].set_ylabel("$x$")
    return fig, axes


def flow_lines(
    clock: values("n"), x: values("n particles"), sigma: values("n"), y: values("n particles"), steps: many(count(0))
):
    r"""Draw the same flow in two pairs of variables: x against u, and y = x / a against the noise-to-signal ratio.

    Args:
        clock: The diffusion times :math:`u`, shape (n,), decreasing.
        x: The paths, shape (n, particles).
        sigma: The noise-to-signal ratios, shape (n,), decreasing.
        y: The same paths as :math:`\mathbf{y} = \mathbf{x}/a`, shape (n, particles).
        steps: The rows at which a few large steps would stop: they are marked.
    """
    clock, x, sigma, y = map(array, (clock, x, sigma, y))
    require(max(steps) < len(clock), "steps", steps, f"rows below {len(clock)}")
    fig, axes = panels(2)
    for ax, time, paths in ((axes[0], clock, x), (axes[1], sigma, y)):
        for k, path in enumerate(paths.T):
            colour = CYCLE[k % 6]
            ax.plot(time, path, lw=1.1, color=colour)
            ax.plot(time[steps], path[steps], "o", ms=3.2, color=colour)
        ax.set_xlim(time[0], time[-1])
    axes[0].set(xlabel="diffusion time $u$", ylabel="$x$")
    axes[1].set(xlabel=r"noise-to-signal ratio $\sigma = s/a$", ylabel="$y = x/a$")
    return fig, axes


def pitchfork(
    place: values("g"),
    potentials: named(values("g")),
    clock: values("n"),
    branches: named(values("n")),
    speciation: named(number()),
):
    r"""Draw a potential that grows two wells, and where its minima lie against the diffusion time.

    Args:
        place: The places of the potentials, shape (g,).
        potentials: A dictionary {diffusion time: potential of shape (g,)}; its value at the middle is subtracted.
        clock: The diffusion times of the branches, shape (n,).
        branches: A dictionary {label: the upper minimum at each time, shape (n,)}; the lower one is its mirror image.
        speciation: A dictionary {label: critical time}.
    """
    place, clock = array(place), array(clock)
    fig, (left, right) = panels(2, width=7.8, height=3.5)
    colours = [COLOURS[name] for name in ("sky", "blue", "black", "vermilion", "orange", "purple")]
    for k, (time, potential) in enumerate(potentials.items()):
        depth = array(potential)
        left.plot(
            place, depth - depth[len(depth) // 2], color=colours[k % 6], ls=DASHES[k % 6], label=f"$u = {time:.2f}$"
        )
    left.set(xlabel="$x$ along the two centres", ylabel="potential $V_u(x) - V_u(0)$, in nats", ylim=(-0.8, 2.5))
    left.legend(fontsize=9, loc="upper center", ncols=2)
    for k, (label, upper) in enumerate(branches.items()):
        upper = array(upper)
        for sign in (1, -1):
            style = {"color": colours[1 + 2 * k], "ls": DASHES[k], "label": label if sign > 0 else None}
            right.plot(clock, sign * upper, **style)
    for k, (label, time) in enumerate(speciation.items()):
        right.axvline(float(time), color=GREY, lw=1, ls=DASHES[3 - k], label=label)
    right.set(xlabel="diffusion time $u$", ylabel="$x$ of minimum or maximum", xlim=(clock.max(), clock.min()))
    right.legend(fontsize=9, loc="lower left")
    return fig, (left, right)


def measured(
    axis: values("g"),
    prior: values("g g", low=0),
    posterior: values("g g", low=0),
    fits: values("g g", low=0),
    samples: named(values("_ 2")),
):
    """Draw a prior, what fits a measurement, the posterior, and then samples over the posterior.

    Args:
        axis: The places of the grid along each axis, shape (g,).
        prior: The density of the prior on the grid, shape (g, g), first coordinate first.
        posterior: The density of the posterior on the same grid.
        fits: One where the measurement fits, zero elsewhere, on the same grid.
        samples: A dictionary {name: points of shape (n, 2)}, a panel each.
    """
    axis, prior, posterior, fits = map(array, (axis, prior, posterior, fits))
    fig, axes = plt.subplots(1, 1 + len(samples), figsize=(2.75 * (1 + len(samples)), 3.0), sharex=True, sharey=True)
    levels = np.array([0.05, 0.2, 0.5])
    axes[0].contourf(axis, axis, fits.T, levels=[0.5, 1.5], colors=["#d9d9d9"])
    axes[0].contour(axis, axis, prior.T, levels=levels * prior.max(), colors=COLOURS["blue"], linewidths=1.2)
    axes[0].set_title("prior and measurement")
    for ax, (name, points) in zip(axes[1:], samples.items(), strict=True):
        ax.plot(*array(points).T, ".", ms=3, color=COLOURS["blue"], mew=0, rasterized=True)
        ax.set_title(name)
    for ax in axes:
        ax.contour(
            axis, axis, posterior.T, levels=levels * posterior.max(), colors=COLOURS["vermilion"], linewidths=1.2
        )
        ax.set(aspect="equal", xlim=(-2, 2), ylim=(-2, 2), xticks=(-1, 0, 1), yticks=(-1, 0, 1), xlabel="$x_1$")
        ax.grid(False)
    axes[0].set_ylabel("$x_2$")
    return fig, axes


doors(globals())
