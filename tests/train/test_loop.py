"""Trainings that are interrupted and resumed, and those that diverge."""

import copy
import os
import signal
import subprocess
import sys

import pytest
import torch
from conftest import ROOT

from genphys import train
from genphys.numerics import Diverged


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


def test_keep_freed_memory_is_quiet():
    script = "from genphys import train; print(train.keep_freed_memory() in (True, False))"
    found = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "code")},
    )
    assert (found.stdout.strip(), found.stderr) == ("True", "")


def spoiled_at(step, spoil, at):
    """The step function, after whose call number ``at`` something is spoiled."""

    def diverges(i):
        found = step(i)
        return spoil(found) if i == at else found

    return diverges


def no_loss(found):
    return {"loss": float("nan")}


@pytest.mark.parametrize("every", [0.0, 1e9])
def test_a_loss_that_is_not_finite_stops_the_training_at_that_step_and_loses_no_checkpoint(tmp_path, every):
    whole, _ = run(tmp_path / "whole", 30)
    run(tmp_path / "cut", 12)
    step, state = parts()
    options = {"folder": tmp_path / "cut", "settings": {"a": 1}, "every": every, "log_every": 7}
    with pytest.raises(
        Diverged, match=r"step 18: loss is not finite any more; take a smaller learning rate.*checkpoint"
    ):
        train.train(spoiled_at(step, no_loss, 17), 30, state, **options)
    tensors, record = train.read_checkpoint(tmp_path / "cut" / "checkpoint.safetensors")
    assert record["step"] == (17 if every == 0 else 12)
    assert all(tensor.isfinite().all() for tensor in tensors.values())
    resumed, _ = run(tmp_path / "cut", 30)
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


@pytest.mark.parametrize("what", ["modules", "optimisers", "tensors"])
def test_nothing_that_is_not_finite_is_written(tmp_path, what):
    step, state = parts()

    def spoil(found):
        where = {
            "modules": state.modules["model"][0].weight,
            "optimisers": next(iter(state.optimisers["adam"].state.values()))["exp_avg_sq"],
            "tensors": state.tensors["drift"],
        }[what]
        with torch.no_grad():
            where.view(-1)[0] = float("inf")
        return found

    with pytest.raises(Diverged, match=r"step 6: .*not finite any more"):
        train.train(spoiled_at(step, spoil, 5), 9, state, folder=tmp_path, settings={"a": 1}, every=0.0)
    tensors, record = train.read_checkpoint(tmp_path / "checkpoint.safetensors")
    assert record["step"] == 5 and all(tensor.isfinite().all() for tensor in tensors.values())


def test_parameters_that_are_not_finite_stop_the_training_where_nothing_is_written_or_logged(tmp_path):
    step, state = parts()

    def spoil(found):
        with torch.no_grad():
            state.modules["model"][2].bias.fill_(float("nan"))

    with pytest.raises(Diverged, match="step 4: a parameter of model"):
        train.train(spoiled_at(step, spoil, 3), 9, state, folder=tmp_path, settings={"a": 1}, every=1e9)
    assert not (tmp_path / "checkpoint.safetensors").exists()
