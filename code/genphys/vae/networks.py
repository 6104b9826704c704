r"""The layers of encoder and decoder, with their first weights by Glorot's rule.

.. math:: W_{ij} \sim U(-a, a), \qquad a = \sqrt{6 / (n_\mathrm{in} + n_\mathrm{out})}

A network is made where its source of chance lives.

References:
    Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks (2010).
"""

import itertools

import torch
from torch import nn
from torch.nn.utils import skip_init

from genphys.arguments import doors, source


@torch.no_grad()
def initialise(model: nn.Module, *, rng: source):
    r"""Draw all weights anew by Glorot's rule, set the biases to zero, and return the model.

    Linear and convolutional layers are set; the parameters of other modules stay as they are.
    """
    for layer in model.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            weight = torch.empty_like(layer.weight, device=rng.device)
            layer.weight.copy_(nn.init.xavier_uniform_(weight, generator=rng))
            if layer.bias is not None:
                layer.bias.zero_()
    return model


def linear(inputs, outputs, rng):
    """A linear layer with weights from ``rng``; PyTorch's own first weights come from the global stream."""
    return initialise(skip_init(nn.Linear, inputs, outputs, device=rng.device), rng=rng)


def hidden_layers(widths, activation, rng):
    """Linear layers from each width to the next, a non-linearity behind each."""
    net = nn.Sequential()
    for inputs, outputs in itertools.pairwise(widths):
        net.append(linear(inputs, outputs, rng)).append(activation())
    return net


doors(globals())
