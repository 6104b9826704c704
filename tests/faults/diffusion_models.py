"""Faults of the kind that is made in earnest: (name, module, function, old, new)."""

FAULTS = [
    ("sum over the steps shifted by one", "diffusion", "Schedule.__init__", ".cumsum(0)", ".roll(-1).cumsum(0)"),
    ("noise with its variance for a factor", "diffusion", "forward_step", '"beta", t, x).sqrt()', '"beta", t, x)'),
    ("alpha in place of its root", "diffusion", "diffuse", "signal * x0", "signal.square() * x0"),
    ("posterior that takes the step itself for the one before", "diffusion", "posterior", "t - 1 if", "t - 0 if"),
    (
        "posterior mean with the variance's denominator",
        "diffusion",
        "posterior",
        "beta / (1 - late)\n",
        "beta / (1 - early)\n",
    ),
    ("posterior variance shifted by one step", "diffusion", "posterior_variance", "(1 - bar[:-1])", "(1 - bar[1:])"),
    ("best variance without the square", "diffusion", "optimal_variance", "factor.square()", "factor"),
    ("sign of the score", "diffusion", "convert", '"score": -noise / s', '"score": noise / s'),
    ("velocity with both signs alike", "diffusion", "convert", "a * noise - s * x0", "a * noise + s * x0"),
    (
        "divergence with the variances exchanged",
        "diffusion",
        "vlb",
        "exact[now] / chosen[now]",
        "chosen[now] / exact[now]",
    ),
    ("prior term without its logarithm", "diffusion", "prior_term", "bar + torch.log1p(-bar)", "bar"),
    (
        "average that keeps what it should forget",
        "train",
        "move_average",
        "lerp_(theirs, rate)",
        "lerp_(theirs, 1 - rate)",
    ),
    ("warm-up counted from one", "diffusion", "ema_rate", "9 / (10 + step)", "9 / (11 + step)"),
    ("steps of a batch counted from zero", "diffusion", "steps_of_batch", "[order] + 1", "[order]"),
    ("density of a component without its volume", "diffusion", "_components", " + now.log()", ""),
    (
        "denoiser of a mixture with the noise of the next place",
        "diffusion",
        "mixture_denoiser",
        "a[:, :, None] * variances / now",
        "variances / now",
    ),
]
