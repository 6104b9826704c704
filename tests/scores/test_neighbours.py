"""Scores from nearest neighbours against scikit-learn, and where their means are known."""

import math

import numpy as np
import pytest
import torch
from clouds import D, close, normal, rng, two_sets
from scipy.spatial import distance
from sklearn.neighbors import NearestNeighbors

from genphys import scores
from genphys.scores import distances


@pytest.fixture
def pair():
    return two_sets()


def test_nearest_neighbour_agrees_with_scikit_learn(pair):
    x, y = pair
    points, label = torch.cat([x, y]).numpy(), np.r_[np.zeros(40), np.ones(30)]
    index = NearestNeighbors(n_neighbors=2).fit(points).kneighbors(points, return_distance=False)[:, 1]
    own = label[index] == label
    found = scores.nearest_neighbour(x, y)
    close(found, [own.mean(), own[:40].mean(), own[40:].mean()])


def test_nearest_neighbour_at_equality_and_at_the_extremes():
    n, g, found = 20, rng(6), []
    for _ in range(400):
        found.append(scores.nearest_neighbour(*torch.randn(2, n, 3, dtype=D, generator=g)).accuracy)
    found = torch.tensor(found, dtype=D)
    assert abs(found.mean() - (n - 1) / (2 * n - 1)) < 4 * found.std() / 20
    x = normal(50, 3)
    assert scores.nearest_neighbour(x, x + 100) == (1, 1, 1)
    assert scores.nearest_neighbour(x, x.clone()) == (
        0,
        0,
        0,
    )  # every point's copy is in the other set


def test_neighbours_at_equal_distance_share_the_vote():
    """Binary points on the corners of a cube: ties everywhere; the mean over random ties is (n-1)/(2n-1) again."""
    n, g, found = 12, rng(7), []
    for _ in range(600):
        x, y = torch.randint(0, 2, (2, n, 3), generator=g).to(D)
        found.append(scores.nearest_neighbour(x, y).accuracy)
    found = torch.tensor(found, dtype=D)
    assert abs(found.mean() - (n - 1) / (2 * n - 1)) < 4 * found.std() / math.sqrt(600)
    x = torch.tensor([[0.0], [1.0]], dtype=D)  # 0 has neighbours at 1 (own) and -1 (other)
    close(
        scores.nearest_neighbour(x, torch.tensor([[-1.0], [-30.0]], dtype=D)).real,
        (0.5 + 1) / 2,
    )


def test_precision_and_recall_agree_with_scikit_learn(pair):
    x, y, k = *pair, 4
    r, s = (NearestNeighbors(n_neighbors=k + 1).fit(p).kneighbors(p)[0][:, -1] for p in (x, y))
    d = distance.cdist(x, y)
    in_real, in_generated = d <= r[:, None], d <= s
    expected = [
        in_real.any(0).mean(),
        in_generated.any(1).mean(),
        in_real.sum() / (k * 30),
        in_real.any(1).mean(),
    ]
    close(scores.precision_recall(x, y, k), expected)


def test_precision_and_recall_swap_with_the_sets(pair):
    there, back = (
        scores.precision_recall(*pair, 3),
        scores.precision_recall(*pair[::-1], 3),
    )
    assert (there.precision, there.recall) == (back.recall, back.precision)


def test_density_and_coverage_have_their_means_at_equality():
    n, m, k, g, found = 30, 20, 3, rng(8), []
    for _ in range(400):
        x, y = (
            torch.randn(n, 2, dtype=D, generator=g),
            torch.randn(m, 2, dtype=D, generator=g),
        )
        found.append(scores.precision_recall(x, y, k)[2:])
    found = torch.tensor(found, dtype=D)
    miss = math.prod((n - i) / (n + m - i) for i in range(1, k + 1))
    expected, error = torch.tensor([1.0, 1 - miss], dtype=D), found.std(0) / 20
    assert ((found.mean(0) - expected).abs() < 4 * error).all()


def test_precision_of_copies_and_of_strangers():
    x = normal(60, 4)
    assert scores.precision_recall(x, x.clone())[:2] == (1, 1)
    assert scores.precision_recall(x, x.clone()).density == pytest.approx(1.2)  # k neighbours and the point itself
    assert scores.precision_recall(x, x + 1e3) == (0, 0, 0, 0)
    assert scores.precision_recall(x, x[:10].repeat(6, 1) + 1e-3 * normal(60, 4, seed=3))[:2] == (
        1,
        pytest.approx(1 / 6),
    )


def test_a_stray_point_makes_no_neighbours_equal(pair):
    x, y = pair
    stray = torch.cat([y, torch.full((1, 5), 1e8, dtype=D)])
    assert scores.nearest_neighbour(x, stray).real == scores.nearest_neighbour(x, y).real
    there, without = scores.precision_recall(x, stray, 3), scores.precision_recall(x, y, 3)
    assert (there.coverage, there.precision * 31) == (without.coverage, pytest.approx(without.precision * 30))


def test_blocks_change_nothing(pair, monkeypatch):
    neighbours, recall = scores.nearest_neighbour(*pair), scores.precision_recall(*pair, 3)
    monkeypatch.setattr(distances, "BLOCK", 64)
    assert neighbours == scores.nearest_neighbour(*pair)
    assert recall == scores.precision_recall(*pair, 3)


def test_a_neighbour_beyond_the_smaller_set_is_refused(pair):
    with pytest.raises(ValueError, match=r"^k is 30, takes at most the number of other points"):
        scores.precision_recall(*pair, 30)
