"""Adversarial networks against closed forms, autograd and exact references, in float64 where no network is trained."""

import itertools
import math

import pytest
import torch

from genphys import data, gan

DOUBLE = torch.float64


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


# Losses


@pytest.mark.parametrize("kind", ["minimax", "non-saturating", "least-squares", "wasserstein"])
def test_losses_are_their_definitions(kind):
    real, fake = torch.randn(40, generator=rng(1), dtype=DOUBLE), torch.randn(30, generator=rng(2), dtype=DOUBLE)
    d_real, d_fake = real.sigmoid(), fake.sigmoid()  # the textbook forms, safe for logits of order one
    d_loss, g_loss = {
        "minimax": (-(d_real.log().mean() + (1 - d_fake).log().mean()), (1 - d_fake).log().mean()),
        "non-saturating": (-(d_real.log().mean() + (1 - d_fake).log().mean()), -d_fake.log().mean()),
        "least-squares": (((real - 1) ** 2).mean() / 2 + (fake**2).mean() / 2, ((fake - 1) ** 2).mean() / 2),
        "wasserstein": (fake.mean() - real.mean(), -fake.mean()),
    }[kind]
    assert gan.discriminator_loss(real, fake, kind).item() == pytest.approx(d_loss.item(), abs=1e-14)
    assert gan.generator_loss(fake, kind).item() == pytest.approx(g_loss.item(), abs=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
@pytest.mark.parametrize(
    ("kind", "value", "slope"),
    [
        # loss and its derivative at l = -1e4 and at l = +1e4, by hand
        ("minimax", (0.0, -1e4), (0.0, -1.0)),
        ("non-saturating", (1e4, 0.0), (-1.0, 0.0)),
        ("least-squares", (10001.0**2 / 2, 9999.0**2 / 2), (-10001.0, 9999.0)),
        ("wasserstein", (1e4, -1e4), (-1.0, -1.0)),
    ],
)
def test_generator_losses_at_huge_logits(kind, value, slope, dtype):
    for logit, expected, gradient in zip((-1e4, 1e4), value, slope, strict=True):
        fake = torch.tensor([logit], dtype=dtype, requires_grad=True)
        loss = gan.generator_loss(fake, kind)
        loss.backward()
        assert loss.item() == pytest.approx(expected, rel=1e-7, abs=1e-300)
        assert fake.grad.item() == pytest.approx(gradient, rel=1e-7, abs=1e-300)


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_discriminator_loss_at_huge_logits(dtype):
    real = torch.tensor([1e4, -1e4], dtype=dtype, requires_grad=True)
    fake = torch.tensor([1e4, -1e4], dtype=dtype, requires_grad=True)
    loss = gan.discriminator_loss(real, fake)
    loss.backward()
    assert loss.item() == pytest.approx(1e4, rel=1e-7)  # half of 1e4 from each side
    assert real.grad.tolist() == [0.0, -0.5]
    assert fake.grad.tolist() == [0.5, 0.0]
    assert gan.value(real, fake).item() == pytest.approx(-1e4, rel=1e-7)
    smooth = gan.discriminator_loss(real, fake, smoothing=0.1)
    assert torch.isfinite(smooth)


def test_bce_on_a_sigmoid_saturates_and_the_logit_does_not():
    """The number of the corrections: at logit -40 the clamp of BCELoss leaves -4e-6 or less of a gradient of -1."""
    logit = torch.tensor([-40.0], requires_grad=True)
    torch.nn.BCELoss()(torch.sigmoid(logit), torch.ones(1)).backward()
    assert abs(logit.grad.item()) < 5e-6
    safe = torch.tensor([-40.0], requires_grad=True)
    gan.generator_loss(safe).backward()
    assert safe.grad.item() == -1.0


def test_smoothing_moves_the_optimum_of_the_real_logit():
    """With targets 1 - s and 0 the best d at a point is (1 - s) p / (p + q)."""
    p, q, s = 0.7, 0.4, 0.1
    logit = torch.tensor([0.3], dtype=DOUBLE, requires_grad=True)
    # weights p and q by hand: the loss is linear in the two means
    loss = p * gan.discriminator_loss(logit, torch.tensor([-1e4], dtype=DOUBLE), smoothing=s)
    loss = loss + q * gan.discriminator_loss(torch.tensor([1e4], dtype=DOUBLE), logit)
    gradient = torch.autograd.grad(loss, logit)[0].item()
    d = torch.sigmoid(logit.detach()).item()
    assert gradient == pytest.approx((p + q) * d - (1 - s) * p, abs=1e-14)


def test_optimal_discriminator_on_a_grid():
    """Maximise v over the logits of a grid by Newton's method and compare with p / (p + q)."""
    x = torch.linspace(-5, 6, 221, dtype=DOUBLE)
    p = torch.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    q = torch.exp(-((x - 1) ** 2) / 2) / math.sqrt(2 * math.pi)
    logit = torch.zeros_like(x)
    for _ in range(40):
        d = logit.sigmoid()
        logit = logit + ((p * (1 - d) - q * d) / ((p + q) * d * (1 - d))).clamp(-1, 1)
    assert torch.allclose(logit.sigmoid(), p / (p + q), rtol=0, atol=1e-12)
    # the package's loss, as an integral over the grid, is stationary there
    logit.requires_grad_()
    dx = (x[1] - x[0]).item()
    v = sum(
        dx * (pi * -gan.discriminator_loss(li, torch.tensor([-1e4], dtype=DOUBLE)))
        + dx * (qi * -gan.discriminator_loss(torch.tensor([1e4], dtype=DOUBLE), li))
        for pi, qi, li in zip(p, q, logit.split(1), strict=True)
    )
    gradient = torch.autograd.grad(v, logit)[0]
    assert gradient.abs().max() < 1e-12
    assert v.item() == pytest.approx(-1.163451, abs=2e-6)  # the value at d* for unit Gaussians one apart


# Penalties


def test_gradient_penalty_of_a_function_with_known_slope():
    """For l(x) = a x^2 / 2 the slope is |a x|: the penalty is a mean over the known interpolates."""
    a = 1.7
    real, fake = (
        torch.randn(500, 1, generator=rng(3), dtype=DOUBLE),
        torch.randn(500, 1, generator=rng(4), dtype=DOUBLE) + 2,
    )
    found = gan.gradient_penalty(lambda x: a * x.square().sum(1) / 2, real, fake, rng=rng(5))
    u = torch.rand(500, 1, generator=rng(5), dtype=DOUBLE)
    x = u * real + (1 - u) * fake
    assert found.item() == pytest.approx(((a * x).abs() - 1).square().mean().item(), abs=1e-12)


def test_gradient_penalty_against_autograd_in_one_dimension():
    """A network's penalty by differentiating it point by point with finite differences, and its gradient."""
    d = gan.mlp_discriminator(1, 2, 8, dropout=0.0, rng=rng(6)).to(DOUBLE)
    real, fake = (
        torch.randn(50, 1, generator=rng(7), dtype=DOUBLE),
        torch.randn(50, 1, generator=rng(8), dtype=DOUBLE),
    )
    found = gan.gradient_penalty(d, real, fake, rng=rng(9))
    u = torch.rand(50, 1, generator=rng(9), dtype=DOUBLE)
    x, h = u * real + (1 - u) * fake, 1e-6
    with torch.no_grad():
        slope = (d(x + h) - d(x - h)) / (2 * h)
    assert found.item() == pytest.approx((slope.abs() - 1).square().mean().item(), abs=1e-8)
    found.backward()
    weight = d.fc_d1.weight
    gradient = weight.grad[0, 0].item()
    with torch.no_grad():
        weight[0, 0] += 1e-6
    up = gan.gradient_penalty(d, real, fake, rng=rng(9)).item()
    with torch.no_grad():
        weight[0, 0] -= 2e-6
    down = gan.gradient_penalty(d, real, fake, rng=rng(9)).item()
    assert gradient == pytest.approx((up - down) / 2e-6, rel=1e-4)


def test_gradient_penalty_sends_no_gradient_into_the_samples():
    d = gan.mlp_discriminator(2, 1, 4, dropout=0.0, rng=rng(1)).to(DOUBLE)
    fake = torch.randn(6, 2, generator=rng(2), dtype=DOUBLE, requires_grad=True)
    gan.gradient_penalty(d, torch.randn(6, 2, generator=rng(3), dtype=DOUBLE), fake, rng=rng(4)).backward()
    assert fake.grad is None


def test_r1_of_a_linear_function_is_half_its_squared_slope_and_smooth_at_zero():
    w = torch.tensor([0.6, -0.8], dtype=DOUBLE, requires_grad=True)
    x = torch.randn(9, 2, generator=rng(1), dtype=DOUBLE)
    found = gan.r1_penalty(lambda y: y @ w, x)
    assert found.item() == pytest.approx(0.5, abs=1e-15)
    found.backward()
    assert torch.allclose(w.grad, w.detach(), atol=1e-15)
    zero = torch.zeros(2, dtype=DOUBLE, requires_grad=True)
    gan.r1_penalty(lambda y: y @ zero, x).backward()
    assert zero.grad.tolist() == [0.0, 0.0]


# Networks


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
    count = [sum(p.numel() for p in network.parameters()) for network in (gan.mlp_generator(), gan.mlp_discriminator())]
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
    layer, x = gan.Dropout(0.3, rng(1)), torch.ones(200_000)
    y = layer(x)
    assert set(y.unique().tolist()) == {0.0, torch.tensor(1 / 0.7).item()}
    stderr = math.sqrt(0.3 / 0.7 / 200_000)
    assert abs(y.mean().item() - 1) < 4 * stderr
    assert torch.equal(gan.Dropout(0.3, rng(1))(x), y)
    assert torch.equal(layer.eval()(x), x)


def test_noise_has_the_moments_of_its_distribution():
    n = 40_000
    for kind, var, fourth in (("uniform", 1 / 3, 1 / 5), ("normal", 1.0, 3.0)):
        z = gan.noise(n, 2, kind, rng=rng(3), dtype=DOUBLE)
        assert (z.mean(0).abs() < 4 * math.sqrt(var / n)).all()
        assert ((z.square().mean(0) - var).abs() < 4 * math.sqrt((fourth - var**2) / n)).all()
    assert gan.noise(n, 1, "uniform", rng=rng(3)).abs().max() <= 1


def test_signed_and_unit_are_inverse():
    x = torch.rand(50, 784, generator=rng(), dtype=DOUBLE)
    assert torch.allclose(gan.to_unit(gan.to_signed(x)), x, atol=1e-15)
    assert gan.to_signed(torch.tensor([0.0, 0.5, 1.0])).tolist() == [-1.0, 0.0, 1.0]


def test_interpolation_keeps_the_length_and_the_ends():
    a, b = torch.randn(64, generator=rng(1), dtype=DOUBLE), torch.randn(64, generator=rng(2), dtype=DOUBLE)
    b = b * a.norm() / b.norm()
    path = gan.interpolate(a, b, 9)
    assert torch.allclose(path[0], a, atol=1e-14)
    assert torch.allclose(path[-1], b, atol=1e-14)
    assert torch.allclose(path.norm(dim=1), a.norm().expand(9), atol=1e-12)
    cosine = torch.cosine_similarity(path[:-1], path[1:])
    assert torch.allclose(cosine, cosine[0].expand(8), atol=1e-12)  # equal angles


# The loop


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
    [{}, {"loss": "minimax"}, {"loss": "wasserstein", "gp_weight": 10.0}, {"r1_weight": 0.5, "smoothing": 0.1}],
)
def test_one_turn_is_one_step_of_each_player_written_out(options):
    """The loop's shortcuts (one pass, shared samples, no unused gradients) do not change the step."""
    x = torch.randn(12, 2, generator=rng(1), dtype=DOUBLE)

    def players():
        g = gan.mlp_generator(3, 2, 5, 2, bounded=False, rng=rng(2)).to(DOUBLE)
        return g, gan.mlp_discriminator(2, 2, 5, dropout=0.0, rng=rng(3)).to(DOUBLE)

    g, d = players()
    optimisers = [torch.optim.SGD(network.parameters(), 0.2) for network in (g, d)]
    (found,) = gan.train(g, d, [x], g_optimiser=optimisers[0], d_optimiser=optimisers[1], rng=rng(4), **options)

    g2, d2 = players()
    random, loss = rng(4), options.get("loss", "non-saturating")
    z = gan.noise(12, 3, "uniform", rng=random, dtype=DOUBLE)
    d_loss = gan.discriminator_loss(d2(x), d2(g2(z)), loss, smoothing=options.get("smoothing", 0.0))
    if "gp_weight" in options:
        d_loss = d_loss + 10 * gan.gradient_penalty(d2, x, g2(z), rng=random)
    if "r1_weight" in options:
        d_loss = d_loss + 0.5 * gan.r1_penalty(d2, x)
    for parameter, gradient in zip(
        d2.parameters(), torch.autograd.grad(d_loss, list(d2.parameters()), allow_unused=True), strict=True
    ):
        if gradient is not None:
            parameter.data -= 0.2 * gradient
    g_loss = gan.generator_loss(d2(g2(z)), loss)
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


def test_the_critic_reaches_the_optimum_of_the_penalised_game():
    """Between narrow clouds a distance D = 3 apart a critic of slope s maximises D s - w (s - 1)^2: s = 1 + D / 2w.

    The weight is w = 1: for 2 w > D there is a second optimum with the wrong sign, since the penalty sees |s| only.
    """
    random = rng(3)
    d = gan.mlp_discriminator(1, 2, 32, dropout=0.0, rng=random)
    optimiser = torch.optim.Adam(d.parameters(), 3e-3, betas=(0.0, 0.9))
    for _ in range(400):
        real = 0.1 * torch.randn(128, 1, generator=random) + 3
        fake = 0.1 * torch.randn(128, 1, generator=random)
        loss = gan.discriminator_loss(d(real), d(fake), "wasserstein")
        loss = loss + gan.gradient_penalty(d, real, fake, rng=random)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        gap = (d(real).mean() - d(fake).mean()).item()
    assert gap == pytest.approx(3 * (1 + 3 / 2), rel=0.05)


# Games


def _jacobian(d_loss, g_loss, eta, alternating):
    state = torch.zeros(2, dtype=DOUBLE)
    return torch.autograd.functional.jacobian(
        lambda s: gan.game_step(d_loss, g_loss, s, eta, alternating=alternating), state
    )


@pytest.mark.parametrize("eta", [0.05, 0.3, 1.0])
def test_maps_of_the_bilinear_game(eta):
    """v = a b: simultaneous steps multiply the radius by sqrt(1 + eta^2); alternating ones preserve the area."""
    simultaneous = _jacobian(lambda a, b: -a * b, lambda a, b: a * b, eta, False)
    assert torch.allclose(simultaneous, torch.tensor([[1, eta], [-eta, 1]], dtype=DOUBLE), atol=1e-15)
    alternating = _jacobian(lambda a, b: -a * b, lambda a, b: a * b, eta, True)
    assert torch.allclose(alternating, torch.tensor([[1, eta], [-eta, 1 - eta**2]], dtype=DOUBLE), atol=1e-15)
    assert torch.linalg.det(alternating).item() == pytest.approx(1.0, abs=1e-14)
    assert torch.linalg.eigvals(alternating).abs().tolist() == pytest.approx([1.0, 1.0], abs=1e-14)


def test_game_step_is_plain_descent():
    state = torch.tensor([0.4, -0.7], dtype=DOUBLE)
    new = gan.game_step(lambda a, b: a**2 * b, lambda a, b: a * b**2, state, 0.1, alternating=True)
    a = 0.4 - 0.1 * 2 * 0.4 * -0.7
    assert new.tolist() == pytest.approx([a, -0.7 - 0.1 * 2 * a * -0.7], abs=1e-15)


def test_modes_covered_counts():
    centres = data.ring_centres(8)
    x = data.ring_of_gaussians(8000, rng=rng(1))
    found, share = gan.modes_covered(x, centres, radius=0.06)
    assert found == 8
    # within three standard deviations in the plane: 1 - exp(-9/2)
    p = 1 - math.exp(-4.5)
    assert abs(share - p) < 4 * math.sqrt(p * (1 - p) / 8000)
    one = x[(x - centres[0]).norm(dim=1) < 0.5]
    assert gan.modes_covered(one, centres, radius=0.06)[0] == 1
    assert gan.modes_covered(torch.zeros(10, 2), centres, radius=0.06) == (0, 0.0)


# Errors


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: gan.noise(4, 3, "gauss", rng=rng()), "kind is 'gauss', takes one of 'uniform', 'normal'"),
        (lambda: gan.noise(0, 3, rng=rng()), "n is 0"),
        (lambda: gan.noise(4, 3, rng=None), "rng is None"),
        (lambda: gan.generator_loss(torch.zeros(3), "hinge"), "kind is 'hinge', takes one of 'minimax'"),
        (lambda: gan.generator_loss(torch.zeros(0)), "fake"),
        (lambda: gan.discriminator_loss(torch.zeros(3), torch.zeros(3), "ls"), "kind is 'ls'"),
        (lambda: gan.discriminator_loss(torch.zeros(3, dtype=torch.int64), torch.zeros(3)), "real is torch.int64"),
        (lambda: gan.discriminator_loss(torch.zeros(3), torch.zeros(3), smoothing=0.5), "smoothing is 0.5"),
        (lambda: gan.discriminator_loss(torch.zeros(3), torch.zeros(3), "wasserstein", smoothing=0.1), "no labels"),
        (lambda: gan.mlp_generator()(torch.zeros(2, 21)), r"z has shape \(2, 21\), takes \(n, 20\)"),
        (lambda: gan.mlp_discriminator()(torch.zeros(2, 28, 28)), r"x has shape \(2, 28, 28\), takes \(n, 784\)"),
        (lambda: gan.conv_discriminator(4)(torch.zeros(2, 100)), r"takes \(n, 784\)"),
        (lambda: gan.mlp_generator(hidden_layers=-1), "hidden_layers is -1"),
        (lambda: gan.mlp_discriminator(dropout=1.0), "p is 1.0"),
        (
            lambda: gan.ConditionalGenerator(4, 10, 4)(torch.zeros(2, 4), torch.tensor([3, 10])),
            "from 3 to 10, takes 0 to 9",
        ),
        (lambda: gan.ConditionalGenerator(4, 10, 4)(torch.zeros(2, 4), torch.tensor([-1, 1])), "from -1 to 1"),
        (lambda: gan.ConditionalGenerator(4, 10, 4)(torch.zeros(2, 4), torch.zeros(2)), "takes torch.int64"),
        (lambda: gan.ConditionalDiscriminator(10, 4)(torch.zeros(2, 784), torch.arange(3)), r"of shape \(2,\)"),
        (lambda: gan.to_signed(torch.tensor([-0.5, 1.0])), "images has values from -0.5 to 1"),
        (lambda: gan.to_unit(torch.tensor([0.0, float("nan")])), "images has values"),
        (
            lambda: gan.gradient_penalty(gan.mlp_discriminator(2), torch.zeros(3, 2), torch.zeros(4, 2), rng=rng()),
            "fake has shape",
        ),
        (lambda: gan.interpolate(torch.ones(3), torch.ones(3), 5), "parallel"),
        (lambda: gan.interpolate(torch.ones(3), torch.ones(4), 5), "last has shape"),
        (lambda: gan.modes_covered(torch.zeros(3, 2), torch.zeros(8, 3), radius=1.0), "points has shape"),
        (lambda: gan.game_step(None, None, torch.zeros(3), 0.1), "state has shape"),
    ],
)
def test_bad_input_is_named(call, match):
    with pytest.raises(ValueError, match=match):
        call()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"loss": "bce"}, "loss is 'bce'"),
        ({"kind": "cauchy"}, "kind is 'cauchy'"),
        ({"d_steps": 0}, "d_steps is 0"),
        ({"gp_weight": -1.0}, "gp_weight is -1.0"),
        ({"smoothing": 0.1, "loss": "wasserstein"}, "smoothing is 0.1"),
    ],
)
def test_train_refuses_at_the_call(options, match):
    with pytest.raises(ValueError, match=match):
        gan.train(None, None, [], g_optimiser=None, d_optimiser=None, rng=rng(), **options)


def test_train_refuses_a_batch_of_images_in_two_dimensions():
    g, d = gan.mlp_generator(), gan.mlp_discriminator()
    with pytest.raises(ValueError, match=r"batches gave \(4, 28, 28\), takes tensors of shape \(n, M\)"):
        next(gan.train(g, d, [torch.zeros(4, 28, 28)], g_optimiser=None, d_optimiser=None, rng=rng()))


# The shipped runs


@pytest.mark.parametrize("run", ["lecture", "dcgan", "wgan-gp", "conditional"])
def test_shipped_weights_and_their_record(run):
    from importlib import resources

    from genphys import train

    g, _, samples, record = train.load_gan(run)
    file = resources.files("genphys") / "weights" / f"gan_{run.replace('-', '_')}.safetensors"
    assert len(file.read_bytes()) <= 3 * 2**20
    assert samples.dtype == torch.uint8
    assert samples.shape == (len(record["samples_at"]), record["settings"]["shown"], 784)
    assert record["samples_at"][-1] == record["settings"]["steps"]
    assert record["data"]["images"] == 55_000  # without those of digits()
    assert {"step", "d_loss", "g_loss", "d_real", "d_fake"} <= record["history"][-1].keys()
    # The last recorded samples are those of the shipped generator at the recorded noise.
    kind = train.GAN_RUNS[run]["noise"]
    z = gan.noise(20, g.noise_size, kind, rng=rng(record["settings"]["seed"] + 1))
    with torch.no_grad():
        x = g(z, torch.arange(20) % 10) if run == "conditional" else g(z)
    grey = (gan.to_unit(x) * 255).round()
    assert (grey - samples[-1]).abs().max() <= 2  # rounding of another processor's convolutions


def test_conditional_samples_are_the_digits_asked_for():
    """The marks of the shipped run, by the shipped classifier: 97 % agreement, every digit within 20 % of its share."""
    from genphys import train

    g = train.load_gan("conditional")[0]
    classifier = train.load_classifier()[0]
    found = train.evaluate_gan(g, classifier, "conditional")
    assert found["agreement"] >= 0.97
    assert found["worst_share_deviation"] <= 0.2


@pytest.mark.parametrize("run", ["lecture", "dcgan", "conditional"])
def test_a_training_that_was_interrupted_equals_one_that_was_not(run, tmp_path, monkeypatch):
    from genphys.train import gan as training

    x, y, _, _ = data.digits(200, 10)
    settings = {"steps": 4, "batch": 10, "seed": 3, "shown": 2, "every": 1e9}
    whole = training.train_gan(x, y, run, tmp_path / "whole", **settings)
    loop = training.train

    def stops_at_two(step, steps, state, **options):
        def guarded(i):
            if i == 2:
                raise KeyboardInterrupt
            return step(i)

        return loop(guarded, steps, state, **options | {"every": 0.0})

    monkeypatch.setattr(training, "train", stops_at_two)
    with pytest.raises(KeyboardInterrupt):
        training.train_gan(x, y, run, tmp_path / "parts", **settings)
    monkeypatch.undo()
    parts = training.train_gan(x, y, run, tmp_path / "parts", **settings)
    for a, b in zip(whole[:2], parts[:2], strict=True):
        assert all(torch.equal(p, q) for p, q in zip(a.state_dict().values(), b.state_dict().values(), strict=True))
    assert torch.equal(whole[2], parts[2])
