"""Small machines for tests, in float64, and what they are compared with: plain loops over all configurations."""

import itertools

import torch

from genphys import exact, rbm

SIGMA = torch.tensor([0.75, 1.25], dtype=torch.float64)  # exact in float32 too


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def close(found, wanted, atol=1e-11):
    torch.testing.assert_close(found, wanted, atol=atol, rtol=0)


def random_bernoulli(visible=5, hidden=4, std=1.0, seed=0):
    return randomised(rbm.BernoulliRBM(visible, hidden, rng=rng()), std, seed)


def random_gaussian(hidden=3, std=0.8, seed=0):
    return randomised(rbm.GaussianBernoulliRBM(2, hidden, sigma=SIGMA, rng=rng()), std, seed)


def randomised(model, std, seed):
    chance = rng(seed)
    model = model.double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=std, generator=chance)
    return model


def binary(n, units, p=0.4, seed=1):
    """Independent zeros and ones."""
    return (torch.rand(n, units, generator=rng(seed)) < p).double()


def joint_table(model):
    """log f(x, h) of every pair from the energy's definition, term by term, in plain loops."""
    x, h = (exact.all_configurations(units) for units in (model.visible, model.hidden))
    table = torch.zeros(len(x), len(h), dtype=torch.float64)
    for n, m in itertools.product(range(len(x)), range(len(h))):
        for i in range(model.visible):
            table[n, m] += model.visible_bias[i].item() * x[n, i]
        for j in range(model.hidden):
            table[n, m] += model.hidden_bias[j].item() * h[m, j]
        for i, j in itertools.product(range(model.visible), range(model.hidden)):
            table[n, m] += x[n, i] * model.weight[i, j].item() * h[m, j]
    return x, h, table


def counts(x):
    """How often each of the 2^M configurations is in x."""
    place = 2 ** torch.arange(x.shape[1] - 1, -1, -1)
    return (x.long() @ place).bincount(minlength=2 ** x.shape[1]).double()


def chi_square(observed, p):
    """Pearson's statistic over its number of degrees of freedom: mean 1, standard deviation sqrt(2/d)."""
    expected = p * observed.sum()
    return ((observed - expected).square() / expected).sum().item() / (len(p) - 1)
