"""The trainings of the adversarial networks: ``python -m genphys.train gan RUN``."""

import copy
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from genphys import data, gan
from genphys.arguments import count, doors, label, number, source, tensor
from genphys.networks.classifier import accuracy, class_shares
from genphys.numerics import tensor_hash
from genphys.train import parallel
from genphys.train.classifier import load_classifier
from genphys.train.command import common, describe_run, without_digits
from genphys.train.files import fill, load_weights, take, under, write_weights
from genphys.train.loop import Shuffled, State, move_average, train
from genphys.train.place import Device, Place, Precision

__all__ = ["GAN_RUNS", "evaluate_gan", "gan_networks", "load_gan", "settle_normalisation", "train_gan"]

GAN_RUNS = {
    "lecture": {
        "loss": "non-saturating", "noise": "uniform", "noise_size": 20, "channels": 0, "d_channels": 0, "d_steps": 1,
        "learning_rate": 1e-3, "betas": [0.9, 0.999], "gp_weight": 0.0, "r1_weight": 0.0,
        "decay": 0.0, "falling": False, "steps": 42_950,
    },
    "dcgan": {
        "loss": "non-saturating", "noise": "normal", "noise_size": 64, "channels": 16, "d_channels": 32, "d_steps": 2,
        "learning_rate": 1e-3, "betas": [0.5, 0.999], "gp_weight": 0.0, "r1_weight": 0.0,
        "decay": 0.999, "falling": True, "steps": 5000,
    },
    "wgan-gp": {
        "loss": "wasserstein", "noise": "normal", "noise_size": 64, "channels": 16, "d_channels": 32, "d_steps": 2,
        "learning_rate": 1e-3, "betas": [0.5, 0.9], "gp_weight": 10.0, "r1_weight": 0.0,
        "decay": 0.998, "falling": True, "steps": 3000,
    },
    "conditional": {
        "loss": "non-saturating", "noise": "normal", "noise_size": 64, "channels": 16, "d_channels": 16, "d_steps": 1,
        "learning_rate": 5e-4, "betas": [0.5, 0.999], "gp_weight": 0.0, "r1_weight": 0.1,
        "decay": 0.998, "falling": True, "steps": 5000,
    },
}  # fmt: skip


runs = Literal["lecture", "dcgan", "wgan-gp", "conditional"]


def gan_networks(run: runs, *, rng: source):
    """The generator and the discriminator of one of the four shipped runs, with fresh weights.

    Args:
        run: ``"lecture"`` (the source lecture's fully connected networks), ``"dcgan"``, ``"wgan-gp"`` or
            ``"conditional"``.
        rng: The source of the first weights and of dropout.
    """
    size, channels, d_channels = (GAN_RUNS[run][key] for key in ("noise_size", "channels", "d_channels"))
    if run == "lecture":
        return gan.mlp_generator(size, rng=rng), gan.mlp_discriminator(rng=rng)
    if run == "conditional":
        return (
            gan.ConditionalGenerator(size, channels=channels, rng=rng),
            gan.ConditionalDiscriminator(channels=d_channels, rng=rng),
        )
    return gan.conv_generator(size, channels, rng=rng), gan.conv_discriminator(d_channels, rng=rng)


def train_gan(
    images: tensor("n 784", low=0, high=1),
    labels: label("n", 10),
    run: runs,
    folder: Path | str,
    *,
    steps: count(),
    batch: count(),
    seed: count(0),
    shown: count() = 20,
    every: number(low=0) = 60.0,
    device: Device = "cpu",
    precision: Precision = "float32",
):
    """Train one of the four GANs on digits; a step is one step of the generator.

    The weights of the generator are averaged over the last steps (not in the lecture's run), and the samples of the
    average at noise that never changes are recorded on the way.

    Args:
        images: Grey values in [0, 1].
        labels: Their classes; only the conditional run looks at them.
        run: See :func:`gan_networks`.
        folder: Where the checkpoint lies.
        steps: The number of steps of the generator.
        batch: The number of images in a step of the discriminator.
        seed: The seed of the whole run.
        shown: The number of samples recorded at a time.
        every: Seconds between checkpoints.
        device: Where the networks compute.
        precision: Of their products.

    Returns:
        The averaged generator, the discriminator, the samples as uint8, shape (times, shown, 784), the steps at which
        they were taken, and the record of :func:`train`.
    """
    rng = torch.Generator().manual_seed(seed)
    setting, place = GAN_RUNS[run], Place(device, precision)
    networks = gan_networks(run, rng=rng)
    averaged, g, d = (network.to(place.device) for network in (copy.deepcopy(networks[0]), *networks))
    players = [_shared(network, place, batch, rng) for network in (g, d)]
    optimisers = [
        torch.optim.Adam(network.parameters(), lr=setting["learning_rate"], betas=tuple(setting["betas"]), fused=True)
        for network in (g, d)
    ]
    for optimiser in optimisers:
        parallel.add_before_step(optimiser)
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
            optimiser.param_groups[0]["lr"] = setting["learning_rate"] * (
                min(1.0, 2 * (1 - i / steps)) if setting["falling"] else 1
            )
        taken = [rows(i * setting["d_steps"] + k) for k in range(setting["d_steps"])]
        x, y = ([of[now].to(place.device) for now in taken] for of in (images, labels))
        (found,) = gan.train(
            *players,
            list(zip(x, y, strict=True)) if conditional else x,
            g_optimiser=optimisers[0],
            d_optimiser=optimisers[1],
            rng=rng,
            game=setting["loss"],
            kind=setting["noise"],
            d_steps=setting["d_steps"],
            gp_weight=setting["gp_weight"],
            r1_weight=setting["r1_weight"],
        )
        move_average(averaged, g, max(1 - setting["decay"], 1 / (i + 1)))
        if i + 1 in times:
            there = (each.to(place.device) for each in (fixed, fixed_labels)[: 1 + conditional])
            samples[times.index(i + 1)] = _grey(averaged, *there)
        return _whole(found, batch, setting)

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
        settings=settings | {"data": tensor_hash(images, labels)} | place.settings(),
        every=every,
        log_every=max(1, steps // 200),
        name=f"gan {run}",
    )
    averaged.cpu()
    settle_normalisation(averaged, setting["noise"], seed=seed + 2)
    samples[-1] = _grey(averaged, fixed, fixed_labels if conditional else None)
    return averaged.eval(), d.eval().cpu(), samples, times, record


def _shared(network, place, batch, rng):
    """A player, of which this process evaluates its own rows, in its place's precision, as if it saw all of them."""
    if parallel.size() > 1:
        parallel.replace(network, nn.BatchNorm2d, parallel.shared_norm)
        parallel.replace(network, gan.Dropout, lambda layer: _Dropout(layer.p, batch, rng))
    return parallel.in_part(network, place, batch)


class _Dropout(nn.Module):
    """Dropout of this process's rows; the draws are those of all."""

    def __init__(self, p, batch, rng):
        super().__init__()
        self.p, self.batch, self.rng = p, batch, rng

    def forward(self, x):
        if not self.training:
            return x
        rows = len(x) // len(range(self.batch)[parallel.own(self.batch)]) * self.batch
        chance = torch.rand(rows, *x.shape[1:], generator=self.rng, dtype=x.dtype)
        return x * (parallel.cut(chance, self.batch).to(x.device) >= self.p).to(x.dtype).div_(1 - self.p)


def _whole(found, batch, setting):
    """The losses and means of a step over the rows of all processes: each has found them with zeros for the others."""
    if parallel.size() > 1:
        nothing, game = found.d_loss.new_zeros(batch), setting["loss"]
        output = 0.0 if game == "wasserstein" else 0.5  # the penalty on the slope is one where there is none
        none = (
            gan.discriminator_loss(nothing, nothing, game) + setting["gp_weight"],
            gan.generator_loss(nothing, game),
            *(nothing.new_tensor(output), nothing.new_tensor(output)),
        )
        parallel.add(found)
        found = type(found)(*(x - (parallel.size() - 1) * zero for x, zero in zip(found, none, strict=True)))
    return found._asdict()


@torch.no_grad()
def settle_normalisation(
    g: nn.Module, noise: Literal["normal", "uniform"], *, seed: count(0), batches: count() = 50, size: count() = 200
):
    """Set the running means and variances of batch normalisation to those that the averaged weights have.

    Args:
        g: A generator, changed in place; one without batch normalisation stays as it is.
        noise: The kind of its noise.
        seed: The seed of the noise, and of the labels.
        batches: The number of batches that are averaged.
        size: The rows of each.
    """
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
        z = gan.noise(size, g.noise_size, noise, rng=rng).to(layers[0].weight.device)
        g(z, torch.arange(size, device=z.device) % g.classes) if hasattr(g, "classes") else g(z)
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


def evaluate_gan(g: nn.Module, classifier: nn.Module, run: runs, *, n: count() = 10_000, seed: count(0) = 7):
    """What the classifier finds in samples: the share of each digit, and for the conditional run the agreement.

    Args:
        g: The generator, in evaluation mode.
        classifier: The :class:`genphys.networks.classifier.Classifier`.
        run: See :func:`gan_networks`.
        n: The number of samples.
        seed: The seed of the noise.

    Returns:
        A dictionary: ``class_shares`` (ten numbers :math:`s_k`), ``worst_share_deviation``, the largest of
        :math:`|10 s_k - 1|`, and ``agreement`` where there is a requested class.
    """
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


def load_gan(run: runs, folder: Path | str | None = None):
    """A shipped GAN: its networks in evaluation mode, its samples over time and its record.

    Args:
        run: See :func:`gan_networks`.
        folder: Where the weights lie; the package's own where left out.

    Returns:
        The generator, the discriminator, the samples at fixed noise (uint8, shape (times, shown, 784)) and the record,
        with the steps of the samples under ``"samples_at"`` and the learning curves under ``"history"``.
    """
    g, d = gan_networks(run, rng=torch.Generator())
    tensors, record = load_weights(f"gan_{run.replace('-', '_')}", folder)
    fill(g, under(tensors, "g/"), "the generator")
    fill(d, under(tensors, "d/"), "the discriminator")
    return g.eval(), d.eval(), take(tensors, "samples"), record


def _command(arguments):
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
        device=arguments.device,
        precision=arguments.precision,
    )
    if not parallel.first():
        return
    classifier, judge = load_classifier(arguments.classifier)
    metrics = evaluate_gan(g, classifier, run) | {"classifier_sha256": judge["sha256"]}
    print(f"{run}: {metrics}")
    provenance = describe_run(arguments, run, record, without_digits(images)) | {
        "metrics": metrics,
        "samples_at": times,
    }
    tensors = {f"g/{key}": tensor for key, tensor in g.state_dict().items()}
    tensors |= {f"d/{key}": tensor for key, tensor in d.state_dict().items()} | {"samples": samples}
    write_weights(Path(arguments.folder) / f"gan_{run.replace('-', '_')}", tensors, provenance)


def add_command(commands):
    """Add the sub-command and its options."""
    parser = commands.add_parser("gan", help="generative adversarial networks on MNIST")
    parser.add_argument("run_name", metavar="RUN", choices=list(GAN_RUNS), help=", ".join(GAN_RUNS))
    common(parser, steps=None, seed=1)
    parser.add_argument("--batch", type=int, default=64, help="images in a step of the discriminator")
    parser.add_argument(
        "--classifier", default=None, help="folder of the classifier that judges (default: the shipped one)"
    )
    parser.set_defaults(run=_command)


doors(globals())
