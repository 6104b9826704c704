r"""Finite sets: the states of binary units written out, and entropies and divergences of distributions over them.

The :math:`2^M` states of M binary units stand in binary counting order, and a distribution is a vector over them.
Everything is in nats and in the dtype of its arguments.
"""

import math

import torch

from genphys.arguments import count, doors, is_distribution, many, number, require, tensor

_SUM_1 = "probabilities of sum 1 along the last dimension, or their logarithms with log=True"


def all_configurations(M: count(1, 25), values: many(number(), 2) = (0, 1), dtype=torch.float64, device=None):
    """All states of M binary units in binary counting order: row n holds the digits of n, the last unit fastest.

    The result takes :math:`2^M M` numbers: 8 MB in float64 for M = 16, 168 MB for M = 20 and 6.7 GB for M = 25;
    ``dtype=torch.int8`` takes an eighth of it. The two ``values`` of a unit are any.
    """
    require(len(values) == 2 and values[0] != values[1], "values", values, "two different numbers")
    states = torch.empty((2**M, M), dtype=dtype, device=device)
    for unit in range(M):
        column = states[:, unit].view(2**unit, 2, -1)
        column[:, 0], column[:, 1] = values
    return states


def entropy(p: tensor("... n", finite=False), *, log: bool = False):
    r"""The entropy of a discrete distribution, shape (...) (``def:entropy``).

    .. math:: H(p) = -\sum_x p(x)\ln p(x) , \qquad 0\ln 0 = 0

    With ``log`` the argument holds log-probabilities, in all functions of this file that take it.
    """
    p = p.exp() if log else p
    require(is_distribution(p), "p", p, _SUM_1)
    return -torch.xlogy(p, p).sum(-1)


def kl_divergence(p: tensor("* n", finite=False), q: tensor("* n", finite=False), *, log: bool = False):
    r"""The Kullback-Leibler divergence of two discrete distributions, shape (...) (``def:kl-divergence``).

    .. math:: \mathrm{KL}(p\,\|\,q) = \sum_x p(x)\ln\frac{p(x)}{q(x)}

    It is infinite where :math:`q` vanishes and :math:`p` does not. Log-probabilities keep the digits of small ones.
    """
    prob_p, prob_q = (p.exp(), q.exp()) if log else (p, q)
    require(is_distribution(prob_p), "p", p, _SUM_1)
    require(is_distribution(prob_q), "q", q, _SUM_1)
    log_p, log_q = (p, q) if log else (p.log(), q.log())
    terms = prob_p * (log_p - log_q)
    return torch.where(prob_p > 0, terms, torch.zeros_like(terms)).sum(-1)  # 0 ln 0 = 0, whatever q is


def jensen_shannon_on_grid(log_p: tensor("n", finite=False), log_q: tensor("n", finite=False), x: tensor("n")):
    r"""The Jensen-Shannon divergence of two densities in one dimension by the trapezium rule, shape ().

    .. math:: \mathrm{JSD}(p, q) = \frac{1}{2}\int \Big[p\ln\frac{2p}{p+q} + q\ln\frac{2q}{p+q}\Big]\,dx

    The log-densities, -inf where a density vanishes, are those at the points ``x`` of the grid, which is so wide and
    fine that both integrate to 1 on it within 1e-3.
    """
    require(len(x) > 2 and bool((x.diff() > 0).all()), "x", x, "a grid of 3 or more points that increases strictly")
    p, q = log_p.exp(), log_q.exp()
    for name, density in (("log_p", p), ("log_q", q)):
        mass = torch.trapezoid(density, x).item()
        require(abs(mass - 1) < 1e-3, name, mass, "a log-density whose integral on the grid is 1")
    log_m = torch.logaddexp(log_p, log_q) - math.log(2)
    zero = torch.zeros_like(x)
    integrand = torch.where(p > 0, p * (log_p - log_m), zero) + torch.where(q > 0, q * (log_q - log_m), zero)
    return torch.trapezoid(integrand, x) / 2


doors(globals())
