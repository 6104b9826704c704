"""Networks that serve several models: the U-Net of the diffusion models and the classifier of the digits."""
