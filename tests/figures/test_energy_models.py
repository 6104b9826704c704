"""The figures of the chapter on energy models: what stands where."""

import numpy as np
import pytest

from genphys.figures import energy_models


def texts(ax):
    return " ".join(t.get_text() for t in ax.texts)


def test_the_cost_of_enumeration_doubles_with_each_unit():
    units = np.arange(8, 21)
    _, ax = energy_models.enumeration_cost(units, 1e-6 * 2.0**units, give_up=25, steps=1000)
    one, training, measured = ax.lines[:3]
    np.testing.assert_array_equal(measured.get_ydata(), 1e-6 * 2.0**units)
    x, y = one.get_data()
    np.testing.assert_allclose(y, 1e-6 * 2.0**x, rtol=1e-9)
    np.testing.assert_allclose(training.get_ydata(), 1000 * y, rtol=1e-9)
    assert "34 s a sum" in texts(ax) and "9.3 hours a training" in texts(ax)  # 2^25 us = 33.6 s
    with pytest.raises(ValueError, match=r"seconds is .*takes numbers of shape \(n\)"):
        energy_models.enumeration_cost(units, units[1:], give_up=25)


def test_the_arrows_of_the_phases_are_model_minus_data():
    place = np.linspace(0, 1, 5)
    data = np.array([0.0, 0.5, 0.5, 0.0, 0.0])
    model = np.array([[0.4, 0.2, 0.2, 0.2, 0.0], [0.0, 0.5, 0.5, 0.0, 0.0]])
    energies = np.array([[1.0, 0.0, 2.0, 1.0, 0.5], [3.0, 0.0, 0.0, 3.0, 3.0]])
    _, axes = energy_models.phases(place, energies, model, data, ["start", "end"], magnified=[1, 20])
    assert [ax.get_title() for ax in axes[0]] == ["start", r"end, arrows $\times\,20$"]
    drawn = {}
    for quiver in axes[0, 0].collections:
        for (x, y), v in zip(quiver.XY, quiver.V):
            drawn[float(x)] = (float(y), float(v))
    assert sorted(drawn) == [0.0, 0.25, 0.5, 0.75]  # nothing to draw where both vanish
    for x, (y, v) in drawn.items():
        k = round(4 * x)
        assert y == energies[0, k]
        assert v / drawn[0.0][1] == pytest.approx((model[0, k] - data[k]) / model[0, 0])
    assert drawn[0.0][1] > 0
    assert all(len(quiver.V) == 0 for quiver in axes[0, 1].collections)
    np.testing.assert_array_equal(axes[1, 0].lines[0].get_ydata(), model[0])
    assert [bar.get_height() for bar in axes[1, 1].patches] == data.tolist()
    with pytest.raises(ValueError, match="model is"):
        energy_models.phases(place, energies, model[:1], data, ["start", "end"], magnified=[1, 1])


def test_arrows_are_longer_by_the_factor_that_their_title_names():
    place, data = np.linspace(0, 1, 5), np.array([0.0, 0.5, 0.5, 0.0, 0.0])
    model = np.array([[0.4, 0.2, 0.2, 0.2, 0.0], [0.04, 0.47, 0.47, 0.02, 0.0]])
    energies = np.zeros((2, 5)) + np.arange(5.0)
    _, axes = energy_models.phases(place, energies, model, data, ["start", "end"], magnified=[1, 10])
    lengths = [sum(abs(quiver.V).sum() for quiver in ax.collections) for ax in axes[0]]
    wanted = [np.abs(model[0] - data).sum(), 10 * np.abs(model[1] - data).sum()]
    assert lengths[1] / lengths[0] == pytest.approx(wanted[1] / wanted[0])


def test_typical_configurations_stand_above_the_probabilities_of_their_energies():
    draws = np.sign(np.random.default_rng(0).normal(size=(2, 6, 3, 3)))
    levels, prob = np.array([-18.0, -10.0, -2.0]), np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]])
    _, axes = energy_models.typical_configurations(["cold", "hot"], draws, levels, prob)
    assert [ax.get_title() for ax in axes[0]] == ["cold", "hot"]
    for s in range(2):
        image = axes[0, s].images[0].get_array().filled(0)  # two rows of three lattices, with gaps between
        assert image.shape == (7, 11)
        np.testing.assert_array_equal(image[4:, 4:7], draws[s, 4])
        assert [bar.get_height() for bar in axes[1, s].patches] == prob[s].tolist()
    with pytest.raises(ValueError, match="probabilities is"):
        energy_models.typical_configurations(["cold", "hot"], draws, levels, prob[:, :2])


def test_landscape_has_x_along_the_columns():
    x, y = np.linspace(-1, 1, 5), np.linspace(0, 3, 7)
    fig, ax = energy_models.landscape(
        x, y, y[:, None] + 0 * x, xlabel="a", ylabel="b", label="nats", marks={"here": (0, 1)}
    )
    assert (ax.get_xlim(), ax.get_ylim()) == ((-1, 1), (0, 3))
    assert "here" in texts(ax)
    assert any(other.get_ylabel() == "nats" for other in fig.axes)
    with pytest.raises(ValueError, match=r"values is an array of shape \(5, 7\) .*m = 7 of y, n = 5 of x"):
        energy_models.landscape(x, y, np.zeros((5, 7)), xlabel="", ylabel="", label="")


def test_recovery_shows_couplings_and_marks_those_outside():
    couplings = {"exact": np.array([[0.9, 1.1], [1.0, 1.0]]), "short": np.array([[1.2, 1.3], [19.0, 21.0]])}
    _, ax = energy_models.recovery([2.0, 3.0], couplings, [0.05, 0.1], top=1.5)
    points = [line for line in ax.lines if line.get_linestyle() == "None" and len(line.get_ydata())]
    assert sorted(np.concatenate([line.get_ydata() for line in points])) == [0.9, 1.0, 1.0, 1.1, 1.2, 1.3]
    assert texts(ax) == "20"
    assert [bar.get_height() for bar in ax.patches] == pytest.approx([0.2, 0.4])
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["2", "3"]
    with pytest.raises(ValueError, match="couplings is"):
        energy_models.recovery([2.0, 3.0], {"short": np.ones((3, 2))}, [0.1, 0.1])


def test_the_map_names_five_families_and_what_each_gives():
    fig, ax = energy_models.model_map()
    words = texts(ax)
    for name in ("Energy models", "Variational", "Flows", "Adversarial", "Diffusion"):
        assert name in words
    assert words.count("not available") == 2 and words.count("one pass") == 3 and words.count("a lower bound") == 2
    fig.canvas.draw()
    boxes = [t.get_window_extent() for t in ax.texts]
    assert all(fig.bbox.containsx(b.x0) and fig.bbox.containsx(b.x1) and fig.bbox.containsy(b.y0) for b in boxes)
