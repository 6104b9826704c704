"""The exercises of the chapter on energy models."""

import torch

from genphys.exercises.judge import Exercise

__all__ = ["EXERCISES"]


def _mean_and_variance(energies, T):
    p = (-energies / T).softmax(0)
    mean = (p * energies).sum()
    return mean, (p * (energies - mean) ** 2).sum()


def _heat_capacity(energies, T):
    return _mean_and_variance(energies, T)[1] / T**2


def _without_the_mean(energies, T):
    p = (-energies / T).softmax(0)
    return (p * energies**2).sum() / T**2


def _uniform_average(energies, T):
    return energies.var(correction=0) / T**2


def _spectra(rng):
    def levels(n):
        return 3 * torch.randn(n, generator=rng, dtype=torch.float64)

    return [(levels(5), 2.0), (levels(7), 0.7), (levels(4) + 50.0, 1.3), (levels(64), 5.0)]


def _net_flow(theta):
    a = torch.sigmoid(torch.as_tensor(2 * theta, dtype=torch.float64))
    return (0.5 - a) * a * (1 - a)


def _field_halved(theta):
    return _net_flow(theta / 2)


def _not_weighted(theta):
    a = torch.sigmoid(torch.as_tensor(2 * theta, dtype=torch.float64))
    return 0 * a


EXERCISES = {
    "ex:heat-capacity": Exercise(
        answer=_heat_capacity,
        inputs=_spectra,
        slips=(
            (
                "a factor of T is missing: the derivative of 1/T brings two of them",
                lambda energies, T: _mean_and_variance(energies, T)[1] / T,
            ),
            ("the variance of E is not divided by T at all", lambda energies, T: _mean_and_variance(energies, T)[1]),
            ("the second moment of E is not yet its variance", _without_the_mean),
            ("each level counts with its Boltzmann weight, not equally", _uniform_average),
        ),
    ),
    "ex:sweep-by-hand": Exercise(
        answer=_net_flow,
        inputs=lambda rng: [(1.0,), (0.3,), (-0.8,), (2.0,)],
        slips=(
            ("the sign: flow from up-down to up-up, minus the flow back", lambda theta: -_net_flow(theta)),
            ("turning a spin changes log f by twice its field", _field_halved),
            ("the two steps are equally probable, but the configurations that they start from are not", _not_weighted),
            ("each configuration has half the probability of its pair", lambda theta: 2 * _net_flow(theta)),
        ),
    ),
}
