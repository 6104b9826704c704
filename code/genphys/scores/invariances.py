"""What each score does not depend on, as data; a test holds every score to it, in float64 to six digits."""

from typing import NamedTuple


class Invariances(NamedTuple):
    """What leaves a score as it is: changes of the points of both sets at once.

    A ``shift`` by one vector, however large; a ``rotation`` by one orthogonal matrix, of numbers their sign; the
    ``order`` of the points in their sets. ``scale`` is the degree of the score: points times a positive s multiply it
    by s to this power, 0 is an invariance, None says that there is no such law. A bandwidth has to be multiplied by s
    as well.
    """

    shift: bool
    scale: int | None
    rotation: bool
    order: bool


IMAGES = CLASSES = Invariances(shift=False, scale=None, rotation=False, order=True)

INVARIANCES = {
    "frechet2": Invariances(shift=True, scale=2, rotation=True, order=True),
    "gaussian_frechet2": Invariances(shift=True, scale=2, rotation=True, order=False),  # has no points to order
    "gaussian_mmd2": Invariances(shift=True, scale=0, rotation=True, order=False),
    "image_frechet2": IMAGES,
    "inception_score": CLASSES,
    "kolmogorov_smirnov": Invariances(shift=True, scale=0, rotation=True, order=True),
    "median_bandwidth": Invariances(shift=True, scale=1, rotation=True, order=False),  # of many points some are taken
    "mmd2": Invariances(shift=True, scale=0, rotation=True, order=True),
    "mmd2_and_error": Invariances(shift=True, scale=0, rotation=True, order=True),
    "mmd2_blocked": Invariances(shift=True, scale=0, rotation=True, order=True),
    "mmd_test": Invariances(shift=True, scale=0, rotation=True, order=False),  # its relabellings go by order
    "mode_score": CLASSES,
    "nearest_neighbour": Invariances(shift=True, scale=0, rotation=True, order=True),
    "precision_recall": Invariances(shift=True, scale=0, rotation=True, order=True),
    "wasserstein": Invariances(shift=True, scale=1, rotation=True, order=True),
    "wasserstein_1d": Invariances(shift=True, scale=1, rotation=True, order=True),
}
