"""Games of two numbers against their matrices, and the counting of modes."""

import math

import pytest
import torch

from genphys import data, gan

DOUBLE = torch.float64


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def _jacobian(g_loss, d_loss, eta, alternating):
    state = torch.zeros(2, dtype=DOUBLE)
    return torch.autograd.functional.jacobian(
        lambda s: gan.game_step(g_loss, d_loss, s, eta, alternating=alternating), state
    )


@pytest.mark.parametrize("eta", [0.05, 0.3, 1.0])
def test_maps_of_the_bilinear_game(eta):
    """v = a b: simultaneous steps multiply the radius by sqrt(1 + eta^2); alternating ones preserve the area."""
    simultaneous = _jacobian(lambda a, b: a * b, lambda a, b: -a * b, eta, False)
    assert torch.allclose(simultaneous, torch.tensor([[1, -eta], [eta, 1]], dtype=DOUBLE), atol=1e-15)
    alternating = _jacobian(lambda a, b: a * b, lambda a, b: -a * b, eta, True)
    assert torch.allclose(alternating, torch.tensor([[1 - eta**2, -eta], [eta, 1]], dtype=DOUBLE), atol=1e-15)
    assert torch.linalg.det(alternating).item() == pytest.approx(1.0, abs=1e-14)
    assert torch.linalg.eigvals(alternating).abs().tolist() == pytest.approx([1.0, 1.0], abs=1e-14)


def test_game_step_is_plain_descent():
    state = torch.tensor([0.4, -0.7], dtype=DOUBLE)
    new = gan.game_step(lambda a, b: b * a**2, lambda a, b: a * b**2, state, 0.1, alternating=True)
    b = -0.7 - 0.1 * 2 * 0.4 * -0.7
    assert new.tolist() == pytest.approx([0.4 - 0.1 * 2 * b * 0.4, b], abs=1e-15)


def test_modes_covered_counts():
    centres = data.ring_centres(8)
    x = data.ring_of_gaussians(8000, rng=rng(1))
    found, share = gan.modes_covered(x, centres, radius=0.06)
    assert found == 8
    # within three standard deviations in the plane: 1 - exp(-9/2)
    p = 1 - math.exp(-4.5)
    assert abs(share - p) < 4 * math.sqrt(p * (1 - p) / 8000)
    one = x[(x - centres[0]).norm(dim=1) < 0.5]
    assert gan.modes_covered(one, centres, radius=0.06)[0] == 1
    assert gan.modes_covered(torch.zeros(10, 2), centres, radius=0.06) == (0, 0.0)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"centres is .*\(8, 3\).*D = 2 of points"):
        gan.modes_covered(torch.zeros(3, 2), torch.zeros(8, 3), radius=1.0)
    with pytest.raises(ValueError, match=r"state is .*\(3,\)"):
        gan.game_step(max, max, torch.zeros(3), 0.1)
    with pytest.raises(ValueError, match="eta is now called learning_rate"):
        gan.game_step(max, max, torch.zeros(2), eta=0.1)
