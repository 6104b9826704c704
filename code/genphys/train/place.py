"""Where a training runs: the device and the precision, taken once at its door.

By rule all chance is drawn on the processor and moved, so that a seed gives the same run on every device, and what
needs double precision stays on the processor. Weights, their gradients and the optimiser are in single precision
everywhere; ``bfloat16`` is the type of the products inside the networks (``torch.autocast``), whose answers come back
in the type of what went in.
"""

import os
from typing import Literal

import torch
from torch import nn

from genphys.arguments import require

__all__: list[str] = []

Device = Literal["cpu", "cuda", "mps"]
Precision = Literal["float32", "bfloat16"]


def available():
    """The devices that are there."""
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return [name for name, found in there.items() if found]


class Place:
    """A device and a precision.

    Args:
        device: ``"cpu"``, ``"cuda"`` or ``"mps"``. Of several CUDA devices each process that torchrun started takes its
            own.
        precision: ``"float32"`` or ``"bfloat16"``.
    """

    def __init__(self, device: Device = "cpu", precision: Precision = "float32"):
        there = available()
        require(device in there, "device", device, f"{' or '.join(there)}, which this machine has")
        self.device = torch.device(device)
        if device == "cuda":
            self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
            torch.cuda.set_device(self.device)
        self.half = precision == "bfloat16"

    def settings(self):
        """What determines a step beside the device, which does not: nothing in single precision."""
        return {"precision": "bfloat16"} if self.half else {}

    def run(self, network, *given):
        """The network's answer, in the type of what it is given."""
        if not self.half:
            return network(*given)
        with torch.autocast(self.device.type, torch.bfloat16):
            answer = network(*given)
        kind = given[0].dtype
        return tuple(part.to(kind) for part in answer) if isinstance(answer, tuple) else answer.to(kind)

    def low(self, network):
        """The network, as a module that computes in this precision."""
        return Low(network, self) if self.half else network


class Low(nn.Module):
    """A network whose products are in bfloat16."""

    def __init__(self, network, place):
        super().__init__()
        self.network, self.place = network, place

    def forward(self, *given):
        return self.place.run(self.network, *given)
