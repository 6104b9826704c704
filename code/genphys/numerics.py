"""Where numbers are kept safe: the device of a notebook, double precision by rule, and a training that diverges."""

import torch

from genphys.arguments import checked, count, number, tensor

__all__ = ["Diverged", "device", "double", "must_stay_finite"]


class Diverged(FloatingPointError):
    """A training stopped being finite; the message says what did, at which step, and what to try."""


def device():
    """The device that a notebook uses: CUDA or Apple's GPU where there is one, else the processor."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


@checked
def double(x: tensor(kind="any", finite=False) | number()):
    """``x`` in float64 on the processor: the one way by which double precision is reached from any device.

    Log-sums, the weights of annealing and schedules need it, and some devices have no float64. Gradients pass.
    """
    return x.to("cpu").to(torch.float64) if isinstance(x, torch.Tensor) else torch.tensor(x, dtype=torch.float64)


@checked
def must_stay_finite(step: count(0), advice: str, **found):
    """Raise :class:`Diverged` where one of the named tensors or numbers is not finite any more.

    Args:
        step: The number of the training step, for the message.
        advice: What to try, in a few words.
        found: What to look at, by name: losses, gradients, parameters.
    """
    for name, value in found.items():
        if not torch.as_tensor(value).isfinite().all():
            raise Diverged(f"step {step}: {name.replace('_', ' ')} is not finite any more; {advice}")
