"""Faults of the kind that is made in earnest: (name, module, function, old, new)."""

FAULTS = [
    ("bandwidth without the factor two", "scores/kernels", "kernel", "(2 * bandwidth**2)", "bandwidth**2"),
    ("the diagonal stays in the sum", "scores/kernels", "mmd2", "(k_xx.sum() - k_xx.trace())", "k_xx.sum()"),
    ("cross term once instead of twice", "scores/kernels", "mmd2", "- 2 * k_xy.mean()", "- k_xy.mean()"),
    ("determinant without the root", "scores/kernels", "gaussian_mmd2", "exponent) / 2)", "exponent))"),
    ("p-value from the wrong tail", "scores/kernels", "mmd_test", ">= t[0] - 1e-12", "<= t[0] - 1e-12"),
    (
        "a point is its own neighbour",
        "scores/neighbours",
        "_votes",
        "fill_diagonal_(math.inf)",
        "fill_diagonal_(0)",
    ),
    ("radius to the next neighbour", "scores/neighbours", "_squared_radii", "d.kthvalue(k,", "d.kthvalue(k + 1,"),
    (
        "coverage of generated points",
        "scores/neighbours",
        "precision_recall",
        "coverage=_share(in_real.any(1))",
        "coverage=_share(in_generated.any(1))",
    ),
    ("unsorted values", "scores/transport", "wasserstein_1d", "in_double(x).sort().values", "in_double(x)"),
    ("overlap once instead of twice", "scores/transport", "gaussian_frechet2", "- 2 * overlap", "- overlap"),
    (
        "product of covariances in place of roots",
        "scores/transport",
        "gaussian_frechet2",
        "root @ cov_q @ root",
        "cov_p @ cov_q",
    ),
    ("factors that are not turned to each other", "scores/transport", "frechet2", "(a - turn @ b)", "(a - b)"),
    ("marginal not divided by the number", "scores/classes", "_log_marginal", "- math.log(len(log_p))", ""),
    (
        "generated marginal in the original form",
        "scores/classes",
        "mode_score",
        "real_marginal if original",
        "marginal if original",
    ),
    (
        "bootstrap without replacement",
        "scores/resampling",
        "bootstrap",
        "torch.randint(len(points), (len(points),), generator=rng",
        "torch.randperm(len(points), generator=rng",
    ),
]
