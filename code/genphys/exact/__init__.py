"""Exact references: closed forms, enumeration and quadrature that the models and their estimates are compared with."""

from .double_well import double_well_log_partition
from .estimates import Estimate, autocorrelation_time, correlated_mean_and_error, function_of_means, mean_and_error
from .finite import all_configurations, entropy, jensen_shannon_on_grid, kl_divergence
from .gaussian import gaussian_entropy, gaussian_kl, gaussian_log_prob, mixture_log_prob, mixture_score
from .markov import detailed_balance_violation, single_site_kernels, spectral_gap, stationary_distribution
from .ppca import ppca_fit, ppca_posterior
