"""The figures that only the chapter on variational autoencoders draws."""

import math

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from genphys.arguments import doors, number, require
from genphys.figures.common import panels
from genphys.figures.drawn import array, values
from genphys.figures.style import COLOURS, GREY

__all__ = ["autoencoder_map", "manifold", "order_parameter", "returned_correlation"]


def autoencoder_map():
    """Draw the two networks of a variational autoencoder, and where chance enters."""
    fig, ax = plt.subplots(figsize=(7.4, 2.5))
    ax.set(xlim=(0, 14.6), ylim=(0, 4.4))
    ax.axis("off")
    boxes = {  # left, bottom, width, height, text, colour
        "x": (0.1, 1.3, 1.3, 1.2, r"$\mathbf{x}$", "#d9d9d9"),
        "encoder": (2.3, 1.1, 2.2, 1.6, "encoder\n" + r"$q_\phi(\mathbf{h}|\mathbf{x})$", "#cfe5f3"),
        "moments": (5.3, 1.1, 1.9, 1.6, r"$\boldsymbol{\mu}_\phi,\ \boldsymbol{\sigma}_\phi$", "white"),
        "h": (8.2, 1.3, 1.3, 1.2, r"$\mathbf{h}$", "white"),
        "decoder": (10.3, 1.1, 2.2, 1.6, "decoder\n" + r"$p_\theta(\mathbf{x}|\mathbf{h})$", "#fbdcc8"),
        "xhat": (13.2, 1.3, 1.3, 1.2, r"$\mathbf{x}$", "#d9d9d9"),
    }
    for x, y, width, height, text, colour in boxes.values():
        ax.add_patch(FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0.06", fc=colour, ec="black", lw=1.1))
        ax.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=11)

    def arrow(start, end, dashed=False):
        style = {"arrowstyle": "-|>", "mutation_scale": 12, "color": "black", "ls": "--" if dashed else "-"}
        ax.add_patch(FancyArrowPatch(start, end, shrinkA=0, shrinkB=0, **style))

    row = 1.9
    for left, right in ((1.5, 2.2), (4.6, 5.2), (7.3, 8.1), (9.6, 10.2)):
        arrow((left, row), (right, row))
    arrow((12.6, row), (13.1, row), dashed=True)
    ax.text(8.85, 4.0, r"noise $\boldsymbol{\epsilon} \sim \mathcal{N}(\mathbf{0}, I)$", ha="center", va="center")
    arrow((8.85, 3.7), (8.85, 2.62), dashed=True)
    ax.text(
        8.85,
        0.45,
        r"$\mathbf{h} = \boldsymbol{\mu}_\phi + \boldsymbol{\sigma}_\phi\odot\boldsymbol{\epsilon}$",
        ha="center",
        va="center",
    )
    ax.text(12.85, 0.45, "a draw", ha="center", va="center")
    ax.text(3.4, 0.45, "a network of $\\mathbf{x}$", ha="center", va="center")
    return fig, ax


def manifold(images: values("places pixels"), ticks: values("n")):
    """Draw the decoder's means over a square lattice of two latent variables.

    Args:
        images: Shape (n * n, side * side); the first latent variable runs along the columns, the second upwards.
        ticks: The n latent values along each axis.
    """
    images, ticks = array(images), array(ticks)
    n, side = len(ticks), math.isqrt(images.shape[-1])
    fits = images.shape == (n * n, side * side)
    require(fits, "images", images.shape, f"square images of shape (n * n, side * side) with n = {n}")
    tiles = images.reshape(n, n, side, side)[::-1]  # the largest second latent on top
    fig, ax = plt.subplots(figsize=(5.2, 5.2))
    ax.imshow(
        tiles.transpose(0, 2, 1, 3).reshape(n * side, n * side), cmap="Greys", vmin=0, vmax=1, interpolation="none"
    )
    places = side * (np.arange(n) + 0.5) - 0.5
    chosen = np.linspace(0, n - 1, min(n, 6)).round().astype(int)
    ax.set_xticks(places[chosen], [f"{ticks[i]:.1f}" for i in chosen])
    ax.set_yticks(places[::-1][chosen], [f"{ticks[i]:.1f}" for i in chosen])
    ax.grid(False)
    ax.set(xlabel="$h_1$", ylabel="$h_2$")
    return fig, ax


def order_parameter(
    latent: values("t n"),
    translated: values("t n"),
    magnetisation: values("t n"),
    temperatures: values("t", above=0),
    curve: values("t"),
):
    r"""Draw a latent variable against the magnetisation, and the mean sizes of both against the temperature.

    Args:
        latent: The latent variable of each configuration, shape (temperatures, configurations).
        translated: The magnetisation that the decoder gives to each latent variable, of the same shape.
        magnetisation: The magnetisation per site of each configuration, of the same shape.
        temperatures: Shape (temperatures,), in units of J.
        curve: The exact :math:`\langle|m|\rangle` at those temperatures.
    """
    latent, translated, magnetisation = map(array, (latent, translated, magnetisation))
    temperatures, curve = array(temperatures), array(curve)
    fig, (left, right) = panels(2, height=4.0)
    if (engine := fig.get_layout_engine()) is not None:
        engine.set(wspace=0.08)  # room for the label of the colour bar
    colour = np.broadcast_to(temperatures[:, None], latent.shape)
    style = {"s": 5, "cmap": "cividis", "alpha": 0.6, "linewidths": 0, "rasterized": True}
    points = left.scatter(magnetisation, latent, c=colour, **style)
    fig.colorbar(points, ax=left, label="temperature $T$ in units of $J$")
    left.set(xlabel="magnetisation per site $m$", ylabel=r"latent mean $\mu_\phi(\mathbf{x})$")
    right.plot(temperatures, curve, color=COLOURS["black"], label=r"exact $\langle|m|\rangle$")
    size = np.abs(latent).mean(1)
    label = r"$\langle|\mu_\phi|\rangle$, scaled at the lowest $T$"
    right.plot(temperatures, size * curve[0] / size[0], "o", color=COLOURS["vermilion"], ms=6, label=label)
    size = np.abs(translated).mean(1)
    right.plot(temperatures, size, "s", color=COLOURS["blue"], ms=5, mfc="none", label="the same, decoded to spins")
    right.axvline(2 / math.log(1 + math.sqrt(2)), color=GREY, lw=1, ls=":", label=r"$T_\mathrm{c}$, infinite lattice")
    right.set(xlabel="temperature $T$ in units of $J$", ylabel="order parameter", ylim=(0, 1.05))
    fig.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return fig, (left, right)


def returned_correlation(
    temperatures: values("t", above=0), curve: values("t"), alone: values("t"), returned: values("t"), coins: number()
):
    """Draw the correlation of neighbours that an autoencoder returns, beside the exact one.

    Args:
        temperatures: Shape (temperatures,), in units of J.
        curve: The exact correlation at those temperatures.
        alone: That of spins that share nothing but their magnetisation.
        returned: That of the returned configurations.
        coins: What is returned for coin flips; it is subtracted above the transition of the infinite lattice.
    """
    temperatures, curve, alone, returned = map(array, (temperatures, curve, alone, returned))
    coins = float(coins)
    critical = 2 / math.log(1 + math.sqrt(2))
    above = temperatures > critical
    fig, ax = plt.subplots(figsize=(6.4, 3.9))
    ax.plot(temperatures, curve, color=COLOURS["black"], label="exact")
    ax.plot(temperatures, alone, "--", color=COLOURS["blue"], label="magnetisation alone")
    ax.plot(temperatures, returned, "o", color=COLOURS["vermilion"], label="returned by the autoencoder")
    honest, label = (returned - coins)[above], "the same, minus what coin flips get"
    ax.plot(temperatures[above], honest, "o", mfc="none", color=COLOURS["vermilion"], label=label)
    ax.axhline(coins, color=GREY, lw=1, ls=":")
    ax.annotate("coin flips", (temperatures.min(), coins), (0, 3), textcoords="offset points", color=GREY)
    ax.axvline(critical, color=GREY, lw=1, ls=":")
    ax.annotate(r"$T_\mathrm{c}$", (critical, 0.97), (4, 0), textcoords="offset points", color=GREY)
    ax.set(xlabel="temperature $T$ in units of $J$", ylabel="correlation of neighbours", ylim=(0, 1.05))
    ax.legend()
    return fig, ax


doors(globals())
