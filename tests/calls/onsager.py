"""Valid calls of genphys.systems.onsager."""

from promise import args, case

CALLS = {
    "kaufman_energy": case(lambda: args(3, 2.0)),
    "kaufman_heat_capacity": case(lambda: args(3, 2.0)),
    "kaufman_log_partition": case(lambda: args(3, 2.0)),
    "magnetisation_distribution": case(lambda: args(3, 2.0)),
}
