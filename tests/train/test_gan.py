"""The shipped adversarial networks, and a training that is interrupted."""

from importlib import resources

import pytest
import torch

from genphys import data, gan, train
from genphys.train import gan as training


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("run", ["lecture", "dcgan", "wgan-gp", "conditional"])
def test_shipped_weights_and_their_record(run):
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
    g = train.load_gan("conditional")[0]
    classifier = train.load_classifier()[0]
    found = train.evaluate_gan(g, classifier, "conditional")
    assert found["agreement"] >= 0.97
    assert found["worst_share_deviation"] <= 0.2


@pytest.mark.parametrize("run", ["lecture", "dcgan", "conditional"])
def test_a_training_that_was_interrupted_equals_one_that_was_not(run, tmp_path, monkeypatch):
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
