"""The package of the course "Deep Generative Models for the Physical Sciences".

One module a topic. Here stand only the checks that every chapter imports.
"""

from genphys.verify import report, verify, verify_slope

__all__ = ["report", "verify", "verify_slope"]
__version__ = "0.1.0"
