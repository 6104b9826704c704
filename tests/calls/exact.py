"""Valid calls of genphys.exact."""

import torch
from promise import args, case, rng


def series(*shape):
    return 1 + torch.rand(shape, generator=rng(1))


def ratio(means):
    return means[0] / means[1]


def numbers(*shape, seed=1):
    return torch.randn(shape, generator=rng(seed), dtype=torch.float64)


def cov(*shape):
    a = numbers(*shape, shape[-1] + 2)
    return a @ a.mT + torch.eye(shape[-1], dtype=a.dtype)


def distribution(*shape, seed=1):
    return numbers(*shape, seed=seed).softmax(-1)


def log_normal():
    x = torch.linspace(-8, 8, 201, dtype=torch.float64)
    p = -0.5 * x.square()
    return p - torch.trapezoid(p.exp(), x).log(), x


def mixture():
    return args(numbers(7, 2), distribution(3), numbers(3, 2), cov(3, 2))


LEADING = ["wrong shape"]  # any leading dimensions
CALLS = {
    "all_configurations": case(lambda: args(3, (-1, 1))),
    "detailed_balance_violation": case(lambda: args(distribution(4, 4), distribution(4))),
    "double_well_log_partition": case(lambda: args(2.0)),
    "entropy": case(lambda: args(distribution(5, 4)), allow={"p": ["wrong shape"]}),
    "gaussian_entropy": case(lambda: args(cov(2))),
    "gaussian_kl": case(
        lambda: args(numbers(7, 2), cov(2), numbers(2), cov(2)), allow={"mean_q": LEADING, "mean_p": LEADING}
    ),
    "gaussian_log_prob": case(lambda: args(numbers(7, 2), numbers(2), cov(2)), allow={"x": LEADING, "mean": LEADING}),
    "jensen_shannon_on_grid": case(lambda: args(log_normal()[0], *log_normal())),
    "kl_divergence": case(lambda: args(distribution(5, 4), distribution(5, 4, seed=2))),
    "mixture_log_prob": case(mixture, allow={"x": LEADING}),
    "mixture_score": case(mixture, allow={"x": LEADING}),
    "ppca_fit": case(lambda: args(numbers(9, 4), 2)),
    "ppca_posterior": case(lambda: args(numbers(9, 4), numbers(4, 2), 0.5, numbers(4)), allow={"x": LEADING}),
    "single_site_kernels": case(lambda: args(numbers(8))),
    "spectral_gap": case(lambda: args(distribution(4, 4))),
    "stationary_distribution": case(lambda: args(distribution(4, 4))),
    "autocorrelation_time": case(lambda: args(series(20, 2))),
    "binder_cumulant": case(lambda: args(series(20, 2), correlated=True), allow={"correlated": ["True"]}),
    "correlated_mean_and_error": case(lambda: args(series(20, 2))),
    "function_of_means": case(
        lambda: args(ratio, [series(20), series(20)], correlated=False),
        allow={"correlated": ["True"]},  # the other choice
    ),
    "mean_and_error": case(lambda: args(series(20, 2)), allow={"values": ["wrong shape"]}),  # any rows
}
