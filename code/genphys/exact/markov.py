r"""Markov chains on finite sets: their transition matrices, stationary distributions and spectral gaps.

A kernel is a row-stochastic matrix, :math:`P_{xy} = P(x \to y)`, so that a distribution evolves as :math:`p^\top P`.
"""

import torch

from genphys.arguments import doors, probabilities, require, tensor
from genphys.numerics import double


def single_site_kernels(log_prob: tensor("states")):
    r"""The heat-bath transition matrix of each unit of an enumerated binary system (``def:gibbs-kernel``).

    The kernel of unit i redraws :math:`x_i` from its conditional distribution and leaves the others alone,

    .. math:: P^{(i)}_{xy} = \frac{p(y)}{p(y) + p(y^{(i)})} \text{ if } y_j = x_j \text{ for } j\ne i, \text{ else } 0 ,

    where :math:`y^{(i)}` is y with unit i flipped. A random scan is the mean of the kernels, a systematic sweep their
    product in the order of the units, ``torch.linalg.multi_dot(tuple(kernels))``. Log-probabilities, normalised or not,
    (2^M,), in the order of :func:`~genphys.exact.finite.all_configurations`, to row-stochastic matrices (M, 2^M, 2^M).
    """
    M = len(log_prob).bit_length() - 1
    require(len(log_prob) == 2**M and 1 <= M <= 10, "log_prob", log_prob, "shape (2^M,) with M from 1 to 10")
    state = torch.arange(2**M, device=log_prob.device)
    kernels = torch.zeros((M, 2**M, 2**M), dtype=log_prob.dtype, device=log_prob.device)
    for unit in range(M):
        flipped = state ^ (1 << (M - 1 - unit))
        stay = torch.sigmoid(log_prob - log_prob[flipped])
        kernels[unit, state, state] = stay
        kernels[unit, state, flipped] = stay[flipped]
    return kernels


def stationary_distribution(P: probabilities("n n")):
    r"""The stationary distribution of a finite chain, :math:`p^\top P = p^\top`, shape (n,) (``eq:stationarity``).

    A chain that has more than one is refused.
    """
    n, flow = len(P), double(P).mT - torch.eye(len(P), dtype=torch.float64)
    singular = torch.linalg.svdvals(flow)
    rounding = n * torch.finfo(P.dtype).eps * max(1.0, singular[0].item())
    require(n == 1 or singular[-2] > rounding, "P", P, "a chain with a single closed class")
    system = torch.cat([flow, flow.new_ones(1, n)])
    p = torch.linalg.lstsq(system, torch.cat([flow.new_zeros(n), flow.new_ones(1)])[:, None]).solution[:, 0]
    p = p.clamp(min=0)
    return (p / p.sum()).to(P.dtype).to(P.device)


def spectral_gap(P: probabilities("n n")):
    r"""The spectral gap :math:`1 - \max_{k\ge 2}|\lambda_k|` of a finite Markov chain of two states or more, shape ().

    Its inverse bounds the steps that the slowest mode takes to decay by a factor e. If reducible or periodic it is 0.
    """
    require(len(P) > 1, "P", P, "a chain of two states or more")
    return (1 - torch.linalg.eigvals(double(P)).abs().sort(descending=True).values[1]).to(P.dtype).to(P.device)


def detailed_balance_violation(P: probabilities("n n"), p: probabilities("n")):
    r"""The largest net probability current, shape (), which ``eq:detailed-balance`` says is none.

    .. math:: \max_{xy}|p_x P_{xy} - p_y P_{yx}|

    It is 0 to rounding if and only if the chain is reversible with respect to ``p``.
    """
    flow = p[:, None] * P
    return (flow - flow.mT).abs().max()


doors(globals())
