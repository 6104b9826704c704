"""Faults of the kind that is made in earnest: (name, module, function, old, new)."""

FAULTS = [
    ("bandwidth without the factor two", "scores/__init__", "_kernel_blocks", "(2 * bandwidth**2)", "bandwidth**2"),
    ("the diagonal stays in the sum", "scores/__init__", "_kernel_blocks", "fill_diagonal_(0)", "fill_diagonal_(1)"),
    ("cross term once instead of twice", "scores/__init__", "mmd2", "- 2 * xy", "- xy"),
    ("determinant without the root", "scores/__init__", "gaussian_mmd2", "exponent) / 2)", "exponent))"),
    ("p-value from the wrong tail", "scores/__init__", "mmd_test", ">= t[0] - 1e-12", "<= t[0] - 1e-12"),
    (
        "a point is its own neighbour",
        "scores/__init__",
        "nearest_neighbour",
        "fill_diagonal_(math.inf)",
        "fill_diagonal_(0)",
    ),
    ("radius to the next neighbour", "scores/__init__", "_neighbour_radius", "d.kthvalue(k,", "d.kthvalue(k + 1,"),
    ("coverage of generated points", "scores/__init__", "precision_recall", "in_real.any(1)", "(d <= s).any(1)"),
    ("unsorted values", "scores/__init__", "wasserstein_1d", "x.sort().values, y.sort()", "x, y.sort()"),
    ("overlap once instead of twice", "scores/__init__", "gaussian_frechet2", "- 2 * overlap", "- overlap"),
    (
        "product of covariances in place of roots",
        "scores/__init__",
        "gaussian_frechet2",
        "root @ cov_q @ root",
        "cov_p @ cov_q",
    ),
    ("marginal not divided by the number", "scores/__init__", "_log_marginal", "- math.log(len(log_p))", ""),
    (
        "generated marginal in the original form",
        "scores/__init__",
        "mode_score",
        "real_marginal if original",
        "marginal if original",
    ),
    (
        "bootstrap without replacement",
        "scores/__init__",
        "bootstrap",
        "torch.randint(len(points), (len(points),), generator=generator)",
        "torch.randperm(len(points), generator=generator)",
    ),
]
