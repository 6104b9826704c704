"""The training of the restricted Boltzmann machine: ``python -m genphys.train rbm``."""

import copy
import time
from pathlib import Path

import torch

from genphys import data, rbm
from genphys.arguments import count, doors, number, positive, tensor
from genphys.numerics import double, tensor_hash
from genphys.rbm.machine import bernoulli
from genphys.train import parallel
from genphys.train.command import common, describe_run, learning_rate_option, without_digits
from genphys.train.files import write_weights
from genphys.train.loop import Shuffled, State, move_average, train
from genphys.train.place import Device, Place, Precision

__all__ = ["evaluate_rbm", "train_rbm"]

grey = tensor("n M", low=0, high=1)  # images as rows of pixels


def train_rbm(
    images: grey,
    folder: Path | str,
    *,
    steps: count(),
    hidden: count(),
    batch: count(),
    chains: count(),
    k: count(),
    learning_rate: positive,
    rate_steps: positive,
    decay: number(low=0),
    average: number(low=0),
    seed: count(0),
    every: number(low=0) = 60.0,
    device: Device = "cpu",
    precision: Precision = "float32",
):
    r"""Train a Bernoulli RBM on stochastically binarised images by persistent contrastive divergence.

    Each step draws a batch, binarises it anew and takes a centred PCD-k step with the learning
    rate :math:`r/(1+t/\tau)`; what is kept is the average of the weights over the last steps, with weight
    :math:`t^\eta`.

    Args:
        images: Grey values in [0, 1].
        folder: Where the checkpoint lies.
        steps: The number of steps.
        hidden: The number of hidden units.
        batch: The number of images in a step.
        chains: The number of persistent chains.
        k: Gibbs steps a training step.
        learning_rate: The first learning rate :math:`r`.
        rate_steps: :math:`\tau`, after which it is halved.
        decay: The weight decay.
        average: :math:`\eta`.
        seed: The seed of the whole run.
        every: Seconds between checkpoints.
        device: Where the machine and its chains are.
        precision: Of the five matrix products; the sums, the weights and their changes stay in single precision.

    Returns:
        The averaged machine and the record of :func:`train`.
    """
    rng = torch.Generator().manual_seed(seed)
    place = Place(device, precision)
    model = rbm.BernoulliRBM(images.shape[1], hidden, rng=rng)
    with torch.no_grad():
        model.visible_bias.copy_(model.base_bias(images))
    state = rbm.persistent_chains(model, chains, rng=rng)
    for name in ("hidden", "visible_mean", "hidden_mean"):
        setattr(state, name, getattr(state, name).to(place.device))
    averaged = copy.deepcopy(model.to(place.device))
    alone = parallel.size() == 1
    rows = Shuffled(len(images), batch, seed)

    def step(i):
        x = data.binarise(images[rows(i)], rng=rng).to(place.device)
        state.step = i
        options = {"k": k, "learning_rate": learning_rate / (1 + i / rate_steps), "weight_decay": decay, "rng": rng}
        if alone and place.half:
            half_step(model, x, state, **options)
        elif alone:
            next(rbm.contrastive_divergence(model, [x], state, **options))
        else:
            _shared_step(model, x, state, place, **options)
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
            generators={"rng": rng},
            tensors={"hidden": state.hidden, "visible_mean": state.visible_mean, "hidden_mean": state.hidden_mean},
        ),
        folder=folder,
        settings={
            "hidden": hidden,
            "batch": batch,
            "chains": chains,
            "k": k,
            "learning_rate": learning_rate,
            "rate_steps": rate_steps,
            "decay": decay,
            "average": average,
            "seed": seed,
            "data": tensor_hash(images),
        }
        | place.settings(),
        every=every,
        name="rbm",
    )
    return averaged.cpu(), record


@torch.no_grad()
def half_step(model, x, chains, *, k, learning_rate, weight_decay, rng):
    r""":func:`genphys.rbm.cd_step_fused` (``eq:rbm-gradient``) with persistent chains, its products in bfloat16.

    Data ``x``, shape (B, M), and chains are the two phases of one product, summed in single precision: what is rounded
    is data minus model. Parameters and ``chains`` are changed in place.
    """
    weight = model.weight.bfloat16()

    def mean(rows, weight, bias):
        return (rows.bfloat16() @ weight).float().add_(bias).sigmoid_()

    p, h = mean(x, weight, model.hidden_bias), chains.hidden
    for _ in range(k):
        y = bernoulli(mean(h, weight.T, model.visible_bias), rng)
        q = mean(y, weight, model.hidden_bias)
        h = bernoulli(q, rng)
    chains._follow(x.mean(0), p.mean(0))
    mu, lam = chains.visible_mean, chains.hidden_mean
    rows = torch.cat([(x - mu).mul_(1 / len(x)), (mu - y).mul_(1 / len(y))])
    units = torch.cat([p - lam, q - lam])
    change = rows.bfloat16().T @ units.bfloat16()
    if weight_decay:
        model.weight.mul_(1 - learning_rate * weight_decay)
    model.weight.add_(change, alpha=learning_rate)
    model.visible_bias.add_(x.mean(0) - y.mean(0) - (change @ lam.bfloat16()).float(), alpha=learning_rate)
    model.hidden_bias.add_(p.mean(0) - q.mean(0) - (mu.bfloat16() @ change).float(), alpha=learning_rate)
    chains.hidden.copy_(h)
    chains.visible, chains.step = y, chains.step + 1


@torch.no_grad()
def _shared_step(model, x, chains, place, *, k, learning_rate, weight_decay, rng):
    """:func:`genphys.rbm.cd_step` with persistent chains, the rows of data and chains shared by the processes.

    The draws are those of one process, for all chains. The sums over the rows are added before the gradient is centred,
    and with them the chains, so that each process knows all of them.
    """
    n, many = len(x), len(chains.hidden)

    def draw(field):
        p = torch.sigmoid(field)
        u = torch.rand(many, p.shape[1], generator=rng, dtype=p.dtype)
        return (parallel.cut(u, many).to(p.device) < p).to(p)

    def mean(rows, over):
        p = torch.sigmoid(place.run(model._hidden_field, rows)) / over
        return [place.run(torch.matmul, rows.T, p), rows.sum(0) / over, p.sum(0)]

    positive = mean(parallel.cut(x, n), n)
    h = parallel.cut(chains.hidden, many)
    for _ in range(k):
        y = draw(place.run(model._visible_field, h))
        h = draw(place.run(model._hidden_field, y))
    negative = mean(y, many)
    everyone, seen = parallel.padded(h, many), parallel.padded(y, many)
    parallel.add([*positive, *negative, everyone, seen])
    chains.hidden.copy_(everyone)
    chains._follow(x.mean(0), positive[2])
    gradient = rbm.Moments(*positive) - rbm.Moments(*negative)
    gradient = rbm.centred(gradient, chains.visible_mean, chains.hidden_mean)
    model.weight.mul_(1 - learning_rate * weight_decay)
    for parameter, change in zip((model.weight, model.visible_bias, model.hidden_bias), gradient, strict=True):
        parameter.add_(change, alpha=learning_rate)
    chains.visible, chains.step = seen, chains.step + 1


def evaluate_rbm(
    model: rbm.BernoulliRBM,
    images: grey,
    *,
    base_images: tensor("m M", low=0, high=1),
    temperatures: count(2),
    chains: count(),
    seed: count(0),
):
    r"""Test log-likelihood by annealed importance sampling, on the one fixed binarisation of the test images.

    Args:
        model: The machine.
        images: Grey test images.
        base_images: The grey images whose means are the base of the annealing.
        temperatures: The number of temperatures.
        chains: The number of annealing runs.
        seed: The seed of the annealing.

    Returns:
        A dictionary: the mean log-likelihood in nats, the standard error from log Z and that from the finite test
        set, log Z, and the settings.
    """
    x, base_images = (grey.to(model.weight.device) for grey in (data.fixed_binarisation(images), base_images))
    rng = torch.Generator().manual_seed(seed)
    betas = torch.linspace(0, 1, temperatures, dtype=torch.float64)
    annealed = rbm.ais(model, betas, chains, base_bias=model.base_bias(base_images), rng=rng)
    with torch.no_grad():
        free_energy = double(torch.cat([model.free_energy(part) for part in x.split(1000)]))
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


def _command(arguments):
    images = data.mnist(arguments.data, exclude_digits=True)[0]
    model, record = train_rbm(
        images,
        arguments.folder,
        steps=arguments.steps,
        hidden=arguments.hidden,
        batch=arguments.batch,
        chains=arguments.chains,
        k=arguments.k,
        learning_rate=arguments.learning_rate,
        rate_steps=arguments.rate_steps,
        decay=arguments.decay,
        average=arguments.average,
        seed=arguments.seed,
        every=arguments.every,
        device=arguments.device,
        precision=arguments.precision,
    )
    if not parallel.first():
        return
    model.to(Place(arguments.device).device)
    began, test = time.monotonic(), data.mnist(arguments.data, train=False)[0]
    metrics, ten_times = (
        evaluate_rbm(
            model, test, base_images=images, temperatures=temperatures, chains=arguments.ais_chains, seed=arguments.seed
        )
        for temperatures in (arguments.temperatures, 10 * arguments.temperatures)
    )
    print(f"test log-likelihood {metrics['log_likelihood']:.2f} +- {metrics['stderr_log_z']:.2f} nats (from log Z)")
    print(f"with ten times as many temperatures {ten_times['log_likelihood']:.2f} +- {ten_times['stderr_log_z']:.2f}")
    provenance = describe_run(arguments, "BernoulliRBM", record, without_digits(images)) | {
        "seconds_evaluation": round(time.monotonic() - began),
        "metrics": metrics,
        "metrics_ten_times_the_temperatures": ten_times,
    }
    write_weights(Path(arguments.folder) / "rbm", model.state_dict(), provenance)


def add_command(commands):
    """Add the sub-command and its options."""
    parser = commands.add_parser("rbm", help="784-500 Bernoulli machine on binarised MNIST, by PCD")
    common(parser, steps=125_000, seed=1)
    parser.add_argument("--hidden", type=int, default=500, help="hidden units")
    parser.add_argument("--batch", type=int, default=100, help="images in a step")
    parser.add_argument("--chains", type=int, default=100, help="persistent chains")
    parser.add_argument("--k", type=int, default=1, help="Gibbs steps a training step")
    learning_rate_option(parser, 0.12, "first learning rate r of r / (1 + t / rate-steps)")
    parser.add_argument("--rate-steps", type=float, default=5_000, help="steps after which the learning rate is halved")
    parser.add_argument("--decay", type=float, default=1e-4, help="weight decay")
    parser.add_argument("--average", type=float, default=8, help="eta: the average weighs step t as t^eta")
    parser.add_argument("--temperatures", type=int, default=10_000, help="temperatures of the evaluation")
    parser.add_argument("--ais-chains", type=int, default=100, help="annealing runs of the evaluation")
    parser.set_defaults(run=_command)


doors(globals())
