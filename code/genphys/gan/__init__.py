"""Generative adversarial networks: two networks, the losses of their game, and the loop that plays it.

The source of chance, a :class:`torch.Generator`, is called ``rng``: a generator is a network in this room.
"""

from genphys.gan.game import Step, d_step, g_step, train, turn
from genphys.gan.inputs import interpolate, noise, to_signed, to_unit
from genphys.gan.losses import discriminator_loss, generator_loss, gradient_penalty, r1_penalty, value
from genphys.gan.networks import (
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
from genphys.gan.toy import game_step, modes_covered

__all__ = [
    "ConditionalDiscriminator",
    "ConditionalGenerator",
    "Discriminator",
    "Dropout",
    "Generator",
    "Step",
    "conv_discriminator",
    "conv_generator",
    "d_step",
    "discriminator_loss",
    "g_step",
    "game_step",
    "generator_loss",
    "gradient_penalty",
    "interpolate",
    "mlp_discriminator",
    "mlp_generator",
    "modes_covered",
    "noise",
    "r1_penalty",
    "to_signed",
    "to_unit",
    "train",
    "turn",
    "value",
]
