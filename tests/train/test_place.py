"""The device and the precision of the trainings, at their doors and in their commands."""

import runpy
from pathlib import Path

import pytest
import torch

from genphys import flows, train
from genphys.systems import phi4
from genphys.train import place
from genphys.train.place import Place
from genphys.train.program import main

CALLS = runpy.run_path(str(Path(__file__).parents[1] / "calls" / "train.py"))["CALLS"]
TRAININGS = [name for name, row in CALLS.items() if name.startswith("train_") and "half" not in row.make().kwargs]


@pytest.mark.parametrize("name", TRAININGS)
def test_products_in_bfloat16_leave_weights_in_single_precision_near_those_without(name):
    """A step in lower precision is another step, and about as long: its weights differ by rounding or by a step."""
    found = []
    for precision in ("float32", "bfloat16"):
        call = CALLS[name].make()
        *results, record = getattr(train, name)(*call.args, **call.kwargs, precision=precision)
        assert record["settings"].get("precision", "float32") == precision
        weights = [parameter.detach() for parameter in results[0].parameters()]
        assert all(weight.dtype == torch.float32 for weight in weights)
        found.append(torch.cat([weight.flatten() for weight in weights]))
    change = (found[1] - found[0]).abs()
    assert 0 < change.max() < 0.05 and change.isfinite().all()


def test_the_density_of_a_flow_in_bfloat16_is_that_of_its_fields(tmp_path, monkeypatch):
    """The couplings' products alone are rounded: the density is the one of what they give, to single precision."""
    seen, action = [], phi4.action
    monkeypatch.setattr(phi4, "action", lambda phi, *couplings: seen.append(phi) or action(phi, *couplings))
    options = {"steps": 1, "batch": 4, "learning_rate": 1e-3, "seed": 1, "precision": "bfloat16"}
    flow, _ = train.train_lattice_flow("critical", tmp_path, **options)
    assert seen[0].dtype == torch.float32
    z = torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(2), dtype=torch.float32)
    with torch.no_grad():
        for layer in (*flow.scale, *flow.shift):
            layer.weight.normal_(0, 0.1, generator=torch.Generator().manual_seed(3))
        phi, log_q = Place(precision="bfloat16").run(flow, z)
        _, exact = flow(z)
        rounded = flow.log_prob(phi)
    assert phi.dtype == log_q.dtype == torch.float32
    assert (log_q - exact).abs().max() > 1e-4  # the rounding is there
    assert (log_q - rounded).abs().max() < 1  # and small beside the density of 64 sites
    assert isinstance(flow, flows.LatticeFlow)


def test_a_device_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(place, "available", lambda: ["cpu"])
    with pytest.raises(ValueError, match="device is 'cuda', takes cpu, which this machine has"):
        train.train_lattice_flow("critical", tmp_path, steps=1, batch=4, learning_rate=1e-3, seed=1, device="cuda")
    with pytest.raises(SystemExit, match="device is 'mps', takes cpu"):
        main(["lattice", "critical", "--folder", str(tmp_path), "--steps", "1", "--batch", "8", "--device", "mps"])


def test_the_command_takes_both_and_its_record_says_so(tmp_path):
    folder = ["--folder", str(tmp_path), "--steps", "1", "--batch", "8"]
    main(["lattice", "critical", *folder, "--device", "cpu", "--precision", "bfloat16"])
    _, record = train.load_lattice_flow("critical", tmp_path)
    words = "--steps 1 --precision bfloat16 --batch 8"
    assert record["command"] == f"python -m genphys.train lattice critical {words}"
    assert record["settings"]["precision"] == "bfloat16"


@pytest.mark.parametrize(
    "words, half",
    [([], True), (["--half"], True), (["--no-half"], False), (["--precision", "float32"], False)],
)
@pytest.mark.parametrize("name", ["diffusion", "flow_matching"])
def test_the_older_names_of_the_precision_go_on(name, words, half, monkeypatch):
    from genphys import data

    class Stopped(Exception):
        pass

    def stop(*given, **options):
        assert options["half"] is half and options["device"] == "cpu"
        raise Stopped

    monkeypatch.setattr(data, "mnist", lambda *given, **options: (None, None))
    monkeypatch.setattr(f"genphys.train.{name}.train_{name}", stop)
    with pytest.raises(Stopped):
        main([name, *words])
