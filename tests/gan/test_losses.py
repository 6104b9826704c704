"""The losses and penalties against closed forms, autograd and finite differences, in float64."""

import math

import pytest
import torch

from genphys import gan

DOUBLE = torch.float64


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("game", ["minimax", "non-saturating", "least-squares", "wasserstein"])
def test_losses_are_their_definitions(game):
    real, fake = torch.randn(40, generator=rng(1), dtype=DOUBLE), torch.randn(30, generator=rng(2), dtype=DOUBLE)
    d_real, d_fake = real.sigmoid(), fake.sigmoid()  # the textbook forms, safe for logits of order one
    d_loss, g_loss = {
        "minimax": (-(d_real.log().mean() + (1 - d_fake).log().mean()), (1 - d_fake).log().mean()),
        "non-saturating": (-(d_real.log().mean() + (1 - d_fake).log().mean()), -d_fake.log().mean()),
        "least-squares": (((real - 1) ** 2).mean() / 2 + (fake**2).mean() / 2, ((fake - 1) ** 2).mean() / 2),
        "wasserstein": (fake.mean() - real.mean(), -fake.mean()),
    }[game]
    assert gan.discriminator_loss(real, fake, game).item() == pytest.approx(d_loss.item(), abs=1e-14)
    assert gan.generator_loss(fake, game).item() == pytest.approx(g_loss.item(), abs=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
@pytest.mark.parametrize(
    ("game", "value", "slope"),
    [
        # loss and its derivative at l = -1e4 and at l = +1e4, by hand
        ("minimax", (0.0, -1e4), (0.0, -1.0)),
        ("non-saturating", (1e4, 0.0), (-1.0, 0.0)),
        ("least-squares", (10001.0**2 / 2, 9999.0**2 / 2), (-10001.0, 9999.0)),
        ("wasserstein", (1e4, -1e4), (-1.0, -1.0)),
    ],
)
def test_generator_losses_at_huge_logits(game, value, slope, dtype):
    for logit, expected, gradient in zip((-1e4, 1e4), value, slope, strict=True):
        fake = torch.tensor([logit], dtype=dtype, requires_grad=True)
        loss = gan.generator_loss(fake, game)
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


ZEROS = torch.zeros(3)


@pytest.mark.parametrize(
    ("call", "given", "options", "match"),
    [
        (gan.generator_loss, (ZEROS, "hinge"), {}, "game is 'hinge', takes one of 'minimax'"),
        (gan.generator_loss, (ZEROS,), {"kind": "minimax"}, "kind is now called game"),
        (gan.generator_loss, (ZEROS[:0],), {}, "fake is"),
        (gan.discriminator_loss, (ZEROS, ZEROS, "ls"), {}, "game is 'ls'"),
        (gan.discriminator_loss, (ZEROS.long(), ZEROS), {}, r"real is .* type int64"),
        (gan.discriminator_loss, (ZEROS, ZEROS), {"smoothing": 0.5}, "smoothing is 0.5, takes a finite number"),
        (gan.discriminator_loss, (ZEROS, ZEROS, "wasserstein"), {"smoothing": 0.1}, "no labels"),
        (gan.gradient_penalty, (len, torch.zeros(3, 2), torch.zeros(4, 2)), {"rng": rng()}, r"fake is .*n = 3 of real"),
    ],
)
def test_bad_input_is_named(call, given, options, match):
    with pytest.raises(ValueError, match=match):
        call(*given, **options)
