r"""The two players: networks that turn noise into samples, and networks that give the logit of being data.

The generator :math:`g(\mathbf{z};\theta^{(g)})` goes from rows of noise to samples, the discriminator from samples to
the logit :math:`\ell(\mathbf{x})` of :math:`d(\mathbf{x};\theta^{(d)}) = \operatorname{sigmoid}(\ell(\mathbf{x}))`. It
ends without a sigmoid, as the losses and the other games need it. A network is made where its source of chance lives.

References:
    Radford, Metz and Chintala (2015): convolutions. Mirza and Osindero (2014), Miyato and Koyama (2018): labels.
"""

import math
from collections import OrderedDict

import torch
from torch import nn
from torch.nn.utils import skip_init

from genphys.arguments import Takes, count, doors, label, many, number, source, tensor

SIDE = 28  # the convolutional networks are for images of 28 x 28 pixels
class_numbers = Takes(
    "whole numbers of shape (n), the classes from 0 to classes - 1",
    lambda v, call: label("n", call.owner.classes).fits(v, call),
)


class Dropout(nn.Module):
    r"""Set each unit to zero with probability :math:`p` and divide the others by :math:`1 - p`, while training.

    It is :class:`torch.nn.Dropout` with its own source of chance, so that a training depends on its seed alone.
    """

    def __init__(self, p: number(0, below=1) = 0.5, *, rng: source):
        super().__init__()
        self.p, self.rng = p, rng

    def forward(self, x: torch.Tensor):
        if not self.training or self.p == 0:
            return x
        chance = torch.rand(x.shape, generator=self.rng, device=self.rng.device, dtype=x.dtype).to(x.device)
        return x * (chance >= self.p).to(x.dtype).div_(1 - self.p)

    def extra_repr(self):
        return f"p={self.p}"


class Generator(nn.Sequential):
    r"""A stack of named layers :math:`g: \mathbf{z} \mapsto \mathbf{x}` for rows of ``noise_size`` numbers."""

    def __init__(self, noise_size: count(), layers: many(tuple)):
        super().__init__(OrderedDict(layers))
        self.noise_size = noise_size
        values = [layer for _, layer in layers if not isinstance(layer, nn.Flatten | nn.Unflatten)]
        self.bounded = bool(values) and isinstance(values[-1], nn.Tanh)  # samples, and so the data, lie in [-1, 1]

    def forward(self, z: tensor("n noise_size")):
        return super().forward(z)


class Discriminator(nn.Sequential):
    r"""A stack of named layers :math:`\ell: \mathbf{x} \mapsto` the logit of :math:`d`, (n, input_size) to (n,)."""

    def __init__(self, input_size: count(), layers: many(tuple)):
        super().__init__(OrderedDict(layers))
        self.input_size = input_size

    def forward(self, x: tensor("n input_size")):
        return super().forward(x).squeeze(1)  # (n, 1) -> (n,)


def mlp_generator(
    noise_size: count() = 20,
    hidden_layers: count(0) = 1,
    hidden_units: count() = 100,
    output_size: count() = 784,
    *,
    bounded: bool = True,
    rng: source,
):
    r"""A fully connected generator; by default the source lecture's: 20 - 100 - 784 with a tanh at the end.

    Every hidden layer is a linear map and a leaky ReLU under a name of its own, so that none replaces another. A
    ``bounded`` generator ends in a tanh, for samples in :math:`[-1, 1]`.
    """
    layers = _hidden("g", noise_size, hidden_layers, hidden_units, rng)
    width = hidden_units if hidden_layers else noise_size
    layers.append(("fc_g_out", skip_init(nn.Linear, width, output_size, device=rng.device)))
    if bounded:
        layers.append(("tanh_g", nn.Tanh()))
    return _draw_weights(Generator(noise_size, layers), rng)


def mlp_discriminator(
    input_size: count() = 784,
    hidden_layers: count(0) = 1,
    hidden_units: count() = 100,
    *,
    dropout: number(0, below=1) = 0.5,
    rng: source,
):
    r"""A fully connected discriminator; by default the source lecture's: 784 - 100 - 1, without its sigmoid.

    A hidden layer is a linear map, a leaky ReLU, and dropout unless its probability is 0; ``rng`` serves all of it.
    """
    layers = _hidden("d", input_size, hidden_layers, hidden_units, rng, dropout)
    width = hidden_units if hidden_layers else input_size
    layers.append(("fc_d_out", skip_init(nn.Linear, width, 1, device=rng.device)))
    return _draw_weights(Discriminator(input_size, layers), rng)


def _hidden(letter, width, number, units, rng, dropout=0.0):
    layers = []
    for i in range(1, number + 1):
        layers.append((f"fc_{letter}{i}", skip_init(nn.Linear, width, units, device=rng.device)))
        layers.append((f"relu_{letter}{i}", nn.LeakyReLU()))
        if dropout:
            layers.append((f"dropout_{letter}{i}", Dropout(dropout, rng=rng)))
        width = units
    return layers


def conv_generator(noise_size: count() = 64, channels: count() = 32, *, rng: source):
    r"""A small DCGAN generator, (n, K) to (n, 784): noise to 7 x 7 pixels, doubled twice by transposed convolutions.

    There are ``channels`` features at 14 x 14 pixels and twice as many at 7 x 7. The first weights are
    :math:`N(0, 0.02^2)`; values end in :math:`[-1, 1]`.
    """
    at = {"device": rng.device}
    layers = [
        # the normalisation that follows has a bias
        ("fc", skip_init(nn.Linear, noise_size, 2 * channels * 49, bias=False, **at)),
        ("image", nn.Unflatten(1, (2 * channels, 7, 7))),
        ("norm_1", nn.BatchNorm2d(2 * channels, **at)),
        ("relu_1", nn.ReLU()),
        ("up_1", skip_init(nn.ConvTranspose2d, 2 * channels, channels, 4, 2, 1, bias=False, **at)),  # 7 -> 14
        ("norm_2", nn.BatchNorm2d(channels, **at)),
        ("relu_2", nn.ReLU()),
        ("up_2", skip_init(nn.ConvTranspose2d, channels, 1, 4, 2, 1, **at)),  # 14 -> 28
        ("tanh", nn.Tanh()),
        ("row", nn.Flatten()),
    ]
    return _draw_weights(Generator(noise_size, layers), rng, std=0.02)


def conv_discriminator(channels: count() = 32, *, rng: source):
    r"""A small DCGAN discriminator, or critic, (n, 784) to (n,): 28 to 14 to 7 pixels by strided convolutions.

    It has no batch normalisation: with it the logit of an image depends on the other images of the batch, and the
    gradient penalty is defined for a function of one image.
    """
    last = skip_init(nn.Linear, 2 * channels * 49, 1, device=rng.device)
    return _draw_weights(Discriminator(SIDE**2, [*_features(channels, rng), ("fc_out", last)]), rng, std=0.02)


def _features(channels, rng):
    return [
        ("image", nn.Unflatten(1, (1, SIDE, SIDE))),
        ("down_1", skip_init(nn.Conv2d, 1, channels, 4, 2, 1, device=rng.device)),  # 28 -> 14
        ("relu_1", nn.LeakyReLU(0.2)),
        ("down_2", skip_init(nn.Conv2d, channels, 2 * channels, 4, 2, 1, device=rng.device)),  # 14 -> 7
        ("relu_2", nn.LeakyReLU(0.2)),
        ("row", nn.Flatten()),
    ]


class ConditionalGenerator(nn.Module):
    r"""A generator :math:`g(\mathbf{z}, c)` that is told which class to draw, as ten more inputs.

    Of these inputs the one with the number :math:`c` is 1 and the others are 0; the rest is :func:`conv_generator`.
    """

    def __init__(self, noise_size: count() = 64, classes: count() = 10, channels: count() = 32, *, rng: source):
        super().__init__()
        self.noise_size, self.classes, self.bounded = noise_size, classes, True
        self.network = conv_generator(noise_size + classes, channels, rng=rng)

    def forward(self, z: tensor("n noise_size"), labels: class_numbers):
        """Samples of the classes ``labels``: (n, K) and (n,) to (n, 784)."""
        one_hot = torch.eye(self.classes, dtype=z.dtype, device=z.device)[labels.long()]  # (n,) -> (n, classes)
        return self.network(torch.cat([z, one_hot], dim=1))


class ConditionalDiscriminator(nn.Module):
    r"""A discriminator that sees the class, ``def:projection-discriminator``.

    .. math:: \ell(\mathbf{x}, c) = \mathbf{w}\cdot\Phi(\mathbf{x}) + b + \mathbf{e}_c\cdot\Phi(\mathbf{x})

    The part with :math:`\mathbf{w}` asks whether an image is real, the one with :math:`\mathbf{e}_c` whether it is of
    the class :math:`c` (``eq:projection-discriminator``). The :math:`\Phi` are those of :func:`conv_discriminator`.
    """

    def __init__(self, classes: count() = 10, channels: count() = 32, *, rng: source):
        super().__init__()
        self.classes, self.input_size = classes, SIDE**2
        self.features = nn.Sequential(OrderedDict(_features(channels, rng)))
        self.real = skip_init(nn.Linear, 2 * channels * 49, 1, device=rng.device)
        self.embedding = skip_init(nn.Embedding, classes, 2 * channels * 49, device=rng.device)
        _draw_weights(self, rng, std=0.02)

    def forward(self, x: tensor("n input_size"), labels: class_numbers):
        """The logits of images with their labels: (n, 784) and (n,) to (n,)."""
        phi = self.features(x)
        return self.real(phi).squeeze(1) + (phi * self.embedding(labels)).sum(1)


@torch.no_grad()
def _draw_weights(network, rng, std=None):
    """Draw the weights from ``rng``: N(0, std^2) and biases zero, or PyTorch's own U(-1, 1) / sqrt(inputs) if None."""
    for module in network.modules():
        if isinstance(module, nn.Linear) and std is None:
            bound = 1 / math.sqrt(module.in_features)
            for parameter in module.parameters(recurse=False):
                parameter.uniform_(-bound, bound, generator=rng)
        elif isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.Embedding):
            module.weight.normal_(0.0, std, generator=rng)
            if getattr(module, "bias", None) is not None:
                module.bias.zero_()
    return network


doors(globals())
