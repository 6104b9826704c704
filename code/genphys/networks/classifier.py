r"""A small convolutional classifier of digits, the judge of generated ones.

It gives the probabilities :math:`p(c\mid\mathbf{x})` of the ten digits for an image :math:`\mathbf{x}` of 28 x 28 grey
values in :math:`[0, 1]`, and the 64 features from which it reads them. Both are used where samples are judged: do all
digits occur, is it the digit that was asked for, and how far are two sets of images apart in the space of features.
Any such number depends on the classifier; state which one, and compare nothing across two of them.

The shipped weights (:func:`genphys.train.load_classifier`) were trained by ``python -m genphys.train classifier`` on
MNIST's training images less the 5 000 of :func:`genphys.data.digits`.

References:
    LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition (1998).
"""

import torch
import torch.nn.functional as F
from torch import nn

__all__ = ["FEATURES", "Classifier", "accuracy", "agreement", "class_shares", "classify", "features"]

SIDE = 28
FEATURES = 64


class Classifier(nn.Module):
    """Two convolutions and two linear layers; (n, 784) grey values in [0, 1] to (n, 10) logits.

    Args:
        rng: The source of the first weights, PyTorch's global one if None.
    """

    def __init__(self, rng=None):
        super().__init__()
        self.conv_1 = nn.Conv2d(1, 16, 5, padding=2)
        self.conv_2 = nn.Conv2d(16, 32, 5, padding=2)
        self.hidden = nn.Linear(32 * 49, FEATURES)
        self.output = nn.Linear(FEATURES, 10)
        for layer in (self.conv_1, self.conv_2, self.hidden, self.output):
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu", generator=rng)
            nn.init.zeros_(layer.bias)

    def features(self, images):
        """The activities of the last hidden layer, (n, 784) to (n, 64); none is negative.

        Raises:
            ValueError: ``images`` is not of shape (n, 784) or has values outside [0, 1].
        """
        x = _check_images(images).unflatten(1, (1, SIDE, SIDE))
        x = F.max_pool2d(F.relu(self.conv_1(x)), 2)  # 28 -> 14
        x = F.max_pool2d(F.relu(self.conv_2(x)), 2)  # 14 -> 7
        return F.relu(self.hidden(x.flatten(1)))

    def forward(self, images):
        return self.output(self.features(images))


def _in_pieces(function, images, size=500):
    with torch.no_grad():
        return torch.cat([function(piece) for piece in _check_images(images).split(size)])


def classify(classifier, images):
    r"""The logarithms of the probabilities :math:`\log p(c\mid\mathbf{x})`, (n, 784) to (n, 10).

    Raises:
        ValueError: ``images`` is not of shape (n, 784) or has values outside [0, 1].
    """
    return _in_pieces(lambda piece: classifier(piece).log_softmax(dim=1), images)


def features(classifier, images):
    """The features of images, (n, 784) to (n, 64), in pieces that need little memory.

    Raises:
        ValueError: ``images`` is not of shape (n, 784) or has values outside [0, 1].
    """
    return _in_pieces(classifier.features, images)


def accuracy(classifier, images, labels):
    """The share of images whose most probable class is their label.

    Raises:
        ValueError: The shapes do not fit, or ``images`` has values outside [0, 1].
    """
    found = classify(classifier, images).argmax(dim=1)
    if labels.shape != found.shape:
        raise ValueError(f"labels has shape {tuple(labels.shape)}, takes {tuple(found.shape)}")
    return (found == labels.to(found.device)).to(torch.float64).mean().item()


agreement = accuracy  # of generated images with the classes that were asked for


def class_shares(classifier, images):
    r"""The share of each of the ten classes among images, by their most probable class; (10,) float64, sums to 1.

    Raises:
        ValueError: ``images`` is not of shape (n, 784) or has values outside [0, 1].
    """
    found = classify(classifier, images).argmax(dim=1)
    return torch.bincount(found, minlength=10).to(torch.float64) / len(found)


def _check_images(images):
    if not isinstance(images, torch.Tensor) or images.dim() != 2 or images.shape[1] != SIDE**2 or not len(images):
        shape = tuple(images.shape) if isinstance(images, torch.Tensor) else type(images).__name__
        raise ValueError(f"images has shape {shape}, takes (n, 784) with n >= 1")
    low, high = (bound.item() for bound in images.aminmax())
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"images has values from {low:.6g} to {high:.6g}, takes grey values in [0, 1] (gan.to_unit maps [-1, 1])"
        )
    return images
