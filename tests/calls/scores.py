"""Valid calls of genphys.scores."""

import torch
from promise import args, case, rng

from genphys import scores
from genphys.networks import classifier

D = torch.float64


def cloud(n, seed, dim=3):
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float32).to(D)


def log_probs(n, seed):
    return cloud(n, seed, 4).log_softmax(1)


def gaussians():
    return torch.zeros(2, dtype=D), torch.eye(2, dtype=D), torch.ones(2, dtype=D), 2 * torch.eye(2, dtype=D)


def network():
    return classifier.Classifier(rng=rng()).eval()


def images(n=4):
    return torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(n))


CALLS = {
    "bootstrap": case(lambda: args(scores.frechet2, cloud(6, 0), cloud(5, 1), repeats=3, rng=rng())),
    "frechet2": case(lambda: args(cloud(6, 0), cloud(5, 1))),
    "gaussian_frechet2": case(lambda: args(*gaussians())),
    "gaussian_mmd2": case(lambda: args(*gaussians(), bandwidth=1.0)),
    "half_sampling_error": case(lambda: args(scores.frechet2, cloud(6, 0), cloud(5, 1), repeats=3, rng=rng())),
    "image_features": case(lambda: args(network(), images(), data_range=(0.0, 1.0))),
    "image_frechet2": case(lambda: args(network(), images(4), images(5), data_range=(0.0, 1.0))),
    "image_log_probs": case(lambda: args(network(), images(), data_range=(0.0, 1.0))),
    "image_rows": case(lambda: args(images(), data_range=(0.0, 1.0))),
    "inception_score": case(lambda: args(log_probs(5, 0))),
    "kolmogorov_smirnov": case(lambda: args(cloud(6, 0)[:, 0], cloud(5, 1)[:, 0])),
    "median_bandwidth": case(lambda: args(cloud(6, 0), cloud(5, 1), most=8)),
    "mmd2": case(lambda: args(cloud(6, 0), cloud(5, 1), bandwidth=1.0)),
    "mmd2_and_error": case(lambda: args(cloud(6, 0), cloud(5, 1), bandwidth=1.0)),
    "mmd2_blocked": case(lambda: args(cloud(6, 0), cloud(5, 1), bandwidth=1.0)),
    "mmd_test": case(lambda: args(cloud(6, 0), cloud(5, 1), bandwidth=1.0, permutations=4, rng=rng())),
    "mode_score": case(lambda: args(log_probs(5, 0), log_probs(6, 1), original=True), allow={"original": ["True"]}),
    "nearest_neighbour": case(lambda: args(cloud(6, 0), cloud(5, 1))),
    "pairwise_squared_distances": case(lambda: args(cloud(6, 0), cloud(5, 1))),
    "precision_recall": case(lambda: args(cloud(6, 0), cloud(5, 1), k=2)),
    "wasserstein": case(lambda: args(cloud(5, 0), cloud(5, 1), order=2.0)),
    "wasserstein_1d": case(lambda: args(cloud(6, 0)[:, 0], cloud(5, 1)[:, 0], order=2.0)),
}
