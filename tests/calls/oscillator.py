"""Valid calls of genphys.systems.oscillator."""

import torch
from promise import args, case, rng


def points():
    return torch.rand(6, generator=rng(1))


ANY_SHAPE = {"x": ["wrong shape"]}

CALLS = {
    "density": case(lambda: args(points(), 2), allow=ANY_SHAPE),
    "distribution": case(lambda: args(points(), 2), allow=ANY_SHAPE),
    "draw": case(lambda: args(4, 2, rng=rng())),
    "ks_distance": case(lambda: args(points(), 2)),
    "quantile": case(lambda: args(points(), 2), allow={"u": ["wrong shape"]}),  # any shape
    "w1_distance": case(lambda: args(points(), 2, points=101)),
}
