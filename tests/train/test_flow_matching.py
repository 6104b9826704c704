"""The long training of the flow of digits: its velocity, its steps, its resumption, its evaluation, what is shipped."""

import json
import math
from importlib import resources

import pytest
import torch

from genphys import data, diffusion, scores, train
from genphys.networks.classifier import accuracy
from genphys.networks.unet import UNet
from genphys.train import flow_matching
from genphys.train.program import main

SETTINGS = {"steps": 5, "batch": 8, "learning_rate": 1e-3, "decay": 0.5, "drop": 0.5, "half": False}


@pytest.fixture(scope="module")
def digits():
    few = data.digits(100, 10)
    return few.train_images, few.train_labels


@pytest.fixture
def small():
    """A small network of ten labels in double precision, whose last layer is not silent."""
    rng = torch.Generator().manual_seed(3)
    network = UNet(widths=(8, 16), classes=10, rng=rng).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=rng, dtype=torch.float64))
    return network.eval()


def weights(model):
    return torch.cat([tensor.detach().flatten() for tensor in model.state_dict().values()])


@torch.no_grad()
def test_the_velocity_is_the_difference_of_the_diffusions_estimates(small):
    """Data minus noise, both from the conversions of the diffusion model at the step of the same ratio."""
    schedule = diffusion.cosine_schedule(50)
    rng = torch.Generator().manual_seed(4)
    steps = torch.tensor([3, 17, 33, 49])
    t = 1 / (1 + schedule.sigma[steps])
    x = torch.randn(4, 1, 8, 8, generator=rng, dtype=torch.float64)
    labels = torch.tensor([0, 3, 10, 9])
    y = x / (t**2 + (1 - t) ** 2).sqrt()[:, None, None, None]
    nu = small(y, schedule.sigma[steps].atan() * (2000 / math.pi), labels)
    x1, z = (diffusion.convert(schedule, nu, y, steps, "velocity", kind) for kind in ("x0", "noise"))
    torch.testing.assert_close(train.digit_velocity(small, x, t, labels), x1 - z, rtol=0, atol=1e-11)


@torch.no_grad()
def test_the_loss_is_the_squared_error_of_the_velocity_of_pairs(small):
    x1 = torch.randn(12, 1, 8, 8, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    labels = torch.arange(12) % 11
    torch.set_default_dtype(torch.float64)
    try:
        found = flow_matching._losses(small, x1, labels, torch.Generator().manual_seed(6))
        rng = torch.Generator().manual_seed(6)
        t = (torch.arange(12) + torch.rand(12, generator=rng)) / 12
        t = t[torch.randperm(12, generator=rng)]
        z = torch.randn(x1.shape, generator=rng)
    finally:
        torch.set_default_dtype(torch.float32)
    assert t.sort().values.mul(12).floor().tolist() == list(range(12))  # one time in each twelfth
    for k in range(12):
        point = t[k] * x1[k] + (1 - t[k]) * z[k]
        v = train.digit_velocity(small, point[None], t[k : k + 1], labels[k : k + 1])[0]
        torch.testing.assert_close(found[k], ((x1[k] - z[k]) - v).square().mean())


def test_an_interrupted_training_equals_an_uninterrupted_one(digits, tmp_path, monkeypatch):
    whole, record = train.train_flow_matching(*digits, tmp_path / "whole", seed=1, **SETTINGS)
    assert record["step"] == 5 and not whole.training

    calls, losses = [0], flow_matching._losses

    def stops_in_the_fourth_step(*arguments):
        calls[0] += 1
        if calls[0] == 2:
            raise RuntimeError("power cut")
        return losses(*arguments)

    begun, record = train.train_flow_matching(*digits, tmp_path / "cut", seed=1, until=2, **SETTINGS)
    assert record["step"] == 2 and not torch.equal(weights(begun), weights(whole))
    monkeypatch.setattr(flow_matching, "_losses", stops_in_the_fourth_step)
    with pytest.raises(RuntimeError, match="power cut"):
        train.train_flow_matching(*digits, tmp_path / "cut", seed=1, every=0.0, **SETTINGS)
    monkeypatch.undo()
    resumed, _ = train.train_flow_matching(*digits, tmp_path / "cut", seed=1, **SETTINGS)
    assert torch.equal(weights(resumed), weights(whole))


def test_a_start_gives_the_first_weights_and_belongs_to_the_settings(digits, tmp_path):
    start = train.diffusion_unet(rng=torch.Generator().manual_seed(8))
    still, _ = train.train_flow_matching(
        *digits, tmp_path / "a", start=start, seed=1, **(SETTINGS | {"learning_rate": 1e-30, "steps": 1})
    )
    torch.testing.assert_close(weights(still), weights(start), rtol=0, atol=1e-20)
    with pytest.raises(ValueError, match="start"):
        train.train_flow_matching(*digits, tmp_path / "a", seed=1, **(SETTINGS | {"learning_rate": 1e-30, "steps": 1}))
    with pytest.raises(ValueError, match="do not fit the U-Net"):
        train.train_flow_matching(
            *digits, tmp_path / "b", start=UNet(widths=(8, 16), rng=torch.Generator()), seed=1, **SETTINGS
        )


def test_one_network_learns_with_and_without_labels(digits, tmp_path, monkeypatch):
    seen, losses = [], flow_matching._losses

    def look(network, x1, labels, rng):
        seen.append(labels)
        return losses(network, x1, labels, rng)

    monkeypatch.setattr(flow_matching, "_losses", look)
    for drop, none in ((0.0, 0), (1.0, 40)):
        seen.clear()
        train.train_flow_matching(*digits, tmp_path / str(drop), seed=1, **(SETTINGS | {"drop": drop}))
        assert sum((labels == 10).sum().item() for labels in seen) == none


@torch.no_grad()
def test_eulers_method_is_ddim_along_the_same_ratios():
    """On a fine schedule the steps of both samplers have the same signal-to-noise ratios within a thousandth."""
    network, _, _ = train.load_diffusion()
    schedule, labels = diffusion.cosine_schedule(20_000), torch.arange(6)

    class Finer(torch.nn.Module):  # tells the network the angle, as the flow does
        classes = 10

        def forward(self, x, t, labels):
            return network(x, schedule.sigma[t].atan() * (2000 / math.pi), labels)

    _, against, ddim = flow_matching._runs(network, network, schedule)["ddim-linear-10"]
    assert against == "ddim-10"
    steps = ddim.keywords["steps"]
    denoise = diffusion.denoiser(Finer(), schedule, "velocity", labels=labels)
    z = torch.randn(6, 1, 28, 28, generator=torch.Generator().manual_seed(2))
    expected = ((diffusion.ddim(denoise, schedule, z, steps=steps).flatten(1) + 1) / 2).clamp(0, 1)
    found = train.flow_digits(network, labels, steps=10, method="euler", seed=2)
    torch.testing.assert_close(found, expected, rtol=0, atol=0.02)
    in_pieces = train.flow_digits(network, labels, steps=10, method="euler", seed=2, rows=6)
    torch.testing.assert_close(found, in_pieces)


def test_evaluation_and_command(digits, tmp_path, monkeypatch):
    images, labels = digits
    monkeypatch.setattr(flow_matching, "EVALUATIONS", (5,))
    monkeypatch.setattr(data, "mnist", lambda root=None, train=True, exclude_digits=False: (images, labels))
    options = ["--steps", "2", "--batch", "8", "--start", "none", "--evaluated", "64", "--no-half"]
    main(["flow_matching", "--folder", str(tmp_path / "run"), *options])
    network, record = train.load_flow_matching(tmp_path / "run")
    words = "--steps 2 --precision float32 --start none --batch 8 --evaluated 64"
    assert record["command"] == f"python -m genphys.train flow_matching {words}"
    assert "before" not in record
    runs = record["metrics"]["runs"]
    assert set(runs) == {"training-images", "ddim-5", "ddim-linear-5", "euler-5", "midpoint-4"}
    for name in ("euler-5", "midpoint-4", "ddim-linear-5"):
        gap = runs[name]["frechet2"] - runs["ddim-5"]["frechet2"]
        assert runs[name]["above_ddim"] == pytest.approx(gap, abs=2e-3) and runs[name]["above_ddim_stderr"] > 0
    assert runs["midpoint-4"]["evaluations"] == 4 and "above_ddim" not in runs["ddim-5"]
    classifier, _ = train.load_classifier()
    asked = torch.arange(200) % 10
    drawn = train.flow_digits(network, asked, steps=10, method="euler", seed=record["live"]["seed"])
    assert record["live"]["agreement"] == accuracy(classifier, drawn, asked)
    again = scores.image_frechet2(classifier, data.digits().test_images, drawn).value
    assert record["live"]["frechet2"] == pytest.approx(again, rel=1e-6)


def test_shipped_weights_and_their_record():
    network, record = train.load_flow_matching()
    assert 200_000 <= sum(p.numel() for p in network.parameters()) <= 700_000
    folder = resources.files("genphys") / "weights"
    assert (folder / "flow_matching.safetensors").stat().st_size < 2e6
    start = json.loads((folder / "diffusion.json").read_text(encoding="utf-8"))
    assert record["before"]["sha256"] == start["sha256"] and record["before"]["command"] == start["command"]
    assert record["settings"]["path"] == "linear" and record["data"]["images"] == 55_000
    runs = record["metrics"]["runs"]
    assert max(row["evaluations"] for row in runs.values() if row.get("evaluations")) == 20
    for name, row in runs.items():
        assert row["frechet2_stderr"] > 0
        assert name == "training-images" or row["agreement"] > 0.9
