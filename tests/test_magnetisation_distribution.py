"""The exact distribution of the magnetisation against enumeration, Kaufman's partition function and sampling."""

import math

import pytest
import torch

from genphys.systems import ising


@pytest.mark.parametrize("L", [2, 3, 4])
@pytest.mark.parametrize("T", [1.0, ising.T_C, 10.0])
def test_against_enumeration(L, T):
    spins = ising.configurations(L)
    p = (-ising.energy(spins) / T).softmax(0)
    up = ((ising.magnetisation(spins) + 1) / 2 * L * L).round().long()
    expected = torch.zeros(L * L + 1, dtype=torch.float64).index_add(0, up, p)
    m, found = ising.magnetisation_distribution(L, T)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(m, torch.arange(L * L + 1, dtype=torch.float64) * 2 / (L * L) - 1)


def test_symmetry_and_limits_on_a_larger_lattice():
    p = ising.magnetisation_distribution(7, 2.5)[1]
    torch.testing.assert_close(p, p.flip(0), rtol=0, atol=1e-13)
    hot = ising.magnetisation_distribution(6, 1e7)[1]  # free spins: a binomial distribution
    binomial = torch.tensor([math.comb(36, n) / 2**36 for n in range(37)], dtype=torch.float64)
    torch.testing.assert_close(hot, binomial, rtol=0, atol=1e-7)
    cold = ising.magnetisation_distribution(6, 0.2)[1]
    torch.testing.assert_close(cold[[0, -1]], torch.tensor([0.5, 0.5], dtype=torch.float64), rtol=0, atol=1e-12)


def test_against_cluster_sampling():
    L, T, chains = 8, 2.4, 500
    s = ising.sample(
        L, T, n_samples=20, n_chains=chains, generator=torch.Generator().manual_seed(1), burn_in=40, thin=4
    )
    per_chain = ising.magnetisation(s.double()).abs().mean(0)  # chains are independent
    m, p = ising.magnetisation_distribution(L, T)
    assert abs(per_chain.mean() - p @ m.abs()) < 4 * per_chain.std() / math.sqrt(chains)


@pytest.mark.parametrize("L, T, words", [(9, 2.0, "L is 9, takes 2 to 8"), (1, 2.0, "L is 1"), (4, 0.0, "T is 0")])
def test_errors(L, T, words):
    with pytest.raises(ValueError, match=words):
        ising.magnetisation_distribution(L, T)
