"""Energy models of binary units that can be summed over: weights, partition functions, phases, exact Gibbs sweeps."""

from .boltzmann_machine import BoltzmannMachine
from .exponential_family import ExponentialFamily, IndependentPixels, gradient_ascent
from .gibbs import gibbs_sweep
