"""Flows: couplings that can be inverted, velocities that carry noise to data, and the weights that make them exact."""

from genphys.flows.couplings import affine_forward, affine_inverse, spline_forward, spline_inverse
from genphys.flows.lattice import LatticeFlow, checkerboard
from genphys.flows.transport import flow_log_prob, hutchinson_variance, integrate
from genphys.flows.velocities import conditional_path, mixture_velocity, path_factors
from genphys.flows.weights import effective_share, independence_chain, log_partition, weighted_mean

__all__ = [
    "LatticeFlow",
    "affine_forward",
    "affine_inverse",
    "checkerboard",
    "conditional_path",
    "effective_share",
    "flow_log_prob",
    "hutchinson_variance",
    "independence_chain",
    "integrate",
    "log_partition",
    "mixture_velocity",
    "path_factors",
    "spline_forward",
    "spline_inverse",
    "weighted_mean",
]
