"""Faults of the kind that is made in earnest: (name, module, function, old, new)."""

FAULTS = [
    (
        "force of the quartic term with the factor of the square",
        "systems/phi4",
        "_gradient",
        "4 * lam * phi.square()",
        "2 * lam * phi.square()",
    ),
    (
        "trajectory accepted without its kinetic energy",
        "systems/phi4",
        "hybrid_monte_carlo",
        " + (last.square() - momentum.square()).sum((1, 2)) / 2",
        "",
    ),
    ("free propagator with half of the hopping", "systems/phi4", "free_propagator", "2 - 4 * kappa", "2 - 2 * kappa"),
    (
        "correlation length without the factor 2 of the lattice momentum",
        "systems/phi4",
        "correlation_length",
        "(2 * math.sin(math.pi / L))",
        "math.sin(math.pi / L)",
    ),
]
