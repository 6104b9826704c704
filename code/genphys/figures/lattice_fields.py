"""The figures of the chapter on lattice fields."""

import math

import matplotlib.pyplot as plt
import numpy as np

from genphys.arguments import doors, number, require
from genphys.figures.common import panels
from genphys.figures.drawn import array, named, rows, values
from genphys.figures.style import COLOURS, GREY

__all__ = [
    "annealed",
    "corrected",
    "crossings",
    "identity_by_momentum",
    "lattice_phases",
    "lost_half",
    "score_and_force",
    "slowing",
]

_STYLES = (("black", "o", "-"), ("vermilion", "s", "--"), ("blue", "^", ":"), ("green", "D", "-."))


def lattice_phases(fields: named(values("_ side side"))):
    """Draw a configuration and the distribution of the mean field for each hopping parameter.

    Args:
        fields: For each hopping parameter configurations of shape (n, L, L).
    """
    fig, axes = plt.subplots(2, len(fields), figsize=(2.5 * len(fields) + 0.8, 4.2), height_ratios=(1.7, 1))
    for (above, below), (kappa, phi) in zip(axes.T, fields.items(), strict=True):
        picture = above.imshow(array(phi)[0], cmap="RdBu_r", vmin=-2, vmax=2)
        above.set(xticks=[], yticks=[], title=rf"$\kappa = {kappa:.2f}$")
        above.grid(False)
        below.hist(array(phi).mean((1, 2)), bins=np.linspace(-1.6, 1.6, 33), color=COLOURS["blue"])
        below.set(xlabel="mean field $m$", xlim=(-1.6, 1.6))
    axes[1, 0].set_ylabel("fields")
    fig.colorbar(picture, ax=axes[0], label=r"field $\varphi_x$", extend="both")
    return fig, axes


def slowing(kappas: values("n"), tau: named(values("n pair")), sides: values("k")):
    """Draw autocorrelation times across the transition, and at the hopping parameter 0.34 against the side.

    Args:
        kappas: The hopping parameters.
        tau: For each side a list of estimates, one for each hopping parameter.
        sides: The sides.
    """
    _few(tau)
    fig, (left, right) = panels(2, height=3.3)
    at = int(np.abs(array(kappas) - 0.34).argmin())
    there = np.array([[float(part) for part in tau[side][at]] for side in tau])
    for (side, found), style in zip(tau.items(), _STYLES, strict=False):
        pairs = np.array([[float(part) for part in estimate] for estimate in found])
        left.errorbar(array(kappas), pairs[:, 0], pairs[:, 1], label=f"$L = {side}$", **_drawn(style))
    x = array(sides)
    right.errorbar(x, there[:, 0], there[:, 1], **_drawn((*_STYLES[0][:2], "none")))
    power, level = np.polyfit(np.log(x), np.log(there[:, 0]), 1)
    right.plot(x, np.exp(level) * x**power, "--", color=COLOURS["vermilion"], label=f"$\\tau \\sim L^{{{power:.1f}}}$")
    left.set(xlabel=r"hopping parameter $\kappa$", ylabel=r"$\tau$ in trajectories", yscale="log")
    right.set(xlabel="side $L$", xscale="log", yscale="log", xticks=list(x), xticklabels=[f"{v:g}" for v in x])
    right.minorticks_off()
    left.set_ylim(1.5, 200)
    left.legend(loc="lower left", ncols=2)
    right.legend()
    return fig, (left, right)


def corrected(log_weights: named(values("_")), table: named(dict), chains: named(values("pair"))):
    """Draw the logarithms of weights, and the susceptibility before and after corrections over that of a chain.

    Args:
        log_weights: For each run the logarithms of the weights.
        table: For each run estimates under ``"raw"``, ``"weighted"`` and ``"chain"``.
        chains: For each run the value and the error of the chain of reference.
    """
    fig, (left, right) = panels(2, height=3.3)
    edges = np.linspace(-4, 4, 65)
    for (run, log_w), (colour, _, dash) in zip(log_weights.items(), _STYLES[1:], strict=False):
        left.hist(array(log_w), edges, histtype="step", color=COLOURS[colour], ls=dash, lw=1.5, label=run)
    ways = {"raw": "as drawn", "weighted": "weights", "chain": "Metropolis"}
    for index, ((run, row), style) in enumerate(zip(table.items(), _STYLES[1:], strict=False)):
        value, error = map(float, chains[run])
        right.fill_between(
            [index * 4 - 0.6, index * 4 + 2.6], 1 - error / value, 1 + error / value, color=GREY, alpha=0.25, lw=0
        )
        means = np.array([[float(part) / value for part in row[way]] for way in ways])
        right.errorbar(np.arange(3) + 4 * index, means[:, 0], means[:, 1], label=run, **_drawn((*style[:2], "none")))
    right.axhline(1, color=COLOURS["black"], lw=0.8)
    right.set_xticks([0, 1, 2, 4, 5, 6][: 3 * len(table)], list(ways.values()) * len(table), rotation=35, ha="right")
    left.set(xlabel=r"$\log w - \log Z$", ylabel="fields")
    right.set_ylabel(r"$\chi$ over that of the chain")
    left.legend()
    right.legend()
    return fig, (left, right)


def annealed(shares: named(rows(values("_"))), alone: number(0, 1)):
    """Draw effective shares against the number of switches of the action, and that of a flow without any.

    Args:
        shares: For each name the numbers of switches, and the shares.
        alone: The share of the flow alone.
    """
    _few(shares)
    fig, ax = plt.subplots(figsize=(5.6, 3.3))
    for (name, (switches, share)), (colour, marker, dash) in zip(shares.items(), _STYLES[1:], strict=False):
        ax.plot(array(switches), array(share), color=COLOURS[colour], marker=marker, ls=dash, label=name)
    ax.axhline(alone, color=COLOURS["black"], ls="--", lw=1, label="the flow alone")
    ax.set(xlabel="switches of the action", ylabel="effective share", xscale="log", ylim=(0, 1))
    ax.set_xticks([1, 4, 16, 64], ["1", "4", "16", "64"])
    ax.minorticks_off()
    ax.legend()
    return fig, ax


def lost_half(chain: values("n"), flow: values("m"), log_z: named(values("pair")), reference: values("pair")):
    """Draw the mean fields of a chain and of a flow, and values of log Z minus the one of reference.

    Args:
        chain: Mean fields of the chain.
        flow: Mean fields of the flow.
        log_z: For each name an estimate.
        reference: The estimate of reference.
    """
    fig, (left, right) = panels(2, height=3.1)
    edges = np.linspace(-1.7, 1.7, 69)
    for m, (colour, _, dash), name in ((chain, _STYLES[0], "hybrid Monte Carlo"), (flow, _STYLES[1], "flow")):
        left.hist(array(m), edges, density=True, histtype="step", color=COLOURS[colour], ls=dash, lw=1.5, label=name)
    for place, (estimate, style) in enumerate(zip(log_z.values(), _STYLES[1:], strict=False)):
        right.errorbar(place, float(estimate[0] - reference[0]), float(estimate[1]), **_drawn((*style[:2], "none")))
    error = float(reference[1])
    right.axhspan(-error, error, color=GREY, alpha=0.25, lw=0)
    right.axhline(0, color=COLOURS["black"], lw=0.8)
    right.axhline(-math.log(2), color=COLOURS["black"], ls="--", lw=1)
    right.set_xticks(range(len(log_z)), list(log_z))
    left.set(xlabel="mean field $m$", ylabel="probability density")
    right.set(ylabel=r"$\log Z$ minus integration", xlim=(-0.6, len(log_z) - 0.4), ylim=(-0.9, 0.3))
    left.set_ylim(top=1.4 * left.get_ylim()[1])
    left.legend(loc="upper center")
    return fig, (left, right)


def crossings(kappas: values("n"), cumulants: named(values("n pair")), height: number()):
    """Draw Binder cumulants of several sizes against the hopping parameter, and a line at a height."""
    _few(cumulants)
    fig, ax = plt.subplots(figsize=(6.0, 3.6))
    for (side, found), style in zip(cumulants.items(), _STYLES, strict=False):
        pairs = np.array([[float(part) for part in estimate] for estimate in found])
        ax.errorbar(array(kappas), pairs[:, 0], pairs[:, 1], label=f"$L = {side}$", **_drawn(style))
    ax.axhline(height, color=GREY, ls="--", lw=1)
    ax.set(xlabel=r"hopping parameter $\kappa$", ylabel="Binder cumulant $U$")
    ax.legend()
    return fig, ax


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
    for (name, pairs), style in zip(sets.items(), _STYLES, strict=False):
        ax.errorbar(x, array(pairs)[:, 0], array(pairs)[:, 1], label=name, **_drawn(style))
    ax.set(xlabel=r"lattice momentum squared $\hat{k}^2$", ylabel=r"$\tilde{D}(k)$")
    ax.legend()
    return fig, ax


def score_and_force(force: values("n side side"), score: values("n side side"), binned: values("k 3")):
    """Draw the exact force against the learnt score at little noise, site by site, and the difference in groups.

    Args:
        force: Minus the gradient of the action in the units of the score, any shape.
        score: The learnt score, of the same shape.
        binned: In each row the mean score of a group of sites, the mean force there and its error.
    """
    force, score, binned = array(force), array(score), array(binned)
    fig, (ax, right) = panels(2, height=3.7)
    ax.plot(score.ravel(), force.ravel(), ".", color=COLOURS["blue"], ms=3, alpha=0.25, rasterized=True)
    end = 1.05 * max(np.abs(force).max(), np.abs(score).max())
    ax.plot([-end, end], [-end, end], "--", color=COLOURS["black"], lw=1.2)
    right.axhline(0, ls="--", color=COLOURS["black"], lw=1.2)
    right.errorbar(binned[:, 0], binned[:, 1] - binned[:, 0], binned[:, 2], **_drawn((*_STYLES[1][:2], "none")))
    ax.set(xlabel="learnt score", ylabel=r"force $-\partial S/\partial x$", xlim=(-end, end), ylim=(-end, end))
    right.set(xlabel="learnt score", ylabel="mean force minus score")
    return fig, (ax, right)


def _drawn(style):
    colour, marker, dash = style
    return {"color": COLOURS[colour], "marker": marker, "ls": dash, "ms": 5, "lw": 1.2, "capsize": 3, "mfc": "none"}


def _few(sets):
    require(len(sets) <= len(_STYLES), "sets", list(sets), f"at most {len(_STYLES)} entries")


doors(globals())
