r"""Error bars for any score, by drawing new sets from the sets at hand: the bootstrap, and random halves.

.. math:: \bar t = \frac1B \sum_b t_b , \qquad \widehat{\operatorname{Var}}(t) = \frac{1}{B-1} \sum_b (t_b - \bar t)^2

for the scores :math:`t_b` of :math:`B` pairs of sets. A permutation test is :func:`genphys.scores.mmd_test`.

References:
    Efron, Bootstrap methods: another look at the jackknife (1979); Bickel and Freedman, Some asymptotic theory for the
    bootstrap (1981), for its limits too. Shao and Wu, A general theory for jackknife variance estimation (1989).
"""

from typing import NamedTuple

import torch

from genphys.arguments import count, doors, function, source, tensor
from genphys.scores.distances import in_double

samples = tensor(None, rows=4, kind="any", free=True)  # of any shape (n, ...)


class Bootstrap(NamedTuple):
    """Mean and standard deviation of a score over sets drawn with replacement, float64, of the shape of the score."""

    mean: torch.Tensor
    stderr: torch.Tensor


def bootstrap(score: function, real: samples, generated: samples, *, repeats: count(2) = 100, rng: source):
    r"""Mean and standard error of a score by drawing both sets anew from themselves, with replacement.

    Each set is as large as the one that it is drawn from. The distance of the mean from the score estimates the bias of
    a score that is a function of the two empirical distributions. The error is consistent where the score is a smooth
    function of averages and its first derivative does not vanish. At p = q that of :math:`\mathrm{MMD}^2` and of the
    squared Fréchet distance does vanish, and the error is too large by a factor near :math:`\sqrt3`
    (``eq:bootstrap-variance``); the mean of the unbiased :math:`\mathrm{MMD}^2` is the *biased* one
    (``eq:bootstrap-mean``). Scores from nearest neighbours it spoils: a point drawn twice is its own nearest neighbour
    (``eq:bootstrap-copies``). For these take :func:`half_sampling_error`. The score is a function ``score(real,
    generated)`` that returns a number or a tensor of several, of points of any shape (n, ...) and (m, ...).
    """

    def again(points):
        chosen = torch.randint(len(points), (len(points),), generator=rng, device=rng.device)
        return points[chosen.to(points.device)]

    found = _resampled(score, real, generated, again, repeats)
    return Bootstrap(found.mean(0), found.std(0))


def half_sampling_error(score: function, real: samples, generated: samples, *, repeats: count(2) = 20, rng: source):
    r"""The standard error of any score by drawing random halves of both sets, without replacement; of its shape.

    This is the delete-half jackknife. No point is drawn twice, so that scores from nearest neighbours keep their
    meaning. A half has twice the variance of the whole, and two halves of one set share half of their points: for an
    average of an even number of points the two cancel (of an odd number n the error is too large by
    :math:`\sqrt{(n+1)/(n-1)}`). For other scores it is too large, by at most :math:`\sqrt2` where the variance falls
    like 1/n (``eq:half-variance``): near :math:`\sqrt{5/3}`, measured, for the share of nearest neighbours at p = q.
    The score sees n // 2 and m // 2 points. The arguments are those of :func:`bootstrap`.
    """

    def half(points):
        chosen = torch.randperm(len(points), generator=rng, device=rng.device)[: len(points) // 2]
        return points[chosen.to(points.device)]

    return _resampled(score, real, generated, half, repeats).std(0)


def _resampled(score, real, generated, draw, repeats):
    """The scores of some pairs of sets that ``draw`` takes from the two, (repeats, ...), float64."""
    found = [torch.as_tensor(score(draw(real), draw(generated))) for _ in range(repeats)]
    return torch.stack([in_double(t) for t in found])


doors(globals())
