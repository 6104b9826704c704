"""The package of the course "Deep Generative Models for the Physical Sciences".

A room a topic: ``exact``, ``systems`` and ``data`` hold what is known; ``energy``, ``rbm``, ``vae``, ``gan``,
``diffusion`` and ``scores`` are the models, one a chapter; ``networks`` serves several of them; ``train`` and
``figures`` stand on top. Here stand only what every chapter imports, the checks, and the device of a notebook.
"""

from genphys.exercises import check
from genphys.numerics import device
from genphys.verify import report, verify, verify_slope

__all__ = ["check", "device", "report", "verify", "verify_slope"]
__version__ = "1.0.0"
