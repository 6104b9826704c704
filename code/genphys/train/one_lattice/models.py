r"""Eight models of a lattice of spins, each with its training, its draws and what it knows of its own probabilities.

A fitted model is a :class:`Fitted`: ``draw(n, rng)`` gives independent configurations, and where the model has a
weight, ``log_f(spins)`` gives :math:`\log q` up to the constant :math:`\log Z_q`, which is 0 where ``normalised``.
Each training sees the same draws, in batches whose lattices are turned over at random, since up and down are alike.
"""

import copy
import math
import time
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from genphys import diffusion, flows, gan, rbm, vae
from genphys.arguments import count, doors, source, tensor

__all__ = ["MODELS", "Autoregressive", "fit_model"]

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
STEPS = {"rbm": 5_000, "vae": 1_200, "gan": 700, "autoregressive": 1_600, "diffusion": 400, "flow": 400}
Name = Literal["independent", "pairwise", "rbm", "vae", "gan", "autoregressive", "diffusion", "flow"]
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
        self.register_buffer("apart", apart)  # the number of the relative position, (M, M)
        self.register_buffer("before", torch.ones(L * L, L * L, **here).tril(-1)[..., None])
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


def fit_model(
    name: Name,
    x: tensor("n L L", values=(-1, 1)),
    *,
    seed: count(0),
    steps: count() | None = None,
):
    """Train one of :data:`MODELS` on configurations of shape (n, L, L); the steps are the study's where left out.

    It computes on the processor, wherever the configurations lie, because the processor's seconds are what is counted.
    """
    rng, x = torch.Generator().manual_seed(seed), x.float().cpu()
    if name in ("independent", "pairwise"):
        return _FITS[name](x)
    return _FITS[name](x, STEPS[name] if steps is None else steps, rng)


def _batch(x, size, rng):
    """Rows of the draws, each turned over or not."""
    sign = 2.0 * torch.randint(2, (size, 1, 1), generator=rng) - 1
    return (x[torch.randint(len(x), (size,), generator=rng)] * sign).to(float32)


def _descend(parameters, loss, steps, rate, watch=None, weight_decay=0.0):
    """AdamW with a warm-up and a rate that falls to 0; the seconds, and what ``watch`` keeps at each doubling."""
    parameters = list(parameters)
    optimiser = torch.optim.AdamW(parameters, lr=rate, weight_decay=weight_decay, fused=True)
    seconds, began, history, last = 0.0, time.thread_time(), [], steps // 64
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = rate * min(1, (step + 1) / 50) * (1 - step / steps)
        value = loss(step)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        if watch is not None and step + 1 == last and step + 1 < steps:
            seconds += time.thread_time() - began
            history.append((seconds, watch()))
            began, last = time.thread_time(), 2 * last
    return seconds + time.thread_time() - began, history


def _count(*modules):
    return sum(p.numel() for module in modules for p in module.parameters())


def _bits(spins):
    return (spins.flatten(1) + 1) / 2


# ------------------------------------------------------------------------------------------- models with a weight


def _independent(x):
    began = time.thread_time()
    mean = x.flatten(1).mean(0).clamp(-0.999, 0.999)  # the maximum of the likelihood
    seconds, L = time.thread_time() - began, x.shape[1]

    def log_f(spins):
        return ((1 + spins.flatten(1) * mean) / 2).log().sum(1)

    def draw(n, rng):
        return 2.0 * (torch.rand(n, L, L, generator=rng, dtype=float32) < (1 + mean.view(L, L)) / 2).float() - 1

    return Fitted(draw, log_f, True, L * L, seconds, [])


def _pairwise(x, sweeps=400):
    """All pairs of spins, without fields: up and down are alike. Pseudolikelihood by L-BFGS, which converges."""
    began, L = time.thread_time(), x.shape[1]
    s, M = x.flatten(1), x[0].numel()
    weight = torch.zeros(M, M, dtype=float32, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight], max_iter=100, history_size=10, line_search_fn="strong_wolfe")

    def coupling():
        return (weight + weight.T) * (1 - torch.eye(M, dtype=float32))

    def closure():
        optimiser.zero_grad()
        loss = -F.logsigmoid(2 * s * (s @ coupling())).sum(1).mean()
        loss.backward()
        return loss

    optimiser.step(closure)
    W = coupling().detach()
    seconds = time.thread_time() - began

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

    return Fitted(draw, log_f, False, M * (M - 1) // 2, seconds, [])


def _rbm(x, steps, rng, chains=100, sweeps=1000):
    L, M = x.shape[1], x[0].numel()
    hidden = M
    model = rbm.BernoulliRBM(M, hidden, rng=rng).float()
    state = rbm.persistent_chains(model, chains, rng=rng)
    history, seconds, began, last = [], 0.0, time.thread_time(), steps // 64

    def batches():
        for _ in range(steps):
            yield _bits(_batch(x, chains, rng))

    def rate(step):
        return 0.05 * (1 - step / steps) + 1e-5

    for now in rbm.contrastive_divergence(model, batches(), state, k=2, learning_rate=rate, rng=rng):
        if now.step == last and now.step < steps:
            seconds += time.thread_time() - began
            kept = rbm.BernoulliRBM(M, hidden, rng=torch.Generator()).float()
            kept.load_state_dict({name: value.clone() for name, value in model.state_dict().items()})
            history.append((seconds, _rbm_weight(kept)))
            began, last = time.thread_time(), 2 * last
    seconds += time.thread_time() - began

    def draw(n, rng):
        h = (torch.rand(n, hidden, generator=rng, dtype=float32) < 0.5).float()
        with torch.no_grad():
            for _ in range(sweeps):
                up = torch.sigmoid(h @ model.weight.T + model.visible_bias)
                v = (torch.rand(n, M, generator=rng, dtype=float32) < up).float()
                on = torch.sigmoid(v @ model.weight + model.hidden_bias)
                h = (torch.rand(n, hidden, generator=rng, dtype=float32) < on).float()
        return (2 * v - 1).view(n, L, L)

    return Fitted(draw, _rbm_weight(model), False, _count(model), seconds, history)


def _rbm_weight(model):
    def log_f(spins):
        with torch.no_grad():
            return -model.free_energy(_bits(spins.float()))

    return log_f


def _autoregressive(x, steps, rng):
    network = Autoregressive(x.shape[1], rng=rng)

    def loss(step):
        return -network.log_prob(_batch(x, 100, rng)).mean()

    def weigher(net):
        def log_f(spins):
            with torch.no_grad():
                return torch.cat([net.log_prob(piece) for piece in spins.float().split(1000)])

        return log_f

    def watch():
        return weigher(copy.deepcopy(network))

    seconds, history = _descend(network.parameters(), loss, steps, 1e-2, watch)
    return Fitted(lambda n, rng: network.draw(n, rng=rng), weigher(network), True, _count(network), seconds, history)


# ----------------------------------------------------------------------------- models with a bound, or with neither


def _vae(x, steps, rng, latents=16, units=200):
    L, M = x.shape[1], x[0].numel()
    encoder = vae.dense_encoder(M, (units,), latents, nn.SiLU, rng=rng)
    net = vae.dense_decoder_net(latents, (units,), M, nn.SiLU, rng=rng)
    model = vae.VAE(encoder, vae.BernoulliDecoder(net), M, latents).float()

    def loss(step):
        reconstruction, kl = model.elbo(_bits(_batch(x, 100, rng)), rng=rng)
        return (kl - reconstruction).mean()

    seconds, _ = _descend(model.parameters(), loss, steps, 3e-3)

    def draw(n, rng):
        return 2 * model.sample(n, rng=rng).view(n, L, L) - 1

    def bound(spins, rng):
        return model.log_likelihood_bound(_bits(spins.float()), 500, rng=rng)

    return Fitted(draw, None, False, _count(model), seconds, [], bound)


class _Rounded(nn.Module):
    """A generator of spins: the value is the sign, the slope is that of the number before."""

    def __init__(self, g):
        super().__init__()
        self.g, self.noise_size = g, g.noise_size

    def forward(self, z):
        soft = self.g(z)
        return soft + (soft.sign() - soft).detach()


def _gan(x, steps, rng, units=128):
    L, M = x.shape[1], x[0].numel()
    g = gan.mlp_generator(M // 2, 2, units, M, rng=rng).float()
    d = gan.mlp_discriminator(M, 2, units, dropout=0.0, rng=rng).float()
    player, began = _Rounded(g), time.thread_time()
    adam = {
        name: torch.optim.Adam(net.parameters(), 1e-3, betas=(0.0, 0.99), fused=True)
        for name, net in (("g_optimiser", g), ("d_optimiser", d))
    }
    batches = (_batch(x, 128, rng).flatten(1) for _ in range(steps))
    for _ in gan.train(player, d, batches, rng=rng, kind="normal", r1_weight=0.1, **adam):
        pass
    seconds = time.thread_time() - began

    def draw(n, rng):
        with torch.no_grad():
            return player(gan.noise(n, M // 2, "normal", rng=rng, dtype=float32)).view(n, L, L)

    return Fitted(draw, None, False, _count(g, d), seconds, [])


class _Torus(nn.Module):
    """Three convolutions around the torus: the network of the discrete diffusion, and of the flow's velocity."""

    def __init__(self, width, rng):
        super().__init__()
        around = {"kernel_size": 3, "padding": 1, "padding_mode": "circular", "dtype": float32}
        self.first = nn.Conv2d(3, width, **around)
        self.rest = nn.ModuleList(nn.Conv2d(width, width, **around) for _ in range(2))
        self.last = nn.Conv2d(width, 1, 1, dtype=float32)
        vae.initialise(self, rng=rng)

    def forward(self, x, t):  # (n, L, L) and (n,) -> (n, L, L)
        everywhere = torch.ones_like(x)
        inputs = [x, x.mean((1, 2), keepdim=True) * everywhere, t[:, None, None] * everywhere]
        h = F.silu(self.first(torch.stack(inputs, 1)))
        for layer in self.rest:
            h = h + F.silu(layer(h))
        return self.last(h)[:, 0]


def _pieces(function, x):
    """A function of rows, some hundred rows at a time."""
    return torch.cat([function(piece) for piece in x.split(250)])


def _diffusion(x, steps, rng, width=16, batch=64, backward=40):
    network, L = _Torus(width, rng), x.shape[1]

    def logit(s, a):
        return 2 * torch.atanh(a)[:, None, None] * s + network(s, a)

    def loss(step):
        x0 = _batch(x, batch, rng)
        u = 1e-3 + 3.5 * torch.rand(batch, generator=rng, dtype=float32).square()
        flip = torch.rand(x0.shape, generator=rng, dtype=float32) < -torch.expm1(-u)[:, None, None] / 2
        return F.softplus(-x0 * logit(torch.where(flip, -x0, x0), (-u).exp())).mean()

    seconds, _ = _descend(network.parameters(), loss, steps, 6e-3)

    def mean(s, u):
        a = torch.full((len(s),), math.exp(-max(u, 1e-3)), dtype=float32)
        return _pieces(lambda piece: torch.tanh(logit(piece, a[: len(piece)]) / 2), s.to(float32))

    def draw(n, rng):
        coins = 2.0 * torch.randint(2, (n, L, L), generator=rng).float() - 1
        times = (3.5 * torch.linspace(1, 0, backward + 1, dtype=float32).square()).tolist()
        return diffusion.reverse_flips(mean, coins, times, rng=rng)

    return Fitted(draw, None, False, _count(network), seconds, [])


def _flow(x, steps, rng, width=16, batch=64, forward=20):
    network, L = _Torus(width, rng), x.shape[1]

    def velocity(y, t):
        return network(y, t) / (1 - t + 0.1)[:, None, None]

    def loss(step):
        x1 = _batch(x, batch, rng)
        x1 = x1 + torch.rand(x1.shape, generator=rng, dtype=float32) - 0.5  # the lattice dequantised
        z = torch.randn(x1.shape, generator=rng, dtype=float32)
        t = torch.rand(batch, generator=rng, dtype=float32)
        y, target = flows.conditional_path("linear", x1.flatten(1), z.flatten(1), t)
        error = velocity(y.view_as(x1), t) - target.view_as(x1)
        return error.square().mean()

    seconds, _ = _descend(network.parameters(), loss, steps, 6e-3)

    def slope(y, t):
        when = torch.full((len(y),), float(t), dtype=float32)
        with torch.no_grad():
            return _pieces(lambda p: velocity(p.view(-1, L, L), when[: len(p)]).flatten(1), y)

    def draw(n, rng):
        z = torch.randn(n, L * L, generator=rng, dtype=float32)
        return torch.where(flows.integrate(slope, z, forward) < 0, -1.0, 1.0).view(n, L, L)

    return Fitted(draw, None, False, _count(network), seconds, [])


_FITS = {
    "independent": _independent,
    "pairwise": _pairwise,
    "rbm": _rbm,
    "vae": _vae,
    "gan": _gan,
    "autoregressive": _autoregressive,
    "diffusion": _diffusion,
    "flow": _flow,
}


doors(globals())
