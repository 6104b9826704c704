"""Records, printed and plotted, and curves for TensorBoard."""

import sys
import types
from typing import ClassVar

import pytest
import torch

from genphys import train
from genphys.train import show
from genphys.train.program import main


class Writer:
    """What of TensorBoard's writer is used."""

    made: ClassVar[list] = []

    def __init__(self, folder, purge_step):
        self.folder, self.purge_step, self.found, self.closed = folder, purge_step, [], False
        self.made.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed = True

    def add_scalar(self, name, value, step):
        self.found.append((name, value, step))


def run(folder, steps):
    state = train.State({"m": torch.nn.Linear(1, 1)})
    settings = {"folder": folder, "settings": {"a": 1}, "log_every": 2}
    return train.train(lambda i: {"loss": float(i), "size": 1.0}, steps, state, **settings)


@pytest.mark.parametrize("name", ["vae", "iwae", "gan_wgan_gp", "lattice_critical", "deep_energy"])
def test_a_shipped_record_is_printed_with_its_chain_and_plotted(name, tmp_path):
    text = train.show_record(name, tmp_path / "a" / "curves.png")
    _, record = train.read_record(name)
    lines = text.splitlines()
    assert lines[0] == name and any(record["command"] in line for line in lines[1:3])
    if "before" in record:
        assert record["before"]["command"] in lines[1] and lines[2].startswith("then python -m genphys.train vae")
    assert lines[-1].split()[0] == str(record["history"][-1]["step"])
    assert (tmp_path / "a" / "curves.png").read_bytes()[:4] == b"\x89PNG"


def test_a_folder_is_shown_while_its_training_runs_and_after_it(tmp_path, capsys):
    run(tmp_path / "toy", 5)
    main(["show", str(tmp_path / "toy"), "--picture", str(tmp_path / "toy.svg")])
    said = capsys.readouterr().out
    assert "not ended" in said and "step: 5" in said and "curves: " in said
    assert [line.split() for line in said.splitlines()[-4:-1]] == [
        ["step", "loss", "size"],
        ["2", "0.5", "1"],
        ["4", "2.5", "1"],
    ]
    assert "<svg" in (tmp_path / "toy.svg").read_text("utf8")
    train.write_weights(tmp_path / "toy" / "toy", {"a": torch.ones(1)}, {"command": "made", "history": [{"step": 7}]})
    assert train.read_record(tmp_path / "toy")[0] == "toy" and "made" in train.show_record(tmp_path / "toy")


def test_what_is_no_record_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"run is 'nothing', takes a folder, or one of the shipped records: .*rbm"):
        train.show_record("nothing")
    with pytest.raises(ValueError, match="takes a folder with a record in it"):
        train.show_record(tmp_path)


def test_curves_are_written_for_tensorboard_and_forget_what_an_interruption_lost(tmp_path, monkeypatch):
    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    monkeypatch.setattr(show, "has_tensorboard", lambda: True)
    monkeypatch.setattr(Writer, "made", [])
    run(tmp_path, 4)
    run(tmp_path, 6)
    first, second = Writer.made
    assert first.folder == str(tmp_path) and first.closed and (first.purge_step, second.purge_step) == (1, 5)
    assert first.found == [("loss", 0.5, 2), ("size", 1.0, 2), ("loss", 2.5, 4), ("size", 1.0, 4)]
    assert second.found == [("loss", 4.5, 6), ("size", 1.0, 6)]


def test_without_tensorboard_there_is_a_message_and_nothing_breaks(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(show, "has_tensorboard", lambda: False)
    main(["lattice", "critical", "--folder", str(tmp_path), "--steps", "1", "--batch", "8"])
    assert capsys.readouterr().err.startswith(show.WITHOUT_TENSORBOARD)
    assert train.load_lattice_flow("critical", tmp_path)[1]["settings"]["steps"] == 1
