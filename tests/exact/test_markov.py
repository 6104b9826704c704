"""Markov chains on finite sets, against their definitions and closed forms."""

import math

import numpy as np
import pytest
import torch
from exact_cases import D, close, normal

from genphys import exact


def test_single_site_kernels_are_the_heat_bath():
    M = 4
    log_p = normal(2**M, seed=1) * 2
    p, states = log_p.softmax(0), exact.all_configurations(M)
    kernels = exact.single_site_kernels(log_p + 128.0)  # the constant drops out, but for its last digit
    for i in range(M):
        for x in range(2**M):
            for y in range(2**M):
                rest = [j for j in range(M) if j != i]
                same = (states[:, rest] == states[x, rest]).all(1)
                expected = p[y] / p[same].sum() if same[y] else 0.0
                assert float(kernels[i, x, y]) == pytest.approx(float(expected), abs=128 * 2.3e-16)
    sweep = torch.linalg.multi_dot(tuple(kernels))
    scan = kernels.mean(0)
    for P in (*kernels, sweep, scan):
        close(p @ P, p, atol=128 * 2.3e-16)
    assert exact.detailed_balance_violation(scan, p) < 128 * 2.3e-16
    assert exact.detailed_balance_violation(sweep, p) > 1e-3
    for P in (sweep, scan):
        close(exact.stationary_distribution(P), p, atol=1e-12)


def test_single_site_kernels_do_not_overflow():
    kernels = exact.single_site_kernels(torch.tensor([1e4, -1e4, 0.0, 5.0], dtype=D))
    close(kernels.sum(-1), torch.ones(2, 4))
    assert kernels[1, 1, 0] == 1 and kernels[1, 0, 1] == 0


def test_two_state_chain_in_closed_form():
    a, b = 0.3, 0.1
    P = torch.tensor([[1 - a, a], [b, 1 - b]], dtype=D)
    p = exact.stationary_distribution(P)
    close(p, [b / (a + b), a / (a + b)])
    close(exact.spectral_gap(P), a + b)
    assert exact.detailed_balance_violation(P, p) < 1e-15
    uniform = torch.full((2,), 0.5, dtype=D)
    close(exact.detailed_balance_violation(P, uniform), (a - b) / 2)


def test_a_driven_ring_is_stationary_but_carries_a_current():
    n, forward, back = 5, 0.5, 0.2
    shift = torch.eye(n, dtype=D).roll(1, 1)
    P = forward * shift + back * shift.mT + (1 - forward - back) * torch.eye(n, dtype=D)
    p = exact.stationary_distribution(P)
    close(p, torch.full((n,), 1 / n, dtype=D))
    close(exact.detailed_balance_violation(P, p), (forward - back) / n)
    k = 2 * math.pi / n  # eigenvalues f e^{ik} + b e^{-ik} + rest
    slowest = max(
        abs(forward * np.exp(1j * k * m) + back * np.exp(-1j * k * m) + 1 - forward - back) for m in range(1, n)
    )
    close(exact.spectral_gap(P), 1 - slowest)


def test_distance_to_stationarity_decays_with_the_spectral_gap():
    log_p = normal(8, seed=3)
    P, p = exact.single_site_kernels(log_p).mean(0), log_p.softmax(0)
    start = torch.eye(8, dtype=D)[0]
    far, near = ((start @ torch.linalg.matrix_power(P, t) - p).abs().sum() for t in (80, 81))
    close(near / far, 1 - exact.spectral_gap(P), atol=1e-4)  # faster modes have died out


def test_periodic_and_reducible_chains():
    swap = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=D)
    close(exact.stationary_distribution(swap), [0.5, 0.5])
    close(exact.spectral_gap(swap), 0.0)
    absorbing = torch.tensor([[1.0, 0.0], [0.5, 0.5]], dtype=D)
    close(exact.stationary_distribution(absorbing), [1.0, 0.0])
    with pytest.raises(ValueError, match=r"P is .* takes a chain with a single closed class"):
        exact.stationary_distribution(torch.eye(3, dtype=D))


def test_single_precision_is_told_from_reducible_and_stays_single():
    P = exact.single_site_kernels(normal(8, seed=4)).mean(0).float()
    p = exact.stationary_distribution(P)
    assert p.dtype == exact.spectral_gap(P).dtype == torch.float32
    torch.testing.assert_close(p.double(), normal(8, seed=4).softmax(0), atol=1e-6, rtol=0)
    with pytest.raises(ValueError, match="single closed class"):
        exact.stationary_distribution(torch.block_diag(P / P.sum(1, keepdim=True), P))


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        ("single_site_kernels", (torch.zeros(6),), r"log_prob is .*\(6,\)"),
        ("single_site_kernels", (torch.zeros(1),), r"log_prob is .*\(1,\)"),
        ("single_site_kernels", (torch.zeros(2**11),), "M from 1 to 10"),
        ("stationary_distribution", (torch.ones(2, 2),), "P is .* takes probabilities of sum 1 along the last"),
        ("stationary_distribution", (torch.ones(2, 3) / 3,), r"P is .*\(2, 3\)"),
        ("spectral_gap", (torch.ones(1, 1),), r"P is .*\(1, 1\).*two states or more"),
        ("detailed_balance_violation", (torch.eye(2), torch.ones(1)), r"p is .* .n = 2"),
        ("detailed_balance_violation", (torch.eye(2), torch.ones(2)), "p is .* takes probabilities"),
    ],
)
def test_what_is_no_chain_is_named(function, arguments, words):
    with pytest.raises(ValueError, match=words):
        getattr(exact, function)(*arguments)
