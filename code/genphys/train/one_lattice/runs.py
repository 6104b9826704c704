"""The study: eight models, three temperatures, five seeds, and the best three on a lattice of 16 x 16 sites.

Every run is written to a file of its own when it is done, so that the study can be interrupted and goes on where it
was.
"""

import json
from pathlib import Path

import torch
from tqdm import tqdm

from genphys.arguments import count, doors
from genphys.train.files import load_weights, write_weights
from genphys.train.one_lattice.judge import judge, judge_samples
from genphys.train.one_lattice.models import MODELS, STEPS, fit_model
from genphys.train.one_lattice.reference import TEMPERATURES, exact_draws

__all__ = ["one_lattice_samples", "study_one_lattice"]

DRAWS, TRAINING, SHOWN = 1000, 10_000, 24
LARGE = ("pairwise", "autoregressive", "diffusion")  # the three best at 8 x 8
LARGE_STEPS = {"autoregressive": 400, "diffusion": 400}
PICTURES = "one_lattice_samples"


def _run(name, L, temperature, seed, steps=None):
    """One run: training on the draws of its temperature, and its row of the table."""
    T = TEMPERATURES[temperature]
    if name == "exact":  # fresh exact draws, as if they were a model's
        fresh = exact_draws(L, T, DRAWS, seed=100 + seed)
        return judge_samples(fresh, T), fresh
    fitted = fit_model(name, exact_draws(L, T, TRAINING, seed=1), seed=seed, steps=steps)
    return judge(fitted, L, T, draws=DRAWS, seed=seed)


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
            row, spins = _run(name, L, temperature, seed, LARGE_STEPS.get(name) if L == 16 else None)
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
    return {"models": MODELS, "settings": settings, "runs": runs}


def one_lattice_samples(folder: Path | str | None = None):
    """Lattices that each model of the study drew, by ``"model-L-temperature"``: int8 spins, shape (24, L, L)."""
    return load_weights(PICTURES, folder)[0]


doors(globals())
