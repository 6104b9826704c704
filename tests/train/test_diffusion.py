"""The long training of the diffusion model: its steps, its resumption, its evaluation and its shipped results."""

import json
from importlib import resources

import pytest
import torch

from genphys import data, diffusion, train
from genphys.networks.classifier import accuracy
from genphys.networks.unet import UNet
from genphys.train.program import main

SETTINGS = {"steps": 5, "batch": 8, "learning_rate": 1e-3, "decay": 0.5, "drop": 0.5, "T": 100, "half": False}


@pytest.fixture(scope="module")
def digits():
    few = data.digits(100, 10)
    return few.train_images, few.train_labels


def weights(model):
    return torch.cat([tensor.detach().flatten() for tensor in model.state_dict().values()])


def test_an_interrupted_training_equals_an_uninterrupted_one(digits, tmp_path, monkeypatch):
    whole, schedule, record = train.train_diffusion(*digits, tmp_path / "whole", seed=1, **SETTINGS)
    assert record["step"] == 5 and schedule.T == 100 and not whole.training

    calls, loss = [0], diffusion.loss

    def stops_in_the_fourth_step(*arguments, **options):
        calls[0] += 1
        if calls[0] == 4:
            raise RuntimeError("power cut")
        return loss(*arguments, **options)

    monkeypatch.setattr(diffusion, "loss", stops_in_the_fourth_step)
    with pytest.raises(RuntimeError, match="power cut"):
        train.train_diffusion(*digits, tmp_path / "cut", seed=1, every=0.0, **SETTINGS)
    monkeypatch.undo()
    resumed, _, _ = train.train_diffusion(*digits, tmp_path / "cut", seed=1, **SETTINGS)
    assert torch.equal(weights(resumed), weights(whole))
    with pytest.raises(ValueError, match=r"learning_rate: 0\.001 there, 0\.002 here"):
        train.train_diffusion(*digits, tmp_path / "cut", seed=1, **(SETTINGS | {"learning_rate": 2e-3}))


def test_a_start_gives_the_first_weights_and_an_end_before_the_last_step(digits, tmp_path):
    start = train.diffusion_unet(rng=torch.Generator().manual_seed(8))
    slow = SETTINGS | {"learning_rate": 1e-30}
    still, _, record = train.train_diffusion(*digits, tmp_path / "a", start=start, until=2, seed=1, **slow)
    torch.testing.assert_close(weights(still), weights(start), rtol=0, atol=1e-20)
    assert record["step"] == 2 and record["settings"]["steps"] == 5
    assert train.train_diffusion(*digits, tmp_path / "a", start=start, seed=1, **slow)[2]["step"] == 5
    with pytest.raises(ValueError, match="start"):
        train.train_diffusion(*digits, tmp_path / "a", seed=1, **slow)
    with pytest.raises(ValueError, match="do not fit the U-Net"):
        other = UNet(widths=(8, 16), rng=torch.Generator())
        train.train_diffusion(*digits, tmp_path / "b", start=other, seed=1, **SETTINGS)


def test_one_network_learns_with_and_without_labels(digits, tmp_path, monkeypatch):
    """The fraction ``drop`` of the labels is replaced by the one that means none."""
    seen, loss = [], diffusion.loss

    def look(network, *arguments, labels, **options):
        seen.append(labels)
        return loss(network, *arguments, labels=labels, **options)

    monkeypatch.setattr(diffusion, "loss", look)
    for drop, none in ((0.0, 0), (1.0, 40)):
        seen.clear()
        train.train_diffusion(*digits, tmp_path / str(drop), seed=1, **(SETTINGS | {"drop": drop}))
        assert sum((labels == 10).sum().item() for labels in seen) == none


def test_the_average_of_the_weights_is_kept(digits, tmp_path):
    """With decay 0 the average is the network itself; the warm-up makes the first steps the same for every decay."""
    last, _, _ = train.train_diffusion(*digits, tmp_path / "a", seed=1, **(SETTINGS | {"decay": 0.0}))
    averaged, _, _ = train.train_diffusion(*digits, tmp_path / "b", seed=1, **(SETTINGS | {"decay": 0.5}))
    tensors, _ = train.read_checkpoint(tmp_path / "b" / "checkpoint.safetensors")
    network = torch.cat([tensors[f"modules/network/{key}"].flatten() for key in last.state_dict()])
    assert torch.equal(weights(last), network)
    rates = [diffusion.ema_rate(i, 0.5) for i in range(5)]
    assert rates == pytest.approx([9 / 10, 9 / 11, 9 / 12, 9 / 13, 9 / 14])
    assert not torch.equal(weights(averaged), network)


def test_evaluation_and_shipped_files(digits, tmp_path, monkeypatch):
    images, labels = digits
    network, schedule, _ = train.train_diffusion(images, labels, tmp_path, seed=1, **SETTINGS)
    classifier, _ = train.load_classifier()
    found = train.evaluate_diffusion(
        network, schedule, labels, images, images, classifier, n=100, steps=2, eta=0.5, seed=1
    )
    assert abs(found["frechet2_training_images"]) < 1e-3  # the same hundred images in another order
    assert found["frechet2"] > 10 and found["frechet2_without_labels"] > 10  # five steps of training draw nothing
    assert 0 <= found["agreement"] <= 1

    monkeypatch.setattr(data, "mnist", lambda root=None, train=True, exclude_digits=False: (images, labels))
    options = ["--steps", "2", "--batch", "8", "--T", "20", "--evaluated", "20", "--evaluation-steps", "2", "--no-half"]
    monkeypatch.setattr("genphys.train.diffusion.DIFFUSION_SAMPLES", {"ddpm-1000": None, "ddim-10": 10})
    main(["diffusion", "--folder", str(tmp_path / "run"), "--shipped", "10", *options])
    again, schedule, record = train.load_diffusion(tmp_path / "run")
    assert schedule.T == 20 and record["metrics"]["n"] == 20
    words = "--steps 2 --precision float32 --batch 8 --T 20 --evaluated 20 --evaluation-steps 2 --shipped 10"
    assert record["command"] == f"python -m genphys.train diffusion {words}"
    drawn, asked, record = train.load_diffusion_samples(tmp_path / "run")
    assert asked.tolist() == list(range(10)) and set(drawn) == {"ddpm-1000", "ddim-10"}
    expected = train.draw_digits(again, schedule, asked, diffusion.ddim, seed=record["seed"], steps=10)
    torch.testing.assert_close(drawn["ddim-10"].float(), (expected * 255).round(), rtol=0, atol=1)


def test_shipped_weights_and_their_record():
    network, schedule, record = train.load_diffusion()
    assert 200_000 <= sum(p.numel() for p in network.parameters()) <= 700_000
    assert schedule.T == record["settings"]["T"] == 1000
    metrics = record["metrics"]
    assert metrics["n"] == 10_000 and metrics["frechet2"] < 3 * metrics["frechet2_training_images"]
    assert metrics["agreement"] > 0.95
    folder = resources.files("genphys") / "weights"
    assert (folder / "diffusion.safetensors").stat().st_size < 3e6
    images, labels, samples = train.load_diffusion_samples()
    assert samples["weights_sha256"] == json.loads((folder / "diffusion.json").read_text())["sha256"]
    classifier, _ = train.load_classifier()
    for name in train.DIFFUSION_SAMPLES:
        assert images[name].shape == (1000, 784) and labels.bincount().tolist() == [100] * 10
        assert accuracy(classifier, images[name] / 255, labels) > 0.9
