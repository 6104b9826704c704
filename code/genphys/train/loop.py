"""The training loop: a step function, everything it changes, and an interruption that costs nothing."""

import json
import platform
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from genphys.arguments import checked, count, doors, function, number, require
from genphys.numerics import must_stay_finite
from genphys.train import parallel
from genphys.train.files import read_checkpoint, take, under, write_checkpoint
from genphys.train.show import curves

__all__ = ["Shuffled", "State", "keep_freed_memory", "move_average", "train"]


@dataclass
class State:
    """Everything that a training step changes, by name; nothing else may carry over from step to step.

    Tensors, modules and generators are restored in place. Of an optimiser its running averages are kept; what
    ``step`` sets from the step number, such as the learning rate, is not.
    """

    modules: dict[str, nn.Module] = field(default_factory=dict)
    optimisers: dict[str, torch.optim.Optimizer] = field(default_factory=dict)
    generators: dict[str, torch.Generator] = field(default_factory=dict)
    tensors: dict[str, torch.Tensor] = field(default_factory=dict)

    def save(self):
        """The state as a flat dictionary of copies."""
        flat = {f"tensors/{name}": tensor for name, tensor in self.tensors.items()}
        for name, module in self.modules.items():
            flat |= {f"modules/{name}/{key}": tensor for key, tensor in module.state_dict().items()}
        for name, optimiser in self.optimisers.items():
            for index, slots in optimiser.state_dict()["state"].items():
                flat |= {
                    f"optimisers/{name}/{index}/{key}": torch.as_tensor(slot)
                    for key, slot in slots.items()
                    if slot is not None
                }
        flat |= {f"generators/{name}": generator.get_state() for name, generator in self.generators.items()}
        return {key: tensor.detach().to("cpu", copy=True).contiguous() for key, tensor in flat.items()}

    @checked
    @torch.no_grad()
    def load(self, flat: dict):
        """Restore in place what :meth:`save` gave; other names or shapes are refused."""
        for name, tensor in self.tensors.items():
            saved = take(flat, f"tensors/{name}")
            if saved.shape != tensor.shape:
                raise ValueError(f"tensors/{name} has shape {tuple(saved.shape)}, takes {tuple(tensor.shape)}")
            tensor.copy_(saved)
        for name, module in self.modules.items():
            try:
                module.load_state_dict(under(flat, f"modules/{name}/"))
            except RuntimeError as error:
                raise ValueError(f"modules/{name} does not fit: {error}") from error
        for name, optimiser in self.optimisers.items():
            slots: dict[int, dict[str, torch.Tensor]] = {}
            for key, tensor in under(flat, f"optimisers/{name}/").items():
                index, slot = key.split("/", 1)
                slots.setdefault(int(index), {})[slot] = tensor
            optimiser.load_state_dict({"state": slots, "param_groups": optimiser.state_dict()["param_groups"]})
        for name, generator in self.generators.items():
            generator.set_state(take(flat, f"generators/{name}"))


def train(
    step: function,
    steps: count(),
    state: State,
    *,
    folder: Path | str,
    settings: dict,
    every: number(low=0) = 60.0,
    log_every: count() = 500,
    name: str = "training",
):
    """Take ``steps`` steps, beginning where the checkpoint in ``folder`` ends, if there is one.

    An interruption (Ctrl-C, or the termination signal) waits for the end of the step, writes the state and stops. A
    step after which a logged number, a parameter or anything else of the state is not finite stops the training too,
    with :class:`genphys.numerics.Diverged`; nothing is written then, so that the last finite state stays on disk.

    Args:
        step: Takes step ``i`` and returns numbers to be logged, or None.
        steps: The number of steps altogether; more than before lengthens a run that is complete.
        state: Everything that ``step`` changes.
        folder: Where ``checkpoint.safetensors`` lies.
        settings: All that determines a step (JSON); a checkpoint of other settings is refused.
        every: Seconds between checkpoints. They do not change the run.
        log_every: Steps over which the numbers are averaged for the history.
        name: What the progress bar says.

    Where TensorBoard is installed, the averages are written beside the checkpoint for it, too.

    Returns:
        The record: ``step``, ``settings``, ``seconds`` (of all sittings) and ``history``, a list of averages.

    Raises:
        KeyboardInterrupt: The run was interrupted; what was done is in the checkpoint.
    """
    path = Path(folder) / "checkpoint.safetensors"
    record = _begin(path, json.loads(json.dumps(settings)), state)  # the settings as they will be read back
    began, written = time.monotonic() - record["seconds"], time.monotonic()
    quiet = {} if parallel.first() else {"disable": True}  # one of several processes shows a bar, and only it writes
    begin = {"total": steps, "initial": record["step"], "desc": name, "mininterval": 1.0}
    with _patient_signals() as received, curves(folder, record["step"]) as draw, tqdm(**begin, **quiet) as bar:
        for i in range(record["step"], steps):
            found = step(i) or {}
            must_stay_finite(i + 1, _advice(path), **found, **_sums(state))
            _log(record, i + 1, found, log_every, bar, draw)
            bar.update()
            stopped = parallel.any_of(received)
            if stopped or i + 1 == steps or time.monotonic() - written > every:
                record["seconds"] = time.monotonic() - began
                flat = state.save()
                must_stay_finite(i + 1, _advice(path), **flat)
                if parallel.first():
                    write_checkpoint(path, flat, record)
                written = time.monotonic()
            if stopped:
                raise KeyboardInterrupt(f"stopped after step {i + 1}; run the same command to go on")
    return record


def _begin(path, settings, state):
    """The record to go on with: a fresh one, or that of the checkpoint, whose state is loaded."""
    found = parallel.from_first(read_checkpoint(path) if parallel.first() and path.exists() else None)
    if found is None:
        return {"step": 0, "settings": settings, "seconds": 0.0, "history": [], "sums": {}}
    tensors, record = found
    there = record["settings"]
    names = sorted(name for name in there.keys() | settings.keys() if there.get(name) != settings.get(name))
    changes = ", ".join(f"{name}: {there.get(name)!r} there, {settings.get(name)!r} here" for name in names)
    if changes:
        raise ValueError(f"{path} belongs to other settings ({changes}); choose another folder or delete it")
    state.load(tensors)
    return record


def _log(record, step, found, log_every, bar, draw):
    """Add the numbers of a step to the sums, and the means of ``log_every`` steps to the history."""
    for key, value in found.items():
        total, times = record["sums"].get(key, (0.0, 0))
        record["sums"][key] = (total + float(value), times + 1)
    record["step"] = step
    if step % log_every == 0:
        means = {key: total / times for key, (total, times) in record["sums"].items()}
        record["history"].append({"step": step} | means)
        record["sums"] = {}
        draw(step, means)
        bar.set_postfix({key: f"{value:.4g}" for key, value in means.items()}, refresh=False)


@torch.no_grad()
def _sums(state):
    """The sum of each module's parameters, in which a NaN or an infinity shows."""
    return {
        f"a parameter of {name}": sum(p.sum() for p in module.parameters()) for name, module in state.modules.items()
    }


def _advice(path):
    kept = f"; {path} keeps the last finite state" if path.exists() else ""
    return f"take a smaller learning rate, in another folder{kept}"


@contextmanager
def _patient_signals() -> Iterator[list]:
    """A list that the interrupting signal is appended to, so that a step is never cut in two."""
    stopped: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda received, _: stopped.append(received)) for number in numbers]
    try:
        yield stopped
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


class Shuffled:
    """Mini-batches in random order, each epoch another one, as a function of the step number alone.

    Args:
        n: The number of rows.
        size: The rows of a batch; the rest of an epoch that does not fill one is left out.
        seed: The seed of all the orders.
    """

    def __init__(self, n: count(), size: count(), seed: count(0)):
        require(size <= n, "size", size, f"1 to {n}, the number of rows")
        self.n, self.size, self.seed = n, size, seed
        self.per_epoch = n // size
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64)

    def __call__(self, i):
        """The row numbers of the batch of step ``i``, shape (size,)."""
        epoch, batch = divmod(i, self.per_epoch)
        if epoch != self._epoch:
            # NumPy's stream is frozen, and a sequence of two numbers seeds it without collisions
            order = np.random.RandomState([self.seed, epoch]).permutation(self.n)
            self._epoch, self._order = epoch, torch.from_numpy(order)
        return self._order[batch * self.size : (batch + 1) * self.size]


@torch.no_grad()
def move_average(average: nn.Module, model: nn.Module, rate: number(0, 1)):
    r"""Move the average of the weights a step: :math:`\bar\Theta \leftarrow (1-r)\bar\Theta + r\Theta`.

    A constant :math:`r` gives the exponential moving average of decay :math:`1-r`; with
    :math:`r = (\eta+1)/(t+\eta)` at step :math:`t=1,2,\dots` the average weighs step :math:`s` as :math:`s^\eta`.
    Buffers are copied.

    Args:
        average: A copy of the model, changed in place.
        model: The model.
        rate: :math:`r`, from 0 to 1.

    References:
        Polyak and Juditsky (1992); Shamir and Zhang (2013) for the weights that grow with the step.
    """
    for mine, theirs in zip(average.parameters(), model.parameters(), strict=True):
        mine.lerp_(theirs, rate)
    for mine, theirs in zip(average.buffers(), model.buffers(), strict=True):
        mine.copy_(theirs)


def keep_freed_memory():
    """Ask glibc to keep the memory it frees, for the rest of this process.

    Freed tensors otherwise go back to the kernel, and the next step pays for fresh pages: up to 40 % of a training
    step. It changes the whole process, so that it is a call of its own and never done by an import.

    Returns:
        Whether there was a glibc to ask.
    """
    if not sys.platform.startswith("linux") or platform.libc_ver()[0] != "glibc":
        return False
    import ctypes

    libc = ctypes.CDLL(None)
    no_mmap = libc.mallopt(-4, 0)  # M_MMAP_MAX: large blocks come from the heap too
    no_trim = libc.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD: and stay there
    return bool(no_mmap and no_trim)


doors(globals())
