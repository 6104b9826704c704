"""The figures of the chapter on autoencoders: what stands where."""

import numpy as np
import pytest

from genphys.figures import variational_autoencoders


def test_manifold_has_the_first_latent_along_the_columns_and_the_second_upwards():
    ticks = [-1.0, 0.0, 1.0]
    values = [h1 + 10 * h2 for h2 in ticks for h1 in ticks]  # h_2 slowest
    images = np.repeat(np.array(values)[:, None], 4, axis=1)  # 2 x 2 pixels, all alike
    _, ax = variational_autoencoders.manifold(images, ticks)
    shown = np.asarray(ax.images[0].get_array())
    assert shown.shape == (6, 6)
    assert shown[0, 0] == -1 + 10 and shown[0, -1] == 1 + 10  # the largest h_2 on top
    assert shown[-1, 0] == -1 - 10
    labels = {t.get_text(): y for t, y in zip(ax.get_yticklabels(), ax.get_yticks(), strict=True)}
    assert labels["1.0"] < labels["-1.0"]  # rows are counted downwards
    with pytest.raises(
        ValueError, match=r"images is \(8, 4\), takes square images of shape \(n \* n, side \* side\) with n = 3"
    ):
        variational_autoencoders.manifold(images[:8], ticks)


def test_order_parameter_scales_the_latent_variable_at_the_lowest_temperature():
    latent = np.array([[-2.0, 2.0], [1.0, -1.0], [0.5, 0.0]])
    curve = np.array([0.9, 0.5, 0.2])
    _, (_, right) = variational_autoencoders.order_parameter(latent, latent / 2, latent, [1.0, 2.0, 3.0], curve)
    exact, scaled, decoded, _ = right.get_lines()
    np.testing.assert_allclose(exact.get_ydata(), curve)
    np.testing.assert_allclose(scaled.get_ydata(), [0.9, 0.45, 0.1125])
    np.testing.assert_allclose(decoded.get_ydata(), [1.0, 0.5, 0.125])
    with pytest.raises(ValueError, match="translated is"):
        variational_autoencoders.order_parameter(latent, latent[:, :1], latent, [1.0, 2.0, 3.0], curve)


def test_the_map_names_both_networks():
    _, ax = variational_autoencoders.autoencoder_map()
    text = " ".join(t.get_text() for t in ax.texts)
    for word in ("encoder", "decoder", "noise", "a draw"):
        assert word in text


def test_coin_flips_are_subtracted_above_the_transition_only():
    temperatures, returned = np.array([1.0, 2.5, 4.0]), np.array([0.9, 0.5, 0.1])
    _, ax = variational_autoencoders.returned_correlation(temperatures, returned, returned, returned, 0.04)
    labels = [line.get_label() for line in ax.get_lines()]
    honest = ax.get_lines()[labels.index("the same, minus what coin flips get")]
    np.testing.assert_allclose(honest.get_xdata(), [2.5, 4.0])
    np.testing.assert_allclose(honest.get_ydata(), [0.46, 0.06])
