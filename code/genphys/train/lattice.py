"""The flows of the lattice field: ``python -m genphys.train lattice RUN``; and its long chains, which are studies."""

import itertools
import math
import time
from pathlib import Path
from typing import Literal

import torch
from torch import nn
from tqdm import tqdm

from genphys import diffusion, flows
from genphys.arguments import count, doors, number, positive, tensor
from genphys.exact.estimates import autocorrelation_time, binder_cumulant, correlated_mean_and_error
from genphys.numerics import double
from genphys.systems import phi4
from genphys.train import parallel
from genphys.train.command import common, describe_run, learning_rate_option
from genphys.train.files import fill, load_weights, write_weights
from genphys.train.loop import State, train
from genphys.train.phi4 import load_phi4
from genphys.train.place import Device, Place, Precision

__all__ = [
    "LATTICE_RUNS",
    "draw_with_density",
    "evaluate_lattice_flow",
    "load_lattice_flow",
    "long_chains",
    "study_phi4_chains",
    "study_phi4_weights",
    "train_lattice_flow",
]

LATTICE_RUNS = {  # the hopping parameter, and whether the density has the symmetry of the sign
    "symmetric": {"kappa": 0.28, "even": True},
    "critical": {"kappa": 0.32, "even": True},
    "broken": {"kappa": 0.4, "even": False},
}
LATTICE_FLOW = {"L": 8, "layers": 8, "width": 64}
LAM = 0.5
Run = Literal["symmetric", "critical", "broken"]


def train_lattice_flow(
    run: Run,
    folder: Path | str,
    *,
    steps: count(),
    batch: count(),
    learning_rate: positive,
    seed: count(0),
    every: number(low=0) = 60.0,
    device: Device = "cpu",
    precision: Precision = "float32",
):
    r"""Train a flow to the weight of the lattice field by the reverse divergence (book: ``eq:lattice-free-energy``).

    There are no data. The loss is the mean of :math:`\log q + S` over fields that the flow draws. The flow without the
    symmetry starts from fields that are positive.

    Args:
        run: Which of :data:`LATTICE_RUNS`.
        folder: Where the checkpoint lies.
        steps: The number of steps.
        batch: Fields in a step.
        learning_rate: The first learning rate, which falls as half a cosine to zero.
        seed: The seed of the whole run.
        every: Seconds between checkpoints.
        device: Where the flow computes.
        precision: Of the products in its couplings; the fields, the density and the action stay in single precision.

    Returns:
        The flow and the record of :func:`train`.
    """
    kappa, even = LATTICE_RUNS[run]["kappa"], LATTICE_RUNS[run]["even"]
    rng = torch.Generator().manual_seed(seed)
    flow = flows.LatticeFlow(**LATTICE_FLOW, even=even, rng=rng)
    if not even:
        with torch.no_grad():
            for shift in flow.shift[-2:]:
                shift.bias.fill_(0.8)
    place = Place(device, precision)
    flow.to(place.device)
    if place.half:  # products alone: what they give goes on in single precision
        for layer in flow.modules():
            if isinstance(layer, nn.Linear):
                layer.register_forward_hook(lambda layer, given, answer: answer.to(given[0].dtype))
    optimiser = torch.optim.AdamW(flow.parameters(), lr=learning_rate, weight_decay=0.0, fused=True)
    L, kind = flow.L, flow.log_power.dtype

    def step(i):
        warm = min(1.0, (i + 1) / 50)
        optimiser.param_groups[0]["lr"] = warm * learning_rate * 0.5 * (1 + math.cos(math.pi * i / steps))
        z = parallel.cut(torch.randn(batch, L, L, generator=rng, dtype=kind), batch)
        phi, log_q = place.run(flow, z.to(place.device))
        mean = (log_q + phi4.action(phi, kappa, LAM)).mean() * (len(z) / batch)
        optimiser.zero_grad()
        mean.backward()
        mean = mean.detach()
        parallel.add_gradients(flow, mean)
        size = nn.utils.clip_grad_norm_(flow.parameters(), 10.0)
        optimiser.step()
        return {"free_energy": mean, "gradient": size}

    settings = {"run": run, "steps": steps, "batch": batch, "learning_rate": learning_rate, "seed": seed}
    record = train(
        step,
        steps,
        State({"flow": flow}, {"adamw": optimiser}, {"rng": rng}),
        folder=folder,
        settings=settings | LATTICE_FLOW | place.settings(),
        every=every,
        log_every=max(1, steps // 20),
        name=f"lattice_{run}",
    )
    return flow.eval().cpu(), record


def load_lattice_flow(run: Run, folder: Path | str | None = None):
    """A shipped flow in evaluation mode and in single precision, and its record.

    Args:
        run: Which of :data:`LATTICE_RUNS`.
        folder: Where the weights lie; the package's own where left out.
    """
    flow = flows.LatticeFlow(**LATTICE_FLOW, even=LATTICE_RUNS[run]["even"], rng=torch.Generator()).float()
    tensors, record = load_weights(f"lattice_{run}", folder)
    fill(flow, tensors, "LatticeFlow")
    return flow.eval(), record


@torch.no_grad()
def evaluate_lattice_flow(flow: flows.LatticeFlow, kappa: number(), *, samples: count(2) = 20_000, seed: count(0)):
    """What a flow is worth at a hopping parameter and the coupling 1/2.

    Returns:
        A dictionary: ``"samples"``; ``"seconds"`` of a processor for drawing and weighing them; ``"share"``, their
        effective share; ``"accepted"``, the share that the chain of :func:`genphys.flows.independence_chain` takes;
        and where the share is 0.02 or more ``"log_z"`` and ``"chi"``, each as a value and its error.
    """
    rng, began = torch.Generator().manual_seed(seed), time.thread_time()
    sizes = [min(1_000, samples - done) for done in range(0, samples, 1_000)]
    drawn = [flow(torch.randn(size, flow.L, flow.L, generator=rng, dtype=torch.float32)) for size in sizes]
    phi, log_q = (double(torch.cat(parts)) for parts in zip(*drawn, strict=True))
    log_w = -phi4.action(phi, kappa, LAM) - log_q
    seconds, share = time.thread_time() - began, flows.effective_share(log_w).item()
    held = flows.independence_chain(log_w, rng=rng)
    found = {"samples": samples, "seconds": round(seconds, 3), "share": round(share, 4)}
    found["accepted"] = round((held[1:] != held[:-1]).double().mean().item(), 4)
    if share >= 0.02:
        chi = flows.weighted_mean(flow.L**2 * phi4.magnetisation(phi).square(), log_w)
        for name, estimate in (("log_z", flows.log_partition(log_w)), ("chi", chi)):
            found[name] = [round(part.item(), 5) for part in estimate]
    return found


# --------------------------------------------------------------------------------------------------- long chains


@torch.no_grad()
def long_chains(
    L: count(2),
    kappa: number(),
    *,
    chains: count(2) = 64,
    trajectories: count(2) = 1_000,
    step_size: positive = 0.16,
    steps: count() = 8,
    seed: count(0),
):
    """Follow chains of hybrid Monte Carlo at the coupling 1/2, after a fifth of the trajectories to settle.

    Returns:
        A dictionary: the couplings and the seed; ``"chi"`` and ``"binder"``, each as a value and its error, which the
        autocorrelation enters; ``"tau"``, the autocorrelation time of the squared magnetisation in trajectories, 1 for
        independent values; ``"accepted"``, the accepted share; ``"seconds"``, of a processor, without the settling.
    """
    rng = torch.Generator().manual_seed(seed)
    phi = phi4.start(chains, L, rng=rng)
    options = {"step_size": step_size, "steps": steps, "rng": rng}
    phi, _ = phi4.hybrid_monte_carlo(phi, kappa, LAM, trajectories=max(1, trajectories // 5), **options)
    series, accepted, began = [], 0.0, time.thread_time()
    for _ in range(trajectories):
        phi, moved = phi4.hybrid_monte_carlo(phi, kappa, LAM, trajectories=1, **options)
        series.append(phi4.magnetisation(phi))
        accepted += moved.accepted.double().mean().item() / trajectories
    seconds, m = time.thread_time() - began, torch.stack(series)
    found = {"chi": correlated_mean_and_error(L * L * m.square()), "binder": binder_cumulant(m, correlated=True)}
    return {
        "L": L,
        "kappa": kappa,
        "seed": seed,
        **{name: [round(part.item(), 6) for part in estimate] for name, estimate in found.items()},
        "tau": round(2 * autocorrelation_time(m.square()).item(), 3),
        "accepted": round(accepted, 4),
        "seconds": round(seconds, 2),
    }


def study_phi4_chains(*, trajectories: count(2) = 1_000, seeds: count() = 3):
    """Susceptibility, Binder cumulant and autocorrelation time for four sizes across the transition.

    Returns:
        The settings, and under ``"runs"`` what :func:`long_chains` finds for each size, hopping parameter and seed.
    """
    grid = [
        (L, kappa, seed)
        for seed in range(1, seeds + 1)
        for L in (4, 8, 12, 16)
        for kappa in (0.32, 0.33, 0.335, 0.34, 0.345, 0.35, 0.36)
    ]
    runs = [
        long_chains(L, kappa, trajectories=trajectories, seed=seed)
        for L, kappa, seed in tqdm(grid, desc="study of lattice sizes")
    ]
    return {"lam": LAM, "chains": 64, "trajectories": trajectories, "runs": runs}


# ------------------------------------------------------------------------------ the diffusion model and its density


def draw_with_density(network: nn.Module, schedule: diffusion.Schedule, z: tensor("n 1 L L"), *, steps: count()):
    r"""Follow the flow of a velocity network in the angle by Heun's method, with the density of what comes out.

    The steps are a map from noise to fields. Its Jacobian is a product of one matrix a step, whose determinants are
    taken exactly, so that the density is that of the samples however few the steps are
    (``eq:discrete-flow-density``). A step costs two derivatives of the network for each of the :math:`L^2` sites.

    Returns:
        The fields at step 1, shape (n, L, L), and their log-densities in nats, shape (n,); float64.
    """
    angle = torch.arccos(double(schedule.signal))
    wanted = torch.linspace(angle[-1].item(), angle[1].item(), steps + 1, dtype=torch.float64)
    stops = [int((angle - w).abs().argmin()) for w in wanted]
    x, M = z, z[0].numel()
    log_q = -double(z).square().sum((1, 2, 3)) / 2 - M / 2 * math.log(2 * math.pi)
    eye = torch.eye(M, dtype=torch.float64)
    for now, then in itertools.pairwise(stops):
        h = (angle[then] - angle[now]).item()
        v, slope = _velocity_and_slope(network, x, now)
        v_next, slope_next = _velocity_and_slope(network, x + h * v, then)
        jacobian = eye + h / 2 * (slope + slope_next @ (eye + h * slope))
        log_q = log_q - torch.linalg.slogdet(jacobian)[1]
        x = x + h / 2 * (v + v_next)
    return double(x[:, 0]), log_q


def _velocity_and_slope(network, x, t):
    """The velocity, and its Jacobian (n, M, M) in double precision."""
    n, M = len(x), x[0].numel()
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        v = network(x, torch.full((n,), t, device=x.device))
        directions = torch.eye(M, dtype=v.dtype, device=v.device)[:, None].expand(M, n, M).reshape(M, *v.shape)
        rows = torch.autograd.grad(v, x, directions, is_grads_batched=True)[0]
    return v.detach(), double(rows.flatten(2).transpose(0, 1))


def study_phi4_weights(*, samples: count(2) = 64, steps: count() = 8, batch: count() = 32):
    """Samples of the shipped diffusion model of the lattice field with their densities, for weights.

    Returns:
        The settings, ``"seconds"`` of a processor, and lists with an entry for each sample: ``"log_weight"``, the
        logarithm of :math:`e^{-S}/q` in nats, ``"magnetisation"`` and ``"action"``, the action over the sites.
    """
    network, schedule, record = load_phi4()
    network.requires_grad_(False)
    rng, began, found = torch.Generator().manual_seed(11), time.thread_time(), []
    for size in tqdm([min(batch, samples - done) for done in range(0, samples, batch)], desc="densities"):
        z = torch.randn(size, 1, record["L"], record["L"], generator=rng, dtype=torch.float32)
        found.append(draw_with_density(network, schedule, z, steps=steps))
    x, log_q = (torch.cat(parts) for parts in zip(*found, strict=True))
    phi, sites = record["scale"] * x, record["L"] ** 2
    action = phi4.action(phi, record["kappa"], record["lam"])
    log_w = -action - log_q + sites * math.log(record["scale"])
    lists = {"log_weight": log_w, "magnetisation": phi4.magnetisation(phi), "action": action / sites}
    return {
        "samples": samples,
        "steps": steps,
        "seconds": round(time.thread_time() - began),
        **{name: [round(v, 6) for v in values.tolist()] for name, values in lists.items()},
    }


def _command(arguments):
    names = ("steps", "batch", "learning_rate", "seed", "every", "device", "precision")
    flow, record = train_lattice_flow(
        arguments.run_name, arguments.folder, **{name: getattr(arguments, name) for name in names}
    )
    if not parallel.first():
        return
    setting = LATTICE_RUNS[arguments.run_name] | {"lam": LAM}
    provenance = describe_run(arguments, "LatticeFlow", record, {"name": "none: the action alone"})
    provenance["processor_seconds"] = round(time.process_time())
    found = evaluate_lattice_flow(flow, setting["kappa"], seed=arguments.seed + 1)
    path = Path(arguments.folder) / f"lattice_{arguments.run_name}"
    write_weights(path, flow.state_dict(), setting | provenance | {"evaluation": found})


def add_command(commands):
    """Add the sub-command and its options."""
    parser = commands.add_parser("lattice", help="flows for the lattice field, trained by its action")
    common(parser, steps=6_000, seed=1)
    parser.add_argument("run_name", metavar="RUN", choices=list(LATTICE_RUNS), help=", ".join(LATTICE_RUNS))
    parser.add_argument("--batch", type=int, default=512, help="fields in a step")
    learning_rate_option(parser, 3e-3, "first learning rate, falls to 0")
    parser.set_defaults(run=_command)


doors(globals())
