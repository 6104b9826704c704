"""Valid calls of genphys.vae."""

import torch
from promise import args, case, rng
from torch import nn

from genphys import vae


def normal(*shape, seed=1):
    return torch.randn(*shape, generator=rng(seed))


def binary(*shape, seed=2):
    return (torch.rand(*shape, generator=rng(seed)) < 0.5).to(torch.get_default_dtype())


def net(inputs, outputs):
    return vae.dense_decoder_net(inputs, (), outputs, rng=rng())


def model():
    return vae.VAE(
        vae.dense_encoder(6, (4,), 2, rng=rng()),
        vae.BernoulliDecoder(vae.dense_decoder_net(2, (4,), 6, rng=rng())),
        6,
        2,
    )


def linear():
    return vae.LinearVAE(6, 2)


def bernoulli():
    return vae.BernoulliDecoder(net(2, 6))


def gaussian():
    return vae.GaussianDecoder(net(2, 6))


def encoder():
    return vae.dense_encoder(6, (4,), 2, rng=rng())


# any number of latent vectors for each configuration, in any number of dimensions
ANY = {name: ["wrong shape"] for name in ("h", "logits", "noise")}
# hidden layers can be none
NONE = {"hidden": ["empty"]}


def of_a_vae(make):
    return {
        "attribute_direction": case(lambda: args(make(), binary(3, 6), binary(4, 6))),
        "edit": case(lambda: args(make(), binary(3, 6), normal(2), [0.0, 1.0])),
        "elbo": case(lambda: args(make(), binary(3, 6), samples=2, rng=rng())),
        "encode": case(lambda: args(make(), binary(3, 6))),
        "importance_weighted_bound": case(lambda: args(make(), binary(3, 6), 4, rng=rng())),
        "interpolate": case(lambda: args(make(), binary(3, 6), binary(3, 6, seed=3), 4)),
        "log_likelihood_bound": case(lambda: args(make(), binary(3, 6), 4, rng=rng(), rows=5)),
        "log_weights": case(lambda: args(make(), binary(3, 6), 4, rng=rng())),
        "reconstruct": case(lambda: args(make(), binary(3, 6))),
        "resampled_bound": case(lambda: args(make(), binary(3, 6), 4, 2, rng=rng())),
        "sample": case(lambda: args(make(), 4, rng=rng(), mean=False), allow={"mean": ["True"]}),
    }


CALLS = {
    "BernoulliDecoder": case(lambda: args(net(2, 6))),
    "BernoulliDecoder.forward": case(lambda: args(bernoulli(), normal(3, 2)), allow=ANY),
    "BernoulliDecoder.log_prob": case(lambda: args(bernoulli(), binary(3, 6), normal(3, 2)), allow=ANY),
    "BernoulliDecoder.mean": case(lambda: args(bernoulli(), normal(3, 2)), allow=ANY),
    "BernoulliDecoder.sample": case(lambda: args(bernoulli(), normal(3, 2), rng=rng()), allow=ANY),
    "Encoder": case(lambda: args(nn.Identity(), 6, 2, rng=rng())),
    "Encoder.forward": case(lambda: args(encoder(), binary(3, 6))),
    "GaussianDecoder": case(lambda: args(net(2, 6), 0.5, False), allow={"learn_variance": ["True"]}),
    "GaussianDecoder.forward": case(lambda: args(gaussian(), normal(3, 2)), allow=ANY),
    "GaussianDecoder.log_prob": case(lambda: args(gaussian(), normal(3, 6), normal(3, 2)), allow=ANY),
    "GaussianDecoder.mean": case(lambda: args(gaussian(), normal(3, 2)), allow=ANY),
    "GaussianDecoder.sample": case(lambda: args(gaussian(), normal(3, 2), rng=rng()), allow=ANY),
    "LinearVAE": case(lambda: args(6, 2)),
    "LinearVAE.log_evidence": case(lambda: args(linear(), normal(3, 6))),
    "LinearVAE.posterior": case(lambda: args(linear(), normal(3, 6))),
    "LinearVAE.set_decoder": case(lambda: args(linear(), normal(6, 2), normal(6), 0.5)),
    "LinearVAE.set_optimal_encoder": case(lambda: args(linear())),
    "VAE": case(lambda: args(encoder(), bernoulli(), 6, 2)),
    "bernoulli_log_prob": case(lambda: args(binary(3, 6), normal(3, 6)), allow=ANY),
    "dense_decoder_net": case(lambda: args(2, (4,), 6, nn.Tanh, rng=rng()), allow=NONE),
    "dense_encoder": case(lambda: args(6, [4, 5], 2, nn.Tanh, rng=rng()), allow=NONE),
    "initialise": case(lambda: args(net(2, 6), rng=rng())),
    "kl_standard_normal": case(lambda: args(normal(3, 2), normal(3, 2, seed=4))),
    "reparameterise": case(lambda: args(normal(3, 2), normal(3, 2, seed=4), normal(5, 3, 2, seed=5)), allow=ANY),
}
CALLS |= {f"VAE.{name}": row for name, row in of_a_vae(model).items()}
CALLS |= {f"LinearVAE.{name}": row for name, row in of_a_vae(linear).items()}
