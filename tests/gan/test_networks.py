"""The two networks: their layers, their first weights, dropout and labels."""

import itertools
import math

import pytest
import torch

from genphys import gan


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("depth", [0, 1, 2, 3, 5])
def test_deep_stacks_keep_all_their_layers(depth):
    g = gan.mlp_generator(7, depth, 11, 13, rng=rng())
    d = gan.mlp_discriminator(13, depth, 11, rng=rng())
    for network, width in ((g, 13), (d, 1)):
        linear = [m for m in network if isinstance(m, torch.nn.Linear)]
        sizes = [7 if network is g else 13] + [11] * depth + [width]
        assert [(m.in_features, m.out_features) for m in linear] == list(itertools.pairwise(sizes))
        assert sum(isinstance(m, torch.nn.LeakyReLU) for m in network) == depth
        assert str(network).count("Linear(") == depth + 1  # the printed model shows them
    assert sum(isinstance(m, gan.Dropout) for m in d) == depth
    assert g(torch.zeros(3, 7)).shape == (3, 13)
    assert d(torch.zeros(3, 13)).shape == (3,)


def test_the_default_networks_are_the_lectures():
    count = [
        sum(p.numel() for p in network.parameters())
        for network in (gan.mlp_generator(rng=rng()), gan.mlp_discriminator(rng=rng()))
    ]
    assert count == [20 * 100 + 100 + 100 * 784 + 784, 784 * 100 + 100 + 100 + 1]


def test_images_of_the_generators_have_the_range_of_a_tanh():
    for g in (gan.mlp_generator(rng=rng()), gan.conv_generator(8, 4, rng=rng())):
        x = g(100 * gan.noise(20, g.noise_size, "normal", rng=rng(1)))
        assert x.shape == (20, 784)
        assert -1 <= x.min() < 0 < x.max() <= 1
        gan.to_unit(x)


def test_rows_of_the_convolutional_discriminator_do_not_depend_on_each_other():
    d = gan.conv_discriminator(4, rng=rng())
    x = torch.randn(6, 784, generator=rng(1))
    assert torch.allclose(d(x)[2:4], d(x[2:4]), atol=1e-6)


def test_conditional_logit_is_linear_in_the_embedding_of_its_class():
    d = gan.ConditionalDiscriminator(10, 4, rng=rng())
    x, y = torch.randn(8, 784, generator=rng(1)), torch.arange(8)
    with torch.no_grad():
        before = d(x, y)
        phi = d.features(x)
        d.embedding.weight[3] += 0.01
        after = d(x, y)
    expected = torch.zeros(8)
    expected[3] = 0.01 * phi[3].sum()
    assert torch.allclose(after - before, expected, atol=1e-5)


def test_conditional_generator_sees_the_label():
    g = gan.ConditionalGenerator(8, 10, 4, rng=rng()).eval()
    z = gan.noise(1, 8, "normal", rng=rng(1)).expand(10, 8)
    x = g(z, torch.arange(10))
    assert torch.pdist(x).min() > 1e-4  # ten labels, ten images
    assert torch.equal(x, g(z, torch.arange(10)))


def test_dropout_keeps_the_mean_and_depends_on_its_seed():
    layer, x = gan.Dropout(0.3, rng=rng(1)), torch.ones(200_000)
    y = layer(x)
    assert set(y.unique().tolist()) == {0.0, torch.tensor(1 / 0.7).item()}
    stderr = math.sqrt(0.3 / 0.7 / 200_000)
    assert abs(y.mean().item() - 1) < 4 * stderr
    assert torch.equal(gan.Dropout(0.3, rng=rng(1))(x), y)
    assert torch.equal(layer.eval()(x), x)


def test_a_generator_knows_whether_it_ends_in_a_tanh():
    assert gan.mlp_generator(rng=rng()).bounded
    assert not gan.mlp_generator(bounded=False, rng=rng()).bounded
    assert gan.conv_generator(8, 4, rng=rng()).bounded  # the tanh stands before the flattening
    assert gan.ConditionalGenerator(8, 4, 4, rng=rng()).bounded


def conditional_g():
    return gan.ConditionalGenerator(4, 10, 4, rng=rng())


LABELS = torch.tensor([3, 10])


@pytest.mark.parametrize(
    ("make", "given", "match"),
    [
        (gan.mlp_generator, (torch.zeros(2, 21),), r"z is .*\(2, 21\).*noise_size = 20"),
        (gan.mlp_discriminator, (torch.zeros(2, 28, 28),), r"x is .*\(2, 28, 28\).* takes .*\(n, input_size\)"),
        (gan.conv_discriminator, (torch.zeros(2, 100),), "input_size = 784"),
        (conditional_g, (torch.zeros(2, 4), LABELS), r"labels is .*from 3 to 10, takes .*classes = 10"),
        (conditional_g, (torch.zeros(2, 4), LABELS - 4), r"labels is .*from -1 to 6"),
        (conditional_g, (torch.zeros(2, 4), torch.zeros(2)), r"labels is .*float32.*takes whole numbers"),
        (gan.ConditionalDiscriminator, (torch.zeros(2, 784), torch.arange(3)), r"labels is .*\(3,\).*"),
    ],
)
def test_a_network_names_what_does_not_fit(make, given, match):
    network = make(rng=rng()) if make is not conditional_g else make()
    with pytest.raises(ValueError, match=match):
        network(*given)


@pytest.mark.parametrize(
    ("make", "options", "match"),
    [
        (gan.mlp_generator, {"hidden_layers": -1}, "hidden_layers is -1"),
        (gan.mlp_discriminator, {"dropout": 1.0}, "dropout is 1.0"),
        (gan.mlp_generator, {"rng": None}, "rng is None"),
        (gan.Generator, {"noise_size": 3, "layers": []}, "layers is"),
    ],
)
def test_a_network_that_cannot_be_made_names_why(make, options, match):
    options = {"rng": rng()} | options if make is not gan.Generator else options
    with pytest.raises(ValueError, match=match):
        make(**options)
