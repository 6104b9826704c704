"""Valid calls of genphys.energy."""

import torch
from promise import args, case, rng

from genphys import energy


def numbers(*shape, seed=1):
    return torch.randn(shape, generator=rng(seed), dtype=torch.float64)


def family():
    return energy.ExponentialFamily(numbers(6, 4))


def machine():
    return energy.BoltzmannMachine(3, 2)


def theta():
    return numbers(15, seed=2)


def units(*shape):
    return (numbers(*shape, seed=3) > 0).to(numbers(1).dtype)


LEADING = ["wrong shape"]  # any leading dimensions
CALLS = {
    "BoltzmannMachine": case(lambda: args(3, 2)),
    "BoltzmannMachine.conditional": case(lambda: args(machine(), theta(), units(7, 5), 1), allow={"units": LEADING}),
    "BoltzmannMachine.gradient": case(lambda: args(machine(), theta(), units(7, 3))),
    "BoltzmannMachine.log_f": case(
        lambda: args(machine(), theta(), units(7, 3), units(7, 2)),
        allow={"x": LEADING, "h": [*LEADING, "None"]},  # None: the sum over all of them
    ),
    "BoltzmannMachine.log_likelihood": case(lambda: args(machine(), theta(), units(7, 3))),
    "BoltzmannMachine.log_partition": case(lambda: args(machine(), theta())),
    "BoltzmannMachine.log_partition_in_pieces": case(lambda: args(machine(), theta())),
    "BoltzmannMachine.negative_phase": case(lambda: args(machine(), theta())),
    "BoltzmannMachine.positive_phase": case(lambda: args(machine(), theta(), units(7, 3))),
    "BoltzmannMachine.posterior": case(lambda: args(machine(), theta(), units(7, 3)), allow={"x": LEADING}),
    "BoltzmannMachine.split": case(lambda: args(machine(), theta())),
    "BoltzmannMachine.statistics": case(
        lambda: args(machine(), units(7, 3), units(7, 2)), allow={"x": LEADING, "h": LEADING}
    ),
    "ExponentialFamily": case(lambda: args(numbers(6, 4))),
    "ExponentialFamily.covariance": case(lambda: args(family(), numbers(4))),
    "ExponentialFamily.log_f": case(lambda: args(family(), numbers(4))),
    "ExponentialFamily.log_partition": case(lambda: args(family(), numbers(4))),
    "ExponentialFamily.log_prob": case(lambda: args(family(), numbers(4))),
    "ExponentialFamily.mean": case(lambda: args(family(), numbers(4))),
    "ExponentialFamily.sample": case(lambda: args(family(), numbers(4), 3, rng=rng())),
    "IndependentPixels": case(lambda: args()),
    "IndependentPixels.log_partition": case(lambda: args(numbers(4))),
    "IndependentPixels.log_prob": case(lambda: args(numbers(4), units(7, 4)), allow={"x": LEADING}),
    "IndependentPixels.mean": case(lambda: args(numbers(4))),
    "IndependentPixels.sample": case(lambda: args(numbers(4), 3, rng=rng())),
    "gibbs_sweep": case(lambda: args(numbers(8).softmax(0), numbers(8))),
    "gradient_ascent": case(lambda: args(numbers(4), torch.ones_like(numbers(4)), torch.sigmoid, 0.1, 3)),
}
