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
    np.testing.assert_allclose(longest, [[0.95, 0.95 * 0.5**0.5]] * 2)  # the root of the size
    with pytest.raises(ValueError, match="titles is"):
        diffusion_models.score_fields(places, {"exact": exact}, density, ["a"])


def test_clouds_hide_what_is_left_of_the_last_row():
    _, axes = diffusion_models.clouds({str(k): np.full((3, 2), k) for k in range(3)}, 4, columns=2)
    assert [ax.get_title() for ax in axes] == ["0", "1", "2", ""]
    assert not axes[3].axison
    np.testing.assert_allclose(axes[2].get_lines()[0].get_xdata(), 2)
    with pytest.raises(ValueError, match="sets is"):
        diffusion_models.clouds({"x": np.zeros(3)}, 1)
