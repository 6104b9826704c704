"""Images as points: rows, features and classes, and the ranges of grey values that are refused."""

import pytest
import torch
from clouds import close, rng
from torch import nn

from genphys import scores
from genphys.networks import classifier


@pytest.fixture(scope="module")
def network():
    return classifier.Classifier(rng=rng(1)).eval()


@pytest.fixture(scope="module")
def images():
    g = rng(12)
    return torch.rand(40, 784, generator=g).pow(3), torch.rand(40, 784, generator=g)


def test_images_are_rows_features_and_classes(network, images):
    x, y = images
    fx, fy = network.features(x).detach(), network.features(y).detach()
    close(scores.image_features(network, y), fy, atol=1e-4)  # float32 features, in other pieces
    close(scores.image_log_probs(network, y), network(y).detach().double().log_softmax(1), atol=1e-5)
    assert scores.image_rows(x.view(40, 1, 28, 28)).equal(x)
    assert scores.image_rows(x.view(40, 28, 28)).equal(x)
    found = scores.image_frechet2(network, x, y)
    close(found.value, scores.frechet2(fx, fy), atol=1e-4)
    assert (found.n_real, found.n_generated, found.network) == (40, 40, "Classifier")
    assert found.sha256 == scores.network_hash(network)
    assert found.sha256[:12] in str(found)


def test_the_range_does_not_matter_when_it_is_stated(network, images):
    x, y = images
    one = scores.image_frechet2(network, x, y).value
    other = scores.image_frechet2(network, 2 * x - 1, 2 * y - 1, data_range=(-1, 1)).value
    close(other, one, atol=1e-4 * one)


def test_the_hash_is_of_every_weight(network):
    before = scores.network_hash(network)
    with torch.no_grad():
        network.output.bias[3] += 1e-6
    changed = scores.network_hash(network)
    with torch.no_grad():
        network.output.bias[3] -= 1e-6
    assert len(before) == 64
    assert changed != before


def doors(network):
    """Each door for images as (name of the argument, function of one set)."""

    def second(images, **options):
        return scores.image_frechet2(network, images.clamp(0, 1) if not options else images, images, **options)

    yield "images", scores.image_rows
    for door in (scores.image_features, scores.image_log_probs):
        yield "images", lambda images, door=door, **options: door(network, images, **options)
    yield "real", lambda images, **options: scores.image_frechet2(network, images, images, **options)
    yield "generated", lambda images: scores.image_frechet2(network, images.clamp(0, 1), images)


def test_images_in_another_range_are_refused_by_name(network, images):
    x, _ = images
    for name, door in doors(network):
        with pytest.raises(ValueError, match=rf"^{name} .* data_range = \(0, 1\); these go from -1 to "):
            door(2 * x - 1)
        with pytest.raises(ValueError, match=rf"^{name} .* to 25"):
            door(255 * x)
        if name != "generated":
            with pytest.raises(ValueError, match=rf"^{name} .* below the middle of data_range = \(-1, 1\)"):
                door(x, data_range=(-1, 1))


def test_images_that_are_none_are_refused_by_name(network):
    for images in (
        torch.zeros(4, 784, dtype=torch.uint8),
        torch.zeros(1, 784),
        torch.zeros(784),
        torch.ones(4, 784) / 0,
    ):
        with pytest.raises(ValueError, match=r"^images is a tensor"):
            scores.image_rows(images)
    with pytest.raises(ValueError, match=r"^data_range is \(1, 0\), takes"):
        scores.image_rows(torch.zeros(4, 784), data_range=(1, 0))
    with pytest.raises(ValueError, match=r"^network is Identity"):
        scores.image_features(nn.Identity(), torch.zeros(2, 784))
