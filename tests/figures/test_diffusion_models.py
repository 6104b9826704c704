"""The figures of the chapter on diffusion models: what stands where."""

import numpy as np
import pytest

from genphys.figures import diffusion_models


def test_schedules_of_different_length_share_an_axis():
    pair = {n: (np.linspace(1, 0, n + 1), np.arange(n + 1.0)) for n in (4, 10)}
    _, (left, right) = diffusion_models.schedules({f"T = {n}": p for n, p in pair.items()})
    for k, n in enumerate((4, 10)):
        np.testing.assert_allclose(left.get_lines()[k].get_xdata(), np.arange(n + 1) / n)
        np.testing.assert_allclose(left.get_lines()[k].get_ydata(), pair[n][0])
        np.testing.assert_allclose(right.get_lines()[k].get_ydata(), pair[n][1])
    with pytest.raises(ValueError, match=r"found is .*two arrays of one length"):
        diffusion_models.schedules({"short": (np.ones(3), np.ones(4))})
    with pytest.raises(ValueError, match=r"found is \{\}"):
        diffusion_models.schedules({})


def test_spacetime_draws_places_upwards_and_cuts_paths_at_the_last_time():
    times, places = np.array([0.0, 1.0]), np.array([-1.0, 0.0, 1.0])
    density = np.array([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])
    _, ax = diffusion_models.spacetime(times, places, density, np.array([0.0, 0.5, 2.0]), np.array([[0.1, 0.2, 0.3]]))
    np.testing.assert_allclose(np.ravel(ax.collections[0].get_array()), density.T.ravel())
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), [0.1, 0.2])
    with pytest.raises(ValueError, match="density is"):
        diffusion_models.spacetime(times, places, density.T, np.zeros(3), np.zeros((1, 3)))


def test_the_books_balance():
    times = np.array([0.0, 1.0])
    _, (left, right) = diffusion_models.books(times, [1.0, 0.5], [1.0, 0.6], [0.0, -0.1], [0.0, 0.6])
    np.testing.assert_allclose(left.get_lines()[1].get_ydata(), [1.0, 0.6])
    np.testing.assert_allclose(right.get_lines()[2].get_ydata(), [0.0, 0.5])


def test_score_fields_scale_the_arrows_in_a_column_alike():
    axis = np.array([-1.0, 0.0, 1.0])
    places = np.stack(np.meshgrid(axis, axis), -1)
    exact = np.stack([places, 10 * places])
    density = np.arange(2.0 * 16).reshape(2, 4, 4)
    _, axes = diffusion_models.score_fields(places, {"exact": exact, "learnt": exact / 2}, density, ["a", "b"])
    assert axes.shape == (2,)
    longest = [[np.hypot(q.U, q.V).max() for q in ax.collections[-2:]] for ax in axes]
    np.testing.assert_allclose(longest, [[2.2, 1.1], [2.2, 1.1]])
    with pytest.raises(ValueError, match="titles is"):
        diffusion_models.score_fields(places, {"exact": exact}, density, ["a"])


def test_clouds_hide_what_is_left_of_the_last_row():
    _, axes = diffusion_models.clouds({str(k): np.full((3, 2), k) for k in range(3)}, 4, columns=2)
    assert [ax.get_title() for ax in axes] == ["0", "1", "2", ""]
    assert not axes[3].axison
    np.testing.assert_allclose(axes[2].get_lines()[0].get_xdata(), 2)
    with pytest.raises(ValueError, match="sets is"):
        diffusion_models.clouds({"x": np.zeros(3)}, 1)


def test_configurations_stand_in_two_rows_of_one_scale():
    real, drawn = np.arange(8.0).reshape(2, 2, 2), -np.arange(8.0).reshape(2, 2, 2)
    _, axes = diffusion_models.configurations(real, drawn)
    assert axes.shape == (2, 2)
    np.testing.assert_allclose(axes[1, 1].images[0].get_array(), drawn[1])
    assert len({ax.images[0].get_clim() for ax in axes.flat}) == 1
    with pytest.raises(ValueError, match="drawn is"):
        diffusion_models.configurations(real, drawn[:1])


def test_comparison_draws_a_density_and_error_bars():
    found = {"magnetisation_counts": [1, 2, 1], "time_slices": [[3.0, 0.1], [2.0, 0.2]]}
    _, (left, right) = diffusion_models.comparison({"one": found, "two": found})
    density, edges, _ = left.patches[0].get_data()
    assert abs((density * np.diff(edges)).sum() - 1) < 1e-12 and density[1] == 2 * density[0]
    np.testing.assert_allclose(right.get_lines()[0].get_ydata(), [3.0, 2.0])
    with pytest.raises(ValueError, match=r"sets is \{\}"):
        diffusion_models.comparison({})


def test_the_identity_has_its_line_at_one():
    _, ax = diffusion_models.identity_by_momentum([0.0, 1.0], {"one": [[0.9, 0.1], [1.1, 0.1]]})
    assert set(ax.get_lines()[0].get_ydata()) == {1}
    np.testing.assert_allclose(ax.get_lines()[1].get_ydata(), [0.9, 1.1])
    with pytest.raises(ValueError, match="sets is"):
        diffusion_models.identity_by_momentum([0.0, 1.0, 2.0], {"one": [[0.9, 0.1], [1.1, 0.1]]})


def test_the_score_is_drawn_against_the_force():
    _, ax = diffusion_models.score_and_force([[[1.0, 2.0], [3.0, 4.0]]], [[[1.5, 2.5], [3.5, 4.5]]])
    np.testing.assert_allclose(ax.get_lines()[0].get_xydata(), [[1.5, 1.0], [2.5, 2.0], [3.5, 3.0], [4.5, 4.0]])
    with pytest.raises(ValueError, match="score is"):
        diffusion_models.score_and_force([[[1.0]]], [[[1.0, 2.0], [3.0, 4.0]]])
