r"""A small U-Net: the network that predicts noise, or velocity, from an image and the time step.

A network for diffusion sees :math:`\mathbf{x}_t` and the step :math:`t`, and returns an image of the same size. The
U-Net halves the side of the image a few times, computes on what is left, and doubles the side again; at every size the
features of the way down are joined to those of the way up, so that fine detail need not pass through the coarse
levels. The step enters every block as a scale and a shift of the normalised features.

References:
    Ronneberger, Fischer and Brox, U-Net (2015); Ho, Jain and Abbeel (2020); Wu and He, Group normalization (2018).
    Nichol and Dhariwal (2021): scale and shift. Vaswani et al., Attention is all you need (2017): also the embedding.
"""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import skip_init

from genphys.arguments import count, doors, label, many, positive, require, source, tensor
from genphys.numerics import double

__all__ = ["UNet", "time_embedding"]


def time_embedding(t: tensor("n", kind="any"), size: count(2), slowest: positive = 10_000.0):
    r"""The step :math:`t` as sines and cosines of geometrically spaced frequencies (book: ``def:time-embedding``).

    .. math::
        \omega_i = T_\mathrm{e}^{-2i/D}, \quad
        \mathbf{e}(t) = (\cos\omega_0 t, \dots, \cos\omega_{D/2-1} t, \sin\omega_0 t, \dots, \sin\omega_{D/2-1} t)

    The frequencies run from 1 down to about :math:`1/T_\mathrm{e}`, with :math:`T_\mathrm{e}` = ``slowest``. They are
    made for steps :math:`t` that count up to about :math:`T_\mathrm{e}`: given :math:`t/T` in [0, 1] instead, all but
    the first few would be constant. From (n,) to (n, D) with an even :math:`D` = ``size``, of the default floating type
    if the steps are whole numbers and of their own otherwise.
    """
    require(size % 2 == 0, "size", size, "an even number")
    return waves(t, size, slowest).to(t.dtype if t.is_floating_point() else torch.get_default_dtype()).to(t.device)


def waves(t, size, slowest=10_000.0):
    """As :func:`time_embedding`, in double precision: in single precision the angle of step 1 000 has lost digits."""
    frequencies = torch.exp(torch.arange(size // 2, dtype=torch.float64) * (-2 * math.log(slowest) / size))
    angles = double(t)[:, None] * frequencies  # (n, 1) * (K/2) -> (n, K/2)
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def drawn(kind, *sizes, rng, **options):
    r"""A layer of PyTorch with PyTorch's first weights, which are drawn from ``rng`` and not from the global stream.

    An embedding is standard normal; every other weight and offset is uniform within :math:`\pm 1/\sqrt{\text{fan-in}}`.
    """
    layer = skip_init(kind, *sizes, **options)
    if kind is nn.Embedding:
        nn.init.normal_(layer.weight, generator=rng)
        return layer
    nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=rng)
    bound = 1 / math.sqrt(layer.weight[0].numel())
    nn.init.uniform_(layer.bias, -bound, bound, generator=rng)
    return layer


def zeroed(layer):
    """The layer, silent at the start."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def group_norm(channels):
    return nn.GroupNorm(8, channels)


class ResidualBlock(nn.Module):
    r"""Two convolutions beside the identity, with the embedding as scale and shift of the normalised features.

    .. math::
        \mathbf{h} = C_1(\mathrm{silu}(N_1(\mathbf{x}))), \quad
        \mathbf{y} = S(\mathbf{x}) + C_2(\mathrm{silu}((1+\mathbf{a})\,N_2(\mathbf{h}) + \mathbf{b})), \quad
        (\mathbf{a}, \mathbf{b}) = A\,\mathbf{e}

    :math:`C_2` begins at zero, so that a fresh block is its shortcut :math:`S`.
    """

    def __init__(self, inputs, outputs, embedding, padding="zeros", *, rng):
        super().__init__()
        same = {"padding": 1, "padding_mode": padding, "rng": rng}
        self.norm1 = group_norm(inputs)
        self.conv1 = drawn(nn.Conv2d, inputs, outputs, 3, **same)
        self.scale_shift = drawn(nn.Linear, embedding, 2 * outputs, rng=rng)
        self.norm2 = group_norm(outputs)
        self.conv2 = zeroed(drawn(nn.Conv2d, outputs, outputs, 3, **same))
        self.shortcut = drawn(nn.Conv2d, inputs, outputs, 1, rng=rng) if inputs != outputs else nn.Identity()

    def forward(self, x, e):
        h = self.conv1(F.silu(self.norm1(x)))
        a, b = self.scale_shift(e)[:, :, None, None].chunk(2, dim=1)
        h = self.conv2(F.silu(torch.addcmul(b, self.norm2(h), 1 + a)))
        return self.shortcut(x) + h


class Attention(nn.Module):
    """Self-attention between all places of a small image, beside the identity; its last layer begins at zero."""

    def __init__(self, channels, heads=2, *, rng):
        super().__init__()
        self.heads = heads
        self.norm = group_norm(channels)
        self.qkv = drawn(nn.Conv2d, channels, 3 * channels, 1, rng=rng)
        self.out = zeroed(drawn(nn.Conv2d, channels, channels, 1, rng=rng))

    def forward(self, x):
        n, c, height, width = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(n, 3, self.heads, c // self.heads, height * width).unbind(1)
        mixed = F.scaled_dot_product_attention(*(part.transpose(-1, -2) for part in (q, k, v)))
        return x + self.out(mixed.transpose(-1, -2).reshape(n, c, height, width))


class UNet(nn.Module):
    r"""A U-Net for small square images: :math:`(\mathbf{x}_t, t) \mapsto` an image of the same shape.

    Args:
        widths: The channels at each size, finest first, multiples of 8; the side is halved between them.
        channels: Channels of the image.
        blocks: Residual blocks at each size, on the way down and again on the way up.
        embedding: The size of the embedding of the step, even.
        classes: The number of labels; 0 for none. A label ``classes`` means that it is not given.
        attention: Whether the coarsest level has attention.
        padding: ``"zeros"``, or ``"circular"`` for a closed lattice.
        rng: The source of the first weights. One number of it is taken, so that they do not depend on where it lives.
    """

    def __init__(
        self,
        widths: many(count(8)) = (32, 48, 64),
        channels: count() = 1,
        blocks: count() = 1,
        embedding: count(2) = 64,
        classes: count(0) = 0,
        attention: bool = True,
        padding: Literal["zeros", "circular"] = "zeros",
        *,
        rng: source,
    ):
        super().__init__()
        require(all(width % 8 == 0 for width in widths), "widths", widths, "multiples of 8")
        require(embedding % 2 == 0, "embedding", embedding, "an even number")
        self.channels, self.classes, self.halvings = channels, classes, len(widths) - 1
        self.embedding, self.blocks = embedding, blocks
        seed = int(torch.randint(2**62, (), generator=rng, device=rng.device))
        rng = torch.Generator().manual_seed(seed)
        inner = 2 * embedding
        same = {"padding": 1, "padding_mode": padding, "rng": rng}
        first, second = drawn(nn.Linear, embedding, inner, rng=rng), drawn(nn.Linear, inner, inner, rng=rng)
        self.embed = nn.Sequential(first, nn.SiLU(), second, nn.SiLU())
        self.label = drawn(nn.Embedding, classes + 1, embedding, rng=rng) if classes else None
        self.stem = drawn(nn.Conv2d, channels, widths[0], 3, **same)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        self.shrink, self.grow = nn.ModuleList(), nn.ModuleList()
        skips, now = [], widths[0]
        for level, width in enumerate(widths):
            if level:
                self.shrink.append(drawn(nn.Conv2d, now, width, 3, stride=2, **same))
                now = width
            for _ in range(blocks):
                self.down.append(ResidualBlock(now, width, inner, padding, rng=rng))
                now = width
                skips.append(now)
        self.middle = ResidualBlock(now, now, inner, padding, rng=rng)
        self.attention = Attention(now, rng=rng) if attention else nn.Identity()
        for level, width in reversed(list(enumerate(widths))):
            for _ in range(blocks):
                self.up.append(ResidualBlock(now + skips.pop(), width, inner, padding, rng=rng))
                now = width
            if level:
                self.grow.append(drawn(nn.Conv2d, now, widths[level - 1], 1, rng=rng))
                now = widths[level - 1]
        self.norm = group_norm(now)
        self.out = zeroed(drawn(nn.Conv2d, now, channels, 3, **same))

    def forward(
        self,
        x: tensor("n channels side side"),
        t: tensor("n", kind="any", low=0, free=True),
        labels: label("n") | None = None,
    ):
        """The prediction for images ``x`` of shape (n, channels, side, side) at the integer steps ``t``.

        ``labels`` are the classes from 0 to ``classes``, shape (n,); left out, none is given.
        """
        cells = 2**self.halvings
        require(x.shape[2] % cells == 0, "x", x, f"images whose side is a multiple of {cells}")
        require(labels is None or self.label is not None, "labels", labels, "None: the network was made with classes=0")
        require(labels is None or (labels <= self.classes).all(), "labels", labels, f"0 to {self.classes}")
        e = waves(t, self.embedding).to(x.dtype).to(x.device)
        if self.label is not None:
            none = torch.full(t.shape, self.classes, device=x.device)
            e = e + self.label(none if labels is None else labels.long())
        e = self.embed(e)
        h, skips = self.stem(x), []
        down, up = iter(self.down), iter(self.up)
        for level in range(self.halvings + 1):
            if level:
                h = self.shrink[level - 1](h)
            for _ in range(self.blocks):
                h = next(down)(h, e)
                skips.append(h)
        h = self.attention(self.middle(h, e))
        for level in range(self.halvings + 1):
            for _ in range(self.blocks):
                h = next(up)(torch.cat([h, skips.pop()], dim=1), e)
            if level < self.halvings:
                h = F.interpolate(self.grow[level](h), scale_factor=2.0, mode="nearest")
        return self.out(F.silu(self.norm(h)))


doors(globals())
