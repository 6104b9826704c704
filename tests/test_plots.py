"""genphys.figures.common draws the numbers that it is given, on a white ground, in colours and dashes that differ."""

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from genphys.figures import common as plots


@pytest.fixture(autouse=True)
def clean():
    with mpl.rc_context():
        plots.style()
        yield
        plt.close("all")


def texts(ax):
    return " ".join(t.get_text() for t in ax.texts)


def luminance(colour):
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in mpl.colors.to_rgb(colour))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def test_the_style_is_white_and_constrained():
    fig, ax = plt.subplots()
    assert mpl.colors.to_hex(fig.get_facecolor()) == "#ffffff"
    assert mpl.rcParams["savefig.facecolor"] == "white"
    assert fig.get_layout_engine().__class__.__name__ == "ConstrainedLayoutEngine"
    assert not ax.spines["top"].get_visible()


def test_neighbours_in_the_cycle_differ_in_grey_as_well():
    """The first four curves are told apart in black and white by luminance or by dash; all by dash."""
    assert len(set(map(str, plots._DASHES))) == len(set(plots._MARKERS)) == len(plots.COLOURS) == 7
    contrast = [1.05 / (luminance(colour) + 0.05) for colour in list(plots.COLOURS.values())[:3]]
    assert min(contrast) > 3, "against white"


def test_lines_draws_every_curve():
    x = torch.tensor([1.0, 10.0, 100.0])
    curves = {"a": x**2, "b": [3, 2, 1]}
    fig, ax = plots.lines(x, curves, xlabel="$k$", ylabel="bias", xscale="log", yscale="log", markers=True, title="t")
    drawn = {line.get_label(): line for line in ax.lines}
    np.testing.assert_array_equal(drawn["a"].get_ydata(), [1, 100, 10000])
    np.testing.assert_array_equal(drawn["b"].get_xdata(), [1, 10, 100])
    assert drawn["a"].get_linestyle() != drawn["b"].get_linestyle()
    assert drawn["a"].get_marker() != drawn["b"].get_marker()
    assert (ax.get_xscale(), ax.get_yscale(), ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == (
        "log",
        "log",
        "$k$",
        "bias",
        "t",
    )
    assert ax.get_legend() is not None
    assert plots.lines(x, {"a": x}, xlabel="", ylabel="", axes=ax)[0] is fig


def test_lines_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="curves is empty"):
        plots.lines([1, 2], {}, xlabel="", ylabel="")
    with pytest.raises(ValueError, match=r"curve 'a' has shape \(3,\), takes that of x, \(2,\)"):
        plots.lines([1, 2], {"a": [1, 2, 3]}, xlabel="", ylabel="")


def test_image_grid_shows_every_image_black_on_white():
    images = torch.rand(7, 16, generator=torch.Generator().manual_seed(0))
    _, axes = plots.image_grid(images, columns=4, labels=["first", "second"])
    assert axes.shape == (2, 4)
    for image, ax in zip(images, axes.flat):
        shown = ax.images[0]
        np.testing.assert_array_equal(shown.get_array(), image.view(4, 4))
        assert shown.cmap(shown.norm(1.0))[:3] == (0, 0, 0)
        assert shown.cmap(shown.norm(0.0))[:3] == (1, 1, 1)
    assert not axes[1, 3].images and not axes[1, 3].axison
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["first", "second"]


@pytest.mark.parametrize("shape", [(3, 15), (3, 4, 5), (0, 16), (16,)])
def test_image_grid_refuses_what_is_not_square(shape):
    with pytest.raises(ValueError, match="images has shape"):
        plots.image_grid(torch.zeros(shape))


def test_image_grid_refuses_a_wrong_number_of_labels():
    with pytest.raises(ValueError, match="labels has 1 entries, takes one for each of the 2 rows"):
        plots.image_grid(torch.zeros(7, 16), columns=4, labels=["first"])


def test_the_cost_of_enumeration_doubles_with_each_unit():
    units = np.arange(8, 21)
    _, ax = plots.enumeration_cost(units, 1e-6 * 2.0**units, give_up=25, steps=1000)
    one, training, measured = ax.lines[:3]
    np.testing.assert_array_equal(measured.get_ydata(), 1e-6 * 2.0**units)
    x, y = one.get_data()
    np.testing.assert_allclose(y, 1e-6 * 2.0**x, rtol=1e-9)
    np.testing.assert_allclose(training.get_ydata(), 1000 * y, rtol=1e-9)
    assert "34 s a sum" in texts(ax) and "9.3 hours a training" in texts(ax)  # 2^25 us = 33.6 s
    with pytest.raises(ValueError, match="seconds has shape"):
        plots.enumeration_cost(units, units[1:], give_up=25)


def test_the_arrows_of_the_phases_are_model_minus_data():
    place = np.linspace(0, 1, 5)
    data = np.array([0.0, 0.5, 0.5, 0.0, 0.0])
    model = np.array([[0.4, 0.2, 0.2, 0.2, 0.0], [0.0, 0.5, 0.5, 0.0, 0.0]])
    energies = np.array([[1.0, 0.0, 2.0, 1.0, 0.5], [3.0, 0.0, 0.0, 3.0, 3.0]])
    _, axes = plots.phases(place, energies, model, data, ["start", "end"])
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
    with pytest.raises(ValueError, match="energies, model and data have shapes"):
        plots.phases(place, energies, model[:1], data, ["start", "end"])


def test_landscape_has_x_along_the_columns():
    x, y = np.linspace(-1, 1, 5), np.linspace(0, 3, 7)
    fig, ax = plots.landscape(x, y, y[:, None] + 0 * x, xlabel="a", ylabel="b", label="nats", marks={"here": (0, 1)})
    assert (ax.get_xlim(), ax.get_ylim()) == ((-1, 1), (0, 3))
    assert "here" in texts(ax)
    assert any(other.get_ylabel() == "nats" for other in fig.axes)
    with pytest.raises(ValueError, match=r"values has shape \(5, 7\), takes \(len\(y\), len\(x\)\) = \(7, 5\)"):
        plots.landscape(x, y, np.zeros((5, 7)), xlabel="", ylabel="", label="")


def test_recovery_shows_couplings_and_marks_those_outside():
    couplings = {"exact": np.array([[0.9, 1.1], [1.0, 1.0]]), "short": np.array([[1.2, 1.3], [19.0, 21.0]])}
    _, ax = plots.recovery([2.0, 3.0], couplings, [0.05, 0.1], top=1.5)
    points = [line for line in ax.lines if line.get_linestyle() == "None" and len(line.get_ydata())]
    assert sorted(np.concatenate([line.get_ydata() for line in points])) == [0.9, 1.0, 1.0, 1.1, 1.2, 1.3]
    assert texts(ax) == "20"
    assert [bar.get_height() for bar in ax.patches] == pytest.approx([0.2, 0.4])
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["2", "3"]
    with pytest.raises(ValueError, match="couplings 'short' has shape"):
        plots.recovery([2.0, 3.0], {"short": np.ones((3, 2))}, [0.1, 0.1])


def test_the_map_names_five_families_and_what_each_gives():
    fig, ax = plots.model_map()
    words = texts(ax)
    for name in ("Energy models", "Variational", "Flows", "Adversarial", "Diffusion"):
        assert name in words
    assert words.count("not available") == 2 and words.count("one pass") == 3 and words.count("a lower bound") == 2
    fig.canvas.draw()
    boxes = [t.get_window_extent() for t in ax.texts]
    assert all(fig.bbox.containsx(b.x0) and fig.bbox.containsx(b.x1) and fig.bbox.containsy(b.y0) for b in boxes)
