"""The exercises of the chapter on the first GAN."""

import math

import torch

from genphys.exercises.judge import Exercise

__all__ = ["EXERCISES"]


def _slopes(critic, real, fake, u):
    point = (u * real + (1 - u) * fake).detach().requires_grad_()
    return torch.autograd.grad(critic(point).sum(), point, create_graph=True)[0]


def _penalty(critic, real, fake, u):
    return (_slopes(critic, real, fake, u).norm(dim=1) - 1).square().mean()


def _squared_length(critic, real, fake, u):
    return (_slopes(critic, real, fake, u).square().sum(1) - 1).square().mean()


def _towards_zero(critic, real, fake, u):
    return _slopes(critic, real, fake, u).square().sum(1).mean()


def _at_the_data(critic, real, fake, u):
    return _penalty(critic, real, real, u)


def _each_component(critic, real, fake, u):
    return (_slopes(critic, real, fake, u).abs() - 1).square().mean()


def _critics(rng):
    cases = []
    for n, M in ((3, 2), (6, 5), (40, 4)):
        A = torch.randn(M, M, generator=rng, dtype=torch.float64)
        b = torch.randn(M, generator=rng, dtype=torch.float64)
        real, fake = torch.randn(2, n, M, generator=rng, dtype=torch.float64)
        u = torch.rand(n, 1, generator=rng, dtype=torch.float64)
        cases.append((lambda x, A=A, b=b: (x @ A).tanh() @ b + (x * x) @ b / 3, real, fake, u))
    return cases


def _step(w, real, fake, learning_rate, data=-1.0, samples=1.0):
    of_data = (torch.sigmoid(-(real @ w))[:, None] * real).mean(0)
    of_samples = (torch.sigmoid(fake @ w)[:, None] * fake).mean(0)
    return w - learning_rate * (data * of_data + samples * of_samples)


def _uphill(w, real, fake, learning_rate):
    return _step(w, real, fake, -learning_rate)


def _summed(w, real, fake, learning_rate):
    return _step(w, real, fake, learning_rate, -len(real), len(fake))


def _data_only(w, real, fake, learning_rate):
    return _step(w, real, fake, learning_rate, -1.0, 0.0)


def _never_sure(w, real, fake, learning_rate):
    return w - learning_rate * (fake.mean(0) - real.mean(0))


def _boundaries(rng):
    cases = []
    for n, M, learning_rate in ((1, 2, 0.5), (7, 3, 0.1), (50, 6, 2.0)):
        real, fake = torch.randn(2, n, M, generator=rng, dtype=torch.float64)
        w = torch.randn(M, generator=rng, dtype=torch.float64)
        cases.append((w, real + 0.5, fake - 0.5, learning_rate))
    return cases


def _class_biases(W, b, n_classes):
    return b + W[:, -n_classes:].T


def _at_most(n, share, spread, drawn):
    """The probability that `drawn` equal binomial counts have a range of at most `spread`, exactly."""
    k = torch.arange(n + 1, dtype=torch.float64)
    ways = math.lgamma(n + 1) - torch.lgamma(k + 1) - torch.lgamma(n - k + 1)
    p = torch.exp(ways + torch.special.xlogy(k, share) + torch.special.xlogy(n - k, torch.tensor(1 - share)))
    below = torch.cat([torch.zeros(1, dtype=torch.float64), p.cumsum(0), torch.ones(spread, dtype=torch.float64)])
    low = torch.arange(n + 1)
    return ((below[low + spread + 1] - below[low]) ** drawn - (below[low + spread + 1] - below[low + 1]) ** drawn).sum()


def _chance(counts, n, more=0, drawn=None):
    """The probability of a range at least as large as that of `counts`."""
    spread = int(counts.max() - counts.min()) + more
    return 1 - _at_most(n, counts.double().mean().item() / n, spread - 1, drawn or len(counts))


def _two_named(counts, n):
    return _chance(counts, n, drawn=2)


def _normal_pair(counts, n):
    """Worst and best as if the two had been chosen before."""
    share = counts.double().mean() / n
    z = (counts.max() - counts.min()) / n / (2 * share * (1 - share) / n).sqrt()
    return torch.special.erfc(z / 2**0.5)


def _digits(rng):
    return [
        (torch.tensor([199, 196, 190, 195, 193, 198, 197, 192, 196, 194]), 200),
        (torch.tensor([60, 50, 55, 48]), 100),
        (torch.tensor([180, 176, 188, 170, 181, 179]), 200),
    ]


EXERCISES = {
    "ex:write-gradient-penalty": Exercise(
        answer=_penalty,
        inputs=_critics,
        slips=(
            ("the length of the gradient is the root of its square: take the root before the 1", _squared_length),
            ("this draws the length towards 0; the penalty draws it towards 1", _towards_zero),
            ("the penalty acts between the real and the generated points, not at the data", _at_the_data),
            ("one length for each point, over all its components", _each_component),
        ),
    ),
    "ex:write-discriminator-step": Exercise(
        answer=_step,
        inputs=_boundaries,
        slips=(
            ("this climbs the loss: descent subtracts the gradient", _uphill),
            ("the loss is a mean over the rows, this is a sum", _summed),
            ("the samples have a share in the loss too", _data_only),
            ("this is the critic's step; with logits each row counts as much as it is misjudged", _never_sure),
        ),
    ),
    "ex:deeper": Exercise(
        answer=torch.tensor([46134.0, 44401.0]),
        rtol=1e-6,
        slips=(
            ("each layer has biases", torch.tensor([45200.0, 44250.0])),
            (
                "three hidden layers are joined by two layers of weights, and two more lead in and out",
                torch.tensor([43584.0, 41851.0]),
            ),
            ("the generator comes first", torch.tensor([44401.0, 46134.0])),
        ),
    ),
    "ex:smoothed-level": Exercise(
        answer=lambda s: -(1 - s) * math.log((1 - s) / 2) - (1 + s) * math.log((1 + s) / 2),
        inputs=lambda rng: [(0.1,), (0.3,), (0.0,)],
        slips=(
            ("that is the level without smoothing", lambda s: math.log(4)),
            (
                "the samples count with the weight one",
                lambda s: -(1 - s) * math.log((1 - s) / 2) - s * math.log((1 + s) / 2),
            ),
            ("the best discriminator no longer says one half", lambda s: math.log(4) * (1 + s)),
            (
                "a look at which logarithm belongs to which weight",
                lambda s: -(1 + s) * math.log((1 - s) / 2) - (1 - s) * math.log((1 + s) / 2),
            ),
        ),
    ),
    "ex:leak": Exercise(
        answer=lambda n: 0.01**n,
        inputs=lambda rng: [(1,), (2,)],
        slips=(
            ("the slopes of a chain multiply", lambda n: 0.01 / n),
            ("each layer has a slope of its own", lambda n: 0.01),
            ("a gradient shrinks: the factor is below one", lambda n: 100.0**n),
        ),
    ),
    "ex:missing": Exercise(
        answer=lambda share, fair, errors: errors**2 * share * (1 - share) / (fair - share) ** 2,
        inputs=lambda rng: [(0.05, 0.1, 4), (0.02, 0.05, 2), (0.3, 0.5, 5)],
        slips=(
            (
                "the standard error is that of the share which is drawn",
                lambda share, fair, errors: errors**2 * fair * (1 - fair) / (fair - share) ** 2,
            ),
            (
                "an error falls as one over the root of n",
                lambda share, fair, errors: errors * (share * (1 - share)) ** 0.5 / (fair - share),
            ),
            (
                "a sample is a nine or is not: its variance is that of a coin",
                lambda share, fair, errors: errors**2 * share / (fair - share) ** 2,
            ),
        ),
    ),
    "ex:one-hot": Exercise(
        answer=_class_biases,
        inputs=lambda rng: [
            (torch.randn(out, K + n, generator=rng), torch.randn(out, generator=rng), n)
            for out, K, n in ((4, 3, 2), (5, 6, 4), (3, 2, 10))
        ],
        slips=(
            ("the layer has a bias of its own, too", lambda W, b, n: W[:, -n:].T),
            ("the noise comes first in the joined vector, the class last", lambda W, b, n: b + W[:, :n].T),
            (
                "an affine layer adds: the bias is not multiplied by the column",
                lambda W, b, n: b * W[:, -n:].T,
            ),
            ("one class at a time is on, not all those up to it", lambda W, b, n: b + W[:, -n:].T.cumsum(0)),
        ),
    ),
    "ex:hardest": Exercise(
        answer=_chance,
        inputs=_digits,
        rtol=0.02,
        slips=(
            ("worst and best are the extremes of all digits, not two digits that were named before", _two_named),
            ("that is the chance to differ less", lambda counts, n: 1 - _chance(counts, n)),
            ("a spread that is as large counts, too", lambda counts, n: _chance(counts, n, more=1)),
            ("worst and best were chosen after looking, so no normal error of two shares will do", _normal_pair),
        ),
    ),
}
