"""Each of the long trainings stops where it diverges, and says so; what was finite stays on disk."""

import math

import pytest
import torch

from genphys import data, train
from genphys.numerics import Diverged
from genphys.train import one_lattice
from genphys.train.one_lattice import models

HUGE = 1e38  # a learning rate at which the parameters overflow within a few steps
DIFFUSION = {"batch": 8, "decay": 0.5, "T": 50, "learning_rate": HUGE}


@pytest.fixture(scope="module")
def digits():
    few = data.digits(50, 10)
    return few.train_images, few.train_labels


def classifier(images, labels, folder, **options):
    return train.train_classifier(images, labels, folder, batch=8, learning_rate=HUGE, **options)


def rbm(images, labels, folder, **options):
    settings = {"hidden": 8, "chains": 4, "k": 1, "rate_steps": 50, "decay": 1e-3, "average": 8}
    return train.train_rbm(images, folder, batch=8, learning_rate=HUGE, **settings, **options)


def rbm_in_half_precision(images, labels, folder, **options):
    return rbm(images, labels, folder, precision="bfloat16", **options)


def vae(images, labels, folder, **options):
    settings = {"k": 1, "first_k": 1, "first_steps": 0, "draws": 1, "last_learning_rate": 0.0}
    return train.train_vae(images, folder, batch=8, learning_rate=HUGE, **settings, **options)


def deep_energy(images, labels, folder, **options):
    settings = {"chain": 2, "penalty": 0.1, "decay": 0.9}
    return train.train_deep_energy(images, folder, batch=8, learning_rate=HUGE, **settings, **options)


def diffusion(images, labels, folder, **options):
    return train.train_diffusion(images, labels, folder, drop=0.1, half=False, **DIFFUSION, **options)


def phi4(images, labels, folder, **options):
    fields = torch.randn(20, 8, 8, generator=torch.Generator().manual_seed(1))
    return train.train_phi4(fields, folder, **DIFFUSION, **options)


def flow_matching(images, labels, folder, **options):
    settings = {"batch": 8, "decay": 0.5, "drop": 0.1, "half": False, "learning_rate": HUGE}
    return train.train_flow_matching(images, labels, folder, **settings, **options)


def lattice_flow(images, labels, folder, **options):
    return train.train_lattice_flow("critical", folder, batch=4, learning_rate=HUGE, **options)


TRAININGS = [
    *(classifier, rbm, rbm_in_half_precision, vae, deep_energy),
    *(diffusion, phi4, flow_matching, lattice_flow),
]


@pytest.mark.parametrize("training", TRAININGS)
def test_a_training_that_diverges_says_so_and_keeps_its_last_finite_state(training, digits, tmp_path):
    with pytest.raises(Diverged, match=r"step \d+: .*learning rate"):
        training(*digits, tmp_path, steps=40, seed=1, every=0.0)
    assert_finite(tmp_path)


@pytest.mark.parametrize("run", ["lecture", "dcgan", "wgan-gp", "conditional"])
def test_a_gan_that_diverges_says_so_and_keeps_its_last_finite_state(run, digits, tmp_path, monkeypatch):
    monkeypatch.setitem(train.GAN_RUNS, run, train.GAN_RUNS[run] | {"learning_rate": HUGE})
    with pytest.raises(Diverged, match=r"step \d+: "):
        train.train_gan(*digits, run, tmp_path, steps=40, batch=8, seed=1, every=0.0)
    assert_finite(tmp_path)


@pytest.mark.parametrize("name", models.RATES)
def test_a_model_of_one_lattice_that_diverges_says_so(name, monkeypatch):
    monkeypatch.setitem(models.RATES, name, HUGE)
    with pytest.raises(Diverged, match=r"is not finite any more; .*learning rate"):
        one_lattice.fit_model(name, one_lattice.exact_draws(8, 2.5, 200, seed=1), seed=1, steps=40)


@pytest.mark.parametrize("name", ["vae", "autoregressive", "diffusion", "flow"])
def test_a_last_step_that_diverges_is_seen_although_no_loss_follows(name, monkeypatch):
    monkeypatch.setitem(models.RATES, name, math.inf)
    with pytest.raises(Diverged, match="step 1: parameters is not finite any more; take a smaller learning rate"):
        one_lattice.fit_model(name, one_lattice.exact_draws(8, 2.5, 200, seed=1), seed=1, steps=1)


def assert_finite(folder):
    """A checkpoint is there or not (the first step may be the one that diverges); if so, it is finite."""
    path = folder / "checkpoint.safetensors"
    if path.exists():
        tensors, record = train.read_checkpoint(path)
        assert record["step"] >= 1 and all(tensor.isfinite().all() for tensor in tensors.values())
