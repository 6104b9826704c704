r"""What is known exactly of the lattice, and independent exact draws.

The vector of observables of one configuration of :math:`M = L^2` spins is

.. math:: \mathbf{a} = \big(e,\ e^2,\ |m|,\ m^2,\ m^4,\ g_2,\ g_3,\ g_4\big) , \qquad
    e = \frac EM , \qquad g_r = \frac{1}{2M}\sum_{x,\mu} s_x\, s_{x + r\hat\mu} .

The nearest neighbours are in the energy, :math:`e = -2 g_1`. For :math:`L = 8` all averages are exact: the energy and
its square by Kaufman's formula, the powers of :math:`m` by a transfer matrix with a fugacity, and the two-point
function :math:`C(r) = \langle g_r\rangle` by a transfer matrix with two spins put in.
"""

import functools

import torch

from genphys.arguments import count, doors, positive, tensor
from genphys.exact import all_configurations
from genphys.numerics import double
from genphys.systems import ising, onsager, transfer_matrix

__all__ = ["OBSERVABLES", "TEMPERATURES", "exact_averages", "exact_draws", "measure", "two_point"]

OBSERVABLES = ("e", "e2", "abs_m", "m2", "m4", "g2", "g3", "g4")
TEMPERATURES = {"2": 2.0, "T_c": ising.T_C, "3": 3.0}
CHAINS, THIN = 1000, 6  # of cluster steps, where the lattice is too large for the transfer matrix


def measure(spins: tensor("n L L", kind="any", values=(-1, 1), rows=1)):
    """The observables of each configuration, shape (n, 8), in the order of :data:`OBSERVABLES`; float64."""
    s = double(spins)
    e = ising.energy(s) / s[0].numel()
    m = s.mean((1, 2))
    g = [((s * s.roll(-r, 1)).mean((1, 2)) + (s * s.roll(-r, 2)).mean((1, 2))) / 2 for r in (2, 3, 4)]
    return torch.stack([e, e**2, m.abs(), m**2, m**4, *g], 1)


def two_point(L: count(2, 8), T: positive):
    r"""The two-point function :math:`C(r) = \langle s_x s_{x + r\hat\mu}\rangle` for r = 0, ..., L - 1, exactly.

    With the symmetric matrix :math:`V` of two neighbouring rows (half of the bonds within each) and the diagonal
    matrix :math:`S` of the first spin of a row it is (``eq:two-point-trace``)

    .. math:: C(r) = \frac{\operatorname{tr}\big(S V^r S V^{L-r}\big)}{\operatorname{tr} V^L} .
    """
    row = all_configurations(L, values=(-1, 1))  # (2^L, L)
    within = (row * row.roll(-1, 1)).sum(1) / float(T)
    V = (row @ row.T / float(T) + (within[:, None] + within) / 2 - 2 * L / float(T)).exp()
    value, vector = torch.linalg.eigh(V)
    inserted = vector.T @ (row[:, :1] * vector)  # S between the eigenvectors
    value = value / value[-1]
    power = [value**k for k in range(L + 1)]
    weights = torch.stack([torch.outer(power[r], power[L - r]) for r in range(L)])
    return (weights * inserted.square()).sum((1, 2)) / power[L].sum()


@functools.lru_cache(maxsize=8)
def _averages(L, T):
    u, c = (float(f(L, T)) for f in (onsager.kaufman_energy, onsager.kaufman_heat_capacity))
    m, p = onsager.magnetisation_distribution(L, T)
    moments = [(p @ m.abs() ** k).item() for k in (1, 2, 4)]
    return torch.tensor([u, u**2 + c * T**2 / L**2, *moments, *two_point(L, T)[2:5].tolist()], dtype=torch.float64)


def exact_averages(L: count(8, 8), T: positive):
    """The exact averages of :func:`measure`, shape (8,).

    Below the side 8 two of the distances are the same around the lattice; above it the matrices are too large.
    """
    return _averages(L, float(T)).clone()


def exact_draws(L: count(2), T: positive, n: count(), *, seed: count(0)):
    """Configurations of the lattice, shape (n, L, L), float32: independent exact draws up to the side 8.

    They come row by row from the transfer matrix. Larger lattices are drawn by Swendsen and Wang's clusters: 1 000
    chains, 40 steps from random spins, then every sixth step.
    """
    return _drawn(L, float(T), n, seed).clone()


@functools.lru_cache(maxsize=16)
def _drawn(L, T, n, seed):
    rng = torch.Generator().manual_seed(seed)
    if L <= 8:
        return transfer_matrix.draw(n, *transfer_matrix.uniform(L, T), rng=rng).float()
    kept = -(-n // CHAINS)
    found = ising.sample(L, T, n_samples=kept, n_chains=CHAINS, burn_in=40, thin=THIN, rng=rng, dtype=torch.float32)
    return found.flatten(0, 1)[:n]


doors(globals())
