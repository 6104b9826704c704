"""Restricted Boltzmann machines: the two machines, exact sums over the smaller layer, training, annealing."""

from .annealing import Annealed, ais, annealed_log_f, annealing_work, gibbs_kernel, parallel_tempering, reverse_ais
from .machine import BernoulliRBM, GaussianBernoulliRBM
from .partition import Moments, exact_moments, exact_sample, log_partition
from .training import cd_step, cd_step_fused, centred, contrastive_divergence, maximum_likelihood, persistent_chains
