"""Studies over seeds and settings that are too long for a page: ``python -m genphys.train study NAME``.

A study is a list of runs, each with its seed and what was found; the page shows it and repeats one run.
"""

import copy
import json
import os
import time
from importlib import resources
from pathlib import Path
from typing import Literal

import torch
from torch import nn
from tqdm import tqdm

from genphys import data, gan, scores, vae
from genphys.arguments import count, doors, tensor
from genphys.networks.classifier import class_shares
from genphys.systems import ising
from genphys.train.classifier import load_classifier
from genphys.train.diffusion import load_diffusion_samples
from genphys.train.gan import GAN_RUNS, load_gan
from genphys.train.lattice import study_phi4_chains, study_phi4_weights
from genphys.train.loop import move_average
from genphys.train.one_lattice.networks import Rounded
from genphys.train.one_lattice.runs import study_one_lattice

__all__ = [
    "load_study",
    "study_diffusion_copies",
    "study_first_gan",
    "study_gan_copies",
    "study_ising_gan",
    "study_vae_collapse",
    "study_vae_rate_distortion",
]

CHANGES = {
    "none": ("the lecture's recipe", {}),
    "momentum": ("Adam's momentum 0.5 in place of 0.9", {"betas": (0.5, 0.999)}),
    "wide": ("400 hidden units in place of 100", {"hidden_units": 400}),
    "average": ("weights averaged over the last 500 steps", {"average": 0.998}),
    "r1": ("R1 penalty 0.1 in place of dropout", {"r1_weight": 0.1, "dropout": 0.0}),
    "normal": ("normal noise in place of uniform", {"kind": "normal"}),
    "unit": ("grey values in [0, 1] in place of [-1, 1]", {"signed": False}),
    "together": (
        "momentum, width and average together",
        {"betas": (0.5, 0.999), "hidden_units": 400, "average": 0.998},
    ),
}


def study_first_gan(*, epochs: count() = 60, seeds: count() = 5):
    """Changes to the lecture's GAN on the 4 000 digits of :func:`genphys.data.digits`: six by one, three together.

    Each run is judged by 1 000 samples: the squared Fréchet distance in the classifier's features from the 1 000
    held-out digits, and the largest relative deviation of a digit's share from a tenth.

    Returns:
        The words of each change under ``"changes"`` and a list of dictionaries under ``"runs"``.
    """
    return _over_seeds("change", CHANGES, _first_gan, epochs, seeds)


def _over_seeds(kind, settings, run, epochs, seeds):
    """Every setting with every seed: the words of the settings, and the runs."""
    plan = [(name, seed) for name in settings for seed in range(1, seeds + 1)]
    runs = [
        {kind: name, "seed": seed} | run(seed, epochs=epochs, **settings[name][1])
        for name, seed in tqdm(plan, desc=f"study over {kind}s")
    ]
    return {f"{kind}s": {name: words for name, (words, _) in settings.items()}, "runs": runs}


def _play(g, d, x, batch, *, epochs, betas, kind, r1_weight, rng):
    """The game with Adam at PyTorch's own rate; it yields after each turn."""
    optimisers = [torch.optim.Adam(m.parameters(), 1e-3, betas=betas, fused=True) for m in (g, d)]
    for _ in range(epochs):
        yield from gan.train(
            g, d, data.batches(x, batch, rng=rng), g_optimiser=optimisers[0], d_optimiser=optimisers[1], rng=rng,
            kind=kind, r1_weight=r1_weight,
        )  # fmt: skip


def _first_gan(
    seed, *, epochs, hidden_units=100, dropout=0.5, betas=(0.9, 0.999), r1_weight=0.0, kind="uniform", signed=True,
    average=0.0,
):  # fmt: skip
    """One run of the lecture's GAN with its changes: the distance and the worst share of its samples."""
    rng, digits = torch.Generator().manual_seed(seed), data.digits()
    images = gan.to_signed(digits.train_images) if signed else digits.train_images
    g = gan.mlp_generator(hidden_units=hidden_units, rng=rng)
    d = gan.mlp_discriminator(hidden_units=hidden_units, dropout=dropout, rng=rng)
    averaged, start = copy.deepcopy(g), time.thread_time()
    turns = _play(g, d, images, 64, epochs=epochs, betas=betas, kind=kind, r1_weight=r1_weight, rng=rng)
    for steps, _ in enumerate(turns, 1):
        move_average(averaged, g, max(1 - average, 1 / steps) if average else 1.0)
    seconds = time.thread_time() - start
    with torch.no_grad():
        samples = averaged(gan.noise(1000, g.noise_size, kind, rng=torch.Generator().manual_seed(100 + seed)))
    samples = gan.to_unit(samples) if signed else samples.clamp(0, 1)
    classifier, _ = load_classifier()
    distance = scores.image_frechet2(classifier, digits.test_images, samples).value
    worst = (10 * class_shares(classifier, samples) - 1).abs().max().item()
    return {"distance": round(distance, 1), "worst_share": round(worst, 3), "seconds": round(seconds, 1)}


RECIPES = {
    "lecture": (
        "the lecture's recipe",
        {"kind": "uniform", "noise_size": 20, "layers": 1, "units": 100, "dropout": 0.5, "betas": (0.9, 0.999)},
    ),
    "r1": ("two layers, R1 penalty, no momentum", {"r1_weight": 0.1}),
    "rounded": ("the same, and spins that are rounded before they are judged", {"r1_weight": 0.1, "rounded": True}),
}


def study_ising_gan(*, epochs: count() = 8, seeds: count() = 8):
    """Three recipes of a GAN for the 4 x 4 Ising lattice at T = 3 J, trained on 20 000 exact draws.

    Each run is judged by 20 000 samples: the energy per site and the mean absolute magnetisation, minus the exact
    ones, and the share of outputs before rounding that are smaller than 0.9.

    Returns:
        The words of each recipe under ``"recipes"`` and a list of dictionaries under ``"runs"``.
    """
    return _over_seeds("recipe", RECIPES, _ising_gan, epochs, seeds)


def _ising_gan(
    seed, *, epochs, kind="normal", noise_size=32, layers=2, units=64, dropout=0.0, betas=(0.0, 0.99), r1_weight=0.0,
    rounded=False,
):  # fmt: skip
    """One run: the errors of the energy per site and of the mean |m|, and the share of undecided outputs."""
    rng = torch.Generator().manual_seed(seed)
    spins = ising.configurations(4).double()
    energy, size = ising.energy(spins).double(), spins.mean((1, 2)).abs()
    weights = (-energy / 3).softmax(0)
    rows = torch.multinomial(weights, 20_000, replacement=True, generator=rng)
    x = spins.flatten(1).float()[rows]
    g = gan.mlp_generator(noise_size, layers, units, 16, rng=rng)
    d = gan.mlp_discriminator(16, layers, units, dropout=dropout, rng=rng)
    player = Rounded(g) if rounded else g
    for _ in _play(player, d, x, 128, epochs=epochs, betas=betas, kind=kind, r1_weight=r1_weight, rng=rng):
        pass
    with torch.no_grad():
        soft = g(gan.noise(20_000, noise_size, kind, rng=rng))
    made = soft.sign().unflatten(1, (4, 4)).double()
    return {
        "energy": round((ising.energy(made).double().mean() / 16 - weights @ energy / 16).item(), 4),
        "magnetisation": round((made.mean((1, 2)).abs().mean() - weights @ size).item(), 4),
        "undecided": round((soft.abs() < 0.9).double().mean().item(), 3),
    }


def study_gan_copies(images: tensor("n 784", low=0, high=1), *, samples: count() = 1000):
    """Whether the shipped GANs play back the 55 000 images that they were trained on.

    The nearest image of each sample is looked up among those and among the 5 000 digits of
    :func:`genphys.data.digits`, which none of the networks saw.

    Args:
        images: The training images, grey values.
        samples: The number of samples of each network.

    Returns:
        ``"fair"``, the share of the training images among all, and under ``"runs"`` for each network the share of the
        samples whose nearest image is a training image (``"seen"``), their mean distance from it over that of unseen
        digits (``"distance"``), and the share that is nearer to one than a hundredth of the unseen digits is
        (``"close"``).
    """
    digits = data.digits()
    unseen = torch.cat([digits.train_images, digits.test_images])
    images = images.to(unseen.device)  # the shipped networks run where the digits lie
    of_digits = _nearest(unseen[:1000], images)
    runs = []
    for run, setting in GAN_RUNS.items():
        g = load_gan(run)[0]
        z = gan.noise(samples, g.noise_size, setting["noise"], rng=torch.Generator().manual_seed(51))
        with torch.no_grad():
            x = gan.to_unit(g(z, torch.arange(samples) % 10) if run == "conditional" else g(z))
        runs.append({"run": run} | _copies(x, images, unseen, of_digits))
    return {"fair": round(len(images) / (len(images) + len(unseen)), 4), "samples": samples, "runs": runs}


def study_diffusion_copies(images: tensor("n 784", low=0, high=1), *, samples: count() = 1000):
    """Whether the shipped diffusion model plays back the 55 000 images that it was trained on.

    As :func:`study_gan_copies`, for the shipped digits of :func:`genphys.train.load_diffusion_samples`.

    Args:
        images: The training images, grey values.
        samples: The number of digits of each sampler.

    Returns:
        As :func:`study_gan_copies`, with a run for each sampler.
    """
    digits = data.digits()
    unseen = torch.cat([digits.train_images, digits.test_images])
    images = images.to(unseen)
    of_digits = _nearest(unseen[:1000], images)
    drawn = {name: found[:samples].to(unseen) / 255 for name, found in load_diffusion_samples()[0].items()}
    runs = [{"run": name} | _copies(x, images, unseen, of_digits) for name, x in drawn.items()]
    return {"fair": round(len(images) / (len(images) + len(unseen)), 4), "samples": samples, "runs": runs}


def _copies(x, images, unseen, of_digits):
    """How many of x are nearer to the images than to unseen ones, and how near, beside the distances of digits."""
    to_seen, to_unseen = _nearest(x, images), _nearest(x, unseen)
    found = {
        "seen": (to_seen < to_unseen).double().mean(),
        "distance": to_seen.mean() / of_digits.mean(),
        "close": (to_seen < of_digits.quantile(0.01)).double().mean(),
    }
    return {name: round(value.item(), 4) for name, value in found.items()}


def _nearest(x, images):
    """The distance of each row of x from the nearest image, piece by piece."""
    return torch.stack([torch.cdist(x, piece).min(1).values for piece in images.split(5000)]).min(0).values


PRICES = {str(beta): (f"weight {beta:g} of the KL term", {"beta": beta}) for beta in (0.5, 1, 2, 4, 8, 16, 32, 64)}


def study_vae_rate_distortion(*, epochs: count() = 40, seeds: count() = 3):
    r"""Autoencoders of the 4 000 digits of :func:`genphys.data.digits` at eight weights :math:`\beta_\mathrm{KL}`.

    Encoder and decoder have one layer of 300 units and 20 latent variables. Each run gives the rate
    :math:`R = \langle\mathrm{KL}\rangle` and the distortion :math:`D = -\langle\log p_\theta(\mathbf{x}\mid
    \mathbf{h})\rangle` in nats per image, on the 1 000 held-out digits and on the training images, each binarised once.

    Returns:
        The words of each weight under ``"prices"`` and a list of dictionaries under ``"runs"``.
    """
    return _over_seeds("price", PRICES, _vae_at_price, epochs, seeds)


def _vae_at_price(seed, *, epochs, beta):
    """One run: rate and distortion on held-out and on training images."""
    rng, digits = torch.Generator().manual_seed(seed), data.digits()
    images = digits.train_images
    encoder = vae.dense_encoder(784, (300,), 20, nn.SiLU, rng=rng)
    net = vae.dense_decoder_net(20, (300,), 784, nn.SiLU, rng=rng)
    model = vae.VAE(encoder, vae.BernoulliDecoder(net), 784, 20).float()
    net[-1].bias.data = torch.logit(images.mean(0), eps=1e-3).float()
    optimiser = torch.optim.Adam(model.parameters(), fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=epochs * len(images) // 100)
    for _ in range(epochs):
        for batch in data.batches(images, 100, rng=rng):
            reconstruction, kl = model.elbo(data.binarise(batch, rng=rng), rng=rng)
            optimiser.zero_grad()
            (beta * kl - reconstruction).mean().backward()
            optimiser.step()
            schedule.step()
    found = {}
    for name, grey in (("", digits.test_images), ("_train", images)):
        with torch.no_grad():
            reconstruction, kl = model.elbo(data.fixed_binarisation(grey), samples=10, rng=rng)
        found |= {
            f"rate{name}": round(kl.mean().item(), 3),
            f"distortion{name}": round(-reconstruction.mean().item(), 3),
        }
    return found


CURES = {
    "no cure": ("the bound as it is", {"penalty": lambda kl, progress: kl.sum()}),
    "warm-up": (
        "the weight of the KL term rises from 0 to 1 in the first half",
        {"penalty": lambda kl, progress: min(1.0, 2 * progress) * kl.sum()},
    ),
    "free bits": (
        "the first 0.1 nats of each latent variable are free",
        {"penalty": lambda kl, progress: kl.clamp(min=0.1).sum()},
    ),
}


def study_vae_collapse(*, epochs: count() = 10, seeds: count() = 8):
    r"""Three penalties for the message of a deeper autoencoder of the 4 000 digits, trained briefly in large steps.

    Encoder and decoder have two layers of 100 units and 20 latent variables. Each run is judged on held-out digits:
    the number of latent variables whose mean KL exceeds 0.05 nats, the evidence lower bound, and, on 300 of them, the
    bound of 100 draws (``eq:iwae-bound``), in nats per image.

    Returns:
        The words of each penalty under ``"cures"`` and a list of dictionaries under ``"runs"``.
    """
    return _over_seeds("cure", CURES, _vae_with_cure, epochs, seeds)


def _vae_with_cure(seed, *, epochs, penalty):
    """One run: latent variables in use, the bound, and the bound of 100 draws."""
    rng, digits = torch.Generator().manual_seed(seed), data.digits()
    images, held_out = digits.train_images, data.fixed_binarisation(digits.test_images)
    encoder = vae.dense_encoder(784, (100, 100), 20, nn.SiLU, rng=rng)
    net = vae.dense_decoder_net(20, (100, 100), 784, nn.SiLU, rng=rng)
    model = vae.VAE(encoder, vae.BernoulliDecoder(net), 784, 20).float()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2, fused=True)
    steps = epochs * len(images) // 100

    def two_terms(x):  # the mean reconstruction, and the mean KL of each latent variable
        mean, log_variance = model.encode(x)
        noise = torch.randn(mean.shape, generator=rng, dtype=mean.dtype)
        fit = model.decoder.log_prob(x, vae.reparameterise(mean, log_variance, noise)).mean()
        return fit, 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean(0)

    for step in range(steps):
        batch = images[torch.randint(len(images), (100,), generator=rng)]
        fit, kl = two_terms(data.binarise(batch, rng=rng))
        optimiser.zero_grad()
        (penalty(kl, step / steps) - fit).backward()
        optimiser.step()
    with torch.no_grad():
        fit, kl = two_terms(held_out)
        evidence = model.log_likelihood_bound(held_out[:300], 100, rng=rng).mean()
    return {
        "used": (kl > 0.05).sum().item(),
        "bound": round((fit - kl.sum()).item(), 2),
        "evidence": round(evidence.item(), 2),
    }


STUDIES = {
    "first_gan": study_first_gan,
    "ising_gan": study_ising_gan,
    "gan_copies": study_gan_copies,
    "diffusion_copies": study_diffusion_copies,
    "one_lattice": study_one_lattice,
    "phi4_chains": study_phi4_chains,
    "phi4_weights": study_phi4_weights,
    "vae_collapse": study_vae_collapse,
    "vae_rate_distortion": study_vae_rate_distortion,
}


def load_study(
    name: Literal[
        "first_gan",
        "ising_gan",
        "gan_copies",
        "diffusion_copies",
        "one_lattice",
        "phi4_chains",
        "phi4_weights",
        "vae_collapse",
        "vae_rate_distortion",
    ],
    folder: Path | str | None = None,
):
    """The result of a shipped study, as its command wrote it; ``folder`` is the package's own where left out."""
    folder = Path(folder) if folder is not None else Path(str(resources.files("genphys") / "weights"))
    path = folder / f"study_{name}.json"
    if not path.is_file():
        raise ValueError(f"folder is {folder.name!r}, takes a folder that holds study_{name}.json")
    return json.loads(path.read_text(encoding="utf-8"))


def _command(arguments):
    study = STUDIES[arguments.run_name]
    of_images = (study_gan_copies, study_diffusion_copies)
    needed = (data.mnist(arguments.data, exclude_digits=True)[0],) if study in of_images else ()
    result = study(*needed)
    record = {"command": f"python -m genphys.train study {arguments.run_name}"} | result
    path = Path(arguments.folder) / f"study_{arguments.run_name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    os.replace(partial, path)
    print(f"written: {path.name}")


def add_command(commands):
    """Add the sub-command and its options."""
    parser = commands.add_parser("study", help="studies over seeds and settings")
    parser.add_argument("run_name", metavar="NAME", choices=list(STUDIES), help=", ".join(STUDIES))
    parser.add_argument("--folder", type=Path, default=None, help="where the result goes (default: runs/study)")
    parser.add_argument("--data", default=None, help="folder that holds MNIST/raw (default: $GENPHYS_DATA)")
    parser.add_argument("--threads", type=int, default=None, help="CPU threads (default: PyTorch's own choice)")
    parser.set_defaults(run=_command, parser=parser, several=False, device="cpu")


doors(globals())
