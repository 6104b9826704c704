"""Tensors and their records on disk: checkpoints, and weights that say where they come from."""

import hashlib
import json
import os
import platform
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

import genphys
from genphys.arguments import doors, require

__all__ = ["load_weights", "read_checkpoint", "write_checkpoint", "write_weights"]


def write_checkpoint(path: Path | str, tensors: dict, record: dict):
    """Write tensors, and a JSON record in the header, to one safetensors file that replaces ``path`` in one move.

    An interruption at any moment leaves the old file or the new one, never half of one.

    Args:
        path: The file to write; its folder is made.
        tensors: What to keep, by name.
        record: What JSON can hold.
    """
    require(all(isinstance(x, torch.Tensor) for x in tensors.values()), "tensors", tensors, "tensors by name")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    content = save(tensors, metadata={"record": json.dumps(record)})
    with open(partial, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def read_checkpoint(path: Path | str):
    """What :func:`write_checkpoint` wrote: the tensors by name, and the record; a corrupt file is refused.

    Raises:
        FileNotFoundError: There is no such file.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} does not exist")
    try:
        with safe_open(path, "pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dictionary)
            record = json.loads((file.metadata() or {})["record"])
    except (SafetensorError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is truncated or corrupt ({error}); delete it to begin again") from error
    return tensors, record


def write_weights(path: Path | str, tensors: dict, record: dict):
    """Write weights to ``path`` (``.safetensors``), and beside them the record of where they come from (``.json``).

    The record gets the versions of Python, PyTorch, NumPy and this package, and the hash of the weights.

    Args:
        path: The weights' file; the record has the same name with ``.json``.
        tensors: The weights by name.
        record: What the reader of the weights must know: settings, seed, the data and its hash, seconds, metrics.
    """
    path = Path(path).with_suffix(".safetensors")
    write_checkpoint(path, tensors, {"name": path.stem})
    record = record | {
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__.split("+")[0],
            "numpy": np.__version__,
            "genphys": genphys.__version__,
        },
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    partial = path.with_suffix(".json.partial")
    partial.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    os.replace(partial, path.with_suffix(".json"))


def load_weights(name: str, folder: Path | str | None = None):
    """Shipped weights by the name of the tensors, and their record; a file that is not the record's is refused.

    Args:
        name: Their name, such as ``"rbm"``.
        folder: Where they lie; the package's own ``weights`` where left out.
    """
    folder = Path(folder) if folder is not None else Path(str(resources.files("genphys") / "weights"))
    require(folder.is_dir(), "folder", folder.name, "a folder that exists")
    path = folder / f"{name}.safetensors"
    if not path.is_file():
        there = ", ".join(sorted(file.stem for file in folder.glob("*.safetensors"))) or "none"
        raise ValueError(f"name is {name!r}, takes one of the weights in {folder.name}: {there}")
    record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    if hashlib.sha256(path.read_bytes()).hexdigest() != record["sha256"]:
        raise ValueError(f"{path.name} is truncated or corrupt: its hash is not that of its record; fetch it again")
    return read_checkpoint(path)[0], record


def take(flat, key):
    """The tensor of that name, or a ``ValueError`` that says it is not there."""
    if key not in flat:
        raise ValueError(f"the checkpoint has no {key}; it belongs to another training")
    return flat[key]


def under(flat, prefix):
    """The tensors whose names begin with the prefix, without it."""
    return {key.removeprefix(prefix): tensor for key, tensor in flat.items() if key.startswith(prefix)}


def fill(model, tensors, name):
    """Load a model's tensors; a ``ValueError`` says which model does not fit."""
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise ValueError(f"the weights do not fit {name}: {error}") from error


doors(globals())
