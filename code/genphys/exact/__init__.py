"""Exact references: closed forms, enumeration and quadrature that the models and their estimates are compared with."""

from genphys.exact.double_well import double_well_log_partition, double_well_moment
from genphys.exact.estimates import (
    Estimate,
    autocorrelation_time,
    binder_cumulant,
    correlated_mean_and_error,
    function_of_means,
    mean_and_error,
)
from genphys.exact.finite import all_configurations, entropy, jensen_shannon_on_grid, kl_divergence
from genphys.exact.gaussian import gaussian_entropy, gaussian_kl, gaussian_log_prob, mixture_log_prob, mixture_score
from genphys.exact.markov import (
    detailed_balance_violation,
    single_site_kernels,
    spectral_gap,
    stationary_distribution,
)
from genphys.exact.ppca import ppca_fit, ppca_posterior

__all__ = [
    "Estimate",
    "all_configurations",
    "autocorrelation_time",
    "binder_cumulant",
    "correlated_mean_and_error",
    "detailed_balance_violation",
    "double_well_log_partition",
    "double_well_moment",
    "entropy",
    "function_of_means",
    "gaussian_entropy",
    "gaussian_kl",
    "gaussian_log_prob",
    "jensen_shannon_on_grid",
    "kl_divergence",
    "mean_and_error",
    "mixture_log_prob",
    "mixture_score",
    "ppca_fit",
    "ppca_posterior",
    "single_site_kernels",
    "spectral_gap",
    "stationary_distribution",
]
