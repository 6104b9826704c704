"""Checkpoints and weights on disk."""

import os

import pytest
import torch
from safetensors.torch import load_file

from genphys import train


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


def test_missing_folders_and_tensors_are_named(tmp_path):
    with pytest.raises(ValueError, match="folder is 'nowhere', takes a folder that exists"):
        train.load_weights("rbm", tmp_path / "nowhere")
    with pytest.raises(ValueError, match="tensors is"):
        train.write_checkpoint(tmp_path / "c.safetensors", {"a": 1.0}, {})
    assert not list(tmp_path.iterdir())
