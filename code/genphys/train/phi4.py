"""The training of the diffusion model of the lattice field: ``python -m genphys.train phi4``."""

import copy
import math
import time
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from genphys import diffusion
from genphys.arguments import count, doors, number, positive, require, source, tensor
from genphys.exact.estimates import mean_and_error
from genphys.networks.unet import UNet
from genphys.numerics import double, tensor_hash
from genphys.systems import phi4
from genphys.train import parallel
from genphys.train.command import common, describe_run, learning_rate_option
from genphys.train.files import fill, load_weights, write_weights
from genphys.train.loop import Shuffled, State, move_average, train
from genphys.train.place import Device, Place, Precision

__all__ = [
    "PHI4",
    "PHI4_CHAIN",
    "PHI4_SAMPLERS",
    "describe_phi4",
    "evaluate_phi4",
    "load_phi4",
    "phi4_unet",
    "sample_phi4",
    "train_phi4",
]


PHI4 = {"L": 8, "kappa": 0.32, "lam": 0.5}
PHI4_CHAIN = {"trajectories": 150, "step_size": 0.16, "steps": 8}
PHI4_SAMPLERS = {  # the number of samples, and how they are drawn
    "heun-25": (4096, {"sampler": "heun", "first": 980, "steps": 25}),
    "ddim-50": (1024, {"sampler": "ddim", "steps": 50}),
}


fields = tensor("n L L")  # independent configurations


def phi4_unet(*, rng: source):
    """The U-Net of the shipped model of the lattice field, with fresh weights: it predicts the velocity on a torus."""
    return UNet(widths=(32, 40), embedding=32, padding="circular", rng=rng)


def train_phi4(
    phi: fields,
    folder: Path | str,
    *,
    steps: count(),
    batch: count(),
    learning_rate: positive,
    decay: number(0, 1),
    T: count(),
    seed: count(0),
    every: number(low=0) = 60.0,
    device: Device = "cpu",
    precision: Precision = "float32",
):
    r"""Train the U-Net on lattice configurations by the velocity's mean squared error under a cosine schedule.

    The field is divided by its root mean square. Each batch is moved by a symmetry of the action
    (:func:`genphys.systems.phi4.symmetry_images`), so that the same configuration is hardly ever seen twice. The
    learning rate falls as half a cosine to zero; the moving average of the weights is what is kept.

    Args:
        phi: Independent configurations.
        folder: Where the checkpoint lies.
        steps: The number of steps.
        batch: The number of configurations in a step.
        learning_rate: The first learning rate.
        decay: Of the moving average.
        T: The number of steps of the schedule.
        seed: The seed of the whole run.
        every: Seconds between checkpoints.
        device: Where the network computes.
        precision: Of its products.

    Returns:
        The averaged network in evaluation mode, the schedule, the root mean square of the field and the record of
        :func:`train`.

    References:
        Ho, Jain and Abbeel (2020); Salimans and Ho (2022).
    """
    rng = torch.Generator().manual_seed(seed)
    place = Place(device, precision)
    network = phi4_unet(rng=rng).to(place.device)
    averaged = copy.deepcopy(network)
    schedule = diffusion.cosine_schedule(T)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=learning_rate, betas=(0.9, 0.99), weight_decay=0.0, fused=True
    )
    scale = phi.double().square().mean().sqrt().item()
    fields = (phi / scale).to(next(network.parameters()).dtype)
    rows = Shuffled(len(fields), batch, seed)

    def step(i):
        warm = min(1.0, (i + 1) / 200)
        optimiser.param_groups[0]["lr"] = warm * learning_rate * 0.5 * (1 + math.cos(math.pi * i / steps))
        x0 = phi4.symmetry_images(fields[rows(i)], rng=rng)[:, None]
        part = parallel.in_part(network, place)
        losses = diffusion.loss(part, schedule, x0.to(place.device), rng=rng, kind="velocity")
        mean = losses[parallel.own(batch)].sum() / batch
        optimiser.zero_grad()
        mean.backward()
        mean = mean.detach()
        parallel.add_gradients(network, mean)
        size = nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        move_average(averaged, network, diffusion.ema_rate(i, decay))
        return {"loss": mean, "gradient": size}

    settings = {"steps": steps, "batch": batch, "learning_rate": learning_rate, "decay": decay, "T": T, "seed": seed}
    record = train(
        step,
        steps,
        State({"network": network, "averaged": averaged}, {"adamw": optimiser}, {"rng": rng}),
        folder=folder,
        settings=settings | {"schedule": "cosine", "data": tensor_hash(phi)} | place.settings(),
        every=every,
        log_every=rows.per_epoch,
        name="phi4",
    )
    return averaged.eval().cpu(), schedule, scale, record


@torch.no_grad()
def sample_phi4(
    network: UNet,
    schedule: diffusion.Schedule,
    scale: positive,
    n: count(),
    *,
    rng: source,
    L: count() = 8,
    sampler: Literal["heun", "ddim", "ancestral"] = "heun",
    first: count() | None = None,
    steps: count() = 25,
    batch: count() = 128,
):
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
    """
    first = schedule.T if first is None else first
    require(first <= schedule.T, "first", first, f"1 to T = {schedule.T}")
    denoise = diffusion.denoiser(network, schedule, "velocity")
    samplers = {
        "heun": lambda x: diffusion.ode(denoise, schedule, x, steps=diffusion.times(first, steps), clock="time"),
        "ddim": lambda x: diffusion.ddim(denoise, schedule, x, steps=diffusion.times(first, steps)),
        "ancestral": lambda x: diffusion.ancestral(denoise, schedule, x, rng=rng),
    }
    sizes = [min(batch, n - done) for done in range(0, n, batch)]
    weight = next(network.parameters())
    options = {"generator": rng, "device": rng.device, "dtype": weight.dtype}
    drawn = [samplers[sampler](torch.randn(size, 1, L, L, **options).to(weight.device))[:, 0] for size in sizes]
    return scale * double(torch.cat(drawn))


def describe_phi4(phi: fields, kappa: number(), lam: number(low=0)):
    """What the record keeps of a set of configurations: every number with its standard error.

    Returns:
        A dictionary of pairs [value, error]: the observables of :func:`genphys.systems.phi4.observables`; of lists of
        them: ``time_slices``, and for each momentum (n_1, n_2) of ``momenta``, ``structure_factor`` and
        ``schwinger_dyson_momentum``; ``magnetisation_counts``, a histogram between -1.5 and 1.5 in 30 bins.
    """
    L = phi.shape[-1]
    found = {
        name: [estimate.value.item(), estimate.stderr.item()]
        for name, estimate in phi4.observables(phi, kappa, lam).items()
    }
    order = [(a, b) for a in range(L // 2 + 1) for b in range(a + 1)]
    power = phi4.structure_factor(phi)
    identity = torch.fft.fft2(phi4.schwinger_dyson(phi, kappa, lam)).real
    found["momenta"] = order
    for name, values in (("structure_factor", power), ("schwinger_dyson_momentum", identity)):
        estimates = [mean_and_error((values[:, a, b] + values[:, b, a]) / 2) for a, b in order]
        found[name] = [[estimate.value.item(), estimate.stderr.item()] for estimate in estimates]
    slices = mean_and_error(phi4.time_slice_correlation(phi))
    found["time_slices"] = torch.stack(slices, dim=1)[: L // 2 + 1].tolist()
    counts = torch.histc(phi4.magnetisation(phi), 30, -1.5, 1.5)
    return found | {"samples": len(phi), "magnetisation_counts": counts.to(torch.int64).tolist()}


def evaluate_phi4(network: UNet, schedule: diffusion.Schedule, scale: positive, *, most: count(2), seed: count(0)):
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
    couplings = PHI4["kappa"], PHI4["lam"]
    rng = torch.Generator().manual_seed(seed + 1)
    reference = phi4.sample(min(20_000, 5 * most), *PHI4.values(), rng=rng, **PHI4_CHAIN)
    found = {"monte-carlo": describe_phi4(reference, *couplings)}
    rng = torch.Generator().manual_seed(seed + 2)
    for name, (n, options) in PHI4_SAMPLERS.items():
        began = time.monotonic()
        phi = sample_phi4(network, schedule, scale, min(n, most), rng=rng, **options)
        found[name] = describe_phi4(phi, *couplings) | {"seconds": round(time.monotonic() - began)}
        print(name, {key: found[name][key] for key in phi4.observables(phi, *couplings)}, flush=True)
        yield dict(found)


def load_phi4(folder: Path | str | None = None):
    """The shipped model of the lattice field.

    Args:
        folder: Where the weights lie; the package's own where left out.

    Returns:
        The network in evaluation mode, its schedule, and the record with the couplings ``"L"``, ``"kappa"`` and
        ``"lam"``, the ``"scale"`` of the field and the ``"evaluation"``.
    """
    network = phi4_unet(rng=torch.Generator()).float()
    tensors, record = load_weights("phi4", folder)
    fill(network, tensors, "phi4_unet")
    return network.eval(), diffusion.cosine_schedule(record["settings"]["T"]), record


def _command(arguments):
    began = time.monotonic()
    rng = torch.Generator().manual_seed(arguments.seed)
    start = phi4.start(arguments.configurations, PHI4["L"], rng=rng)
    data, moved = phi4.hybrid_monte_carlo(start, PHI4["kappa"], PHI4["lam"], rng=rng, **PHI4_CHAIN)
    seconds = time.monotonic() - began
    print(f"{len(data)} configurations in {seconds:.0f} s, {moved.accepted.double().mean():.3f} accepted")
    data = parallel.from_first(data)  # chaotic dynamics: another processor would round its way to other fields
    names = ("steps", "batch", "learning_rate", "decay", "T", "seed", "every", "device", "precision")
    network, schedule, scale, record = train_phi4(
        data, arguments.folder, **{name: getattr(arguments, name) for name in names}
    )
    if not parallel.first():
        return
    chains = {
        "name": "independent chains of hybrid Monte Carlo",
        "configurations": len(data),
        "seconds": round(seconds),
        "seed": arguments.seed,
    }
    provenance = PHI4 | describe_run(arguments, "phi4_unet", record, chains | PHI4_CHAIN)
    provenance |= {"scale": scale, "evaluation": {}}
    path = Path(arguments.folder) / "phi4"
    write_weights(path, network.state_dict(), provenance)  # before the evaluation, which takes long
    for found in evaluate_phi4(network, schedule, scale, most=arguments.samples, seed=arguments.seed):
        write_weights(path, network.state_dict(), provenance | {"evaluation": found})


def add_command(commands):
    """Add the sub-command and its options."""
    parser = commands.add_parser("phi4", help="diffusion model of the lattice field near its transition")
    common(parser, steps=4_500, seed=1)
    parser.add_argument("--configurations", type=int, default=20_000, help="configurations of the training set")
    parser.add_argument("--samples", type=int, default=4_096, help="largest number of samples of the evaluation")
    parser.add_argument("--batch", type=int, default=64, help="configurations in a step")
    learning_rate_option(parser, 2e-3, "first learning rate, falls to 0")
    parser.add_argument("--decay", type=float, default=0.999, help="decay of the moving average")
    parser.add_argument("--T", type=int, default=1000, help="steps of the cosine schedule")
    parser.set_defaults(run=_command)


doors(globals())
