"""The figures of the chapter on scores show the numbers that they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from genphys.figures import scores as pictures


def test_the_table_darkens_with_significance_and_stays_white_below_the_threshold():
    fig, ax = pictures.score_table(
        ["a", "b"], ["s", "t", "u"], [[1, 1, 1], [1.3, 2, 30]], [0.1] * 3, formats=[".1f"] * 3
    )
    depth = ax.images[0].get_array()
    assert (depth[0] == 0).all() and depth[1, 0] == 0 and 0 < depth[1, 1] < depth[1, 2]
    assert [text.get_text() for text in ax.texts] == ["1.0", "1.0", "1.0", "1.3", "2.0", "30.0"]
    plt.close(fig)


def test_the_strips_show_every_value_with_its_error():
    values, errors = torch.tensor([[1.0, 5.0], [2.0, 50.0], [-3.0, 7.0]]), torch.full((3, 2), 0.5)
    fig, axes = pictures.score_strips(["a", "b", "c"], ["s", "t"], values, errors, scales=["symlog", "log"])
    for j, ax in enumerate(axes):
        points = ax.containers[0].lines[0]
        assert points.get_xdata().tolist() == values[:, j].tolist()
        assert points.get_ydata().tolist() == [2, 1, 0]
        assert ax.lines[0].get_xdata() == [values[0, j], values[0, j]]
    assert axes[0].xaxis.get_transform().linthresh == 1.0  # the power of ten above the error of 0.5
    plt.close(fig)


def test_the_ratios_of_errors_stand_in_their_panels():
    ratios = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    fig, axes = pictures.error_ratios(["s", "t"], {"one": ratios, "two": 2 * ratios}, ["m", "n"])
    for k, ax in enumerate(axes):
        drawn = [line.get_ydata() for line in ax.lines if len(line.get_xdata()) == 2 and line.get_marker() in "os"]
        assert torch.tensor(np.stack(drawn)).tolist() == ((k + 1) * ratios).tolist()
    plt.close(fig)


def test_figures_refuse_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match="values is"):
        pictures.score_table(["a"], ["s", "t"], [[1.0]], [1.0, 1.0], formats=[".1f"] * 2)
    with pytest.raises(ValueError, match="values is"):
        pictures.score_strips(["a"], ["s"], [[1.0, 2.0]], [[1.0, 2.0]])
    with pytest.raises(ValueError, match="cases is"):
        pictures.error_ratios(["s"], {"one": [[1.0, 2.0]]}, ["m"])
    plt.close("all")
