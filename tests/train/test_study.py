"""Studies are lists of runs that can be run again: one seed gives the numbers that are shipped, within its spread."""

import json
import statistics

import pytest
import torch

from genphys import gan, train
from genphys.train import study
from genphys.train.program import main


def test_every_change_and_every_seed_is_there():
    first = train.load_study("first_gan")
    assert [(run["change"], run["seed"]) for run in first["runs"]] == [
        (change, seed) for change in first["changes"] for seed in range(1, 6)
    ]
    magnet = train.load_study("ising_gan")
    assert [(run["recipe"], run["seed"]) for run in magnet["runs"]] == [
        (recipe, seed) for recipe in magnet["recipes"] for seed in range(1, 9)
    ]
    prices = train.load_study("vae_rate_distortion")
    assert [(run["price"], run["seed"]) for run in prices["runs"]] == [
        (price, seed) for price in prices["prices"] for seed in range(1, 4)
    ]
    cures = train.load_study("vae_collapse")
    assert [(run["cure"], run["seed"]) for run in cures["runs"]] == [
        (cure, seed) for cure in cures["cures"] for seed in range(1, 9)
    ]
    assert cures["cures"] == {key: words for key, (words, _) in study.CURES.items()}
    assert prices["prices"] == {key: words for key, (words, _) in study.PRICES.items()}
    assert first["changes"] == {key: words for key, (words, _) in study.CHANGES.items()}
    assert magnet["recipes"] == {key: words for key, (words, _) in study.RECIPES.items()}


def test_a_run_of_the_magnet_agrees_with_the_recorded_ones():
    recorded = [run["energy"] for run in train.load_study("ising_gan")["runs"] if run["recipe"] == "lecture"]
    again = study._ising_gan(99, epochs=8, **study.RECIPES["lecture"][1])
    assert abs(again["energy"] - statistics.mean(recorded)) < 5 * statistics.stdev(recorded)


def test_a_higher_price_makes_the_message_shorter_and_the_misfit_larger():
    cheap, dear = (study._vae_at_price(7, epochs=2, beta=beta) for beta in (0.5, 8))
    for where in ("", "_train"):
        saved = cheap[f"rate{where}"] - dear[f"rate{where}"]
        added = dear[f"distortion{where}"] - cheap[f"distortion{where}"]
        assert 0.5 * saved < added < 8 * saved


def test_free_bits_keep_more_latent_variables_in_use():
    plain, free = (study._vae_with_cure(7, epochs=4, **study.CURES[cure][1]) for cure in ("no cure", "free bits"))
    assert free["used"] > plain["used"]


def test_rounded_spins_have_the_value_of_the_sign_and_the_slope_of_the_number():
    g = gan.mlp_generator(3, 1, 5, 4, rng=torch.Generator().manual_seed(1))
    z = gan.noise(6, 3, rng=torch.Generator().manual_seed(2))
    rounded, soft = study.Rounded(g)(z), g(z)
    torch.testing.assert_close(rounded, soft.sign())
    for a, b in zip(
        torch.autograd.grad(rounded.sum(), list(g.parameters())),
        torch.autograd.grad(soft.sum(), list(g.parameters())),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


def test_copies_are_noticed(monkeypatch):
    """A training set that holds the very samples is named, and one that does not is not."""
    g = train.load_gan("dcgan")[0]
    z = gan.noise(20, g.noise_size, "normal", rng=torch.Generator().manual_seed(51))
    with torch.no_grad():
        samples = gan.to_unit(g(z))
    found = {run["run"]: run for run in train.study_gan_copies(samples, samples=20)["runs"]}
    assert found["dcgan"]["seen"] == 1 and found["dcgan"]["distance"] < 1e-3
    assert found["lecture"]["seen"] < 0.9
    drawn = train.load_diffusion_samples()[0]["ddim-20"][:20] / 255
    found = {run["run"]: run for run in train.study_diffusion_copies(drawn, samples=20)["runs"]}
    assert found["ddim-20"]["seen"] == 1 and found["ddim-20"]["distance"] < 1e-3
    assert found["ddpm-1000"]["seen"] < 0.9


def test_the_command_writes_what_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setitem(study.STUDIES, "ising_gan", lambda: train.study_ising_gan(epochs=1, seeds=1))
    main(["study", "ising_gan", "--folder", str(tmp_path)])
    found = train.load_study("ising_gan", tmp_path)
    assert found["command"] == "python -m genphys.train study ising_gan" and len(found["runs"]) == 3
    assert json.loads((tmp_path / "study_ising_gan.json").read_text()) == found
    with pytest.raises(ValueError, match=r"study_first_gan\.json"):
        train.load_study("first_gan", tmp_path)
