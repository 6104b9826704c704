"""Squared distances against SciPy, far away from the origin and between points that coincide."""

import pytest
import torch
from clouds import close, normal, two_sets
from scipy.spatial import distance

from genphys import scores
from genphys.scores import distances


@pytest.fixture
def pair():
    return two_sets()


def test_squared_distances_agree_with_scipy_and_are_never_negative(pair):
    x, y = pair
    close(
        scores.pairwise_squared_distances(x, y),
        distance.cdist(x, y, "sqeuclidean"),
        atol=1e-12,
    )
    near = 1e3 + 1e-6 * normal(50, 7)  # coincide to rounding, far from the origin
    d = scores.pairwise_squared_distances(near, near.flip(0))
    assert (d >= 0).all()
    assert (near.square().sum(1)[:, None] + near.square().sum(1) - 2 * near @ near.mT < 0).any()


def test_float32_points_are_compared_in_float64():
    x = (100 + 0.01 * normal(20, 50)).to(torch.float32)
    close(
        scores.pairwise_squared_distances(x, x + 0.125),
        distance.cdist(x.double(), (x + 0.125).double()) ** 2,
        1e-8,
    )


def test_distances_do_not_change_with_the_origin_by_a_single_bit():
    far = normal(20, 5) + 1e8
    near = far - 1e8  # exact: both are multiples of the same power of two
    assert torch.equal(
        scores.pairwise_squared_distances(far, far[:7]), scores.pairwise_squared_distances(near, near[:7])
    )


def test_a_stray_point_spoils_no_other_distance():
    x = torch.cat([normal(50, 3), torch.full((1, 3), 1e8, dtype=torch.float64)])
    close(distances.squared_distances(x, x)[:50, :50], distance.cdist(x[:50], x[:50], "sqeuclidean"))


def test_blocks_are_rows_of_the_whole_matrix(pair, monkeypatch):
    x, y = pair
    monkeypatch.setattr(distances, "BLOCK", 100)
    rows, to_y, to_x = zip(*distances.distance_blocks(x, y, x))
    assert [r.stop - r.start for r in rows] == [1] * 40
    close(torch.cat(to_y), distances.squared_distances(x, y))
    close(torch.cat(to_x), distances.squared_distances(x, x))


def test_rounding_is_of_the_squares_about_the_middle():
    x = normal(30, 4) + 1e6
    assert (distances.rounding(x, x) < 64 * 2.3e-16 * 40).all()
