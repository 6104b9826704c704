r"""The transfer matrix: exact answers for an Ising lattice with any couplings and fields, row by row.

The weight of a periodic lattice of :math:`L` rows :math:`\mathbf{s}_i` is a product over rows and pairs of rows,

.. math:: \log f = \sum_i \Big[\sum_j \big(r_{ij}\, s_{ij} s_{i,j+1} + b_{ij}\, s_{ij}\big)
    + \sum_j d_{ij}\, s_{ij} s_{i+1,j}\Big] ,

so that the sum over all :math:`2^{LW}` configurations is the trace of a product of :math:`L` matrices of
:math:`2^W\times2^W`: an 8 x 8 lattice takes milliseconds, 10 x 10 a second. Parameters are in units of T: couplings
:math:`r`, :math:`d` and fields :math:`b` are those of the energy divided by the temperature. Derivatives of
:math:`\log Z` by automatic differentiation are the averages of what the parameters multiply.

References:
    Kramers and Wannier (1941).
"""

import torch

from genphys.arguments import count, doors, require, source, tensor
from genphys.exact import all_configurations

MOST = 12  # spins in a row: its matrices have 4^12 entries
lattice = tensor("L W").where(
    lambda v: v.shape[1] <= MOST, f"a floating tensor of shape (L, W), rows of at most {MOST} spins"
)


def _factors(right, down, field):
    """The rows' states (2^W, W) and the logarithms of the matrices, (2^W, 2^W), one for each row."""
    s = all_configurations(right.shape[1], (-1, 1), dtype=right.dtype, device=right.device)
    along = (s * s.roll(-1, 1)) @ right.T + s @ field.T  # (2^W, L)
    factors = [along[:, i, None] + (s * down[i]) @ s.T for i in range(len(right))]
    require(all(f.isfinite().all() for f in factors), "right", right, "couplings that, with down and field, are finite")
    return s, factors


def log_partition(right: lattice, down: tensor("L W"), field: tensor("L W")):
    r"""The exact :math:`\log Z`, in nats; it can be differentiated.

    The coupling of each spin to its ``right`` neighbour and the one ``down``, and the ``field`` on it, in units of T.
    """
    s, factors = _factors(right, down, field)
    product, log_scale = torch.eye(len(s), dtype=right.dtype, device=right.device), 0.0
    for factor in factors:
        product = product @ (factor - factor.max()).exp()  # (2^W, 2^W)
        scale = product.max()
        product, log_scale = product / scale, log_scale + factor.max() + scale.log()
    return product.trace().log() + log_scale


@torch.no_grad()
def draw(n: count(), right: lattice, down: tensor("L W"), field: tensor("L W"), *, rng: source):
    """Independent configurations from the exact distribution, one row of the lattice after the other; spins (n, L, W).

    The first row has the probability of the diagonal of the whole product; each further one follows from the row above
    and from the product of the matrices that lead back to the first row.
    """
    s, factors = _factors(right, down, field)
    back = [torch.eye(len(s), dtype=right.dtype, device=right.device)]  # back[k]: from row L - k to the first row
    for factor in reversed(factors):
        product = (factor - factor.max()).exp() @ back[-1]
        back.append(product / product.max())
    first = torch.multinomial(back[-1].diagonal(), n, replacement=True, generator=rng)
    rows = [first]
    for i in range(1, len(factors)):
        log_weight = factors[i - 1][rows[-1]] + back[-1 - i][:, first].T.log()  # (n, 2^W)
        rows.append(torch.multinomial(log_weight.softmax(1), 1, generator=rng)[:, 0])
    return s[torch.stack(rows, 1)]


def uniform(L: count(2), T: tensor("") | float, *, dtype=torch.float64):
    """The parameters of the L x L lattice with J = 1 and no field at temperature T, for the functions above."""
    require(T > 0, "T", T, "a temperature above 0")
    bond = torch.full((L, L), 1 / float(T), dtype=dtype)
    return bond, bond.clone(), torch.zeros(L, L, dtype=dtype)


doors(globals())
