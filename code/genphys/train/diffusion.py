"""The training of the diffusion model of digits: ``python -m genphys.train diffusion``."""

import json
import time
import zlib
from pathlib import Path

import torch
from torch import nn

from genphys import data, diffusion, scores
from genphys.arguments import count, doors, function, label, number, positive, source, tensor
from genphys.networks.classifier import accuracy
from genphys.networks.unet import UNet
from genphys.numerics import tensor_hash
from genphys.train import parallel
from genphys.train.classifier import load_classifier
from genphys.train.command import common, describe_run, half_option, learning_rate_option, without_digits
from genphys.train.files import fill, load_weights, write_weights
from genphys.train.place import Device, Place
from genphys.train.unet import train_unet

__all__ = [
    "DIFFUSION_SAMPLES",
    "diffusion_unet",
    "draw_digits",
    "evaluate_diffusion",
    "load_diffusion",
    "load_diffusion_samples",
    "train_diffusion",
]


grey = tensor("n 784", low=0, high=1)  # images as rows of pixels


def diffusion_unet(*, rng: source):
    """The U-Net of the shipped diffusion model, with fresh weights: it predicts the velocity, given a label or none."""
    return UNet(widths=(16, 32, 64), classes=10, rng=rng)


def train_diffusion(
    images: grey,
    labels: label("n", 10),
    folder: Path | str,
    *,
    start: UNet | None = None,
    steps: count(),
    batch: count(),
    learning_rate: positive,
    decay: number(0, 1),
    drop: number(0, 1),
    T: count(),
    seed: count(0),
    half: bool,
    until: count() | None = None,
    every: number(low=0) = 60.0,
    device: Device = "cpu",
):
    r"""Train the U-Net on digits by the velocity's mean squared error under a cosine schedule.

    A fraction of the labels is replaced by "none", so that one network serves with labels and without. The learning
    rate falls as half a cosine to zero; the moving average of the weights is what is kept.

    Args:
        images: Grey values in [0, 1].
        labels: Their classes.
        folder: Where the checkpoint lies.
        start: The network whose weights are the first ones, such as that of :func:`load_diffusion`; fresh ones where
            left out.
        steps: The number of steps.
        batch: The number of images in a step.
        learning_rate: The first learning rate.
        decay: Of the moving average.
        drop: The fraction of labels left out.
        T: The number of steps of the schedule.
        seed: The seed of the whole run.
        half: Whether convolutions and matrix products run in bfloat16 (faster where the processor has it).
        until: Where the run ends, if before the steps that the learning rate is planned for.
        every: Seconds between checkpoints.
        device: Where the network computes. All chance is drawn on the processor.

    Returns:
        The averaged network in evaluation mode, the schedule and the record of :func:`train`.

    References:
        Ho, Jain and Abbeel (2020); Nichol and Dhariwal (2021); Salimans and Ho (2022); Ho and Salimans (2022).
    """
    rng = torch.Generator().manual_seed(seed)
    schedule = diffusion.cosine_schedule(T)
    network = diffusion_unet(rng=rng)
    settings = {"steps": steps, "batch": batch, "learning_rate": learning_rate, "decay": decay, "drop": drop, "T": T}
    settings |= {"seed": seed, "half": half, "schedule": "cosine"}
    if start is not None:
        fill(network, start.state_dict(), "the U-Net")
        settings["start"] = scores.network_hash(network)
    averaged, record = train_unet(
        network,
        lambda network, x0, given: diffusion.loss(network, schedule, x0, rng=rng, kind="velocity", labels=given),
        images,
        labels,
        folder,
        settings,
        rng=rng,
        until=until,
        every=every,
        device=device,
        name="diffusion",
    )
    return averaged, schedule, record


def draw_digits(
    network: UNet,
    schedule: diffusion.Schedule,
    labels: label(),
    sampler: function,
    *,
    seed: count(0),
    rows: count() = 250,
    **options,
):
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
    rng, weight = torch.Generator().manual_seed(seed), next(network.parameters())
    if sampler in (diffusion.ancestral, diffusion.reverse_sde) or options.get("eta"):
        options["rng"] = rng
    drawn = []
    for now in labels.to(weight.device).split(rows):
        denoise = diffusion.denoiser(network, schedule, "velocity", labels=now, clip=(-1, 1))
        x = torch.randn(len(now), 1, 28, 28, generator=rng, dtype=weight.dtype).to(weight.device)
        drawn.append(sampler(denoise, schedule, x, **options))
    return ((torch.cat(drawn).flatten(1) + 1) / 2).clamp(0, 1)


def evaluate_diffusion(
    network: UNet,
    schedule: diffusion.Schedule,
    labels: label("rows", 10),
    test: tensor("tests 784", low=0, high=1),
    real: grey,
    classifier: nn.Module,
    *,
    n: count(),
    steps: count(),
    eta: number(low=0),
    seed: count(0),
):
    """The Fréchet distance of samples from test images, beside that of as many training images.

    Args:
        network: The U-Net, in evaluation mode.
        schedule: Its schedule.
        labels: The labels of the training images; those of the samples are drawn from them.
        test: The reference, of which the first ``n`` are taken.
        real: Training images; ``n`` of them, drawn at random, are the baseline.
        classifier: The :class:`genphys.networks.classifier.Classifier` whose features are compared.
        n: The number of samples.
        steps: The steps of DDIM.
        eta: Its noise.
        seed: The seed of noise and labels.

    Returns:
        A dictionary: the squared distances of the samples with labels, of the samples without, and of the training
        images; how often the classifier agrees with the label; and the settings.
    """
    rng = torch.Generator().manual_seed(seed)
    asked = labels[torch.randint(len(labels), (n,), generator=rng)]
    options = {"steps": steps, "eta": eta, "seed": seed + 1}
    given = draw_digits(network, schedule, asked, diffusion.ddim, **options).cpu()
    free = draw_digits(network, schedule, torch.full_like(asked, network.classes), diffusion.ddim, **options).cpu()

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


def load_diffusion(folder: Path | str | None = None):
    """The shipped diffusion model of digits.

    Args:
        folder: Where the weights lie; the package's own where left out.

    Returns:
        The U-Net in evaluation mode, which predicts the velocity and takes labels (10 for none), the
        :class:`genphys.diffusion.Schedule` and the record.
    """
    tensors, record = load_weights("diffusion", folder)
    network = diffusion_unet(rng=torch.Generator())
    fill(network, tensors, "the U-Net")
    return network.eval(), diffusion.cosine_schedule(record["settings"]["T"]), record


DIFFUSION_SAMPLES = {"ddpm-1000": None, "ddim-10": 10, "ddim-20": 20, "ddim-50": 50}


def load_diffusion_samples(folder: Path | str | None = None):
    """Digits that the shipped diffusion model drew: by ancestral sampling in 1 000 steps, and by DDIM in 10, 20, 50.

    Args:
        folder: Where the file lies; the package's own where left out.

    Returns:
        The images by name, uint8, shape (n, 784), the labels that were asked for, shape (n,), and the record.
    """
    tensors, record = load_weights("diffusion_samples", folder)
    labels = tensors.pop("labels")
    images = {
        name: torch.frombuffer(bytearray(zlib.decompress(packed.numpy().tobytes())), dtype=torch.uint8).view(-1, 784)
        for name, packed in tensors.items()
    }
    return images, labels, record


def _command(arguments):
    images, labels = data.mnist(arguments.data, exclude_digits=True)
    names = ("steps", "batch", "learning_rate", "decay", "drop", "T", "seed", "until", "every", "device")
    options = {name: getattr(arguments, name) for name in names} | {"half": arguments.precision == "bfloat16"}
    start, before = (load_diffusion()[::2]) if arguments.start == "shipped" else (None, None)
    network, schedule, record = train_diffusion(images, labels, arguments.folder, start=start, **options)
    if not parallel.first():
        return
    provenance = describe_run(arguments, "diffusion_unet", record, without_digits(images))
    if before is not None:
        provenance["before"] = before
    test = data.mnist(arguments.data, train=False)[0]
    classifier, judge = load_classifier(arguments.classifier)
    began = time.monotonic()
    metrics = evaluate_diffusion(
        network.to(Place(arguments.device).device),
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
    labels = torch.arange(arguments.shipped) % 10
    packed, seconds = {}, {}
    for name, steps in DIFFUSION_SAMPLES.items():
        began = time.monotonic()
        sampler, options = (diffusion.ddim, {"steps": steps}) if steps else (diffusion.ancestral, {})
        images = draw_digits(network, schedule, labels, sampler, seed=arguments.seed + 10, **options).cpu()
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


def add_command(commands):
    """Add the sub-command and its options."""
    parser = commands.add_parser("diffusion", help="diffusion model with a small U-Net on MNIST")
    common(parser, steps=20_000, seed=1, precision="bfloat16")
    parser.add_argument("--start", choices=("none", "shipped"), default="none", help="first weights (default: none)")
    parser.add_argument(
        "--until", type=int, default=None, help="end before the steps that the learning rate is planned for"
    )
    parser.add_argument("--batch", type=int, default=64, help="images in a step")
    learning_rate_option(parser, 2e-3, "first learning rate, falls to 0")
    parser.add_argument("--decay", type=float, default=0.9993, help="decay of the moving average")
    parser.add_argument("--drop", type=float, default=0.15, help="fraction of labels left out")
    parser.add_argument("--T", type=int, default=1000, help="steps of the cosine schedule")
    half_option(parser)
    parser.add_argument("--evaluated", type=int, default=10_000, help="samples of the evaluation")
    parser.add_argument("--evaluation-steps", type=int, default=20, help="steps of DDIM in the evaluation")
    parser.add_argument("--evaluation-eta", type=float, default=0.5, help="noise of DDIM in the evaluation")
    parser.add_argument("--shipped", type=int, default=1_000, help="samples that are kept, a sampler")
    parser.add_argument(
        "--classifier", default=None, help="folder of the classifier that judges (default: the shipped one)"
    )
    parser.set_defaults(run=_command)


doors(globals())
