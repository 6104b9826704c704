"""Every score is held to what it declares in INVARIANCES: far from the origin, in any unit, for sets that coincide."""

import math
from typing import NamedTuple

import pytest
import torch
from clouds import D, close, normal, rng, rotation
from torch import nn

from genphys import scores


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

FAR = 1e8
UNITS = (1e-6, 1.0, 1e6)


def sets(kind, unit):
    """Two sets on the lattice of the numbers near 1e8, so that they can be moved there and back without rounding."""
    x = normal(36, 4, seed=1)
    if kind == "apart":
        y = 0.4 + 1.3 * normal(30, 4, seed=2)
    elif kind == "nearly coinciding":
        y = x + 1e-6 * normal(36, 4, seed=2)
    elif kind == "coinciding":
        y = x.clone()
    else:  # many points twice, and many distances equal
        x, y = (torch.randint(0, 3, (n, 4), generator=rng(n)).to(D) for n in (36, 30))
    return [(unit * s + FAR) - FAR for s in (x, y)]


KINDS = ("apart", "nearly coinciding", "coinciding", "repeated")


class Network(nn.Module):
    """Four features of four pixels."""

    def features(self, images):
        return torch.tanh(images @ normal(4, 4, seed=9))


def moments(x, y):
    """Two Gaussians about the first point of each set, so that no mean is rounded far away from the origin."""
    return x[0], (x - x[0]).mT.cov(), y[0], (y - y[0]).mT.cov()


def log_probs(points):
    """A set taken for logits; the logit of a class far below the others stands for exactly no probability."""
    logits = points.masked_fill(points < points.max(1, keepdim=True).values - 2, -math.inf)
    return logits.log_softmax(1)


def grey(points):
    return torch.sigmoid(points)


# Each score as a function of two sets and of their unit.
SCORES = {
    "frechet2": lambda x, y, unit: scores.frechet2(x, y),
    "gaussian_frechet2": lambda x, y, unit: scores.gaussian_frechet2(*moments(x, y)),
    "gaussian_mmd2": lambda x, y, unit: scores.gaussian_mmd2(*moments(x, y), 1.5 * unit),
    "image_frechet2": lambda x, y, unit: scores.image_frechet2(Network(), grey(x), grey(y)).value,
    "inception_score": lambda x, y, unit: scores.inception_score(log_probs(y)),
    "kolmogorov_smirnov": lambda x, y, unit: scores.kolmogorov_smirnov(x[:, 0], y[:, 0]),
    "median_bandwidth": lambda x, y, unit: scores.median_bandwidth(x, y),
    "mmd2": lambda x, y, unit: scores.mmd2(x, y, 1.5 * unit),
    "mmd2_and_error": lambda x, y, unit: torch.stack(scores.mmd2_and_error(x, y, 1.5 * unit)),
    "mmd2_blocked": lambda x, y, unit: scores.mmd2_blocked(x, y, 1.5 * unit),
    "mmd_test": lambda x, y, unit: scores.mmd_test(x, y, 1.5 * unit, permutations=19, rng=rng())[:2],
    "mode_score": lambda x, y, unit: scores.mode_score(log_probs(y), log_probs(x)),
    "nearest_neighbour": lambda x, y, unit: scores.nearest_neighbour(x, y),
    "precision_recall": lambda x, y, unit: scores.precision_recall(x, y, 3),
    "wasserstein": lambda x, y, unit: scores.wasserstein(x[:30], y[:30]),
    "wasserstein_1d": lambda x, y, unit: scores.wasserstein_1d(x[:, 0], y[:, 0], 2),
}
# The closed forms are differences of numbers of order one, as the book prints them; others keep their digits near zero.
ROUNDING = {"gaussian_frechet2": 1e-12, "gaussian_mmd2": 1e-14}


def agree(name, found, expected, unit):
    found, expected = (torch.as_tensor(v, dtype=D) for v in (found, expected))
    unit_of_score = unit ** (INVARIANCES[name].scale or 0)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=ROUNDING.get(name, 1e-18) * unit_of_score)


def declared(law):
    return [name for name, has in INVARIANCES.items() if getattr(has, law) not in (False, None)]


def test_every_score_declares_its_invariances():
    tools = {"pairwise_squared_distances", "bootstrap", "half_sampling_error", "network_hash"}
    tools |= {"image_features", "image_log_probs", "image_rows"}
    public = {name for name, thing in vars(scores).items() if callable(thing) and name.islower()} - tools
    assert public == set(INVARIANCES) == set(SCORES)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("name", declared("shift"))
def test_a_common_shift_changes_nothing(name, kind, unit):
    x, y = sets(kind, unit)
    agree(name, SCORES[name](x + FAR, y + FAR, unit), SCORES[name](x, y, unit), unit)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("factor", [1e-6, 1e6])
@pytest.mark.parametrize("name", declared("scale"))
def test_another_unit_multiplies_a_score_by_a_power_of_it(name, kind, factor):
    x, y = sets(kind, 1.0)
    expected = torch.as_tensor(SCORES[name](x, y, 1.0), dtype=D) * factor ** INVARIANCES[name].scale
    agree(name, SCORES[name](factor * x, factor * y, factor), expected, factor)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", declared("rotation"))
def test_a_rotation_changes_nothing(name, kind):
    x, y = sets(kind, 1.0)
    turn = -torch.eye(4, dtype=D) if name in ("kolmogorov_smirnov", "wasserstein_1d") else rotation(4)
    agree(name, SCORES[name](x @ turn, y @ turn, 1.0), SCORES[name](x, y, 1.0), 1.0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", declared("order"))
def test_the_order_of_the_points_changes_nothing(name, kind):
    x, y = sets(kind, 1.0)
    if name == "wasserstein":
        x, y = x[:30], y[:30]
    moved = [s[torch.randperm(len(s), generator=rng(k))] for k, s in enumerate((x, y))]
    agree(name, SCORES[name](*moved, 1.0), SCORES[name](x, y, 1.0), 1.0)


def test_two_sets_far_away_score_as_they_do_at_the_origin():
    """The numbers of the same two sets, once near zero and once at 1e8."""
    x, y = normal(200, 2, seed=3), 0.5 + normal(200, 2, seed=4)
    near = [(s + FAR) - FAR for s in (x, y)]
    far = [s + FAR for s in near]
    assert scores.nearest_neighbour(*far) == scores.nearest_neighbour(*near)
    assert scores.precision_recall(*far) == scores.precision_recall(*near)
    close(scores.mmd2(*far, 1.0), scores.mmd2(*near, 1.0))
    assert abs(scores.mmd2(*far, 1.0) - scores.mmd2(x, y, 1.0)) < 1e-7  # what the sets themselves lose out there
