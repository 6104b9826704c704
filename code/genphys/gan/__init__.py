r"""Generative adversarial networks: two networks, the losses of their game, and the loop that plays it.

The generator :math:`g(\mathbf{z};\theta^{(g)})` turns noise into samples, the discriminator gives the probability
:math:`d(\mathbf{x};\theta^{(d)}) = \operatorname{sigmoid}(\ell(\mathbf{x}))` that :math:`\mathbf{x}` comes from the
data. The discriminator maximises the value of the game and the generator minimises it,

.. math::
    v(\theta^{(g)}, \theta^{(d)}) = \mathbb{E}_{p_\mathrm{data}}[\log d(\mathbf{x})]
    + \mathbb{E}_{p_\mathrm{model}}[\log(1 - d(\mathbf{x}))] .

Networks return the logit :math:`\ell` and losses take it: :math:`\log d = -\operatorname{softplus}(-\ell)` and
:math:`\log(1-d) = -\operatorname{softplus}(\ell)` stay finite, with the right gradient, where :math:`d` itself has
rounded to 0 or 1. A network that ends without a sigmoid is also what the other games need: in least squares and in
the Wasserstein game :math:`\ell` is a real number and no logit.

- **Networks** for rows of numbers: :func:`mlp_generator` and :func:`mlp_discriminator` (fully connected),
  :func:`conv_generator` and :func:`conv_discriminator` (convolutions for 28 x 28 images), and
  :class:`ConditionalGenerator`, :class:`ConditionalDiscriminator` that take a class label as well.
- **Losses**: :func:`discriminator_loss`, :func:`generator_loss`; **penalties** on the slope of the discriminator:
  :func:`gradient_penalty`, :func:`r1_penalty`.
- **The loop**: :func:`train`, a Python generator, and :func:`game_step`, one step of any two-player game with a
  state so small that its map can be differentiated.

The source of chance, a :class:`torch.Generator`, is called ``rng`` here: a generator is a network in this module.

References:
    Goodfellow et al., Generative adversarial nets (2014): the game and the non-saturating loss.
    Radford, Metz and Chintala (2015): convolutional networks. Salimans et al. (2016): one-sided smoothing.
    Mao et al. (2017): least squares. Gulrajani et al. (2017): gradient penalty. Mescheder et al. (2018): R1.
    Mirza and Osindero (2014), Miyato and Koyama (2018): labels.
"""

import math
from collections import OrderedDict
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

__all__ = [
    "ConditionalDiscriminator",
    "ConditionalGenerator",
    "Discriminator",
    "Dropout",
    "Generator",
    "Step",
    "conv_discriminator",
    "conv_generator",
    "discriminator_loss",
    "game_step",
    "generator_loss",
    "gradient_penalty",
    "interpolate",
    "mlp_discriminator",
    "mlp_generator",
    "modes_covered",
    "noise",
    "r1_penalty",
    "to_signed",
    "to_unit",
    "train",
    "value",
]

SIDE = 28  # the convolutional networks are for images of 28 x 28 pixels
LOSSES = ("minimax", "non-saturating", "least-squares", "wasserstein")
NOISES = ("uniform", "normal")


def noise(n, size, kind="uniform", *, rng, dtype=None):
    r"""Draw the noise :math:`\mathbf{z}` that enters a generator.

    Args:
        n: The number of rows.
        size: The number of components :math:`K` of each.
        kind: ``"uniform"`` on :math:`[-1, 1)` or ``"normal"`` (standard).
        rng: The source of chance; the noise is on its device.
        dtype: The type of the result, the default type if None.

    Returns:
        The noise, shape (n, size).

    Raises:
        ValueError: ``n`` or ``size`` is below 1, ``kind`` is unknown, or ``rng`` is no :class:`torch.Generator`.
    """
    _check_count("n", n)
    _check_count("size", size)
    _check_name("kind", kind, NOISES)
    _check_rng(rng)
    if kind == "normal":
        return torch.randn(n, size, generator=rng, device=rng.device, dtype=dtype)
    return 2 * torch.rand(n, size, generator=rng, device=rng.device, dtype=dtype) - 1


def to_signed(images):
    r"""Grey values from :math:`[0, 1]`, the range of the data, to :math:`[-1, 1]`, that of a tanh: :math:`2x - 1`.

    Raises:
        ValueError: Values lie outside :math:`[0, 1]`.
    """
    _check_range("images", images, 0, 1)
    return 2 * images - 1


def to_unit(images):
    r"""Grey values from :math:`[-1, 1]` back to :math:`[0, 1]`: :math:`(x + 1) / 2`.

    Raises:
        ValueError: Values lie outside :math:`[-1, 1]`.
    """
    _check_range("images", images, -1, 1)
    return (images + 1) / 2


class Dropout(nn.Module):
    r"""Set each unit to zero with probability :math:`p` and divide the others by :math:`1 - p`, while training.

    It is :class:`torch.nn.Dropout` with its own source of chance, so that a training depends on its seed alone.
    """

    def __init__(self, p=0.5, rng=None):
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"p is {p!r}, takes a probability from 0 to 1, 1 excluded")
        self.p, self.rng = p, rng

    def forward(self, x):
        if not self.training or self.p == 0:
            return x
        keep = torch.rand(x.shape, generator=self.rng, dtype=x.dtype, device=x.device) >= self.p
        return x * keep.to(x.dtype).div_(1 - self.p)

    def extra_repr(self):
        return f"p={self.p}"


class Generator(nn.Sequential):
    r"""A stack of layers :math:`g: \mathbf{z} \mapsto \mathbf{x}` for rows of ``noise_size`` numbers."""

    def __init__(self, noise_size, layers):
        super().__init__(OrderedDict(layers))
        self.noise_size = noise_size

    def forward(self, z):
        _check_rows("z", z, self.noise_size)
        return super().forward(z)


class Discriminator(nn.Sequential):
    r"""A stack of layers :math:`\ell: \mathbf{x} \mapsto` the logit of :math:`d`, (n, input_size) to (n,)."""

    def __init__(self, input_size, layers):
        super().__init__(OrderedDict(layers))
        self.input_size = input_size

    def forward(self, x):
        _check_rows("x", x, self.input_size)
        return super().forward(x).squeeze(1)  # (n, 1) -> (n,)


def mlp_generator(noise_size=20, hidden_layers=1, hidden_units=100, output_size=784, *, bounded=True, rng=None):
    r"""A fully connected generator; by default the source lecture's: 20 - 100 - 784 with a tanh at the end.

    Every hidden layer is a linear map and a leaky ReLU under a name of its own, so that none replaces another.

    Args:
        noise_size: The number :math:`K` of components of the noise.
        hidden_layers: The number of hidden layers.
        hidden_units: The units in each of them.
        output_size: The number :math:`M` of components of a sample.
        bounded: End in a tanh, for samples in :math:`[-1, 1]`.
        rng: The source of the first weights, PyTorch's global one if None.

    Returns:
        A :class:`Generator`, (n, K) to (n, M).

    Raises:
        ValueError: A size is below 1.
    """
    layers = _hidden("g", noise_size, hidden_layers, hidden_units)
    width = hidden_units if hidden_layers else noise_size
    _check_count("output_size", output_size)
    layers.append(("fc_g_out", nn.Linear(width, output_size)))
    if bounded:
        layers.append(("tanh_g", nn.Tanh()))
    return _draw_weights(Generator(noise_size, layers), rng)


def mlp_discriminator(input_size=784, hidden_layers=1, hidden_units=100, *, dropout=0.5, rng=None):
    r"""A fully connected discriminator; by default the source lecture's: 784 - 100 - 1, without its sigmoid.

    Args:
        input_size: The number :math:`M` of components of a sample.
        hidden_layers: The number of hidden layers, each a linear map, a leaky ReLU and dropout.
        hidden_units: The units in each of them.
        dropout: The probability with which dropout sets a unit to zero; 0 for none.
        rng: The source of the first weights and of dropout, PyTorch's global one if None.

    Returns:
        A :class:`Discriminator`, (n, M) to (n,).

    Raises:
        ValueError: A size is below 1, or ``dropout`` is not in :math:`[0, 1)`.
    """
    layers = _hidden("d", input_size, hidden_layers, hidden_units, dropout, rng)
    layers.append(("fc_d_out", nn.Linear(hidden_units if hidden_layers else input_size, 1)))
    return _draw_weights(Discriminator(input_size, layers), rng)


def _hidden(letter, width, number, units, dropout=0.0, rng=None):
    _check_count("noise_size" if letter == "g" else "input_size", width)
    _check_count("hidden_layers", number, least=0)
    _check_count("hidden_units", units)
    layers = []
    for i in range(1, number + 1):
        layers += [(f"fc_{letter}{i}", nn.Linear(width, units)), (f"relu_{letter}{i}", nn.LeakyReLU())]
        if dropout:
            layers.append((f"dropout_{letter}{i}", Dropout(dropout, rng)))
        width = units
    return layers


def conv_generator(noise_size=64, channels=32, *, rng=None):
    r"""A small DCGAN generator: noise to a 7 x 7 image of features, doubled twice by transposed convolutions.

    Args:
        noise_size: The number :math:`K` of components of the noise.
        channels: The features at 14 x 14 pixels; there are twice as many at 7 x 7.
        rng: The source of the first weights, :math:`N(0, 0.02^2)`.

    Returns:
        A :class:`Generator`, (n, K) to (n, 784), values in :math:`[-1, 1]`.

    Raises:
        ValueError: A size is below 1.

    References:
        Radford, Metz and Chintala (2015).
    """
    _check_count("noise_size", noise_size)
    _check_count("channels", channels)
    layers = [
        ("fc", nn.Linear(noise_size, 2 * channels * 49, bias=False)),  # the normalisation that follows has a bias
        ("image", nn.Unflatten(1, (2 * channels, 7, 7))),
        ("norm_1", nn.BatchNorm2d(2 * channels)),
        ("relu_1", nn.ReLU()),
        ("up_1", nn.ConvTranspose2d(2 * channels, channels, 4, stride=2, padding=1, bias=False)),  # 7 -> 14
        ("norm_2", nn.BatchNorm2d(channels)),
        ("relu_2", nn.ReLU()),
        ("up_2", nn.ConvTranspose2d(channels, 1, 4, stride=2, padding=1)),  # 14 -> 28
        ("tanh", nn.Tanh()),
        ("row", nn.Flatten()),
    ]
    return _draw_weights(Generator(noise_size, layers), rng, std=0.02)


def conv_discriminator(channels=32, *, rng=None):
    r"""A small DCGAN discriminator, or critic: 28 to 14 to 7 pixels by strided convolutions.

    It has no batch normalisation: with it the logit of an image depends on the other images of the batch, and the
    gradient penalty is defined for a function of one image.

    Args:
        channels: The features at 14 x 14 pixels; there are twice as many at 7 x 7.
        rng: The source of the first weights, :math:`N(0, 0.02^2)`.

    Returns:
        A :class:`Discriminator`, (n, 784) to (n,).

    Raises:
        ValueError: ``channels`` is below 1.
    """
    layers = [*_features(channels), ("fc_out", nn.Linear(2 * channels * 49, 1))]
    return _draw_weights(Discriminator(SIDE**2, layers), rng, std=0.02)


def _features(channels):
    _check_count("channels", channels)
    return [
        ("image", nn.Unflatten(1, (1, SIDE, SIDE))),
        ("down_1", nn.Conv2d(1, channels, 4, stride=2, padding=1)),  # 28 -> 14
        ("relu_1", nn.LeakyReLU(0.2)),
        ("down_2", nn.Conv2d(channels, 2 * channels, 4, stride=2, padding=1)),  # 14 -> 7
        ("relu_2", nn.LeakyReLU(0.2)),
        ("row", nn.Flatten()),
    ]


class ConditionalGenerator(nn.Module):
    r"""A generator :math:`g(\mathbf{z}, c)` that is told which class to draw, as ten more inputs.

    Of these inputs the one with the number :math:`c` is 1 and the others are 0.

    Args:
        noise_size: The number :math:`K` of components of the noise.
        classes: The number of classes.
        channels: As in :func:`conv_generator`, of which it is made.
        rng: The source of the first weights.

    References:
        Mirza and Osindero (2014).
    """

    def __init__(self, noise_size=64, classes=10, channels=32, *, rng=None):
        super().__init__()
        _check_count("noise_size", noise_size)
        _check_count("classes", classes)
        self.noise_size, self.classes = noise_size, classes
        self.network = conv_generator(noise_size + classes, channels, rng=rng)

    def forward(self, z, labels):
        """Samples of the classes ``labels``: (n, K) and (n,) to (n, 784)."""
        _check_rows("z", z, self.noise_size)
        _check_labels(labels, len(z), self.classes)
        return self.network(torch.cat([z, F.one_hot(labels, self.classes).to(z)], dim=1))


class ConditionalDiscriminator(nn.Module):
    r"""A discriminator that sees the class, ``def:projection-discriminator``.

    .. math:: \ell(\mathbf{x}, c) = \mathbf{w}\cdot\Phi(\mathbf{x}) + b + \mathbf{e}_c\cdot\Phi(\mathbf{x})

    The part with :math:`\mathbf{w}` asks whether an image is real, the one with :math:`\mathbf{e}_c` whether it is of
    the class :math:`c`, see ``eq:projection-discriminator``.

    Args:
        classes: The number of classes.
        channels: As in :func:`conv_discriminator`, whose features :math:`\Phi` it has.
        rng: The source of the first weights.

    References:
        Miyato and Koyama (2018): the projection discriminator.
    """

    def __init__(self, classes=10, channels=32, *, rng=None):
        super().__init__()
        _check_count("classes", classes)
        self.classes, self.input_size = classes, SIDE**2
        self.features = nn.Sequential(OrderedDict(_features(channels)))
        self.real = nn.Linear(2 * channels * 49, 1)
        self.embedding = nn.Embedding(classes, 2 * channels * 49)
        _draw_weights(self, rng, std=0.02)

    def forward(self, x, labels):
        """The logits of images with their labels: (n, 784) and (n,) to (n,)."""
        _check_rows("x", x, self.input_size)
        _check_labels(labels, len(x), self.classes)
        phi = self.features(x)
        return self.real(phi).squeeze(1) + (phi * self.embedding(labels)).sum(1)


def _draw_weights(network, rng, std=None):
    """Draw the weights from ``rng``: N(0, std^2) and biases zero, or PyTorch's own U(-1, 1) / sqrt(inputs) if None."""
    for module in network.modules():
        if isinstance(module, nn.Linear) and std is None:
            bound = 1 / math.sqrt(module.in_features)
            for parameter in module.parameters(recurse=False):
                nn.init.uniform_(parameter, -bound, bound, generator=rng)
        elif isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d, nn.Embedding)):
            nn.init.normal_(module.weight, 0.0, std, generator=rng)
            if getattr(module, "bias", None) is not None:
                nn.init.zeros_(module.bias)
    return network


def value(real, fake):
    r"""The value of the game, ``def:value``.

    .. math:: v = \langle\log d\rangle_\mathrm{real} + \langle\log(1-d)\rangle_\mathrm{fake}

    Args:
        real: Logits of data, any shape.
        fake: Logits of samples of the generator, any shape.

    Returns:
        A tensor of shape (), in nats, at most 0.

    Raises:
        ValueError: A side is empty or no floating-point tensor.
    """
    _check_logits("real", real)
    _check_logits("fake", fake)
    return F.logsigmoid(real).mean() + F.logsigmoid(-fake).mean()


def discriminator_loss(real, fake, kind="non-saturating", *, smoothing=0.0):
    r"""What the discriminator minimises.

    - ``"minimax"``: :math:`-v = \langle\operatorname{softplus}(-\ell)\rangle_\mathrm{real}
      + \langle\operatorname{softplus}(\ell)\rangle_\mathrm{fake}`, see ``def:value``;
    - ``"non-saturating"``: the same; the two games differ in the generator's loss;
    - ``"least-squares"``: :math:`\frac12\langle(\ell-1)^2\rangle_\mathrm{real}
      + \frac12\langle\ell^2\rangle_\mathrm{fake}`;
    - ``"wasserstein"``: :math:`\langle\ell\rangle_\mathrm{fake} - \langle\ell\rangle_\mathrm{real}`.

    Args:
        real: Logits :math:`\ell` of data, any shape.
        fake: Logits of samples of the generator, any shape.
        kind: The name of the game.
        smoothing: One-sided label smoothing :math:`s`: the target of real examples is :math:`1 - s` and not 1, which
            adds :math:`s\,\langle\ell\rangle_\mathrm{real}`. For the first two games.

    Returns:
        A tensor of shape ().

    Raises:
        ValueError: ``kind`` is unknown, ``smoothing`` is not in :math:`[0, 1/2)` or not 0 in another game, or a side
            is empty or no floating-point tensor.
    """
    _check_name("kind", kind, LOSSES)
    _check_logits("real", real)
    _check_logits("fake", fake)
    if not 0 <= smoothing < 0.5:
        raise ValueError(f"smoothing is {smoothing!r}, takes a number from 0 to 0.5, 0.5 excluded")
    if kind in ("minimax", "non-saturating"):
        loss = F.softplus(-real).mean() + F.softplus(fake).mean()
        return loss + smoothing * real.mean() if smoothing else loss
    if smoothing:
        raise ValueError(f"smoothing is {smoothing!r} with kind={kind!r}, takes 0: that game has no labels")
    if kind == "least-squares":
        return (real - 1).square().mean() / 2 + fake.square().mean() / 2
    return fake.mean() - real.mean()


def generator_loss(fake, kind="non-saturating"):
    r"""What the generator minimises.

    - ``"minimax"``: :math:`\langle\log(1-d)\rangle = -\langle\operatorname{softplus}(\ell)\rangle`;
    - ``"non-saturating"``: :math:`-\langle\log d\rangle = \langle\operatorname{softplus}(-\ell)\rangle`;
    - ``"least-squares"``: :math:`\frac12\langle(\ell-1)^2\rangle`;
    - ``"wasserstein"``: :math:`-\langle\ell\rangle`.

    Args:
        fake: Logits :math:`\ell` of samples of the generator, any shape.
        kind: The name of the game.

    Returns:
        A tensor of shape ().

    Raises:
        ValueError: ``kind`` is unknown, or ``fake`` is empty or no floating-point tensor.
    """
    _check_name("kind", kind, LOSSES)
    _check_logits("fake", fake)
    if kind == "minimax":
        return -F.softplus(fake).mean()
    if kind == "non-saturating":
        return F.softplus(-fake).mean()
    if kind == "least-squares":
        return (fake - 1).square().mean() / 2
    return -fake.mean()


def _slopes(d, x, labels):
    """The norms of the gradients of the logit with respect to its input, (n,), themselves differentiable."""
    x = x.detach().requires_grad_()
    logits = d(x) if labels is None else d(x, labels)
    gradient = torch.autograd.grad(logits.sum(), x, create_graph=True)[0]
    return gradient.flatten(1).norm(dim=1)


def gradient_penalty(d, real, fake, *, rng, labels=None):
    r"""The mean squared deviation of the slope from one, on lines from real to fake samples.

    .. math:: \big\langle (|\nabla_{\hat{\mathbf{x}}}\ell(\hat{\mathbf{x}})| - 1)^2 \big\rangle

    The points are :math:`\hat{\mathbf{x}} = u\,\mathbf{x} + (1-u)\,g(\mathbf{z})`, with one uniform :math:`u` a pair.
    See ``def:gradient-penalty``.

    Args:
        d: The critic, a function of a batch (and of labels, if they are given), row by row.
        real: Data, shape (n, ...).
        fake: Samples, of the same shape; no gradient flows into them.
        rng: The source of :math:`u`.
        labels: Labels to hand to ``d``, shape (n,).

    Returns:
        A tensor of shape (), to be multiplied by a weight.

    Raises:
        ValueError: The shapes differ, or ``rng`` is no :class:`torch.Generator`.

    References:
        Gulrajani et al. (2017).
    """
    if real.shape != fake.shape or real.dim() < 2:
        raise ValueError(f"fake has shape {tuple(fake.shape)}, takes that of real, {tuple(real.shape)}, as (n, ...)")
    _check_rng(rng)
    u = torch.rand(len(real), *[1] * (real.dim() - 1), generator=rng, dtype=real.dtype, device=real.device)
    return (_slopes(d, torch.lerp(fake.detach(), real, u), labels) - 1).square().mean()


def r1_penalty(d, real, *, labels=None):
    r"""Half the mean squared slope of the logit at the data.

    .. math:: R_1 / \gamma = \tfrac12 \langle|\nabla_\mathbf{x}\ell|^2\rangle_\mathrm{real}

    See ``def:r1``. The norm's square is differentiable at zero, where the norm is not.

    Args:
        d: The discriminator, a function of a batch (and of labels, if they are given), row by row.
        real: Data, shape (n, ...).
        labels: Labels to hand to ``d``, shape (n,).

    Returns:
        A tensor of shape (), to be multiplied by a weight.

    References:
        Mescheder, Geiger and Nowozin (2018).
    """
    x = real.detach().requires_grad_()
    logits = d(x) if labels is None else d(x, labels)
    gradient = torch.autograd.grad(logits.sum(), x, create_graph=True)[0]
    return gradient.flatten(1).square().sum(1).mean() / 2


class Step(NamedTuple):
    r"""What one turn of :func:`train` found, as tensors of shape () off the graph.

    ``d_real`` and ``d_fake`` are the mean :math:`d = \operatorname{sigmoid}(\ell)` of the data and of the samples (for
    the Wasserstein game and least squares the means of :math:`\ell`), before the discriminator's step.
    """

    d_loss: torch.Tensor
    g_loss: torch.Tensor
    d_real: torch.Tensor
    d_fake: torch.Tensor


def train(
    g,
    d,
    batches,
    *,
    g_optimiser,
    d_optimiser,
    rng,
    loss="non-saturating",
    kind="uniform",
    d_steps=1,
    smoothing=0.0,
    gp_weight=0.0,
    r1_weight=0.0,
):
    r"""Play the game: ``d_steps`` steps of the discriminator, one of the generator, as long as there are batches.

    The loop is a Python generator: it yields after each step of the generator, and the caller looks, plots or stops.
    Two things make it fast without changing the game. Data and samples go through the discriminator in one pass, and
    the generator's step uses the samples of the discriminator's last step, so that they are computed once.

    Args:
        g: The generator, with the attribute ``noise_size``.
        d: The discriminator; its logit of a row must not depend on the other rows (no batch normalisation).
        batches: An iterable of data of shape (n, M), or of pairs of data and labels (n,) for conditional networks.
            A conditional generator is asked for the labels of the batch.
        g_optimiser: The optimiser of the generator's parameters.
        d_optimiser: The optimiser of the discriminator's parameters.
        rng: The source of the noise and of the points of the gradient penalty.
        loss: The game, see :func:`discriminator_loss` and :func:`generator_loss`.
        kind: The noise, see :func:`noise`.
        d_steps: The steps of the discriminator, each on a new batch, for one of the generator.
        smoothing: One-sided label smoothing.
        gp_weight: The weight of :func:`gradient_penalty` in the discriminator's loss.
        r1_weight: The weight of :func:`r1_penalty` in the discriminator's loss.

    Yields:
        A :class:`Step`. ``d_loss`` contains the penalties.

    Raises:
        ValueError: At the call: a name is unknown or a number out of range. At a batch: its shape is not (n, M).

    References:
        Goodfellow et al. (2014), Algorithm 1.
    """
    _check_name("loss", loss, LOSSES)
    _check_name("kind", kind, NOISES)
    _check_count("d_steps", d_steps)
    _check_rng(rng)
    for name, weight in (("gp_weight", gp_weight), ("r1_weight", r1_weight)):
        if not (isinstance(weight, (int, float)) and 0 <= weight < math.inf):
            raise ValueError(f"{name} is {weight!r}, takes a finite number of at least 0")
    if not 0 <= smoothing < 0.5 or (smoothing and loss not in LOSSES[:2]):
        raise ValueError(
            f"smoothing is {smoothing!r} with loss={loss!r}, takes 0 to 0.5 (0 where a game has no labels)"
        )
    return _turns(g, d, batches, g_optimiser, d_optimiser, rng, loss, kind, d_steps, smoothing, gp_weight, r1_weight)


def _turns(g, d, batches, g_optimiser, d_optimiser, rng, loss, kind, d_steps, smoothing, gp_weight, r1_weight):
    g_parameters = list(g.parameters())
    show = torch.sigmoid if loss in LOSSES[:2] else torch.clone
    for i, batch in enumerate(batches, 1):
        real, labels = batch if isinstance(batch, (tuple, list)) else (batch, None)
        if not isinstance(real, torch.Tensor) or real.dim() != 2:
            shape = tuple(real.shape) if isinstance(real, torch.Tensor) else type(real).__name__
            raise ValueError(f"batches gave {shape}, takes tensors of shape (n, M)")
        given = () if labels is None else (labels,)
        last = i % d_steps == 0
        z = noise(len(real), g.noise_size, kind, rng=rng, dtype=real.dtype)
        with torch.set_grad_enabled(last):  # the generator's step needs the graph of the samples
            fake = g(z, *given)

        both = d(torch.cat([real, fake.detach()]), *(torch.cat([y, y]) for y in given))  # (2n, M) -> (2n,)
        on_real, on_fake = both.split(len(real))
        d_loss = discriminator_loss(on_real, on_fake, loss, smoothing=smoothing)
        if gp_weight:
            d_loss = d_loss + gp_weight * gradient_penalty(d, real, fake, rng=rng, labels=labels)
        if r1_weight:
            d_loss = d_loss + r1_weight * r1_penalty(d, real, labels=labels)
        d_optimiser.zero_grad(set_to_none=True)
        d_loss.backward()
        d_optimiser.step()
        if not last:
            continue

        g_loss = generator_loss(d(fake, *given), loss)
        g_optimiser.zero_grad(set_to_none=True)
        g_loss.backward(inputs=g_parameters)  # no gradient of the discriminator's weights
        g_optimiser.step()
        yield Step(d_loss.detach(), g_loss.detach(), show(on_real.detach()).mean(), show(on_fake.detach()).mean())


def game_step(d_loss, g_loss, state, eta, *, alternating=False):
    r"""One step of gradient descent of a game of two players, as a differentiable map of their parameters.

    The state is :math:`(\theta^{(d)}, \theta^{(g)})`. Simultaneous steps use the old state on both sides, alternating
    ones give the generator the discriminator's new parameters:

    .. math::
        \theta^{(d)\prime} = \theta^{(d)} - \eta\,\partial_{\theta^{(d)}} L_d(\theta^{(d)}, \theta^{(g)}), \qquad
        \theta^{(g)\prime} = \theta^{(g)} - \eta\,\partial_{\theta^{(g)}}
        L_g(\theta^{(d)} \text{ or } \theta^{(d)\prime}, \theta^{(g)}) .

    Its Jacobian at a fixed point (``torch.autograd.functional.jacobian``) decides whether the game settles, see
    ``eq:simultaneous-eigenvalues`` and ``eq:alternating-eigenvalues``.

    Args:
        d_loss: The discriminator's loss, a function of two numbers.
        g_loss: The generator's loss, a function of the same two.
        state: The parameters, shape (2,).
        eta: The learning rate :math:`\eta`.
        alternating: Give the generator the new discriminator.

    Returns:
        The new state, shape (2,).

    Raises:
        ValueError: ``state`` is not of shape (2,).
    """
    if not isinstance(state, torch.Tensor) or state.shape != (2,):
        raise ValueError(f"state has shape {tuple(getattr(state, 'shape', ()))}, takes (2,)")
    with torch.enable_grad():
        state = state if state.requires_grad else state.detach().requires_grad_()
        theta_d, theta_g = state.unbind()
        theta_d_new = theta_d - eta * _slope(d_loss(theta_d, theta_g), theta_d)
        seen = theta_d_new if alternating else theta_d
        # Differentiated at a copy of theta_g: theta_d_new depends on theta_g, and the generator does not know.
        probe = theta_g + torch.zeros_like(theta_g)
        theta_g_new = theta_g - eta * _slope(g_loss(seen, probe), probe)
        return torch.stack([theta_d_new, theta_g_new])


def _slope(loss, theta):
    return torch.autograd.grad(loss, theta, create_graph=True)[0]


def interpolate(first, last, steps):
    r"""Noise along the great circle from one point to another, whose length changes evenly.

    With the angle :math:`\Omega` between the two,

    .. math:: \mathbf{z}(t) = \frac{\sin((1-t)\Omega)}{\sin\Omega}\mathbf{z}_0
        + \frac{\sin(t\Omega)}{\sin\Omega}\mathbf{z}_1 ,

    see ``eq:great-circle``. A straight line would pass through points much shorter than any that a normal distribution
    in many dimensions draws.

    Args:
        first: The noise :math:`\mathbf{z}_0`, shape (K,).
        last: The noise :math:`\mathbf{z}_1`, shape (K,).
        steps: The number of points, both ends among them, at least 2.

    Returns:
        The points, shape (steps, K).

    Raises:
        ValueError: The shapes differ, ``steps`` is below 2, or the two are parallel (there is no one circle).
    """
    if first.dim() != 1 or first.shape != last.shape:
        raise ValueError(f"last has shape {tuple(last.shape)}, takes that of first, {tuple(first.shape)}, as (K,)")
    _check_count("steps", steps, least=2)
    cosine = (first @ last / (first.norm() * last.norm())).clamp(-1, 1)
    angle = torch.acos(cosine)
    if not torch.sin(angle) > 1e-3:
        raise ValueError(f"first and last have the cosine {cosine.item():.6f}, takes two that are not parallel")
    t = torch.linspace(0, 1, steps, dtype=first.dtype, device=first.device)[:, None]
    return (torch.sin((1 - t) * angle) * first + torch.sin(t * angle) * last) / torch.sin(angle)


def modes_covered(points, centres, *, radius, share=0.2):
    r"""How many modes a sample has found, and which share of it lies near any of them.

    A point belongs to the nearest centre if that is closer than ``radius``. A mode counts as found when it holds at
    least ``share`` times its fair part :math:`n/K` of the points.

    Args:
        points: The sample, shape (n, D).
        centres: The centres of the modes, shape (K, D).
        radius: The greatest distance from a centre.
        share: The least part of the fair number.

    Returns:
        The number of modes found, and the share of the points that belong to a mode.

    Raises:
        ValueError: The shapes do not fit, or ``radius`` is not positive.
    """
    if points.dim() != 2 or centres.dim() != 2 or points.shape[1] != centres.shape[1] or not len(points):
        raise ValueError(f"points has shape {tuple(points.shape)}, takes (n, D) beside centres {tuple(centres.shape)}")
    if not radius > 0:
        raise ValueError(f"radius is {radius!r}, takes a positive number")
    distance, nearest = torch.cdist(points, centres.to(points)).min(dim=1)
    close = distance < radius
    count = torch.bincount(nearest[close], minlength=len(centres))
    return int((count >= share * len(points) / len(centres)).sum()), close.to(torch.float64).mean().item()


def _check_count(name, value, least=1):
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} is {value!r}, takes an integer of at least {least}")


def _check_name(name, value, names):
    if value not in names:
        raise ValueError(f"{name} is {value!r}, takes one of {', '.join(map(repr, names))}")


def _check_rng(rng):
    if not isinstance(rng, torch.Generator):
        raise ValueError(f"rng is {rng!r}, takes a torch.Generator")


def _check_rows(name, rows, size):
    if not isinstance(rows, torch.Tensor) or rows.dim() != 2 or rows.shape[1] != size:
        shape = tuple(rows.shape) if isinstance(rows, torch.Tensor) else type(rows).__name__
        raise ValueError(f"{name} has shape {shape}, takes (n, {size})")


def _check_labels(labels, n, classes):
    if not isinstance(labels, torch.Tensor) or labels.dtype != torch.int64 or labels.shape != (n,):
        kind = f"{labels.dtype} {tuple(labels.shape)}" if isinstance(labels, torch.Tensor) else type(labels).__name__
        raise ValueError(f"labels is {kind}, takes torch.int64 of shape ({n},)")
    if n and not (labels.min() >= 0 and labels.max() < classes):
        low, high = labels.min().item(), labels.max().item()
        raise ValueError(f"labels has values from {low} to {high}, takes 0 to {classes - 1}")


def _check_logits(name, logits):
    if not isinstance(logits, torch.Tensor) or not logits.is_floating_point() or not logits.numel():
        kind = f"{logits.dtype} {tuple(logits.shape)}" if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise ValueError(f"{name} is {kind}, takes a floating-point tensor that is not empty")


def _check_range(name, values, low, high):
    if not isinstance(values, torch.Tensor) or not values.is_floating_point() or not values.numel():
        raise ValueError(f"{name} takes a floating-point tensor that is not empty")
    least, most = (bound.item() for bound in values.aminmax())  # a NaN makes both of them NaN
    if not (low <= least and most <= high):
        raise ValueError(f"{name} has values from {least:.6g} to {most:.6g}, takes values in [{low}, {high}]")
