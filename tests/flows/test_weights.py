"""Importance weights against closed forms."""

import math

import pytest
import torch

from genphys import flows

D = torch.float64


def test_equal_weights_and_a_single_one():
    assert flows.effective_share(torch.full((7,), 3.0, dtype=D)).item() == pytest.approx(1.0)
    lone = torch.tensor([0.0] + [-1e4] * 9, dtype=D)
    assert flows.effective_share(lone).item() == pytest.approx(0.1)


def test_weights_that_would_overflow():
    log_w = torch.randn(100, generator=torch.Generator().manual_seed(0), dtype=D)
    found, moved = flows.log_partition(log_w), flows.log_partition(log_w + 1e4)
    assert (moved.value - found.value).item() == pytest.approx(1e4, abs=1e-9)
    assert moved.stderr.item() == pytest.approx(found.stderr.item(), rel=1e-9)


def test_the_error_bar_is_honest_for_a_wide_proposal():
    """p normal of variance 1 and q of variance 1.44; the errors in units of the error bar have variance one."""
    g, s = torch.Generator().manual_seed(1), 1.2
    pulls = []
    for _ in range(300):
        x = s * torch.randn(2000, generator=g, dtype=D)
        found = flows.log_partition(-x.square() / 2 + x.square() / (2 * s**2) + math.log(s))
        pulls.append(found.value / found.stderr)
    pulls = torch.stack(pulls)
    assert abs(pulls.mean()) < 4 / math.sqrt(300)
    assert abs(pulls.var() - 1) < 4 * math.sqrt(2 / 300)


def test_an_error_bar_that_would_not_be_honest_is_refused():
    log_w = torch.tensor([50.0] + [0.0] * 99, dtype=D)
    with pytest.raises(ValueError, match=r"0\.02 or more; that of these is 0\.010"):
        flows.log_partition(log_w)


def test_a_weighted_mean_and_its_error_are_those_of_the_target():
    """p normal of variance 1, q of variance 1.44: the mean square is 1, errors over the bar have variance 1."""
    g, s, pulls = torch.Generator().manual_seed(2), 1.2, []
    for _ in range(300):
        x = s * torch.randn(2000, generator=g, dtype=D)
        found = flows.weighted_mean(x.square(), -x.square() / 2 + x.square() / (2 * s**2) + 1e3)
        pulls.append((found.value - 1) / found.stderr)
    pulls = torch.stack(pulls)
    assert abs(pulls.mean()) < 4 / math.sqrt(300)
    assert abs(pulls.var() - 1) < 4 * math.sqrt(2 / 300)


def test_the_chain_visits_states_as_often_as_the_target():
    g = torch.Generator().manual_seed(3)
    q, w = torch.tensor([0.5, 0.3, 0.2], dtype=D), torch.tensor([0.5, 1.0, 4.0], dtype=D)
    states = torch.multinomial(q, 100_000, replacement=True, generator=g)
    held = flows.independence_chain(w.log()[states], rng=g)
    share = torch.bincount(states[held], minlength=3) / 100_000
    torch.testing.assert_close(share.double(), q * w / (q @ w), atol=0.02, rtol=0)
    assert held[0] == 0 and ((held == torch.arange(100_000)) | (held == held.roll(1))).all()


def test_means_with_useless_weights_are_refused():
    log_w = torch.tensor([50.0] + [0.0] * 99, dtype=D)
    with pytest.raises(ValueError, match=r"log_weights .*0\.02 or more; that of these is 0\.010"):
        flows.weighted_mean(torch.ones(100, dtype=D), log_w)
