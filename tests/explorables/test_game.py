"""The games in the page: eigenvalues of a step by other routes, and orbits that do what the eigenvalues say."""

import numpy as np
import pytest

OPTIONS = [
    {"kind": kind, "eta": eta, "mu": mu, "gamma": gamma}
    for kind in ("simultaneous", "alternating", "extragradient")
    for eta, mu, gamma in ((0.3, 0, 0), (0.3, 0, 0.2), (0.2, -0.4, 0), (0.2, 0.5, 0.3))
]


def step_matrix(game, kind, eta, mu, gamma):
    """A step near the centre as a matrix on (a, b, m_a, m_b)."""
    speed = {"bilinear": -1.0, "dirac": 0.5}[game]
    F = np.array([[0, speed], [-speed, -gamma]])
    move = eta * (F @ (np.eye(2) + eta * F) if kind == "extragradient" else F)
    top = np.hstack([move, mu * np.eye(2)])  # the new momenta, from the state
    if kind == "alternating":  # the generator sees the discriminator's move
        top[0] += eta * speed * top[1]
    return np.vstack([np.hstack([np.eye(2), np.zeros((2, 2))]) + top, top])


@pytest.mark.parametrize("game", ["bilinear", "dirac"])
def test_eigenvalues(game, bench):
    page = bench("game")
    for options in OPTIONS:
        found = page.ask("live.eigenvalues(given[0], given[1])", [game, options])
        found = np.sort_complex(np.array([complex(*z) for z in found]).round(6))
        expected = np.linalg.eigvals(step_matrix(game, **options))
        if not options["mu"]:
            expected = expected[np.abs(expected) > 1e-9]  # without momentum two of the four vanish
        np.testing.assert_allclose(np.sort(np.abs(found)), np.sort(np.abs(expected)), atol=1e-4)
        np.testing.assert_allclose(np.sort(found.real), np.sort(expected.real), atol=1e-4)


def test_closed_forms_and_orbits(bench):
    page = bench("game")
    eta, gamma = 0.4, 0.3
    found = page.ask("live.eigenvalues('dirac', given)", {"kind": "simultaneous", "eta": eta, "mu": 0, "gamma": gamma})
    for re, im in found:
        assert abs(re - (1 - eta * gamma / 2)) < 1e-9 and abs(abs(im) - eta / 2 * (1 - gamma**2) ** 0.5) < 1e-9
    far = page.ask(
        """["simultaneous", "alternating", "extragradient"].map(kind => { let s = [1, 0, 0, 0];
             for (let k = 0; k < 400; k++) s = live.step(live.GAMES.bilinear, s, {kind, eta: 0.1, mu: 0, gamma: 0});
             return Math.hypot(s[0], s[1]); })"""
    )
    assert far[0] > 5 and 0.8 < far[1] < 1.3 and far[2] < 0.2
