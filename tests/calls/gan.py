"""Valid calls of genphys.gan."""

import torch
from promise import args, case, rng
from torch import nn

from genphys import gan


def normal(*shape, seed=1):
    return torch.randn(*shape, generator=rng(seed))


def grey(*shape, seed=2):
    return torch.rand(*shape, generator=rng(seed))


def labels(n=3):
    return torch.arange(n)


def g():
    return gan.mlp_generator(3, 1, 5, 4, bounded=False, rng=rng())


def d():
    return gan.mlp_discriminator(4, 1, 5, dropout=0.3, rng=rng())


def conditional_g():
    return gan.ConditionalGenerator(3, 5, 2, rng=rng())


def conditional_d():
    return gan.ConditionalDiscriminator(5, 2, rng=rng())


def sgd(network):
    return torch.optim.SGD(network.parameters(), 0.1)


def players():
    return g(), d()


def a_step(which):
    one, other = players()
    if which == "d":
        return args(one, other, normal(6, 4), normal(6, 3), sgd(other), game="minimax")
    return args(one, other, normal(6, 3), sgd(one), game="minimax")


def a_turn():
    one, other = players()
    return args(one, other, normal(6, 4), normal(6, 3), g_optimiser=sgd(one), d_optimiser=sgd(other), game="minimax")


def a_training():
    one, other = players()
    return args(
        one,
        other,
        [normal(6, 4), normal(6, 4, seed=3)],
        g_optimiser=sgd(one),
        d_optimiser=sgd(other),
        rng=rng(),
        game="non-saturating",
        kind="normal",
        d_steps=2,
        smoothing=0.1,
        gp_weight=0.5,
        r1_weight=0.5,
    )


def first(a, b):
    return a * b


def other(a, b):
    return -a * b


def quadratic(x):
    return x.flatten(1).square().sum(1)


ANY = ["wrong shape"]  # logits and images come in any shape
LAYER = {"x": ["NaN", "empty", "wrong shape"]}  # a layer passes on what it gets; the loss says what is not finite
SHAPES = {"real": ANY, "fake": ANY, "images": ANY}

CALLS = {
    "ConditionalDiscriminator": case(lambda: args(5, 2, rng=rng())),
    "ConditionalDiscriminator.forward": case(lambda: args(conditional_d(), grey(3, 784), labels())),
    "ConditionalGenerator": case(lambda: args(3, 5, 2, rng=rng())),
    "ConditionalGenerator.forward": case(lambda: args(conditional_g(), normal(3, 3), labels())),
    "Discriminator": case(lambda: args(4, [("fc", nn.Flatten())])),
    "Discriminator.forward": case(lambda: args(d(), normal(6, 4))),
    "Dropout": case(lambda: args(0.3, rng=rng())),
    "Dropout.extra_repr": case(lambda: args(gan.Dropout(0.3, rng=rng()))),
    "Dropout.forward": case(lambda: args(gan.Dropout(0.3, rng=rng()), normal(6, 4)), allow=LAYER),
    "Generator": case(lambda: args(3, [("fc", nn.Flatten())])),
    "Generator.forward": case(lambda: args(g(), normal(6, 3))),
    "conv_discriminator": case(lambda: args(2, rng=rng())),
    "conv_generator": case(lambda: args(3, 2, rng=rng())),
    # a step is plain: the data may have any shape that the networks take
    "d_step": case(lambda: a_step("d"), allow={"real": ANY, "z": ANY}),
    "discriminator_loss": case(lambda: args(normal(5), normal(6), "minimax", smoothing=0.1), allow=SHAPES),
    "g_step": case(lambda: a_step("g"), allow={"z": ANY}),
    "game_step": case(lambda: args(first, other, normal(2), 0.1, alternating=False), allow={"alternating": ["True"]}),
    "generator_loss": case(lambda: args(normal(5), "minimax"), allow=SHAPES),
    "gradient_penalty": case(lambda: args(d(), normal(6, 4), normal(6, 4, seed=3), rng=rng())),
    "interpolate": case(lambda: args(normal(5), normal(5, seed=3), 4)),
    "mlp_discriminator": case(lambda: args(4, 1, 5, dropout=0.3, rng=rng())),
    "mlp_generator": case(lambda: args(3, 1, 5, 4, bounded=False, rng=rng()), allow={"bounded": ["True"]}),
    "modes_covered": case(lambda: args(normal(6, 2), normal(3, 2), radius=0.5, share=0.2)),
    "noise": case(lambda: args(5, 3, "normal", rng=rng())),
    "r1_penalty": case(lambda: args(quadratic, normal(6, 4)), allow=SHAPES),
    "to_signed": case(lambda: args(grey(3, 4)), allow=SHAPES),
    "to_unit": case(lambda: args(grey(3, 4)), allow=SHAPES),
    "train": case(a_training),
    "turn": case(a_turn, allow={"real": ANY, "z": ANY}),
    "value": case(lambda: args(normal(5), normal(6)), allow=SHAPES),
}
