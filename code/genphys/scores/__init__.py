"""Scores: how far a set of generated points is from a set of real ones, one point a row, with error bars.

The general functions guess nothing: no bandwidth, no range, no features.
"""

from genphys.numerics import network_hash

from .classes import inception_score, mode_score
from .distances import pairwise_squared_distances
from .distributions import KolmogorovSmirnov, kolmogorov_smirnov
from .images import FrechetScore, image_features, image_frechet2, image_log_probs, image_rows
from .kernels import PermutationTest, gaussian_mmd2, median_bandwidth, mmd2, mmd2_and_error, mmd2_blocked, mmd_test
from .neighbours import NearestNeighbour, PrecisionRecall, nearest_neighbour, precision_recall
from .resampling import Bootstrap, bootstrap, half_sampling_error
from .transport import frechet2, gaussian_frechet2, wasserstein, wasserstein_1d
