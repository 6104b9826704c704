"""Faults of the kind that is made in earnest: (name, module, function, old, new)."""

FAULTS = [
    ("two layers under one name", "gan/networks", "_hidden", 'f"fc_{letter}{i}"', 'f"fc_{letter}{min(i, 2)}"'),
    ("generator without its tanh", "gan/networks", "mlp_generator", "if bounded:", "if not bounded:"),
    ("uniform noise of another width", "gan/inputs", "noise", "return 2 * torch.rand(", "return 3 * torch.rand("),
    (
        "data and samples exchanged",
        "gan/game",
        "_d_step_fused",
        "_discriminator_loss(on_real, on_fake",
        "_discriminator_loss(on_fake, on_real",
    ),
    ("generator that helps the discriminator", "gan/game", "_g_step_fused", "loss.backward(", "(-loss).backward("),
    (
        "generator's loss with the right label",
        "gan/losses",
        "generator_loss",
        "F.softplus(-fake)",
        "F.softplus(fake)",
    ),
    ("images with black and white exchanged", "gan/inputs", "to_unit", "(images + 1) / 2", "(1 - images) / 2"),
    (
        "labels shifted by one",
        "gan/networks",
        "ConditionalGenerator.forward",
        "[labels.long()]",
        "[(labels.long() + 1) % self.classes]",
    ),
    (
        "a path that leaves the sphere",
        "gan/inputs",
        "interpolate",
        "torch.sin((1 - t) * angle) * first",
        "(1 - t) * torch.sin(angle) * first",
    ),
    ("a penalty that draws the slope towards two", "gan/losses", "gradient_penalty", "(slope - 1)", "(slope - 2)"),
    (
        "a conditional discriminator without its class",
        "gan/networks",
        "ConditionalDiscriminator.forward",
        "+ (phi * self.embedding(labels)).sum(1)",
        "+ 0 * (phi * self.embedding(labels)).sum(1)",
    ),
    (
        "minimax loss with the sign of the other",
        "gan/losses",
        "generator_loss",
        "return -F.softplus(fake)",
        "return F.softplus(fake)",
    ),
]
