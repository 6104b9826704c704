"""What the trainings of a U-Net on digits share: labels left out by chance, the optimiser, and the averaged weights."""

import copy
import math

import torch
from torch import nn

from genphys import diffusion
from genphys.numerics import tensor_hash
from genphys.train import parallel
from genphys.train.loop import Shuffled, State, move_average, train
from genphys.train.place import Place


def train_unet(
    network, loss_of, images, labels, folder, settings, *, rng, until=None, warm_up=500, every=60.0, name, device="cpu"
):
    """Train a network with a label that means none, and return its averaged weights and the record.

    Args:
        network: The U-Net, changed in place.
        loss_of: Maps the network, images of shape (n, 1, 28, 28) in [-1, 1] and labels to the losses, shape (n,).
        images: Grey values in [0, 1], shape (N, 784).
        labels: Their classes, shape (N,).
        folder: Where the checkpoint lies.
        settings: ``steps``, ``batch``, ``learning_rate``, ``decay``, ``drop``, ``seed``, ``half`` and what else the
            record says.
        rng: The source of the noise and of the labels left out.
        until: Where the run ends, if before the steps that the learning rate is planned for.
        warm_up: Steps in which the learning rate grows to its first value, from which it falls as half a cosine.
        every: Seconds between checkpoints.
        name: What the progress bar says.
        device: Where the network computes.
    """
    place = Place(device, "bfloat16" if settings["half"] else "float32")
    network = network.to(place.device)
    averaged = copy.deepcopy(network)
    steps, batch, rate = settings["steps"], settings["batch"], settings["learning_rate"]
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
    images = (2 * images - 1).reshape(-1, 1, 28, 28)
    rows = Shuffled(len(images), batch, settings["seed"])

    def step(i):
        warm = min(1.0, (i + 1) / warm_up)
        optimiser.param_groups[0]["lr"] = warm * rate * 0.5 * (1 + math.cos(math.pi * i / steps))
        now = rows(i)
        given = labels[now].masked_fill(torch.rand(batch, generator=rng) < settings["drop"], network.classes)
        losses = loss_of(parallel.in_part(network, place), images[now].to(place.device), given.to(place.device))
        mean = losses[parallel.own(batch)].sum() / batch
        optimiser.zero_grad()
        mean.backward()
        mean = mean.detach()
        parallel.add_gradients(network, mean)
        size = nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        move_average(averaged, network, diffusion.ema_rate(i, settings["decay"]))
        return {"loss": mean, "gradient": size}

    record = train(
        step,
        steps if until is None else min(until, steps),
        State({"network": network, "averaged": averaged}, {"adamw": optimiser}, {"rng": rng}),
        folder=folder,
        settings=settings | {"data": tensor_hash(images, labels)},
        every=every,
        log_every=max(1, rows.per_epoch // 4),
        name=name,
    )
    return averaged.eval().cpu(), record
