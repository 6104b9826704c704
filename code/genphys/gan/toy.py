r"""Games so small that everything about them is known: the map of one step, and how many modes are found."""

import torch

from genphys.arguments import doors, function, number, points, positive, tensor


def game_step(
    g_loss: function, d_loss: function, state: tensor("2"), learning_rate: positive, *, alternating: bool = False
):
    r"""One step of gradient descent of a game of two players, as a differentiable map of their parameters.

    The state is :math:`(\theta^{(g)}, \theta^{(d)})`, the losses are functions of the two numbers in this order.
    Simultaneous steps use the old state on both sides, alternating ones give the generator the new discriminator:

    .. math::
        \theta^{(d)\prime} = \theta^{(d)} - \eta\,\partial_{\theta^{(d)}} L_d(\theta^{(g)}, \theta^{(d)}), \qquad
        \theta^{(g)\prime} = \theta^{(g)} - \eta\,\partial_{\theta^{(g)}}
        L_g(\theta^{(g)}, \theta^{(d)} \text{ or } \theta^{(d)\prime}) .

    Its Jacobian at a fixed point (``torch.autograd.functional.jacobian``) decides whether the game settles, see
    ``eq:simultaneous-eigenvalues`` and ``eq:alternating-eigenvalues``.
    """
    with torch.enable_grad():
        state = state if state.requires_grad else state.detach().requires_grad_()
        theta_g, theta_d = state.unbind()
        theta_d_new = theta_d - learning_rate * _slope(d_loss(theta_g, theta_d), theta_d)
        seen = theta_d_new if alternating else theta_d
        # Differentiated at a copy of theta_g: theta_d_new depends on theta_g, and the generator does not know.
        probe = theta_g + torch.zeros_like(theta_g)
        theta_g_new = theta_g - learning_rate * _slope(g_loss(probe, seen), probe)
        return torch.stack([theta_g_new, theta_d_new])


def _slope(loss, theta):
    return torch.autograd.grad(loss, theta, create_graph=True)[0]


def modes_covered(
    points: points("n D"), centres: points("K D", free=True), *, radius: positive, share: number(0, 1) = 0.2
):
    r"""How many modes a sample has found, and which share of it lies near any of them.

    A point belongs to the nearest centre if that is closer than ``radius``. A mode counts as found when it holds at
    least ``share`` times its fair part :math:`n/K` of the points.
    """
    distance, nearest = torch.cdist(points, centres.to(points.device, points.dtype)).min(dim=1)
    close = distance < radius
    count = torch.bincount(nearest[close], minlength=len(centres))
    found = (count >= share * len(points) / len(centres)).sum().item()
    return found, close.sum().item() / len(points)


doors(globals())
