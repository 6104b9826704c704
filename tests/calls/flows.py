"""Valid calls of genphys.flows."""

import torch
from promise import args, case, rng

from genphys import flows

D = torch.float64


def ramp(*shape):
    return torch.linspace(-1, 1, torch.Size(shape).numel(), dtype=D).reshape(shape)


def bins():
    return torch.ones(6, 3, dtype=D), torch.ones(6, 3, dtype=D), torch.ones(6, 4, dtype=D)


def mixture():
    return torch.tensor([0.4, 0.6], dtype=D), ramp(2, 2), torch.eye(2, dtype=D).repeat(2, 1, 1)


def times():
    return torch.linspace(0.1, 0.9, 6, dtype=D)


def field():
    return ramp(5, 4, 4)


def flow():
    return flows.LatticeFlow(4, 2, 3, rng=rng(1)).double()


def sink(x, t):
    return -x


CALLS = {
    "LatticeFlow": case(lambda: args(4, 2, 3, even=False, rng=rng()), allow={"even": ["True"]}),
    "LatticeFlow.forward": case(lambda: args(flow(), field())),
    "LatticeFlow.log_prob": case(lambda: args(flow(), field())),
    "affine_forward": case(lambda: args(ramp(6, 2), ramp(6, 2), ramp(6, 2))),
    "affine_inverse": case(lambda: args(ramp(6, 2), ramp(6, 2), ramp(6, 2))),
    "checkerboard": case(lambda: args(4)),
    "conditional_path": case(lambda: args("linear", ramp(6, 2), ramp(6, 2), times())),
    "effective_share": case(lambda: args(ramp(6))),
    "flow_log_prob": case(lambda: args(sink, ramp(6, 2), 3)),
    "hutchinson_variance": case(lambda: args(ramp(3, 3), "signs")),
    "independence_chain": case(lambda: args(ramp(6), rng=rng())),
    "integrate": case(lambda: args(sink, ramp(6, 2), 3, method="euler")),
    "log_partition": case(lambda: args(ramp(6))),
    "mixture_velocity": case(lambda: args("angle", *mixture(), ramp(6, 2), 0.4)),
    "path_factors": case(lambda: args("angle", times())),
    "spline_forward": case(lambda: args(ramp(6), *bins())),
    "spline_inverse": case(lambda: args(ramp(6), *bins())),
    "weighted_mean": case(lambda: args(ramp(6), ramp(6))),
}
