"""The exercises of the chapter on energy models."""

import torch

from genphys.exact import all_configurations
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


def _sweep(x, w, b, u):
    x = x.clone()
    for i in range(x.shape[1]):
        x[:, i] = (u[:, i] < torch.sigmoid(b[i] + x @ w[:, i])).to(x.dtype)
    return x


def _all_at_once(x, w, b, u):
    return (u < torch.sigmoid(b + x @ w)).to(x.dtype)


def _last_unit_first(x, w, b, u):
    def turn(*tensors):
        return (tensor.flip(-1) for tensor in tensors)

    x, w, b, u = turn(x, w.flip(0), b, u)
    return _sweep(x, w, b, u).flip(-1)


def _reversed_coin(x, w, b, u):
    return _sweep(x, -w, -b, 1 - u)  # one if u is above the probability


def _half_the_coupling(x, w, b, u):
    return _sweep(x, w / 2, b, u)


def _machines(rng):
    def machine(n, M):
        w = torch.randn(M, M, generator=rng, dtype=torch.float64).triu(1)
        b = torch.randn(M, generator=rng, dtype=torch.float64)
        u = torch.rand(n, M, generator=rng, dtype=torch.float64)
        x = torch.randint(0, 2, (n, M), generator=rng).double()
        return x, w + w.T, b, u

    return [machine(40, 5), machine(200, 9), machine(7, 3)]


def _magnets(rng):
    def symmetric(M):
        J = torch.randn(M, M, generator=rng, dtype=torch.float64).triu(1)
        return J + J.T

    return [(symmetric(4), 0.3, 1.5), (symmetric(6), -1.0, 0.7), (symmetric(3), 0.0, 3.0)]


def _covariances(rng):
    points = (torch.randn(20, n, generator=rng, dtype=torch.float64) * torch.arange(1.0, n + 1) for n in (3, 5, 2))
    return [(x.T.cov(),) for x in points]


def _coin(mu):
    up = torch.as_tensor((1 + mu) / 2)
    return torch.special.entr(up) + torch.special.entr(1 - up)


def _pairs(M):
    i, j = torch.triu_indices(M, M, 1)
    s = all_configurations(M, values=(-1, 1))
    return s[:, i] * s[:, j]


def _couplings(means, M):
    phi, theta = _pairs(M), torch.zeros_like(means)
    for _ in range(20):
        p = (phi @ theta).softmax(0)
        centred = phi - p @ phi
        change = torch.linalg.solve((centred.T * p) @ centred, means - p @ phi)
        theta = theta + change / max(1.0, float(change.abs().max()))
    return theta


def _mean_field_couplings(means, M):
    i, j = torch.triu_indices(M, M, 1)
    C = torch.eye(M, dtype=means.dtype)
    C[i, j] = C[j, i] = means
    return -torch.linalg.inv(C)[i, j]


def _products(rng):
    cases = []
    for M in (3, 4, 5):
        phi = _pairs(M)
        theta = 0.8 * torch.rand(phi.shape[1], generator=rng, dtype=torch.float64) - 0.3
        cases.append(((phi @ theta).softmax(0) @ phi, M))
    return cases


EXERCISES = {
    "ex:write-sweep": Exercise(
        answer=_sweep,
        inputs=_machines,
        slips=(
            ("all units are redrawn from the old values: each has to see the new values before it", _all_at_once),
            ("a unit is set to one if its random number is smaller than the probability", _reversed_coin),
            ("the bias is missing in the local field", lambda x, w, b, u: _sweep(x, w, 0 * b, u)),
            ("each pair acts with its full coupling: w is symmetric, nothing is counted twice", _half_the_coupling),
            ("the first unit is redrawn first", _last_unit_first),
        ),
    ),
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
    "ex:spins-and-bits": Exercise(
        answer=lambda J, B, T: torch.cat([4 * J / T, 2 * (B - J.sum(1)[None]) / T]),
        inputs=_magnets,
        slips=(
            (
                "a product of spins has terms with one bit: the couplings act on the biases",
                lambda J, B, T: torch.cat([4 * J / T, 2 * (B - 0 * J[:1]) / T]),
            ),
            (
                "each of the two spins of a pair is twice its bit",
                lambda J, B, T: torch.cat([2 * J / T, 2 * (B - J.sum(1)[None]) / T]),
            ),
            ("energies count in units of T", lambda J, B, T: torch.cat([4 * J, 2 * (B - J.sum(1)[None])])),
            (
                "a look at the sign of the one in s = 2 x - 1",
                lambda J, B, T: torch.cat([4 * J / T, 2 * (B + J.sum(1)[None]) / T]),
            ),
        ),
    ),
    "ex:learning-rate": Exercise(
        answer=lambda C: 2 / torch.linalg.eigvalsh(C)[-1],
        inputs=_covariances,
        slips=(
            ("a factor may also be negative, down to minus one", lambda C: 1 / torch.linalg.eigvalsh(C)[-1]),
            ("which direction is the first to grow?", lambda C: 2 / torch.linalg.eigvalsh(C)[0]),
            ("each direction has a factor of its own: the trace mixes them", lambda C: 2 / C.trace()),
        ),
    ),
    "ex:newton-digits": Exercise(
        answer=lambda theta, mean: theta + (mean - theta.sigmoid()) / (theta.sigmoid() * (1 - theta.sigmoid())),
        inputs=lambda rng: [(torch.randn(n, generator=rng), 0.05 + 0.9 * torch.rand(n, generator=rng)) for n in (4, 9)],
        slips=(
            ("that is gradient ascent: divide by the second derivative", lambda t, mean: t + mean - t.sigmoid()),
            (
                "uphill, please: a look at the sign of the step",
                lambda t, mean: t - (mean - t.sigmoid()) / (t.sigmoid() * (1 - t.sigmoid())),
            ),
            (
                "the Hessian is taken where the step begins, at theta",
                lambda t, mean: t + (mean - t.sigmoid()) / (mean * (1 - mean)),
            ),
        ),
    ),
    "ex:gibbs-bogoliubov": Exercise(
        answer=lambda mu, T: -32 * mu**2 - 16 * T * _coin(mu),
        inputs=lambda rng: [(torch.tensor(mu), T) for mu, T in ((0.3, 2.0), (0.9, 1.0), (-0.5, 3.0), (0.0, 2.5))],
        slips=(
            ("entropy lowers the free energy", lambda mu, T: -32 * mu**2 + 16 * T * _coin(mu)),
            ("sixteen spins have sixteen times the entropy of one", lambda mu, T: -32 * mu**2 - T * _coin(mu)),
            (
                "each of the 16 spins has four neighbours: how many pairs?",
                lambda mu, T: -16 * mu**2 - 16 * T * _coin(mu),
            ),
            ("the entropy is multiplied by the temperature", lambda mu, T: -32 * mu**2 - 16 * _coin(mu)),
        ),
    ),
    "ex:autocorrelation": Exercise(
        answer=lambda d, lam: (d**2 @ ((1 + lam) / (1 - lam))) / (d @ d),
        inputs=lambda rng: [
            (torch.randn(n, generator=rng).double(), 0.95 * torch.rand(n, generator=rng).double()) for n in (3, 6, 2)
        ],
        slips=(
            ("a time and its negative both count", lambda d, lam: (d**2 @ (1 / (1 - lam))) / (d @ d)),
            ("the variance at equal times counts once", lambda d, lam: (d**2 @ (2 / (1 - lam))) / (d @ d)),
            (
                "a mode weighs with the square of its overlap",
                lambda d, lam: (d.abs() @ ((1 + lam) / (1 - lam))) / d.abs().sum(),
            ),
            ("not all modes weigh the same", lambda d, lam: ((1 + lam) / (1 - lam)).mean()),
        ),
    ),
    "ex:find-the-lattice": Exercise(
        answer=_couplings,
        inputs=_products,
        slips=(
            (
                "those are the correlations: a pair is correlated through others, too",
                lambda means, M: means,
            ),
            ("that holds for two spins by themselves: the detours are still inside", lambda means, M: means.atanh()),
            ("that is the fit of normal numbers, not of spins", _mean_field_couplings),
            ("each pair acts once, with its full coupling", lambda means, M: _couplings(means, M) / 2),
            ("log f grows with theta times the products: a look at the sign", lambda means, M: -_couplings(means, M)),
        ),
        rtol=1e-2,
    ),
}
