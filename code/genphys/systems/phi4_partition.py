r"""The partition function of the lattice field: what is exact, and the work that leads to the rest.

Two corners are exact. The free field is a Gaussian integral (``eq:free-log-z``). Without hopping the sites are
independent, and one site is an integral over a line (``eq:site-log-z``). From there the hopping parameter is raised in
steps; the mean of :math:`e^{-\mathcal{W}}` with the work :math:`\mathcal{W}` is the ratio of the partition functions at
any speed (``eq:hopping-jarzynski``).

References:
    Jarzynski (1997); Caselle et al., Jarzynski's theorem for lattice gauge theory (2016); Caselle, Cellini, Nada and
    Panero, Stochastic normalizing flows as non-equilibrium transformations (2022).
"""

import itertools
import math

import torch

from genphys.arguments import count, doors, many, number, positive, source, tensor
from genphys.numerics import double
from genphys.systems import phi4

fields = tensor("n L L")
coupling = number(low=0)
_LINE = torch.linspace(-8, 8, 16_001, dtype=torch.float64)  # the field of one site


def hopping(phi: fields):
    r"""The sum over the bonds :math:`\sum_x\sum_\mu\varphi_x\varphi_{x+\hat\mu}`, shape (n,) (``eq:hopping-slope``)."""
    return (phi * (phi.roll(-1, 1) + phi.roll(-1, 2))).sum((1, 2))


def free_log_partition(L: count(), kappa: number(above=-0.25, below=0.25)):
    r"""The logarithm of the partition function of the free field in nats, float64, shape () (``eq:free-log-z``).

    .. math:: \log Z = \frac{M}{2}\log 2\pi + \frac12\sum_k\log G(k)
    """
    power = phi4.free_propagator(L, kappa)
    return power.numel() / 2 * math.log(2 * math.pi) + power.log().sum() / 2


def site_log_partition(lam: coupling):
    r"""That of one site without neighbours, :math:`\log\int e^{-\varphi^2-\lambda(\varphi^2-1)^2}\,\mathrm{d}\varphi`.

    By the trapezoidal rule, exact to rounding up to :math:`\lambda` of some hundreds; float64 (``eq:site-log-z``).
    """
    return _site(lam).logsumexp(0) + (_LINE[1] - _LINE[0]).log()


def independent_sites(n: count(), L: count(), lam: coupling, *, rng: source, dtype: torch.dtype = torch.float64):
    """Fields at hopping parameter 0, site by site from the inverse of the distribution function; (n, L, L)."""
    share = _site(lam).softmax(0).cumsum(0)
    u = double(torch.rand(n * L * L, generator=rng, device=rng.device, dtype=dtype))
    right = torch.searchsorted(share, u).clamp(1, len(_LINE) - 1)
    part = (u - share[right - 1]) / (share[right] - share[right - 1])  # between two points of the line
    phi = _LINE[right - 1] + part * (_LINE[1] - _LINE[0])
    return phi.view(n, L, L).to(dtype).to(rng.device)


def anneal(
    phi: fields,
    kappas: many(number()),
    lam: coupling,
    *,
    rng: source,
    trajectories: count() = 1,
    step_size: positive = 0.16,
    steps: count() = 8,
):
    r"""Raise the hopping parameter step by step, with trajectories of hybrid Monte Carlo after each.

    .. math:: \mathcal{W} = \sum_j \left[S_{\kappa_{j+1}}(\varphi_j) - S_{\kappa_j}(\varphi_j)\right]

    After each step so many ``trajectories`` are run, with ``step_size`` and ``steps`` of
    :func:`genphys.systems.phi4.hybrid_monte_carlo`; the fields ``phi`` are those of the first hopping parameter. The
    fields at the end, and the work :math:`\mathcal{W}` of each in nats, shape (n,), float64 on the processor.
    """
    options = {"trajectories": trajectories, "step_size": step_size, "steps": steps}
    work = torch.zeros(len(phi), dtype=torch.float64)
    for before, after in itertools.pairwise(kappas):
        work = work - 2 * (after - before) * double(hopping.__wrapped__(phi))
        phi, _ = phi4.hybrid_monte_carlo(phi, after, lam, rng=rng, **options)
    return phi, work


def _site(lam):
    return -_LINE.square() - lam * (_LINE.square() - 1).square()


doors(globals())
