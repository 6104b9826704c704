"""Images per second of the U-Net's training step and sampling step, beside a plain implementation of the same network.

The network is that of the shipped diffusion model: 28 x 28 digits, widths 16, 32 and 64, labels, attention at the
coarsest level, batches of 64 and the velocity as target. The plain implementation is written here as textbooks do:
float32, the attention as two matrix products and a softmax, AdamW without fused or batched kernels, and the memory
allocator as it comes. It runs in a process of its own, since the allocator's setting is the whole process's; the
two take turns, so that a busy moment of the machine hits both. The package computes in bfloat16 where that is safe
(`torch.autocast`), with fused AdamW, and keeps freed memory. Both start from the same weights, and a check sees that
their outputs agree.

Run `python benchmarks/bench_diffusion.py`. The ratios have to be 1.3 or more, and a thousand digits by DDIM in 20
steps have to take less than 40 s on two cores.
"""

import math
import multiprocessing
import sys
import time

import results
import torch
import torch.nn.functional as F
from torch import nn

from genphys import data, diffusion
from genphys.train import diffusion_unet, draw_digits, keep_freed_memory, move_average

BATCH, DRAWN, STEPS, ROUNDS = 64, 100, 4, 5
T, DECAY, RATE = 1000, 0.999, 1e-3


# The plain implementation


class PlainBlock(nn.Module):
    def __init__(self, inputs, outputs, embedding):
        super().__init__()
        self.norm1 = nn.GroupNorm(8, inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.scale_shift = nn.Linear(embedding, 2 * outputs)
        self.norm2 = nn.GroupNorm(8, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x, e):
        h = self.conv1(F.silu(self.norm1(x)))
        scale, shift = self.scale_shift(e)[:, :, None, None].chunk(2, dim=1)
        h = self.norm2(h) * (1 + scale) + shift
        return self.shortcut(x) + self.conv2(F.silu(h))


class PlainAttention(nn.Module):
    def __init__(self, channels, heads=2):
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(8, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        n, c, height, width = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(n, 3 * self.heads, c // self.heads, height * width).chunk(3, dim=1)
        weights = (torch.einsum("nhci,nhcj->nhij", q, k) / math.sqrt(c // self.heads)).softmax(dim=-1)
        mixed = torch.einsum("nhij,nhcj->nhci", weights, v)
        return x + self.out(mixed.reshape(n, c, height, width))


class PlainUNet(nn.Module):
    """Widths 16, 32 and 64 written out; the names are those of :class:`genphys.networks.unet.UNet`, for its weights."""

    def __init__(self):
        super().__init__()
        a, b, c, inner = 16, 32, 64, 128
        self.embed = nn.Sequential(nn.Linear(64, inner), nn.SiLU(), nn.Linear(inner, inner), nn.SiLU())
        self.label = nn.Embedding(11, 64)
        self.stem = nn.Conv2d(1, a, 3, padding=1)
        self.down = nn.ModuleList([PlainBlock(a, a, inner), PlainBlock(b, b, inner), PlainBlock(c, c, inner)])
        self.shrink = nn.ModuleList([nn.Conv2d(a, b, 3, stride=2, padding=1), nn.Conv2d(b, c, 3, stride=2, padding=1)])
        self.middle, self.attention = PlainBlock(c, c, inner), PlainAttention(c)
        self.up = nn.ModuleList([PlainBlock(2 * c, c, inner), PlainBlock(2 * b, b, inner), PlainBlock(2 * a, a, inner)])
        self.grow = nn.ModuleList([nn.Conv2d(c, b, 1), nn.Conv2d(b, a, 1)])
        self.norm, self.out = nn.GroupNorm(8, a), nn.Conv2d(a, 1, 3, padding=1)
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")

    def forward(self, x, t, labels):
        frequencies = torch.exp(torch.arange(32) * (-math.log(10_000) / 32))
        angles = t[:, None].float() * frequencies
        e = self.embed(torch.cat([angles.cos(), angles.sin()], dim=1) + self.label(labels))
        h1 = self.down[0](self.stem(x), e)
        h2 = self.down[1](self.shrink[0](h1), e)
        h3 = self.down[2](self.shrink[1](h2), e)
        h = self.attention(self.middle(h3, e))
        h = self.upsample(self.grow[0](self.up[0](torch.cat([h, h3], dim=1), e)))
        h = self.upsample(self.grow[1](self.up[1](torch.cat([h, h2], dim=1), e)))
        h = self.up[2](torch.cat([h, h1], dim=1), e)
        return self.out(F.silu(self.norm(h)))


class Plain:
    """Training and sampling of the plain network."""

    def __init__(self, weights, images, labels):
        self.network, self.averaged = PlainUNet(), PlainUNet()
        for network in (self.network, self.averaged):
            network.load_state_dict(weights)
        self.images, self.labels = images, labels
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=RATE, weight_decay=0.0, foreach=False, fused=False
        )
        time = torch.arange(T + 1) / T
        alpha_bar = torch.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2
        beta = (1 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=0.999)
        self.alpha_bar = torch.cat([torch.ones(1), torch.cumprod(1 - beta, dim=0)])

    def train(self):
        rows = torch.randint(len(self.images), (BATCH,))
        x0, labels = self.images[rows], self.labels[rows]
        labels = torch.where(torch.rand(BATCH) < 0.15, torch.full_like(labels, 10), labels)
        t = torch.randint(1, T + 1, (BATCH,))
        a = self.alpha_bar[t].sqrt()[:, None, None, None]
        s = (1 - self.alpha_bar[t]).sqrt()[:, None, None, None]
        noise = torch.randn_like(x0)
        loss = F.mse_loss(self.network(a * x0 + s * noise, t, labels), a * noise - s * x0)
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0, foreach=False)
        self.optimiser.step()
        with torch.no_grad():
            for average, now in zip(self.averaged.parameters(), self.network.parameters(), strict=True):
                average.mul_(DECAY).add_(now, alpha=1 - DECAY)

    @torch.no_grad()
    def sample(self):
        x, labels = torch.randn(DRAWN, 1, 28, 28), torch.arange(DRAWN) % 10
        steps = [T - (i * T) // STEPS for i in range(STEPS)]
        for now, then in zip(steps, [*steps[1:], 0], strict=True):
            a, s = self.alpha_bar[now].sqrt(), (1 - self.alpha_bar[now]).sqrt()
            velocity = self.averaged(x, torch.full((DRAWN,), now), labels)
            x0 = (a * x - s * velocity).clamp(-1, 1)
            noise = (x - a * x0) / s
            x = self.alpha_bar[then].sqrt() * x0 + (1 - self.alpha_bar[then]).sqrt() * noise
        return x


def serve(connection, weights, images, labels, threads):
    """Run the plain implementation on request, and answer with the seconds it took."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    plain = Plain(weights, images, labels)
    connection.send(plain.network(*_probe()).detach())
    for name in iter(connection.recv, "stop"):
        connection.send(seconds(getattr(plain, name)))


def _probe():
    g = torch.Generator().manual_seed(3)
    return torch.randn(4, 1, 28, 28, generator=g), torch.tensor([1, 30, 400, 1000]), torch.tensor([0, 5, 9, 10])


# The package


class Package:
    """The step of :func:`genphys.train.train_diffusion`, and :func:`genphys.train.draw_digits`."""

    def __init__(self, weights, images, labels):
        self.rng = torch.Generator().manual_seed(1)
        self.network, self.averaged = diffusion_unet(rng=self.rng), diffusion_unet(rng=self.rng)
        for network in (self.network, self.averaged):
            network.load_state_dict(weights)
        self.images, self.labels = images, labels
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=RATE, weight_decay=0.0, fused=True)
        self.schedule = diffusion.cosine_schedule(T)

    def train(self):
        rows = torch.randint(len(self.images), (BATCH,), generator=self.rng)
        given = self.labels[rows].masked_fill(torch.rand(BATCH, generator=self.rng) < 0.15, self.network.classes)
        with torch.autocast("cpu", torch.bfloat16):
            loss = diffusion.loss(
                self.network, self.schedule, self.images[rows], rng=self.rng, kind="velocity", labels=given
            ).mean()
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        with torch.no_grad():
            move_average(self.averaged, self.network, 1 - DECAY)

    def sample(self, n=DRAWN, steps=STEPS):
        with torch.autocast("cpu", torch.bfloat16):
            return draw_digits(self.averaged, self.schedule, torch.arange(n) % 10, diffusion.ddim, seed=2, steps=steps)


def seconds(action):
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def main():
    digits = data.digits()
    images, labels = (2 * digits.train_images - 1).reshape(-1, 1, 28, 28), digits.train_labels.long()
    g = torch.Generator().manual_seed(0)
    weights = diffusion_unet(rng=g).state_dict()
    for name, tensor in weights.items():  # the layers that begin at zero would make the comparison of outputs empty
        if not tensor.any():
            weights[name] = 0.05 * torch.randn(tensor.shape, generator=g)
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    plain = multiprocessing.get_context("spawn").Process(
        target=serve, args=(theirs, weights, images, labels, torch.get_num_threads()), daemon=True
    )
    plain.start()
    keep_freed_memory()
    package = Package(weights, images, labels)
    torch.testing.assert_close(package.network(*_probe()).detach(), ours.recv(), rtol=1e-3, atol=1e-4)

    def answer(name):
        ours.send(name)
        return ours.recv()

    print(
        f"U-Net of {sum(p.numel() for p in package.network.parameters()):,} weights, {torch.get_num_threads()} threads"
    )
    rows = []
    counts = ("train", f"U-Net, training, batches of {BATCH}", BATCH), ("sample", "U-Net, a DDIM step", STEPS * DRAWN)
    for name, title, count in counts:
        rounds = ROUNDS if name == "sample" else 3 * ROUNDS
        pairs = [(answer(name), seconds(getattr(package, name))) for _ in range(rounds + 1)][1:]
        plain_rates, rates = ([count / taken for taken in column] for column in zip(*pairs, strict=True))
        rows.append(results.row(title, "images/s", rates, "plain float32, unfused", plain_rates, wanted=1.3))
    ours.send("stop")
    plain.join()
    taken = seconds(lambda: package.sample(1000, 20))
    rows.append(results.row("1 000 digits by DDIM in 20 steps", "s", [taken]))
    results.show(rows)
    results.write("diffusion", rows)
    return int(min(each["ratio"]["median"] for each in rows[:2]) < 1.3 or taken >= 40)


if __name__ == "__main__":
    sys.exit(main())
