"""Valid calls of the functions that draw the book's figures."""

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import torch
from promise import args, case


def ramp(*shape):
    """Numbers from 0 upwards, of a shape."""
    size = torch.Size(shape)
    return torch.linspace(0, 1, size.numel(), dtype=torch.float64).reshape(size)


def upwards(n):
    return 1 + ramp(n)


def probabilities(*shape):
    return (1 + ramp(*shape)).softmax(-1)


def step():
    return {key: ramp(5) for key in ("d_loss", "g_loss", "d_real", "d_fake")}


def pairs(*shape):
    return 1 + ramp(*shape, 2)


def square():
    return torch.stack(torch.meshgrid(ramp(4), ramp(4), indexing="xy"), -1)


CALLS = {
    # several chapters
    "image_grid": case(lambda: args(ramp(7, 16), 4, labels=["a", "b"], vmin=0.0, vmax=1.0), allow={"labels": ["None"]}),
    "image_rows": case(lambda: args(ramp(2, 3, 16), ["a", "b"], scale=0.5)),
    "lines": case(
        lambda: args(
            upwards(5), {"a": upwards(5)}, xlabel="x", ylabel="y", xscale="log", yscale="log", markers=True, title="t"
        ),
        # a title may be missing, and markers are either there or not
        allow={"markers": ["True"], "title": ["None", "string"], "xlabel": ["string"], "ylabel": ["string"]},
    ),
    "panels": case(lambda: args(2, width=6.0, height=3.0, sharey=True), allow={"sharey": ["True"]}),
    "side_by_side": case(
        lambda: args([{"x": ramp(5), "curves": {"a": ramp(5)}, "xlabel": "x", "ylabel": "y"}], width=6.0, height=3.0)
    ),
    "style": case(lambda: args()),
    # energy models
    "enumeration_cost": case(lambda: args(list(range(8, 14)), upwards(6), give_up=25, steps=100)),
    "landscape": case(
        lambda: args(ramp(4), ramp(5), ramp(5, 4), xlabel="x", ylabel="y", label="z", marks={"here": (0.0, 1.0)}),
        allow={
            "marks": ["None"],
            "xlabel": ["string"],
            "ylabel": ["string"],
            "label": ["string"],
        },  # marks may be absent
    ),
    "model_map": case(lambda: args()),
    "phases": case(
        lambda: args(
            ramp(5),
            ramp(2, 5),
            probabilities(2, 5),
            torch.tensor([0.0, 0.5, 0.5, 0.0, 0.0]),
            ["a", "b"],
            magnified=upwards(2),
        )
    ),
    "typical_configurations": case(lambda: args(["a", "b"], ramp(2, 6, 3, 3), upwards(4), probabilities(2, 4))),
    "recovery": case(lambda: args(upwards(2), {"exact": 1 + ramp(2, 3)}, upwards(2), true=1.0, bottom=0.5, top=2.5)),
    # Boltzmann machines
    "bracket": case(lambda: args(upwards(3), ramp(3, 4), ramp(3, 4), 1.0)),
    "circulation": case(
        lambda: args(ramp(4), ramp(5), ramp(5, 4, 2), ramp(5, 4), ramp(6, 2), {"a": ramp(6)}, names=["u", "v"])
    ),
    "corners": case(
        lambda: args(
            ramp(5), ramp(4, 2), {"a": ramp(5, 5), "b": ramp(5, 5)}, [ramp(2, 2), ramp(4, 2)], [ramp(2), ramp(4)]
        )
    ),
    "distributions": case(
        lambda: args(ramp(5), probabilities(5), {"a": probabilities(3, 5), "b": probabilities(3, 5)}, xlabel="m"),
        allow={"xlabel": ["string"]},
    ),
    "image_blocks": case(lambda: args({"a": ramp(2, 3, 16), "b": ramp(2, 2, 16)}, ["1", "2"])),
    "observables": case(lambda: args(["u", "c"], ramp(2, 2), {"a": ramp(2, 2)}, {"a": ramp(2, 2)})),
    "two_machines": case(lambda: args(visible=4, hidden=3)),
    "work_histograms": case(lambda: args([ramp(20), ramp(20)], 0.5, ["a", "b"])),
    # autoencoders
    "autoencoder_map": case(lambda: args()),
    "manifold": case(lambda: args(ramp(9, 16), ramp(3))),
    "order_parameter": case(lambda: args(ramp(3, 4), ramp(3, 4), ramp(3, 4), upwards(3), ramp(3))),
    "returned_correlation": case(lambda: args(upwards(3), ramp(3), ramp(3), ramp(3), 0.1)),
    # adversarial networks
    "game_loop": case(lambda: args()),
    "level_samples": case(lambda: args(ramp(9), probabilities(2, 9), ramp(2, 30))),
    "gains": case(lambda: args(ramp(3) + 1, {200: (ramp(3) + 1, ramp(3))})),
    "orbits": case(lambda: args({"a": ramp(5, 2), "b": ramp(5, 2)}, reach=2.0)),
    "planes": case(lambda: args([ramp(5, 2)] * 4, ramp(8, 2), ["a", "b", "c", "d"])),
    "players": case(lambda: args()),
    # the first GAN
    "learning_curves": case(lambda: args(ramp(5), step(), xlabel="epoch"), allow={"xlabel": ["string"]}),
    "network_pair": case(lambda: args((4, 9, 30), (30, 9, 1))),
    "share_bars": case(lambda: args({"a": probabilities(10), "b": probabilities(10)})),
    # diffusion models
    "books": case(lambda: args(ramp(5), upwards(5), upwards(5), ramp(5), ramp(5))),
    "clouds": case(lambda: args({"a": ramp(5, 2), "b": ramp(6, 2)}, 3.0, columns=2)),
    "schedules": case(lambda: args({"a": (ramp(5), ramp(5)), "b": (ramp(9), ramp(9))})),
    "score_fields": case(
        lambda: args(
            square(), {"a": 1 + ramp(2, 4, 4, 2), "b": 1 + ramp(2, 4, 4, 2)}, probabilities(2, 6, 6), ["a", "b"]
        )
    ),
    "spacetime": case(lambda: args(ramp(4), ramp(5), probabilities(4, 5), ramp(6), ramp(2, 6))),
    # sampling
    "flow_lines": case(lambda: args(ramp(5).flip(0), ramp(5, 2), ramp(5).flip(0), ramp(5, 2), [0, 2])),
    "measured": case(lambda: args(ramp(5), ramp(5, 5), ramp(5, 5), ramp(5, 5), {"a": ramp(6, 2)})),
    "pitchfork": case(lambda: args(ramp(5), {1.0: ramp(5)}, upwards(4), {"a": ramp(4)}, {"b": 1.5})),
    "reverse_paths": case(lambda: args(ramp(4).flip(0), ramp(5), ramp(4, 5), {"a": ramp(4, 2), "b": ramp(4, 2)})),
    "there_and_back": case(
        lambda: args(ramp(2), ramp(2, 5, 2), ramp(25), ramp(2, 25, 25), ramp(2, 25, 25, 2), ramp(2, 7, 2))
    ),
    # scores
    "error_ratios": case(lambda: args(["a", "b", "c"], {"p": upwards(6).reshape(2, 3)}, ["one", "two"], factor=1.7)),
    "score_strips": case(
        lambda: args(
            ["a", "b"],
            ["s", "t", "u"],
            1 + ramp(2, 3),
            0.1 + ramp(2, 3),
            baseline=0,
            scales=["linear", "log", "symlog"],
        ),
        allow={"scales": ["None"]},  # all linear
    ),
    "score_table": case(
        lambda: args(["a", "b"], ["s", "t"], ramp(2, 2), upwards(2), formats=[".1f", ".2f"], baseline=0, threshold=2.0)
    ),
    # lattice fields
    "annealed": case(lambda: args({"a": (upwards(3), ramp(3))}, 0.4)),
    "corrected": case(
        lambda: args({"a": ramp(5)}, {"a": {"raw": pairs(), "weighted": pairs(), "chain": pairs()}}, {"a": pairs()})
    ),
    "crossings": case(lambda: args(ramp(3), {4: pairs(3)}, 0.6)),
    "identity_by_momentum": case(lambda: args(ramp(3), {"a": ramp(3, 2)})),
    "lost_half": case(lambda: args(ramp(4), ramp(5), {"a": pairs()}, pairs())),
    "lattice_phases": case(lambda: args({0.2: ramp(2, 4, 4), 0.3: ramp(2, 4, 4)})),
    "score_and_force": case(lambda: args(ramp(2, 3, 3), ramp(2, 3, 3), 1 + ramp(2, 3))),
    "slowing": case(lambda: args(ramp(3), {4: pairs(3), 8: pairs(3)}, upwards(2))),
}


def _closing(make):
    """A maker of a call that first closes the figures of the calls before."""

    def closed():
        plt.close("all")
        return make()

    return closed


CALLS = {name: row._replace(make=_closing(row.make)) for name, row in CALLS.items()}
