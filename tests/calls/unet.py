"""Valid calls of genphys.networks.unet."""

import torch
from promise import args, case, rng

from genphys.networks.unet import UNet


def network():
    return UNet((8, 16), embedding=16, classes=3, rng=rng())


CALLS = {
    "UNet": case(
        lambda: args((8, 16), 1, 1, 16, 3, True, "circular", rng=rng()), allow={"attention": ["True"]}
    ),  # it is one
    "UNet.forward": case(
        lambda: args(network(), torch.zeros(2, 1, 8, 8), torch.tensor([1, 9]), torch.tensor([0, 3])),
        allow={"t": ["float for int"], "labels": ["None"]},  # fractions of a step; no label
    ),
    "time_embedding": case(lambda: args(torch.tensor([1, 9]), 16, 100.0), allow={"t": ["float for int"]}),
}
