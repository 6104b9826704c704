"""The pseudolikelihood against definitions by enumeration and against logistic regression of another library."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from genphys import deep_energy, exact

D = torch.float64
PAIRS = torch.triu_indices(4, 4, 1)


def statistics(s):
    return torch.cat([s[:, PAIRS[0]] * s[:, PAIRS[1]], s], 1)


def machine(seed=0):
    theta = 0.5 * torch.randn(10, generator=torch.Generator().manual_seed(seed), dtype=D)
    states = exact.all_configurations(4, values=(-1, 1))
    return theta, states, (statistics(states) @ theta).softmax(0)


def test_each_factor_is_the_conditional_probability():
    theta, states, p = machine()
    found = deep_energy.log_pseudolikelihood(theta, deep_energy.flip_differences(statistics, states))
    wanted = torch.zeros(16, dtype=D)
    for k, s in enumerate(states):
        for i in range(4):
            same = [m for m, t in enumerate(states) if all(t[j] == s[j] for j in range(4) if j != i)]
            wanted[k] += (p[k] / p[same].sum()).log()
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-13)


def test_the_fit_is_stationary_and_agrees_with_logistic_regression():
    _, states, p = machine(1)
    s = states[torch.multinomial(p, 3000, replacement=True, generator=torch.Generator().manual_seed(2))]

    # one unit alone, its three couplings and its field: an ordinary logistic regression
    def of_first(x):
        return torch.cat([x[:, :1] * x[:, 1:], x[:, :1]], 1)

    d = deep_energy.flip_differences(of_first, s)[:, :1]  # the other units' factors hold these parameters as well
    found = deep_energy.fit_pseudolikelihood(d, steps=12)
    model = LogisticRegression(C=np.inf, tol=1e-12, max_iter=1000).fit(2 * s[:, 1:].numpy(), s[:, 0].numpy())
    np.testing.assert_allclose(found[:3], model.coef_[0], rtol=1e-4)
    assert found[3].item() == pytest.approx(model.intercept_[0] / 2, rel=1e-4)


def test_at_the_truth_the_mean_gradient_vanishes_and_the_fit_finds_it():
    theta, states, p = machine(3)
    d = deep_energy.flip_differences(statistics, states)
    leaf = theta.clone().requires_grad_()
    (slope,) = torch.autograd.grad((p * deep_energy.log_pseudolikelihood(leaf, d)).sum(), leaf)
    torch.testing.assert_close(slope, torch.zeros(10, dtype=D), rtol=0, atol=1e-14)
    s = states[torch.multinomial(p, 40_000, replacement=True, generator=torch.Generator().manual_seed(4))]
    d = deep_energy.flip_differences(statistics, s)
    found = deep_energy.fit_pseudolikelihood(d, steps=10)
    error = deep_energy.godambe_covariance(found, d).diagonal().sqrt()
    assert ((found - theta) / error).abs().max() < 4


def test_the_sandwich_of_a_likelihood_is_the_inverse_information():
    states = machine(5)[1]
    pair = states[:, :1] * states[:, 1:2]  # two spins: twice the likelihood of their product
    d = deep_energy.flip_differences(lambda x: x[:, :1] * x[:, 1:2], states[:, :2])
    t = torch.tensor([0.7], dtype=D)
    weight = (pair @ t).softmax(0)
    rows = torch.multinomial(weight, 200_000, replacement=True, generator=torch.Generator().manual_seed(6))
    found = deep_energy.godambe_covariance(t, d[rows]) * len(rows)
    assert found.item() == pytest.approx(1 / (1 - torch.tanh(t).item() ** 2), rel=0.02)


FITS = {
    "fit": lambda d: deep_energy.fit_pseudolikelihood(d),
    "covariance": lambda d: deep_energy.godambe_covariance(torch.zeros(d.shape[2], dtype=d.dtype), d),
    "scores": lambda d: deep_energy.linear_score_matching(d.mT, d[:, 0]),
}


@pytest.mark.parametrize("name", FITS)
@pytest.mark.parametrize("dtype", [torch.float32, D])
def test_statistics_that_leave_the_parameters_open_are_refused(name, dtype):
    """All zero, one constant, two equal, and one the sum of two others but for rounding."""
    d = torch.randn(60, 4, 2, generator=torch.Generator().manual_seed(7), dtype=dtype)
    FITS[name](d)
    constant, equal = torch.cat([d, 0 * d[..., :1]], 2), torch.cat([d, d[..., :1]], 2)
    total = torch.cat([d, (0.3 * d).sum(2, keepdim=True)], 2)
    argument = "gradients" if name == "scores" else "differences"
    for wrong in (0 * d, constant, equal, total):
        with pytest.raises(
            ValueError, match=rf"{argument} is a tensor.*takes statistics that vary and are independent"
        ):
            FITS[name](wrong)


@pytest.mark.parametrize("name", FITS)
def test_the_units_of_the_statistics_do_not_matter(name):
    d = torch.randn(60, 4, 2, generator=torch.Generator().manual_seed(8), dtype=D)
    units = torch.tensor([1e-9, 1e9], dtype=D)
    found, wanted = FITS[name](units * d), FITS[name](d)
    wanted = wanted / (torch.outer(units, units) if name == "covariance" else units)
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=0)
