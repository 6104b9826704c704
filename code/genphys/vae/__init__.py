"""Variational autoencoders: encoder, decoders, the evidence lower bound and its importance-weighted refinement."""

from .decoders import BernoulliDecoder, GaussianDecoder, bernoulli_log_prob, dense_decoder_net
from .encoder import Encoder, dense_encoder, kl_standard_normal, reparameterise
from .linear import LinearVAE
from .model import VAE
from .networks import initialise
