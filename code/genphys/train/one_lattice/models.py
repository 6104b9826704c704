r"""How each of the eight models of a lattice of spins is trained.

Each training sees the same draws, in batches whose lattices are turned over at random, since up and down are alike.
"""

import copy
import time

import torch
import torch.nn.functional as F

from genphys import flows, gan, rbm
from genphys.arguments import count, doors, tensor
from genphys.numerics import must_stay_finite
from genphys.train.one_lattice.networks import Fitted, Name, at_work, bits, logit, made, velocity

__all__ = ["fit_model"]

STEPS = {"rbm": 5_000, "vae": 1_200, "gan": 700, "autoregressive": 1_600, "diffusion": 400, "flow": 400}
RATES = {"rbm": 0.05, "vae": 3e-3, "gan": 1e-3, "autoregressive": 1e-2, "diffusion": 6e-3, "flow": 6e-3}
float32 = torch.float32


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
    return trained(name, x.float().cpu(), seed, steps)[0]


def trained(name, x, seed, steps=None):
    """The fitted model, and its network; independent spins have none."""
    if name == "independent":
        return _independent(x), None
    rng = torch.Generator().manual_seed(seed)
    network = made(name, x.shape[1], rng)
    seconds, history = _TRAININGS[name](network, x, STEPS.get(name) if steps is None else steps, rng)
    return at_work(name, network, x.shape[1], seconds=seconds, history=history), network


def _batch(x, size, rng):
    """Rows of the draws, each turned over or not."""
    sign = 2.0 * torch.randint(2, (size, 1, 1), generator=rng) - 1
    return (x[torch.randint(len(x), (size,), generator=rng)] * sign).to(float32)


def _descend(network, loss, steps, rate, watch=None):
    """AdamW with a warm-up and a rate that falls to 0; the seconds, and what ``watch`` keeps at each doubling."""
    parameters, advice = list(network.parameters()), "take a smaller learning rate"
    optimiser = torch.optim.AdamW(parameters, lr=rate, weight_decay=0.0, fused=True)
    seconds, began, history, last = 0.0, time.thread_time(), [], steps // 64
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = rate * min(1, (step + 1) / 50) * (1 - step / steps)
        value = loss()
        must_stay_finite(step + 1, advice, loss=value)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        if watch is not None and step + 1 == last and step + 1 < steps:
            seconds += time.thread_time() - began
            history.append((seconds, watch()))
            began, last = time.thread_time(), 2 * last
    seconds += time.thread_time() - began
    must_stay_finite(steps, advice, parameters=torch.stack([p.detach().sum() for p in parameters]))
    return seconds, history


def _independent(x):
    began = time.thread_time()
    mean = x.flatten(1).mean(0).clamp(-0.999, 0.999)  # the maximum of the likelihood
    seconds, L = time.thread_time() - began, x.shape[1]

    def log_f(spins):
        return ((1 + spins.flatten(1) * mean) / 2).log().sum(1)

    def draw(n, rng):
        return 2.0 * (torch.rand(n, L, L, generator=rng, dtype=float32) < (1 + mean.view(L, L)) / 2).float() - 1

    return Fitted(draw, log_f, True, L * L, seconds, [])


def _pairwise(network, x, steps, rng):
    """All pairs of spins, without fields: up and down are alike. Pseudolikelihood by L-BFGS, which converges."""
    began = time.thread_time()
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
    network.coupling.copy_(coupling().detach())
    return time.thread_time() - began, []


def _rbm(model, x, steps, rng, chains=100):
    L, state = x.shape[1], rbm.persistent_chains(model, chains, rng=rng)
    history, seconds, began, last = [], 0.0, time.thread_time(), steps // 64
    batches = (bits(_batch(x, chains, rng)) for _ in range(steps))

    def rate(step):
        return RATES["rbm"] * (1 - step / steps) + 1e-5

    for now in rbm.contrastive_divergence(model, batches, state, k=2, learning_rate=rate, rng=rng):
        if now.step == last and now.step < steps:
            seconds += time.thread_time() - began
            kept = made("rbm", L, torch.Generator())
            kept.load_state_dict({name: value.clone() for name, value in model.state_dict().items()})
            history.append((seconds, at_work("rbm", kept, L, seconds=seconds).log_f))
            began, last = time.thread_time(), 2 * last
    return seconds + time.thread_time() - began, history


def _vae(model, x, steps, rng):
    def loss():
        reconstruction, kl = model.elbo(bits(_batch(x, 100, rng)), rng=rng)
        return (kl - reconstruction).mean()

    return _descend(model, loss, steps, RATES["vae"])


def _gan(players, x, steps, rng):
    began, g, d = time.thread_time(), players["g"], players["d"]
    adam = {
        name: torch.optim.Adam(net.parameters(), RATES["gan"], betas=(0.0, 0.99), fused=True)
        for name, net in (("g_optimiser", g), ("d_optimiser", d))
    }
    batches = (_batch(x, 128, rng).flatten(1) for _ in range(steps))
    for _ in gan.train(g, d, batches, rng=rng, kind="normal", r1_weight=0.1, **adam):
        pass
    return time.thread_time() - began, []


def _autoregressive(network, x, steps, rng):
    def watch():
        return at_work("autoregressive", copy.deepcopy(network), x.shape[1], seconds=0.0).log_f

    def loss():
        return -network.log_prob(_batch(x, 100, rng)).mean()

    return _descend(network, loss, steps, RATES["autoregressive"], watch)


def _diffusion(network, x, steps, rng, batch=64):
    def loss():
        x0 = _batch(x, batch, rng)
        u = 1e-3 + 3.5 * torch.rand(batch, generator=rng, dtype=float32).square()
        flip = torch.rand(x0.shape, generator=rng, dtype=float32) < -torch.expm1(-u)[:, None, None] / 2
        return F.softplus(-x0 * logit(network, torch.where(flip, -x0, x0), (-u).exp())).mean()

    return _descend(network, loss, steps, RATES["diffusion"])


def _flow(network, x, steps, rng, batch=64):
    def loss():
        x1 = _batch(x, batch, rng)
        x1 = x1 + torch.rand(x1.shape, generator=rng, dtype=float32) - 0.5  # the lattice dequantised
        z = torch.randn(x1.shape, generator=rng, dtype=float32)
        t = torch.rand(batch, generator=rng, dtype=float32)
        y, target = flows.conditional_path("linear", x1.flatten(1), z.flatten(1), t)
        error = velocity(network, y.view_as(x1), t) - target.view_as(x1)
        return error.square().mean()

    return _descend(network, loss, steps, RATES["flow"])


_TRAININGS = {
    "pairwise": _pairwise,
    "rbm": _rbm,
    "vae": _vae,
    "gan": _gan,
    "autoregressive": _autoregressive,
    "diffusion": _diffusion,
    "flow": _flow,
}


doors(globals())
