"""Valid calls of genphys.diffusion."""

import torch
from promise import args, case, rng

from genphys import diffusion

SCHEDULE = diffusion.linear_schedule(12, 0.1, 0.6)  # made here: its constants stay in double precision
SHAPE = ["wrong shape"]  # points of any number of components, and of dimensions, are right


def x(n=4, d=2, seed=1):
    return torch.randn(n, d, generator=rng(seed))


def t(*steps):
    return torch.tensor(steps or (1, 3, 7, 12))


def mixture():
    return torch.tensor([0.25, 0.75]), torch.tensor([[1.0, 0.0], [-1.0, 0.5]]), 0.2 * torch.eye(2).expand(2, 2, 2)


def gaussian():
    return torch.tensor([0.5, -0.5]), torch.tensor([[1.0, 0.3], [0.3, 0.5]])


def third(x, t=None, labels=None):
    """A network, a denoiser or a slope."""
    return x / 3


def spins(n=3, L=2):
    return 2.0 * (torch.rand(n, L, L, generator=rng(5)) < 0.5) - 1


def halved(s, u):
    return s / 2


def keep(t, x, x0):
    pass


def one_a_step():
    return torch.linspace(0.1, 0.2, 13)


CALLS = {
    "Schedule": case(lambda: args([0.2, 0.5, 0.9, 0.9])),
    "Schedule.signal_noise": case(lambda: args(SCHEDULE, t(), x())),
    "linear_schedule": case(lambda: args(300, 1e-3, 0.05)),
    "cosine_schedule": case(lambda: args(30, 0.01)),
    "forward_step": case(lambda: args(SCHEDULE, x(), t(), x(seed=2))),
    "diffuse": case(lambda: args(SCHEDULE, x(), t(), x(seed=2))),
    "posterior": case(lambda: args(SCHEDULE, x(), x(seed=2), t(), t() - 1), allow={"s": ["None"]}),  # the step before
    "posterior_variance": case(lambda: args(SCHEDULE)),
    "optimal_variance": case(lambda: args(SCHEDULE, one_a_step())),
    "convert": case(lambda: args(SCHEDULE, x(), x(seed=2), t(), "x0", "noise")),
    "steps_of_batch": case(lambda: args(5, 12, rng=rng())),
    "loss": case(
        lambda: args(
            third, SCHEDULE, x(), rng=rng(), kind="velocity", weight=one_a_step(), labels=torch.tensor([0, 1, 2, 0])
        ),
        allow={"weight": ["None", "NaN"], "labels": ["None"]},
    ),
    "ema_rate": case(lambda: args(3, 0.9)),
    "denoiser": case(
        lambda: args(third, SCHEDULE, "noise", labels=t() % 3, none=3, scale=2.0, clip=(-1.0, 1.0)),
        allow={"clip": ["None"]},  # not clipped
    ),
    "gaussian_denoiser": case(lambda: args(SCHEDULE, *gaussian())),
    "gaussian_flow": case(lambda: args(SCHEDULE, *gaussian(), x(), 12, 3)),
    "mixture_denoiser": case(lambda: args(SCHEDULE, *mixture())),
    "mixture_log_prob": case(lambda: args(SCHEDULE, *mixture(), x(), t())),
    "data_denoiser": case(lambda: args(SCHEDULE, x()), allow={"data": SHAPE}),
    "times": case(lambda: args(12, 5)),
    "ancestral_step": case(lambda: args(x(), x(seed=2), 0.5, 0.4, 0.1, x(seed=3))),
    "ancestral": case(
        lambda: args(third, SCHEDULE, x(), rng=rng(), variance=one_a_step(), callback=keep),
        allow={"x": SHAPE, "callback": ["None"]},
    ),
    "ddim_step": case(lambda: args(x(), x(seed=2), (0.6, 0.8), (0.8, 0.6), 0.1, x(seed=3))),
    "ddim": case(
        lambda: args(third, SCHEDULE, x(), steps=5, eta=0.5, rng=rng(), callback=keep),
        allow={"x": SHAPE, "steps": ["None"], "callback": ["None"]},  # all steps
    ),
    "euler_step": case(lambda: args(x(), x(seed=2), 1.0, 0.1)),
    "heun_step": case(lambda: args(x(), x(seed=2), third, 1.0, 0.1)),
    "ode": case(
        lambda: args(third, SCHEDULE, x(), steps=[12, 6, 2], method="heun", clock="angle", callback=keep),
        allow={"x": SHAPE, "steps": ["None"], "callback": ["None"]},
    ),
    "reverse_sde_step": case(lambda: args(x(), x(seed=2), 0.1, x(seed=3))),
    "reverse_sde": case(
        lambda: args(third, SCHEDULE, x(), rng=rng(), steps=5, callback=keep),
        allow={"x": SHAPE, "steps": ["None"], "callback": ["None"]},
    ),
    "flip_noise": case(lambda: args(spins(), 0.4, rng=rng()), allow={"s0": SHAPE}),
    "flip_ratio": case(lambda: args(spins(), spins() / 2, 0.4)),
    "flip_probability": case(lambda: args(spins(), spins() / 2, 0.4, 0.1)),
    "reverse_flips": case(lambda: args(halved, spins(), [0.9, 0.4, 0.0], rng=rng()), allow={"s": SHAPE}),
    "vlb": case(lambda: args(third, SCHEDULE, x(), rng=rng(), variance=one_a_step()), allow={"x0": SHAPE}),
    "path_work": case(lambda: args(third, SCHEDULE, torch.randn(13, 4, 2, generator=rng()), variance=one_a_step())),
    "prior_term": case(lambda: args(SCHEDULE, x()), allow={"x0": SHAPE}),
    "prior_mismatch": case(lambda: args(SCHEDULE, x(), rng=rng(), samples=20), allow={"x0": SHAPE}),
    "log_likelihood": case(
        lambda: args(third, SCHEDULE, x(), steps=5, probes=2, rng=rng()),
        allow={"x": SHAPE, "steps": ["None"], "probes": ["None"], "rng": ["None"]},
    ),
}
