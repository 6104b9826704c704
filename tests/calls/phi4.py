"""Valid calls of genphys.systems.phi4."""

import torch
from promise import args, case, rng


def field():
    return 1 + torch.randn(5, 4, 4, generator=rng(1))


CHAINS = {"trajectories": 2, "step_size": 0.1, "steps": 2}

CALLS = {
    "action": case(lambda: args(field(), 0.3, 0.5)),
    "action_gradient": case(lambda: args(field(), 0.3, 0.5)),
    "correlation_length": case(lambda: args(field())),
    "free_propagator": case(lambda: args(4, 0.2)),
    "hybrid_monte_carlo": case(lambda: args(field(), 0.3, 0.5, **CHAINS, rng=rng())),
    "lattice_momentum_squared": case(lambda: args(4)),
    "leapfrog": case(lambda: args(field(), field(), 0.3, 0.5, step_size=0.1, steps=2)),
    "magnetisation": case(lambda: args(field())),
    "observables": case(lambda: args(field(), 0.3, 0.5)),
    "sample": case(lambda: args(3, 4, 0.3, 0.5, **CHAINS, rng=rng(), dtype=torch.float32)),
    "schwinger_dyson": case(lambda: args(field(), 0.3, 0.5)),
    "start": case(lambda: args(3, 4, rng=rng(), dtype=torch.float32)),
    "structure_factor": case(lambda: args(field())),
    "susceptibility": case(lambda: args(field())),
    "symmetry_images": case(lambda: args(field(), rng=rng())),
    "time_slice_correlation": case(lambda: args(field())),
}
