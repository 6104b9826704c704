"""Energy models of binary units that can be summed over: weights, partition functions, phases, exact Gibbs sweeps."""

from genphys.energy.boltzmann_machine import BoltzmannMachine
from genphys.energy.exponential_family import ExponentialFamily, IndependentPixels, gradient_ascent
from genphys.energy.gibbs import gibbs_sweep

__all__ = ["BoltzmannMachine", "ExponentialFamily", "IndependentPixels", "gibbs_sweep", "gradient_ascent"]
