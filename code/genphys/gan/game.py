r"""The game: a step of each player, a turn, and the loop that plays it.

One turn is a step of the discriminator and one of the generator against the new discriminator (``eq:one-turn``),

.. math::
    \theta^{(d)\prime} = \theta^{(d)} - \eta\,\nabla_{\theta^{(d)}} L_d\big(\theta^{(d)}, \theta^{(g)}\big) , \qquad
    \theta^{(g)\prime} = \theta^{(g)} - \eta\,\nabla_{\theta^{(g)}} L_g\big(\theta^{(d)\prime}, \theta^{(g)}\big) ,

:func:`d_step` and :func:`g_step` are these two lines, each with an optimiser of its own, the ``d_train`` and
``g_train`` of the source lecture; :func:`turn` takes both, and :func:`train` takes the same turns in less time.

References:
    Goodfellow et al., Generative adversarial nets (2014), Algorithm 1.
"""

from typing import NamedTuple

import torch
from torch import nn

from genphys import arguments
from genphys.arguments import count, doors, function, iterable, label, number, require, source, tensor, unchecked
from genphys.gan.inputs import Noise, noise
from genphys.gan.losses import WITH_LABELS, Game, discriminator_loss, generator_loss, gradient_penalty, r1_penalty
from genphys.gan.networks import Generator
from genphys.numerics import must_stay_finite

Optimiser = torch.optim.Optimizer
ADVICE = "take a smaller learning rate, or restrain the discriminator by r1_weight or gp_weight"

_noise, _must_stay_finite = unchecked(noise), unchecked(must_stay_finite)
_discriminator_loss, _generator_loss = unchecked(discriminator_loss), unchecked(generator_loss)
_gradient_penalty, _r1_penalty = unchecked(gradient_penalty), unchecked(r1_penalty)


def d_step(
    g: function,
    d: function,
    real: tensor("..."),
    z: tensor("..."),
    d_optimiser: Optimiser,
    *,
    game: Game = "non-saturating",
    penalty: function | None = None,
):
    """One step of the discriminator on data and samples; the generator stands still. The loss before it, shape ().

    ``penalty`` is a function of d, data and samples that is added to the loss.
    """
    fake = g(z).detach()  # (n, K) -> (n, M)
    loss = discriminator_loss(d(real), d(fake), game)
    if penalty is not None:
        loss = loss + penalty(d, real, fake)
    d_optimiser.zero_grad()
    loss.backward()
    d_optimiser.step()
    return loss.detach()


def g_step(g: function, d: function, z: tensor("..."), g_optimiser: Optimiser, *, game: Game = "non-saturating"):
    """One step of the generator against the discriminator, which stands still. The loss before it, shape ()."""
    loss = generator_loss(d(g(z)), game)  # (n, K) -> (n, M) -> (n,)
    g_optimiser.zero_grad()
    loss.backward()
    g_optimiser.step()
    return loss.detach()


def turn(
    g: function,
    d: function,
    real: tensor("..."),
    z: tensor("..."),
    *,
    g_optimiser: Optimiser,
    d_optimiser: Optimiser,
    game: Game = "non-saturating",
    penalty: function | None = None,
):
    """One turn of the game (``eq:one-turn``) with the same noise for both steps. The two losses."""
    d_loss = d_step(g, d, real, z, d_optimiser, game=game, penalty=penalty)
    g_loss = g_step(g, d, z, g_optimiser, game=game)
    return d_loss, g_loss


class Step(NamedTuple):
    r"""What one turn of :func:`train` found, as tensors of shape () off the graph.

    ``d_real`` and ``d_fake`` are the mean :math:`d = \operatorname{sigmoid}(\ell)` of the data and of the samples (for
    the Wasserstein game and least squares the means of :math:`\ell`), before the discriminator's step.
    """

    d_loss: torch.Tensor
    g_loss: torch.Tensor
    d_real: torch.Tensor
    d_fake: torch.Tensor


def train(
    g: nn.Module,
    d: nn.Module,
    batches: iterable,
    *,
    g_optimiser: Optimiser,
    d_optimiser: Optimiser,
    rng: source,
    game: Game = "non-saturating",
    kind: Noise = "uniform",
    d_steps: count() = 1,
    smoothing: number(0, below=0.5) = 0.0,
    gp_weight: number(0) = 0.0,
    r1_weight: number(0) = 0.0,
):
    """Play the game: ``d_steps`` steps of the discriminator, one of the generator, as long as there are batches.

    The loop is a Python generator: it yields a :class:`Step` after each turn, and the caller looks, plots or stops. Its
    turns are those of :func:`turn` in less time: data and samples go through the discriminator in one pass, the
    generator's step uses the samples of the discriminator's last step, and no gradient is computed that nobody uses.
    A turn after which a loss is not finite raises :class:`genphys.numerics.Diverged`.

    The logit of a row must not depend on the other rows (no batch normalisation), and the generator has the attribute
    ``noise_size``. Batches are data of shape (n, M), in [-1, 1] for a generator that ends in a tanh, or pairs of data
    and labels (n,) for conditional networks, which are then asked for these labels; each of the ``d_steps`` takes one.
    ``smoothing`` is that of :func:`~genphys.gan.losses.discriminator_loss`; the weights are those with which
    :func:`~genphys.gan.losses.gradient_penalty` and :func:`~genphys.gan.losses.r1_penalty` are added to it.
    """
    takes = f"0 in the game {game!r}, which has no labels"
    require(not smoothing or game in WITH_LABELS, "smoothing", smoothing, takes)
    require(isinstance(getattr(g, "noise_size", None), int), "g", g, "a network with a whole number noise_size")
    play_g, play_d, g_parameters = unchecked(g), unchecked(d), list(g.parameters())
    rules = _Rules(game, smoothing, gp_weight, r1_weight)
    output = torch.sigmoid if game in WITH_LABELS else torch.clone

    def turns():
        for i, batch in enumerate(arguments.batches(_batch_of(g), batches, owner=d), 1):
            real, *labels = batch if isinstance(batch, tuple | list) else (batch,)
            last = i % d_steps == 0
            z = _noise(len(real), g.noise_size, kind, rng=rng, dtype=real.dtype).to(real.device)
            with torch.set_grad_enabled(last):  # the generator's step needs the graph of the samples
                fake = play_g(z, *labels)
            d_loss, on_real, on_fake = _d_step_fused(play_d, real, fake.detach(), labels, d_optimiser, rules, rng)
            if last:
                g_loss = _g_step_fused(play_d, fake, labels, g_optimiser, g_parameters, game)
                _must_stay_finite(i // d_steps, ADVICE, discriminator_loss=d_loss, generator_loss=g_loss)
                yield Step(d_loss, g_loss, output(on_real).mean(), output(on_fake).mean())

    return turns()


class _Rules(NamedTuple):
    game: str
    smoothing: float
    gp_weight: float
    r1_weight: float


def _d_step_fused(d, real, fake, labels, d_optimiser, rules, rng):
    """:func:`d_step` with one pass over data and samples: the loss, and the logits of both."""
    both = d(torch.cat([real, fake]), *(torch.cat([y, y]) for y in labels))  # (2n, M) -> (2n,)
    on_real, on_fake = both.split(len(real))
    loss = _discriminator_loss(on_real, on_fake, rules.game, smoothing=rules.smoothing)
    classes = labels[0] if labels else None
    if rules.gp_weight:
        loss = loss + rules.gp_weight * _gradient_penalty(d, real, fake, rng=rng, labels=classes)
    if rules.r1_weight:
        loss = loss + rules.r1_weight * _r1_penalty(d, real, labels=classes)
    d_optimiser.zero_grad()
    loss.backward()
    d_optimiser.step()
    return loss.detach(), on_real.detach(), on_fake.detach()


def _g_step_fused(d, fake, labels, g_optimiser, g_parameters, game):
    """:func:`g_step` on samples that are there, without the gradient of the discriminator's weights."""
    loss = _generator_loss(d(fake, *labels), game)
    g_optimiser.zero_grad()
    loss.backward(inputs=g_parameters)
    g_optimiser.step()
    return loss.detach()


def _batch_of(g):
    """What the generator ``g`` is trained on: data, or data and labels, in the range of its tanh if it ends in one."""
    data, classes = tensor("n input_size"), getattr(g, "classes", None)
    if getattr(g, "bounded", False):
        data = tensor("n input_size", low=-1, high=1)
        data.words += ", the range of the generator's tanh (gan.to_signed)"
    pairs = arguments.together(data, label("n", classes))
    if classes is not None:
        return pairs
    return data if isinstance(g, Generator) else data | pairs


doors(globals())
