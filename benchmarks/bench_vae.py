"""Images per second of a VAE training step, end to end, beside the usual PyTorch example of the same network.

The network is that of Burda et al. (2015): 784-200-200-50 and back, batches of 100, one draw, Adam, pixels binarised
anew each time an image is seen. The usual example reads images one by one through a `DataLoader` with transforms and
writes the loss with `torch.nn.functional`; the training of this package indexes one tensor and has its own log-density.
Both start from the same images in memory and count everything from the stored image to the updated weights.

Run `python benchmarks/bench_vae.py`; the ratio has to be 2 or more.
"""

import sys
import time

import results
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from genphys import data
from genphys.train import burda_vae, keep_freed_memory

BATCH, ROUNDS = 100, 5


class Example(nn.Module):
    """The textbook module."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(784, 200), nn.Linear(200, 200)
        self.fc31, self.fc32 = nn.Linear(200, 50), nn.Linear(200, 50)
        self.fc4, self.fc5, self.fc6 = nn.Linear(50, 200), nn.Linear(200, 200), nn.Linear(200, 784)

    def forward(self, x):
        a = torch.tanh(self.fc2(torch.tanh(self.fc1(x))))
        mean, log_variance = self.fc31(a), self.fc32(a)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        return self.fc6(torch.tanh(self.fc5(torch.tanh(self.fc4(z))))), mean, log_variance


class Images(torch.utils.data.Dataset):
    """What torchvision's MNIST does for each image: an array, a picture, the transforms, a label."""

    def __init__(self, images, labels):
        from torchvision import transforms

        self.images = (images.view(-1, 28, 28) * 255).round().to(torch.uint8)
        self.labels = labels
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Lambda(torch.bernoulli)])

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        picture = Image.fromarray(self.images[index].numpy())
        return self.transform(picture), int(self.labels[index])


def example_epoch(model, optimiser, loader):
    for x, _ in loader:
        x = x.view(-1, 784)
        optimiser.zero_grad()
        logits, mean, log_variance = model(x)
        bce = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
        ((bce + kl) / len(x)).backward()
        optimiser.step()


def package_epoch(model, optimiser, images, generator):
    for grey in data.batches(images, BATCH, rng=generator):
        reconstruction, kl = model.elbo(data.binarise(grey, rng=generator), rng=generator)
        optimiser.zero_grad()
        (kl - reconstruction).mean().backward()
        optimiser.step()


def main():
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    digits = data.digits()
    loader = torch.utils.data.DataLoader(
        Images(digits.train_images, digits.train_labels), batch_size=BATCH, shuffle=True
    )
    example, model = Example(), burda_vae(rng=generator)
    example_adam = torch.optim.Adam(example.parameters(), lr=1e-3)
    adam = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    epochs = {
        "usual example": lambda: example_epoch(example, example_adam, loader),
        "this package": lambda: package_epoch(model, adam, digits.train_images, generator),
    }
    rates = {name: [] for name in epochs}
    for turn in range(ROUNDS + 1):  # taken in turns, so that a busy moment of the machine hits both; the first warms up
        if turn == 1:
            keep_freed_memory()
        for name, epoch in epochs.items():
            began = time.perf_counter()
            epoch()
            rates[name].append(len(digits.train_images) / (time.perf_counter() - began))
    what, (theirs, ours) = f"autoencoder, training, batches of {BATCH}", (found[1:] for found in rates.values())
    rows = [results.row(what, "images/s", ours, "the usual example with its loader", theirs, wanted=2)]
    results.show(rows)
    results.write("vae", rows)
    return int(rows[0]["ratio"]["median"] < 2)


if __name__ == "__main__":
    sys.exit(main())
