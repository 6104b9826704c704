"""Flows: couplings that can be inverted, velocities that carry noise to data, and the weights that make them exact."""

from .couplings import affine_forward, affine_inverse, spline_forward, spline_inverse
from .lattice import LatticeFlow, checkerboard
from .transport import flow_log_prob, hutchinson_variance, integrate
from .velocities import conditional_path, mixture_velocity, path_factors
from .weights import effective_share, independence_chain, log_partition, weighted_mean
