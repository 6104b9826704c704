"""Variational autoencoders: encoder, decoders, the evidence lower bound and its importance-weighted refinement."""

from genphys.vae.decoders import (
    BernoulliDecoder,
    GaussianDecoder,
    bernoulli_log_prob,
    bernoulli_log_prob_fused,
    dense_decoder_net,
)
from genphys.vae.encoder import Encoder, dense_encoder, kl_standard_normal, reparameterise
from genphys.vae.linear import LinearVAE
from genphys.vae.model import VAE
from genphys.vae.networks import initialise

__all__ = [
    "VAE",
    "BernoulliDecoder",
    "Encoder",
    "GaussianDecoder",
    "LinearVAE",
    "bernoulli_log_prob",
    "bernoulli_log_prob_fused",
    "dense_decoder_net",
    "dense_encoder",
    "initialise",
    "kl_standard_normal",
    "reparameterise",
]
