"""Trainings that are interrupted and resumed, and the weights that they leave."""

import copy
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from genphys import data, rbm, train
from genphys.numerics import tensor_hash

CODE = str(Path(__file__).resolve().parents[1] / "code")
SETTINGS = {
    "hidden": 16,
    "batch": 50,
    "chains": 20,
    "k": 1,
    "rate": 0.1,
    "rate_steps": 50,
    "decay": 1e-3,
    "average": 8,
    "seed": 3,
}


class Interrupted(Exception):
    pass


def parts():
    """A network with every kind of state: Adam's averages, an average of the weights, chance and a plain tensor."""
    generator = torch.Generator().manual_seed(5)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 1))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(generator=generator)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2, fused=True)
    average, drift, rows = copy.deepcopy(model), torch.zeros(4), train.Shuffled(64, 16, seed=6)
    inputs = torch.randn(64, 4, generator=torch.Generator().manual_seed(7))

    def step(i):
        for group in optimiser.param_groups:
            group["lr"] = 1e-2 / (1 + i / 10)
        x = inputs[rows(i)] + 0.1 * torch.randn(16, 4, generator=generator) + drift
        drift.add_(0.01 * torch.randn(4, generator=generator))
        loss = model(x).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        train.move_average(average, model, 0.1)
        return {"loss": loss.item()}

    state = train.State(
        {"model": model, "average": average}, {"adam": optimiser}, {"chance": generator}, {"drift": drift}
    )
    return step, state


def run(folder, steps, interrupt=None, every=1e9):
    step, state = parts()

    def interrupted(i):
        if i == interrupt:
            os.kill(os.getpid(), signal.SIGINT)  # arrives in the middle of the step
        return step(i)

    try:
        record = train.train(interrupted, steps, state, folder=folder, settings={"a": 1}, every=every, log_every=7)
    except KeyboardInterrupt:
        raise Interrupted from None
    return state.save(), record["history"]


@pytest.mark.parametrize("interrupt", [0, 11, 29])
def test_interrupted_and_resumed_is_uninterrupted_bit_for_bit(tmp_path, interrupt):
    whole, history = run(tmp_path / "whole", 30)
    with pytest.raises(Interrupted):
        run(tmp_path / "cut", 30, interrupt=interrupt)
    assert train.read_checkpoint(tmp_path / "cut" / "checkpoint.safetensors")[1]["step"] == interrupt + 1
    resumed, resumed_history = run(tmp_path / "cut", 30)
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)
    assert history == resumed_history
    assert len(history) == 4
    assert any(key.startswith("optimisers/adam/0/exp_avg") for key in whole)


def test_a_killed_run_goes_on_from_its_last_checkpoint(tmp_path):
    whole, _ = run(tmp_path / "whole", 30)
    step, state = parts()

    def dies(i):
        if i == 17:
            raise RuntimeError("no time to write anything")
        return step(i)

    with pytest.raises(RuntimeError):
        train.train(dies, 30, state, folder=tmp_path / "cut", settings={"a": 1}, every=0.0, log_every=7)
    resumed, _ = run(tmp_path / "cut", 30)
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_a_complete_run_can_be_lengthened(tmp_path):
    whole, history = run(tmp_path / "whole", 40)
    run(tmp_path / "cut", 25)
    longer, longer_history = run(tmp_path / "cut", 40)
    assert all(torch.equal(whole[key], longer[key]) for key in whole)
    assert history == longer_history


def test_other_settings_are_refused(tmp_path):
    run(tmp_path, 3)
    step, state = parts()
    with pytest.raises(ValueError, match="a: 1 there, 2 here"):
        train.train(step, 5, state, folder=tmp_path, settings={"a": 2})


def test_a_broken_checkpoint_is_refused_by_name(tmp_path):
    run(tmp_path, 3)
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"checkpoint.safetensors is truncated or corrupt"):
        run(tmp_path, 5)
    with pytest.raises(FileNotFoundError, match="nothing"):
        train.read_checkpoint(tmp_path / "nothing")


def test_another_state_is_refused(tmp_path):
    _, state = parts()
    flat = state.save()
    for change, message in (
        ({"tensors": {"other": torch.zeros(2)}}, "has no tensors/other"),
        ({"tensors": {"drift": torch.zeros(2)}}, "tensors/drift has shape"),
        ({"modules": {"model": torch.nn.Linear(1, 1)}}, "modules/model does not fit"),
    ):
        with pytest.raises(ValueError, match=message):
            train.State(**change).load(flat)


def test_a_checkpoint_is_replaced_in_one_move(tmp_path, monkeypatch):
    path = tmp_path / "c.safetensors"
    train.write_checkpoint(path, {"a": torch.arange(3)}, {"n": 1})

    def power_cut(*_):
        raise OSError("power cut")

    monkeypatch.setattr(os, "replace", power_cut)
    with pytest.raises(OSError, match="power cut"):
        train.write_checkpoint(path, {"a": torch.zeros(3)}, {"n": 2})
    tensors, record = train.read_checkpoint(path)
    assert record == {"n": 1}
    assert tensors["a"].tolist() == [0, 1, 2]


def test_shuffled_is_an_epoch_a_time_and_a_function_of_the_step():
    rows = train.Shuffled(23, 5, seed=1)
    assert rows.per_epoch == 4
    epochs = [torch.cat([rows(4 * e + b) for b in range(4)]) for e in range(2)]
    assert all(len(set(epoch.tolist())) == 20 for epoch in epochs)
    assert not torch.equal(epochs[0], epochs[1])
    again = train.Shuffled(23, 5, seed=1)
    assert torch.equal(again(6), rows(6))
    assert not torch.equal(train.Shuffled(23, 5, seed=2)(6), rows(6))
    with pytest.raises(ValueError, match="size is 24, takes 1 to 23"):
        train.Shuffled(23, 24, seed=1)


def test_move_average_weighs_the_steps_as_it_says():
    """With rate (eta + 1)/(t + eta) and eta = 1 step t has the weight 2t/(n (n + 1))."""
    model, average = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    values = torch.tensor([3.0, -1.0, 4.0, 1.5])
    for t, value in enumerate(values, 1):
        torch.nn.init.constant_(model.weight, value.item())
        train.move_average(average, model, 2 / (t + 1))
    weights = torch.arange(1, 5) * 2 / (4 * 5)
    assert average.weight.item() == pytest.approx((weights * values).sum().item(), abs=1e-6)
    with pytest.raises(ValueError, match=r"rate is 1.5"):
        train.move_average(average, model, 1.5)


def test_weights_come_with_a_record_that_names_them(tmp_path):
    record = {"settings": {"seed": 1}, "metrics": {"x": -1.25}}
    train.write_weights(tmp_path / "toy", {"w": torch.arange(4.0)}, record)
    tensors, found = train.load_weights("toy", tmp_path)
    assert tensors["w"].tolist() == [0, 1, 2, 3]
    assert found["metrics"] == record["metrics"]
    assert set(found["versions"]) == {"python", "torch", "numpy", "genphys"}
    assert load_file(tmp_path / "toy.safetensors")["w"].shape == (4,)
    with pytest.raises(ValueError, match=r"takes one of the weights in .*: toy"):
        train.load_weights("other", tmp_path)
    content = bytearray((tmp_path / "toy.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "toy.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"toy.safetensors is truncated or corrupt"):
        train.load_weights("toy", tmp_path)


def test_tensor_hash_sees_type_shape_and_value():
    zeros = torch.zeros(2, 3)
    others = (zeros.double(), zeros.view(3, 2), zeros + 1)
    assert len({tensor_hash(t) for t in (zeros, *others)}) == 4
    assert tensor_hash(zeros) == tensor_hash(zeros.clone())


def test_keep_freed_memory_is_quiet():
    script = "from genphys import train; print(train.keep_freed_memory() in (True, False))"
    found = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": CODE},
    )
    assert (found.stdout.strip(), found.stderr) == ("True", "")


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


def test_rbm_evaluation_is_the_exact_one_where_it_can_be_summed():
    digits = data.digits(1000, 200)
    model = rbm.BernoulliRBM(784, 10, std=0.02, generator=torch.Generator().manual_seed(1))
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
    environment = {**os.environ, "PYTHONPATH": CODE, "TQDM_DISABLE": "1"}
    first = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    assert first.stdout.startswith("test log-likelihood -")
    tensors, record = train.load_weights("rbm", tmp_path)
    assert tensors["weight"].shape == (784, 8)
    assert record["settings"]["steps"] == 21
    assert record["data"]["images"] == 55_000
    assert record["metrics"]["test_images"] == 10_000
    other = subprocess.run([*command, "--rate", "1"], check=False, capture_output=True, text=True, env=environment)
    assert other.returncode != 0
    assert "belongs to other settings (rate: 0.12 there, 1.0 here)" in other.stderr
    assert "Traceback" not in other.stderr
