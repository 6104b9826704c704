"""The figures of the chapter on lattice fields: what stands where."""

import numpy as np
import pytest

from genphys.figures import lattice_fields


def test_configurations_stand_in_two_rows_of_one_scale():
    real, drawn = np.arange(8.0).reshape(2, 2, 2), -np.arange(8.0).reshape(2, 2, 2)
    _, axes = lattice_fields.configurations(real, drawn)
    assert axes.shape == (2, 2)
    np.testing.assert_allclose(axes[1, 1].images[0].get_array(), drawn[1])
    assert len({ax.images[0].get_clim() for ax in axes.flat}) == 1
    with pytest.raises(ValueError, match="drawn is"):
        lattice_fields.configurations(real, drawn[:1])


def test_comparison_draws_a_density_and_error_bars():
    found = {"magnetisation_counts": [1, 2, 1], "time_slices": [[3.0, 0.1], [2.0, 0.2]]}
    _, (left, right) = lattice_fields.comparison({"one": found, "two": found})
    density, edges, _ = left.patches[0].get_data()
    assert abs((density * np.diff(edges)).sum() - 1) < 1e-12 and density[1] == 2 * density[0]
    np.testing.assert_allclose(right.get_lines()[0].get_ydata(), [3.0, 2.0])
    with pytest.raises(ValueError, match=r"sets is \{\}"):
        lattice_fields.comparison({})


def test_the_identity_has_its_line_at_one():
    _, ax = lattice_fields.identity_by_momentum([0.0, 1.0], {"one": [[0.9, 0.1], [1.1, 0.1]]})
    assert set(ax.get_lines()[0].get_ydata()) == {1}
    np.testing.assert_allclose(ax.get_lines()[1].get_ydata(), [0.9, 1.1])
    with pytest.raises(ValueError, match="sets is"):
        lattice_fields.identity_by_momentum([0.0, 1.0, 2.0], {"one": [[0.9, 0.1], [1.1, 0.1]]})


def test_the_score_is_drawn_against_the_force():
    _, ax = lattice_fields.score_and_force([[[1.0, 2.0], [3.0, 4.0]]], [[[1.5, 2.5], [3.5, 4.5]]])
    np.testing.assert_allclose(ax.get_lines()[0].get_xydata(), [[1.5, 1.0], [2.5, 2.0], [3.5, 3.0], [4.5, 4.0]])
    with pytest.raises(ValueError, match="score is"):
        lattice_fields.score_and_force([[[1.0]]], [[[1.0, 2.0], [3.0, 4.0]]])
