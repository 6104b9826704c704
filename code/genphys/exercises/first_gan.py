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
}
