"""Learning without Z: pseudolikelihood, score matching, noise contrast, Langevin dynamics and deep energies."""

from genphys.deep_energy.langevin import (
    langevin_step,
    metropolis_langevin_step,
    run_langevin,
    short_run,
)
from genphys.deep_energy.network import ConvEnergy
from genphys.deep_energy.noise_contrastive import noise_contrastive_loss
from genphys.deep_energy.pseudolikelihood import (
    fit_pseudolikelihood,
    flip_differences,
    godambe_covariance,
    log_pseudolikelihood,
)
from genphys.deep_energy.score_matching import (
    denoising_loss,
    explicit_loss,
    linear_score_matching,
    score_of,
    sliced_loss,
)

__all__ = [
    "ConvEnergy",
    "denoising_loss",
    "explicit_loss",
    "fit_pseudolikelihood",
    "flip_differences",
    "godambe_covariance",
    "langevin_step",
    "linear_score_matching",
    "log_pseudolikelihood",
    "metropolis_langevin_step",
    "noise_contrastive_loss",
    "run_langevin",
    "score_of",
    "short_run",
    "sliced_loss",
]
