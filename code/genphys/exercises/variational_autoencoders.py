"""The exercises of the chapter on variational autoencoders."""

import math

import torch
import torch.nn.functional as F

from genphys.exercises.judge import Exercise

__all__ = ["EXERCISES"]


def _fit(x, logits):
    return (x * F.logsigmoid(logits) + (1 - x) * F.logsigmoid(-logits)).sum(1)


def _kl(mu, log_variance):
    return 0.5 * (mu**2 + log_variance.exp() - 1 - log_variance).sum(1)


def _elbo(x, logits, mu, log_variance):
    return _fit(x, logits) - _kl(mu, log_variance)


def _mean_over_pixels(x, logits, mu, log_variance):
    return _fit(x, logits) / x.shape[1] - _kl(mu, log_variance)


def _kl_added(x, logits, mu, log_variance):
    return _fit(x, logits) + _kl(mu, log_variance)


def _loss(x, logits, mu, log_variance):
    return -_elbo(x, logits, mu, log_variance)


def _kl_without_half(x, logits, mu, log_variance):
    return _fit(x, logits) - 2 * _kl(mu, log_variance)


def _standard_deviation(x, logits, mu, log_variance):
    return _fit(x, logits) - _kl(mu, 0.5 * log_variance)


def _images(rng):
    cases = []
    for B, M, K in ((1, 3, 1), (4, 12, 2), (7, 30, 5)):
        x = torch.randint(2, (B, M), generator=rng).to(torch.float64)
        normal = [torch.randn(B, n, generator=rng, dtype=torch.float64) for n in (M, K, K)]
        cases.append((x, *normal))
    return cases


def _importance(log_w):
    return log_w.logsumexp(0) - math.log(len(log_w))


def _log_weights(rng):
    def normal(k, B, centre):
        return (centre + 2 * torch.randn(k, B, generator=rng, dtype=torch.float64),)

    return [normal(2, 3, -5.0), normal(10, 4, -90.0), normal(50, 6, -1000.0)]


def _same(x):
    return x


def _divergence(mu, var, nu, tau2):
    return 0.5 * (((mu - nu) ** 2 + var) / tau2 - 1 - (var / tau2).log())


EXERCISES = {
    "ex:write-elbo": Exercise(
        answer=_elbo,
        inputs=_images,
        slips=(
            ("a sum over the pixels, not their mean: else the KL term counts M times", _mean_over_pixels),
            ("the KL term is subtracted: it is a cost", _kl_added),
            ("this is the loss; the bound is its negative", _loss),
            ("the KL term has the factor 1/2", _kl_without_half),
            ("exp(log_variance) is the variance already, its root is the standard deviation", _standard_deviation),
        ),
    ),
    "ex:write-importance-bound": Exercise(
        answer=_importance,
        inputs=_log_weights,
        slips=(
            ("the average is taken before the logarithm: this is the ELBO of k draws", lambda log_w: log_w.mean(0)),
            ("an average, so the sum of the weights is divided by k", lambda log_w: log_w.logsumexp(0)),
            (
                "k divides the weights, not their logarithm: log k is subtracted",
                lambda log_w: log_w.logsumexp(0) / len(log_w),
            ),
            ("the largest weight is not their average", lambda log_w: log_w.max(0).values),
        ),
        rtol=1e-5,
    ),
    "ex:vae-two-gaussians": Exercise(
        answer=_divergence,
        inputs=lambda rng: [
            tuple(f(torch.randn(n, generator=rng)) for f in (_same, torch.exp, _same, torch.exp)) for n in (3, 7)
        ],
        slips=(
            ("the two distributions have changed places", lambda mu, var, nu, tau2: _divergence(nu, tau2, mu, var)),
            (
                "a look at the sign of the logarithm",
                lambda mu, var, nu, tau2: _divergence(mu, var, nu, tau2) + (var / tau2).log(),
            ),
            (
                "a factor of two: the density has a one half in its exponent",
                lambda mu, var, nu, tau2: 2 * _divergence(mu, var, nu, tau2),
            ),
            ("a divergence from itself is zero", lambda mu, var, nu, tau2: _divergence(mu, var, nu, tau2) + 0.5),
        ),
    ),
    "ex:vae-exponential": Exercise(
        answer=lambda h, gamma: torch.stack([-2 * h**2 / gamma, h**2 * (1 / gamma - h)]),
        inputs=lambda rng: [(torch.rand(5, generator=rng) * 3, gamma) for gamma in (1.3, 0.4, 2.0)],
        slips=(
            (
                "the order: the reparameterised one is the first row",
                lambda h, gamma: torch.stack([h**2 * (1 / gamma - h), -2 * h**2 / gamma]),
            ),
            (
                "the draw itself depends on gamma: the chain rule",
                lambda h, gamma: torch.stack([2 * h, h**2 * (1 / gamma - h)]),
            ),
            (
                "a look at the sign of the derivative of log q",
                lambda h, gamma: torch.stack([-2 * h**2 / gamma, h**2 * (h - 1 / gamma)]),
            ),
            (
                "the normalisation of q depends on gamma, too",
                lambda h, gamma: torch.stack([-2 * h**2 / gamma, -(h**3)]),
            ),
        ),
    ),
}
