"""Where numbers are kept safe: devices, double precision by rule, little memory, hashes, a training that diverges."""

import hashlib
import math

import torch

from genphys.arguments import count, doors, function, many, number, tensor


class Diverged(FloatingPointError):
    """A training stopped being finite; the message says what did, at which step, and what to try."""


def device() -> torch.device:
    """The device that a notebook uses: CUDA or Apple's GPU where there is one, else the processor."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def double(x: tensor(kind="any", finite=False) | number()):
    """``x`` in float64 on the processor: the one way by which double precision is reached from any device.

    Log-sums, the weights of annealing and schedules need it, and some devices have no float64. Gradients pass.
    """
    return x.to("cpu").to(torch.float64) if isinstance(x, torch.Tensor) else torch.tensor(x, dtype=torch.float64)


def uniform(shape, like, rng):
    """Uniform numbers in [0, 1) of the type and on the device of ``like``, drawn where ``rng`` lives."""
    return torch.rand(shape, generator=rng, device=rng.device, dtype=like.dtype).to(like.device)


def standard_normal(shape, like, rng):
    """Standard normal numbers, as :func:`uniform`; drawn in float32 on Apple's GPU, which has no float64."""
    dtype = torch.float32 if rng.device.type == "mps" else like.dtype
    return torch.randn(shape, generator=rng, device=rng.device, dtype=dtype).to(like.device).to(like.dtype)


def must_stay_finite(step: count(0) | None, advice: str, **found):
    """Raise :class:`Diverged` where one of the named tensors or numbers is not finite any more.

    ``step`` is its number in the training, where that is known, and ``advice`` says what to try.
    """
    for name, value in found.items():
        value = torch.as_tensor(value)
        if not (math.isfinite(value.item()) if value.ndim == 0 else value.isfinite().all()):
            when = "" if step is None else f"step {step}: "
            raise Diverged(f"{when}{name.replace('_', ' ')} is not finite any more; {advice}")


@torch.no_grad()
def in_pieces(seen: function, rows: torch.Tensor, size: count() = 500):
    """``seen(rows)`` of a function that treats each row alone, off the graph, a few rows at a time."""
    return torch.cat([seen(piece) for piece in rows.split(size)])


def tensor_hash(*tensors: many(torch.Tensor)):
    """The SHA-256 of the tensors' types, shapes and bytes, in hexadecimal."""
    return _hash(("", x) for x in tensors)


def network_hash(network: torch.nn.Module):
    """The SHA-256 of the names, types, shapes and bytes of a network's state, in hexadecimal."""
    return _hash((f"{name} ", x) for name, x in sorted(network.state_dict().items()))


def _hash(named):
    digest = hashlib.sha256()
    for name, x in named:
        digest.update(f"{name}{x.dtype} {tuple(x.shape)};".encode())
        digest.update(x.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


doors(globals())
