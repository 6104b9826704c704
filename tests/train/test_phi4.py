"""The long training of the lattice field's model: its resumption, its samples, its record and the shipped weights."""

import pytest
import torch

from genphys import train
from genphys.exact.estimates import mean_and_error
from genphys.systems import phi4
from genphys.train import load_phi4, load_weights, sample_phi4, train_phi4
from genphys.train.program import main

SETTINGS = {"steps": 5, "batch": 8, "learning_rate": 1e-3, "decay": 0.5, "T": 100}


def weights(network):
    return torch.cat([tensor.flatten() for tensor in network.state_dict().values()])


def test_an_interrupted_training_equals_an_uninterrupted_one(tmp_path, monkeypatch):
    rng = torch.Generator().manual_seed(1)
    fields = 2 * torch.randn(40, 8, 8, generator=rng, dtype=torch.float64)
    whole, schedule, scale, record = train_phi4(fields, tmp_path / "whole", seed=1, **SETTINGS)
    assert record["step"] == 5 and schedule.T == 100 and not whole.training
    assert abs(scale - fields.square().mean().sqrt()) < 1e-12

    calls, move = [0], phi4.symmetry_images

    def stops_in_the_fourth_step(*arguments, **options):
        calls[0] += 1
        if calls[0] == 4:
            raise RuntimeError("power cut")
        return move(*arguments, **options)

    monkeypatch.setattr(phi4, "symmetry_images", stops_in_the_fourth_step)
    with pytest.raises(RuntimeError, match="power cut"):
        train_phi4(fields, tmp_path / "cut", seed=1, every=0.0, **SETTINGS)
    monkeypatch.undo()
    resumed = train_phi4(fields, tmp_path / "cut", seed=1, **SETTINGS)[0]
    assert torch.equal(weights(resumed), weights(whole))


def test_the_command_writes_weights_and_their_record(tmp_path, monkeypatch):
    monkeypatch.setattr("genphys.train.phi4.PHI4_SAMPLERS", {"ddim-2": (30, {"sampler": "ddim", "steps": 2})})
    few = ["--configurations", "60", "--steps", "2", "--batch", "20", "--samples", "12"]
    main(["phi4", "--folder", str(tmp_path), *few])
    network, schedule, record = load_phi4(tmp_path)
    written, _ = load_weights("phi4", tmp_path)
    assert all(torch.equal(tensor, written[name]) for name, tensor in network.state_dict().items())
    found = record["evaluation"]
    assert found["ddim-2"]["samples"] == 12 and found["monte-carlo"]["samples"] == 60
    again = sample_phi4(
        network, schedule, record["scale"], 12, rng=torch.Generator().manual_seed(3), sampler="ddim", steps=2
    )
    action = phi4.observables(again, record["kappa"], record["lam"])["action"]
    assert abs(action.value - found["ddim-2"]["action"][0]) < 1e-4  # float32


def test_the_record_describes_what_it_was_given():
    phi = phi4.sample(50, 8, 0.32, 0.5, rng=torch.Generator().manual_seed(2), trajectories=20)
    found = train.describe_phi4(phi, 0.32, 0.5)
    assert sum(found["magnetisation_counts"]) == found["samples"] == 50
    assert found["momenta"][0] == (0, 0)
    assert abs(found["structure_factor"][0][0] - found["susceptibility"][0]) < 1e-10
    assert abs(found["time_slices"][0][0] - phi4.time_slice_correlation(phi)[:, 0].mean()) < 1e-12
    # the identity averaged over all momenta is the virial theorem; each listed one stands for 1 to 8 of them
    orbit = [len({p for a in (n, -n % 8) for b in (m, -m % 8) for p in ((a, b), (b, a))}) for n, m in found["momenta"]]
    assert sum(orbit) == 64
    virial = mean_and_error((phi * phi4.action_gradient(phi, 0.32, 0.5)).mean((1, 2))).value
    assert abs(virial - found["schwinger_dyson"][0]) < 1e-12
    along = found["schwinger_dyson_momentum"][found["momenta"].index((1, 0))][0]
    wave = torch.fft.fft2(phi)[:, 1, 0], torch.fft.fft2(phi4.action_gradient(phi, 0.32, 0.5))[:, 1, 0]
    other = torch.fft.fft2(phi)[:, 0, 1], torch.fft.fft2(phi4.action_gradient(phi, 0.32, 0.5))[:, 0, 1]
    assert abs(along - sum((a.conj() * b).real.mean() for a, b in (wave, other)) / 128) < 1e-10


def test_the_shipped_model_is_near_monte_carlo_in_what_it_claims():
    network, schedule, record = load_phi4()
    assert sum(p.numel() for p in network.parameters()) == 203_825
    rng = torch.Generator().manual_seed(4)
    phi = sample_phi4(network, schedule, record["scale"], 128, rng=rng, first=980, steps=25)
    shipped = record["evaluation"]["heun-25"]
    for name, estimate in phi4.observables(phi, record["kappa"], record["lam"]).items():
        value, error = shipped[name]
        assert abs(estimate.value - value) < 4 * (estimate.stderr**2 + error**2) ** 0.5, name


@pytest.mark.parametrize(
    "options, message",
    [({"sampler": "euler"}, "sampler is 'euler'"), ({"first": 1001}, "first is 1001"), ({"steps": 0}, "steps is 0")],
)
def test_bad_input_is_named(options, message):
    network, schedule, record = load_phi4()
    with pytest.raises(ValueError, match=message):
        sample_phi4(network, schedule, record["scale"], 2, rng=torch.Generator(), **options)
