"""Generative adversarial networks: two networks, the losses of their game, and the loop that plays it.

The source of chance, a :class:`torch.Generator`, is called ``rng``: a generator is a network in this room.
"""

from .game import Step, d_step, g_step, train, turn
from .inputs import interpolate, noise, to_signed, to_unit
from .losses import discriminator_loss, generator_loss, gradient_penalty, r1_penalty, value
from .networks import (
    ConditionalDiscriminator,
    ConditionalGenerator,
    Discriminator,
    Dropout,
    Generator,
    conv_discriminator,
    conv_generator,
    mlp_discriminator,
    mlp_generator,
)
from .toy import game_step, modes_covered
