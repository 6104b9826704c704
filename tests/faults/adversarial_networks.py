"""Faults of the kind that is made in earnest: (name, module, function, old, new)."""

FAULTS = [
    ("sign of the logit of the data", "gan", "discriminator_loss", "F.softplus(-real)", "F.softplus(real)"),
    (
        "minimax loss with the wrong sign",
        "gan",
        "generator_loss",
        "return -F.softplus(fake)",
        "return F.softplus(fake)",
    ),
    ("non-saturating loss that saturates", "gan", "generator_loss", "F.softplus(-fake)", "-F.softplus(fake)"),
    ("value with d in place of 1 - d", "gan", "value", "F.logsigmoid(-fake)", "F.logsigmoid(fake)"),
    (
        "alternating step with the old discriminator",
        "gan",
        "game_step",
        "theta_d_new if alternating",
        "theta_d if alternating",
    ),
    ("R1 without its half", "gan", "r1_penalty", ".mean() / 2", ".mean()"),
    ("gradient penalty around zero", "gan", "gradient_penalty", ", labels) - 1).square()", ", labels)).square()"),
    (
        "critic that runs the wrong way",
        "gan",
        "discriminator_loss",
        "fake.mean() - real.mean()",
        "real.mean() - fake.mean()",
    ),
    ("smoothing towards 1 + s", "gan", "discriminator_loss", "+ smoothing * real.mean()", "- smoothing * real.mean()"),
    (
        "Jensen-Shannon divergence without its half",
        "exact",
        "jensen_shannon_on_grid",
        "torch.trapezoid(integrand, x) / 2",
        "torch.trapezoid(integrand, x)",
    ),
    ("factor in the oscillator's distribution", "oscillator", "distribution", "math.sqrt(2 * n)", "math.sqrt(n)"),
    (
        "sign in the recursion of the wave functions",
        "oscillator",
        "wave_function",
        "- math.sqrt(n / (n + 1))",
        "+ math.sqrt(n / (n + 1))",
    ),
]
