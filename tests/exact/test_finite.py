"""Finite sets: enumeration, entropies and divergences, against SciPy and quadrature."""

import itertools
import math

import pytest
import torch
from exact_cases import D, close, normal, numbers
from scipy import integrate, special, stats

from genphys import exact


def test_all_configurations_counts_in_binary():
    states = exact.all_configurations(5)
    assert states.tolist() == [list(map(float, s)) for s in itertools.product((0, 1), repeat=5)]
    signs = exact.all_configurations(5, values=(-1, 1), dtype=torch.int8)
    assert signs.dtype == torch.int8 and torch.equal(signs.double(), 2 * states - 1)
    assert exact.all_configurations(20, dtype=torch.int8).sum() == 20 * 2**19


def distributions(*shape, seed=0):
    return normal(*shape, seed=seed).softmax(-1)


def test_entropy_and_divergences_agree_with_scipy():
    p, q = distributions(4, 6), distributions(4, 6, seed=1)
    close(exact.entropy(p), stats.entropy(p.numpy(), axis=-1))
    close(exact.kl_divergence(p, q), stats.entropy(p.numpy(), q.numpy(), axis=-1))
    close(exact.entropy(p.log(), log=True), exact.entropy(p))
    close(exact.kl_divergence(p.log(), q.log(), log=True), exact.kl_divergence(p, q))


def test_divergences_at_vanishing_probabilities():
    p, q = torch.tensor([0.5, 0.5, 0.0], dtype=D), torch.tensor([0.0, 0.0, 1.0], dtype=D)
    close(exact.entropy(p), math.log(2))
    assert exact.kl_divergence(p, q) == math.inf
    close(exact.kl_divergence(p, torch.full((3,), 1 / 3, dtype=D)), math.log(3 / 2))
    log_p, log_q = p.log(), torch.tensor([-1.0, -1.0, 0.0], dtype=D).log_softmax(0)
    close(exact.kl_divergence(log_p, log_q, log=True), 1 - math.log(2) + math.log(1 + 2 / math.e))


def test_kl_from_logarithms_keeps_probabilities_that_underflow():
    log_p = torch.tensor([0.0, -2.0], dtype=D).log_softmax(0)
    log_q = torch.tensor([0.0, -2000.0], dtype=D).log_softmax(0)
    p = log_p.exp()
    close(exact.kl_divergence(log_p, log_q, log=True), p[0] * log_p[0] + p[1] * (log_p[1] + 2000))
    assert exact.kl_divergence(p, log_q.exp()) == math.inf


def test_jensen_shannon_of_two_gaussians_to_all_printed_digits():
    x = torch.linspace(-12, 13, 2001, dtype=D)
    log_p, log_q = (-0.5 * (x - m).square() - 0.5 * math.log(2 * math.pi) for m in (0.0, 1.0))
    found = exact.jensen_shannon_on_grid(log_p, log_q, x)
    assert f"{found:.6f}" == "0.111421"

    def integrand(t):
        p, q = stats.norm.pdf(t), stats.norm.pdf(t - 1)
        return (special.rel_entr(p, (p + q) / 2) + special.rel_entr(q, (p + q) / 2)) / 2

    integral, _ = integrate.quad(integrand, -12, 13, epsabs=1e-13, limit=200)
    assert float(found) == pytest.approx(integral, abs=1e-11)


def test_jensen_shannon_on_a_grid_of_disjoint_densities_is_ln_2():
    x = torch.linspace(0, 2, 4001, dtype=D)
    log_p = torch.where(x < 1, torch.zeros_like(x), -math.inf)
    log_q = torch.where(x >= 1, torch.zeros_like(x), -math.inf)
    # the trapezium rule is off by half a step at each jump
    assert float(exact.jensen_shannon_on_grid(log_p, log_q, x)) == pytest.approx(math.log(2), abs=5e-4)


GRID = torch.linspace(-9, 9, 101, dtype=D)
LOG_NORMAL = -0.5 * GRID.square() - 0.5 * math.log(2 * math.pi)
SKEW = numbers([0.5, 0.4])


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        ("all_configurations", (26,), "M is 26, takes a whole number, 1 or more, at most 25"),
        ("all_configurations", (3.0,), r"M is 3\.0"),
        ("all_configurations", (True,), "M is True"),
        ("all_configurations", (3, (1, 1)), r"values is \(1, 1\), takes two different numbers"),
        ("all_configurations", (3, (0, 1, 2)), r"values is \(0, 1, 2\)"),
        ("entropy", (SKEW,), "p is .* takes probabilities of sum 1 .* their logarithms with log=True"),
        ("entropy", (numbers([-0.5, 1.5]),), "p is .* takes probabilities"),
        ("entropy", (numbers([math.nan, 1.5]),), "p is .* takes probabilities"),
        ("entropy", (torch.tensor(1.0),), "p is 1.0, takes a floating tensor"),
        ("entropy", (torch.ones(1, dtype=torch.complex64),), "p is .* complex64"),
        ("kl_divergence", (numbers([0.5, 0.5]), numbers([1.0])), "q is .*n = 2"),
        ("kl_divergence", (numbers([0.5, 0.5]), SKEW), "q is .* takes probabilities"),
        ("kl_divergence", (torch.ones(0), torch.ones(0)), r"p is a tensor of shape \(0,\)"),
        ("jensen_shannon_on_grid", (LOG_NORMAL, LOG_NORMAL[:-1], GRID), r"log_q is a tensor of shape \(100,\)"),
        ("jensen_shannon_on_grid", (LOG_NORMAL, LOG_NORMAL, -GRID), "x is .* increases strictly"),
        ("jensen_shannon_on_grid", (LOG_NORMAL[:2], LOG_NORMAL[:2], GRID[:2]), "x is .* 3 or more points"),
        ("jensen_shannon_on_grid", (LOG_NORMAL, LOG_NORMAL + 1, GRID), r"log_q is 2\.718.*integral on the grid is 1"),
    ],
)
def test_what_is_no_distribution_is_named(function, arguments, words):
    with pytest.raises(ValueError, match=words):
        getattr(exact, function)(*arguments)
