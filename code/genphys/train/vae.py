"""The training of the variational autoencoder: ``python -m genphys.train vae``."""

import json
import math
import time
from pathlib import Path
from typing import Literal

import torch
from torch import nn
from tqdm import tqdm

from genphys import data, vae
from genphys.arguments import count, doors, number, positive, source, tensor, unchecked
from genphys.numerics import double, tensor_hash
from genphys.train import parallel
from genphys.train.command import common, describe_run, learning_rate_option, without_digits
from genphys.train.files import fill, load_weights, read_checkpoint, write_weights
from genphys.train.loop import Shuffled, State, train
from genphys.train.place import Device, Place, Precision

__all__ = ["burda_vae", "evaluate_vae", "load_vae", "train_vae"]

grey = tensor("n M", low=0, high=1)  # images as rows of pixels


def burda_vae(*, rng: source):
    """The network of Burda, Grosse and Salakhutdinov (2015): 50 latent units, two layers of 200 tanh on each side."""
    encoder = vae.dense_encoder(784, (200, 200), 50, rng=rng)
    decoder = vae.BernoulliDecoder(vae.dense_decoder_net(50, (200, 200), 784, rng=rng))
    return vae.VAE(encoder, decoder, 784, 50)


def train_vae(
    images: grey,
    folder: Path | str,
    *,
    steps: count(),
    k: count(),
    first_k: count(),
    first_steps: count(0),
    draws: count(),
    batch: count(),
    learning_rate: positive,
    last_learning_rate: number(low=0),
    seed: count(0),
    start: Path | str | None = None,
    gradient: Literal["plain", "doubly"] = "plain",
    every: number(low=0) = 60.0,
    device: Device = "cpu",
    precision: Precision = "float32",
):
    r"""Train :func:`burda_vae` on images binarised anew at every step, by Adam with a rate that falls as a cosine.

    Each step ascends the importance-weighted bound of ``k`` samples; ``k = 1`` is the evidence lower bound, with its
    KL term in closed form. Where ``k`` exceeds ``draws``, only ``draws`` resampled ones are differentiated
    (:meth:`genphys.vae.VAE.resampled_bound`), which leaves the gradient unbiased.

    Args:
        images: Grey values in [0, 1].
        folder: Where the checkpoint lies.
        steps: The number of steps.
        k: The number of importance samples.
        first_k: Their number in the first steps, where a looser bound is as good and cheaper.
        first_steps: How many steps those are.
        draws: The number of samples that are differentiated.
        batch: The number of images in a step.
        learning_rate: The first learning rate.
        last_learning_rate: The last one.
        seed: The seed of the whole run.
        start: A file of weights to begin from; random ones where left out.
        gradient: That of the bound of several samples: ``"plain"``, or ``"doubly"`` reparameterised, which has the same
            mean and in the encoder less noise (Tucker et al.).
        every: Seconds between checkpoints.
        device: Where the networks compute.
        precision: Of their products; the log-densities stay in single precision.

    Returns:
        The model and the record of :func:`train`.

    References:
        Burda, Grosse and Salakhutdinov, Importance weighted autoencoders (2015).
        Tucker, Lawson, Gu and Maddison, Doubly reparameterized gradient estimators (2019).
    """
    rng = torch.Generator().manual_seed(seed)
    place = Place(device, precision)
    model = burda_vae(rng=rng)
    with torch.no_grad():
        model.decoder.net[-1].bias.copy_(torch.logit(images.mean(0), eps=1e-3))
    if start is not None:
        model.load_state_dict(read_checkpoint(start)[0])
    began_from = tensor_hash(*model.state_dict().values())
    shared = _shared(model.to(place.device), place)
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True)
    rows = Shuffled(len(images), batch, seed)

    def bound(x, samples):
        if samples == 1:
            reconstruction, kl = shared.elbo(x, rng=rng)
            return reconstruction - kl
        if gradient == "doubly":
            return _doubly_reparameterised(shared, x, samples, draws, rng)
        if samples <= draws:
            return shared.importance_weighted_bound(x, samples, rng=rng)
        return shared.resampled_bound(x, samples, draws, rng=rng)

    def step(i):
        samples = first_k if i < first_steps else k
        cosine = (1 + math.cos(math.pi * i / steps)) / 2  # from 1 to 0
        optimiser.param_groups[0]["lr"] = last_learning_rate + (learning_rate - last_learning_rate) * cosine
        x = data.binarise(images[rows(i)], rng=rng).to(place.device)
        optimiser.zero_grad()
        total = 0.0
        for piece in x.split(max(1, 1000 // samples)):  # 1 000 decoded rows at a time stay in the processor's cache
            loss = -bound(piece, samples)[parallel.own(len(piece))].sum() / len(x)
            loss.backward()
            total -= loss.item()
        if parallel.size() > 1:
            total = x.new_tensor(total)
            parallel.add_gradients(model, total)
        optimiser.step()
        return {"bound": total, "k": samples}

    record = train(
        step,
        steps,
        State(modules={"model": model}, optimisers={"adam": optimiser}, generators={"rng": rng}),
        folder=folder,
        settings={
            "steps": steps,  # the learning rate depends on it
            "start": began_from,
            "k": k,
            "first_k": first_k,
            "first_steps": first_steps,
            "draws": draws,
            "batch": batch,
            "learning_rate": learning_rate,
            "last_learning_rate": last_learning_rate,
            "seed": seed,
            "data": tensor_hash(images),
        }
        | place.settings()
        | ({"gradient": gradient} if gradient != "plain" else {}),
        every=every,
        log_every=rows.per_epoch * math.ceil(steps / (200 * rows.per_epoch)),  # whole epochs, 200 entries at most
        name="vae" if k == 1 else "iwae",
    )
    return model.cpu(), record


def _doubly_reparameterised(model, x, k, draws, rng):
    r"""The bound of k samples, with the doubly reparameterised gradient; resampled where ``k`` exceeds ``draws``.

    .. math::
        \nabla_\theta: \sum_i \tilde w_i\,\nabla_\theta\log w_i , \qquad
        \nabla_\phi: \sum_i \tilde w_i^2\,\frac{\partial\log w_i}{\partial\mathbf{h}_i}\,\nabla_\phi\mathbf{h}_i

    The weights' own dependence on the encoder's distribution, beside that through the samples, is left out: with the
    second power of :math:`\tilde w_i` the mean is the same.
    """
    mean, log_variance = model._encode(x)
    noise = model._noise(k, mean, rng)
    with torch.no_grad():
        log_w = model._log_weights(x, mean, log_variance, noise)  # (k, B)
        bound, share = log_w.logsumexp(0) - math.log(k), log_w.softmax(0)
        weight = share
        if k > draws:  # systematic resampling, as in VAE.resampled_bound
            levels = torch.arange(draws, device=x.device) + torch.rand(len(x), 1, generator=rng).to(x)
            picked = torch.searchsorted(share.T.cumsum(-1).contiguous(), levels / draws).clamp_(max=k - 1).T
            noise = noise[picked, torch.arange(len(x), device=x.device)]  # (draws, B, K)
            share = share.gather(0, picked)
            weight = torch.full_like(share, 1 / draws)
    h = vae.reparameterise(mean, log_variance, noise)
    h.register_hook(lambda slope: slope * share[..., None])  # the second power, on the way to the encoder alone
    off = (h - mean.detach()) * (-0.5 * log_variance.detach()).exp()
    log_encoder = -0.5 * (off.square() + log_variance.detach()).sum(-1)
    log_w = model._log_prob(x, h) - 0.5 * h.square().sum(-1) - log_encoder
    surrogate = (weight * log_w).sum(0)
    return bound + (surrogate - surrogate.detach())


def _shared(model, place):
    """The autoencoder with the same weights, of which this process evaluates its own rows, in its place's precision."""
    if parallel.size() == 1 and not place.half:
        return model
    return vae.VAE(parallel.Part(model.encoder, place), _Decoder(model.decoder, place), model.visible, model.latents)


class _Decoder(nn.Module):
    """A decoder of zeros and ones whose log-densities are those of this process's rows, and zero in the others."""

    values = (0, 1)

    def __init__(self, decoder, place):
        super().__init__()
        self.decoder = vae.BernoulliDecoder(place.low(decoder.net))

    def log_prob(self, x, h):
        n = len(x)
        found = unchecked(self.decoder.log_prob)(parallel.cut(x, n), parallel.cut(h, n, -2))  # (..., B, K) -> (..., B)
        return parallel.padded(found, n, -1)


def evaluate_vae(model: vae.VAE, images: grey, *, samples: count(), seed: count(0)):
    r"""Test log-likelihood by importance sampling, on the one fixed binarisation of the test images.

    Args:
        model: The autoencoder.
        images: Grey test images.
        samples: The number :math:`k` of importance samples an image.
        seed: Their seed.

    Returns:
        A dictionary: the mean of the bound :math:`\mathcal{L}_k` in nats and the standard error from the finite test
        set, the two terms of the evidence lower bound, and the settings.
    """
    x = data.fixed_binarisation(images).to(next(model.parameters()).device)
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        reconstruction, kl = (double(term).mean().item() for term in model.elbo(x, rng=rng))
    parts = [model.log_likelihood_bound(part, samples, rng=rng, rows=2000) for part in tqdm(x.split(100))]
    bound = double(torch.cat(parts))
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


def load_vae(name: Literal["vae", "iwae"] = "vae", folder: Path | str | None = None):
    """A shipped autoencoder, trained with the ELBO (``"vae"``) or the bound of 50 samples (``"iwae"``), and its record.

    Args:
        name: Which.
        folder: Where the weights lie; the package's own where left out.
    """
    tensors, record = load_weights(name, folder)
    model = burda_vae(rng=torch.Generator())
    fill(model, tensors, "burda_vae")
    return model.eval(), record


_VAE_OPTIONS = (
    *("steps", "k", "first_k", "first_steps", "draws"),
    *("batch", "learning_rate", "last_learning_rate", "seed", "start", "gradient", "device", "precision"),
)


def _command(arguments):
    options = {name: getattr(arguments, name) for name in _VAE_OPTIONS}
    images = data.mnist(arguments.data, exclude_digits=True)[0]
    model, record = train_vae(images, arguments.folder, **options, every=arguments.every)
    if not parallel.first():
        return
    began = time.monotonic()
    test = data.mnist(arguments.data, train=False)[0]
    metrics = evaluate_vae(
        model.to(Place(arguments.device).device), test, samples=arguments.importance_samples, seed=arguments.seed
    )
    print(f"test log-likelihood {metrics['log_likelihood']:.2f} nats, a lower bound")
    provenance = describe_run(arguments, "burda_vae", record, without_digits(images)) | {
        "seconds_evaluation": round(time.monotonic() - began),
        "metrics": metrics,
    }
    if arguments.start is not None:
        provenance["before"] = json.loads(Path(arguments.start).with_suffix(".json").read_text(encoding="utf-8"))
    write_weights(Path(arguments.folder) / ("vae" if arguments.k == 1 else "iwae"), model.state_dict(), provenance)


def add_command(commands):
    """Add the sub-command and its options."""
    parser = commands.add_parser("vae", help="autoencoder of Burda et al. on binarised MNIST, by ELBO or bound of k")
    common(parser, steps=80_000, seed=1)
    parser.add_argument("--k", type=int, default=1, help="importance samples; 1 is the ELBO")
    parser.add_argument("--first-k", type=int, default=1, help="importance samples in the first steps")
    parser.add_argument("--first-steps", type=int, default=0, help="how many steps those are")
    parser.add_argument("--draws", type=int, default=8, help="samples that are differentiated, at most")
    parser.add_argument("--batch", type=int, default=100, help="images in a step")
    learning_rate_option(parser, 2e-3, "first learning rate")
    learning_rate_option(parser, 2e-5, "last learning rate", kind="last-")
    parser.add_argument(
        "--start", default=None, help="weights to begin from, with their record beside them (default: random ones)"
    )
    parser.add_argument(
        "--gradient", choices=("plain", "doubly"), default="plain", help="of the bound of k samples (default: plain)"
    )
    parser.add_argument("--importance-samples", type=int, default=5_000, help="samples of the evaluation")
    parser.set_defaults(run=_command)


doors(globals())
