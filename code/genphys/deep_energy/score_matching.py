r"""Score matching: fit :math:`\nabla_\mathbf{x}\log p`, in which Z does not appear.

The Fisher divergence :math:`\tfrac12\mathbb{E}|\mathbf{s}_\theta - \nabla\log p_\mathrm{data}|^2` contains the
unknown score of the data; integrated by parts it does not (``eq:score-by-parts``), and for data with Gaussian noise the
score of the noise takes its place (``eq:denoising-score``). Losses are means, in nats per length squared.

References:
    Hyvärinen (2005); Vincent (2011); Song, Garg, Shi and Ermon (2020) for the sliced form.
"""

import torch

from genphys.arguments import doors, function, positive, source, tensor
from genphys.deep_energy.pseudolikelihood import solve


def score_of(energy: function, x: tensor("n d"), *, create_graph: bool = False):
    r"""The score :math:`\mathbf{s}_\theta = -\nabla_\mathbf{x} E_\theta`, (n, d), of an energy from (n, d) to (n,)."""
    x = x if x.requires_grad else x.detach().requires_grad_()
    with torch.enable_grad():
        return -torch.autograd.grad(energy(x).sum(), x, create_graph=create_graph)[0]


def explicit_loss(energy: function, x: tensor("n d")):
    r"""Score matching (``eq:score-by-parts``).

    .. math:: \langle\tfrac12|\mathbf{s}_\theta|^2 + \nabla\cdot\mathbf{s}_\theta\rangle

    The divergence takes one derivative for each dimension.
    """
    x = x.detach().requires_grad_()
    s = score_of(energy, x, create_graph=True)  # (n, d)
    divergence = sum(torch.autograd.grad(s[:, i].sum(), x, create_graph=True)[0][:, i] for i in range(x.shape[1]))
    return (s.square().sum(1) / 2 + divergence).mean()


def sliced_loss(energy: function, x: tensor("n d"), *, rng: source):
    r"""Sliced score matching: the divergence along one random direction :math:`\mathbf{v}` (``eq:sliced-score``).

    .. math:: \langle\tfrac12|\mathbf{s}_\theta|^2 + \mathbf{v}^T(\nabla\mathbf{s}_\theta)\mathbf{v}\rangle ,
        \qquad \mathbb{E}\,\mathbf{v}\mathbf{v}^T = I ,

    with signs as :math:`\mathbf{v}`: two derivatives in any dimension.
    """
    x = x.detach().requires_grad_()
    v = torch.randint(2, x.shape, generator=rng, device=x.device).to(x.dtype) * 2 - 1
    s = score_of(energy, x, create_graph=True)
    along = torch.autograd.grad((s * v).sum(), x, create_graph=True)[0]  # (n, d): v^T ds/dx
    return (s.square().sum(1) / 2 + (along * v).sum(1)).mean()


def denoising_loss(energy: function, x: tensor("n d"), sigma: positive, *, rng: source):
    r"""Denoising score matching, :math:`\tfrac12\langle|\mathbf{s}_\theta(\mathbf{x}+\sigma\mathbf{z})
    + \mathbf{z}/\sigma|^2\rangle` (``eq:denoising-score``): the score of the data blurred by :math:`\sigma`."""
    z = torch.randn(x.shape, generator=rng, dtype=x.dtype, device=x.device)
    s = score_of(energy, x + sigma * z, create_graph=True)
    return (s + z / sigma).square().sum(1).mean() / 2


def linear_score_matching(gradients: tensor("n P d"), laplacians: tensor("n P")):
    r"""The minimum of :func:`explicit_loss` for :math:`E_\theta = \sum_k\theta_k\phi_k`, (P,) (``eq:linear-score``).

    .. math:: \sum_l\langle\nabla\phi_k\cdot\nabla\phi_l\rangle\,\theta_l = \langle\Delta\phi_k\rangle
    """
    matrix = torch.einsum("npd,nqd->pq", gradients, gradients) / len(gradients)
    return solve(matrix, laplacians.mean(0), "gradients", gradients)


doors(globals())
