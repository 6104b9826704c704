"""Valid calls of genphys.train: a step or two on a few images."""

import functools
import itertools
import json
import tempfile
from pathlib import Path

import torch
from promise import args, case, rng

from genphys import diffusion, flows, rbm, train
from genphys.train import one_lattice

PLACE = tempfile.TemporaryDirectory()
NUMBERS = itertools.count()


def fresh():
    """A folder of its own for each call."""
    return Path(PLACE.name) / str(next(NUMBERS))


def grey(n=12):
    return torch.rand(n, 784, generator=rng(1))


def labels(n=12):
    return torch.arange(n) % 10


def fields(n=6):
    return 1 + torch.randn(n, 8, 8, generator=rng(1))


def layer():
    found = torch.nn.utils.skip_init(torch.nn.Linear, 2, 1)
    torch.nn.init.zeros_(found.weight)
    torch.nn.init.zeros_(found.bias)
    return found


def lattice_flow():
    return flows.LatticeFlow(4, 1, 2, rng=rng(1))


class Ripple(torch.nn.Module):
    """A velocity that depends on place and step."""

    def __init__(self):
        super().__init__()
        self.size = torch.nn.Parameter(torch.ones(()))

    def forward(self, x, t):
        return self.size * torch.sin(x) * (t[:, None, None, None] + 1) / 100


def ripple():
    return Ripple()


def nothing(i):
    return {"loss": 1.0}


@functools.cache
def written(what):
    """A file or a folder with weights, written once."""
    folder = fresh()
    if what == "checkpoint":
        train.write_checkpoint(folder / "c.safetensors", {"a": torch.ones(2)}, {"n": 1})
        return folder / "c.safetensors"
    train.write_weights(folder / "toy", {"a": torch.ones(2)}, {"n": 1})
    return folder


@functools.cache
def shipped(what, *which):
    return getattr(train, f"load_{what}")(*which)


def lattices(n=24, L=8):
    return 2.0 * torch.randint(2, (n, L, L), generator=rng(1)).float() - 1


def reader():
    return one_lattice.Autoregressive(3, 2, rng=rng(1))


def finished():
    """A folder with the runs of a study that is done."""
    folder = fresh()
    folder.mkdir(parents=True)
    for name in ("exact", *one_lattice.MODELS):
        for temperature in one_lattice.TEMPERATURES:
            path = folder / f"{name}-8-{temperature}-1.json"
            path.write_text(json.dumps({"u": -1.0, "samples": [[1] * 64]}))
    return folder


def machine():
    return rbm.BernoulliRBM(784, 3, rng=rng(1))


def autoencoder():
    return train.burda_vae(rng=rng(1))


SHORT = {"steps": 1, "batch": 4, "seed": 1, "every": 60.0}
DECAYING = {"learning_rate": 1e-3, "decay": 0.5, "T": 50}
OPTIONAL = {"folder": ["None", "string"]}  # its default, and a name
NAMED = {"folder": ["string"]}  # a name of a folder
PATH = {"path": ["string"]}  # a name of a file
SCHEDULE = diffusion.cosine_schedule(20)  # made here: its constants stay in double precision on the processor

CALLS = {
    "Autoregressive": case(lambda: args(3, 2, rng=rng())),
    "Autoregressive.draw": case(lambda: args(reader(), 2, rng=rng())),
    "Autoregressive.log_prob": case(lambda: args(reader(), lattices(4, 3))),
    "Shuffled": case(lambda: args(10, 3, 1)),
    "State.load": case(lambda: args(train.State({"m": layer()}), train.State({"m": layer()}).save())),
    "State.save": case(lambda: args(train.State({"m": layer()}))),
    "burda_vae": case(lambda: args(rng=rng())),
    "describe_phi4": case(lambda: args(fields(), 0.3, 0.5)),
    "diffusion_unet": case(lambda: args(rng=rng())),
    "digit_velocity": case(
        lambda: args(
            train.diffusion_unet(rng=rng(1)), torch.rand(2, 1, 8, 8, generator=rng(1)), torch.rand(2), labels(2)
        ),
        allow={"labels": ["None"]},  # its default
    ),
    "draw_digits": case(
        lambda: args(train.diffusion_unet(rng=rng(1)), SCHEDULE, labels(2), diffusion.ddim, seed=1, rows=2)
    ),
    "draw_with_density": case(lambda: args(ripple(), SCHEDULE, 1 + fields(2)[:, None, :2, :2], steps=1)),
    "evaluate_diffusion": case(
        lambda: args(
            *(train.diffusion_unet(rng=rng(1)), SCHEDULE, labels(), grey(), grey(), shipped("classifier")[0]),
            **{"n": 4, "steps": 1, "eta": 0.5, "seed": 1},
        )
    ),
    "evaluate_flow_matching": case(
        lambda: args(
            *(train.diffusion_unet(rng=rng(1)), train.diffusion_unet(rng=rng(2)), diffusion.cosine_schedule(200)),
            *(labels(), grey(), grey(), shipped("classifier")[0]),
            **{"n": 4, "seed": 1},
        )
    ),
    "evaluate_gan": case(
        lambda: args(shipped("gan", "conditional")[0], shipped("classifier")[0], "conditional", n=4, seed=1)
    ),
    "evaluate_lattice_flow": case(lambda: args(lattice_flow(), 0.1, samples=8, seed=1)),
    "evaluate_phi4": case(
        lambda: args(train.phi4_unet(rng=rng(1)), diffusion.cosine_schedule(1000), 1.0, most=2, seed=1)
    ),
    "evaluate_rbm": case(lambda: args(machine(), grey(), base_images=grey(), temperatures=3, chains=2, seed=1)),
    "evaluate_vae": case(lambda: args(autoencoder(), grey(), samples=2, seed=1)),
    "exact_averages": case(lambda: args(8, 2.5)),
    "exact_draws": case(lambda: args(5, 2.5, 3, seed=1)),
    "fit_model": case(lambda: args("autoregressive", lattices(), seed=1, steps=1), allow={"steps": ["None"]}),
    "flow_digits": case(
        lambda: args(train.diffusion_unet(rng=rng(1)), labels(2), steps=1, method="euler", seed=1, rows=2)
    ),
    "gan_networks": case(lambda: args("dcgan", rng=rng())),
    "judge_samples": case(lambda: args(lattices(), 2.5, points=4)),
    "keep_freed_memory": case(lambda: args()),
    "load_classifier": case(lambda: args(None), allow=OPTIONAL),
    "load_deep_energy": case(lambda: args(None), allow=OPTIONAL),
    "load_diffusion": case(lambda: args(None), allow=OPTIONAL),
    "load_diffusion_samples": case(lambda: args(None), allow=OPTIONAL),
    "load_flow_matching": case(lambda: args(None), allow=OPTIONAL),
    "load_gan": case(lambda: args("dcgan")),
    "load_lattice_flow": case(lambda: args("critical")),
    "load_one_lattice": case(lambda: args("flow", "T_c", None), allow=OPTIONAL),
    "load_phi4": case(lambda: args(None), allow=OPTIONAL),
    "load_study": case(lambda: args("ising_gan")),
    "load_vae": case(lambda: args("vae")),
    "load_weights": case(lambda: args("toy", written("weights")), allow={"folder": ["None"]}),  # the package's own
    "long_chains": case(
        lambda: args(4, 0.3, **{"chains": 2, "trajectories": 3, "step_size": 0.1, "steps": 2, "seed": 1})
    ),
    "measure": case(lambda: args(lattices())),
    "move_average": case(lambda: args(layer(), layer(), 0.5)),
    "nats_above": case(
        lambda: args(torch.rand(4, generator=rng(1)), torch.rand(4, generator=rng(2)), normalised=True),
        allow={"normalised": ["True"]},
    ),
    "one_lattice_samples": case(lambda: args(None), allow=OPTIONAL),
    "phi4_unet": case(lambda: args(rng=rng())),
    "read_record": case(lambda: args("classifier")),
    "read_checkpoint": case(lambda: args(written("checkpoint")), allow=PATH),
    "sample_phi4": case(
        lambda: args(
            *(train.phi4_unet(rng=rng(1)), SCHEDULE, 1.0, 2),
            **{"rng": rng(), "L": 8, "sampler": "ddim", "first": 20, "steps": 1, "batch": 2},
        ),
        allow={"first": ["None"]},  # its default
    ),
    "settle_normalisation": case(
        lambda: args(train.gan_networks("dcgan", rng=rng(1))[0], "normal", seed=1, batches=1, size=2)
    ),
    "show_record": case(lambda: args("classifier", fresh() / "curves.png"), allow={"picture": ["None", "string"]}),
    "train": case(
        lambda: args(
            *(nothing, 1, train.State({"m": layer()})),
            **{"folder": fresh(), "settings": {"a": 1}, "every": 1.0, "log_every": 1, "name": "toy"},
        ),
        allow=NAMED | {"name": ["string"]},
    ),
    "study_first_gan": case(lambda: args(epochs=1, seeds=1)),
    "study_diffusion_copies": case(lambda: args(grey(), samples=10)),
    "study_gan_copies": case(lambda: args(grey(), samples=10)),
    "study_ising_gan": case(lambda: args(epochs=1, seeds=1)),
    "study_one_lattice": case(lambda: args(finished(), seeds=1, large_seeds=0), allow=OPTIONAL),
    "study_phi4_chains": case(lambda: args(trajectories=2, seeds=1)),
    "study_phi4_weights": case(lambda: args(samples=2, steps=1, batch=2)),
    "study_vae_collapse": case(lambda: args(epochs=1, seeds=1)),
    "study_vae_rate_distortion": case(lambda: args(epochs=1, seeds=1)),
    "two_point": case(lambda: args(3, 2.5)),
    "train_classifier": case(lambda: args(grey(), labels(), fresh(), learning_rate=1e-3, **SHORT), allow=NAMED),
    "train_deep_energy": case(
        lambda: args(
            *(grey(), fresh()),
            **SHORT,
            **{"chain": 2, "learning_rate": 1e-4, "penalty": 0.1, "decay": 0.9, "until": 1},
        ),
        allow=NAMED | {"until": ["None"]},  # its default
    ),
    "train_diffusion": case(
        lambda: args(
            *(grey(), labels(), fresh()),
            start=train.diffusion_unet(rng=rng(1)),
            **{"drop": 0.1, "half": False, "until": 1},
            **SHORT,
            **DECAYING,
        ),
        allow=NAMED | {"half": ["True"], "start": ["None"], "until": ["None"]},  # their defaults
    ),
    "train_flow_matching": case(
        lambda: args(
            *(grey(), labels(), fresh()),
            start=train.diffusion_unet(rng=rng(1)),
            **SHORT,
            **{"learning_rate": 1e-3, "decay": 0.5, "drop": 0.1, "half": False, "until": 1},
        ),
        allow=NAMED | {"half": ["True"], "start": ["None"], "until": ["None"]},  # their defaults
    ),
    "train_gan": case(lambda: args(grey(), labels(), "conditional", fresh(), shown=2, **SHORT), allow=NAMED),
    "train_lattice_flow": case(lambda: args("critical", fresh(), **SHORT, learning_rate=1e-3), allow=NAMED),
    "train_phi4": case(lambda: args(fields(), fresh(), **SHORT, **DECAYING), allow=NAMED),
    "train_rbm": case(
        lambda: args(
            *(grey(), fresh()),
            **SHORT,
            **{"hidden": 3, "chains": 2, "k": 1, "learning_rate": 0.1, "rate_steps": 5.0, "decay": 1e-3, "average": 8},
        ),
        allow=NAMED | {"average": ["float for int"]},  # any power
    ),
    "train_vae": case(
        lambda: args(
            *(grey(), fresh()),
            **SHORT,
            **{"k": 2, "first_k": 1, "first_steps": 1, "draws": 1, "learning_rate": 1e-3, "last_learning_rate": 1e-4},
            start=None,
        ),
        allow=NAMED | {"start": ["None", "string"]},
    ),
    "write_checkpoint": case(lambda: args(fresh() / "c.safetensors", {"a": torch.ones(2)}, {"n": 1}), allow=PATH),
    "write_weights": case(lambda: args(fresh() / "toy", {"a": torch.ones(2)}, {"n": 1}), allow=PATH),
}
