r"""The scalar field on a two-dimensional lattice with a quartic self-interaction, near its phase transition.

On a periodic square lattice of :math:`N = L \times L` sites a configuration is a real number :math:`\varphi_x` at every
site, and its weight is :math:`e^{-S(\varphi)}/Z` with the :func:`action` :math:`S`. The hopping parameter
:math:`\kappa` and the coupling :math:`\lambda \ge 0` are pure numbers, and so is the action (nats). The weight is even
in :math:`\varphi`; above a critical :math:`\kappa_\mathrm{c}(\lambda)` an infinite lattice magnetises. For
:math:`\lambda\to\infty` the field is :math:`\pm 1` and the model is the Ising model at :math:`J/T = 2\kappa`; for
:math:`\lambda = 0` it is Gaussian, and :func:`free_propagator` is exact.

Lattices have the shape (n, L, L). Errors are standard errors of n *independent* configurations, one from each chain;
estimates are :class:`genphys.exact.estimates.Estimate`.

References:
    Duane, Kennedy, Pendleton and Roweth, Hybrid Monte Carlo, Phys. Lett. B 195, 216 (1987). Montvay and Münster,
    Quantum Fields on a Lattice (1994), for the action in this form.
"""

import math
from typing import NamedTuple

import torch

from genphys.arguments import count, doors, number, positive, require, source, tensor
from genphys.exact.estimates import binder_cumulant, function_of_means, mean_and_error
from genphys.numerics import double, standard_normal, uniform

fields = tensor("n L L")  # configurations
several = tensor("n L L", rows=2)
with_waves = several.where(lambda phi: phi.shape[-1] >= 2, f"{several.words}, with a side of at least 2")
coupling = number(low=0)  # lambda


def action(phi: fields, kappa: number(), lam: coupling):
    r"""The action of each configuration, in nats, (n, L, L) to (n,) (book: ``def:phi4-action``).

    .. math::
        S(\varphi) = \sum_x \Big[ -2\kappa \sum_\mu \varphi_x \varphi_{x+\hat\mu} + \varphi_x^2
        + \lambda\,(\varphi_x^2 - 1)^2 \Big]

    Here :math:`x+\hat\mu` is the neighbour to the right or below.
    """
    square = phi.square()
    hop = phi * (phi.roll(-1, 1) + phi.roll(-1, 2))
    return (-2 * kappa * hop + square + lam * (square - 1).square()).sum((1, 2))


def action_gradient(phi: fields, kappa: number(), lam: coupling):
    r"""The gradient of the action, minus the force on each site; the shape of ``phi`` (book: ``eq:phi4-force``).

    .. math::
        \frac{\partial S}{\partial\varphi_x} = -2\kappa \sum_{\pm\mu} \varphi_{x\pm\hat\mu} + 2\varphi_x
        + 4\lambda\,\varphi_x(\varphi_x^2 - 1)
    """
    neighbours = phi.roll(1, 1) + phi.roll(-1, 1) + phi.roll(1, 2) + phi.roll(-1, 2)
    return -2 * kappa * neighbours + phi * (2 - 4 * lam + 4 * lam * phi.square())


def free_propagator(L: count(), kappa: number(above=-0.25, below=0.25)):
    r"""The two-point function of the free field, :math:`\lambda = 0`, in momentum space (``eq:phi4-propagator``).

    .. math::
        G(k) = \frac{1}{2 - 4\kappa\,(\cos k_1 + \cos k_2)} = \frac{1}{2\kappa\,(\hat k^2 + m^2)} ,
        \quad m^2 = \frac{1}{\kappa} - 4

    Shape (L, L), float64, at :math:`k = 2\pi(n_1, n_2)/L`. For :math:`|\kappa| \ge 1/4` the Gaussian has no norm.
    """
    cosine = (2 * math.pi / L * torch.arange(L, dtype=torch.float64)).cos()
    return 1 / (2 - 4 * kappa * (cosine[:, None] + cosine))


def lattice_momentum_squared(L: count()):
    r"""The lattice Laplacian in momentum space, :math:`\hat k^2 = \sum_\mu 4\sin^2(k_\mu/2)`, shape (L, L), float64."""
    line = 4 * (math.pi / L * torch.arange(L, dtype=torch.float64)).sin().square()
    return line[:, None] + line


class Trajectories(NamedTuple):
    r"""What the chains did: whether a trajectory was ``accepted``, and the ``energy_error`` :math:`\Delta H` in nats.

    Both have the shape (trajectories, n).
    """

    accepted: torch.Tensor
    energy_error: torch.Tensor


def leapfrog(
    phi: fields, momentum: fields, kappa: number(), lam: coupling, *, step_size: number() | tensor(), steps: count()
):
    r"""Follow Hamilton's equations of :math:`H = \tfrac12\pi^2 + S(\varphi)` for a few leapfrog steps.

    Half a step of the momenta, then steps of the field and the momenta in turn, and half a step of the momenta. The map
    is reversible and keeps the volume of phase space; the energy is kept to order :math:`\epsilon^2`. The step
    :math:`\epsilon` is a number or of shape (n, 1, 1). Field and momenta :math:`\pi` at the end, (n, L, L) each.
    """
    momentum = momentum - step_size / 2 * _gradient(phi, kappa, lam)
    for i in range(steps):
        phi = phi + step_size * momentum
        momentum = momentum - (step_size if i < steps - 1 else step_size / 2) * _gradient(phi, kappa, lam)
    return phi, momentum


_action, _gradient, _leapfrog = action, action_gradient, leapfrog  # without their doors


@torch.no_grad()
def hybrid_monte_carlo(
    phi: fields,
    kappa: number(),
    lam: coupling,
    *,
    trajectories: count(),
    rng: source,
    step_size: positive = 0.16,
    steps: count() = 8,
):
    r"""Move every chain by trajectories of Hamilton's equations, each accepted or rejected (book: ``eq:phi4-hmc``).

    A trajectory draws momenta :math:`\pi\sim\mathcal{N}(0, I)`, takes :func:`leapfrog` steps, and is accepted with the
    probability :math:`\min(1, e^{-\Delta H})`. After each, the sign of the whole field is drawn anew, which no action
    resists and which carries a chain between the two phases. A chain's step is drawn between half of ``step_size`` and
    one and a half of it, so that no mode of the field returns to its start every time. The configurations at the end,
    (n, L, L), one for each chain, and the :class:`Trajectories`.
    """
    before, accepted, errors = _action(phi, kappa, lam), [], []
    for _ in range(trajectories):
        momentum = standard_normal(phi.shape, phi, rng)
        length = step_size * (0.5 + uniform((len(phi), 1, 1), phi, rng))
        proposal, last = _leapfrog(phi, momentum, kappa, lam, step_size=length, steps=steps)
        after = _action(proposal, kappa, lam)
        error = after - before + (last.square() - momentum.square()).sum((1, 2)) / 2
        take = uniform((len(phi),), phi, rng) < (-error).exp()
        phi = _signs(phi, rng) * torch.where(take[:, None, None], proposal, phi)
        before = torch.where(take, after, before)
        accepted.append(take)
        errors.append(error)
    return phi, Trajectories(torch.stack(accepted), torch.stack(errors))


def start(n: count(), L: count(), *, rng: source, dtype: torch.dtype = torch.float64):
    r"""Where chains begin: noise around a uniform field of random size, so that both phases occur; (n, L, L)."""
    options = {"generator": rng, "device": rng.device, "dtype": dtype}
    return torch.randn(n, 1, 1, **options) + 0.5 * torch.randn(n, L, L, **options)


def sample(
    n: count(),
    L: count(),
    kappa: number(),
    lam: coupling,
    *,
    rng: source,
    trajectories: count() = 150,
    step_size: positive = 0.16,
    steps: count() = 8,
    dtype: torch.dtype = torch.float64,
):
    """Independent configurations, (n, L, L): the ends of as many chains, each from a :func:`start` of its own.

    The default number of trajectories is many times the eight or so in which the squared magnetisation forgets its
    start at the couplings of the book (L = 8); larger lattices near the transition need more. A stiff potential needs a
    smaller step: some starts lie high on its walls, and where in 20 trajectories or more a chain has accepted none, the
    step size is refused. :func:`hybrid_monte_carlo` also says what was accepted.
    """
    phi = start(n, L, rng=rng, dtype=dtype)
    options = {"trajectories": trajectories, "step_size": step_size, "steps": steps}
    phi, moved = hybrid_monte_carlo(phi, kappa, lam, rng=rng, **options)
    stuck = int((~moved.accepted.any(0)).sum())
    takes = f"a smaller one: {stuck} of {n} chains have never left their start"
    require(stuck == 0 or trajectories < 20, "step_size", step_size, takes)
    return phi


def symmetry_images(phi: fields, *, rng: source):
    r"""The configurations moved by a random symmetry of the action, under which their weights are the same.

    One translation, quarter turn and mirror image for all of them, and a sign for each.
    """
    options = {"generator": rng, "device": rng.device}
    down, right = torch.randint(phi.shape[-1], (2,), **options).tolist()
    turns, mirrored = torch.randint(4, (), **options).item(), torch.randint(2, (), **options).item()
    moved = phi.roll((down, right), (1, 2)).rot90(turns, (1, 2))
    return (moved.transpose(1, 2) if mirrored else moved) * _signs(phi, rng)


def _signs(phi, rng):
    """A sign for each configuration, shape (n, 1, 1)."""
    coins = torch.randint(2, (len(phi), 1, 1), generator=rng, device=rng.device)
    return 1 - 2 * coins.to(phi.device).to(phi.dtype)


def magnetisation(phi: fields):
    r"""The mean field of each configuration, :math:`m = N^{-1}\sum_x\varphi_x`, shape (n,)."""
    return phi.mean((1, 2))


def structure_factor(phi: fields):
    r"""The power at each momentum, :math:`|\tilde\varphi(k)|^2/N`, :math:`\tilde\varphi(k) = \sum_x e^{-ikx}\varphi_x`.

    Its mean is the two-point function in momentum space, :math:`G(k)` (book: ``def:phi4-two-point``); at
    :math:`k = 0` it is :math:`N m^2`. Shape (n, L, L), at the momenta :math:`k = 2\pi(n_1, n_2)/L`.
    """
    return torch.fft.fft2(phi).abs().square() / phi[0].numel()


def time_slice_correlation(phi: fields):
    r"""The correlation of two columns' sums at each distance, which decays with a single momentum along the columns.

    .. math:: C(\tau) = \frac{1}{L^2}\sum_t \Phi_t\,\Phi_{t+\tau} , \quad \Phi_t = \sum_{x_1} \varphi_{x_1, t}

    It is the back-transform of :func:`structure_factor` at the momenta with :math:`k_1 = 0`. Shape (n, L).
    """
    return torch.fft.ifft(structure_factor(phi)[:, 0]).real


def schwinger_dyson(phi: fields, kappa: number(), lam: coupling):
    r"""The correlation of the field with the gradient of the action at each distance (``eq:phi4-schwinger-dyson``).

    .. math::
        D(r) = \frac1N\sum_x \varphi_x\,\frac{\partial S}{\partial\varphi_{x+r}} , \qquad
        \langle D(r)\rangle = \delta_{r,0}

    for any couplings, because :math:`\int \partial_y(\varphi_x e^{-S})\,\mathrm{d}\varphi = 0`. This tests samples
    without a reference; at :math:`r = 0` it says that :math:`\langle\varphi\cdot\nabla S\rangle = N`. Shape (n, L, L).
    """
    gradient = _gradient(phi, kappa, lam)
    return torch.fft.ifft2(torch.fft.fft2(phi).conj() * torch.fft.fft2(gradient)).real / phi[0].numel()


def susceptibility(phi: several):
    r"""The susceptibility :math:`\chi = N\langle m^2\rangle`, which is :math:`G(0)` (book: ``def:phi4-observables``).

    The mean of m vanishes by symmetry and is not subtracted. An Estimate, from n of 2 or more.
    """
    return mean_and_error(phi[0].numel() * magnetisation(phi).square())


def correlation_length(phi: with_waves):
    r"""The second-moment correlation length, in lattice spacings (book: ``def:phi4-observables``).

    .. math::
        \xi = \frac{1}{2\sin(\pi/L)}\sqrt{\frac{G(0)}{G(k_\mathrm{min})} - 1} , \quad
        k_\mathrm{min} = 2\pi/L \text{ along one axis}

    :math:`G(k_\mathrm{min})` is averaged over the two axes. For a free field it is :math:`1/m` exactly. An Estimate,
    from n and L of 2 or more. Fields with more power at the smallest momentum than at zero are refused.
    """
    L = phi.shape[-1]
    zero, least = _power_of_long_waves(phi)
    require(zero.mean() > least.mean(), "phi", phi, "a field with long waves; others have no correlation length")

    def length(means):
        return (means[0] / means[1] - 1).sqrt() / (2 * math.sin(math.pi / L))

    return function_of_means(length, [zero, least])


def observables(phi: with_waves, kappa: number(), lam: coupling):
    r"""The observables of the book's table, from independent configurations (book: ``def:phi4-observables``).

    A dictionary of :class:`~genphys.exact.estimates.Estimate`: ``"action"``, :math:`S/N`; ``"square"``,
    :math:`\langle\varphi^2\rangle`; ``"abs_magnetisation"``, :math:`\langle|m|\rangle`; ``"susceptibility"``;
    ``"binder"``, the cumulant of m; ``"schwinger_dyson"``, :math:`\langle\varphi\cdot\nabla S\rangle/N`, exactly 1;
    ``"correlation_length"``, left out where there is none (:func:`correlation_length`).
    """
    phi = double(phi)
    found = {
        "action": mean_and_error(_action(phi, kappa, lam) / phi[0].numel()),
        "square": mean_and_error(phi.square().mean((1, 2))),
        "abs_magnetisation": mean_and_error(magnetisation(phi).abs()),
        "susceptibility": susceptibility(phi),
        "binder": binder_cumulant(magnetisation(phi)),
        "schwinger_dyson": mean_and_error((phi * _gradient(phi, kappa, lam)).mean((1, 2))),
    }
    zero, least = _power_of_long_waves(phi)
    if zero.mean() > least.mean():
        found["correlation_length"] = correlation_length(phi)
    return found


def _power_of_long_waves(phi):
    """The structure factor at momentum zero, and at the smallest one, averaged over the axes; each (n,)."""
    power = structure_factor(phi)
    return power[:, 0, 0], (power[:, 0, 1] + power[:, 1, 0]) / 2


doors(globals())
