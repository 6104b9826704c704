"""The figures of the chapter on lattice fields: what stands where."""

import math

import numpy as np
import pytest

from genphys.figures import lattice_fields


def test_the_identity_has_its_line_at_one():
    _, ax = lattice_fields.identity_by_momentum([0.0, 1.0], {"one": [[0.9, 0.1], [1.1, 0.1]]})
    assert set(ax.get_lines()[0].get_ydata()) == {1}
    np.testing.assert_allclose(ax.get_lines()[1].get_ydata(), [0.9, 1.1])
    with pytest.raises(ValueError, match="sets is"):
        lattice_fields.identity_by_momentum([0.0, 1.0, 2.0], {"one": [[0.9, 0.1], [1.1, 0.1]]})


def test_the_score_is_drawn_against_the_force_and_the_groups_beside_it():
    binned = [[2.0, 1.9, 0.1], [4.0, 3.5, 0.1]]
    _, (ax, right) = lattice_fields.score_and_force([[[1.0, 2.0], [3.0, 4.0]]], [[[1.5, 2.5], [3.5, 4.5]]], binned)
    np.testing.assert_allclose(ax.get_lines()[0].get_xydata(), [[1.5, 1.0], [2.5, 2.0], [3.5, 3.0], [4.5, 4.0]])
    np.testing.assert_allclose(right.containers[0].lines[0].get_xydata(), [[2.0, -0.1], [4.0, -0.5]])
    with pytest.raises(ValueError, match="score is"):
        lattice_fields.score_and_force([[[1.0]]], [[[1.0, 2.0], [3.0, 4.0]]], binned)


def test_phases_show_a_field_above_the_mean_fields_of_all():
    fields = {0.2: np.zeros((3, 2, 2)), 0.4: np.ones((5, 2, 2))}
    _, axes = lattice_fields.lattice_phases(fields)
    np.testing.assert_allclose(axes[0, 1].images[0].get_array(), 1)
    assert [sum(bar.get_height() for bar in ax.patches) for ax in axes[1]] == [3, 5]


def test_slowing_fits_the_power_of_the_times_at_the_transition():
    tau = {L: [(1.0, 0.1), (0.5 * L**1.5, 0.1)] for L in (4, 8, 16)}
    _, (left, right) = lattice_fields.slowing([0.3, 0.34], tau, [4, 8, 16])
    np.testing.assert_allclose(right.get_lines()[-1].get_ydata(), [4.0, 0.5 * 8**1.5, 32.0])
    assert len(left.containers) == 3 and "1.5" in right.get_legend().get_texts()[0].get_text()


def test_corrected_divides_by_the_chain():
    row = {"raw": (8.0, 0.1), "weighted": (10.0, 0.2), "chain": (11.0, 0.3)}
    _, (left, right) = lattice_fields.corrected({"one": np.zeros(7)}, {"one": row}, {"one": (10.0, 0.5)})
    np.testing.assert_allclose(right.containers[0].lines[0].get_ydata(), [0.8, 1.0, 1.1])
    assert max(left.patches[0].get_path().vertices[:, 1]) == 7


def test_annealed_and_crossings_have_their_lines():
    _, ax = lattice_fields.annealed({"one": ([2, 8], [0.1, 0.5])}, 0.3)
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), [0.1, 0.5])
    assert set(ax.get_lines()[1].get_ydata()) == {0.3}
    _, ax = lattice_fields.crossings([0.3, 0.4], {4: [(0.1, 0.01), (0.5, 0.01)]}, 0.61)
    np.testing.assert_allclose(ax.containers[0].lines[0].get_ydata(), [0.1, 0.5])


def test_the_lost_half_is_measured_from_the_reference():
    _, (_, right) = lattice_fields.lost_half([-1.0, 1.0], [1.0, 1.0], {"flow": (4.3, 0.01)}, (5.0, 0.1))
    assert right.containers[0].lines[0].get_ydata()[0] == pytest.approx(-0.7)
    assert -math.log(2) in [line.get_ydata()[0] for line in right.get_lines()]
