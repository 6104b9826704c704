"""Valid calls of genphys.rbm."""

import torch
from promise import args, case, rng

from genphys import rbm

D = torch.float64


def machine():
    return rbm.BernoulliRBM(4, 3, std=0.5, rng=rng()).to(D)


def gaussian():
    return rbm.GaussianBernoulliRBM(4, 3, sigma=0.8, std=0.5, rng=rng()).to(D)


def units(n, width):
    return (torch.arange(n * width).view(n, width) % 3 == 0).to(D)


def chains(model):
    return rbm.persistent_chains(model, 5, rng=rng())


def path():
    return torch.linspace(0, 1, 4, dtype=D)


def bias():
    return torch.full((4,), 0.3, dtype=D)


def methods(name, make):
    """The rows of what both machines have."""
    return {
        f"{name}.base_bias": case(lambda: args(make(), units(6, 4))),
        f"{name}.energy": case(lambda: args(make(), units(6, 4), units(6, 3))),
        f"{name}.exact_moments": case(lambda: args(make())),
        f"{name}.exact_sample": case(lambda: args(make(), 5, rng=rng())),
        f"{name}.extra_repr": case(lambda: args(make())),
        f"{name}.free_energy": case(lambda: args(make(), units(6, 4))),
        f"{name}.gibbs": case(lambda: args(make(), units(6, 4), 2, rng=rng())),
        f"{name}.hidden_field": case(lambda: args(make(), units(6, 4))),
        f"{name}.hidden_free_energy": case(lambda: args(make(), units(6, 3))),
        f"{name}.hidden_probability": case(lambda: args(make(), units(6, 4))),
        f"{name}.log_partition": case(lambda: args(make())),
        f"{name}.log_prob": case(lambda: args(make(), units(6, 4), 1.5), allow={"log_z": ["None"]}),  # the exact one
        f"{name}.moments": case(
            lambda: args(make(), units(6, 4), torch.full((6,), 1 / 6, dtype=D)),
            allow={"weights": ["None"]},  # all rows weigh the same
        ),
        f"{name}.sample_hidden": case(lambda: args(make(), units(6, 4), rng=rng())),
        f"{name}.sample_visible": case(lambda: args(make(), units(6, 3), rng=rng())),
        f"{name}.visible_field": case(lambda: args(make(), units(6, 3))),
    }


def step():
    model = machine()
    settings = {"k": 2, "learning_rate": 0.1, "weight_decay": 0.01, "centre": True}
    return args(model, units(6, 4), chains(model), **settings, rng=rng())


def training():
    model = machine()
    settings = {"k": 2, "learning_rate": 0.1, "weight_decay": 0.01, "centre": True}
    return args(model, iter([units(6, 4)]), chains(model), **settings, rng=rng())


def phase():
    model = machine()
    return args(model, units(6, 4), chains(model), k=2, rng=rng())


BASE = {"base_bias": ["None"]}  # zero

CALLS = {
    "BernoulliRBM": case(lambda: args(4, 3, std=0.5, rng=rng())),
    "GaussianBernoulliRBM": case(lambda: args(4, 3, sigma=torch.full((4,), 0.8, dtype=D), std=0.5, rng=rng())),
    **methods("BernoulliRBM", machine),
    **methods("GaussianBernoulliRBM", gaussian),
    "BernoulliRBM.visible_probability": case(lambda: args(machine(), units(6, 3))),
    "ais": case(lambda: args(machine(), path(), 5, base_bias=bias(), rng=rng()), allow=BASE),
    "annealed_log_f": case(lambda: args(machine(), units(6, 4), 0.3, bias()), allow=BASE),
    "annealing_work": case(lambda: args(machine(), units(6, 4), path(), base_bias=bias(), rng=rng()), allow=BASE),
    "annealing_work_fused": case(lambda: args(machine(), units(6, 4), path(), base_bias=bias(), rng=rng()), allow=BASE),
    "cd_step": case(step, allow={"centre": ["True"]}),
    "cd_step_fused": case(step, allow={"centre": ["True"]}),
    "centred": case(lambda: args(machine().exact_moments(), torch.zeros(4, dtype=D), torch.zeros(3, dtype=D))),
    "contrastive_divergence": case(
        training,
        allow={"chains": ["None"], "centre": ["True"]},  # None begins CD-k
    ),
    "exact_moments": case(lambda: args(machine())),
    "exact_sample": case(lambda: args(machine(), 5, rng=rng())),
    "gibbs_kernel": case(lambda: args(machine(), 0.5, bias()), allow=BASE),
    "log_partition": case(lambda: args(machine())),
    "maximum_likelihood": case(
        lambda: args(machine(), iter([units(6, 4)]), learning_rate=0.1, weight_decay=0.01, centre=True),
        allow={"centre": ["True"]},
    ),
    "negative_phase": case(phase),
    "parallel_tempering": case(
        lambda: args(machine(), path(), units(20, 4).view(4, 5, 4), 2, base_bias=bias(), rng=rng()), allow=BASE
    ),
    "persistent_chains": case(lambda: args(machine(), 5, rng=rng())),
    "reverse_ais": case(lambda: args(machine(), path(), 5, base_bias=bias(), rng=rng()), allow=BASE),
}
