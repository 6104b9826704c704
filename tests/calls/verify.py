"""Valid calls of genphys.verify."""

import torch
from promise import args, case


def sides():
    x = torch.linspace(1, 2, 6)
    return x, x.exp().log()


def slope():
    n = torch.tensor([1.0, 10.0, 100.0])
    return n, n.clone(), 1.0, 0.1


WORDS = {"route": ["string"]}  # any words
CALLS = {
    "compare": case(
        lambda: args("eq:x", *sides(), 1e-4, relation="=", scale=1.0, route="a against b"),
        allow={**WORDS, "scale": ["None"]},
    ),
    "compare_slope": case(lambda: args("eq:x", *slope(), route="a against b"), allow=WORDS),
    "report": case(
        lambda: args("speed", 0.15, (0.1, 0.2), unit="nats", digits=3), allow={"name": ["string"], "unit": ["string"]}
    ),
    "verify": case(lambda: args("eq:x", *sides(), stderr=1e-2, sigmas=4.0, route="a against b"), allow=WORDS),
    "verify_slope": case(lambda: args("eq:x", *slope(), route="a against b"), allow=WORDS),
}
