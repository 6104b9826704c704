"""Scores: how far a set of generated points is from a set of real ones, one point a row, with error bars.

The general functions guess nothing: no bandwidth, no range, no features.
"""

from genphys.numerics import network_hash
from genphys.scores.classes import inception_score, mode_score
from genphys.scores.distances import pairwise_squared_distances
from genphys.scores.distributions import KolmogorovSmirnov, kolmogorov_smirnov
from genphys.scores.images import FrechetScore, image_features, image_frechet2, image_log_probs, image_rows
from genphys.scores.invariances import INVARIANCES, Invariances
from genphys.scores.kernels import (
    PermutationTest,
    gaussian_mmd2,
    median_bandwidth,
    mmd2,
    mmd2_and_error,
    mmd2_blocked,
    mmd_test,
)
from genphys.scores.neighbours import NearestNeighbour, PrecisionRecall, nearest_neighbour, precision_recall
from genphys.scores.resampling import Bootstrap, bootstrap, half_sampling_error
from genphys.scores.transport import frechet2, gaussian_frechet2, wasserstein, wasserstein_1d

__all__ = [
    "INVARIANCES",
    "Bootstrap",
    "FrechetScore",
    "Invariances",
    "KolmogorovSmirnov",
    "NearestNeighbour",
    "PermutationTest",
    "PrecisionRecall",
    "bootstrap",
    "frechet2",
    "gaussian_frechet2",
    "gaussian_mmd2",
    "half_sampling_error",
    "image_features",
    "image_frechet2",
    "image_log_probs",
    "image_rows",
    "inception_score",
    "kolmogorov_smirnov",
    "median_bandwidth",
    "mmd2",
    "mmd2_and_error",
    "mmd2_blocked",
    "mmd_test",
    "mode_score",
    "nearest_neighbour",
    "network_hash",
    "pairwise_squared_distances",
    "precision_recall",
    "wasserstein",
    "wasserstein_1d",
]
