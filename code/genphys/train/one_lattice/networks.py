r"""The models of a lattice of spins: the network of each, and what it does once it is trained.

A trained model is a :class:`Fitted`: ``draw(n, rng)`` gives independent configurations, and where the model has a
weight, ``log_f(spins)`` gives :math:`\log q` up to the constant :math:`\log Z_q`, which is 0 where ``normalised``.
:func:`made` gives a network its first weights, :func:`at_work` makes a model of it: the same after a training and after
the weights were read.
"""

import math
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import skip_init

from genphys import diffusion, flows, gan, rbm, vae
from genphys.arguments import count, doors, source, tensor

__all__ = ["MODELS", "Autoregressive"]

MODELS = {
    "independent": "independent spins",
    "pairwise": "pairwise Boltzmann machine",
    "rbm": "restricted Boltzmann machine",
    "vae": "variational autoencoder",
    "gan": "adversarial network",
    "autoregressive": "autoregressive network",
    "diffusion": "discrete diffusion",
    "flow": "flow matching",
}
Name = Literal["independent", "pairwise", "rbm", "vae", "gan", "autoregressive", "diffusion", "flow"]
Trained = Literal["pairwise", "rbm", "vae", "gan", "autoregressive", "diffusion", "flow"]
float32 = torch.float32


class Fitted(NamedTuple):
    """A trained model: how it draws, what it weighs, and what it took."""

    draw: object  # (n, rng) -> spins (n, L, L)
    log_f: object | None  # spins (n, L, L) -> (n,), nats
    normalised: bool
    parameters: int
    seconds: float  # of a processor, for the training
    history: list  # (seconds, log_f or None) on the way
    bound: object | None = None  # (spins, rng) -> (n,), a lower bound of log q


class Autoregressive(nn.Module):
    r"""Each spin given those before it, in the order of reading (``def:autoregressive-lattice``).

    .. math:: q(\mathbf{s}) = \prod_{i=1}^{M} q(s_i \mid s_1, \dots, s_{i-1})

    One masked convolution as large as the lattice sees all earlier spins through weights that depend on the relative
    position alone; two layers of units at each site make the logit of them.

    References:
        van den Oord, Kalchbrenner and Kavukcuoglu (2016); Wu, Wang and Zhang (2019) for the physics.
    """

    def __init__(self, L: count(2), width: count() = 16, *, rng: source):
        super().__init__()
        self.L, here = L, {"dtype": float32, "device": rng.device}
        site = torch.arange(L * L, device=rng.device)
        row, column = site // L, site % L
        apart = (row[:, None] - row + L - 1) * (2 * L - 1) + column[:, None] - column + L - 1
        self.register_buffer("apart", apart, persistent=False)  # the number of the relative position, (M, M)
        before = torch.ones(L * L, L * L, **here).tril(-1)[..., None]
        self.register_buffer("before", before, persistent=False)
        self.weight = nn.Parameter(0.05 * torch.randn((2 * L - 1) ** 2, width, generator=rng, **here))
        self.site = nn.Parameter(0.1 * torch.randn(L * L, width, generator=rng, **here))
        self.mix = nn.Parameter(torch.randn(width, width, generator=rng, **here) / width**0.5)
        self.gain = nn.Parameter(torch.ones(L * L, width, **here))
        self.last = nn.Parameter(torch.randn(width, generator=rng, **here) / width**0.5)

    def _logits(self, s, sites=slice(None)):
        """The logit of s_i = +1 given the earlier spins, for all sites or a list of them, shape (n, sites)."""
        seen = self.weight[self.apart[sites]] * self.before[sites]  # (sites, M, width)
        h = F.silu(torch.einsum("nj,ijw->niw", s, seen) + self.site[sites])
        h = h + F.silu(h @ self.mix * self.gain[sites] + self.site[sites])
        return h @ self.last

    def log_prob(self, spins: tensor("n L L", values=(-1, 1))):
        r""":math:`\log q(\mathbf{s})` in nats, shape (n,)."""
        s = spins.flatten(1)
        return F.logsigmoid(s * self._logits(s)).sum(1)

    @torch.no_grad()
    def draw(self, n: count(), *, rng: source):
        """Independent configurations, shape (n, L, L), one spin after the other."""
        here = {"dtype": float32, "device": self.weight.device}
        s = torch.zeros(n, self.L**2, **here)
        for i in range(self.L**2):
            up = torch.sigmoid(self._logits(s, [i])[:, 0])
            s[:, i] = torch.where(torch.rand(n, generator=rng, **here) < up, 1.0, -1.0)
        return s.view(n, self.L, self.L)


class Pairs(nn.Module):
    """The couplings of all pairs of spins: a symmetric matrix without a diagonal."""

    def __init__(self, L):
        super().__init__()
        self.register_buffer("coupling", torch.zeros(L * L, L * L, dtype=float32))


class Rounded(nn.Module):
    """A generator of spins: its output is rounded to -1 or 1, its gradient is that of the number before (n, K)."""

    def __init__(self, g):
        super().__init__()
        self.g, self.noise_size = g, g.noise_size

    def forward(self, z):
        soft = self.g(z)
        return soft + (soft.sign() - soft).detach()  # straight through: the value is the sign, the slope is one


class Torus(nn.Module):
    """Three convolutions around the torus: the network of the discrete diffusion, and of the flow's velocity."""

    def __init__(self, width, rng):
        super().__init__()
        around = {"kernel_size": 3, "padding": 1, "padding_mode": "circular", "dtype": float32}
        self.first = skip_init(nn.Conv2d, 3, width, **around)
        self.rest = nn.ModuleList(skip_init(nn.Conv2d, width, width, **around) for _ in range(2))
        self.last = skip_init(nn.Conv2d, width, 1, 1, dtype=float32)
        vae.initialise(self, rng=rng)

    def forward(self, x, t):  # (n, L, L) and (n,) -> (n, L, L)
        everywhere = torch.ones_like(x)
        inputs = [x, x.mean((1, 2), keepdim=True) * everywhere, t[:, None, None] * everywhere]
        h = F.silu(self.first(torch.stack(inputs, 1)))
        for layer in self.rest:
            h = h + F.silu(layer(h))
        return self.last(h)[:, 0]


def made(name, L, rng):
    """A network with first weights; of the two players of the game both."""
    M = L * L
    if name == "pairwise":
        return Pairs(L)
    if name == "rbm":
        return rbm.BernoulliRBM(M, M, rng=rng).float()
    if name == "vae":
        encoder = vae.dense_encoder(M, (200,), 16, nn.SiLU, rng=rng)
        net = vae.dense_decoder_net(16, (200,), M, nn.SiLU, rng=rng)
        return vae.VAE(encoder, vae.BernoulliDecoder(net), M, 16).float()
    if name == "gan":
        g = Rounded(gan.mlp_generator(M // 2, 2, 128, M, rng=rng).float())
        return nn.ModuleDict({"g": g, "d": gan.mlp_discriminator(M, 2, 128, dropout=0.0, rng=rng).float()})
    return Autoregressive(L, rng=rng) if name == "autoregressive" else Torus(16, rng)


def at_work(name, network, L, **took):
    """The :class:`Fitted` of a network: how it draws and what it weighs."""
    found = {"log_f": None, "normalised": False, "parameters": counted(network), "history": []}
    return Fitted(**found | _AT_WORK[name](network, L) | took)


def counted(network):
    """The number of parameters that are free."""
    if isinstance(network, Pairs):
        return len(network.coupling) * (len(network.coupling) - 1) // 2
    return sum(p.numel() for p in network.parameters())


def bits(spins):
    """Spins as rows of zeros and ones."""
    return (spins.flatten(1) + 1) / 2


def _pairwise(network, L, sweeps=400):
    W, M = network.coupling, L * L

    def log_f(spins):
        v = spins.flatten(1).float()
        return ((v @ W) * v).sum(1) / 2

    def draw(n, rng):
        v = 2.0 * torch.randint(2, (M, n), generator=rng).float() - 1  # (M, n): a chain in each column
        for _ in range(sweeps):
            u = torch.rand(M, n, generator=rng, dtype=float32).logit()
            for i in range(M):
                v[i] = torch.where(u[i] < 2 * (W[i] @ v), 1.0, -1.0)
        return v.T.reshape(n, L, L)

    return {"draw": draw, "log_f": log_f}


def _rbm(model, L, sweeps=1000):
    M = L * L

    def draw(n, rng):
        h = (torch.rand(n, M, generator=rng, dtype=float32) < 0.5).float()
        with torch.no_grad():
            for _ in range(sweeps):
                up = torch.sigmoid(h @ model.weight.T + model.visible_bias)
                v = (torch.rand(n, M, generator=rng, dtype=float32) < up).float()
                on = torch.sigmoid(v @ model.weight + model.hidden_bias)
                h = (torch.rand(n, M, generator=rng, dtype=float32) < on).float()
        return (2 * v - 1).view(n, L, L)

    def log_f(spins):
        with torch.no_grad():
            return -model.free_energy(bits(spins.float()))

    return {"draw": draw, "log_f": log_f}


def _vae(model, L):
    def draw(n, rng):
        return 2 * model.sample(n, rng=rng).view(n, L, L) - 1

    def bound(spins, rng):
        return model.log_likelihood_bound(bits(spins.float()), 500, rng=rng)

    return {"draw": draw, "bound": bound}


def _gan(players, L):
    def draw(n, rng):
        with torch.no_grad():
            return players["g"](gan.noise(n, L * L // 2, "normal", rng=rng, dtype=float32)).view(n, L, L)

    return {"draw": draw}


def _autoregressive(network, L):
    def log_f(spins):
        with torch.no_grad():
            return torch.cat([network.log_prob(piece) for piece in spins.float().split(1000)])

    return {"draw": lambda n, rng: network.draw(n, rng=rng), "log_f": log_f, "normalised": True}


def _pieces(function, x):
    """A function of rows, some hundred rows at a time."""
    return torch.cat([function(piece) for piece in x.split(250)])


def logit(network, s, a):
    """Of s_x = +1 before the noise, from the spins after it and what is left of them, a."""
    return 2 * torch.atanh(a)[:, None, None] * s + network(s, a)


def _diffusion(network, L, backward=40):
    def mean(s, u):
        a = torch.full((len(s),), math.exp(-max(u, 1e-3)), dtype=float32)
        return _pieces(lambda piece: torch.tanh(logit(network, piece, a[: len(piece)]) / 2), s.to(float32))

    def draw(n, rng):
        coins = 2.0 * torch.randint(2, (n, L, L), generator=rng).float() - 1
        times = (3.5 * torch.linspace(1, 0, backward + 1, dtype=float32).square()).tolist()
        return diffusion.reverse_flips(mean, coins, times, rng=rng)

    return {"draw": draw}


def velocity(network, y, t):
    """Of the flow; its scale grows towards the data."""
    return network(y, t) / (1 - t + 0.1)[:, None, None]


def _flow(network, L, forward=20):
    def slope(y, t):
        when = torch.full((len(y),), float(t), dtype=float32)
        with torch.no_grad():
            return _pieces(lambda p: velocity(network, p.view(-1, L, L), when[: len(p)]).flatten(1), y)

    def draw(n, rng):
        z = torch.randn(n, L * L, generator=rng, dtype=float32)
        return torch.where(flows.integrate(slope, z, forward) < 0, -1.0, 1.0).view(n, L, L)

    return {"draw": draw}


_AT_WORK = {
    "pairwise": _pairwise,
    "rbm": _rbm,
    "vae": _vae,
    "gan": _gan,
    "autoregressive": _autoregressive,
    "diffusion": _diffusion,
    "flow": _flow,
}


doors(globals())
