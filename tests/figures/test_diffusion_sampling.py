"""The figures of the chapter on sampling: what stands where."""

import matplotlib as mpl
import numpy as np
import pytest

from genphys.figures import diffusion_sampling


def test_particles_density_and_score_stand_in_their_rows():
    side = np.linspace(-3, 3, 25)
    x, y = np.meshgrid(side, side, indexing="ij")
    density = np.exp(-((x - 1) ** 2 + y**2))  # the peak lies at x_1 = 1
    scores = np.stack([-2 * (x - 1), -2 * y], -1)
    forward, backward = np.full((2, 5, 2), 0.5), np.full((2, 7, 2), -1.5)
    arguments = ([0.0, 1.0], forward, side, np.stack([density] * 2), np.stack([scores] * 2), backward)
    _, axes = diffusion_sampling.there_and_back(*arguments)
    assert axes.shape == (3, 2)
    np.testing.assert_allclose(axes[0, 1].get_lines()[0].get_xdata(), 0.5)
    np.testing.assert_allclose(axes[2, 0].get_lines()[0].get_xdata(), [-1.5] * 7)
    quiver = next(c for c in axes[1, 0].collections if isinstance(c, mpl.quiver.Quiver))
    left = np.asarray(quiver.X) < 1
    assert (np.asarray(quiver.U)[left] > 0).all(), "to the left of the peak the arrows point to the right"
    assert axes[0, 1].get_title() == "$u = 1.00$"
    with pytest.raises(ValueError, match="backward is"):
        diffusion_sampling.there_and_back(*arguments[:5], backward[:1])


def test_paths_run_from_noise_to_data():
    clock, place = np.array([2.0, 1.0, 0.0]), np.linspace(-1, 1, 4)
    paths = np.arange(6.0).reshape(3, 2)
    _, axes = diffusion_sampling.reverse_paths(clock, place, np.ones((3, 4)), {"one": paths, "two": -paths})
    assert axes[0].get_xlim() == (2.0, 0.0)
    np.testing.assert_allclose(axes[1].get_lines()[1].get_ydata(), [-1, -3, -5])
    with pytest.raises(ValueError, match="density is"):
        diffusion_sampling.reverse_paths(clock, place, np.ones((4, 3)), {"one": paths})
    with pytest.raises(ValueError, match="paths is"):
        diffusion_sampling.reverse_paths(clock, place, np.ones((3, 4)), {"one": paths[:2]})


def test_the_two_pairs_of_variables_are_not_mixed():
    clock, sigma = np.array([1.0, 0.5, 0.0]), np.array([2.5, 1.3, 0.0])
    x, y = np.array([[1.0], [2.0], [3.0]]), np.array([[4.0], [5.0], [3.0]])
    _, (left, right) = diffusion_sampling.flow_lines(clock, x, sigma, y, [0, 2])
    np.testing.assert_allclose(left.get_lines()[0].get_xydata(), np.column_stack([clock, x]))
    np.testing.assert_allclose(right.get_lines()[0].get_xydata(), np.column_stack([sigma, y]))
    np.testing.assert_allclose(right.get_lines()[1].get_ydata(), [4, 3])
    with pytest.raises(ValueError, match="sigma is"):
        diffusion_sampling.flow_lines(clock, x, sigma[:2], y, [0])


def test_a_pitchfork_has_two_branches_and_a_potential_that_is_zero_in_the_middle():
    place, clock = np.linspace(-1, 1, 5), np.array([0.5, 1.0])
    upper = np.array([0.7, 0.0])
    _, (left, right) = diffusion_sampling.pitchfork(place, {1.0: place**2 + 3}, clock, {"a": upper}, {"b": 0.8})
    np.testing.assert_allclose(left.get_lines()[0].get_ydata(), place**2)
    np.testing.assert_allclose(right.get_lines()[0].get_ydata(), upper)
    np.testing.assert_allclose(right.get_lines()[1].get_ydata(), -upper)
    assert right.get_lines()[2].get_xdata()[0] == 0.8
    with pytest.raises(ValueError, match="potentials is"):
        diffusion_sampling.pitchfork(place, {1.0: place[:3]}, clock, {"a": upper}, {"b": 0.8})
    with pytest.raises(ValueError, match="branches is"):
        diffusion_sampling.pitchfork(place, {1.0: place}, clock, {"a": upper[:1]}, {"b": 0.8})


def test_samples_stand_beside_the_prior_on_the_same_plane():
    axis = np.linspace(-2, 2, 9)
    x, y = np.meshgrid(axis, axis, indexing="ij")
    prior, posterior = np.exp(-((x - 1) ** 2 + y**2)), np.exp(-4 * ((x - 1) ** 2 + y**2))
    fits = (abs(y) < 0.6).astype(float)
    _, axes = diffusion_sampling.measured(axis, prior, posterior, fits, {"some": np.full((5, 2), 0.25)})
    assert [ax.get_title() for ax in axes] == ["prior and measurement", "some"]
    np.testing.assert_allclose(axes[1].get_lines()[0].get_xdata(), 0.25)
    paths = np.concatenate([p.vertices for p in axes[0].collections[2].get_paths()])
    assert abs(paths[:, 0].mean() - 1) < 0.1, "the first coordinate runs to the right"
    with pytest.raises(ValueError, match="fits is"):
        diffusion_sampling.measured(axis, prior, posterior, fits[:3], {"some": np.full((5, 2), 0.25)})
