"""The figures that only the chapter on the first GAN draws."""

import matplotlib.pyplot as plt
import numpy as np

from genphys.arguments import count, doors, many, require
from genphys.figures.common import panels
from genphys.figures.drawn import array, named, text, values
from genphys.figures.style import COLOURS, CYCLE

__all__ = ["learning_curves", "network_pair", "share_bars"]

_BLUE, _RED, _GREEN = COLOURS["blue"], COLOURS["vermilion"], COLOURS["green"]


def network_pair(g_sizes: many(count(), 2), d_sizes: many(count(), 2)):
    """Draw two fully connected networks as columns of units.

    Args:
        g_sizes: The widths of the generator's layers, from noise to image.
        d_sizes: The widths of the discriminator's layers, from image to logit.
    """
    fig, axes = plt.subplots(1, 2, figsize=(8.2, 3.3))
    words = (("noise", "hidden", "image"), ("image", "hidden", "logit"))
    for ax, sizes, title, names, colour in zip(
        axes, (g_sizes, d_sizes), ("generator", "discriminator"), words, (_BLUE, _RED), strict=True
    ):
        ax.set_axis_off()
        ax.set(title=title, xlim=(-0.6, len(sizes) - 0.4), ylim=(-1.6, 1.5))
        rows = [np.linspace(-1, 1, min(7, n)) if n > 1 else np.zeros(1) for n in sizes]
        for k in range(len(sizes) - 1):
            for a in rows[k]:
                for b in rows[k + 1]:
                    ax.plot([k, k + 1], [a, b], color="#d0d0d0", lw=0.5, zorder=1)
        for k, (n, row) in enumerate(zip(sizes, rows, strict=True)):
            ax.plot(np.full(len(row), k), row, "o", ms=9, mfc="white", mec=colour, mew=1.5, zorder=2)
            word = names[0] if k == 0 else names[2] if k == len(sizes) - 1 else names[1]
            ax.text(k, -1.38, f"{word}\n{n}", ha="center", va="center", fontsize=10)
    return fig, axes


def learning_curves(steps: values("n"), record: named(values("n")), *, xlabel: text = "step"):
    r"""Draw the losses of both players, and what the discriminator says of data and of samples.

    Args:
        steps: The step of each point, shape (n,).
        record: The curves ``d_loss``, ``g_loss``, ``d_real`` and ``d_fake``, each of shape (n,).
        xlabel: What ``steps`` counts.
    """
    wanted = {"d_loss", "g_loss", "d_real", "d_fake"}
    require(wanted <= record.keys(), "record", sorted(record), f"the curves {', '.join(sorted(wanted))}")
    fig, axes = panels(2, width=8.4)
    steps = array(steps)
    axes[0].plot(steps, array(record["g_loss"]), color=_BLUE, lw=1.2, label="generator")
    axes[0].plot(steps, array(record["d_loss"]), color=_RED, lw=1.2, ls="--", label="discriminator")
    axes[0].set(xlabel=xlabel, ylabel="loss in nats")
    axes[1].plot(steps, array(record["d_real"]), color=_GREEN, lw=1.2, label=r"data: $d(\mathbf{x})$")
    axes[1].plot(
        steps, array(record["d_fake"]), color=COLOURS["purple"], lw=1.2, ls="--", label=r"samples: $d(g(\mathbf{z}))$"
    )
    axes[1].set(xlabel=xlabel, ylabel="discriminator output", ylim=(0, 1))
    for ax in axes:
        ax.legend()
    return fig, axes


def share_bars(shares: named(values("10", low=0))):
    """Draw the share of each digit among the samples of several models, and the fair share with a band of 20 %.

    Args:
        shares: A dictionary {model: ten shares}.
    """
    fig, ax = plt.subplots(figsize=(7.6, 3.2))
    width = 0.8 / len(shares)
    ax.axhspan(0.08, 0.12, color="#e6e6e6", zorder=0, label="fair share, 20 % around it")
    hatches = ["", "//", "..", "xx"]
    for k, (name, share) in enumerate(shares.items()):
        place = np.arange(10) + (k + 0.5) * width - 0.4
        colour = CYCLE[k % 7]
        ax.bar(place, array(share), width, label=name, color=colour, hatch=hatches[k % 4], edgecolor="white", lw=0.3)
    ax.set(xlabel="digit, as the classifier reads it", ylabel="share of the samples", xticks=range(10))
    ax.grid(False)
    ax.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.25), fontsize=9)
    return fig, ax


doors(globals())
