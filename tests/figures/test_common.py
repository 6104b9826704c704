"""The figures that several chapters draw: curves, panels, images."""

import numpy as np
import pytest
import torch

from genphys import figures


def test_lines_draws_every_curve():
    x = torch.tensor([1.0, 10.0, 100.0])
    curves = {"a": x**2, "b": [3, 2, 1]}
    fig, ax = figures.lines(x, curves, xlabel="$k$", ylabel="bias", xscale="log", yscale="log", markers=True, title="t")
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
    assert figures.lines(x, {"a": x}, xlabel="", ylabel="", axes=ax)[0] is fig


def test_lines_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match=r"curves is \{\}, takes a dictionary"):
        figures.lines([1, 2], {}, xlabel="", ylabel="")
    with pytest.raises(ValueError, match=r"curves is {'a': \[1, 2, 3\]}, takes .*shape \(n\)"):
        figures.lines([1, 2], {"a": [1, 2, 3]}, xlabel="", ylabel="")


def test_a_grid_shows_every_image_black_on_white_in_its_place():
    images = torch.rand(7, 16, generator=torch.Generator().manual_seed(0))
    _, ax = figures.image_grid(images, columns=4, labels=["first", "second"])
    shown = ax.images[0]
    sheet = np.ma.asarray(shown.get_array())
    for k, image in enumerate(images):
        y, x = 5 * (k // 4), 5 * (k % 4)  # a pixel between two images
        np.testing.assert_array_equal(sheet[y : y + 4, x : x + 4], image.view(4, 4))
    assert sheet.mask[5:, 15:].all() and sheet.mask[4].all() and sheet.mask[:, 4].all(), (
        "nothing between, nothing after"
    )
    assert shown.cmap(shown.norm(1.0))[:3] == (0, 0, 0) and shown.cmap(shown.norm(0.0))[:3] == (1, 1, 1)
    assert len(ax.collections[0].get_paths()) == 7, "each has its frame"
    words = {t.get_text().strip(): t.get_position()[1] for t in ax.texts}
    assert list(words) == ["first", "second"] and words["first"] < words["second"]


def test_a_grid_takes_images_with_a_channel_as_networks_give_them():
    images = torch.rand(7, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    with_channel, without = (figures.image_grid(x, columns=4)[1].images[0] for x in (images, images[:, 0]))
    np.testing.assert_array_equal(*(np.ma.filled(x.get_array(), -1.0) for x in (with_channel, without)))


def test_rows_of_bytes_are_shown_as_grey_values():
    images = torch.arange(24).reshape(2, 3, 4) * 10
    _, ax = figures.image_rows(images.to(torch.uint8), ["a", "b"])
    sheet = np.ma.asarray(ax.images[0].get_array())
    np.testing.assert_allclose(sheet[3:5, 6:8].ravel(), images[1, 2] / 255)


@pytest.mark.parametrize("shape", [(3, 15), (3, 4, 5), (3, 1, 4, 5), (3, 2, 4, 4), (0, 16), (16,)])
def test_a_grid_refuses_what_is_not_square(shape):
    with pytest.raises(ValueError, match="images is"):
        figures.image_grid(torch.zeros(shape))


def test_a_grid_refuses_a_wrong_number_of_labels():
    with pytest.raises(ValueError, match=r"labels is \['first'\], takes one for each of the 2 rows"):
        figures.image_grid(torch.zeros(7, 16), columns=4, labels=["first"])


def test_panels_that_stand_side_by_side_take_what_lines_takes():
    pictures = [
        {"x": [1, 2], "curves": {"a": [3, 4]}, "xlabel": "x", "ylabel": "y", "ylim": (0, 9)},
        {"x": [1, 2], "curves": {"b": [5, 6]}, "xlabel": "u", "ylabel": "v", "yscale": "log"},
    ]
    _, (left, right) = figures.side_by_side(pictures)
    assert left.get_ylim() == (0, 9) and right.get_yscale() == "log"
    np.testing.assert_array_equal(right.get_lines()[0].get_ydata(), [5, 6])
    assert "ylim" in pictures[0], "what was given is not changed"
    assert figures.panels(3)[1].shape == (3,)
