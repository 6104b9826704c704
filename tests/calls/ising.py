"""Valid calls of genphys.systems.ising."""

import torch
from promise import args, case, rng

from genphys.systems import ising


def spins(*shape):
    return 2.0 * torch.randint(0, 2, shape, generator=rng(1)) - 1


BOUND = {"n_samples": 2, "n_chains": 3, "burn_in": 1, "thin": 1}

CALLS = {
    "bonds": case(lambda: args(3)),
    "configurations": case(lambda: args(2, dtype=torch.float32)),
    "energy": case(lambda: args(spins(5, 3, 3), J=torch.ones(18), field=0.5)),
    "enumerate_observables": case(lambda: args(2, 2.0, J=1.5, field=0.5)),
    "heat_bath_sweep": case(lambda: args(spins(5, 3, 3), 2.0, J=torch.ones(18), field=0.5, rng=rng())),
    "magnetisation": case(lambda: args(spins(5, 3, 3))),
    "observables": case(lambda: args(spins(5, 2, 3, 3), 2.0, J=1.0, field=0.5)),
    "pair_products": case(lambda: args(spins(5, 3, 3))),
    "sample": case(
        lambda: args(4, 2.0, **BOUND, rng=rng(), step=ising.heat_bath_sweep, start=spins(3, 4, 4), dtype=torch.float32),
        allow={"start": ["None"], "dtype": ["None"]},  # their defaults
    ),
    "swendsen_wang_step": case(lambda: args(spins(5, 3, 3), 2.0, J=torch.ones(18), rng=rng())),
}
