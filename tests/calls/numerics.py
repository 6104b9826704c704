"""Valid calls of genphys.numerics."""

import torch
from promise import args, case

CALLS = {
    "device": case(lambda: args()),
    "double": case(lambda: args(torch.ones(3)), allow={"x": ["NaN", "empty", "wrong shape"]}),  # any tensor
    "must_stay_finite": case(
        lambda: args(3, "take a smaller learning rate", loss=torch.tensor(1.0)),
        allow={
            "advice": ["string"],
            "loss": ["None", "True", "string", "NaN", "empty", "wrong shape"],
        },  # what it is for
    ),
}
