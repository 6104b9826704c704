"""Faults of the kind that is made in earnest: (name, module, function, old, new)."""

FAULTS = [
    ("two layers under one name", "gan/__init__", "_hidden", 'f"fc_{letter}{i}"', 'f"fc_{letter}{min(i, 2)}"'),
    ("generator without its tanh", "gan/__init__", "mlp_generator", "if bounded:", "if not bounded:"),
    ("uniform noise of another width", "gan/__init__", "noise", "return 2 * torch.rand(", "return 3 * torch.rand("),
    (
        "data and samples exchanged",
        "gan/__init__",
        "_turns",
        "discriminator_loss(on_real, on_fake",
        "discriminator_loss(on_fake, on_real",
    ),
    ("generator that helps the discriminator", "gan/__init__", "_turns", "g_loss.backward(", "(-g_loss).backward("),
    (
        "generator's loss with the right label",
        "gan/__init__",
        "generator_loss",
        "F.softplus(-fake)",
        "F.softplus(fake)",
    ),
    ("images with black and white exchanged", "gan/__init__", "to_unit", "(images + 1) / 2", "(1 - images) / 2"),
    (
        "labels shifted by one",
        "gan/__init__",
        "ConditionalGenerator.forward",
        "F.one_hot(labels, self.classes)",
        "F.one_hot((labels + 1) % self.classes, self.classes)",
    ),
    (
        "a path that leaves the sphere",
        "gan/__init__",
        "interpolate",
        "torch.sin((1 - t) * angle) * first",
        "(1 - t) * torch.sin(angle) * first",
    ),
]
