r"""A small U-Net: the network that predicts noise, or velocity, from an image and the time step.

A network for diffusion sees :math:`\mathbf{x}_t` and the step :math:`t`, and returns an image of the same size. The
U-Net halves the side of the image a few times, computes on what is left, and doubles the side again; at every size the
features of the way down are joined to those of the way up, so that fine detail need not pass through the coarse
levels. The step enters every block as a scale and a shift of the normalised features.

- :func:`time_embedding`: the step as sines and cosines.
- :class:`ResidualBlock`, :class:`Attention`: the two blocks.
- :class:`UNet`: the network. A label is optional, and so is a closed (periodic) lattice.

References:
    Ronneberger, Fischer and Brox, U-Net (2015); Ho, Jain and Abbeel (2020); Wu and He, Group normalization (2018).
    Nichol and Dhariwal (2021): the step as scale and shift. Vaswani et al. (2017): the embedding, and attention.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

__all__ = ["Attention", "ResidualBlock", "UNet", "time_embedding"]


def time_embedding(t, size, slowest=10_000.0):
    r"""The step :math:`t` as sines and cosines of geometrically spaced frequencies (book: ``def:time-embedding``).

    .. math::
        \omega_i = s^{-i/(K/2)}, \quad
        \mathbf{e}(t) = (\cos\omega_0 t, \dots, \cos\omega_{K/2-1} t, \sin\omega_0 t, \dots, \sin\omega_{K/2-1} t)

    The frequencies run from 1 down to about :math:`1/s`. They are made for integers up to about :math:`s`: given
    :math:`t/T` in [0, 1] instead, all but the first few would be constant.

    Args:
        t: The steps, shape (n,), integers from 0 or real numbers on that scale.
        size: :math:`K`, even.
        slowest: :math:`s`.

    Returns:
        The embedding, shape (n, size), of the default floating type if ``t`` is an integer and of its own otherwise.

    Raises:
        ValueError: ``size`` is not a positive even number, or ``t`` is not a list of numbers.

    References:
        Vaswani et al., Attention is all you need (2017).
    """
    if size < 2 or size % 2:
        raise ValueError(f"size is {size}, takes a positive even number")
    if t.ndim != 1:
        raise ValueError(f"t has shape {tuple(t.shape)}, takes (n,)")
    dtype = t.dtype if t.is_floating_point() else torch.get_default_dtype()
    frequencies = torch.exp(
        torch.arange(size // 2, device=t.device, dtype=torch.float64) * (-2 * math.log(slowest) / size)
    )
    angles = t.double()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=1).to(dtype)


class ResidualBlock(nn.Module):
    r"""Two convolutions beside the identity, with the embedding as scale and shift of the normalised features.

    .. math::
        \mathbf{h} = C_1(\mathrm{silu}(N_1(\mathbf{x}))), \quad
        \mathbf{y} = S(\mathbf{x}) + C_2(\mathrm{silu}((1+\mathbf{a})\,N_2(\mathbf{h}) + \mathbf{b})), \quad
        (\mathbf{a}, \mathbf{b}) = A\,\mathbf{e}

    :math:`C_2` begins at zero, so that a fresh block is its shortcut :math:`S`.

    Args:
        inputs: Channels of :math:`\mathbf{x}`.
        outputs: Channels of :math:`\mathbf{y}`.
        embedding: The size of :math:`\mathbf{e}`.
        padding: ``"zeros"``, or ``"circular"`` for a closed lattice.
    """

    def __init__(self, inputs, outputs, embedding, padding="zeros"):
        super().__init__()
        self.norm1 = _group_norm(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode=padding)
        self.scale_shift = nn.Linear(embedding, 2 * outputs)
        self.norm2 = _group_norm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, padding_mode=padding)
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x, e):
        h = self.conv1(F.silu(self.norm1(x)))
        a, b = self.scale_shift(e)[:, :, None, None].chunk(2, dim=1)
        h = self.conv2(F.silu(torch.addcmul(b, self.norm2(h), 1 + a)))
        return self.shortcut(x) + h


class Attention(nn.Module):
    """Self-attention between all places of a small image, beside the identity; its last layer begins at zero.

    Args:
        channels: The channels, a multiple of ``heads``.
        heads: The number of heads.

    Raises:
        ValueError: ``channels`` is not a multiple of ``heads``.
    """

    def __init__(self, channels, heads=2):
        super().__init__()
        if channels % heads:
            raise ValueError(f"channels is {channels}, takes a multiple of heads = {heads}")
        self.heads = heads
        self.norm = _group_norm(channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x):
        n, c, height, width = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(n, 3, self.heads, c // self.heads, height * width).unbind(1)
        mixed = F.scaled_dot_product_attention(*(part.transpose(-1, -2) for part in (q, k, v)))
        return x + self.out(mixed.transpose(-1, -2).reshape(n, c, height, width))


class UNet(nn.Module):
    r"""A U-Net for small square images: :math:`(\mathbf{x}_t, t) \mapsto` an image of the same shape.

    Args:
        widths: The channels at each size, finest first; the side is halved between them.
        channels: Channels of the image.
        blocks: Residual blocks at each size, on the way down and again on the way up.
        embedding: The size of the embedding of the step.
        classes: The number of labels; 0 for none. A label ``classes`` means that it is not given.
        attention: Whether the coarsest level has attention.
        padding: ``"zeros"``, or ``"circular"`` for a closed lattice.
        rng: The source of the first weights.

    Raises:
        ValueError: A width is not a multiple of 8, ``embedding`` is not even, a number is not positive, or
            ``padding`` is unknown.

    References:
        Ronneberger, Fischer and Brox (2015); Ho, Jain and Abbeel (2020).
    """

    def __init__(
        self,
        widths=(32, 48, 64),
        channels=1,
        blocks=1,
        embedding=64,
        classes=0,
        attention=True,
        padding="zeros",
        rng=None,
    ):
        super().__init__()
        if not widths or any(width < 8 or width % 8 for width in widths):
            raise ValueError(f"widths is {widths}, takes multiples of 8")
        for name, value, least in (("channels", channels, 1), ("blocks", blocks, 1), ("classes", classes, 0)):
            if value < least:
                raise ValueError(f"{name} is {value}, takes an integer of at least {least}")
        if embedding < 2 or embedding % 2:
            raise ValueError(f"embedding is {embedding}, takes a positive even number")
        if padding not in ("zeros", "circular"):
            raise ValueError(f"padding is {padding!r}, takes 'zeros' or 'circular'")
        self.channels, self.classes, self.halvings = channels, classes, len(widths) - 1
        self.embedding = embedding
        inner = 2 * embedding
        with torch.random.fork_rng(devices=[]):
            # layers draw their first weights from the global stream: give it the caller's seed, and put it back
            torch.default_generator.manual_seed(_seed(rng))
            self.embed = nn.Sequential(nn.Linear(embedding, inner), nn.SiLU(), nn.Linear(inner, inner), nn.SiLU())
            self.label = nn.Embedding(classes + 1, embedding) if classes else None
            self.stem = nn.Conv2d(channels, widths[0], 3, padding=1, padding_mode=padding)
            self.down, self.up = nn.ModuleList(), nn.ModuleList()
            self.shrink, self.grow = nn.ModuleList(), nn.ModuleList()
            skips, now = [], widths[0]
            for level, width in enumerate(widths):
                if level:
                    self.shrink.append(nn.Conv2d(now, width, 3, stride=2, padding=1, padding_mode=padding))
                    now = width
                for _ in range(blocks):
                    self.down.append(ResidualBlock(now, width, inner, padding))
                    now = width
                    skips.append(now)
            self.middle = ResidualBlock(now, now, inner, padding)
            self.attention = Attention(now) if attention else nn.Identity()
            for level, width in reversed(list(enumerate(widths))):
                for _ in range(blocks):
                    self.up.append(ResidualBlock(now + skips.pop(), width, inner, padding))
                    now = width
                if level:
                    self.grow.append(nn.Conv2d(now, widths[level - 1], 1))
                    now = widths[level - 1]
            self.norm = _group_norm(now)
            self.out = nn.Conv2d(now, channels, 3, padding=1, padding_mode=padding)
            nn.init.zeros_(self.out.weight)
            nn.init.zeros_(self.out.bias)
        self.blocks = blocks

    def forward(self, x, t, labels=None):
        """The prediction for images ``x`` of shape (n, channels, side, side) at the integer steps ``t``.

        Args:
            x: The images.
            t: The steps, shape (n,).
            labels: The classes from 0 to ``classes``, shape (n,); left out, none is given.

        Raises:
            ValueError: A shape is wrong, the side cannot be halved often enough, a label is out of range or the
                network has no labels.
        """
        self._check(x, t, labels)
        e = time_embedding(t, self.embedding).to(x.dtype)
        if self.label is not None:
            if labels is None:
                labels = t.new_full(t.shape, self.classes, dtype=torch.int64)
            e = e + self.label(labels.long())
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

    def _check(self, x, t, labels):
        if x.ndim != 4 or x.shape[1] != self.channels or x.shape[2] != x.shape[3]:
            raise ValueError(f"x has shape {tuple(x.shape)}, takes (n, {self.channels}, side, side)")
        if x.shape[2] % 2**self.halvings:
            raise ValueError(f"x has side {x.shape[2]}, takes a multiple of {2**self.halvings}")
        if t.shape != x.shape[:1]:
            raise ValueError(f"t has shape {tuple(t.shape)}, takes ({len(x)},)")
        if labels is None:
            return
        if self.label is None:
            raise ValueError("labels is given, but the network was made with classes=0")
        if labels.shape != t.shape or labels.is_floating_point():
            raise ValueError(f"labels has shape {tuple(labels.shape)} and {labels.dtype}, takes integers ({len(x)},)")
        if len(labels) and not (int(labels.min()) >= 0 and int(labels.max()) <= self.classes):
            raise ValueError(f"labels has {labels.min()} to {labels.max()}, takes 0 to {self.classes}")


def _group_norm(channels):
    return nn.GroupNorm(8, channels)


def _seed(rng):
    return torch.initial_seed() if rng is None else int(torch.randint(2**62, (), generator=rng, device=rng.device))
