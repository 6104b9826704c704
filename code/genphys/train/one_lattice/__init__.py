r"""One lattice, all models: eight models of the periodic Ising lattice, trained on the same draws and judged alike.

- ``reference`` holds what is known exactly, and independent exact draws;
- ``models`` holds the eight models: how each is trained, drawn from and weighed;
- ``judge`` makes one row of the table from a fitted model;
- ``runs`` is the study, ``python -m genphys.train study one_lattice``.
"""

from genphys.train.one_lattice.judge import judge_samples, nats_above
from genphys.train.one_lattice.models import MODELS, Autoregressive, fit_model
from genphys.train.one_lattice.reference import (
    OBSERVABLES,
    TEMPERATURES,
    exact_averages,
    exact_draws,
    measure,
    two_point,
)
from genphys.train.one_lattice.runs import one_lattice_samples, study_one_lattice

__all__ = [
    "MODELS",
    "OBSERVABLES",
    "TEMPERATURES",
    "Autoregressive",
    "exact_averages",
    "exact_draws",
    "fit_model",
    "judge_samples",
    "measure",
    "nats_above",
    "one_lattice_samples",
    "study_one_lattice",
    "two_point",
]
