"""Valid calls of genphys.deep_energy."""

import torch
from promise import args, case, rng

from genphys import deep_energy

D = torch.float64


def spins():
    return torch.tensor([[1.0, -1.0, 1.0], [-1.0, -1.0, 1.0], [1.0, 1.0, -1.0], [1.0, 1.0, 1.0]], dtype=D).repeat(6, 1)


def pairs(s):
    return torch.stack([s[:, 0] * s[:, 1], s[:, 1] * s[:, 2]], 1)


def differences():
    return deep_energy.flip_differences.__wrapped__(pairs, spins())


def points(d=2):
    return torch.linspace(-1, 1, 6 * d, dtype=D).view(6, d)


def bowl(x):
    return (x**2).sum(1) / 2


def network():
    return deep_energy.ConvEnergy(2, rng=rng())


CALLS = {
    "ConvEnergy": case(lambda: args(2, rng=rng())),
    "ConvEnergy.forward": case(lambda: args(network(), torch.zeros(2, 784)), allow={"x": ["NaN"]}),  # passed on
    "denoising_loss": case(lambda: args(bowl, points(), 0.5, rng=rng())),
    "explicit_loss": case(lambda: args(bowl, points())),
    "fit_pseudolikelihood": case(lambda: args(differences(), steps=3)),
    "flip_differences": case(lambda: args(pairs, spins())),
    "godambe_covariance": case(lambda: args(torch.zeros(2, dtype=D), differences())),
    "langevin_step": case(lambda: args(bowl, points(), 0.1, rng=rng())),
    "linear_score_matching": case(lambda: args(torch.eye(2, dtype=D).expand(5, 2, 2), torch.ones(5, 2, dtype=D))),
    "log_pseudolikelihood": case(lambda: args(torch.zeros(2, dtype=D), differences())),
    "metropolis_langevin_step": case(lambda: args(bowl, points(), 0.1, rng=rng())),
    "noise_contrastive_loss": case(lambda: args(torch.ones(4), torch.ones(5))),
    "run_langevin": case(lambda: args(bowl, points(), 0.1, 3, rng=rng())),
    "score_of": case(lambda: args(bowl, points(), create_graph=False), allow={"create_graph": ["True"]}),
    "short_run": case(
        lambda: args(network(), torch.zeros(2, 784), 2, rng=rng(), step_size=10.0, noise=0.005, most=0.03)
    ),
    "sliced_loss": case(lambda: args(bowl, points(), rng=rng())),
}
