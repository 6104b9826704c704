"""Valid calls of genphys.networks.classifier."""

import torch
from promise import args, case, rng

from genphys.networks import classifier


def network():
    return classifier.Classifier(rng=rng(1))


def images():
    return torch.rand(3, 784, generator=rng(2))


CALLS = {
    "Classifier": case(lambda: args(rng=rng())),
    "Classifier.features": case(lambda: args(network(), images())),
    "Classifier.forward": case(lambda: args(network(), images())),
    "accuracy": case(lambda: args(network(), images(), torch.arange(3))),
    "class_shares": case(lambda: args(network(), images())),
    "classify": case(lambda: args(network(), images())),
}
