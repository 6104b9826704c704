"""One iteration of the lecture's GAN, and one epoch with loading, beside the recipe that the lecture follows.

Both train the same networks (20-100-784 and 784-100-1 with dropout) on the same digits in batches of 64 with Adam. The
recipe is written here from its description: a dataset of pictures that `ToTensor` and `Normalize` transform one by
one, a `DataLoader`, a sigmoid and `BCELoss`, separate passes of the discriminator over data and samples, new samples
for each player, and gradients through both networks in both half-steps. The package's loop is `genphys.gan.train` on
one tensor in memory.

Blocks of both alternate, so that a busy machine hurts both; the table shows the median block and the median
ratio. Run: `python benchmarks/bench_gan.py`.
"""

import functools
import time

import results
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from genphys import data, gan
from genphys.train import keep_freed_memory

BATCH, BLOCKS, ITERATIONS = 64, 15, 60


class Pictures(Dataset):
    """Digits as pictures, transformed one by one when they are asked for, as torchvision's MNIST does."""

    def __init__(self, images, labels, transform):
        self.pixels = (images * 255).round().to(torch.uint8).unflatten(1, (28, 28))
        self.labels, self.transform = labels, transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.transform(Image.fromarray(self.pixels[i].numpy())), int(self.labels[i])


class Recipe:
    """The recipe's two networks and its two training functions."""

    def __init__(self):
        self.g = nn.Sequential(nn.Linear(20, 100), nn.LeakyReLU(), nn.Linear(100, 784), nn.Tanh())
        self.d = nn.Sequential(nn.Linear(784, 100), nn.LeakyReLU(), nn.Dropout(0.5), nn.Linear(100, 1), nn.Sigmoid())
        self.loss = nn.BCELoss()
        self.g_adam, self.d_adam = torch.optim.Adam(self.g.parameters()), torch.optim.Adam(self.d.parameters())
        self.records = []

    def iteration(self, x):
        x = x.view(len(x), -1)
        d_loss, d_real, d_fake = self.discriminator_step(x)
        g_loss = self.generator_step(len(x))
        self.records.append((d_loss, g_loss, d_real, d_fake))

    def discriminator_step(self, x):
        self.d.zero_grad()
        on_real = self.d(x)
        real_loss = self.loss(on_real, torch.ones(len(x), 1))
        on_fake = self.d(self.g(torch.rand(len(x), 20) * 2 - 1))
        fake_loss = self.loss(on_fake, torch.zeros(len(x), 1))
        both = real_loss + fake_loss
        both.backward()
        self.d_adam.step()
        return both.item(), on_real.detach().mean(), on_fake.detach().mean()

    def generator_step(self, n):
        self.g.zero_grad()
        loss = self.loss(self.d(self.g(torch.rand(n, 20) * 2 - 1)), torch.ones(n, 1))
        loss.backward()
        self.g_adam.step()
        return loss.item()


class Package:
    """The same by the package's loop."""

    def __init__(self):
        self.rng = torch.Generator().manual_seed(1)
        self.g, self.d = gan.mlp_generator(rng=self.rng), gan.mlp_discriminator(rng=self.rng)
        self.optimisers = {
            "g_optimiser": torch.optim.Adam(self.g.parameters(), fused=True),
            "d_optimiser": torch.optim.Adam(self.d.parameters(), fused=True),
        }
        self.records = []

    def play(self, batches):
        for step in gan.train(self.g, self.d, batches, rng=self.rng, **self.optimisers):
            self.records.append(step)


def seconds(action):
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def compare(name, beside, theirs, ours, blocks, count, goal):
    theirs(), ours()
    pairs = [(count / seconds(theirs), count / seconds(ours)) for _ in range(blocks)]
    recipe, package = zip(*pairs, strict=True)
    return results.row(name, "steps/s", list(package), beside, list(recipe), wanted=goal)


def main():
    keep_freed_memory()
    torch.manual_seed(1)
    digits = data.digits()
    images, labels = gan.to_signed(digits.train_images), digits.train_labels
    pictures = Pictures(
        digits.train_images, labels, transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])
    )
    loader = DataLoader(pictures, BATCH, shuffle=True, drop_last=True)
    recipe, package = Recipe(), Package()
    ready = images[torch.randint(len(images), (ITERATIONS, BATCH))]  # (60, 64, 784)

    def their_iterations():
        for x in ready:
            recipe.iteration(x)

    def their_epoch():
        for x, _ in loader:
            recipe.iteration(x)

    recipes = "the lecture's recipe, same networks", "the same with its loader"
    our_iterations = functools.partial(package.play, ready)
    steps = len(images) // BATCH

    def our_epoch():
        package.play(data.batches(images, BATCH, rng=package.rng))

    rows = [
        compare("lecture's GAN, one iteration", recipes[0], their_iterations, our_iterations, BLOCKS, ITERATIONS, 1.4),
        compare("the same with data loading", recipes[1], their_epoch, our_epoch, max(3, BLOCKS // 3), steps, 2.0),
    ]
    results.show(rows)
    results.write("gan", rows)


if __name__ == "__main__":
    main()
