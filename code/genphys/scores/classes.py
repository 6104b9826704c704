r"""Scores from the class probabilities :math:`p(c\mid\mathbf{y})` that a classifier gives generated points.

The inception score is the exponential of the information that a point has on its class, and a mode score looks at the
classes of the real points as well. A class may have exactly no probability, :math:`\log 0 = -\infty`.

References:
    Salimans, Goodfellow, Zaremba, Cheung, Radford and Chen, Improved techniques for training GANs (2016). Che, Li,
    Jacob, Bengio and Li, Mode regularized generative adversarial networks (2016).
"""

import math

from genphys.arguments import doors, require, tensor
from genphys.scores.distances import in_double

LOG_ZERO = -1e300  # stands for log 0: its exponential is 0, and zero times it is zero


def log_probs_of(rows):
    """Log-probabilities of two classes or more, a distribution a row; minus infinity is one, NaN is none."""
    log_p = tensor(f"{rows} c", rows=2, finite=False, high=1e-5)
    return log_p.where(lambda v: v.shape[1] >= 2, f"{log_p.words}, two classes or more")


def inception_score(log_probs: log_probs_of("m")):
    r"""The inception score, from :math:`\log p(c\mid\mathbf{y}^{(j)})` in nats, (m, C); a float64 number.

    .. math::
        \mathrm{IS} = \exp \frac1m \sum_{j} \mathrm{KL}\big(p(c\mid\mathbf{y}^{(j)}) \,\Vert\, p(c)\big) ,
        \qquad p(c) = \frac1m \sum_j p(c\mid\mathbf{y}^{(j)})

    It lies between 1 and the number of classes (``eq:inception-bounds``). No real point enters. Differentiable.
    """
    log_p = _normalised("log_probs", log_probs)
    return _mean_kl(log_p, _log_marginal(log_p)).exp()


def mode_score(log_probs: log_probs_of("m"), real_log_probs: log_probs_of("n"), *, original: bool = False):
    r"""A mode score: an inception score that is told the classes of the real points; a float64 number.

    .. math::
        \mathrm{MS} = \exp\Big(\mathbb{E}_{\mathbf{y}} \mathrm{KL}\big(p(c\mid\mathbf{y}) \,\Vert\, p(c)\big)
        - \mathrm{KL}\big(p(c) \,\Vert\, p_\mathrm{data}(c)\big)\Big)

    is smaller where classes are missing (``def:mode-score``). The original form has :math:`p_\mathrm{data}(c)` in the
    first term too; then the real points drop out and it *equals the inception score* (``eq:mode-score-identity``).
    Log-probabilities in nats, shapes (m, C) and (n, C).
    """
    log_p, log_real = _normalised("log_probs", log_probs), _normalised("real_log_probs", real_log_probs)
    marginal, real_marginal = _log_marginal(log_p), _log_marginal(log_real)
    first = _mean_kl(log_p, real_marginal if original else marginal)
    if original:
        shared = (marginal.exp() == 0) | (real_marginal > LOG_ZERO / 2)
        takes = "in the original form, some probability for every class that generated points have"
        require(shared.all(), "real_log_probs", real_log_probs, takes)
    return (first - _mean_kl(marginal[None], real_marginal)).exp()


def _log_marginal(log_p):
    return log_p.logsumexp(0) - math.log(len(log_p))


def _mean_kl(log_p, log_q):
    """The mean over rows of sum_c p (log p - log q), (m, C) to (); a class with p = 0 has no part in it."""
    return (log_p.exp() * (log_p - log_q)).sum(1).mean()


def _normalised(name, log_probs):
    """In float64, where the rows are normalised to the precision of the input: 1e-5 is 2^7 roundings of float32."""
    log_p = in_double(log_probs)
    off = log_p.detach().logsumexp(1).abs().max().item()
    require(off <= 1e-5, name, log_probs, f"log_softmax of logits; a row sums to exp(+-{off:.3g})")
    return log_p.log_softmax(1).clamp(min=LOG_ZERO)


doors(globals())
