"""Valid calls of genphys.exact."""

import torch
from promise import args, case, rng


def series(*shape):
    return 1 + torch.rand(shape, generator=rng(1))


def ratio(means):
    return means[0] / means[1]


CALLS = {
    "autocorrelation_time": case(lambda: args(series(20, 2))),
    "binder_cumulant": case(lambda: args(series(20, 2), correlated=True), allow={"correlated": ["True"]}),
    "correlated_mean_and_error": case(lambda: args(series(20, 2))),
    "function_of_means": case(
        lambda: args(ratio, [series(20), series(20)], correlated=False),
        allow={"correlated": ["True"]},  # the other choice
    ),
    "mean_and_error": case(lambda: args(series(20, 2)), allow={"values": ["wrong shape"]}),  # any rows
}
