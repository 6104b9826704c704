"""The long training of the Boltzmann machine: its resumption, its evaluation and its command."""

import os
import subprocess
import sys

import pytest
import torch
from conftest import ROOT

from genphys import data, rbm, train
from genphys.numerics import tensor_hash
from genphys.train import rbm as training

SETTINGS = {
    "hidden": 16,
    "batch": 50,
    "chains": 20,
    "k": 1,
    "learning_rate": 0.1,
    "rate_steps": 50,
    "decay": 1e-3,
    "average": 8,
    "seed": 3,
}


def test_rbm_training_learns_and_resumes(tmp_path):
    """200 steps on 1 000 digits beat independent pixels; cut at 25 they give the same machine to the bit."""
    images = data.digits(1000, 200).train_images
    whole, _ = train.train_rbm(images, tmp_path / "whole", steps=200, **SETTINGS)
    train.train_rbm(images, tmp_path / "cut", steps=25, **SETTINGS)
    resumed, record = train.train_rbm(images, tmp_path / "cut", steps=200, **SETTINGS)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))
    assert record["settings"]["data"] == tensor_hash(images)
    x = data.fixed_binarisation(data.digits(1000, 200).test_images)
    independent = (x * whole.base_bias(images) - torch.nn.functional.softplus(whole.base_bias(images))).sum(1).mean()
    assert whole.log_prob(x).mean() > independent + 5


def test_a_step_in_half_precision_is_the_fused_one_but_for_rounding():
    """A unit comes out differently if its random number lies within the rounding of its probability, 2^-8 of it."""
    x = data.binarise(data.digits(1000, 200).train_images[:100], rng=torch.Generator().manual_seed(1))
    changes, draws = [], []
    for step in (training.half_step, rbm.cd_step_fused):
        rng = torch.Generator().manual_seed(4)
        model = rbm.BernoulliRBM(784, 60, std=0.1, rng=rng)
        chains = rbm.persistent_chains(model, 80, rng=rng)
        chains.step = 1  # so that the offsets are not those of the batch
        before = [p.detach().clone() for p in model.parameters()]
        step(model, x, chains, k=1, learning_rate=0.1, weight_decay=1e-2, rng=rng)
        changes.append([after.detach() - b for after, b in zip(model.parameters(), before, strict=True)])
        draws.append(torch.cat([chains.visible.flatten(), chains.hidden.flatten()]))
    assert (draws[0] != draws[1]).double().mean() < 2**-7
    for ours, theirs in zip(*changes, strict=True):
        assert (ours - theirs).norm() < 0.05 * theirs.norm()


def test_rbm_training_in_half_precision_reaches_the_same_likelihood(tmp_path):
    """After 200 steps the exact likelihoods of both precisions lie closer than those of two seeds."""
    images = data.digits(1000, 200).train_images
    x = data.fixed_binarisation(data.digits(1000, 200).test_images)

    def reached(name, **options):
        model, record = train.train_rbm(images, tmp_path / name, steps=200, **(SETTINGS | options))
        return model.log_prob(x).mean().item(), record

    single, _ = reached("single")
    half, record = reached("half", precision="bfloat16")
    other, _ = reached("other", seed=4)
    assert record["settings"]["precision"] == "bfloat16"
    assert abs(half - single) < max(abs(other - single), 0.5)


def test_rbm_evaluation_is_the_exact_one_where_it_can_be_summed():
    digits = data.digits(1000, 200)
    model = rbm.BernoulliRBM(784, 10, std=0.02, rng=torch.Generator().manual_seed(1))
    with torch.no_grad():
        model.visible_bias.copy_(model.base_bias(digits.train_images))
    found = train.evaluate_rbm(
        model, digits.test_images, base_images=digits.train_images, temperatures=200, chains=100, seed=2
    )
    exact = model.log_prob(data.fixed_binarisation(digits.test_images)).mean().item()
    assert abs(found["log_likelihood"] - exact) < 4 * found["stderr_log_z"] + 1e-3  # float32 rounding of 784 terms
    assert found["test_images"] == 200


def test_command_line_writes_weights_and_refuses_other_settings(tmp_path):
    """The programme itself, on MNIST's files."""
    if not os.environ.get("GENPHYS_DATA"):
        pytest.skip("needs MNIST's files: set GENPHYS_DATA to the folder that holds MNIST/raw")
    command = [sys.executable, "-m", "genphys.train", "rbm", "--threads", "1", "--hidden", "8", "--steps", "21"]
    command += ["--temperatures", "20", "--ais-chains", "5", "--folder", tmp_path]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "code"), "TQDM_DISABLE": "1"}
    first = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    assert first.stdout.startswith("test log-likelihood -")
    tensors, record = train.load_weights("rbm", tmp_path)
    assert tensors["weight"].shape == (784, 8)
    assert record["settings"]["steps"] == 21
    assert record["data"]["images"] == 55_000
    assert record["metrics"]["test_images"] == 10_000
    other = subprocess.run([*command, "--rate", "1"], check=False, capture_output=True, text=True, env=environment)
    assert other.returncode != 0
    assert "belongs to other settings (learning_rate: 0.12 there, 1.0 here)" in other.stderr
    assert "Traceback" not in other.stderr
