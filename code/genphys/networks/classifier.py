r"""A small convolutional classifier of digits, the judge of generated ones.

It gives the probabilities :math:`p(c\mid\mathbf{x})` of the ten digits for an image :math:`\mathbf{x}` of 28 x 28 grey
values in :math:`[0, 1]`, and the 64 features from which it reads them. Both judge samples: do all digits occur, is it
the digit that was asked for, how far are two sets of images apart in the space of features. Any such number depends on
the classifier; state which one, and compare nothing across two of them.

The shipped weights (:func:`genphys.train.load_classifier`) were trained by ``python -m genphys.train classifier`` on
MNIST's training images less the 5 000 of :func:`genphys.data.digits`.

References:
    LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition (1998).
"""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import skip_init

from genphys.arguments import doors, label, source, tensor
from genphys.numerics import double, in_pieces

FEATURES = 64

grey = tensor("n 784", low=0, high=1)  # rows of pixels; gan.to_unit maps [-1, 1] to [0, 1]


class Classifier(nn.Module):
    """Two convolutions and two linear layers; (n, 784) grey values in [0, 1] to (n, 10) logits."""

    def __init__(self, *, rng: source):
        super().__init__()
        self.conv_1 = skip_init(nn.Conv2d, 1, 16, 5, padding=2)
        self.conv_2 = skip_init(nn.Conv2d, 16, 32, 5, padding=2)
        self.hidden = skip_init(nn.Linear, 32 * 49, FEATURES)
        self.output = skip_init(nn.Linear, FEATURES, 10)
        for layer in (self.conv_1, self.conv_2, self.hidden, self.output):
            _draw_weights(layer, rng)

    def features(self, images: grey):
        """The activities of the last hidden layer, (n, 784) to (n, 64); none is negative."""
        return self._features(images)

    def forward(self, images: grey):
        """The logits of the ten digits, (n, 784) to (n, 10)."""
        return self.output(self._features(images))

    def _features(self, images):
        x = images.unflatten(1, (1, 28, 28))
        x = F.max_pool2d(F.relu(self.conv_1(x)), 2)  # (n, 1, 28, 28) -> (n, 16, 14, 14)
        x = F.max_pool2d(F.relu(self.conv_2(x)), 2)  # (n, 16, 14, 14) -> (n, 32, 7, 7)
        return F.relu(self.hidden(x.flatten(1)))


@torch.no_grad()
def _draw_weights(layer, rng):
    """Weights whose rectified sums keep their size from layer to layer (He et al. 2015), and no offsets."""
    drawn = nn.init.kaiming_uniform_(torch.empty_like(layer.weight, device=rng.device), generator=rng)
    layer.weight.copy_(drawn)
    layer.bias.zero_()


def classify(classifier: nn.Module, images: grey):
    r"""The logarithms of the probabilities :math:`\log p(c\mid\mathbf{x})`, (n, 784) to (n, 10)."""
    return in_pieces(classifier, images).log_softmax(dim=1)


def accuracy(classifier: nn.Module, images: grey, labels: label()):
    """The share of images whose most probable class is their label: of generated ones, the class that was asked for."""
    found = classify(classifier, images).argmax(dim=1)
    return (found == labels.to(found.device)).sum().item() / len(found)


def class_shares(classifier: nn.Module, images: grey):
    r"""The share of each of the ten classes among images, by their most probable class; (10,) float64, sums to 1."""
    found = classify(classifier, images).argmax(dim=1)
    return double(torch.bincount(found, minlength=10)) / len(found)


doors(globals())
