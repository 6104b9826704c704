"""A convolutional energy of an image."""

from torch import nn

from genphys.arguments import count, doors, source, tensor


class ConvEnergy(nn.Sequential):
    r"""The energy of 28 x 28 images, given as rows with values in [-1, 1]: four convolutions, two linear layers.

    Smooth activations (SiLU), so that the gradient with respect to the image is smooth as well; no normalisation, which
    would tie the energies of a batch together. ``channels`` is the first layer's width, the device that of ``rng``.
    """

    def __init__(self, channels: count() = 16, *, rng: source):
        c = channels
        layers = [
            nn.utils.skip_init(nn.Conv2d, *shape, device=rng.device)
            for shape in ((1, c, 5, 2, 4), (c, 2 * c, 3, 2, 1), (2 * c, 4 * c, 3, 2, 1), (4 * c, 4 * c, 3, 2, 1))
        ]
        dense = [nn.utils.skip_init(nn.Linear, *shape, device=rng.device) for shape in ((16 * c, 4 * c), (4 * c, 1))]
        for layer in (*layers, *dense):
            bound = layer.weight[0].numel() ** -0.5  # PyTorch's own, from the rng
            for parameter in (layer.weight, layer.bias):
                nn.init.uniform_(parameter, -bound, bound, generator=rng)
        smooth = [module for layer in layers for module in (layer, nn.SiLU())]
        super().__init__(nn.Unflatten(1, (1, 28, 28)), *smooth, nn.Flatten(), dense[0], nn.SiLU(), dense[1])

    def forward(self, x: tensor("B 784", finite=False)):
        """The energies of images, (B, 784) -> (B,)."""
        return super().forward(x)[:, 0]


doors(globals())
