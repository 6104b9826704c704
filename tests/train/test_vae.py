"""The long training of the autoencoder: its steps, its resumption and its evaluation, on a few images."""

import math

import pytest
import torch

from genphys import data, vae
from genphys.numerics import tensor_hash
from genphys.train import burda_vae, evaluate_vae, load_vae, load_weights, train_vae, write_weights
from genphys.train import vae as training
from genphys.train.program import main

SETTINGS = {
    "steps": 6,
    "k": 12,
    "first_k": 1,
    "first_steps": 2,
    "draws": 3,
    "batch": 20,
    "learning_rate": 1e-3,
    "last_learning_rate": 1e-5,
}


@pytest.fixture(scope="module")
def images():
    return data.digits(100, 10).train_images


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_an_interrupted_training_equals_an_uninterrupted_one(images, tmp_path, monkeypatch):
    whole, record = train_vae(images, tmp_path / "whole", seed=1, **SETTINGS)
    assert record["step"] == 6

    calls, elbo = [0], vae.VAE.resampled_bound

    def stops_in_the_fifth_step(self, *arguments, **options):
        calls[0] += 1
        if calls[0] == 3:
            raise RuntimeError("power cut")
        return elbo(self, *arguments, **options)

    monkeypatch.setattr(vae.VAE, "resampled_bound", stops_in_the_fifth_step)
    with pytest.raises(RuntimeError, match="power cut"):
        train_vae(images, tmp_path / "cut", seed=1, every=0.0, **SETTINGS)
    monkeypatch.undo()
    resumed, _ = train_vae(images, tmp_path / "cut", seed=1, **SETTINGS)
    assert torch.equal(weights(resumed), weights(whole))
    other, _ = train_vae(images, tmp_path / "other", seed=2, **SETTINGS)
    assert not torch.equal(weights(other), weights(whole))
    with pytest.raises(ValueError, match=r"learning_rate: 0\.001 there, 0\.002 here"):
        train_vae(images, tmp_path / "cut", seed=1, **(SETTINGS | {"learning_rate": 2e-3}))


def test_a_training_can_begin_from_weights(images, tmp_path):
    first, _ = train_vae(images, tmp_path / "first", seed=1, **SETTINGS)
    write_weights(tmp_path / "first.safetensors", first.state_dict(), {})
    still = SETTINGS | {"learning_rate": 1e-12, "last_learning_rate": 1e-12}
    second, record = train_vae(images, tmp_path / "second", seed=2, start=tmp_path / "first.safetensors", **still)
    torch.testing.assert_close(weights(second), weights(first), rtol=0, atol=1e-7)
    assert record["settings"]["start"] == tensor_hash(*first.state_dict().values())


def test_one_step_is_adam_on_the_bound(images, tmp_path):
    """The first step of Adam moves every weight by the learning rate against the sign of its gradient."""
    options = SETTINGS | {"steps": 1, "k": 1, "first_steps": 0}
    after, _ = train_vae(images, tmp_path, seed=3, **options)
    generator = torch.Generator().manual_seed(3)
    before = burda_vae(rng=generator)
    with torch.no_grad():
        before.decoder.net[-1].bias.copy_(torch.logit(images.mean(0), eps=1e-3))
    x = data.binarise(images[_first_rows(images, 3)], rng=generator)
    reconstruction, kl = before.elbo(x, rng=generator)
    gradient = torch.cat([g.flatten() for g in torch.autograd.grad((kl - reconstruction).mean(), before.parameters())])
    moved = weights(after) - weights(before)
    clear = gradient.abs() > 1e-5  # beside Adam's epsilon of 1e-8
    assert clear.float().mean() > 0.5
    torch.testing.assert_close(moved[clear], -1e-3 * gradient[clear].sign(), rtol=0.01, atol=1e-6)


@pytest.mark.parametrize("draws", [6, 2], ids=["all samples", "resampled"])
def test_the_doubly_reparameterised_gradient_has_the_mean_of_the_plain_one_and_less_noise(draws):
    """Over 40 batches of 500 equal rows, beside the plain gradient of all six samples at other noise."""
    generator = torch.Generator().manual_seed(4)
    encoder = vae.dense_encoder(3, (4,), 2, rng=generator)
    model = vae.VAE(encoder, vae.BernoulliDecoder(vae.dense_decoder_net(2, (4,), 3, rng=generator)), 3, 2).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.5 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    x = torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64).expand(500, 3)

    def gradients(bound):
        found = [torch.autograd.grad(bound().mean(), list(model.parameters())) for _ in range(40)]
        return torch.stack([torch.cat([g.flatten() for g in each]) for each in found])

    plain = gradients(lambda: model.importance_weighted_bound(x, 6, rng=generator))
    doubly = gradients(lambda: training._doubly_reparameterised(model, x, 6, draws, generator))
    error = ((plain.var(0) + doubly.var(0)) / 40).sqrt()
    assert (plain.mean(0).abs() > 10 * error).float().mean() > 0.5  # most components are clear of zero
    torch.testing.assert_close(
        (doubly - plain).mean(0) / error.clamp(min=1e-12), torch.zeros_like(error), rtol=0, atol=4.5
    )
    inner = sum(parameter.numel() for parameter in encoder.parameters())
    if draws == 6:
        assert doubly[:, :inner].var(0).mean() < plain[:, :inner].var(0).mean()


def test_the_option_of_the_gradient_trains_and_is_in_the_settings(images, tmp_path):
    model, record = train_vae(images, tmp_path, seed=1, gradient="doubly", **SETTINGS)
    assert record["settings"]["gradient"] == "doubly" and weights(model).isfinite().all()


def _first_rows(images, seed):
    from genphys.train import Shuffled

    return Shuffled(len(images), SETTINGS["batch"], seed)(0)


def test_the_evaluation_is_the_bound_of_the_fixed_binarisation(images):
    model = burda_vae(rng=torch.Generator().manual_seed(0))
    with torch.no_grad():  # a decoder that ignores h, and the prior as encoder: the bound is the evidence of the pixels
        model.decoder.net[-1].weight.zero_()
        model.decoder.net[-1].bias.copy_(torch.logit(images.mean(0), eps=1e-3))
        for layer in (model.encoder.mean, model.encoder.log_variance):
            layer.weight.zero_()
    found = evaluate_vae(model, images, samples=7, seed=1)
    x, p = data.fixed_binarisation(images).double(), images.mean(0).double().clamp(1e-3, 1 - 1e-3)
    exact = (torch.xlogy(x, p) + torch.xlogy(1 - x, 1 - p)).sum(1)
    assert abs(found["log_likelihood"] - exact.mean().item()) < 1e-3  # float32
    assert abs(found["stderr_test_set"] - exact.std().item() / math.sqrt(100)) < 1e-3
    assert abs(found["kl"]) < 1e-9 and found["importance_samples"] == 7 and found["test_images"] == 100
    assert abs(found["elbo"] - found["reconstruction"]) < 1e-9


@pytest.mark.parametrize("options, name", [([], "vae"), (["--k", "3"], "iwae")])
def test_the_command_writes_weights_and_their_record(images, tmp_path, monkeypatch, options, name):
    monkeypatch.setattr(data, "mnist", lambda *arguments, **options: (images, None))
    few = ["--steps", "2", "--batch", "50", "--importance-samples", "5"]
    main(["vae", "--folder", str(tmp_path), *few, *options])
    model, record = load_vae(name, tmp_path)
    assert record["command"] == " ".join(
        ["python -m genphys.train vae --steps 2", *options, "--batch 50", "--importance-samples 5"]
    )
    main(["vae", "--folder", str(tmp_path / "on"), "--start", str(tmp_path / f"{name}.safetensors"), *few, *options])
    assert load_weights(name, tmp_path / "on")[1]["before"]["metrics"] == record["metrics"]
    again = evaluate_vae(model, images, samples=5, seed=1)
    assert again["log_likelihood"] == record["metrics"]["log_likelihood"] < 0
