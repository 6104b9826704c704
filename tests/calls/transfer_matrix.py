"""Valid calls of genphys.systems.transfer_matrix."""

import torch
from promise import args, case, rng


def lattice():
    return tuple(0.3 * torch.ones(3, 4, dtype=torch.float64) for _ in range(3))


CALLS = {
    "draw": case(lambda: args(5, *lattice(), rng=rng())),
    "log_partition": case(lambda: args(*lattice())),
    "uniform": case(lambda: args(4, 2.0)),
}
