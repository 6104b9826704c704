r"""Long trainings that can be interrupted: ``python -m genphys.train NAME``.

A training is a function ``step(i)`` that takes step :math:`i` of :math:`n` and a :class:`State` that names everything
the step changes: modules, optimisers, generators and tensors. :func:`train` runs the steps with a progress bar and
writes the state to one file, which replaces the last one only when it is complete. A run that was interrupted and
resumed is equal, bit for bit, to one that was not, since everything that is not in the state is a function of
:math:`i`: the learning rate, and the rows of the mini-batch (:class:`Shuffled`).

The general part comes first: :class:`State`, :func:`train`, :class:`Shuffled`, averages of the weights, and weights
with a record of where they come from. Each model's own training follows, as a function with a sub-command.
"""

import argparse
import copy
import hashlib
import json
import math
import os
import platform
import signal
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn
from tqdm import tqdm

import genphys

__all__ = [
    "DIFFUSION_SAMPLES",
    "GAN_RUNS",
    "PHI4",
    "PHI4_CHAIN",
    "PHI4_SAMPLERS",
    "Shuffled",
    "State",
    "burda_vae",
    "describe_phi4",
    "diffusion_unet",
    "draw_digits",
    "evaluate_diffusion",
    "evaluate_gan",
    "evaluate_phi4",
    "evaluate_rbm",
    "evaluate_vae",
    "gan_networks",
    "keep_freed_memory",
    "load_classifier",
    "load_diffusion",
    "load_diffusion_samples",
    "load_gan",
    "load_phi4",
    "load_weights",
    "main",
    "move_average",
    "phi4_unet",
    "read_checkpoint",
    "sample_phi4",
    "settle_normalisation",
    "tensor_hash",
    "train",
    "train_classifier",
    "train_diffusion",
    "train_gan",
    "train_phi4",
    "train_rbm",
    "train_vae",
    "write_checkpoint",
    "write_weights",
]


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

    def save(self) -> dict[str, torch.Tensor]:
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

    @torch.no_grad()
    def load(self, flat: dict[str, torch.Tensor]) -> None:
        """Restore in place what :meth:`save` gave.

        Raises:
            ValueError: The names or shapes are not those of this state.
        """
        for name, tensor in self.tensors.items():
            saved = _take(flat, f"tensors/{name}")
            if saved.shape != tensor.shape:
                raise ValueError(f"tensors/{name} has shape {tuple(saved.shape)}, takes {tuple(tensor.shape)}")
            tensor.copy_(saved)
        for name, module in self.modules.items():
            try:
                module.load_state_dict(_under(flat, f"modules/{name}/"))
            except RuntimeError as error:
                raise ValueError(f"modules/{name} does not fit: {error}") from error
        for name, optimiser in self.optimisers.items():
            slots: dict[int, dict[str, torch.Tensor]] = {}
            for key, tensor in _under(flat, f"optimisers/{name}/").items():
                index, slot = key.split("/", 1)
                slots.setdefault(int(index), {})[slot] = tensor
            optimiser.load_state_dict({"state": slots, "param_groups": optimiser.state_dict()["param_groups"]})
        for name, generator in self.generators.items():
            generator.set_state(_take(flat, f"generators/{name}"))


def write_checkpoint(path: Path | str, tensors: dict[str, torch.Tensor], record: dict) -> None:
    """Write tensors, and a JSON record in the header, to one safetensors file that replaces ``path`` in one move.

    An interruption at any moment leaves the old file or the new one, never half of one.

    Args:
        path: The file to write; its folder is made.
        tensors: What to keep, by name.
        record: What JSON can hold.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    content = save(tensors, metadata={"record": json.dumps(record)})
    with open(partial, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def read_checkpoint(path: Path | str) -> tuple[dict[str, torch.Tensor], dict]:
    """Read what :func:`write_checkpoint` wrote.

    Args:
        path: The file.

    Returns:
        The tensors by name, and the record.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is truncated, corrupt or has no record.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} does not exist")
    try:
        with safe_open(path, "pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dictionary)
            record = json.loads((file.metadata() or {})["record"])
    except (SafetensorError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is truncated or corrupt ({error}); delete it to begin again") from error
    return tensors, record


def train(
    step: Callable[[int], dict | None],
    steps: int,
    state: State,
    *,
    folder: Path | str,
    settings: dict,
    every: float = 60.0,
    log_every: int = 500,
    name: str = "training",
) -> dict:
    """Take ``steps`` steps, beginning where the checkpoint in ``folder`` ends, if there is one.

    An interruption (Ctrl-C, or the termination signal) waits for the end of the step, writes the state and stops.

    Args:
        step: Takes step ``i`` and returns numbers to be logged, or None.
        steps: The number of steps altogether; more than before lengthens a run that is complete.
        state: Everything that ``step`` changes.
        folder: Where ``checkpoint.safetensors`` lies.
        settings: All that determines a step (JSON); a checkpoint of other settings is refused.
        every: Seconds between checkpoints. They do not change the run.
        log_every: Steps over which the numbers are averaged for the history.
        name: What the progress bar says.

    Returns:
        The record: ``step``, ``settings``, ``seconds`` (of all sittings) and ``history``, a list of averages.

    Raises:
        ValueError: The checkpoint is corrupt, or of other settings or another state.
        KeyboardInterrupt: The run was interrupted; what was done is in the checkpoint.
    """
    path = Path(folder) / "checkpoint.safetensors"
    settings = json.loads(json.dumps(settings))  # as it will be read back
    record = {"step": 0, "settings": settings, "seconds": 0.0, "history": [], "sums": {}}
    if path.exists():
        tensors, record = read_checkpoint(path)
        different = {
            key: (record["settings"].get(key), settings.get(key))
            for key in record["settings"].keys() | settings.keys()
            if record["settings"].get(key) != settings.get(key)
        }
        if different:
            changes = ", ".join(f"{key}: {old!r} there, {new!r} here" for key, (old, new) in sorted(different.items()))
            raise ValueError(f"{path} belongs to other settings ({changes}); choose another folder or delete it")
        state.load(tensors)
    began, written = time.monotonic() - record["seconds"], time.monotonic()
    with _patient_signals() as stopped, tqdm(total=steps, initial=record["step"], desc=name, mininterval=1.0) as bar:
        for i in range(record["step"], steps):
            for key, value in (step(i) or {}).items():
                total, count = record["sums"].get(key, (0.0, 0))
                record["sums"][key] = (total + float(value), count + 1)
            record["step"] = i + 1
            if (i + 1) % log_every == 0:
                means = {key: total / count for key, (total, count) in record["sums"].items()}
                record["history"].append({"step": i + 1} | means)
                record["sums"] = {}
                bar.set_postfix({key: f"{value:.4g}" for key, value in means.items()}, refresh=False)
            bar.update()
            if stopped or i + 1 == steps or time.monotonic() - written > every:
                record["seconds"] = time.monotonic() - began
                write_checkpoint(path, state.save(), record)
                written = time.monotonic()
            if stopped:
                raise KeyboardInterrupt(f"stopped after step {i + 1}; run the same command to go on")
    return record


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

    Raises:
        ValueError: ``size`` is not from 1 to ``n``.
    """

    def __init__(self, n: int, size: int, seed: int):
        if not 1 <= size <= n:
            raise ValueError(f"size is {size}, takes 1 to {n}, the number of rows")
        self.n, self.size, self.seed = n, size, seed
        self.per_epoch = n // size
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64)

    def __call__(self, i: int) -> torch.Tensor:
        """The row numbers of the batch of step ``i``, shape (size,)."""
        epoch, batch = divmod(i, self.per_epoch)
        if epoch != self._epoch:
            # NumPy's stream is frozen, and a sequence of two numbers seeds it without collisions
            order = np.random.RandomState([self.seed, epoch]).permutation(self.n)
            self._epoch, self._order = epoch, torch.from_numpy(order)
        return self._order[batch * self.size : (batch + 1) * self.size]


@torch.no_grad()
def move_average(average: nn.Module, model: nn.Module, rate: float) -> None:
    r"""Move the average of the weights a step: :math:`\bar\Theta \leftarrow (1-r)\bar\Theta + r\Theta`.

    A constant :math:`r` gives the exponential moving average of decay :math:`1-r`; with
    :math:`r = (\eta+1)/(t+\eta)` at step :math:`t=1,2,\dots` the average weighs step :math:`s` as :math:`s^\eta`.
    Buffers are copied.

    Args:
        average: A copy of the model, changed in place.
        model: The model.
        rate: :math:`r`, from 0 to 1.

    Raises:
        ValueError: ``rate`` is not in [0, 1].

    References:
        Polyak and Juditsky (1992); Shamir and Zhang (2013) for the weights that grow with the step.
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"rate is {rate}, takes a number in [0, 1]")
    for mine, theirs in zip(average.parameters(), model.parameters(), strict=True):
        mine.lerp_(theirs, rate)
    for mine, theirs in zip(average.buffers(), model.buffers(), strict=True):
        mine.copy_(theirs)


def keep_freed_memory() -> bool:
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


def tensor_hash(*tensors: torch.Tensor) -> str:
    """The SHA-256 of the tensors' types, shapes and bytes, in hexadecimal."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(f"{tensor.dtype} {tuple(tensor.shape)};".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def write_weights(path: Path | str, tensors: dict[str, torch.Tensor], record: dict) -> None:
    """Write weights to ``path`` (``.safetensors``), and beside them the record of where they come from (``.json``).

    The record gets the versions of Python, PyTorch, NumPy and this package, and the hash of the weights.

    Args:
        path: The weights' file; the record has the same name with ``.json``.
        tensors: The weights by name.
        record: What the reader of the weights must know: settings, seed, the data and its hash, seconds, metrics.
    """
    path = Path(path).with_suffix(".safetensors")
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_checkpoint(path, tensors, {"name": path.stem})
    record = record | {
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__.split("+")[0],
            "numpy": np.__version__,
            "genphys": genphys.__version__,
        },
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    partial = path.with_suffix(".json.partial")
    partial.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    os.replace(partial, path.with_suffix(".json"))


def load_weights(name: str, folder: Path | str | None = None) -> tuple[dict[str, torch.Tensor], dict]:
    """Shipped weights and their record.

    Args:
        name: Their name, such as ``"rbm"``.
        folder: Where they lie; the package's own ``weights`` where left out.

    Returns:
        The tensors by name, and the record.

    Raises:
        ValueError: There are no weights of that name, or the file is not the one that the record describes.
    """
    folder = Path(folder) if folder is not None else Path(str(resources.files("genphys") / "weights"))
    path = folder / f"{name}.safetensors"
    if not path.is_file():
        there = ", ".join(sorted(file.stem for file in folder.glob("*.safetensors"))) or "none"
        raise ValueError(f"name is {name!r}, takes one of the weights in {folder.name}: {there}")
    record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    if hashlib.sha256(path.read_bytes()).hexdigest() != record["sha256"]:
        raise ValueError(f"{path.name} is truncated or corrupt: its hash is not that of its record; fetch it again")
    return read_checkpoint(path)[0], record


def _take(flat, key):
    if key not in flat:
        raise ValueError(f"the checkpoint has no {key}; it belongs to another training")
    return flat[key]


def _under(flat, prefix):
    return {key.removeprefix(prefix): tensor for key, tensor in flat.items() if key.startswith(prefix)}


# The restricted Boltzmann machine


def train_rbm(images, folder, *, steps, hidden, batch, chains, k, rate, rate_steps, decay, average, seed, every=60.0):
    r"""Train a Bernoulli RBM on stochastically binarised images by persistent contrastive divergence.

    Each step draws a batch, binarises it anew and takes a centred PCD-k step of size
    :math:`r/(1+t/\tau)`; the average of the weights over the last steps, with weight :math:`t^\eta`, is what is kept.

    Args:
        images: Grey values in [0, 1], shape (n, M).
        folder: Where the checkpoint lies.
        steps: The number of steps.
        hidden: The number of hidden units.
        batch: The number of images in a step.
        chains: The number of persistent chains.
        k: Gibbs steps a training step.
        rate: The first step size :math:`r`.
        rate_steps: :math:`\tau`.
        decay: The weight decay.
        average: :math:`\eta`.
        seed: The seed of the whole run.
        every: Seconds between checkpoints.

    Returns:
        The averaged machine and the record of :func:`train`.
    """
    from genphys import data, rbm

    generator = torch.Generator().manual_seed(seed)
    model = rbm.BernoulliRBM(images.shape[1], hidden, generator=generator)
    with torch.no_grad():
        model.visible_bias.copy_(model.base_bias(images))
    averaged = copy.deepcopy(model)
    state = rbm.persistent_chains(model, chains, generator)
    rows = Shuffled(len(images), batch, seed)

    def step(i):
        x = data.binarise(images[rows(i)], generator)
        state.step = i
        size = rate / (1 + i / rate_steps)
        for _ in rbm.contrastive_divergence(
            model, [x], state, k=k, learning_rate=size, weight_decay=decay, generator=generator
        ):
            move_average(averaged, model, min(1.0, (average + 1) / (i + 1 + average)))
        if i % 50:
            return None
        with torch.no_grad():
            return {"free_energy_gap": model.free_energy(x).mean() - model.free_energy(state.visible).mean()}

    record = train(
        step,
        steps,
        State(
            modules={"model": model, "averaged": averaged},
            generators={"generator": generator},
            tensors={"hidden": state.hidden, "visible_mean": state.visible_mean, "hidden_mean": state.hidden_mean},
        ),
        folder=folder,
        settings={
            "hidden": hidden,
            "batch": batch,
            "chains": chains,
            "k": k,
            "rate": rate,
            "rate_steps": rate_steps,
            "decay": decay,
            "average": average,
            "seed": seed,
            "data": tensor_hash(images),
        },
        every=every,
        name="rbm",
    )
    return averaged, record


def evaluate_rbm(model, images, *, base_images, temperatures, chains, seed):
    r"""Test log-likelihood by annealed importance sampling, on the one fixed binarisation of the test images.

    Args:
        model: The machine.
        images: Grey test images, shape (n, M).
        base_images: The grey images whose means are the base of the annealing.
        temperatures: The number of temperatures.
        chains: The number of annealing runs.
        seed: The seed of the annealing.

    Returns:
        A dictionary: the mean log-likelihood in nats, the standard error from log Z and that from the finite test
        set, log Z, and the settings.
    """
    from genphys import data, rbm

    x = data.fixed_binarisation(images)
    generator = torch.Generator().manual_seed(seed)
    betas = torch.linspace(0, 1, temperatures, dtype=torch.float64)
    annealed = rbm.ais(model, betas, chains, base_bias=model.base_bias(base_images), generator=generator)
    with torch.no_grad():
        free_energy = torch.cat([model.free_energy(part) for part in x.split(1000)]).double()
    return {
        "log_likelihood": -(free_energy.mean() + annealed.log_z).item(),
        "stderr_log_z": annealed.stderr.item(),
        "stderr_test_set": (free_energy.std() / len(x) ** 0.5).item(),
        "log_z": annealed.log_z.item(),
        "temperatures": temperatures,
        "chains": chains,
        "seed": seed,
        "binarisation_seed": data.BINARISATION_SEED,
        "test_images": len(x),
        "test_data": tensor_hash(images),
    }


def _rbm_command(arguments):
    from genphys import data

    images = data.mnist(arguments.data, exclude_digits=True)[0]
    model, record = train_rbm(
        images,
        arguments.folder,
        steps=arguments.steps,
        hidden=arguments.hidden,
        batch=arguments.batch,
        chains=arguments.chains,
        k=arguments.k,
        rate=arguments.rate,
        rate_steps=arguments.rate_steps,
        decay=arguments.decay,
        average=arguments.average,
        seed=arguments.seed,
        every=arguments.every,
    )
    began, test = time.monotonic(), data.mnist(arguments.data, train=False)[0]
    metrics, ten_times = (
        evaluate_rbm(
            model, test, base_images=images, temperatures=temperatures, chains=arguments.ais_chains, seed=arguments.seed
        )
        for temperatures in (arguments.temperatures, 10 * arguments.temperatures)
    )
    print(f"test log-likelihood {metrics['log_likelihood']:.2f} +- {metrics['stderr_log_z']:.2f} nats (from log Z)")
    print(f"with ten times as many temperatures {ten_times['log_likelihood']:.2f} +- {ten_times['stderr_log_z']:.2f}")
    provenance = _provenance(arguments, "BernoulliRBM", record, _without_digits(images)) | {
        "seconds_evaluation": round(time.monotonic() - began),
        "metrics": metrics,
        "metrics_ten_times_the_temperatures": ten_times,
    }
    write_weights(Path(arguments.folder) / "rbm", model.state_dict(), provenance)


def _rbm_parser(commands):
    parser = commands.add_parser("rbm", help="784-500 Bernoulli machine on binarised MNIST, by PCD")
    _common(parser, steps=125_000, seed=1)
    parser.add_argument("--hidden", type=int, default=500, help="hidden units")
    parser.add_argument("--batch", type=int, default=100, help="images in a step")
    parser.add_argument("--chains", type=int, default=100, help="persistent chains")
    parser.add_argument("--k", type=int, default=1, help="Gibbs steps a training step")
    parser.add_argument("--rate", type=float, default=0.12, help="first step size r of r / (1 + t / rate-steps)")
    parser.add_argument("--rate-steps", type=float, default=5_000, help="steps after which the step size is halved")
    parser.add_argument("--decay", type=float, default=1e-4, help="weight decay")
    parser.add_argument("--average", type=float, default=8, help="eta: the average weighs step t as t^eta")
    parser.add_argument("--temperatures", type=int, default=10_000, help="temperatures of the evaluation")
    parser.add_argument("--ais-chains", type=int, default=100, help="annealing runs of the evaluation")
    parser.set_defaults(run=_rbm_command)


# The variational autoencoder


def burda_vae():
    """The network of Burda, Grosse and Salakhutdinov (2015): 50 latent units, two layers of 200 tanh on each side."""
    from genphys import vae

    encoder = vae.dense_encoder(784, (200, 200), 50)
    return vae.VAE(encoder, vae.BernoulliDecoder(vae.dense_decoder_net(50, (200, 200), 784)), 784, 50)


def train_vae(
    images, folder, *, steps, k, first_k, first_steps, draws, batch, rate, last_rate, seed, start=None, every=60.0
):
    r"""Train :func:`burda_vae` on images binarised anew at every step, by Adam with a rate that falls as a cosine.

    Each step ascends the importance-weighted bound of ``k`` samples; ``k = 1`` is the evidence lower bound, with its
    KL term in closed form. Where ``k`` exceeds ``draws``, only ``draws`` resampled ones are differentiated
    (:meth:`genphys.vae.VAE.resampled_bound`), which leaves the gradient unbiased.

    Args:
        images: Grey values in [0, 1], shape (n, 784).
        folder: Where the checkpoint lies.
        steps: The number of steps.
        k: The number of importance samples.
        first_k: Their number in the first steps, where a looser bound is as good and cheaper.
        first_steps: How many steps those are.
        draws: The number of samples that are differentiated.
        batch: The number of images in a step.
        rate: The first learning rate.
        last_rate: The last one.
        seed: The seed of the whole run.
        start: A file of weights to begin from; random ones where left out.
        every: Seconds between checkpoints.

    Returns:
        The model and the record of :func:`train`.

    References:
        Burda, Grosse and Salakhutdinov, Importance weighted autoencoders (2015).
    """
    from genphys import data, vae

    generator = torch.Generator().manual_seed(seed)
    model = vae.initialise(burda_vae(), generator)
    with torch.no_grad():
        model.decoder.net[-1].bias.copy_(torch.logit(images.mean(0), eps=1e-3))
    if start is not None:
        model.load_state_dict(read_checkpoint(start)[0])
    began_from = tensor_hash(*model.state_dict().values())
    optimiser = torch.optim.Adam(model.parameters(), lr=rate, fused=True)
    rows = Shuffled(len(images), batch, seed)

    def bound(x, samples):
        if samples == 1:
            reconstruction, kl = model.elbo(x, generator)
            return reconstruction - kl
        if samples <= draws:
            return model.importance_weighted_bound(x, samples, generator)
        return model.resampled_bound(x, samples, draws, generator)

    def step(i):
        samples = first_k if i < first_steps else k
        optimiser.param_groups[0]["lr"] = last_rate + 0.5 * (rate - last_rate) * (1 + math.cos(math.pi * i / steps))
        x = data.binarise(images[rows(i)], generator)
        optimiser.zero_grad()
        total = 0.0
        for piece in x.split(max(1, 1000 // samples)):  # 1 000 decoded rows at a time stay in the processor's cache
            loss = -bound(piece, samples).sum() / len(x)
            loss.backward()
            total -= loss.item()
        optimiser.step()
        return {"bound": total, "k": samples}

    record = train(
        step,
        steps,
        State(modules={"model": model}, optimisers={"adam": optimiser}, generators={"generator": generator}),
        folder=folder,
        settings={
            "steps": steps,  # the rate depends on it
            "start": began_from,
            "k": k,
            "first_k": first_k,
            "first_steps": first_steps,
            "draws": draws,
            "batch": batch,
            "rate": rate,
            "last_rate": last_rate,
            "seed": seed,
            "data": tensor_hash(images),
        },
        every=every,
        log_every=rows.per_epoch,
        name="vae" if k == 1 else "iwae",
    )
    return model, record


def evaluate_vae(model, images, *, samples, seed):
    r"""Test log-likelihood by importance sampling, on the one fixed binarisation of the test images.

    Args:
        model: The autoencoder.
        images: Grey test images, shape (n, M).
        samples: The number :math:`k` of importance samples an image.
        seed: Their seed.

    Returns:
        A dictionary: the mean of the bound :math:`\mathcal{L}_k` in nats and the standard error from the finite test
        set, the two terms of the evidence lower bound, and the settings.
    """
    from genphys import data

    x = data.fixed_binarisation(images)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        reconstruction, kl = (term.double().mean().item() for term in model.elbo(x, generator))
    parts = [model.log_likelihood_bound(part, samples, generator, rows=2000) for part in tqdm(x.split(100))]
    bound = torch.cat(parts).double()
    return {
        "log_likelihood": bound.mean().item(),
        "stderr_test_set": (bound.std() / len(x) ** 0.5).item(),
        "importance_samples": samples,
        "elbo": reconstruction - kl,
        "reconstruction": reconstruction,
        "kl": kl,
        "seed": seed,
        "binarisation_seed": data.BINARISATION_SEED,
        "test_images": len(x),
        "test_data": tensor_hash(images),
    }


_VAE_OPTIONS = ("steps", "k", "first_k", "first_steps", "draws", "batch", "rate", "last_rate", "seed", "start")


def _vae_command(arguments):
    from genphys import data

    options = {name: getattr(arguments, name) for name in _VAE_OPTIONS}
    images = data.mnist(arguments.data, exclude_digits=True)[0]
    model, record = train_vae(images, arguments.folder, **options, every=arguments.every)
    began = time.monotonic()
    test = data.mnist(arguments.data, train=False)[0]
    metrics = evaluate_vae(model, test, samples=arguments.importance_samples, seed=arguments.seed)
    print(f"test log-likelihood {metrics['log_likelihood']:.2f} nats, a lower bound")
    provenance = _provenance(arguments, "burda_vae", record, _without_digits(images)) | {
        "seconds_evaluation": round(time.monotonic() - began),
        "metrics": metrics,
    }
    if arguments.start is not None:
        provenance["before"] = json.loads(Path(arguments.start).with_suffix(".json").read_text(encoding="utf-8"))
    write_weights(Path(arguments.folder) / ("vae" if arguments.k == 1 else "iwae"), model.state_dict(), provenance)


def _vae_parser(commands):
    parser = commands.add_parser("vae", help="autoencoder of Burda et al. on binarised MNIST, by ELBO or bound of k")
    _common(parser, steps=80_000, seed=1)
    parser.add_argument("--k", type=int, default=1, help="importance samples; 1 is the ELBO")
    parser.add_argument("--first-k", type=int, default=1, help="importance samples in the first steps")
    parser.add_argument("--first-steps", type=int, default=0, help="how many steps those are")
    parser.add_argument("--draws", type=int, default=8, help="samples that are differentiated, at most")
    parser.add_argument("--batch", type=int, default=100, help="images in a step")
    parser.add_argument("--rate", type=float, default=2e-3, help="first learning rate")
    parser.add_argument("--last-rate", type=float, default=2e-5, help="last learning rate")
    parser.add_argument(
        "--start", default=None, help="weights to begin from, with their record beside them (default: random ones)"
    )
    parser.add_argument("--importance-samples", type=int, default=5_000, help="samples of the evaluation")
    parser.set_defaults(run=_vae_command)


# The classifier of digits


def train_classifier(images, labels, folder, *, steps, batch, rate, seed, every=60.0):
    """Train :class:`genphys.classifier.Classifier` by cross entropy, with Adam and a rate that falls linearly to zero.

    Args:
        images: Grey values in [0, 1], shape (n, 784).
        labels: Their classes, shape (n,).
        folder: Where the checkpoint lies.
        steps: The number of steps.
        batch: The number of images in a step.
        rate: The first learning rate.
        seed: The seed of the whole run.
        every: Seconds between checkpoints.

    Returns:
        The classifier in evaluation mode and the record of :func:`train`.
    """
    from genphys.classifier import Classifier

    model = Classifier(torch.Generator().manual_seed(seed))
    optimiser = torch.optim.Adam(model.parameters(), lr=rate, fused=True)
    rows = Shuffled(len(images), batch, seed)

    def step(i):
        optimiser.param_groups[0]["lr"] = rate * (1 - i / steps)
        now = rows(i)
        loss = nn.functional.cross_entropy(model(images[now]), labels[now])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return {"cross_entropy": loss.detach()}

    settings = {"batch": batch, "rate": rate, "seed": seed, "data": tensor_hash(images, labels)}
    state = State(modules={"model": model}, optimisers={"adam": optimiser})
    record = train(step, steps, state, folder=folder, settings=settings, every=every, log_every=250, name="classifier")
    return model.eval(), record


def load_classifier(folder=None):
    """The shipped classifier of digits in evaluation mode, and its provenance.

    Args:
        folder: Where the weights lie; the package's own where left out.

    Returns:
        The :class:`genphys.classifier.Classifier` and the record: settings, data, test accuracy.

    Raises:
        ValueError: The file is missing, corrupt or of another network.
    """
    from genphys.classifier import Classifier

    tensors, record = load_weights("classifier", folder)
    model = Classifier()
    _fill(model, tensors, "classifier")
    return model.eval(), record


def _classifier_command(arguments):
    from genphys import data
    from genphys.classifier import accuracy

    images, labels = data.mnist(arguments.data, exclude_digits=True)
    model, record = train_classifier(
        images,
        labels,
        arguments.folder,
        steps=arguments.steps,
        batch=arguments.batch,
        rate=arguments.rate,
        seed=arguments.seed,
        every=arguments.every,
    )
    held_out = data.digits()
    metrics = {
        "mnist_test_accuracy": accuracy(model, *data.mnist(arguments.data, train=False)),
        "digits_test_accuracy": accuracy(model, held_out.test_images, held_out.test_labels),
    }
    print(
        f"test accuracy {metrics['mnist_test_accuracy']:.4f} (MNIST), {metrics['digits_test_accuracy']:.4f} (digits())"
    )
    provenance = _provenance(arguments, "Classifier", record, _without_digits(images)) | {"metrics": metrics}
    write_weights(Path(arguments.folder) / "classifier", model.state_dict(), provenance)


def _classifier_parser(commands):
    parser = commands.add_parser("classifier", help="small convolutional classifier of digits")
    _common(parser, steps=3300, seed=1)
    parser.add_argument("--batch", type=int, default=100, help="images in a step")
    parser.add_argument("--rate", type=float, default=2e-3, help="first learning rate, falls linearly to 0")
    parser.set_defaults(run=_classifier_command)


# Generative adversarial networks

GAN_RUNS = {
    "lecture": {"loss": "non-saturating", "noise": "uniform", "noise_size": 20, "channels": 0, "d_channels": 0,
                "d_steps": 1, "rate": 1e-3, "betas": [0.9, 0.999], "gp_weight": 0.0, "r1_weight": 0.0, "decay": 0.0,
                "falling": False, "steps": 42_950},
    "dcgan": {"loss": "non-saturating", "noise": "normal", "noise_size": 64, "channels": 16, "d_channels": 32,
              "d_steps": 2, "rate": 1e-3, "betas": [0.5, 0.999], "gp_weight": 0.0, "r1_weight": 0.0, "decay": 0.999,
              "falling": True, "steps": 5000},
    "wgan-gp": {"loss": "wasserstein", "noise": "normal", "noise_size": 64, "channels": 16, "d_channels": 32,
                "d_steps": 2, "rate": 1e-3, "betas": [0.5, 0.9], "gp_weight": 10.0, "r1_weight": 0.0, "decay": 0.998,
                "falling": True, "steps": 3000},
    "conditional": {"loss": "non-saturating", "noise": "normal", "noise_size": 64, "channels": 16, "d_channels": 16,
                    "d_steps": 1, "rate": 5e-4, "betas": [0.5, 0.999], "gp_weight": 0.0, "r1_weight": 0.1,
                    "decay": 0.998, "falling": True, "steps": 5000},
}  # fmt: skip


def gan_networks(run, rng=None):
    """The generator and the discriminator of one of the four shipped runs, with fresh weights.

    Args:
        run: ``"lecture"`` (the source lecture's fully connected networks), ``"dcgan"``, ``"wgan-gp"`` or
            ``"conditional"``.
        rng: The source of the first weights and of dropout.

    Returns:
        The two networks.

    Raises:
        ValueError: ``run`` is unknown.
    """
    from genphys import gan

    if run not in GAN_RUNS:
        raise ValueError(f"run is {run!r}, takes one of {', '.join(map(repr, GAN_RUNS))}")
    size, channels, d_channels = (GAN_RUNS[run][key] for key in ("noise_size", "channels", "d_channels"))
    if run == "lecture":
        return gan.mlp_generator(size, rng=rng), gan.mlp_discriminator(rng=rng)
    if run == "conditional":
        return (
            gan.ConditionalGenerator(size, channels=channels, rng=rng),
            gan.ConditionalDiscriminator(channels=d_channels, rng=rng),
        )
    return gan.conv_generator(size, channels, rng=rng), gan.conv_discriminator(d_channels, rng=rng)


def train_gan(images, labels, run, folder, *, steps, batch, seed, shown=20, every=60.0):
    """Train one of the four GANs on digits; a step is one step of the generator.

    The weights of the generator are averaged over the last steps (not in the lecture's run), and the samples of the
    average at noise that never changes are recorded on the way.

    Args:
        images: Grey values in [0, 1], shape (n, 784).
        labels: Their classes, shape (n,); only the conditional run looks at them.
        run: See :func:`gan_networks`.
        folder: Where the checkpoint lies.
        steps: The number of steps of the generator.
        batch: The number of images in a step of the discriminator.
        seed: The seed of the whole run.
        shown: The number of samples recorded at a time.
        every: Seconds between checkpoints.

    Returns:
        The averaged generator, the discriminator, the samples as uint8, shape (times, shown, 784), the steps at which
        they were taken, and the record of :func:`train`.
    """
    from genphys import gan

    rng = torch.Generator().manual_seed(seed)
    g, d = gan_networks(run, rng)
    setting = GAN_RUNS[run]
    averaged = copy.deepcopy(g)
    optimisers = [
        torch.optim.Adam(network.parameters(), lr=setting["rate"], betas=tuple(setting["betas"]), fused=True)
        for network in (g, d)
    ]
    conditional = run == "conditional"
    images = gan.to_signed(images)
    fixed = gan.noise(shown, g.noise_size, setting["noise"], rng=torch.Generator().manual_seed(seed + 1))
    fixed_labels = torch.arange(shown) % 10
    per_epoch = len(images) / (batch * setting["d_steps"])
    times = sorted(
        {1, steps, *(round(epoch * per_epoch) for epoch in (0.1, 0.5, 1, 2, 4, 10, 50, 100))} & {*range(1, steps + 1)}
    )
    samples = torch.zeros(len(times), shown, images.shape[1], dtype=torch.uint8)
    rows = Shuffled(len(images), batch, seed)

    def step(i):
        for optimiser in optimisers:
            optimiser.param_groups[0]["lr"] = setting["rate"] * (
                min(1.0, 2 * (1 - i / steps)) if setting["falling"] else 1
            )
        taken = [rows(i * setting["d_steps"] + k) for k in range(setting["d_steps"])]
        batches = [(images[now], labels[now]) if conditional else images[now] for now in taken]
        (found,) = gan.train(
            g,
            d,
            batches,
            g_optimiser=optimisers[0],
            d_optimiser=optimisers[1],
            rng=rng,
            loss=setting["loss"],
            kind=setting["noise"],
            d_steps=setting["d_steps"],
            gp_weight=setting["gp_weight"],
            r1_weight=setting["r1_weight"],
        )
        move_average(averaged, g, max(1 - setting["decay"], 1 / (i + 1)))
        if i + 1 in times:
            samples[times.index(i + 1)] = _grey(averaged, fixed, fixed_labels if conditional else None)
        return found._asdict()

    settings = setting | {"run": run, "batch": batch, "seed": seed, "shown": shown}
    state = State(
        modules={"g": g, "d": d, "averaged": averaged},
        optimisers={"g": optimisers[0], "d": optimisers[1]},
        generators={"rng": rng},
        tensors={"samples": samples},
    )
    record = train(
        step,
        steps,
        state,
        folder=folder,
        settings=settings | {"data": tensor_hash(images, labels)},
        every=every,
        log_every=max(1, steps // 200),
        name=f"gan {run}",
    )
    settle_normalisation(averaged, setting["noise"], seed=seed + 2)
    samples[-1] = _grey(averaged, fixed, fixed_labels if conditional else None)
    return averaged.eval(), d.eval(), samples, times, record


@torch.no_grad()
def settle_normalisation(g, kind, *, seed, batches=50, size=200):
    """Set the running means and variances of batch normalisation to those that the averaged weights have.

    Args:
        g: A generator, changed in place; one without batch normalisation stays as it is.
        kind: The noise.
        seed: The seed of the noise, and of the labels.
        batches: The number of batches that are averaged.
        size: The rows of each.
    """
    from genphys import gan

    layers = [module for module in g.modules() if isinstance(module, nn.BatchNorm2d)]
    if not layers:
        return
    before = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the plain mean over the batches
    rng = torch.Generator().manual_seed(seed)
    g.train()
    for _ in range(batches):
        z = gan.noise(size, g.noise_size, kind, rng=rng)
        g(z, torch.arange(size) % g.classes) if hasattr(g, "classes") else g(z)
    for layer, momentum in zip(layers, before, strict=True):
        layer.momentum = momentum
    g.eval()


@torch.no_grad()
def _grey(g, z, labels=None):
    """Samples as uint8; batch normalisation takes the statistics of this batch only if it has none of its own yet."""
    mode = g.training
    g.eval()
    x = g(z) if labels is None else g(z, labels)
    g.train(mode)
    return ((x + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def evaluate_gan(g, classifier, run, *, n=10_000, seed=7):
    """What the classifier finds in samples: the share of each digit, and for the conditional run the agreement.

    Args:
        g: The generator, in evaluation mode.
        classifier: The :class:`genphys.classifier.Classifier`.
        run: See :func:`gan_networks`.
        n: The number of samples.
        seed: The seed of the noise.

    Returns:
        A dictionary: ``class_shares`` (ten numbers :math:`s_k`), ``worst_share_deviation``, the largest of
        :math:`|10 s_k - 1|`, and ``agreement`` where there is a requested class.
    """
    from genphys import gan
    from genphys.classifier import accuracy, class_shares

    labels = torch.arange(n) % 10
    z = gan.noise(n, g.noise_size, GAN_RUNS[run]["noise"], rng=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        pieces = zip(z.split(500), labels.split(500), strict=True)
        x = torch.cat([g(a, b) if run == "conditional" else g(a) for a, b in pieces])
    x = gan.to_unit(x)
    shares = class_shares(classifier, x)
    found = {
        "samples": n,
        "class_shares": [round(share, 4) for share in shares.tolist()],
        "worst_share_deviation": round((10 * shares - 1).abs().max().item(), 4),
    }
    return found | ({"agreement": accuracy(classifier, x, labels)} if run == "conditional" else {})


def load_gan(run, folder=None):
    """A shipped GAN: its networks in evaluation mode, its samples over time and its record.

    Args:
        run: See :func:`gan_networks`.
        folder: Where the weights lie; the package's own where left out.

    Returns:
        The generator, the discriminator, the samples at fixed noise (uint8, shape (times, shown, 784)) and the record,
        with the steps of the samples under ``"samples_at"`` and the learning curves under ``"history"``.

    Raises:
        ValueError: ``run`` is unknown, or the file is missing, corrupt or of other networks.
    """
    g, d = gan_networks(run)
    tensors, record = load_weights(f"gan_{run.replace('-', '_')}", folder)
    _fill(g, _under(tensors, "g/"), "the generator")
    _fill(d, _under(tensors, "d/"), "the discriminator")
    return g.eval(), d.eval(), _take(tensors, "samples"), record


def _fill(model, tensors, name):
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise ValueError(f"the weights do not fit {name}: {error}") from error


def _gan_command(arguments):
    from genphys import data

    run = arguments.run_name
    images, labels = data.mnist(arguments.data, exclude_digits=True)
    steps = arguments.steps or GAN_RUNS[run]["steps"]
    g, d, samples, times, record = train_gan(
        images,
        labels,
        run,
        arguments.folder,
        steps=steps,
        batch=arguments.batch,
        seed=arguments.seed,
        every=arguments.every,
    )
    classifier, judge = load_classifier(arguments.classifier)
    metrics = evaluate_gan(g, classifier, run) | {"classifier_sha256": judge["sha256"]}
    print(f"{run}: {metrics}")
    provenance = _provenance(arguments, run, record, _without_digits(images)) | {
        "metrics": metrics,
        "samples_at": times,
    }
    tensors = {f"g/{key}": tensor for key, tensor in g.state_dict().items()}
    tensors |= {f"d/{key}": tensor for key, tensor in d.state_dict().items()} | {"samples": samples}
    write_weights(Path(arguments.folder) / f"gan_{run.replace('-', '_')}", tensors, provenance)


def _gan_parser(commands):
    parser = commands.add_parser("gan", help="generative adversarial networks on MNIST")
    parser.add_argument("run_name", metavar="RUN", choices=list(GAN_RUNS), help=", ".join(GAN_RUNS))
    _common(parser, steps=None, seed=1)
    parser.add_argument("--batch", type=int, default=64, help="images in a step of the discriminator")
    parser.add_argument(
        "--classifier", default=None, help="folder of the classifier that judges (default: the shipped one)"
    )
    parser.set_defaults(run=_gan_command)


# Diffusion


def diffusion_unet(rng=None):
    """The U-Net of the shipped diffusion model, with fresh weights: it predicts the velocity, given a label or none."""
    from genphys.unet import UNet

    return UNet(widths=(16, 32, 64), classes=10, rng=rng)


def train_diffusion(images, labels, folder, *, steps, batch, rate, decay, drop, T, seed, half, every=60.0):
    r"""Train the U-Net on digits by the velocity's mean squared error under a cosine schedule.

    A fraction of the labels is replaced by "none", so that one network serves with labels and without. The learning
    rate falls as half a cosine to zero; the moving average of the weights is what is kept.

    Args:
        images: Grey values in [0, 1], shape (n, 784).
        labels: Their classes, shape (n,).
        folder: Where the checkpoint lies.
        steps: The number of steps.
        batch: The number of images in a step.
        rate: The first learning rate.
        decay: Of the moving average.
        drop: The fraction of labels left out.
        T: The number of steps of the schedule.
        seed: The seed of the whole run.
        half: Whether convolutions and matrix products run in bfloat16 (faster where the processor has it).
        every: Seconds between checkpoints.

    Returns:
        The averaged network in evaluation mode, the schedule and the record of :func:`train`.

    References:
        Ho, Jain and Abbeel (2020); Nichol and Dhariwal (2021); Salimans and Ho (2022); Ho and Salimans (2021).
    """
    from genphys import diffusion

    rng = torch.Generator().manual_seed(seed)
    network = diffusion_unet(rng)
    averaged = copy.deepcopy(network)
    schedule = diffusion.cosine_schedule(T)
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
    images = (2 * images - 1).reshape(-1, 1, 28, 28)
    rows = Shuffled(len(images), batch, seed)
    none = network.classes

    def step(i):
        warm = min(1.0, (i + 1) / 500)
        optimiser.param_groups[0]["lr"] = warm * rate * 0.5 * (1 + math.cos(math.pi * i / steps))
        now = rows(i)
        given = labels[now].masked_fill(torch.rand(batch, generator=rng) < drop, none)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            mean = diffusion.loss(network, schedule, images[now], rng=rng, kind="velocity", labels=given).mean()
        optimiser.zero_grad()
        mean.backward()
        size = nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        move_average(averaged, network, diffusion.ema_rate(i, decay))
        return {"loss": mean.detach(), "gradient": size}

    settings = {"steps": steps, "batch": batch, "rate": rate, "decay": decay, "drop": drop, "T": T, "seed": seed}
    record = train(
        step,
        steps,
        State({"network": network, "averaged": averaged}, {"adamw": optimiser}, {"rng": rng}),
        folder=folder,
        settings=settings | {"half": half, "schedule": "cosine", "data": tensor_hash(images, labels)},
        every=every,
        log_every=rows.per_epoch // 4,
        name="diffusion",
    )
    return averaged.eval(), schedule, record


def draw_digits(network, schedule, labels, sampler, *, seed, rows=250, **options):
    """Draw digits with a diffusion model that predicts the velocity, a few rows at a time.

    Args:
        network: The U-Net, in evaluation mode.
        schedule: Its :class:`genphys.diffusion.Schedule`.
        labels: The digit asked for, or ``network.classes`` for any, shape (n,).
        sampler: A sampler of :mod:`genphys.diffusion`.
        seed: The seed of all noise.
        rows: How many at a time.
        **options: Of the sampler, such as ``steps``.

    Returns:
        Grey values in [0, 1], shape (n, 784).
    """
    from genphys import diffusion

    rng, dtype = torch.Generator().manual_seed(seed), next(network.parameters()).dtype
    if sampler in (diffusion.ancestral, diffusion.reverse_sde) or options.get("eta"):
        options["rng"] = rng
    drawn = []
    for now in labels.split(rows):
        denoise = diffusion.denoiser(network, schedule, "velocity", labels=now, clip=(-1, 1))
        x = torch.randn(len(now), 1, 28, 28, generator=rng, dtype=dtype)
        drawn.append(sampler(denoise, schedule, x, **options))
    return ((torch.cat(drawn).flatten(1) + 1) / 2).clamp(0, 1)


def evaluate_diffusion(network, schedule, labels, test, real, classifier, *, n, steps, eta, seed):
    """The Fréchet distance of samples from test images, beside that of as many training images.

    Args:
        network: The U-Net, in evaluation mode.
        schedule: Its schedule.
        labels: The labels of the training images; those of the samples are drawn from them.
        test: The reference: ``n`` test images, shape (n, 784).
        real: Training images; ``n`` of them, drawn at random, are the baseline.
        classifier: The :class:`genphys.classifier.Classifier` whose features are compared.
        n: The number of samples.
        steps: The steps of DDIM.
        eta: Its noise.
        seed: The seed of noise and labels.

    Returns:
        A dictionary: the squared distances of the samples with labels, of the samples without, and of the training
        images; how often the classifier agrees with the label; and the settings.
    """
    from genphys import diffusion, scores
    from genphys.classifier import accuracy

    rng = torch.Generator().manual_seed(seed)
    asked = labels[torch.randint(len(labels), (n,), generator=rng)]
    options = {"steps": steps, "eta": eta, "seed": seed + 1}
    given = draw_digits(network, schedule, asked, diffusion.ddim, **options)
    free = draw_digits(network, schedule, torch.full_like(asked, network.classes), diffusion.ddim, **options)

    def distance(images):
        return round(float(scores.image_frechet2(classifier, test[:n], images).value), 3)

    return {
        "n": n,
        "sampler": f"DDIM, {steps} steps, eta = {eta}",
        "frechet2": distance(given),
        "frechet2_without_labels": distance(free),
        "frechet2_training_images": distance(real[torch.randperm(len(real), generator=rng)[:n]]),
        "agreement": accuracy(classifier, given, asked),
        "features_sha256": scores.network_hash(classifier),
        "test_data": tensor_hash(test[:n]),
        "seed": seed,
    }


def load_diffusion(folder=None):
    """The shipped diffusion model of digits.

    Args:
        folder: Where the weights lie; the package's own where left out.

    Returns:
        The U-Net in evaluation mode, which predicts the velocity and takes labels (10 for none), the
        :class:`genphys.diffusion.Schedule` and the record.

    Raises:
        ValueError: The file is missing, corrupt or of another network.
    """
    from genphys import diffusion

    tensors, record = load_weights("diffusion", folder)
    network = diffusion_unet()
    _fill(network, tensors, "the U-Net")
    return network.eval(), diffusion.cosine_schedule(record["settings"]["T"]), record


DIFFUSION_SAMPLES = {"ddpm-1000": None, "ddim-10": 10, "ddim-20": 20, "ddim-50": 50}


def load_diffusion_samples(folder=None):
    """Digits that the shipped diffusion model drew: by ancestral sampling in 1 000 steps, and by DDIM in 10, 20, 50.

    Args:
        folder: Where the file lies; the package's own where left out.

    Returns:
        The images by name, uint8, shape (n, 784), the labels that were asked for, shape (n,), and the record.

    Raises:
        ValueError: The file is missing or corrupt.
    """
    tensors, record = load_weights("diffusion_samples", folder)
    labels = tensors.pop("labels")
    images = {
        name: torch.frombuffer(bytearray(zlib.decompress(packed.numpy().tobytes())), dtype=torch.uint8).view(-1, 784)
        for name, packed in tensors.items()
    }
    return images, labels, record


def _diffusion_command(arguments):
    from genphys import data

    images, labels = data.mnist(arguments.data, exclude_digits=True)
    names = ("steps", "batch", "rate", "decay", "drop", "T", "seed", "half", "every")
    network, schedule, record = train_diffusion(
        images, labels, arguments.folder, **{name: getattr(arguments, name) for name in names}
    )
    provenance = _provenance(arguments, "diffusion_unet", record, _without_digits(images))
    test = data.mnist(arguments.data, train=False)[0]
    classifier, judge = load_classifier(arguments.classifier)
    began = time.monotonic()
    metrics = evaluate_diffusion(
        network,
        schedule,
        labels,
        test,
        images,
        classifier,
        n=arguments.evaluated,
        steps=arguments.evaluation_steps,
        eta=arguments.evaluation_eta,
        seed=arguments.seed,
    )
    print(metrics)
    provenance |= {
        "metrics": metrics | {"classifier_sha256": judge["sha256"]},
        "seconds_evaluation": round(time.monotonic() - began),
    }
    path = Path(arguments.folder) / "diffusion"
    write_weights(path, network.state_dict(), provenance)
    _write_diffusion_samples(network, schedule, path, arguments)


def _write_diffusion_samples(network, schedule, path, arguments):
    from genphys import diffusion

    labels = torch.arange(arguments.shipped) % 10
    packed, seconds = {}, {}
    for name, steps in DIFFUSION_SAMPLES.items():
        began = time.monotonic()
        sampler, options = (diffusion.ddim, {"steps": steps}) if steps else (diffusion.ancestral, {})
        images = draw_digits(network, schedule, labels, sampler, seed=arguments.seed + 10, **options)
        grey = (images * 255).round().to(torch.uint8)
        packed[name] = torch.frombuffer(bytearray(zlib.compress(grey.numpy().tobytes(), 9)), dtype=torch.uint8)
        seconds[name] = round(time.monotonic() - began)
    weights = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    write_weights(
        path.with_name("diffusion_samples"),
        packed | {"labels": labels},
        {
            "command": weights["command"],
            "model": "diffusion",
            "weights_sha256": weights["sha256"],
            "samples": len(labels),
            "packing": "zlib of uint8 rows of 784",
            "seed": arguments.seed + 10,
            "seconds": seconds,
        },
    )


def _diffusion_parser(commands):
    parser = commands.add_parser("diffusion", help="diffusion model with a small U-Net on MNIST")
    _common(parser, steps=20_000, seed=1)
    parser.add_argument("--batch", type=int, default=64, help="images in a step")
    parser.add_argument("--rate", type=float, default=2e-3, help="first learning rate, falls to 0")
    parser.add_argument("--decay", type=float, default=0.9993, help="decay of the moving average")
    parser.add_argument("--drop", type=float, default=0.15, help="fraction of labels left out")
    parser.add_argument("--T", type=int, default=1000, help="steps of the cosine schedule")
    parser.add_argument(
        "--half", action=argparse.BooleanOptionalAction, default=True, help="bfloat16 convolutions (default: yes)"
    )
    parser.add_argument("--evaluated", type=int, default=10_000, help="samples of the evaluation")
    parser.add_argument("--evaluation-steps", type=int, default=20, help="steps of DDIM in the evaluation")
    parser.add_argument("--evaluation-eta", type=float, default=0.5, help="noise of DDIM in the evaluation")
    parser.add_argument("--shipped", type=int, default=1_000, help="samples that are kept, a sampler")
    parser.add_argument(
        "--classifier", default=None, help="folder of the classifier that judges (default: the shipped one)"
    )
    parser.set_defaults(run=_diffusion_command)


# The lattice field


PHI4 = {"L": 8, "kappa": 0.32, "lam": 0.5}
PHI4_CHAIN = {"trajectories": 150, "step": 0.16, "steps": 8}
PHI4_SAMPLERS = {  # the number of samples, and how they are drawn
    "heun-25": (4096, {"sampler": "heun", "first": 980, "steps": 25}),
    "ddim-50": (1024, {"sampler": "ddim", "steps": 50}),
}


def phi4_unet(rng=None):
    """The U-Net of the shipped model of the lattice field, with fresh weights: it predicts the velocity on a torus."""
    from genphys.unet import UNet

    return UNet(widths=(32, 40), embedding=32, padding="circular", rng=rng)


def train_phi4(phi, folder, *, steps, batch, rate, decay, T, seed, every=60.0):
    r"""Train the U-Net on lattice configurations by the velocity's mean squared error under a cosine schedule.

    The field is divided by its root mean square. Each batch is moved by a symmetry of the action
    (:func:`genphys.phi4.symmetry_images`), so that the same configuration is hardly ever seen twice. The learning rate
    falls as half a cosine to zero; the moving average of the weights is what is kept.

    Args:
        phi: Independent configurations, shape (n, L, L).
        folder: Where the checkpoint lies.
        steps: The number of steps.
        batch: The number of configurations in a step.
        rate: The first learning rate.
        decay: Of the moving average.
        T: The number of steps of the schedule.
        seed: The seed of the whole run.
        every: Seconds between checkpoints.

    Returns:
        The averaged network in evaluation mode, the schedule, the root mean square of the field and the record of
        :func:`train`.

    References:
        Ho, Jain and Abbeel (2020); Salimans and Ho (2022).
    """
    from genphys import diffusion
    from genphys.phi4 import symmetry_images

    rng = torch.Generator().manual_seed(seed)
    network = phi4_unet(rng)
    averaged = copy.deepcopy(network)
    schedule = diffusion.cosine_schedule(T)
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
    scale = phi.double().square().mean().sqrt().item()
    fields = (phi / scale).float()
    rows = Shuffled(len(fields), batch, seed)

    def step(i):
        optimiser.param_groups[0]["lr"] = min(1.0, (i + 1) / 200) * rate * 0.5 * (1 + math.cos(math.pi * i / steps))
        x0 = symmetry_images(fields[rows(i)], rng=rng)[:, None]
        mean = diffusion.loss(network, schedule, x0, rng=rng, kind="velocity").mean()
        optimiser.zero_grad()
        mean.backward()
        size = nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        move_average(averaged, network, diffusion.ema_rate(i, decay))
        return {"loss": mean.detach(), "gradient": size}

    settings = {"steps": steps, "batch": batch, "rate": rate, "decay": decay, "T": T, "seed": seed}
    record = train(
        step,
        steps,
        State({"network": network, "averaged": averaged}, {"adamw": optimiser}, {"rng": rng}),
        folder=folder,
        settings=settings | {"schedule": "cosine", "data": tensor_hash(phi)},
        every=every,
        log_every=rows.per_epoch,
        name="phi4",
    )
    return averaged.eval(), schedule, scale, record


@torch.no_grad()
def sample_phi4(network, schedule, scale, n, *, rng, L=8, sampler="heun", first=None, steps=25, batch=128):
    r"""Draw lattice configurations from a trained model.

    Heun's method follows the probability-flow equation in the time u: in sigma, its first step from the end of a
    cosine schedule, where sigma is 20 000, multiplies the field. For the same reason it is best begun a little
    earlier, where :math:`\bar\alpha_t` is a thousandth and the noisy field still standard normal within that.

    Args:
        network: The network of :func:`load_phi4`.
        schedule: Its schedule.
        scale: The root mean square of the field, by which the training divided.
        n: The number of configurations.
        rng: The source of chance.
        L: The side.
        sampler: ``"heun"`` or ``"ddim"``, which have no noise, or ``"ancestral"``, which takes every step.
        first: The step at which ``"heun"`` and ``"ddim"`` begin, with noise; T where left out.
        steps: How many steps these take.
        batch: Configurations drawn at a time.

    Returns:
        Shape (n, L, L), float64.

    Raises:
        ValueError: ``sampler`` is unknown, or a number of steps is out of range.
    """
    from genphys import diffusion

    denoise = diffusion.denoiser(network, schedule, "velocity")
    first = schedule.T if first is None else first
    samplers = {
        "heun": lambda x: diffusion.ode(denoise, schedule, x, steps=diffusion.times(first, steps), clock="time"),
        "ddim": lambda x: diffusion.ddim(denoise, schedule, x, steps=diffusion.times(first, steps)),
        "ancestral": lambda x: diffusion.ancestral(denoise, schedule, x, rng=rng),
    }
    if sampler not in samplers:
        raise ValueError(f"sampler is {sampler!r}, takes one of {', '.join(map(repr, samplers))}")
    if not 1 <= first <= schedule.T:
        raise ValueError(f"first is {first}, takes 1 to T = {schedule.T}")
    sizes = [min(batch, n - done) for done in range(0, n, batch)]
    options = {"generator": rng, "dtype": next(network.parameters()).dtype}
    drawn = [samplers[sampler](torch.randn(size, 1, L, L, **options))[:, 0] for size in sizes]
    return scale * torch.cat(drawn).double()


def describe_phi4(phi, kappa, lam):
    """What the record keeps of a set of configurations: every number with its standard error.

    Args:
        phi: Independent configurations, shape (n, L, L).
        kappa: The hopping parameter.
        lam: The coupling.

    Returns:
        A dictionary of pairs [value, error]: the observables of :func:`genphys.phi4.observables`; of lists of them:
        ``time_slices``, and for each momentum (n_1, n_2) of ``momenta``, ``structure_factor`` and
        ``schwinger_dyson_momentum``; ``magnetisation_counts``, a histogram between -1.5 and 1.5 in 30 bins.
    """
    from genphys import phi4

    L = phi.shape[-1]
    found = {
        name: [estimate.value.item(), estimate.error.item()]
        for name, estimate in phi4.observables(phi, kappa, lam).items()
    }
    order = [(a, b) for a in range(L // 2 + 1) for b in range(a + 1)]
    power = phi4.structure_factor(phi)
    identity = torch.fft.fft2(phi4.schwinger_dyson(phi, kappa, lam)).real
    found["momenta"] = order
    for name, values in (("structure_factor", power), ("schwinger_dyson_momentum", identity)):
        estimates = [phi4.mean_and_error((values[:, a, b] + values[:, b, a]) / 2) for a, b in order]
        found[name] = [[estimate.value.item(), estimate.error.item()] for estimate in estimates]
    slices = phi4.mean_and_error(phi4.time_slice_correlation(phi))
    found["time_slices"] = torch.stack(slices, dim=1)[: L // 2 + 1].tolist()
    counts = torch.histc(phi4.magnetisation(phi), 30, -1.5, 1.5)
    return found | {"samples": len(phi), "magnetisation_counts": counts.to(torch.int64).tolist()}


def evaluate_phi4(network, schedule, scale, *, most, seed):
    """Describe Monte Carlo and the samples of each of :data:`PHI4_SAMPLERS`.

    Args:
        network: The network.
        schedule: Its schedule.
        scale: The root mean square of the field.
        most: The largest number of samples, and of Monte Carlo configurations.
        seed: Of the training; the reference and the samples take the next two.

    Yields:
        What was found so far, after each sampler: dictionaries of :func:`describe_phi4`, under ``"monte-carlo"`` for
        configurations that the training did not see, and under the names of the samplers.
    """
    from genphys import phi4

    couplings = PHI4["kappa"], PHI4["lam"]
    rng = torch.Generator().manual_seed(seed + 1)
    reference, _ = phi4.sample(min(20_000, 5 * most), *PHI4.values(), rng=rng, **PHI4_CHAIN)
    found = {"monte-carlo": describe_phi4(reference, *couplings)}
    rng = torch.Generator().manual_seed(seed + 2)
    for name, (n, options) in PHI4_SAMPLERS.items():
        began = time.monotonic()
        phi = sample_phi4(network, schedule, scale, min(n, most), rng=rng, **options)
        found[name] = describe_phi4(phi, *couplings) | {"seconds": round(time.monotonic() - began)}
        print(name, {key: found[name][key] for key in phi4.observables(phi, *couplings)}, flush=True)
        yield dict(found)


def load_phi4(folder=None):
    """The shipped model of the lattice field.

    Args:
        folder: Where the weights lie; the package's own where left out.

    Returns:
        The network in evaluation mode, its schedule, and the record with the couplings ``"L"``, ``"kappa"`` and
        ``"lam"``, the ``"scale"`` of the field and the ``"evaluation"``.

    Raises:
        ValueError: The file is missing, corrupt or of another network.
    """
    from genphys import diffusion

    network = phi4_unet().float()
    tensors, record = load_weights("phi4", folder)
    _fill(network, tensors, "phi4_unet")
    return network.eval(), diffusion.cosine_schedule(record["settings"]["T"]), record


def _phi4_command(arguments):
    from genphys import phi4

    began = time.monotonic()
    rng = torch.Generator().manual_seed(arguments.seed)
    data, moved = phi4.sample(arguments.configurations, *PHI4.values(), rng=rng, **PHI4_CHAIN)
    seconds = time.monotonic() - began
    print(f"{len(data)} configurations in {seconds:.0f} s, {moved.accepted.double().mean():.3f} accepted")
    names = ("steps", "batch", "rate", "decay", "T", "seed", "every")
    network, schedule, scale, record = train_phi4(
        data, arguments.folder, **{name: getattr(arguments, name) for name in names}
    )
    chains = {
        "name": "independent chains of hybrid Monte Carlo",
        "configurations": len(data),
        "seconds": round(seconds),
        "seed": arguments.seed,
    }
    provenance = PHI4 | _provenance(arguments, "phi4_unet", record, chains | PHI4_CHAIN)
    provenance |= {"scale": scale, "evaluation": {}}
    path = Path(arguments.folder) / "phi4"
    write_weights(path, network.state_dict(), provenance)  # before the evaluation, which takes long
    for found in evaluate_phi4(network, schedule, scale, most=arguments.samples, seed=arguments.seed):
        write_weights(path, network.state_dict(), provenance | {"evaluation": found})


def _phi4_parser(commands):
    parser = commands.add_parser("phi4", help="diffusion model of the lattice field near its transition")
    _common(parser, steps=4_500, seed=1)
    parser.add_argument("--configurations", type=int, default=20_000, help="configurations of the training set")
    parser.add_argument("--samples", type=int, default=4_096, help="largest number of samples of the evaluation")
    parser.add_argument("--batch", type=int, default=64, help="configurations in a step")
    parser.add_argument("--rate", type=float, default=2e-3, help="first learning rate, falls to 0")
    parser.add_argument("--decay", type=float, default=0.999, help="decay of the moving average")
    parser.add_argument("--T", type=int, default=1000, help="steps of the cosine schedule")
    parser.set_defaults(run=_phi4_command)


def _common(parser, *, steps, seed):
    """The options that every training has."""
    parser.add_argument("--folder", type=Path, default=None, help="checkpoint and results (default: runs/NAME)")
    parser.add_argument("--data", default=None, help="folder that holds MNIST/raw (default: $GENPHYS_DATA)")
    parser.add_argument("--steps", type=int, default=steps, help="steps altogether (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=seed, help="seed of the whole run (default: %(default)s)")
    parser.add_argument("--every", type=float, default=60.0, help="seconds between checkpoints")
    parser.add_argument("--threads", type=int, default=None, help="CPU threads (default: PyTorch's own choice)")
    parser.set_defaults(parser=parser)


_NO_SETTINGS = {"name", "run_name", "run", "parser", "folder", "data", "every", "threads"}


def _provenance(arguments, model, record, data):
    """What every record says: the command with all that differs from its defaults, settings, data, seconds, history."""
    words = ["python -m genphys.train", arguments.name, *filter(None, [getattr(arguments, "run_name", None)])]
    for name, value in vars(arguments).items():
        if name in _NO_SETTINGS or value == arguments.parser.get_default(name):
            continue
        option = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        else:
            words += [f"--{option}", Path(value).name if isinstance(value, str) else str(value)]
    return {
        "command": " ".join(words),
        "model": model,
        "settings": record["settings"] | {"steps": record["step"]},
        "data": data,
        "seconds": round(record["seconds"]),
        "history": record["history"],
    }


def _without_digits(images):
    """The data of all trainings on MNIST."""
    return {"name": "MNIST training images without those of digits()", "images": len(images)}


def main(argv: list[str] | None = None) -> None:
    """The command line: ``python -m genphys.train rbm --help``.

    Args:
        argv: The arguments; those of the process where left out.
    """
    parser = argparse.ArgumentParser(prog="python -m genphys.train", description=__doc__.split("\n\n")[0])
    commands = parser.add_subparsers(dest="name", required=True)
    _rbm_parser(commands)
    _vae_parser(commands)
    _classifier_parser(commands)
    _gan_parser(commands)
    _diffusion_parser(commands)
    _phi4_parser(commands)
    arguments = parser.parse_args(argv)
    if arguments.folder is None:
        arguments.folder = Path("runs") / arguments.name
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    keep_freed_memory()
    try:
        arguments.run(arguments)
    except KeyboardInterrupt as stopped:
        sys.exit(str(stopped) or 130)
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()
