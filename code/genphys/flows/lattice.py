r"""A flow for fields on a periodic lattice: a Gaussian with a spectrum, and couplings of the colours of a checkerboard.

White noise is given the power :math:`G(k) = e^{g(k)}` at each momentum, which is a free field whose propagator is
learnt. Then the sites of one colour of a checkerboard are kept and those of the other are stretched and moved,
:math:`\varphi_b \to \varphi_b\,e^{s(\varphi_a)} + t(\varphi_a)`, and the colours change places
(``def:lattice-coupling``). With an even :math:`s` and an odd :math:`t` the density has
:math:`q(-\varphi) = q(\varphi)` (``eq:even-flow``).

References:
    Albergo, Kanwar and Shanahan (2019); Del Debbio, Rossney and Wilson (2021) for couplings with the sign symmetry.
"""

import math

import torch
from torch import nn

from genphys.arguments import count, doors, require, source, tensor
from genphys.systems.phi4 import free_propagator

fields = tensor("n L L")


def checkerboard(L: count(2)):
    """The numbers of the black and of the white sites of an even lattice, L^2/2 each, counted along the rows."""
    require(L % 2 == 0, "L", L, "an even side: around an odd one, two sites of one colour are neighbours")
    place = torch.arange(L)
    black = ((place[:, None] + place) % 2 == 0).flatten()
    return black.nonzero()[:, 0], (~black).nonzero()[:, 0]


class LatticeFlow(nn.Module):
    """A flow from noise to lattice fields of even side L; its weights start as a free field of hopping parameter 0.2.

    There are so many ``layers`` of couplings, each with twice ``width`` hidden units; ``even``: the sign's symmetry.
    """

    def __init__(self, L: count(2), layers: count() = 8, width: count() = 64, *, even: bool = True, rng: source):
        super().__init__()
        self.L, self.even = L, even
        half, place = L * L // 2, torch.arange(L, device=rng.device)
        for name, sites in zip(("black", "white"), checkerboard(L), strict=True):
            self.register_buffer(name, sites.to(rng.device), persistent=False)
        self.register_buffer("fold", torch.minimum(place, L - place), persistent=False)  # k and -k have one power
        start = free_propagator(L, 0.2)[: L // 2 + 1, : L // 2 + 1].log().float()
        self.log_power = nn.Parameter(start.to(rng.device))
        self.first = nn.ModuleList(_linear(half, width, not even, rng) for _ in range(layers))
        self.second = nn.ModuleList(_linear(width, width, not even, rng) for _ in range(layers))
        self.scale = nn.ModuleList(_linear(width, half, True, rng, zero=True) for _ in range(layers))
        self.shift = nn.ModuleList(_linear(width, half, not even, rng, zero=True) for _ in range(layers))

    def forward(self, z: fields):
        r"""Noise to fields, with their log-density in nats: (n, L, L) to (n, L, L), (n,)."""
        log_power = self._spectrum()
        phi = torch.fft.ifft2(torch.fft.fft2(z) * (log_power / 2).exp()).real.flatten(1)
        log_q = _log_normal(z.flatten(1)) - log_power.sum() / 2
        parts = [phi[:, self.black], phi[:, self.white]]
        for layer in range(len(self.first)):
            s, t = self._stretch_and_shift(layer, parts[layer % 2])
            parts[1 - layer % 2] = parts[1 - layer % 2] * s.exp() + t
            log_q = log_q - s.sum(1)
        return self._joined(parts), log_q

    def log_prob(self, phi: fields):
        """Back to the noise, coupling by coupling: the log-density of each field in nats, (n, L, L) to (n,)."""
        parts, log_det = [phi.flatten(1)[:, self.black], phi.flatten(1)[:, self.white]], 0
        for layer in reversed(range(len(self.first))):
            s, t = self._stretch_and_shift(layer, parts[layer % 2])
            parts[1 - layer % 2] = (parts[1 - layer % 2] - t) * (-s).exp()
            log_det = log_det + s.sum(1)
        log_power = self._spectrum()
        z = torch.fft.ifft2(torch.fft.fft2(self._joined(parts)) * (-log_power / 2).exp()).real
        return _log_normal(z.flatten(1)) - log_power.sum() / 2 - log_det

    def _spectrum(self):
        both = (self.log_power + self.log_power.T) / 2  # the axes are alike
        return both[self.fold][:, self.fold]

    def _stretch_and_shift(self, layer, kept):
        h = torch.tanh(self.second[layer](torch.tanh(self.first[layer](kept))))  # odd where there is no bias
        return torch.tanh(self.scale[layer](h * h if self.even else h)), self.shift[layer](h)

    def _joined(self, parts):
        phi = torch.empty(len(parts[0]), self.L**2, dtype=parts[0].dtype, device=parts[0].device)
        phi[:, self.black], phi[:, self.white] = parts
        return phi.view(-1, self.L, self.L)


def _log_normal(z):
    return -z.square().sum(1) / 2 - z.shape[1] / 2 * math.log(2 * math.pi)


def _linear(inputs, outputs, bias, rng, zero=False):
    """A layer in single precision, of zeros, or of weights of the size 1/sqrt(inputs)."""
    layer = nn.utils.skip_init(nn.Linear, inputs, outputs, bias=bias, device=rng.device, dtype=torch.float32)
    with torch.no_grad():
        layer.weight.zero_() if zero else layer.weight.normal_(0, inputs**-0.5, generator=rng)
        if bias:
            layer.bias.zero_()
    return layer


doors(globals())
