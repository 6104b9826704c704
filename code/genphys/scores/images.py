"""Images as points: their rows of pixels, a network's features of them, and the classes that it sees in them.

The general scores take points. Images become points by one of these doors, which refuse images in another range of grey
values than the stated one, (0, 1) unless told otherwise: ``mmd2(image_rows(real), image_rows(generated), 10.0)``.
"""

from dataclasses import dataclass

from torch import nn

from genphys.arguments import doors, interval, require, tensor
from genphys.numerics import in_pieces, network_hash
from genphys.scores.distances import in_double
from genphys.scores.transport import frechet2

_grey = tensor(None, rows=2)
grey = _grey.where(lambda v: v.ndim in (2, 3, 4), f"{_grey.words}, images of shape (n, M), (n, H, W) or (n, C, H, W)")


def image_rows(images: grey, *, data_range: interval = (0.0, 1.0)):
    """Images as rows of pixels, (n, M), (n, H, W) or (n, C, H, W) to (n, M), if they keep to the stated range.

    Images in [0, 1] also lie in (-1, 1). Where the range has negative values, a set without any value below the middle
    of the range is therefore refused as well: it is a set in another range.
    """
    return _rows("images", images, data_range)


def image_features(network: nn.Module, images: grey, *, data_range: interval = (0.0, 1.0)):
    """The features that a network sees in images, (n, D), off the graph and in pieces that need little memory.

    The network's ``features(images)`` takes (n, M) grey values in [0, 1], as that of
    :class:`genphys.networks.classifier.Classifier`; images in another range are mapped to it.
    """
    return _features_of("images", network, images, data_range)


def image_log_probs(network: nn.Module, images: grey, *, data_range: interval = (0.0, 1.0)):
    r"""The class probabilities :math:`\log p(c\mid\mathbf{x})` that a network gives images, (n, C), float64.

    The network takes (n, M) grey values in [0, 1] to logits (n, C).
    """
    logits = _seen(network, _rows("images", images, data_range), data_range)
    return in_double(logits).log_softmax(1)


@dataclass(frozen=True)
class FrechetScore:
    """A squared Fréchet distance with what it depends on: the features' network, its hash, the sizes of the sets."""

    value: float
    network: str
    sha256: str
    n_real: int
    n_generated: int

    def __str__(self):
        sizes = f"n = {self.n_real} real, {self.n_generated} generated"
        return f"squared Fréchet distance {self.value:.4g} (features {self.network} {self.sha256[:12]}, {sizes})"


def image_frechet2(network: nn.Module, real: grey, generated: grey, *, data_range: interval = (0.0, 1.0)):
    """The squared Fréchet distance in a network's features, with all that it depends on: :class:`FrechetScore`."""
    x = _features_of("real", network, real, data_range)
    y = _features_of("generated", network, generated, data_range)
    return FrechetScore(frechet2(x, y).item(), type(network).__name__, network_hash(network), len(x), len(y))


def _rows(name, images, data_range):
    low, high = data_range
    least, most = (bound.item() for bound in images.detach().aminmax())
    stated, found = f"data_range = ({low:g}, {high:g})", f"these go from {least:.6g} to {most:.6g}"
    takes = f"values in {stated}; {found}: bring both sets into one range"
    require(low <= least and most <= high, name, images, takes)
    takes = f"values below the middle of {stated} too; {found}: another range"
    require(low >= 0 or least < (low + high) / 2, name, images, takes)
    return images.flatten(1)


def _features_of(name, network, images, data_range):
    takes = "a module with a method features(images)"
    require(callable(getattr(network, "features", None)), "network", network, takes)
    return _seen(network.features, _rows(name, images, data_range), data_range)


def _seen(seen, images, data_range):
    low, high = data_range
    return in_pieces(seen, images if (low, high) == (0, 1) else ((images - low) / (high - low)).clamp(0, 1))


doors(globals())
