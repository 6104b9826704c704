"""genphys.vae against closed forms, quadrature in one latent dimension, and Monte Carlo with its standard errors."""

import math

import pytest
import torch
from torch import distributions as D
from torch import nn

from genphys import vae

F64 = torch.float64


@pytest.fixture(autouse=True)
def double():
    torch.set_default_dtype(F64)
    yield
    torch.set_default_dtype(torch.float32)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def small(seed=0, visible=6, latents=1, decoder="bernoulli"):
    """A small non-linear model with weights of order one, so that no term is negligible."""
    g = generator(seed)
    net = vae.dense_decoder_net(latents, (5,), visible)
    model = vae.VAE(
        vae.dense_encoder(visible, (4,), latents),
        vae.BernoulliDecoder(net) if decoder == "bernoulli" else vae.GaussianDecoder(net, math.log(0.3)),
        visible,
        latents,
    )
    with torch.no_grad():
        for p in model.parameters():
            if p.dim():
                p.copy_(0.8 * torch.randn(p.shape, generator=g))
    return model


def binary(n, visible=6, seed=5):
    return (torch.rand(n, visible, generator=generator(seed)) < 0.5).to(F64)


def grid(width=9.0, points=4001):
    """Nodes of the trapezoidal rule on the line, whose error for these smooth, decaying integrands is rounding."""
    h = torch.linspace(-width, width, points)
    return h, math.log(2 * width / (points - 1))


def log_joint(model, x, h):
    """log p(x, h) on a grid of one latent dimension, shape (points, B)."""
    log_prior = D.Normal(0.0, 1.0).log_prob(h)[:, None]
    return model.decoder.log_prob(x, h[:, None, None].expand(-1, len(x), 1)) + log_prior


def mean_and_stderr(values, dim=0):
    n = values.shape[dim]
    return values.mean(dim), values.std(dim) / math.sqrt(n)


def assert_within(estimate, stderr, exact, sigmas=4.0):
    deviation = (estimate - exact).abs() / stderr
    assert (deviation < sigmas).all(), f"{deviation.max():.2f} standard errors"


# --- terms of the bound --------------------------------------------------------------------------------------------


def test_kl_is_that_of_torch_distributions():
    g = generator()
    mean, log_variance = torch.randn(7, 3, generator=g), 2 * torch.randn(7, 3, generator=g)
    q = D.Independent(D.Normal(mean, (0.5 * log_variance).exp()), 1)
    p = D.Independent(D.Normal(torch.zeros(3), torch.ones(3)), 1)
    torch.testing.assert_close(
        vae.kl_standard_normal(mean, log_variance), D.kl_divergence(q, p), rtol=1e-13, atol=1e-13
    )


def test_kl_keeps_its_digits_near_the_prior():
    s = torch.tensor([[1e-5]], dtype=torch.float32)
    found = vae.kl_standard_normal(torch.zeros_like(s), s).double()
    torch.testing.assert_close(found, torch.tensor([0.25e-10 * (1 + 1e-5 / 3)]), rtol=0.01, atol=0)


def test_bernoulli_log_prob_and_its_gradient():
    logits = (3 * torch.randn(5, 8, generator=generator())).requires_grad_()
    x = binary(5, 8)
    ours = vae.BernoulliDecoder(nn.Identity()).log_prob(x, logits)
    theirs = D.Bernoulli(logits=logits).log_prob(x).sum(-1)
    torch.testing.assert_close(ours, theirs, rtol=1e-13, atol=1e-13)
    weight = torch.randn(5, generator=generator(1))
    g_ours, g_theirs = (torch.autograd.grad((weight * v).sum(), logits)[0] for v in (ours, theirs))
    torch.testing.assert_close(g_ours, g_theirs, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bernoulli_log_prob_at_large_logits(dtype):
    logits = torch.tensor([[1e4, -1e4, 1e4, -1e4]], dtype=dtype, requires_grad=True)
    x = torch.tensor([[1.0, 0.0, 0.0, 1.0]], dtype=dtype)
    value = vae.BernoulliDecoder(nn.Identity()).log_prob(x, logits)
    assert value.item() == -2e4
    torch.testing.assert_close(
        torch.autograd.grad(value.sum(), logits)[0], torch.tensor([[0.0, 0.0, -1.0, 1.0]], dtype=dtype)
    )


@pytest.mark.parametrize("log_variance", [0.7, [0.1, -1.0, 2.0]])
def test_gaussian_log_prob(log_variance):
    decoder = vae.GaussianDecoder(nn.Linear(2, 3), log_variance)
    g = generator()
    x, h = torch.randn(4, 3, generator=g), torch.randn(6, 4, 2, generator=g)
    scale = (0.5 * torch.tensor(log_variance)).exp()
    theirs = D.Normal(decoder.net(h), scale).log_prob(x).sum(-1)
    torch.testing.assert_close(decoder.log_prob(x, h), theirs, rtol=1e-13, atol=1e-12)


@pytest.mark.parametrize("decoder", ["bernoulli", "gaussian"])
def test_elbo_and_weights_from_their_definition(decoder):
    model, x = small(2, latents=3, decoder=decoder), binary(4)
    noise = torch.randn(5, 4, 3, generator=generator())
    mean, log_variance = model.encode(x)
    scale = (0.5 * log_variance).exp()
    h = mean + scale * noise
    output = model.decoder(h)
    p = D.Bernoulli(logits=output) if decoder == "bernoulli" else D.Normal(output, math.sqrt(0.3))
    log_p = p.log_prob(x).sum(-1)
    log_ratio = D.Normal(0.0, 1.0).log_prob(h).sum(-1) - D.Normal(mean, scale).log_prob(h).sum(-1)
    torch.testing.assert_close(model.log_weights(x, 5, noise=noise), log_p + log_ratio, rtol=1e-12, atol=1e-12)
    reconstruction, kl = model.elbo(x, noise=noise)
    torch.testing.assert_close(reconstruction, log_p.mean(0), rtol=1e-12, atol=1e-12)
    kl_exact = D.kl_divergence(D.Normal(mean, scale), D.Normal(torch.zeros(3), torch.ones(3))).sum(-1)
    torch.testing.assert_close(kl, kl_exact, rtol=1e-12, atol=1e-12)


def test_elbo_against_quadrature():
    model, x = small(3), binary(5)
    h, log_step = grid()
    mean, log_variance = model.encode(x)
    log_q = D.Normal(mean.T, (0.5 * log_variance).exp().T).log_prob(h[:, None])
    exact = ((log_q + log_step).exp() * (log_joint(model, x, h) - log_q)).sum(0)
    samples = torch.stack([r - kl for r, kl in (model.elbo(x, generator(s)) for s in range(4000))])
    assert_within(*mean_and_stderr(samples), exact)
    many, kl = model.elbo(x, generator(9), samples=20_000)  # the same from one call of many samples
    assert_within(many - kl, samples.std(0) / math.sqrt(20_000), exact)


# --- importance-weighted bound -------------------------------------------------------------------------------------


def test_importance_weighted_bound_is_unbiased_for_the_evidence_and_rises_with_k():
    model, x = small(4), binary(5)
    h, log_step = grid()
    exact = (log_joint(model, x, h) + log_step).logsumexp(0)
    n, g = 20_000, generator(11)
    ratio = (model.log_weights(x, n, g) - exact).exp()  # E[w] = p(x)
    assert_within(*mean_and_stderr(ratio), torch.ones(5))
    bounds = {k: (model.log_weights(x, n * k, g).unflatten(0, (n, k)).logsumexp(1) - math.log(k)) for k in (1, 2, 5)}
    previous = None
    for values in bounds.values():
        mean, stderr = mean_and_stderr(values)
        assert (mean < exact + 4 * stderr).all()
        if previous is not None:
            assert (mean > previous - 4 * stderr).all() and mean.mean() > previous.mean() + 4 * stderr.mean()
        previous = mean


@pytest.mark.parametrize("rows", [1, 7, 64, 10_000])
def test_log_likelihood_bound_is_exact_where_the_encoder_is_the_posterior(rows):
    """All weights are then the evidence: any error in joining the pieces or in the count k shows at once."""
    model = orthogonal_linear()
    x = torch.randn(9, 5, generator=generator(2))
    torch.testing.assert_close(
        model.log_likelihood_bound(x, 23, generator(), rows=rows), model.evidence(x), rtol=1e-12, atol=1e-12
    )


def test_log_likelihood_bound_in_bounded_memory_and_against_quadrature():
    model, x = small(4), binary(5)
    decoded = []
    model.decoder.net.register_forward_hook(lambda module, args, output: decoded.append(len(args[0])))
    h, log_step = grid()
    exact = (log_joint(model, x, h) + log_step).logsumexp(0)
    decoded.clear()
    k = 5000
    bound = model.log_likelihood_bound(x, k, generator(), rows=300)
    assert max(decoded) <= 300 and sum(decoded) == 5 * k
    ratio = (model.log_weights(x, k, generator(1)) - exact).exp()
    assert_within(bound, ratio.std(0) / math.sqrt(k), exact)  # log(1 + e) = e to first order
    assert not bound.requires_grad


def test_first_importance_sample_is_the_elbo():
    model, x = small(6, latents=2), binary(4)
    noise = torch.randn(1, 4, 2, generator=generator())
    bound = model.importance_weighted_bound(x, 1, noise=noise)
    torch.testing.assert_close(bound, model.log_weights(x, 1, noise=noise)[0], rtol=1e-14, atol=1e-14)
    mean, log_variance = model.encode(x)
    sampled_kl = 0.5 * ((mean + (0.5 * log_variance).exp() * noise[0]).square() - noise[0].square() - log_variance)
    reconstruction, _ = model.elbo(x, noise=noise)
    torch.testing.assert_close(bound, reconstruction - sampled_kl.sum(-1), rtol=1e-12, atol=1e-12)


class FreeEncoder(nn.Module):
    """An encoder whose outputs are parameters, one a row, so that a gradient comes for every row."""

    def __init__(self, mean, log_variance):
        super().__init__()
        self.mean, self.log_variance = nn.Parameter(mean), nn.Parameter(log_variance)

    def forward(self, x):
        return self.mean, self.log_variance


def rows_of_one(seed, n):
    """n copies of one configuration, each with its own encoder outputs at one and the same value."""
    model, x = small(seed), binary(1, seed=seed).expand(n, -1)
    mean, log_variance = torch.full((n, 1), 0.4), torch.full((n, 1), -0.6)
    model.encoder = FreeEncoder(mean, log_variance)
    return model, x


def exact_elbo_gradient(model, x, mean, log_variance):
    """Gradient of the ELBO in mean and log-variance by quadrature over h of the differentiated density."""
    mean, log_variance = mean.clone().requires_grad_(), log_variance.clone().requires_grad_()
    h, log_step = grid()
    log_q = D.Normal(mean, (0.5 * log_variance).exp()).log_prob(h)
    joint = log_joint(model, x, h)[:, 0].detach()
    elbo = ((log_q + log_step).exp() * (joint - log_q)).sum()
    return torch.stack(torch.autograd.grad(elbo, (mean, log_variance)))


def test_both_gradient_estimators_against_the_exact_gradient():
    n = 40_000
    model, x = rows_of_one(7, n)
    exact = exact_elbo_gradient(model, x[:1], torch.tensor(0.4), torch.tensor(-0.6))
    reconstruction, kl = model.elbo(x, generator(3))
    rows = torch.cat(torch.autograd.grad((reconstruction - kl).sum(), tuple(model.encoder.parameters())), dim=1)
    assert_within(*mean_and_stderr(rows), exact)

    mean, log_variance = model.encoder(x)
    h = vae.reparameterise(mean, log_variance, torch.randn(n, 1, generator=generator(4))).detach()
    log_q = D.Normal(mean, (0.5 * log_variance).exp()).log_prob(h).squeeze(-1)
    signal = (model.decoder.log_prob(x, h) + D.Normal(0.0, 1.0).log_prob(h).squeeze(-1) - log_q).detach()
    score = torch.cat(torch.autograd.grad((signal * log_q).sum(), tuple(model.encoder.parameters())), dim=1)
    assert_within(*mean_and_stderr(score), exact)
    assert (score.var(0) > 4 * rows.var(0)).all()


@pytest.mark.parametrize("draws", [1, 3])
def test_resampled_gradient_is_unbiased_and_its_value_the_bound(draws):
    n, k = 30_000, 6
    model, x = rows_of_one(8, n)
    parameters = tuple(model.encoder.parameters())
    full = model.importance_weighted_bound(x, k, generator(5))
    resampled = model.resampled_bound(x, k, draws, generator(5))  # the same noise
    torch.testing.assert_close(full, resampled, rtol=1e-12, atol=1e-12)
    a, b = (torch.cat(torch.autograd.grad(v.sum(), parameters), dim=1) for v in (full, resampled))
    assert_within(*mean_and_stderr(a - b), torch.zeros(2))
    assert (a.mean(0).abs() > 10 * mean_and_stderr(a - b)[1]).any()  # the common value is no zero
    assert (a - b).abs().max() > 0.01


# --- linear model --------------------------------------------------------------------------------------------------


def linear(seed=0, visible=5, latents=2):
    """Columns of the weight that are far from orthogonal, so that no diagonal Gaussian is the posterior."""
    g = generator(seed)
    model = vae.LinearVAE(visible, latents)
    weight = 0.5 * torch.randn(visible, latents, generator=g) + torch.linspace(-1, 1, visible)[:, None]
    return model.set_decoder(weight, torch.randn(visible, generator=g), 0.37).set_optimal_encoder()


def orthogonal_linear():
    g = generator(1)
    q = torch.linalg.qr(torch.randn(5, 2, generator=g))[0]
    model = vae.LinearVAE(5, 2)
    return model.set_decoder(q * torch.tensor([1.5, 0.6]), torch.randn(5, generator=g), 0.37).set_optimal_encoder()


def covariance(model):
    return model.weight @ model.weight.T + model.variance * torch.eye(model.visible)


def test_linear_evidence_and_posterior():
    model = linear()
    x = 2 * torch.randn(20, 5, generator=generator(3))
    exact = D.MultivariateNormal(model.bias, covariance(model)).log_prob(x)
    torch.testing.assert_close(model.evidence(x), exact, rtol=1e-12, atol=1e-12)
    mean, cov = model.posterior(x)  # conditioning of the joint Gaussian of (h, x)
    gain = torch.linalg.solve(covariance(model), model.weight).T
    torch.testing.assert_close(mean, (x - model.bias) @ gain.T, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(cov, torch.eye(2) - gain @ model.weight, rtol=1e-12, atol=1e-12)


def test_linear_evidence_by_quadrature():
    model = linear(latents=1)
    x = torch.randn(6, 5, generator=generator(3))
    h, log_step = grid()
    torch.testing.assert_close(
        model.evidence(x), (log_joint(model, x, h) + log_step).logsumexp(0), rtol=1e-11, atol=1e-11
    )


def test_gap_of_the_linear_model_is_the_divergence_from_the_posterior():
    model, n = linear(), 40_000
    x = torch.randn(1, 5, generator=generator(4))
    mean, log_variance = model.encode(x)
    q = D.MultivariateNormal(mean, torch.diag_embed(log_variance.exp()))
    gap = D.kl_divergence(q, D.MultivariateNormal(*model.posterior(x)))
    assert gap.item() > 0.05
    estimate, stderr = mean_and_stderr(model.log_weights(x, n, generator(6)))
    assert_within(model.evidence(x) - estimate, stderr, gap)


def test_optimal_encoder_is_a_stationary_point_and_exact_for_orthogonal_columns():
    model = linear()
    x = torch.randn(50, 5, generator=generator(4))
    mean, log_variance = (t.detach().requires_grad_() for t in model.encode(x))
    # the expected reconstruction in closed form: the residual of the mean and the spread through W
    spread = (log_variance.exp() * model.weight.square().sum(0)).sum(-1)
    residual = (x - mean @ model.weight.T - model.bias).square().sum(-1)
    bound = -0.5 * (residual + spread) / model.variance - vae.kl_standard_normal(mean, log_variance)
    for gradient in torch.autograd.grad(bound.sum(), (mean, log_variance)):
        assert gradient.abs().max() < 1e-12
    exact = orthogonal_linear()
    torch.testing.assert_close(
        exact.log_weights(x, 3, generator()), exact.evidence(x).expand(3, -1), rtol=1e-12, atol=1e-11
    )


def test_maximum_likelihood_is_probabilistic_pca():
    """Tipping and Bishop: W spans the leading eigenvectors, the variance is the mean of the discarded eigenvalues."""
    g = generator(8)
    x = torch.randn(400, 5, generator=g) @ torch.randn(5, 5, generator=g)
    cov = torch.cov(x.T, correction=0)
    values, vectors = torch.linalg.eigh(cov)
    variance = values[:3].mean()
    weight = vectors[:, 3:] * (values[3:] - variance).sqrt()
    model = vae.LinearVAE(5, 2).set_decoder(weight, x.mean(0), variance.item()).set_optimal_encoder()
    total = model.evidence(x).mean()
    gradients = torch.autograd.grad(total, (model.weight, model.bias, model.decoder.log_variance))
    assert all(gradient.abs().max() < 1e-12 for gradient in gradients)
    closed = -0.5 * (5 * math.log(2 * math.pi) + values[3:].log().sum() + 3 * variance.log() + 5)
    torch.testing.assert_close(total.detach(), closed, rtol=1e-12, atol=1e-12)
    reconstruction, kl = model.elbo(x, generator(1), samples=2000)  # the columns are orthogonal: the bound is tight
    assert model.log_weights(x, 100, generator(2)).std(0).max() < 1e-11
    one, _ = model.elbo(x, generator(3))
    stderr = one.detach().std() / math.sqrt(400 * 2000)  # an upper bound: it holds the spread over x as well
    assert_within((reconstruction - kl).mean(), stderr, closed)
    for shift in (0.9, 1.1):
        worse = vae.LinearVAE(5, 2).set_decoder(weight, x.mean(0), shift * variance.item())
        assert worse.evidence(x).mean() < total - 1e-3


def test_linear_errors():
    with pytest.raises(ValueError, match=r"weight and bias have shapes .*\(2, 5\)"):
        vae.LinearVAE(5, 2).set_decoder(torch.zeros(2, 5), torch.zeros(5), 1.0)
    with pytest.raises(ValueError, match=r"variance is 0, takes a positive number"):
        vae.LinearVAE(5, 2).set_decoder(torch.zeros(5, 2), torch.zeros(5), 0.0)


# --- what a trained model is used for ------------------------------------------------------------------------------


def test_samples_have_the_mean_and_covariance_of_the_model():
    model, n = linear(), 40_000
    x = model.sample(n, generator(2))
    exact = covariance(model).detach()
    assert_within(*mean_and_stderr(x), model.bias.detach())
    centred = x - model.bias.detach()
    assert_within(*mean_and_stderr(centred[:, :, None] * centred[:, None, :]), exact)
    means = model.sample(n, generator(3), mean=True) - model.bias.detach()
    assert_within(*mean_and_stderr(means[:, :, None] * means[:, None, :]), exact - 0.37 * torch.eye(5))


def test_bernoulli_samples_have_the_quadrature_mean():
    model, n = small(9), 40_000
    h, log_step = grid()
    weight = (D.Normal(0.0, 1.0).log_prob(h) + log_step).exp()
    exact = (weight[:, None] * model.decoder.mean(h[:, None])).sum(0).detach()
    x = model.sample(n, generator(2))
    assert ((x == 0) | (x == 1)).all()
    assert_within(*mean_and_stderr(x), exact)


def test_interpolation_and_editing_meet_the_reconstructions():
    model, x = small(2, latents=3), binary(6)
    path = model.interpolate(x[:3], x[3:], 4)
    torch.testing.assert_close(path[:, 0], model.reconstruct(x[:3]))
    torch.testing.assert_close(path[:, -1], model.reconstruct(x[3:]))
    codes = model.encode(x)[0].detach()
    torch.testing.assert_close(path[:, 1], model.decoder.mean(2 / 3 * codes[:3] + 1 / 3 * codes[3:]))
    direction = model.attribute_direction(x[:2], x[2:])
    torch.testing.assert_close(direction, codes[:2].mean(0) - codes[2:].mean(0))
    edited = model.edit(x, direction, [0.0, -1.5])
    torch.testing.assert_close(edited[:, 0], model.reconstruct(x))
    torch.testing.assert_close(edited[:, 1], model.decoder.mean(codes - 1.5 * direction))


@pytest.mark.parametrize("side", [8, 28])
def test_convolutional_networks(side):
    """The networks see images, the model sees rows: several latents a row decode as they do one by one."""
    model = vae.VAE(
        vae.conv_encoder(side, 3, 2), vae.BernoulliDecoder(vae.conv_decoder_net(2, 3, side)), side * side, 2
    )
    x = binary(3, side * side)
    noise = torch.randn(4, 3, 2, generator=generator())
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


def test_the_same_generator_gives_the_same_bound_and_float32_stays_float32():
    model, x = small(1), binary(4)
    assert torch.equal(model.log_likelihood_bound(x, 50, generator(4)), model.log_likelihood_bound(x, 50, generator(4)))
    single, noise = small(1).float(), torch.randn(200, 4, 1, generator=generator(5))
    assert single.log_likelihood_bound(x.float(), 5, generator(4)).dtype == torch.float32
    found = single.importance_weighted_bound(x.float(), 200, noise=noise.float())
    assert found.dtype == torch.float32
    exact = model.importance_weighted_bound(x, 200, noise=noise)
    torch.testing.assert_close(found.double(), exact, rtol=0, atol=2e-5)  # some ten roundings of numbers up to 20


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda m, x: m.elbo(x[:, :5]), r"x has shape \(4, 5\), takes \(B, 6\)"),
        (lambda m, x: m.elbo(x[0]), r"x has shape \(6,\), takes \(B, 6\)"),
        (lambda m, x: m.encode(x[:0]), r"x has shape \(0, 6\), takes \(B, 6\) with B >= 1"),
        (lambda m, x: m.encode(x.numpy()), r"x has shape ndarray"),
        (lambda m, x: m.elbo(x.long()), r"x has dtype torch.int64.*, takes a floating-point"),
        (lambda m, x: m.elbo(x * 0.5), r"x holds 0.5, takes 0 and 1 only"),
        (lambda m, x: m.log_likelihood_bound(2 * x - 1, 5), r"x holds -1, takes 0 and 1 only"),
        (lambda m, x: m.elbo(x * math.nan), r"x holds nan, takes 0 and 1 only"),
        (lambda m, x: m.elbo(x, samples=0), r"samples is 0, takes an integer >= 1"),
        (lambda m, x: m.log_likelihood_bound(x, 0), r"k is 0, takes an integer >= 1"),
        (lambda m, x: m.log_likelihood_bound(x, 5, rows=0), r"rows is 0, takes"),
        (lambda m, x: m.importance_weighted_bound(x, -3), r"k is -3, takes an integer >= 1"),
        (lambda m, x: m.importance_weighted_bound(x, 2.5), r"k is 2.5, takes an integer >= 1"),
        (lambda m, x: m.resampled_bound(x, 5, 0), r"draws is 0, takes an integer >= 1"),
        (lambda m, x: m.elbo(x, noise=torch.zeros(4, 2)), r"noise has shape \(4, 2\), takes \(samples, 4, 2\)"),
        (lambda m, x: m.sample(0), r"n is 0, takes an integer >= 1"),
        (lambda m, x: m.interpolate(x, x[:2], 3), r"end has shape \(2, 6\), takes that of start"),
        (lambda m, x: m.interpolate(x, x, 1), r"steps is 1, takes an integer >= 2"),
        (lambda m, x: m.edit(x, torch.zeros(3), [1.0]), r"direction has shape \(3,\), takes \(2,\)"),
        (lambda m, x: vae.conv_encoder(30, 4, 2), r"side is 30, takes a multiple of 4"),
        (lambda m, x: vae.conv_decoder_net(2, 4, 10), r"side is 10, takes a multiple of 4"),
        (lambda m, x: vae.VAE(m.encoder, m.decoder, 6, 0), r"latents is 0, takes an integer >= 1"),
        (lambda m, x: small(decoder="gaussian").elbo(x / 0), r"x is not finite everywhere"),
    ],
)
def test_errors_name_the_argument(call, words):
    with pytest.raises(ValueError, match=words):
        call(small(latents=2), binary(4))
