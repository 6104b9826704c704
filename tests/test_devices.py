"""Every public callable runs on a device without float64: its valid call is made anew there (emulated_device.py)."""

import runpy
from pathlib import Path

import promise
import pytest
import torch
from emulated_device import DeviceGenerator, Emulated

from genphys.train import place

CALLABLES = promise.callables()
ROWS = {
    f"{path.stem}.{name}": row
    for path in sorted((Path(__file__).parent / "calls").glob("*.py"))
    for name, row in runpy.run_path(str(path))["CALLS"].items()
}
# What works on the processor by its nature, with the reason.
ON_THE_PROCESSOR = {
    "train.train_": "a training takes its device at the door, see below",
    "train.evaluate_": "what is given lies on the processor, the network where it computes",
}
TRAININGS = sorted(name for name in ROWS if name.startswith("train.train_"))


@pytest.mark.parametrize("name", sorted(set(ROWS) & set(CALLABLES)))
def test_runs_on_a_device_without_float64(name, monkeypatch):
    for start, reason in ON_THE_PROCESSOR.items():
        if name.startswith(start):
            pytest.skip(reason)
    monkeypatch.setattr(promise, "GENERATOR", [DeviceGenerator])
    with Emulated() as device:
        call = device.make(ROWS[name].make)
        promise.run(CALLABLES[name], call)


@pytest.mark.parametrize("name", TRAININGS)
def test_a_training_on_a_device_without_float64_is_that_of_the_processor(name, monkeypatch):
    """Chance is drawn on the processor, so that the same seed gives the same weights: here to the bit."""
    call = ROWS[name].make()
    here = CALLABLES[name](*call.args, **call.kwargs)[0]
    monkeypatch.setattr(place, "available", lambda: ["mps"])
    call = ROWS[name].make()
    with Emulated() as device:
        there = CALLABLES[name](*call.args, **call.kwargs, device=device.it.type)[0]
        assert all(parameter.device.type == "cpu" for parameter in there.parameters())
    for mine, theirs in zip(here.state_dict().values(), there.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs)


def test_the_emulated_device_refuses_what_a_real_one_refuses():
    with Emulated() as device:
        x = torch.randn(3, 4).to(device.it)
        assert x[:, 0].device == (x @ x.T).device == torch.zeros_like(x).device == device.it
        for wrong in (lambda: x.double(), lambda: x.sum(dtype=torch.float64), lambda: x.numpy()):
            with pytest.raises(TypeError):
                wrong()
        for wrong in (
            lambda: x + torch.ones(3, 4),
            lambda: torch.nn.functional.linear(x, torch.ones(2, 4)),
            lambda: torch.rand(3, generator=torch.Generator(), device=device.it),
            lambda: torch.rand(3, generator=device.generator()),
        ):
            with pytest.raises(RuntimeError):
                wrong()
        layer = torch.nn.Linear(4, 2).to(device.it)
        loss = layer(x).cpu().double().square().sum()
        assert loss.device == torch.device("cpu")
        loss.backward()
        assert layer.weight.grad.device == device.it
