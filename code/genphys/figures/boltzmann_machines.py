"""The figures that only the chapter on Boltzmann machines draws."""

import matplotlib.pyplot as plt
import numpy as np

from genphys.arguments import checked, number, require
from genphys.figures.drawn import array, named, rows, text, values, words
from genphys.figures.style import CYCLE, MARKERS

__all__ = ["bracket", "chains_over_time", "observables", "work_histograms"]


@checked
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


@checked
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
    axes[0].set_ylabel("density")
    handles, words = axes[0].get_legend_handles_labels()
    fig.legend(handles, words, loc="outside upper center", ncols=2)
    return fig, axes


@checked
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


@checked
def chains_over_time(steps: values("n"), panels: named(values("n _")), *, ylabel: text):
    """Draw a few Markov chains over time, a panel for each method.

    Args:
        steps: The step numbers, shape (n,).
        panels: A dictionary {title: series of shape (n, chains)}.
        ylabel: What the vertical axis shows.
    """
    fig, axes = plt.subplots(1, len(panels), figsize=(7.6, 3.0), sharey=True)
    for ax, (title, series) in zip(axes, panels.items(), strict=True):
        for k, chain in enumerate(array(series).T):
            ax.plot(array(steps), chain, color=CYCLE[k % len(CYCLE)], lw=1.1)
        ax.set(title=title, xlabel="steps")
    axes[0].set_ylabel(ylabel)
    return fig, axes
