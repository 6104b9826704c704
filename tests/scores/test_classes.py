"""Inception and mode score against torchmetrics, their bounds, and classes of exactly no probability."""

import math

import pytest
import torch
from clouds import D, close, normal
from torch import nn

from genphys import scores


def test_inception_score_agrees_with_torchmetrics():
    from torchmetrics.image.inception import InceptionScore

    class Logits(nn.Module):
        def forward(self, images):
            return images.flatten(1)

    logits = 3 * normal(200, 10)
    metric = InceptionScore(feature=Logits(), splits=1)
    metric.update(logits.view(200, 1, 2, 5))
    close(scores.inception_score(logits.log_softmax(1)), metric.compute()[0], atol=1e-4)  # sums in float32


def test_inception_score_has_its_bounds():
    certain = torch.full((30, 10), -1e4, dtype=D)
    certain[torch.arange(30), torch.arange(30) % 10] = 0
    close(scores.inception_score(certain), 10.0)
    close(scores.inception_score(torch.full((30, 10), -math.log(10), dtype=D)), 1.0)
    close(scores.inception_score(certain[:1].expand(30, 10)), 1.0)
    for seed in range(5):
        assert 1 < scores.inception_score((5 * normal(20, 10, seed=seed)).log_softmax(1)) < 10


def test_original_mode_score_is_the_inception_score_and_the_other_is_not():
    log_p, log_real = (
        (3 * normal(50, 10)).log_softmax(1),
        (3 * normal(60, 10, seed=1)).log_softmax(1),
    )
    score = scores.inception_score(log_p)
    close(scores.mode_score(log_p, log_real, original=True), score)
    p, r = log_p.exp().mean(0), log_real.exp().mean(0)
    close(
        scores.mode_score(log_p, log_real),
        score * torch.exp(-(p * (p / r).log()).sum()),
    )
    assert scores.mode_score(log_p, log_real) < score


def test_gradient_of_the_inception_score():
    logits = normal(4, 3, seed=9).requires_grad_()
    assert torch.autograd.gradcheck(lambda a: scores.inception_score(a.log_softmax(1)), logits)


def test_a_class_of_exactly_no_probability_does_not_count():
    """Minus infinity for a class that never occurs, and for one that is sure not to be that of some points."""
    log_p, log_real = (3 * normal(20, 4)).log_softmax(1), (3 * normal(30, 4, seed=1)).log_softmax(1)
    log_p[:7, 2] = -math.inf
    log_p = log_p.log_softmax(1)
    never = torch.full((30, 1), -math.inf, dtype=D)
    with_p, with_real = torch.cat([log_p, never[:20]], 1), torch.cat([log_real, never], 1)
    close(scores.inception_score(with_p), scores.inception_score(log_p))
    close(scores.inception_score(log_p), scores.inception_score(log_p.clamp(min=-1e4)))
    for original in (False, True):
        found = scores.mode_score(with_p, with_real, original=original)
        close(found, scores.mode_score(log_p, log_real, original=original))
    logits = with_p.clone().requires_grad_()
    (slope,) = torch.autograd.grad(scores.mode_score(logits, with_real), logits)
    assert slope[:, :4].isfinite().all()


def test_a_generated_class_without_any_real_probability_leaves_no_mode_score():
    log_p = (3 * normal(20, 4)).log_softmax(1)
    log_real = log_p.clone()
    log_real[:, 1] = -math.inf
    log_real = log_real.log_softmax(1)
    assert scores.mode_score(log_p, log_real) == 0
    with pytest.raises(ValueError, match=r"^real_log_probs .* original form"):
        scores.mode_score(log_p, log_real, original=True)


LOG_P = normal(10, 4).log_softmax(1)
BAD = {
    "logits": (scores.inception_score, (normal(10, 3) - 5,), "^log_probs .* log_softmax of logits"),
    "probabilities": (scores.inception_score, (LOG_P.exp(),), "^log_probs "),
    "one class": (scores.inception_score, (torch.zeros(5, 1),), "^log_probs .* two classes"),
    "other classes": (scores.mode_score, (LOG_P, normal(10, 3).log_softmax(1)), "^real_log_probs .*c = 4"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_arguments_are_refused_by_name(what):
    score, arguments, message = BAD[what]
    with pytest.raises(ValueError, match=message):
        score(*arguments)
