"""Learning without Z: pseudolikelihood, score matching, noise contrast, Langevin dynamics and deep energies."""

from .langevin import langevin_step, metropolis_langevin_step, run_langevin, short_run
from .network import ConvEnergy
from .noise_contrastive import noise_contrastive_loss
from .pseudolikelihood import fit_pseudolikelihood, flip_differences, godambe_covariance, log_pseudolikelihood
from .score_matching import denoising_loss, explicit_loss, linear_score_matching, score_of, sliced_loss
