r"""What the players minimise: the losses of four games, and the penalties on the slope of the discriminator.

The discriminator gives the probability :math:`d(\mathbf{x}) = \operatorname{sigmoid}(\ell(\mathbf{x}))` that
:math:`\mathbf{x}` comes from the data; it maximises the :func:`value` of the game, which the generator minimises.
Losses take the logit :math:`\ell`: :math:`\log d = -\operatorname{softplus}(-\ell)` and
:math:`\log(1-d) = -\operatorname{softplus}(\ell)` stay finite, with the right gradient, where :math:`d` itself has
rounded to 0 or 1. In least squares and in the Wasserstein game :math:`\ell` is a real number and no logit.

References:
    Goodfellow et al. (2014): the game and the non-saturating loss. Salimans et al. (2016): one-sided
    smoothing. Mao et al. (2017): least squares. Gulrajani et al. (2017): gradient penalty. Mescheder et al. (2018): R1.
"""

from typing import Literal

import torch
import torch.nn.functional as F

from genphys.arguments import doors, function, label, number, require, source, tensor, unchecked

Game = Literal["minimax", "non-saturating", "least-squares", "wasserstein"]
WITH_LABELS = ("minimax", "non-saturating")  # the discriminator's output is the probability of the label "data"


def value(real: tensor("..."), fake: tensor("...")):
    r"""The value of the game from logits of data and of samples, in nats, at most 0 (``def:value``).

    .. math:: v = \langle\log d\rangle_\mathrm{real} + \langle\log(1-d)\rangle_\mathrm{fake}
    """
    return F.logsigmoid(real).mean() + F.logsigmoid(-fake).mean()


def discriminator_loss(
    real: tensor("..."), fake: tensor("..."), game: Game = "non-saturating", *, smoothing: number(0, below=0.5) = 0.0
):
    r"""What the discriminator minimises, from logits of data and of samples.

    - ``"minimax"``: :math:`-v = \langle\operatorname{softplus}(-\ell)\rangle_\mathrm{real}
      + \langle\operatorname{softplus}(\ell)\rangle_\mathrm{fake}`, see ``def:value``;
    - ``"non-saturating"``: the same; the two games differ in the generator's loss;
    - ``"least-squares"``: :math:`\frac12\langle(\ell-1)^2\rangle_\mathrm{real}
      + \frac12\langle\ell^2\rangle_\mathrm{fake}`;
    - ``"wasserstein"``: :math:`\langle\ell\rangle_\mathrm{fake} - \langle\ell\rangle_\mathrm{real}`.

    Smoothing by :math:`s`, in the first two games, sets the target of data to :math:`1 - s` in place of 1.
    """
    takes = f"0 in the game {game!r}, which has no labels"
    require(not smoothing or game in WITH_LABELS, "smoothing", smoothing, takes)
    if game in WITH_LABELS:
        # softplus(l) = softplus(-l) + l, so that (1 - s) softplus(-l) + s softplus(l) = softplus(-l) + s l
        loss = F.softplus(-real).mean() + F.softplus(fake).mean()
        return loss + smoothing * real.mean() if smoothing else loss
    if game == "least-squares":
        return (real - 1).square().mean() / 2 + fake.square().mean() / 2
    return fake.mean() - real.mean()


def generator_loss(fake: tensor("..."), game: Game = "non-saturating"):
    r"""What the generator minimises, from logits of its samples.

    - ``"minimax"``: :math:`\langle\log(1-d)\rangle = -\langle\operatorname{softplus}(\ell)\rangle`;
    - ``"non-saturating"``: :math:`-\langle\log d\rangle = \langle\operatorname{softplus}(-\ell)\rangle`;
    - ``"least-squares"``: :math:`\frac12\langle(\ell-1)^2\rangle`;
    - ``"wasserstein"``: :math:`-\langle\ell\rangle`.
    """
    if game == "minimax":
        return -F.softplus(fake).mean()
    if game == "non-saturating":
        return F.softplus(-fake).mean()
    if game == "least-squares":
        return (fake - 1).square().mean() / 2
    return -fake.mean()


def gradient_penalty(
    d: function, real: tensor("n d ..."), fake: tensor("n d ..."), *, rng: source, labels: label("n") | None = None
):
    r"""The mean squared deviation of the slope from one, on lines from real to fake samples (``def:gradient-penalty``).

    .. math:: \big\langle (|\nabla_{\hat{\mathbf{x}}}\ell(\hat{\mathbf{x}})| - 1)^2 \big\rangle , \qquad
              \hat{\mathbf{x}} = u\,\mathbf{x} + (1-u)\,g(\mathbf{z})

    with one uniform :math:`u` a pair. The critic ``d`` takes a batch, and labels if given; the samples get no gradient.
    """
    u = torch.rand(len(real), generator=rng, device=rng.device, dtype=real.dtype).to(real.device)
    x_hat = torch.lerp(fake, real, u.reshape(-1, *[1] * (real.ndim - 1)))  # u x + (1 - u) g(z)
    slope = _gradient(d, x_hat, labels).flatten(1).norm(dim=1)  # (n,)
    return (slope - 1).square().mean()


def r1_penalty(d: function, real: tensor("n d ..."), *, labels: label("n") | None = None):
    r"""Half the mean squared slope of the logit at the data (``def:r1``).

    .. math:: R_1 / \gamma = \tfrac12 \langle|\nabla_\mathbf{x}\ell|^2\rangle_\mathrm{real}

    The norm's square is differentiable at zero, where the norm is not.
    """
    return _gradient(d, real, labels).flatten(1).square().sum(1).mean() / 2


def _gradient(d, x, labels):
    """The gradient of the logit of each row with respect to that row, itself differentiable, the shape of x."""
    x = x.detach().requires_grad_()
    logits = unchecked(d)(x) if labels is None else unchecked(d)(x, labels)
    one_each = isinstance(logits, torch.Tensor) and logits.shape in ((len(x),), (len(x), 1)) and logits.requires_grad
    require(one_each, "d", d, f"a function that returns one logit a row, ({len(x)},), with its gradient (no no_grad)")
    return torch.autograd.grad(logits.sum(), x, create_graph=True)[0]


doors(globals())
