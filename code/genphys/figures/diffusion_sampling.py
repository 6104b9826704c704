r"""The figures that only the chapter on sampling from diffusion models draws, in the style of ``genphys.figures.common``."""

import matplotlib.pyplot as plt
import numpy as np

from genphys.figures.common import COLOURS

__all__ = ["flow_lines", "pitchfork", "reverse_paths", "there_and_back"]

_GREY = "#5a5a5a"


def there_and_back(clock, forward, side, densities, scores, backward):
    """Draw a plane of particles that diffuse to noise, the density and score they pass, and particles on the way back.

    Args:
        clock: The diffusion times of the columns, shape (n,), increasing.
        forward: Particles of the forward process at these times, shape (n, particles, 2).
        side: The places of the grid along each axis, shape (g,).
        densities: The density on the grid at these times, shape (n, g, g), first coordinate first.
        scores: The score on the grid, shape (n, g, g, 2); an arrow is drawn at every twelfth place.
        backward: Particles of the way back at the same times, shape (n, particles, 2).

    Returns:
        The figure and an array of axes, shape (3, n).

    Raises:
        ValueError: The shapes do not fit.
    """
    clock, forward, side, densities, scores, backward = (
        np.asarray(a) for a in (clock, forward, side, densities, scores, backward)
    )
    n, g = len(clock), len(side)
    shapes = (forward.shape[::2], densities.shape, scores.shape, backward.shape[::2])
    if shapes != ((n, 2), (n, g, g), (n, g, g, 2), (n, 2)):
        found = ", ".join(str(a.shape) for a in (forward, densities, scores, backward))
        raise ValueError(
            f"forward, densities, scores and backward have shapes {found}, take ({n}, particles, 2), ({n}, {g}, {g}), "
            f"({n}, {g}, {g}, 2) and ({n}, particles, 2)"
        )
    fig, axes = plt.subplots(3, n, figsize=(1.75 * n, 5.4), sharex=True, sharey=True)
    some = np.arange(6, g, 12)
    for i, column in enumerate(axes.T):
        for ax, points, colour in ((column[0], forward[i], "blue"), (column[2], backward[i], "vermilion")):
            ax.plot(*points.T, ".", ms=2.2, color=COLOURS[colour], mew=0, rasterized=True)
        column[1].contourf(side, side, densities[i].T, levels=12, cmap="cividis")
        arrows = scores[i][np.ix_(some, some)]
        length = np.linalg.norm(arrows, axis=-1, keepdims=True)
        arrows = arrows / np.sqrt(1 + length**2)  # long arrows are shortened, so that short ones are seen
        x, y = np.meshgrid(side[some], side[some], indexing="ij")
        column[1].quiver(x, y, arrows[..., 0], arrows[..., 1], color="white", scale=14, width=0.008)
        column[0].set_title(f"$u = {abs(clock[i]):.2f}$")
        for ax in column:
            ax.set(aspect="equal", xlim=(-3, 3), ylim=(-3, 3), xticks=(-2, 0, 2), yticks=(-2, 0, 2))
            ax.grid(False)
        column[2].set_xlabel("$x_1$")
    for ax, word in zip(axes[:, 0], ("forward", "density and score", "backward"), strict=True):
        ax.set_ylabel(word + "\n$x_2$")
    return fig, axes


def reverse_paths(clock, place, density, panels):
    """Draw paths from noise to data over the density that they have to follow.

    Args:
        clock: The diffusion times, shape (n,), decreasing to 0: the horizontal axis runs as they do.
        place: The places, shape (g,).
        density: The density at each time and place, shape (n, g).
        panels: A dictionary {title: paths of shape (n, particles)}.

    Returns:
        The figure and an array of axes.

    Raises:
        ValueError: The shapes do not fit.
    """
    clock, place, density = (np.asarray(a) for a in (clock, place, density))
    if density.shape != (len(clock), len(place)):
        raise ValueError(f"density has shape {density.shape}, takes {(len(clock), len(place))}")
    fig, axes = plt.subplots(1, len(panels), figsize=(3.8 * len(panels), 3.3), sharey=True, squeeze=False)
    for ax, (title, paths) in zip(axes[0], panels.items(), strict=True):
        paths = np.asarray(paths)
        if paths.shape[:1] != clock.shape:
            raise ValueError(f"paths {title!r} has shape {paths.shape}, takes ({len(clock)}, particles)")
        ax.pcolormesh(
            clock, place, np.sqrt(density.T), cmap="Greys", shading="nearest", vmin=0, vmax=2.0, rasterized=True
        )
        for k, path in enumerate(paths.T):
            ax.plot(clock, path, lw=0.9, color=list(COLOURS.values())[k % 6])
        ax.set(title=title, xlabel="diffusion time $u$", xlim=(clock[0], clock[-1]), ylim=(place[0], place[-1]))
        ax.grid(False)
    axes[0, 0].set_ylabel("$x$")
    return fig, axes[0]


def flow_lines(clock, x, sigma, y, steps):
    r"""Draw the same flow in two pairs of variables: x against u, and y = x / a against the noise-to-signal ratio.

    Args:
        clock: The diffusion times :math:`u`, shape (n,), decreasing.
        x: The paths, shape (n, particles).
        sigma: The noise-to-signal ratios, shape (n,), decreasing.
        y: The same paths as :math:`\mathbf{y} = \mathbf{x}/a`, shape (n, particles).
        steps: The rows at which a few large steps would stop: they are marked.

    Returns:
        The figure and its two axes.

    Raises:
        ValueError: The shapes do not fit.
    """
    clock, x, sigma, y = (np.asarray(a) for a in (clock, x, sigma, y))
    if not (x.ndim == 2 and x.shape == y.shape and x.shape[:1] == clock.shape == sigma.shape):
        raise ValueError(
            f"clock, x, sigma and y have shapes {clock.shape}, {x.shape}, {sigma.shape} and {y.shape}, "
            "take (n,), (n, particles), (n,) and (n, particles)"
        )
    fig, axes = plt.subplots(1, 2, figsize=(7.6, 3.3))
    for ax, time, paths in ((axes[0], clock, x), (axes[1], sigma, y)):
        for k, path in enumerate(paths.T):
            colour = list(COLOURS.values())[k % 6]
            ax.plot(time, path, lw=1.1, color=colour)
            ax.plot(time[steps], path[steps], "o", ms=3.2, color=colour)
        ax.set_xlim(time[0], time[-1])
    axes[0].set(xlabel="diffusion time $u$", ylabel="$x$")
    axes[1].set(xlabel=r"noise-to-signal ratio $\sigma = s/a$", ylabel="$y = x/a$")
    return fig, axes


def pitchfork(place, potentials, clock, branches, speciation):
    r"""Draw a potential that grows two wells, and where its minima lie against the diffusion time.

    Args:
        place: The places of the potentials, shape (g,).
        potentials: A dictionary {diffusion time: potential of shape (g,)}; its value at the middle is subtracted.
        clock: The diffusion times of the branches, shape (n,).
        branches: A dictionary {label: the upper minimum at each time, shape (n,)}; the lower one is its mirror image.
        speciation: A dictionary {label: critical time}.

    Returns:
        The figure and its two axes.

    Raises:
        ValueError: The shapes do not fit.
    """
    place, clock = np.asarray(place), np.asarray(clock)
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.8, 3.5))
    colours = [COLOURS[name] for name in ("sky", "blue", "black", "vermilion", "orange", "purple")]
    dashes = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2))]
    for k, (time, values) in enumerate(potentials.items()):
        values = np.asarray(values)
        if values.shape != place.shape:
            raise ValueError(f"the potential at {time} has shape {values.shape}, takes that of place, {place.shape}")
        middle = values[len(values) // 2]
        left.plot(place, values - middle, color=colours[k % 6], ls=dashes[k % 6], label=f"$u = {time:.2f}$")
    left.set(xlabel="$x$ along the two centres", ylabel="potential $V_u(x) - V_u(0)$, in nats", ylim=(-0.8, 2.5))
    left.legend(fontsize=8, loc="upper center", ncols=2)
    for k, (label, upper) in enumerate(branches.items()):
        upper = np.asarray(upper)
        if upper.shape != clock.shape:
            raise ValueError(f"branch {label!r} has shape {upper.shape}, takes that of clock, {clock.shape}")
        for sign in (1, -1):
            style = {"color": colours[1 + 2 * k], "ls": dashes[k], "label": label if sign > 0 else None}
            right.plot(clock, sign * upper, **style)
    for k, (label, time) in enumerate(speciation.items()):
        right.axvline(float(time), color=_GREY, lw=1, ls=dashes[3 - k], label=label)
    right.set(xlabel="diffusion time $u$", ylabel="$x$ of minimum or maximum", xlim=(clock.max(), clock.min()))
    right.legend(fontsize=8, loc="lower left")
    return fig, (left, right)
