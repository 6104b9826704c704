"""The loop against the plain turn, and one turn against its two steps written out, in float64."""

import math

import pytest
import torch

from genphys import data, gan, numerics

DOUBLE = torch.float64


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def _play(seed, d_steps=1, **options):
    random = rng(seed)
    g = gan.mlp_generator(3, 1, 6, 2, bounded=False, rng=random)
    d = gan.mlp_discriminator(2, 1, 6, dropout=0.3, rng=random)
    optimisers = {
        "g_optimiser": torch.optim.SGD(g.parameters(), 0.1),
        "d_optimiser": torch.optim.SGD(d.parameters(), 0.1),
    }
    x = data.ring_of_gaussians(64, rng=rng(9))
    steps = list(gan.train(g, d, data.batches(x, 16, rng=random), **optimisers, rng=random, d_steps=d_steps, **options))
    return g, d, steps


def test_training_is_reproducible_from_its_seed():
    torch.manual_seed(1)
    (g1, d1, s1), _ = _play(5), torch.manual_seed(2)
    g2, d2, s2 = _play(5)
    assert all(torch.equal(a, b) for a, b in zip(g1.parameters(), g2.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(d1.parameters(), d2.parameters(), strict=True))
    assert [tuple(map(float, s)) for s in s1] == [tuple(map(float, s)) for s in s2]
    assert not torch.equal(_play(6)[0].fc_g1.weight, g1.fc_g1.weight)


@pytest.mark.parametrize(
    "options",
    [{}, {"game": "minimax"}, {"game": "wasserstein", "gp_weight": 10.0}, {"r1_weight": 0.5, "smoothing": 0.1}],
)
def test_a_turn_of_the_loop_is_one_step_of_each_player_written_out(options):
    """The loop's shortcuts (one pass, shared samples, no unused gradients) do not change the step."""
    x = torch.randn(12, 2, generator=rng(1), dtype=DOUBLE)

    def players():
        g = gan.mlp_generator(3, 2, 5, 2, bounded=False, rng=rng(2)).to(DOUBLE)
        return g, gan.mlp_discriminator(2, 2, 5, dropout=0.0, rng=rng(3)).to(DOUBLE)

    g, d = players()
    optimisers = [torch.optim.SGD(network.parameters(), 0.2) for network in (g, d)]
    (found,) = gan.train(g, d, [x], g_optimiser=optimisers[0], d_optimiser=optimisers[1], rng=rng(4), **options)

    g2, d2 = players()
    random, game = rng(4), options.get("game", "non-saturating")
    z = gan.noise(12, 3, "uniform", rng=random, dtype=DOUBLE)
    d_loss = gan.discriminator_loss(d2(x), d2(g2(z)), game, smoothing=options.get("smoothing", 0.0))
    if "gp_weight" in options:
        d_loss = d_loss + 10 * gan.gradient_penalty(d2, x, g2(z), rng=random)
    if "r1_weight" in options:
        d_loss = d_loss + 0.5 * gan.r1_penalty(d2, x)
    for parameter, gradient in zip(
        d2.parameters(), torch.autograd.grad(d_loss, list(d2.parameters()), allow_unused=True), strict=True
    ):
        if gradient is not None:
            parameter.data -= 0.2 * gradient
    g_loss = gan.generator_loss(d2(g2(z)), game)
    for parameter, gradient in zip(g2.parameters(), torch.autograd.grad(g_loss, list(g2.parameters())), strict=True):
        parameter.data -= 0.2 * gradient
    for mine, theirs in zip([*g.parameters(), *d.parameters()], [*g2.parameters(), *d2.parameters()], strict=True):
        assert torch.allclose(mine, theirs, atol=1e-12)
    assert found.d_loss.item() == pytest.approx(d_loss.item(), abs=1e-12)
    assert found.g_loss.item() == pytest.approx(g_loss.item(), abs=1e-12)


def test_several_steps_of_the_discriminator_for_one_of_the_generator():
    assert len(_play(1)[2]) == 4
    assert len(_play(1, d_steps=2)[2]) == 2
    assert len(_play(1, d_steps=3)[2]) == 1


def _players(seed=2):
    g = gan.mlp_generator(3, 2, 5, 2, bounded=False, rng=rng(seed)).to(DOUBLE)
    d = gan.mlp_discriminator(2, 2, 5, dropout=0.0, rng=rng(seed + 1)).to(DOUBLE)
    adam = {
        f"{name}_optimiser": torch.optim.Adam(network.parameters(), 0.05, betas=(0.5, 0.9))
        for name, network in (("g", g), ("d", d))
    }
    return g, d, adam


def _assert_equal(networks, others):
    for mine, theirs in zip(networks, others, strict=True):
        for a, b in zip(mine.state_dict().values(), theirs.state_dict().values(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    ("game", "weights"),
    [
        ("non-saturating", {}),
        ("minimax", {"r1_weight": 0.5}),
        ("least-squares", {}),
        ("wasserstein", {"gp_weight": 10.0}),
    ],
)
def test_the_loop_plays_the_plain_turns(game, weights):
    """Ten turns of the loop and of gan.turn from equal noise end at the same weights."""
    batches = torch.randn(10, 12, 2, generator=rng(1), dtype=DOUBLE)
    g, d, optimisers = _players()
    found = list(gan.train(g, d, batches, **optimisers, rng=rng(4), game=game, **weights))

    plain_g, plain_d, optimisers = _players()
    chance = rng(4)

    def penalty(d, real, fake):
        if "r1_weight" in weights:
            return 0.5 * gan.r1_penalty(d, real)
        return 10 * gan.gradient_penalty(d, real, fake, rng=chance)

    for real, step in zip(batches, found, strict=True):
        z = gan.noise(12, 3, rng=chance, dtype=DOUBLE)
        losses = gan.turn(plain_g, plain_d, real, z, **optimisers, game=game, penalty=penalty if weights else None)
        torch.testing.assert_close(torch.stack(losses), torch.stack(step[:2]), rtol=1e-11, atol=1e-12)
    _assert_equal((g, d), (plain_g, plain_d))
    start = _players()
    assert (g.fc_g1.weight - start[0].fc_g1.weight).abs().max() > 0.1  # they have moved


def test_the_loop_plays_the_plain_turns_with_labels():
    """A conditional turn is a turn whose players know the labels; one step of batch normalisation as well."""

    def players():
        g = gan.ConditionalGenerator(3, 4, 2, rng=rng(2)).to(DOUBLE)
        d = gan.ConditionalDiscriminator(4, 2, rng=rng(3)).to(DOUBLE)
        sgd = [torch.optim.SGD(network.parameters(), 0.05) for network in (g, d)]
        return g, d, dict(zip(("g_optimiser", "d_optimiser"), sgd, strict=True))

    x, labels = 2 * torch.rand(8, 784, generator=rng(1), dtype=DOUBLE) - 1, torch.arange(8) % 4
    g, d, optimisers = players()
    (found,) = gan.train(g, d, [(x, labels)], **optimisers, rng=rng(4), r1_weight=0.5)

    plain_g, plain_d, optimisers = players()

    def g_of(z):
        return plain_g(z, labels)

    def d_of(x):
        return plain_d(x, labels)

    def penalty(d, real, fake):
        return 0.5 * gan.r1_penalty(d, real)

    z = gan.noise(8, 3, rng=rng(4), dtype=DOUBLE)
    losses = gan.turn(g_of, d_of, x, z, **optimisers, penalty=penalty)
    torch.testing.assert_close(torch.stack(losses), torch.stack(found[:2]), rtol=1e-11, atol=1e-12)
    for a, b in zip([*g.parameters(), *d.parameters()], [*plain_g.parameters(), *plain_d.parameters()], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_a_step_of_one_player_leaves_the_other_where_it_is():
    x, z = torch.randn(6, 2, generator=rng(1), dtype=DOUBLE), torch.randn(6, 3, generator=rng(2), dtype=DOUBLE)
    g, d, optimisers = _players()
    before_g, before_d, _ = _players()
    gan.d_step(g, d, x, z, optimisers["d_optimiser"])
    _assert_equal([g], [before_g])
    assert not torch.equal(d.fc_d1.weight, before_d.fc_d1.weight)
    g, d, optimisers = _players()
    gan.g_step(g, d, z, optimisers["g_optimiser"])
    _assert_equal([d], [before_d])
    assert not torch.equal(g.fc_g1.weight, before_g.fc_g1.weight)


# What a training is fed


def _train(batches, bounded=True, **options):
    g = gan.mlp_generator(3, 1, 5, 16, bounded=bounded, rng=rng(2))
    d = gan.mlp_discriminator(16, 1, 5, rng=rng(3))
    optimisers = [torch.optim.SGD(network.parameters(), 0.1) for network in (g, d)]
    turns = gan.train(g, d, batches, g_optimiser=optimisers[0], d_optimiser=optimisers[1], rng=rng(4), **options)
    return g, d, turns


X = 2 * torch.rand(6, 16, generator=rng(1)) - 1


@pytest.mark.parametrize(
    ("batch", "match"),
    [
        (X * math.nan, r"not finite everywhere"),
        (
            16 * X.abs() / X.abs().max(),
            r"with values from .* to 16, takes .* at least -1 and at most 1, .* tanh .*to_signed",
        ),
        (X.double(), r"type float64 on cpu beside float32 on cpu"),
        (X[:, :15], r"shape \(6, 15\).* takes .*input_size = 16"),
        (X.unflatten(1, (4, 4)), r"shape \(6, 4, 4\).* takes a floating tensor of shape \(n, input_size\)"),
        (X[:0], r"shape \(0, 16\)"),
        ((X, torch.arange(6)), r"batches holds \(a tensor of shape \(6, 16\)"),
        ((6 * X).long(), r"type int64.* takes a floating tensor"),
        (None, r"batches holds None"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused_when_it_comes_and_changes_nothing(batch, match):
    g, d, turns = _train([X, batch])
    next(turns)
    before = [p.clone() for p in (*g.parameters(), *d.parameters())]
    with pytest.raises(ValueError, match=match):
        next(turns)
    assert all(torch.equal(a, b) for a, b in zip(before, (*g.parameters(), *d.parameters()), strict=True))


def test_data_of_any_range_are_for_a_generator_without_a_tanh():
    next(_train([16 * X], bounded=False)[2])


def test_no_batches_at_all_are_refused():
    """An iterator that was used up by the last training trains nothing, and says so."""
    with pytest.raises(ValueError, match=r"batches is .* takes at least one batch"):
        next(_train(iter([]))[2])


@pytest.mark.parametrize("labels", [None, torch.tensor([0, 1, 2, 4]), torch.zeros(3).long(), torch.zeros(4)])
def test_conditional_players_want_the_labels_of_their_classes(labels):
    g, d = gan.ConditionalGenerator(3, 4, 2, rng=rng(2)), gan.ConditionalDiscriminator(4, 2, rng=rng(3))
    optimisers = [torch.optim.SGD(network.parameters(), 0.1) for network in (g, d)]
    x = torch.zeros(4, 784)
    batch = x if labels is None else (x, labels)
    with pytest.raises(
        ValueError, match=r"batches holds .* takes a tuple of a floating tensor .* and a tensor of whole"
    ):
        next(gan.train(g, d, [batch], g_optimiser=optimisers[0], d_optimiser=optimisers[1], rng=rng(4)))


@pytest.mark.parametrize("rate", [1e30, math.inf])
def test_a_training_that_diverges_stops_at_the_turn_where_it_does(rate):
    g, d = gan.mlp_generator(3, 1, 5, 16, rng=rng(2)), gan.mlp_discriminator(16, 1, 5, rng=rng(3))
    optimisers = [torch.optim.SGD(network.parameters(), rate) for network in (g, d)]
    turns = gan.train(g, d, [X] * 9, g_optimiser=optimisers[0], d_optimiser=optimisers[1], rng=rng(4))
    with pytest.raises(
        numerics.Diverged, match=r"step [12]: .* loss is not finite any more; take a smaller learning rate"
    ):
        for _ in turns:
            pass


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"game": "bce"}, "game is 'bce', takes one of 'minimax'"),
        ({"loss": "minimax"}, "loss is now called game"),
        ({"kind": "cauchy"}, "kind is 'cauchy'"),
        ({"d_steps": 0}, "d_steps is 0"),
        ({"gp_weight": -1.0}, "gp_weight is -1.0"),
        ({"smoothing": 0.1, "game": "wasserstein"}, "smoothing is 0.1, takes 0 in the game 'wasserstein'"),
    ],
)
def test_train_refuses_at_the_call(options, match):
    with pytest.raises(ValueError, match=match):
        _train([X], **options)


def test_a_network_without_a_width_of_its_noise_is_refused():
    net = torch.nn.Linear(3, 16)
    sgd = torch.optim.SGD(net.parameters(), 0.1)
    with pytest.raises(ValueError, match=r"g is Linear.*, takes a network with a whole number noise_size"):
        gan.train(net, gan.mlp_discriminator(16, rng=rng()), [X], g_optimiser=sgd, d_optimiser=sgd, rng=rng())
