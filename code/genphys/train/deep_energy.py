"""The training of the convolutional energy of the digits: ``python -m genphys.train deep_energy``."""

import copy
from pathlib import Path

import torch

from genphys import data, deep_energy
from genphys.arguments import count, doors, number, positive, tensor
from genphys.numerics import tensor_hash
from genphys.train import parallel
from genphys.train.command import common, describe_run, learning_rate_option, without_digits
from genphys.train.files import fill, load_weights, take, under, write_weights
from genphys.train.loop import Shuffled, State, move_average, train
from genphys.train.place import Device, Place, Precision

__all__ = ["load_deep_energy", "train_deep_energy"]

BUFFER = 4096


def train_deep_energy(
    images: tensor("n 784", low=0, high=1),
    folder: Path | str,
    *,
    steps: count(),
    batch: count(),
    chain: count(),
    learning_rate: positive,
    penalty: number(low=0),
    decay: number(0, 1),
    seed: count(0),
    until: count() | None = None,
    every: number(low=0) = 60.0,
    device: Device = "cpu",
    precision: Precision = "float32",
):
    r"""Train :class:`genphys.deep_energy.ConvEnergy` by data minus model, the model's samples from a replay buffer.

    Each step takes ``batch`` images and as many old samples, one in twenty of them replaced by noise, moves the samples
    by ``chain`` steps of :func:`genphys.deep_energy.short_run`, and lowers the energies of the data against those of
    the samples. The squares of all energies, times ``penalty``, are added: they fix the constant that Z would fix, and
    keep the energies of order one. The weights are averaged with ``decay``. The learning rate falls in the second half
    of ``steps``; ``until`` ends the run earlier. The networks compute on ``device``, in ``precision``; the buffer and
    all chance are the processor's.

    Returns:
        The averaged energy, the samples of the buffer, shape (4096, 784), and the record of :func:`train`.

    References:
        Tieleman (2008) for the chains that go on; Du and Mordatch (2019) for the recipe.
    """
    rng = torch.Generator().manual_seed(seed)
    place = Place(device, precision)
    energy = deep_energy.ConvEnergy(rng=rng).to(place.device)
    averaged = copy.deepcopy(energy)
    optimiser = torch.optim.Adam(energy.parameters(), lr=learning_rate, betas=(0.0, 0.999), fused=True)
    images = 2 * images - 1
    buffer = torch.rand(BUFFER, images.shape[1], generator=rng) * 2 - 1
    rows = Shuffled(len(images), batch, seed)

    def step(i):
        optimiser.param_groups[0]["lr"] = learning_rate * min(1.0, 2 * (1 - i / steps) + 0.02)
        x = images[rows(i)]
        x = (x + 0.005 * torch.randn(x.shape, generator=rng)).clamp(-1, 1)
        old = torch.randint(BUFFER, (batch,), generator=rng)
        y = buffer[old]
        fresh = torch.rand(batch, generator=rng) < 0.05
        y[fresh] = torch.rand(int(fresh.sum()), y.shape[1], generator=rng) * 2 - 1
        part, x, y = parallel.in_part(energy, place), x.to(place.device), y.to(place.device)
        energy.requires_grad_(False)
        y = parallel.padded(parallel.cut(deep_energy.short_run(part, y, chain, rng=rng), batch), batch)
        energy.requires_grad_(True)
        parallel.add([y])
        buffer[old] = y.to(buffer.device)
        of_data, of_samples = part(x), part(y)  # zero in the rows of other processes
        gap = of_data.mean() - of_samples.mean()
        loss = gap + penalty * (of_data.square().mean() + of_samples.square().mean())
        optimiser.zero_grad()
        loss.backward()
        gap, mean = gap.detach(), of_data.detach().mean()
        parallel.add_gradients(energy, gap, mean)
        torch.nn.utils.clip_grad_norm_(energy.parameters(), 0.1)
        optimiser.step()
        move_average(averaged, energy, max(1 - decay, 1 / (i + 1)))
        return {"gap": gap.item(), "energy_of_data": mean.item()}

    record = train(
        step,
        steps if until is None else min(until, steps),
        State(
            modules={"energy": energy, "averaged": averaged},
            optimisers={"adam": optimiser},
            generators={"rng": rng},
            tensors={"buffer": buffer},
        ),
        folder=folder,
        settings={
            "steps": steps,
            "batch": batch,
            "chain": chain,
            "learning_rate": learning_rate,
            "penalty": penalty,
            "decay": decay,
            "seed": seed,
            "data": tensor_hash(images),
        }
        | place.settings(),
        every=every,
        log_every=max(1, steps // 200),
        name="deep energy",
    )
    return averaged.eval().cpu(), buffer, record


def load_deep_energy(folder: Path | str | None = None):
    """The shipped energy, 64 samples from the end of its training, shape (64, 784) in [-1, 1], and its record."""
    tensors, record = load_weights("deep_energy", folder)
    energy = deep_energy.ConvEnergy(rng=torch.Generator().manual_seed(0))
    fill(energy, under(tensors, "energy/"), "the energy")
    return energy.eval(), take(tensors, "samples"), record


def _command(arguments):
    images = data.mnist(arguments.data, exclude_digits=True)[0]
    options = {
        name: getattr(arguments, name)
        for name in (
            "steps",
            "batch",
            "chain",
            "learning_rate",
            "penalty",
            "decay",
            "seed",
            "until",
            "device",
            "precision",
        )
    }
    energy, buffer, record = train_deep_energy(images, arguments.folder, **options, every=arguments.every)
    if not parallel.first():
        return
    provenance = describe_run(arguments, "ConvEnergy", record, without_digits(images))
    tensors = {f"energy/{key}": tensor for key, tensor in energy.state_dict().items()} | {
        "samples": buffer[:64].clone()
    }
    write_weights(Path(arguments.folder) / "deep_energy", tensors, provenance)


def add_command(commands):
    """Add the sub-command and its options."""
    parser = commands.add_parser("deep_energy", help="convolutional energy of the digits, with a replay buffer")
    common(parser, steps=8000, seed=1)
    parser.add_argument("--batch", type=int, default=64, help="images, and samples, in a step")
    parser.add_argument("--chain", type=int, default=40, help="steps of the samples between two steps of the weights")
    learning_rate_option(parser, 1e-4, "first learning rate")
    parser.add_argument("--penalty", type=float, default=0.1, help="weight of the squared energies")
    parser.add_argument(
        "--until", type=int, default=None, help="end before the steps that the learning rate is planned for"
    )
    parser.add_argument("--decay", type=float, default=0.998, help="of the average of the weights")
    parser.set_defaults(run=_command)


doors(globals())
