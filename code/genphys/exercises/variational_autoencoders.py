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


def _estimate(log_p, h, mu, log_variance, prior=1, q=1):
    log_prior = -0.5 * h**2
    log_q = -0.5 * (h - mu) ** 2 / log_variance.exp() - 0.5 * log_variance
    return _importance(log_p + (prior * log_prior - q * log_q).sum(-1))


def _log_before_the_mean(log_p, h, mu, log_variance):
    log_ratio = -0.5 * h**2 + 0.5 * (h - mu) ** 2 / log_variance.exp() + 0.5 * log_variance
    return (log_p + log_ratio.sum(-1)).mean(0)


def _not_divided_by_k(log_p, h, mu, log_variance):
    return _estimate(log_p, h, mu, log_variance) + math.log(len(h))


def _encoders(rng):
    cases = []
    for k, B, K, width in ((4, 2, 1, 0.5), (6, 3, 4, 1.0), (5, 2, 2, 0.0)):
        h, log_p = (torch.randn(*shape, generator=rng, dtype=torch.float64) for shape in ((k, B, K), (k, B)))
        mu, log_variance = width * torch.randn(2, B, K, generator=rng, dtype=torch.float64)
        cases.append((3 * log_p - 20, mu + (log_variance / 2).exp() * h, mu, log_variance))
    return cases


def _changing(images):
    return images[:, images.var(0) > 0]


def _largest_eigenvalue(matrix):
    return torch.linalg.eigvalsh(matrix)[-1]


def _price(images):
    return _largest_eigenvalue(torch.corrcoef(_changing(images).T))


def _bits(rng):
    cases = []
    for n, M in ((40, 6), (60, 9), (30, 4)):
        common = torch.randn(n, 1, generator=rng, dtype=torch.float64)
        level = torch.randn(M, generator=rng, dtype=torch.float64) - 0.5
        bits = (common + level + torch.randn(n, M, generator=rng, dtype=torch.float64) > 0).double()
        bits[:, 1] = 0.0
        cases.append((bits,))
    return cases


def _flipped_layer(weight, bias, sign, of_weight=1, of_bias=1):
    turned = weight * sign if of_weight else weight
    return torch.cat([turned, (bias + of_bias * weight[:, sign < 0].sum(1))[:, None]], 1)


def _layers(rng):
    cases = []
    for units, M in ((2, 4), (3, 9), (5, 6)):
        weight, bias = (torch.randn(*shape, generator=rng, dtype=torch.float64) for shape in ((units, M), (units,)))
        sign = torch.randint(2, (M,), generator=rng).double() * 2 - 1
        sign[:2] = torch.tensor([1.0, -1.0])
        cases.append((weight, bias, sign))
    return cases


def _groups(log_w, k):
    return (log_w.view(-1, k, log_w.shape[1]).logsumexp(1) - math.log(k)).mean(0)


def _grouped_weights(rng):
    return [(torch.randn(n, B, generator=rng, dtype=torch.float64) * 2 - 90, k) for n, B, k in ((6, 2, 3), (40, 3, 10))]


def _energy_per_site(mean_spins):
    return -(mean_spins * (mean_spins.roll(1, -1) + mean_spins.roll(1, -2))).mean()


def _two_energies(p):
    return torch.stack([_energy_per_site(2 * p - 1), _energy_per_site(torch.where(p > 0.5, 1.0, -1.0).double())])


def _without_the_lattices(p):
    return _two_energies(p.mean(0, keepdim=True))


def _of_probabilities(p):
    return torch.stack([_energy_per_site(p), _energy_per_site((p > 0.5).double())])


def _means(rng):
    level = torch.randn(3, generator=rng, dtype=torch.float64)
    return [
        (torch.sigmoid(level[k] + torch.randn(n, L, L, generator=rng, dtype=torch.float64)),)
        for k, (n, L) in enumerate(((2, 4), (5, 3), (3, 6)))
    ]


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
    "ex:vae-naive": Exercise(
        answer=_estimate,
        inputs=_encoders,
        slips=(
            (
                "the draws come from q: each counts with prior over q",
                lambda log_p, h, mu, log_variance: _estimate(log_p, h, mu, log_variance, 0, 0),
            ),
            (
                "the prior of the draw is missing in its weight",
                lambda log_p, h, mu, log_variance: _estimate(log_p, h, mu, log_variance, 0, 1),
            ),
            (
                "prior over q, not q over prior",
                lambda log_p, h, mu, log_variance: _estimate(log_p, h, mu, log_variance, -1, -1),
            ),
            ("the average is taken before the logarithm", _log_before_the_mean),
            ("an average over the draws, not their sum", _not_divided_by_k),
        ),
    ),
    "ex:vae-beta": Exercise(
        answer=_price,
        inputs=_bits,
        slips=(
            (
                "each pixel counts in units of its own standard deviation",
                lambda images: _largest_eigenvalue(images.T.cov()),
            ),
            (
                "that is the trace, which no eigenvalue exceeds; the largest one is smaller",
                lambda images: torch.tensor(float(_changing(images).shape[1])),
            ),
            ("an eigenvalue is a variance, not a standard deviation", lambda images: _price(images).sqrt()),
            (
                "the last direction to collapse is the one with the largest variance",
                lambda images: torch.linalg.eigvalsh(torch.corrcoef(_changing(images).T))[0],
            ),
        ),
    ),
    "ex:vae-antiferromagnet": Exercise(
        answer=_flipped_layer,
        inputs=_layers,
        slips=(
            ("a flipped bit is 1 - x: the one goes into the bias", lambda w, b, s: _flipped_layer(w, b, s, of_bias=0)),
            ("a look at the sign of what the bias takes over", lambda w, b, s: _flipped_layer(w, b, s, of_bias=-1)),
            ("the weights of flipped bits change their sign", lambda w, b, s: _flipped_layer(w, b, s, of_weight=0)),
            ("only one sublattice was flipped", lambda w, b, s: _flipped_layer(w, b, -torch.ones_like(s))),
        ),
    ),
    "ex:vae-draws": Exercise(
        answer=_groups,
        inputs=_grouped_weights,
        slips=(
            (
                "that is the bound of all n draws: the groups are averaged after the logarithm",
                lambda w, k: _importance(w),
            ),
            ("within a group the average is taken before the logarithm", lambda w, k: w.mean(0)),
            ("all groups count, not only the first", lambda w, k: _importance(w[:k])),
            ("a mean over the k draws of a group, not their sum", lambda w, k: _groups(w, k) + math.log(k)),
        ),
        rtol=1e-5,
    ),
    "ex:vae-mean-or-draw": Exercise(
        answer=_two_energies,
        inputs=_means,
        slips=(
            ("the energy of the draws comes first", lambda p: _two_energies(p).flip(0)),
            ("spins are plus or minus one: their mean is not the probability of up", _of_probabilities),
            ("each bond counts once", lambda p: 2 * _two_energies(p)),
            ("each lattice has its own means: first the energy, then the average over lattices", _without_the_lattices),
            ("the energy per site, and a mean over the lattices", lambda p: _two_energies(p) * p[0].numel()),
        ),
    ),
}
