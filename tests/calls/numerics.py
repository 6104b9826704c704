"""Valid calls of genphys.numerics."""

import torch
from promise import args, case

CALLS = {
    "device": case(lambda: args()),
    "double": case(lambda: args(torch.ones(3)), allow={"x": ["NaN", "empty", "wrong shape"]}),  # any tensor
    "in_pieces": case(lambda: args(torch.sqrt, torch.ones(5, 2), 2), allow={"rows": ["NaN", "empty", "wrong shape"]}),
    "must_stay_finite": case(
        lambda: args(3, "take a smaller learning rate", loss=torch.tensor(1.0)),
        allow={
            "step": ["None"],  # not known
            "advice": ["string"],
            "loss": ["None", "True", "string", "NaN", "empty", "wrong shape"],
        },  # what it is for
    ),
    "network_hash": case(lambda: args(torch.nn.utils.skip_init(torch.nn.Linear, 2, 1))),
    "tensor_hash": case(
        lambda: args(torch.ones(3), torch.arange(2)),
        allow={"tensors": ["NaN", "empty", "wrong shape", "float for int"]},  # any tensors
    ),
}
