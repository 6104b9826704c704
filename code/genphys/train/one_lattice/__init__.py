r"""One lattice, all models: eight models of the periodic Ising lattice, trained on the same draws and judged alike.

- ``reference`` holds what is known exactly, and independent exact draws;
- ``networks`` holds the models: how each draws and what it weighs;
- ``models`` trains them;
- ``judge`` makes one row of the table from a fitted model;
- ``runs`` is the study, ``python -m genphys.train study one_lattice``.
"""

from genphys.train.one_lattice.judge import judge_samples, nats_above
from genphys.train.one_lattice.models import fit_model
from genphys.train.one_lattice.networks import MODELS, Autoregressive
from genphys.train.one_lattice.reference import (
    OBSERVABLES,
    TEMPERATURES,
    exact_averages,
    exact_draws,
    measure,
    two_point,
)
from genphys.train.one_lattice.runs import load_one_lattice, one_lattice_samples, study_one_lattice

__all__ = [
    "MODELS",
    "OBSERVABLES",
    "TEMPERATURES",
    "Autoregressive",
    "exact_averages",
    "exact_draws",
    "fit_model",
    "judge_samples",
    "load_one_lattice",
    "measure",
    "nats_above",
    "one_lattice_samples",
    "study_one_lattice",
    "two_point",
]
