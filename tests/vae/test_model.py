"""The bounds of genphys.vae against closed forms, quadrature and Monte Carlo with its standard errors."""

import math

import pytest
import torch
from torch import distributions as D
from torch import nn
from vae_models import (
    assert_within,
    binary,
    covariance,
    grid,
    linear,
    log_joint,
    mean_and_stderr,
    orthogonal_linear,
    rng,
    small,
)

from genphys import numerics, vae


@pytest.mark.parametrize("decoder", ["bernoulli", "gaussian"])
def test_elbo_and_weights_from_their_definition(decoder):
    model, x = small(2, latents=3, decoder=decoder), binary(4)
    noise = torch.randn(5, 4, 3, generator=rng())
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
    samples = torch.stack([r - kl for r, kl in (model.elbo(x, rng=rng(s)) for s in range(4000))])
    assert_within(*mean_and_stderr(samples), exact)
    many, kl = model.elbo(x, rng=rng(9), samples=20_000)  # the same from one call of many samples
    assert_within(many - kl, samples.std(0) / math.sqrt(20_000), exact)


def test_importance_weighted_bound_is_unbiased_for_the_evidence_and_rises_with_k():
    model, x = small(4), binary(5)
    h, log_step = grid()
    exact = (log_joint(model, x, h) + log_step).logsumexp(0)
    n, g = 20_000, rng(11)
    ratio = (model.log_weights(x, n, rng=g) - exact).exp()  # E[w] = p(x)
    assert_within(*mean_and_stderr(ratio), torch.ones(5))
    bounds = {
        k: (model.log_weights(x, n * k, rng=g).unflatten(0, (n, k)).logsumexp(1) - math.log(k)) for k in (1, 2, 5)
    }
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
    x = torch.randn(9, 5, generator=rng(2))
    torch.testing.assert_close(
        model.log_likelihood_bound(x, 23, rng=rng(), rows=rows), model.log_evidence(x), rtol=1e-12, atol=1e-12
    )


def test_log_likelihood_bound_in_bounded_memory_and_against_quadrature():
    model, x = small(4), binary(5)
    decoded = []
    model.decoder.net.register_forward_hook(lambda module, args, output: decoded.append(len(args[0])))
    h, log_step = grid()
    exact = (log_joint(model, x, h) + log_step).logsumexp(0)
    decoded.clear()
    k = 5000
    bound = model.log_likelihood_bound(x, k, rng=rng(), rows=300)
    assert max(decoded) <= 300 and sum(decoded) == 5 * k
    ratio = (model.log_weights(x, k, rng=rng(1)) - exact).exp()
    assert_within(bound, ratio.std(0) / math.sqrt(k), exact)  # log(1 + e) = e to first order
    assert not bound.requires_grad


def test_first_importance_sample_is_the_elbo():
    model, x = small(6, latents=2), binary(4)
    noise = torch.randn(1, 4, 2, generator=rng())
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
    reconstruction, kl = model.elbo(x, rng=rng(3))
    rows = torch.cat(torch.autograd.grad((reconstruction - kl).sum(), tuple(model.encoder.parameters())), dim=1)
    assert_within(*mean_and_stderr(rows), exact)

    mean, log_variance = model.encoder(x)
    h = vae.reparameterise(mean, log_variance, torch.randn(n, 1, generator=rng(4))).detach()
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
    full = model.importance_weighted_bound(x, k, rng=rng(5))
    resampled = model.resampled_bound(x, k, draws, rng=rng(5))  # the same noise
    torch.testing.assert_close(full, resampled, rtol=1e-12, atol=1e-12)
    a, b = (torch.cat(torch.autograd.grad(v.sum(), parameters), dim=1) for v in (full, resampled))
    assert_within(*mean_and_stderr(a - b), torch.zeros(2))
    assert (a.mean(0).abs() > 10 * mean_and_stderr(a - b)[1]).any()  # the common value is no zero
    assert (a - b).abs().max() > 0.01


def test_samples_have_the_mean_and_covariance_of_the_model():
    model, n = linear(), 40_000
    x = model.sample(n, rng=rng(2))
    exact = covariance(model).detach()
    assert_within(*mean_and_stderr(x), model.bias.detach())
    centred = x - model.bias.detach()
    assert_within(*mean_and_stderr(centred[:, :, None] * centred[:, None, :]), exact)
    means = model.sample(n, rng=rng(3), mean=True) - model.bias.detach()
    assert_within(*mean_and_stderr(means[:, :, None] * means[:, None, :]), exact - 0.37 * torch.eye(5))


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


def test_the_same_generator_gives_the_same_bound_and_float32_stays_float32():
    model, x = small(1), binary(4)
    assert torch.equal(model.log_likelihood_bound(x, 50, rng=rng(4)), model.log_likelihood_bound(x, 50, rng=rng(4)))
    single, noise = small(1).float(), torch.randn(200, 4, 1, generator=rng(5))
    assert single.log_likelihood_bound(x.float(), 5, rng=rng(4)).dtype == torch.float32
    found = single.importance_weighted_bound(x.float(), 200, noise=noise.float())
    assert found.dtype == torch.float32
    exact = model.importance_weighted_bound(x, 200, noise=noise)
    torch.testing.assert_close(found.double(), exact, rtol=0, atol=2e-5)  # some ten roundings of numbers up to 20


X, ZEROS = binary(4), torch.zeros(2, 4, 2, dtype=torch.float64)
BAD = {  # method: (arguments, words of the message); X holds 4 rows of 6 zeros and ones
    "elbo": [
        ((X[:, :5],), {}, r"x is .*\(4, 5\).* takes .*\(B, visible\).*visible = 6"),
        ((X[0],), {}, r"x is .*\(6,\).* takes .*\(B, visible\)"),
        ((X.long(),), {}, r"x is .* type int64.* takes a floating tensor"),
        ((X * 0.5,), {}, r"x is .* with values from 0 to 0.5, takes .* binarise grey values first"),
        ((X * math.nan,), {}, r"x is .*, not finite everywhere, takes"),
        ((X.float(),), {}, r"x is .* type float32 on cpu beside float64 on cpu"),
        ((X,), {"samples": 0}, r"samples is 0, takes a whole number, 1 or more"),
        ((X,), {"noise": ZEROS[0]}, r"noise is .*\(4, 2\).* takes .*\(L, B, latents\)"),
        ((X,), {"rng": None}, r"rng is None, takes a source of chance.* or the noise in its place"),
        ((X,), {"generator": rng()}, r"generator is now called rng"),
    ],
    "encode": [
        ((X[:0],), {}, r"x is .*\(0, 6\)"),
        ((X.numpy(),), {}, r"x is an array"),
    ],
    "log_likelihood_bound": [
        ((2 * X - 1, 5), {"rng": rng()}, r"x is .* with values from -1 to 1, takes .* 0 and 1"),
        ((X, 0), {"rng": rng()}, r"k is 0, takes a whole number, 1 or more"),
        ((X, 5), {"rng": rng(), "rows": 0}, r"rows is 0, takes"),
    ],
    "importance_weighted_bound": [
        ((X, -3), {"rng": rng()}, r"k is -3, takes"),
        ((X, 2.5), {"rng": rng()}, r"k is 2.5, takes a whole number"),
        ((X, 3), {"noise": ZEROS}, r"noise is .* takes k = 3 draws"),
    ],
    "resampled_bound": [((X, 5, 0), {"rng": rng()}, r"draws is 0, takes")],
    "sample": [((0,), {"rng": rng()}, r"n is 0, takes"), ((3, rng()), {}, r"rng= is given by name")],
    "interpolate": [
        ((X, X[:2], 3), {}, r"end is .*\(2, 6\).* takes .*B = 4"),
        ((X, X, 1), {}, r"steps is 1, takes a whole number, 2 or more"),
    ],
    "edit": [
        (
            (X, torch.zeros(3, dtype=torch.float64), [1.0]),
            {},
            r"direction is .*\(3,\).* takes .*latents = 2",
        )
    ],
}


@pytest.mark.parametrize("method, given, named, words", [(m, *case) for m, cases in BAD.items() for case in cases])
def test_errors_name_the_argument(method, given, named, words):
    with pytest.raises(ValueError, match=words):
        getattr(small(latents=2), method)(*given, **named)


def test_a_gaussian_decoder_takes_any_finite_numbers_and_no_others():
    model = small(decoder="gaussian")
    model.elbo(3 * binary(4) - 0.5, rng=rng())
    with pytest.raises(ValueError, match=r"x is .*, not finite everywhere"):
        model.elbo(binary(4) / 0, rng=rng())


def test_one_piece_of_the_bound_in_pieces_is_the_plain_bound():
    model, x = small(4, latents=2), binary(5)
    plain = model.importance_weighted_bound(x, 20, rng=rng(3)).detach()
    torch.testing.assert_close(model.log_likelihood_bound(x, 20, rng=rng(3)), plain, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("bound", ["elbo", "importance_weighted_bound", "resampled_bound"])
def test_a_bound_that_is_not_finite_says_so(bound):
    """Rectifiers on data of order 1000: the variance of the encoder overflows at the first step."""
    model = vae.VAE(
        vae.dense_encoder(6, (50,), 2, nn.ReLU, rng=rng()),
        vae.GaussianDecoder(vae.dense_decoder_net(2, (50,), 6, nn.ReLU, rng=rng())),
        6,
        2,
    ).float()
    x = 1000 * torch.randn(40, 6, generator=rng(1), dtype=torch.float32)
    counts = {"elbo": (), "importance_weighted_bound": (4,), "resampled_bound": (4, 2)}[bound]
    with pytest.raises(numerics.Diverged, match="bound is not finite any more; bring the data to order one"):
        getattr(model, bound)(x, *counts, rng=rng(2))
