r"""The two-dimensional Ising model: its lattice, its energy, the sum over its states, and two samplers.

On a periodic square lattice of :math:`M = L \times L` sites each site :math:`i` has a right and a down neighbour, so
there are :math:`2M` bonds :math:`\langle ij\rangle` (for :math:`L = 2` two between each pair), and a configuration
:math:`\mathbf{s} \in \{-1, +1\}^M` with the :func:`energy` :math:`E` has the probability
:math:`p(\mathbf{s}) = e^{-E(\mathbf{s})/T}/Z`, with :math:`k_B = 1`.

Energies, the field :math:`B` and the temperature :math:`T` are in units of :math:`J`. A coupling is one number, or one
number a bond in the order of :func:`bonds`. Samplers leave the spins that they are given as they are.

References:
    Swendsen and Wang, Nonuniversal critical dynamics in Monte Carlo simulations (1987).
"""

import math

import torch

from genphys.arguments import (
    count,
    doors,
    function,
    number,
    numbers_or_tensor,
    positive,
    require,
    source,
    tensor,
    unchecked,
)
from genphys.exact import all_configurations
from genphys.exact.estimates import Estimate, binder_cumulant, correlated_mean_and_error
from genphys.numerics import double, uniform

T_C = 2 / math.log1p(math.sqrt(2))  # the critical temperature of the infinite lattice, in units of J

_lattices = tensor("... L L", kind="any", values=(-1, 1), free=True)  # spins, of any type
lattices = _lattices.where(lambda s: s.shape[-1] >= 2, f"{_lattices.words}, with L of 2 or more")
couplings = number() | tensor("b", kind="any", free=True)  # J, one number or one a bond


def bonds(L: count(2), device: torch.device | str | None = None):
    """The pairs of sites that a bond joins, shape (2 L^2, 2).

    Row b joins the site ``b = row * L + column`` to its right neighbour, row L^2 + b joins it to its down neighbour.
    """
    site = torch.arange(L * L, device=device).view(L, L)
    right, down = site.roll(-1, 1), site.roll(-1, 0)
    return torch.stack([site.repeat(2, 1).flatten(), torch.cat([right, down]).flatten()], dim=1)


def pair_products(spins: lattices):
    r"""The products :math:`s_i s_j` over the bonds, the sufficient statistics of the couplings.

    From (..., L, L) to (..., 2 L^2), in the order of :func:`bonds` and the type of :func:`energy`.
    """
    spins = _floating(spins)
    right, down = spins * spins.roll(-1, -1), spins * spins.roll(-1, -2)
    return torch.cat([right.flatten(-2), down.flatten(-2)], dim=-1)


def energy(spins: lattices, J: couplings = 1.0, field: number() = 0.0):
    r"""The energy of each configuration, in units of J, (..., L, L) to (...).

    .. math:: E(\mathbf{s}) = -\sum_{\langle ij\rangle} J_{ij}\, s_i s_j - B \sum_i s_i

    It has the type of the spins if that is float32 or float64, else float64; ``J`` is a number or of shape (2 L^2,).
    """
    spins = _floating(spins)
    right, down = _couplings(J, spins)
    return -(spins * (right * spins.roll(-1, -1) + down * spins.roll(-1, -2) + field)).sum((-2, -1))


def magnetisation(spins: lattices):
    r"""The mean spin :math:`m = M^{-1} \sum_i s_i` of each configuration, (..., L, L) to (...)."""
    return _floating(spins).mean((-2, -1))


def configurations(L: count(2, 4), dtype: torch.dtype = torch.float64, device: torch.device | str | None = None):
    """All configurations of a small lattice, shape (2^(L^2), L, L), in binary counting order.

    All spins -1 come first, and the last site changes fastest.
    """
    return all_configurations(L * L, values=(-1, 1), dtype=dtype, device=device).view(-1, L, L)


def enumerate_observables(L: count(2, 4), T: numbers_or_tensor(above=0), *, J: couplings = 1.0, field: number() = 0.0):
    r"""The exact thermal averages of a small lattice by summing over its :math:`2^M` configurations.

    .. math:: \langle A\rangle = \frac{1}{Z}\sum_{\mathbf{s}} A(\mathbf{s})\, e^{-E(\mathbf{s})/T} ,
        \qquad Z = \sum_{\mathbf{s}} e^{-E(\mathbf{s})/T}

    The dictionary of :func:`observables` with errors 0, and ``"log_partition"``, :math:`\ln Z` of the whole lattice in
    nats; values in float64, of the shape of ``T``, and differentiable in it.
    """
    T, spins = double(T), configurations(L)
    E, m2 = energy(spins, double(J), field), magnetisation(spins).square()
    log_weight = -E / T[..., None]  # (..., 2^M)
    p = log_weight.softmax(-1)
    u = p @ E
    found = {
        "log_partition": log_weight.logsumexp(-1),
        "energy": u / L**2,
        "heat_capacity": (p * (E - u[..., None]).square()).sum(-1) / (L**2 * T.square()),
        "abs_magnetisation": p @ m2.sqrt(),
        "binder": 1 - p @ m2.square() / (3 * (p @ m2).square()),
    }
    return {name: Estimate(value, torch.zeros_like(value)) for name, value in found.items()}


def heat_bath_sweep(spins: lattices, T: positive, *, J: couplings = 1.0, field: number() = 0.0, rng: source):
    r"""Redraw every spin once from its distribution given its neighbours (``eq:conditional-unit``).

    .. math:: p(s_i = +1 \mid \mathbf{s}_{\setminus i}) = \frac{1}{1 + e^{-2 h_i/T}} , \qquad
        h_i = B + \sum_{j \sim i} J_{ij} s_j

    Sites of one colour share no bond and are drawn together: two colours (a checkerboard) for even L, three for odd L.
    The Boltzmann distribution is stationary; the fixed order of the colours breaks detailed balance. Lattices have the
    shape (..., L, L), one a chain; couplings and field are those of :func:`energy`.
    """
    s = _drawable(spins)
    right, down = _couplings(J, s)
    left, up = (bond.roll(1, axis) if bond.ndim else bond for bond, axis in ((right, -1), (down, -2)))
    colour = _colours(s.shape[-1], s.device)
    for k in range(int(colour.max()) + 1):
        local = right * s.roll(-1, -1) + left * s.roll(1, -1) + down * s.roll(-1, -2) + up * s.roll(1, -2) + field
        plus = uniform(s.shape, s, rng) < torch.sigmoid(2 * local / T)
        s = torch.where(colour == k, 2 * plus.to(s.dtype) - 1, s)
    return s.to(spins.dtype)


def swendsen_wang_step(spins: lattices, T: positive, *, J: couplings = 1.0, rng: source):
    """Flip each Fortuin-Kasteleyn cluster with probability one half.

    A bond between equal spins is open with probability :math:`1 - e^{-2 J_{ij}/T}`, one between unlike spins is closed;
    the clusters are what the open bonds connect. The step keeps detailed balance and moves large clusters at once, so
    that the autocorrelation time at :math:`T_c` is a few steps. It knows no field and no negative coupling.
    """
    s = _drawable(spins)
    right, down = _couplings(J, s)
    require(min(right.min(), down.min()) >= 0, "J", J, "no negative coupling in swendsen_wang_step")
    u = uniform((2, *s.shape), s, rng)
    open_right = (s == s.roll(-1, -1)) & (u[0] < -torch.expm1(-2 * right / T))
    open_down = (s == s.roll(-1, -2)) & (u[1] < -torch.expm1(-2 * down / T))
    cluster = _clusters(open_right, open_down)
    coin = 2 * torch.randint(0, 2, (s.numel(),), generator=rng, device=rng.device).to(s.device) - 1
    return (s * coin[cluster].view_as(s)).to(spins.dtype)


def sample(
    L: count(2),
    T: positive,
    *,
    n_samples: count(),
    n_chains: count(),
    rng: source,
    burn_in: count(0) = 100,
    thin: count() = 1,
    step: function = swendsen_wang_step,
    start: tensor("n_chains L L", kind="any", values=(-1, 1), free=True) | None = None,
    dtype: torch.dtype | None = None,
):
    """Draw configurations with Markov chains that run side by side, shape (n_samples, n_chains, L, L).

    Of each chain ``burn_in`` steps are thrown away, and of the next every so many, ``thin``, are kept; local updates
    near the critical point need a long burn-in. The Markov kernel is ``step(spins, T, rng=rng) -> spins``, as
    :func:`swendsen_wang_step` or :func:`heat_bath_sweep`; bind couplings and a field with ``functools.partial``. Chains
    live on the device of ``rng`` and ``start`` from independent random spins where no others are given. The type of the
    result is PyTorch's default one or ``dtype``; ``torch.int8`` saves memory.
    """
    shape, device, step = (n_chains, L, L), rng.device, unchecked(step)
    if start is None:
        spins = 2 * torch.randint(0, 2, shape, generator=rng, device=device).to(torch.float32) - 1
    else:
        require(start.shape == shape, "start", start, f"the shape (n_chains, L, L) = {shape}")
        spins = _drawable(start).to(device)
    kept = torch.empty((n_samples, *shape), dtype=dtype or torch.get_default_dtype(), device=device)
    for _ in range(burn_in):
        spins = step(spins, T, rng=rng)
    for k in range(n_samples):
        for _ in range(thin):
            spins = step(spins, T, rng=rng)
        kept[k] = spins
    return kept


def observables(spins: lattices, T: positive, *, J: couplings = 1.0, field: number() = 0.0):
    r"""The observables of a lattice from samples in the order of time, each with its standard error.

    A dictionary of :class:`~genphys.exact.estimates.Estimate`: ``"energy"``, :math:`u = \langle E\rangle/M` in units of
    J; ``"heat_capacity"``, :math:`c = \mathrm{Var}(E)/(M T^2)` in units of :math:`k_B` (``eq:heat-capacity``);
    ``"abs_magnetisation"``, :math:`\langle|m|\rangle`; ``"binder"``, the
    :func:`~genphys.exact.estimates.binder_cumulant`. All errors account for autocorrelation along the first axis.
    :math:`\ln Z` is no average over samples. Spins have the shape (n_samples, L, L) or (n_samples, n_chains, L, L).
    """
    takes = "two samples or more of (L, L) or (n_chains, L, L)"
    require(spins.ndim in (3, 4) and len(spins) >= 2, "spins", spins, takes)
    sites = spins.shape[-1] ** 2
    E, m = double(energy(spins, J, field)), double(magnetisation(spins))
    return {
        "energy": correlated_mean_and_error(E / sites),
        "heat_capacity": correlated_mean_and_error((E - E.mean()).square() / (sites * T**2)),
        "abs_magnetisation": correlated_mean_and_error(m.abs()),
        "binder": binder_cumulant(m, correlated=True),
    }


def _floating(spins):
    """Spins in float32 or float64."""
    return spins if spins.dtype in (torch.float32, torch.float64) else double(spins)


def _drawable(spins):
    """Spins to be drawn anew where they are: other types than float32 and float64 as PyTorch's default type."""
    return spins if spins.dtype in (torch.float32, torch.float64) else spins.to(torch.get_default_dtype())


def _couplings(J, spins):
    """The couplings of the bonds right and down, each of shape () or (L, L), in the type of the spins."""
    J = torch.as_tensor(J, dtype=spins.dtype, device=spins.device)
    L = spins.shape[-1]
    require(J.ndim == 0 or len(J) == 2 * L * L, "J", J, f"a number or one a bond, shape ({2 * L * L},) for L = {L}")
    return (J, J) if J.ndim == 0 else J.view(2, L, L).unbind()


def _colours(L, device):
    """A colour for each site so that no bond joins two sites of one colour, shape (L, L)."""
    line = torch.arange(L, device=device) % 2
    if L % 2 == 0:
        return (line[:, None] + line) % 2
    line[-1] = 2
    return (line[:, None] + line) % 3


def _clusters(right, down):
    """For each site of all lattices, flattened, the smallest index of the sites that open bonds connect it to.

    Whether bonds to the right and down are open has the shape (..., L, L).
    """
    site = torch.arange(right.numel(), device=right.device)
    grid = site.view_as(right)
    a = torch.cat([grid[right], grid[down]])
    b = torch.cat([grid.roll(-1, -1)[right], grid.roll(-1, -2)[down]])
    label = site.clone()
    while len(a):  # a, b: the roots of the clusters that the bonds left over would still join
        label.scatter_reduce_(0, torch.maximum(a, b), torch.minimum(a, b), "amin")
        while True:
            root = label[label]
            if torch.equal(root, label):
                break
            label = root
        a, b = label[a], label[b]
        a, b = a[a != b], b[a != b]
    return label


doors(globals())
