"""Faults of the kind that is made in earnest: (name, module, function, old, new)."""

FAULTS = [
    ("time without its 1/2", "diffusion", "Schedule.time", "-0.5 * self.alpha_bar.log()", "-self.alpha_bar.log()"),
    ("score without the noise's scale", "diffusion", "convert", '"score": -noise / s', '"score": -noise'),
    ("sign of the score in the reverse equation", "diffusion", "reverse_sde", "2 * score)", "score)"),
    ("noise of the reverse equation without its 2", "diffusion", "reverse_sde", "2 * delta) * _n", "delta) * _n"),
    ("reverse drift that expands nothing", "diffusion", "reverse_sde", "delta * (x + 2", "delta * (-x + 2"),
    ("flow with the score of the reverse equation", "diffusion", "_slope", "-x - convert", "-x - 2 * convert"),
    ("Euler's step for Heun's", "diffusion", "ode", "0.5 * (slope + slope_there)", "slope"),
    ("Heun's slope at the end not scaled", "diffusion", "ode", "0.5 * (slope + slope_there)", "0.5 * slope + slope_there"),
    ("sigma step with the old noise not scaled", "diffusion", "_move", "s[1] - ratio * s[0]", "s[1] - s[0]"),
    (
        "DDIM with the fresh noise added to the old",
        "diffusion",
        "ddim",
        "(spread.square() - variance).clamp(min=0).sqrt()",
        "spread",
    ),
    ("DDIM's eta not squared", "diffusion", "ddim", "eta**2 * posterior", "eta * posterior"),
    ("posterior of one step for a longer one", "diffusion", "posterior", "(1 - early) * beta / (1 - late)", "beta"),
    ("samplers that stop before step 0", "diffusion", "_pairs", "[*steps[1:], 0]", "[*steps[1:], 1]"),
    ("guidance from the wrong end", "diffusion", "denoiser", "free + scale * (given - free)", "given + scale * (given - free)"),
    ("flow of a Gaussian without the root", "diffusion", "gaussian_flow", "(later / now).sqrt()", "(later / now)"),
    ("divergence without the drift's share", "diffusion", "log_likelihood", "-size - trace.detach()", "-trace.detach()"),
    ("responsibilities without the weights", "diffusion", "_components", "log_weights - 0.5", "-0.5"),
    ("mixture that keeps its width", "exact", "mixture_score", "return -(terms", "return (terms"),
]
