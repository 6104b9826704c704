"""The training of the classifier of digits: ``python -m genphys.train classifier``."""

from pathlib import Path

import torch
from torch import nn

from genphys import data
from genphys.arguments import count, doors, label, number, positive, tensor
from genphys.networks.classifier import Classifier, accuracy
from genphys.numerics import tensor_hash
from genphys.train import parallel
from genphys.train.command import common, describe_run, learning_rate_option, without_digits
from genphys.train.files import fill, load_weights, write_weights
from genphys.train.loop import Shuffled, State, train
from genphys.train.place import Device, Place, Precision

__all__ = ["load_classifier", "train_classifier"]


def train_classifier(
    images: tensor("n 784", low=0, high=1),
    labels: label("n", 10),
    folder: Path | str,
    *,
    steps: count(),
    batch: count(),
    learning_rate: positive,
    seed: count(0),
    every: number(low=0) = 60.0,
    device: Device = "cpu",
    precision: Precision = "float32",
):
    """Train :class:`genphys.networks.classifier.Classifier` by cross entropy, with Adam.

    Args:
        images: Grey values in [0, 1].
        labels: Their classes.
        folder: Where the checkpoint lies.
        steps: The number of steps.
        batch: The number of images in a step.
        learning_rate: The first learning rate; it falls linearly to zero.
        seed: The seed of the whole run.
        every: Seconds between checkpoints.
        device: Where the network computes.
        precision: Of its products.

    Returns:
        The classifier in evaluation mode and the record of :func:`train`.
    """
    place = Place(device, precision)
    model = Classifier(rng=torch.Generator().manual_seed(seed)).to(place.device)
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True)
    rows = Shuffled(len(images), batch, seed)

    def step(i):
        optimiser.param_groups[0]["lr"] = learning_rate * (1 - i / steps)
        now = parallel.cut(rows(i), batch)
        x, y = images[now].to(place.device), labels[now].to(place.device)
        loss = nn.functional.cross_entropy(place.run(model, x), y) * (len(now) / batch)
        optimiser.zero_grad()
        loss.backward()
        loss = loss.detach()
        parallel.add_gradients(model, loss)
        optimiser.step()
        return {"cross_entropy": loss}

    settings = {"batch": batch, "learning_rate": learning_rate, "seed": seed, "data": tensor_hash(images, labels)}
    state = State(modules={"model": model}, optimisers={"adam": optimiser})
    settings |= place.settings()
    record = train(step, steps, state, folder=folder, settings=settings, every=every, log_every=250, name="classifier")
    return model.eval().cpu(), record


def load_classifier(folder: Path | str | None = None):
    """The shipped classifier of digits in evaluation mode, and its record: settings, data, test accuracy.

    Args:
        folder: Where the weights lie; the package's own where left out.
    """
    tensors, record = load_weights("classifier", folder)
    model = Classifier(rng=torch.Generator())
    fill(model, tensors, "classifier")
    return model.eval(), record


def _command(arguments):
    images, labels = data.mnist(arguments.data, exclude_digits=True)
    model, record = train_classifier(
        images,
        labels,
        arguments.folder,
        steps=arguments.steps,
        batch=arguments.batch,
        learning_rate=arguments.learning_rate,
        seed=arguments.seed,
        every=arguments.every,
        device=arguments.device,
        precision=arguments.precision,
    )
    if not parallel.first():
        return
    held_out = data.digits()
    metrics = {
        "mnist_test_accuracy": accuracy(model, *data.mnist(arguments.data, train=False)),
        "digits_test_accuracy": accuracy(model, held_out.test_images, held_out.test_labels),
    }
    print(
        f"test accuracy {metrics['mnist_test_accuracy']:.4f} (MNIST), {metrics['digits_test_accuracy']:.4f} (digits())"
    )
    provenance = describe_run(arguments, "Classifier", record, without_digits(images)) | {"metrics": metrics}
    write_weights(Path(arguments.folder) / "classifier", model.state_dict(), provenance)


def add_command(commands):
    """Add the sub-command and its options."""
    parser = commands.add_parser("classifier", help="small convolutional classifier of digits")
    common(parser, steps=3300, seed=1)
    parser.add_argument("--batch", type=int, default=100, help="images in a step")
    learning_rate_option(parser, 2e-3, "first learning rate, falls linearly to 0")
    parser.set_defaults(run=_command)


doors(globals())
