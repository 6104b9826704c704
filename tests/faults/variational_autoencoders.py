"""Faults of the kind that is made in earnest: (name, module, function, old, new)."""

FAULTS = [
    ("Gaussian density without its 2 pi", "vae/decoders", "GaussianDecoder.log_prob", " + LOG_2PI", ""),
    (
        "variance in place of the standard deviation",
        "vae/encoder",
        "reparameterise",
        "(0.5 * log_variance)",
        "log_variance",
    ),
    ("sign of the encoder's entropy", "vae/model", "VAE._log_weights", "+ log_variance)", "- log_variance)"),
    ("prior left out of the weights", "vae/model", "VAE._log_weights", " + log_prior", ""),
    ("sum over the draws without 1/L", "vae/model", "VAE.elbo", "h).mean(0)", "h).sum(0)"),
    ("KL term without its 1/2", "vae/encoder", "kl_standard_normal", "return 0.5 * (", "return ("),
    ("sign of log sigma^2 in the KL term", "vae/encoder", "kl_standard_normal", "- log_variance)", "+ log_variance)"),
    ("sign of the gradient of a logit", "vae/decoders", "_BernoulliLogProb.backward", "x - logits", "logits - x"),
    (
        "gradient that takes a logit for a probability",
        "vae/decoders",
        "_BernoulliLogProb.backward",
        "logits.sigmoid()",
        "logits",
    ),
    ("half of the log-determinant", "vae/linear", "LinearVAE.log_evidence", "+ 2 * root", "+ root"),
    ("posterior covariance without sigma^2", "vae/linear", "LinearVAE.posterior", "self.variance * torch", "torch"),
    (
        "precision in place of the variance",
        "vae/linear",
        "LinearVAE.set_optimal_encoder",
        "/ precision",
        "* precision",
    ),
    (
        "noise from the kept eigenvalues",
        "exact/ppca",
        "ppca_fit",
        "values[: D - k].mean()",
        "values[D - k :].mean()",
    ),
    (
        "many draws without the division by k",
        "vae/model",
        "VAE.log_likelihood_bound",
        "total - math.log(k)",
        "total",
    ),
    ("roots of unity of the wrong order", "systems/onsager", "magnetisation_distribution", "(M + 1) * up", "M * up"),
]
