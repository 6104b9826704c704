"""The test of Kolmogorov and Smirnov against SciPy, and its level over repeated draws."""

import math

import torch
from clouds import D, close, normal, rng
from scipy import stats

from genphys import scores


def test_kolmogorov_smirnov_agrees_with_scipy():
    for x, y in [
        (normal(40), 0.3 + normal(50, seed=1)),
        (normal(40).round(), normal(30, seed=2).round()),
        (normal(9), normal(9)),
    ]:
        found, expected = (
            scores.kolmogorov_smirnov(x, y),
            stats.ks_2samp(x, y, method="asymp"),
        )
        close(found.statistic, expected.statistic)
        effective = math.sqrt(len(x) * len(y) / (len(x) + len(y)))
        close(found.p_value, stats.kstwobign.sf(effective * expected.statistic))


def test_kolmogorov_smirnov_keeps_its_level():
    g = rng(10)
    p = torch.tensor([scores.kolmogorov_smirnov(*torch.randn(2, 500, generator=g)).p_value for _ in range(1000)])
    assert abs((p < 0.1).to(D).mean() - 0.1) < 4 * math.sqrt(0.09 / 1000)


def test_whole_numbers_are_numbers():
    x, y = torch.arange(7), torch.tensor([2, 2, 5])
    assert scores.kolmogorov_smirnov(x, y) == scores.kolmogorov_smirnov(x.to(D), y.to(D))
    assert scores.wasserstein_1d(x, y) == scores.wasserstein_1d(x.to(D), y.to(D))
