r"""The training of the flow of digits: ``python -m genphys.train flow_matching``.

The path is linear, :math:`\mathbf{x}_t = t\,\mathbf{x}_1 + (1-t)\,\mathbf{z}`, from noise at :math:`t = 0` to an image
at :math:`t = 1`, and the network learns the mean of :math:`\mathbf{x}_1 - \mathbf{z}` at given place, time and label
(book: ``eq:class-flow-matching``). The U-Net is that of the diffusion model, and sees what that one sees: the point in
units of its own spread, :math:`\mathbf{x}/r`, and the angle whose tangent is the ratio of noise to signal.
"""

import math
import time
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from genphys import data, diffusion, flows, scores
from genphys.arguments import count, doors, function, label, number, positive, tensor
from genphys.networks.classifier import accuracy
from genphys.networks.unet import UNet
from genphys.numerics import network_hash, tensor_hash
from genphys.train import parallel
from genphys.train.classifier import load_classifier
from genphys.train.command import common, describe_run, half_option, learning_rate_option, without_digits
from genphys.train.diffusion import diffusion_unet, draw_digits, load_diffusion
from genphys.train.files import fill, load_weights, write_weights
from genphys.train.place import Device, Place
from genphys.train.unet import train_unet

__all__ = ["digit_velocity", "evaluate_flow_matching", "flow_digits", "load_flow_matching", "train_flow_matching"]

grey = tensor("n 784", low=0, high=1)  # images as rows of pixels


def digit_velocity(
    network: function, x: tensor("n 1 side side"), t: tensor("n", low=0, high=1), labels: label("n") | None = None
):
    r"""The velocity on the linear path from a U-Net that predicts the one on the angle (``eq:linear-from-angle``).

    .. math::
        \mathbf{v} = \frac1r\left[\frac{2t-1}{r}\,\mathbf{x} - \boldsymbol\nu_\theta(\mathbf{x}/r,
        \vartheta, c)\right] ,
        \quad r^2 = t^2 + (1-t)^2 , \quad \tan\vartheta = \frac{1-t}{t}

    The network is told the angle in thousandths of a right one.

    Args:
        network: The U-Net, or another function of points, angles and labels.
        x: The points.
        t: Their times, from 0 for noise to 1 for images.
        labels: The classes, or ``network.classes`` for any; left out, none is given.
    """
    step = torch.atan2(1 - t, t) * (2000 / math.pi)
    t = t[:, None, None, None]
    r = (t**2 + (1 - t) ** 2).sqrt()
    nu = network(x / r, step, labels).to(x.dtype)
    return ((2 * t - 1) / r * x - nu) / r


def _losses(network, x1, labels, rng):
    """The squared error of the velocity of each image, averaged over its pixels; the times are spread evenly."""
    n = len(x1)
    t = (torch.arange(n) + torch.rand(n, generator=rng)) / n
    t = t[torch.randperm(n, generator=rng)].to(x1.device)
    z = torch.randn(x1.shape, generator=rng).to(x1.device)
    mix = t[:, None, None, None]
    v = digit_velocity(network, mix * x1 + (1 - mix) * z, t, labels)
    return (v - (x1 - z)).square().flatten(1).mean(1)


def train_flow_matching(
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
    seed: count(0),
    half: bool,
    until: count() | None = None,
    every: number(low=0) = 60.0,
    device: Device = "cpu",
):
    r"""Train the U-Net on digits by class-conditional flow matching on the linear path.

    .. math::
        \ell = \frac1M\left\|\mathbf{v}_\theta(t\,\mathbf{x}_1 + (1-t)\,\mathbf{z}, t, c) -
        (\mathbf{x}_1 - \mathbf{z})\right\|^2 , \qquad t \text{ uniform on } [0, 1]

    A fraction of the labels is replaced by "none". The learning rate falls as half a cosine to zero; the moving
    average of the weights is what is kept (``eq:class-flow-matching``).

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
        seed: The seed of the whole run.
        half: Whether convolutions and matrix products run in bfloat16 (faster where the processor has it).
        until: Where the run ends, if before the steps that the learning rate is planned for.
        every: Seconds between checkpoints.
        device: Where the network computes. All chance is drawn on the processor.

    Returns:
        The averaged network in evaluation mode and the record of :func:`train`.

    References:
        Lipman et al. (2022); Liu, Gong and Liu (2022); Ho and Salimans (2022) for the labels.
    """
    rng = torch.Generator().manual_seed(seed)
    network = diffusion_unet(rng=rng)
    if start is not None:
        fill(network, start.state_dict(), "the U-Net")
    settings = {"steps": steps, "batch": batch, "learning_rate": learning_rate, "decay": decay, "drop": drop}
    settings |= {"seed": seed, "half": half, "path": "linear", "start": network_hash(network)}
    return train_unet(
        network,
        lambda network, x1, given: _losses(network, x1, given, rng),
        images,
        labels,
        folder,
        settings,
        rng=rng,
        until=until,
        every=every,
        device=device,
        name="flow matching",
    )


@torch.no_grad()
def flow_digits(
    network: UNet,
    labels: label(),
    *,
    steps: count(),
    method: Literal["euler", "midpoint"] = "midpoint",
    seed: count(0),
    rows: count() = 250,
):
    """Draw digits along the flow, a few rows at a time.

    Args:
        network: The U-Net, in evaluation mode.
        labels: The digit asked for, or ``network.classes`` for any, shape (n,).
        steps: The steps of :func:`genphys.flows.integrate`.
        method: Euler's method evaluates the network once a step, the midpoint method twice.
        seed: The seed of the noise, which is that of :func:`draw_digits` with the same one.
        rows: How many at a time.

    Returns:
        Grey values in [0, 1], shape (n, 784).
    """
    rng, weight = torch.Generator().manual_seed(seed), next(network.parameters())
    drawn = []
    for now in labels.to(weight.device).split(rows):
        z = torch.randn(len(now), 1, 28, 28, generator=rng, dtype=weight.dtype).to(weight.device)

        def velocity(x, t, now=now):
            x = x.view(-1, 1, 28, 28)
            return digit_velocity(network, x, torch.full_like(x[:, 0, 0, 0], t), now).flatten(1)

        drawn.append(flows.integrate(velocity, z.flatten(1), steps, method=method))
    return ((torch.cat(drawn) + 1) / 2).clamp(0, 1)


EVALUATIONS = (5, 10, 20)


def _runs(network, rival, schedule):
    """The samplers that are compared, by name: the evaluations, the run beside it, and labels and seed to digits."""
    grid = schedule.sigma.atan()

    def straight(n):  # the steps of the schedule whose angles are those of the times 0, 1/n, ... of the linear path
        t = torch.arange(n, dtype=torch.float64) / n
        return [1 + int((grid[1:] - angle).abs().argmin()) for angle in torch.atan2(1 - t, t)]

    def flow(steps, method):
        return partial(flow_digits, network, steps=steps, method=method)

    def ddim(steps, **options):
        return partial(draw_digits, rival, schedule, sampler=diffusion.ddim, steps=steps, **options)

    runs = {}
    for n in EVALUATIONS:
        runs[f"ddim-{n}"] = (n, None, ddim(n))
        runs[f"ddim-linear-{n}"] = (n, f"ddim-{n}", ddim(straight(n)))
        runs[f"euler-{n}"] = (n, f"ddim-{n}", flow(n, "euler"))
        even = n // 2 * 2
        runs[f"midpoint-{even}"] = (even, f"ddim-{n}", flow(n // 2, "midpoint"))
        if n == 20:
            runs["ddim-noisy-20"] = (n, "ddim-20", ddim(n, eta=0.5))
    return runs


def evaluate_flow_matching(
    network: UNet,
    rival: UNet,
    schedule: diffusion.Schedule,
    labels: label("rows", 10),
    test: tensor("tests 784", low=0, high=1),
    real: grey,
    classifier: nn.Module,
    *,
    n: count(4),
    seed: count(0),
):
    """The Fréchet distances of digits by the flow and by the diffusion model, at equal evaluations of the network.

    The runs are Euler's method and the midpoint method on the flow, DDIM along the diffusion's own steps
    (``ddim``), along those that have the signal-to-noise ratios of the flow's (``ddim-linear``), and with noise
    (``ddim-noisy``). All are asked for the same digits, and those without noise on the way start from the same noise.

    Args:
        network: The U-Net of the flow, in evaluation mode.
        rival: That of the diffusion model.
        schedule: Its schedule.
        labels: The labels of the training images; those of the samples are drawn from them.
        test: The reference.
        real: Training images; ``n`` of them, drawn at random, are the baseline.
        classifier: The :class:`genphys.networks.classifier.Classifier` whose features are compared.
        n: The number of samples of a run.
        seed: The seed of labels, noise and error bars.

    Returns:
        A dictionary. Its ``runs`` have, by name, the evaluations a sample, the share of agreement of the classifier
        with the label, the squared distance, and the distance minus that of ``ddim`` at as many evaluations (the
        midpoint method's 4 beside 5), both with standard errors by :func:`genphys.scores.bootstrap`.
    """
    rng = torch.Generator().manual_seed(seed)
    asked = labels[torch.randint(len(labels), (n,), generator=rng)]
    chosen = real[torch.randperm(len(real), generator=rng)[:n]]
    features = {"training-images": scores.image_features(classifier, chosen)}
    found: dict = {"training-images": {}}
    beside = {}
    for name, (evaluations, against, draw) in _runs(network, rival, schedule).items():
        images = draw(labels=asked, seed=seed + 1).cpu()
        features[name] = scores.image_features(classifier, images)
        found[name] = {"evaluations": evaluations, "agreement": accuracy(classifier, images, asked)}
        if against is not None:
            beside[name] = list(features).index(name), list(features).index(against)
    pairs = torch.tensor(list(beside.values()))

    def distances(test, generated):  # (n, runs, 64): the distance of each run, and what it is above DDIM's
        each = torch.stack([scores.frechet2(test, part) for part in generated.unbind(1)])
        return torch.cat([each, each[pairs[:, 0]] - each[pairs[:, 1]]])

    reference, generated = scores.image_features(classifier, test), torch.stack(list(features.values()), 1)
    value = distances(reference, generated)
    error = scores.bootstrap(distances, reference, generated, repeats=40, rng=rng).stderr
    columns = [(name, "frechet2") for name in found] + [(name, "above_ddim") for name in beside]
    for (name, what), mean, stderr in zip(columns, value.tolist(), error.tolist(), strict=True):
        found[name] |= {what: round(mean, 3), f"{what}_stderr": round(stderr, 3)}
    return {
        "n": n,
        "runs": found,
        "features_sha256": scores.network_hash(classifier),
        "test_images": len(test),
        "test_data": tensor_hash(test),
        "seed": seed,
    }


def _live(network, classifier, seed):
    """Two hundred digits by ten steps of Euler's method, scored beside the held-out ones: what the page repeats."""
    labels = torch.arange(200) % 10
    images = flow_digits(network, labels, steps=10, method="euler", seed=seed).cpu()
    frechet2 = scores.image_frechet2(classifier, data.digits().test_images, images).value
    return {
        "n": 200,
        "run": "euler-10",
        "seed": seed,
        "frechet2": frechet2,
        "agreement": accuracy(classifier, images, labels),
    }


def load_flow_matching(folder: Path | str | None = None):
    """The shipped flow of digits: the U-Net in evaluation mode, for :func:`digit_velocity`, and the record.

    Args:
        folder: Where the weights lie; the package's own where left out.
    """
    tensors, record = load_weights("flow_matching", folder)
    network = diffusion_unet(rng=torch.Generator())
    fill(network, tensors, "the U-Net")
    return network.eval(), record


def _command(arguments):
    images, labels = data.mnist(arguments.data, exclude_digits=True)
    names = ("steps", "batch", "learning_rate", "decay", "drop", "seed", "until", "every", "device")
    start, before = (load_diffusion()[::2]) if arguments.start == "diffusion" else (None, None)
    network, record = train_flow_matching(
        images,
        labels,
        arguments.folder,
        start=start,
        **{name: getattr(arguments, name) for name in names},
        half=arguments.precision == "bfloat16",
    )
    if not parallel.first():
        return
    provenance = describe_run(arguments, "diffusion_unet", record, without_digits(images))
    if before is not None:
        provenance["before"] = {
            "command": before["command"],
            "steps": before["settings"]["steps"],
            "sha256": before["sha256"],
        }
    test = data.mnist(arguments.data, train=False)[0]
    classifier, judge = load_classifier(arguments.classifier)
    rival, schedule, _ = load_diffusion()
    network, rival = (each.to(Place(arguments.device).device) for each in (network, rival))
    began = time.monotonic()
    metrics = evaluate_flow_matching(
        network, rival, schedule, labels, test, images, classifier, n=arguments.evaluated, seed=arguments.seed
    )
    print(metrics)
    provenance |= {
        "metrics": metrics | {"classifier_sha256": judge["sha256"]},
        "live": _live(network, classifier, arguments.seed + 10),
        "seconds_evaluation": round(time.monotonic() - began),
    }
    write_weights(Path(arguments.folder) / "flow_matching", network.state_dict(), provenance)


def add_command(commands):
    """Add the sub-command and its options."""
    parser = commands.add_parser("flow_matching", help="class-conditional flow matching with the U-Net on MNIST")
    common(parser, steps=10_000, seed=1, precision="bfloat16")
    parser.add_argument(
        "--start", choices=("diffusion", "none"), default="diffusion", help="first weights (default: the diffusion's)"
    )
    parser.add_argument(
        "--until", type=int, default=None, help="end before the steps that the learning rate is planned for"
    )
    parser.add_argument("--batch", type=int, default=64, help="images in a step")
    learning_rate_option(parser, 1e-3, "first learning rate, falls to 0")
    parser.add_argument("--decay", type=float, default=0.9993, help="decay of the moving average")
    parser.add_argument("--drop", type=float, default=0.15, help="fraction of labels left out")
    half_option(parser)
    parser.add_argument("--evaluated", type=int, default=1_000, help="samples of each run of the evaluation")
    parser.add_argument(
        "--classifier", default=None, help="folder of the classifier that judges (default: the shipped one)"
    )
    parser.set_defaults(run=_command)


doors(globals())
