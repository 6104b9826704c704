"""Restricted Boltzmann machines: the two machines, exact sums over the smaller layer, training, annealing."""

from genphys.rbm.annealing import (
    Annealed,
    ais,
    annealed_log_f,
    annealing_work,
    annealing_work_fused,
    gibbs_kernel,
    parallel_tempering,
    reverse_ais,
)
from genphys.rbm.machine import BernoulliRBM, GaussianBernoulliRBM
from genphys.rbm.partition import Moments, exact_moments, exact_sample, log_partition
from genphys.rbm.training import (
    Chains,
    cd_step,
    cd_step_fused,
    centred,
    contrastive_divergence,
    maximum_likelihood,
    negative_phase,
    persistent_chains,
)

__all__ = [
    "Annealed",
    "BernoulliRBM",
    "Chains",
    "GaussianBernoulliRBM",
    "Moments",
    "ais",
    "annealed_log_f",
    "annealing_work",
    "annealing_work_fused",
    "cd_step",
    "cd_step_fused",
    "centred",
    "contrastive_divergence",
    "exact_moments",
    "exact_sample",
    "gibbs_kernel",
    "log_partition",
    "maximum_likelihood",
    "negative_phase",
    "parallel_tempering",
    "persistent_chains",
    "reverse_ais",
]
