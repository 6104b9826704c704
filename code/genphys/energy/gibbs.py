"""Gibbs sampling without sampling: a whole probability distribution is moved through a sweep.

Unit after unit, the probability of each pair of configurations that differ in unit i is shared out again by the
conditional probability of the unit. This is what infinitely many chains do.
"""

from genphys.arguments import doors, require, tensor


def gibbs_sweep(prob: tensor("states", low=0), log_f: tensor("states")):
    r"""One systematic sweep, exactly; :math:`M 2^M` operations, where the matrix of the sweep has :math:`4^M` entries.

    .. math::
        q(\mathbf{x}) \leftarrow p(x_i \mid \mathbf{x}_{\setminus i}) \sum_{x_i'} q(x_i', \mathbf{x}_{\setminus i}) ,
        \qquad i = 1, \dots, M

    ``prob`` is the distribution :math:`q`, (2^M,), in the order of :func:`~genphys.exact.finite.all_configurations`,
    and ``log_f``, of the same shape, that of the model whose conditional probabilities are used, up to a constant.
    """
    M = len(prob).bit_length() - 1
    require(len(prob) == 2**M and M > 0, "prob", prob, "shape (2^M,) with M of 1 or more")
    for i in range(M):
        pair = (2**i, 2, 2 ** (M - 1 - i))  # the middle axis is unit i
        conditional = log_f.view(pair).softmax(1)
        prob = (conditional * prob.view(pair).sum(1, keepdim=True)).flatten()
    return prob


doors(globals())
