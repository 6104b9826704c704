"""Valid calls of genphys.systems.phi4_partition."""

import torch
from promise import args, case, rng


def field():
    return 1 + torch.randn(5, 4, 4, generator=rng(1))


CALLS = {
    "anneal": case(lambda: args(field(), [0.1, 0.2], 0.5, rng=rng(), trajectories=1, step_size=0.1, steps=2)),
    "free_log_partition": case(lambda: args(4, 0.2)),
    "hopping": case(lambda: args(field())),
    "independent_sites": case(lambda: args(3, 4, 0.5, rng=rng(), dtype=torch.float32)),
    "site_log_partition": case(lambda: args(0.5)),
}
