"""Faults of the kind that is made in earnest: (name, module, function, old, new)."""

FAULTS = [
    ("sign of the logit of the data", "gan/losses", "discriminator_loss", "F.softplus(-real)", "F.softplus(real)"),
    (
        "minimax loss with the wrong sign",
        "gan/losses",
        "generator_loss",
        "return -F.softplus(fake)",
        "return F.softplus(fake)",
    ),
    ("non-saturating loss that saturates", "gan/losses", "generator_loss", "F.softplus(-fake)", "-F.softplus(fake)"),
    ("value with d in place of 1 - d", "gan/losses", "value", "F.logsigmoid(-fake)", "F.logsigmoid(fake)"),
    (
        "alternating step with the old discriminator",
        "gan/toy",
        "game_step",
        "theta_d_new if alternating",
        "theta_d if alternating",
    ),
    ("R1 without its half", "gan/losses", "r1_penalty", ".mean() / 2", ".mean()"),
    (
        "gradient penalty around zero",
        "gan/losses",
        "gradient_penalty",
        "(slope - 1).square()",
        "slope.square()",
    ),
    (
        "critic that runs the wrong way",
        "gan/losses",
        "discriminator_loss",
        "fake.mean() - real.mean()",
        "real.mean() - fake.mean()",
    ),
    (
        "smoothing towards 1 + s",
        "gan/losses",
        "discriminator_loss",
        "+ smoothing * real.mean()",
        "- smoothing * real.mean()",
    ),
    (
        "Jensen-Shannon divergence without its half",
        "exact/finite",
        "jensen_shannon_on_grid",
        "torch.trapezoid(integrand, x) / 2",
        "torch.trapezoid(integrand, x)",
    ),
    (
        "factor in the oscillator's distribution",
        "systems/oscillator",
        "_distribution",
        "math.sqrt(2 * n)",
        "math.sqrt(n)",
    ),
    (
        "sign in the recursion of the wave functions",
        "systems/oscillator",
        "_wave_function",
        "- math.sqrt(n / (n + 1))",
        "+ math.sqrt(n / (n + 1))",
    ),
]
