"""Bootstrap and halves where the error is known: a mean, the biased form of MMD, and independent repeats."""

import math

import pytest
import torch
from clouds import D, close, normal, rng

from genphys import scores


def test_half_sampling_error_of_a_mean_is_its_standard_error():
    x, y, g = normal(400), normal(200, seed=1), rng(11)
    found = scores.half_sampling_error(lambda a, b: a.mean() - b.mean(), x, y, repeats=800, rng=g)
    expected = (x.var() / 400 + y.var() / 200).sqrt()
    assert abs(found / expected - 1) < 4 / math.sqrt(2 * 800)

    def several(a, b):
        return torch.stack([a.mean(), 2 * a.mean()])

    error = scores.half_sampling_error(several, x, y, rng=rng(1))
    close(error[1], 2 * error[0])


def test_bootstrap_error_of_a_mean_is_its_standard_error():
    x, y, g = normal(400), normal(200, seed=1), rng(13)
    found = scores.bootstrap(lambda a, b: a.mean() - b.mean(), x, y, repeats=800, rng=g)
    expected = (x.var(correction=0) / 400 + y.var(correction=0) / 200).sqrt()
    assert abs(found.stderr / expected - 1) < 4 / math.sqrt(2 * 800)
    assert abs(found.mean - (x.mean() - y.mean())) < 4 * expected / math.sqrt(800)

    def several(a, b):
        return torch.stack([a.mean(), 2 * a.mean()])

    several_found = scores.bootstrap(several, x, y, rng=rng(1))
    close(several_found.stderr[1], 2 * several_found.stderr[0])
    close(several_found.mean[1], 2 * several_found.mean[0])


def test_bootstrap_draws_with_and_halves_draw_without_replacement():
    seen = []

    def score(a, b):
        seen.append((a.unique().numel(), len(a), b.unique().numel(), len(b)))
        return 0.0

    x, y = torch.arange(100.0), torch.arange(61.0)
    scores.half_sampling_error(score, x, y, repeats=10, rng=rng(2))
    assert set(seen) == {(50, 50, 30, 30)}
    seen.clear()
    scores.bootstrap(score, x, y, repeats=10, rng=rng(2))
    assert all((n, m) == (100, 61) for _, n, _, m in seen)
    # 100 (1 - 1/e) = 63.2 different points, with a standard deviation of 3.1
    assert all(45 < different < 80 for different, _, _, _ in seen)


def test_bootstrap_turns_the_unbiased_mmd2_into_the_biased_one():
    """Its mean is the V-statistic of the given points, the diagonals included."""
    x, y = normal(12, 2), normal(9, 2, seed=1)
    found = scores.bootstrap(lambda a, b: scores.mmd2(a, b, 1.0), x, y, repeats=2000, rng=rng(3))

    def mean_kernel(a, b):
        return torch.exp(-(torch.cdist(a, b) ** 2) / 2).mean()

    biased = mean_kernel(x, x) + mean_kernel(y, y) - 2 * mean_kernel(x, y)
    assert abs(found.mean - biased) < 4 * found.stderr / math.sqrt(2000)
    assert abs(found.mean - scores.mmd2(x, y, 1.0)) > 20 * found.stderr / math.sqrt(2000)


@pytest.mark.parametrize(("shift", "factor"), [(3.0, 1.0), (0.0, math.sqrt(3))])
def test_bootstrap_error_against_independent_repeats(shift, factor):
    """It is right far from equality, and at equality too large by the square root of three."""
    g = rng(21)

    def draw():
        return torch.randn(100, 3, generator=g, dtype=D), torch.randn(100, 3, generator=g, dtype=D) + shift

    values = torch.stack([scores.frechet2(*draw()) for _ in range(400)])
    each = [scores.bootstrap(scores.frechet2, *draw(), repeats=20, rng=g).stderr for _ in range(60)]
    squares = torch.stack(each) ** 2
    spread = (values - values.mean()) ** 2
    error = (spread.var() / 400 / spread.mean() ** 2 + squares.var() / 60 / squares.mean() ** 2).sqrt()
    assert abs(squares.mean() / spread.mean() / factor**2 - 1) < 4 * error
    assert 4 * error < 0.6  # a factor of three would be seen


@pytest.mark.parametrize("method", [scores.bootstrap, scores.half_sampling_error])
def test_too_few_points_or_repeats_are_refused(method):
    x = normal(10, 3)
    with pytest.raises(ValueError, match=r"^repeats is 1"):
        method(scores.frechet2, x, x, repeats=1, rng=rng())
    with pytest.raises(ValueError, match=r"^generated .* 4 rows or more"):
        method(scores.frechet2, x, x[:3], rng=rng())
    with pytest.raises(ValueError, match=r"^real .* 4 rows or more"):
        method(scores.frechet2, x[:2], x, rng=rng())
