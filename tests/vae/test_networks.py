"""Fully connected networks, their first weights, and a user's own networks in their place."""

import math

import pytest
import torch
from torch import distributions as D
from torch import nn
from vae_models import binary, rng

from genphys import vae


@pytest.mark.parametrize("side", [8, 28])
def test_networks_of_images_in_a_model_of_rows(side):
    """The networks see images, the model sees rows: several latents a row decode as they do one by one."""
    trunk = nn.Sequential(nn.Unflatten(1, (1, side, side)), nn.Conv2d(1, 3, 4, 2, 1), nn.SiLU(), nn.Flatten())
    width = 3 * (side // 2) ** 2
    up = nn.ConvTranspose2d(3, 1, 4, 2, 1)
    net = nn.Sequential(nn.Linear(2, width), nn.Unflatten(1, (3, side // 2, side // 2)), up, nn.Flatten())
    model = vae.VAE(vae.Encoder(trunk, width, 2, rng=rng()), vae.BernoulliDecoder(net), side * side, 2)
    vae.initialise(model, rng=rng())
    x = binary(3, side * side)
    noise = torch.randn(4, 3, 2, generator=rng())
    together = model.log_weights(x, 4, noise=noise)
    mean, log_variance = model.encode(x)
    for draw in range(4):
        for b in range(3):
            h = mean[b] + (0.5 * log_variance[b]).exp() * noise[draw, b]
            log_p = D.Bernoulli(logits=model.decoder.net(h[None])).log_prob(x[b : b + 1]).sum()
            log_r = (
                D.Normal(0.0, 1.0).log_prob(h).sum()
                - D.Normal(mean[b], (0.5 * log_variance[b]).exp()).log_prob(h).sum()
            )
            torch.testing.assert_close(together[draw, b], log_p + log_r, rtol=1e-11, atol=1e-11)
    flipped = x.unflatten(1, (side, side)).flip(-1).flatten(1)
    assert (model.encode(flipped)[0] - mean).abs().max() > 1e-6  # position matters to the encoder


def test_the_first_weights_follow_glorots_rule_and_the_biases_are_zero():
    net = vae.dense_decoder_net(300, (200,), 100, rng=rng())
    for layer in (net[0], net[2]):
        bound = math.sqrt(6 / (layer.in_features + layer.out_features))
        n = layer.weight.numel()
        assert 0.99 * bound < layer.weight.abs().max() <= bound
        # the second moment of a uniform number is bound^2 / 3, that of its square bound^4 (1/5 - 1/9)
        assert abs(layer.weight.square().mean() - bound**2 / 3) < 4 * bound**2 * math.sqrt((1 / 5 - 1 / 9) / n)
        assert (layer.bias == 0).all()


def test_a_model_made_from_one_generator_is_the_one_that_is_initialised_from_it():
    def made(random):
        encoder = vae.dense_encoder(6, (4,), 2, rng=random)
        return vae.VAE(encoder, vae.BernoulliDecoder(vae.dense_decoder_net(2, (4,), 6, rng=random)), 6, 2)

    first, second = made(rng(3)), vae.initialise(made(rng(4)), rng=rng(3))
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


def test_networks_of_one_width_after_another():
    encoder, net = vae.dense_encoder(7, (5, 4), 3, nn.SiLU, rng=rng()), vae.dense_decoder_net(3, (), 7, rng=rng())
    assert [type(layer).__name__ for layer in encoder.trunk] == ["Linear", "SiLU", "Linear", "SiLU"]
    assert [(layer.in_features, layer.out_features) for layer in encoder.trunk[::2]] == [(7, 5), (5, 4)]
    assert [(layer.in_features, layer.out_features) for layer in net] == [(3, 7)]
