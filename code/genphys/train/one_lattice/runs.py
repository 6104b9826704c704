"""The study: eight models, three temperatures, five seeds, and the best three on a lattice of 16 x 16 sites.

Every run is written to a file of its own when it is done, so that the study can be interrupted and goes on where it
was.
"""

import json
from pathlib import Path
from typing import Literal, get_args

import torch
from tqdm import tqdm

from genphys.arguments import count, doors
from genphys.numerics import tensor_hash
from genphys.train.files import fill, load_weights, read_checkpoint, under, write_checkpoint, write_weights
from genphys.train.one_lattice.judge import judge, judge_samples
from genphys.train.one_lattice.models import STEPS, trained
from genphys.train.one_lattice.networks import MODELS, Trained, at_work, made
from genphys.train.one_lattice.reference import TEMPERATURES, exact_draws

__all__ = ["load_one_lattice", "one_lattice_samples", "study_one_lattice"]

DRAWS, TRAINING, SHOWN = 1000, 10_000, 24
LARGE = ("pairwise", "autoregressive", "diffusion")  # the three best at 8 x 8
LARGE_STEPS = {"autoregressive": 400, "diffusion": 400}
PICTURES = "one_lattice_samples"


def _run(name, L, temperature, seed, steps=None):
    """One run: training on the draws of its temperature; its row of the table, its draws and its network."""
    T = TEMPERATURES[temperature]
    if name == "exact":  # fresh exact draws, as if they were a model's
        fresh = exact_draws(L, T, DRAWS, seed=100 + seed)
        return judge_samples(fresh, T), fresh, None
    fitted, network = trained(name, exact_draws(L, T, TRAINING, seed=1), seed, steps)
    return *judge(fitted, L, T, draws=DRAWS, seed=seed), network


def _plan(seeds, large_seeds):
    for seed in range(1, seeds + 1):
        for name in ("exact", *MODELS):
            for temperature in TEMPERATURES:
                yield name, 8, temperature, seed
        if seed <= large_seeds:
            for name in ("exact", "independent", *LARGE):
                yield name, 16, "T_c", seed


def study_one_lattice(folder: Path | str | None = None, *, seeds: count() = 5, large_seeds: count(0) = 3):
    """All models on one lattice; each run is kept in ``folder`` as soon as it is done, and not repeated.

    Returns:
        The settings and under ``"runs"`` the row of every model, size, temperature and seed.
    """
    folder = Path(folder) if folder is not None else Path("runs") / "one_lattice"
    folder.mkdir(parents=True, exist_ok=True)
    runs, shown = [], {}
    for name, L, temperature, seed in tqdm(list(_plan(seeds, large_seeds)), desc="one lattice"):
        path = folder / f"{name}-{L}-{temperature}-{seed}.json"
        if not path.is_file():
            row, spins, network = _run(name, L, temperature, seed, LARGE_STEPS.get(name) if L == 16 else None)
            if network is not None and L == 8 and seed == 1:
                write_checkpoint(path.with_suffix(".safetensors"), network.state_dict(), _facts(row))
            row |= {"samples": [[int(v) for v in s.flatten().tolist()] for s in spins[:SHOWN]]} if seed == 1 else {}
            partial = path.with_suffix(".partial")
            partial.write_text(json.dumps(row), encoding="utf-8")
            partial.replace(path)
        row = json.loads(path.read_text(encoding="utf-8"))
        if "samples" in row:
            spins = torch.tensor(row.pop("samples"), dtype=torch.int8).view(-1, L, L)
            shown[f"{name}-{L}-{temperature}"] = spins
        runs.append({"model": name, "L": L, "temperature": temperature, "seed": seed} | row)
    settings = {"training": TRAINING, "draws": DRAWS, "steps": STEPS, "large_steps": LARGE_STEPS}
    write_weights(folder / PICTURES, shown, {"what": f"{SHOWN} lattices of each model, seed 1"} | settings)
    _keep(folder)
    return {"models": MODELS, "settings": settings, "runs": runs}


def _facts(row):
    """What the record of shipped weights says of a run."""
    return {
        key: row[key] for key in ("seconds", "parameters", "chi2", "nats", "nats_at_most", "log_z_gap") if key in row
    }


def _keep(folder):
    """The weights of seed 1, one file a model, with the record of where they come from."""
    for name in set(MODELS) & set(get_args(Trained)):
        paths = {temperature: folder / f"{name}-8-{temperature}-1.safetensors" for temperature in TEMPERATURES}
        if not all(path.is_file() for path in paths.values()):
            continue
        read = {temperature: read_checkpoint(path) for temperature, path in paths.items()}
        tensors = {f"{t}/{key}": value for t, (found, _) in read.items() for key, value in found.items()}
        record = {
            "command": "python -m genphys.train study one_lattice",
            "model": MODELS[name],
            "settings": {"L": 8, "seed": 1, "steps": STEPS.get(name), "temperatures": TEMPERATURES},
            "data": {
                temperature: {
                    "name": f"exact_draws(8, {T!r}, {TRAINING}, seed=1)",
                    "sha256": tensor_hash(exact_draws(8, T, TRAINING, seed=1)),
                }
                for temperature, T in TEMPERATURES.items()
            },
            "seconds": round(sum(facts["seconds"] for _, facts in read.values()), 1),
            "evaluation": {temperature: facts for temperature, (_, facts) in read.items()},
        }
        write_weights(folder / f"one_lattice_{name}", tensors, record)


def load_one_lattice(name: Trained, temperature: Literal["2", "T_c", "3"], folder: Path | str | None = None):
    """A shipped model of the 8 x 8 lattice, seed 1 of the study: what draws, what it weighs, and its record.

    Args:
        name: One of :data:`MODELS`, but not the independent spins.
        temperature: One of :data:`TEMPERATURES`: where it was trained.
        folder: Where the weights lie; the package's own where left out.

    Returns:
        The model as :func:`fit_model` gives it, without the history, and the record.
    """
    tensors, record = load_weights(f"one_lattice_{name}", folder)
    network = made(name, 8, torch.Generator().manual_seed(1))
    fill(network, under(tensors, f"{temperature}/"), f"the {MODELS[name]}")
    return at_work(name, network.eval(), 8, seconds=record["evaluation"][temperature]["seconds"]), record


def one_lattice_samples(folder: Path | str | None = None):
    """Lattices that each model of the study drew, by ``"model-L-temperature"``: int8 spins, shape (24, L, L)."""
    return load_weights(PICTURES, folder)[0]


doors(globals())
