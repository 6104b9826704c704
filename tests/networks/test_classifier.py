"""The classifier of digits: its weights, what it finds in real digits, and its refusals."""

import pytest
import torch

from genphys import data, train
from genphys.networks import classifier


@pytest.fixture(scope="module")
def shipped():
    return train.load_classifier()


def test_held_out_digits_of_the_book(shipped):
    """The mark of the shipped weights, on digits that they have not seen (their share of errors is below 1.5 %)."""
    model, record = shipped
    images = data.digits()
    found = classifier.accuracy(model, images.test_images, images.test_labels)
    assert found > 0.985
    assert found == pytest.approx(record["metrics"]["digits_test_accuracy"], abs=0.0021)  # two images that round apart
    assert record["metrics"]["mnist_test_accuracy"] > 0.985


def test_accuracy_on_the_mnist_test_file(shipped):
    import os

    if not os.environ.get("GENPHYS_DATA"):
        pytest.skip("needs MNIST's own files: set GENPHYS_DATA to the folder that holds MNIST/raw")
    model, record = shipped
    images, labels = data.mnist(train=False)
    assert classifier.accuracy(model, images, labels) == pytest.approx(
        record["metrics"]["mnist_test_accuracy"], abs=5e-4
    )


def test_shares_of_a_stratified_set(shipped):
    images = data.digits().test_images
    shares = classifier.class_shares(shipped[0], images)
    assert shares.sum().item() == pytest.approx(1.0, abs=1e-12)
    assert (shares - 0.1).abs().max() < 0.01  # 1.5 % of errors can move a share of 100 in 1000 by no more than this
    ones = images[data.digits().test_labels == 1]
    assert classifier.class_shares(shipped[0], ones)[1] > 0.95


def test_classify_is_the_network_in_pieces(shipped):
    images = data.digits().test_images[:730]
    with torch.no_grad():
        logits = shipped[0](images)
    found = classifier.classify(shipped[0], images)
    assert torch.allclose(found, logits.log_softmax(1), atol=1e-4)
    assert torch.allclose(found.exp().sum(1), torch.ones(730), atol=1e-5)
    with torch.no_grad():
        phi = shipped[0].features(images)
        assert phi.shape == (730, classifier.FEATURES)
        assert phi.min() == 0
        assert torch.allclose(shipped[0].output(phi), logits, atol=1e-3)


def test_first_weights_depend_on_the_seed_alone():
    a, b = (classifier.Classifier(rng=torch.Generator().manual_seed(3)) for _ in range(2))
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(a.hidden.weight, classifier.Classifier(rng=torch.Generator().manual_seed(4)).hidden.weight)


@pytest.mark.parametrize(
    ("images", "match"),
    [
        (torch.zeros(3, 28, 28), r"images is a tensor of shape \(3, 28, 28\).*takes .*\(n, 784\)"),
        (torch.zeros(0, 784), r"images is a tensor of shape \(0, 784\)"),
        (torch.full((2, 784), -1.0), "images .*values from -1 to -1, takes .*at least 0 and at most 1"),
        (torch.full((2, 784), float("nan")), "images .*not finite"),
    ],
)
def test_bad_images_are_named(images, match):
    model = classifier.Classifier(rng=torch.Generator().manual_seed(0))
    for call in (classifier.classify, classifier.Classifier.features, classifier.class_shares):
        with pytest.raises(ValueError, match=match):
            call(model, images)


def test_labels_of_another_length_are_refused():
    model = classifier.Classifier(rng=torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match=r"labels is a tensor of shape \(3,\).*n = 2"):
        classifier.accuracy(model, torch.zeros(2, 784), torch.zeros(3, dtype=torch.int64))
