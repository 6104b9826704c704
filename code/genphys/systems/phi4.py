r"""The scalar field on a two-dimensional lattice with a quartic self-interaction, near its phase transition.

The model. On a periodic square lattice of :math:`N = L \times L` sites a configuration is a real number
:math:`\varphi_x` at every site, and its weight is :math:`e^{-S(\varphi)}/Z` with the action

.. math::

    S(\varphi) = \sum_x \Big[ -2\kappa \sum_{\mu=1}^{2} \varphi_x \varphi_{x+\hat\mu} + \varphi_x^2
    + \lambda\,(\varphi_x^2 - 1)^2 \Big] ,

where :math:`x+\hat\mu` is the neighbour to the right or below. The hopping parameter :math:`\kappa` and the coupling
:math:`\lambda \ge 0` are pure numbers, and so is the action (nats). The weight is even in :math:`\varphi`; above a
critical :math:`\kappa_\mathrm{c}(\lambda)` an infinite lattice magnetises. For :math:`\lambda\to\infty` the field is
:math:`\pm 1` and the model is the Ising model at :math:`J/T = 2\kappa`; for :math:`\lambda = 0` it is Gaussian.

What is exact. :func:`free_propagator` at :math:`\lambda = 0`. At any couplings the integral of a total derivative
vanishes, so that :math:`\langle\varphi_x\,\partial S/\partial\varphi_y\rangle = \delta_{xy}`
(:func:`schwinger_dyson`): a test of samples that needs no reference.

What is sampled. :func:`hybrid_monte_carlo` moves many independent chains at once; a trajectory of Hamilton's equations
is accepted or rejected as a whole, so that the step size biases nothing.

Lattices have the shape (n, L, L). Errors are standard errors of n *independent* configurations, one from each chain.

References:
    Duane, Kennedy, Pendleton and Roweth, Hybrid Monte Carlo (1987).
    Montvay and Münster, Quantum Fields on a Lattice (1994), for the action in this form.
"""

import math
from typing import NamedTuple

import torch

__all__ = [
    "Estimate",
    "Trajectories",
    "action",
    "action_gradient",
    "binder",
    "correlation_length",
    "free_propagator",
    "hybrid_monte_carlo",
    "lattice_momentum_squared",
    "leapfrog",
    "magnetisation",
    "mean_and_error",
    "observables",
    "sample",
    "schwinger_dyson",
    "structure_factor",
    "susceptibility",
    "symmetry_images",
    "time_slice_correlation",
    "two_point",
]


class Estimate(NamedTuple):
    """A Monte Carlo mean, or a function of means, and its standard error; both of one shape."""

    value: torch.Tensor
    error: torch.Tensor


class Trajectories(NamedTuple):
    r"""What the chains did: for each trajectory and chain whether it was accepted, and the error of its energy.

    Attributes:
        accepted: Shape (trajectories, n), of type bool.
        energy_error: :math:`\Delta H`, shape (trajectories, n), in nats.
    """

    accepted: torch.Tensor
    energy_error: torch.Tensor


# The action


def action(phi, kappa, lam):
    r"""The action of each configuration (book: ``def:phi4-action``).

    .. math::
        S(\varphi) = \sum_x \Big[ -2\kappa \sum_\mu \varphi_x \varphi_{x+\hat\mu} + \varphi_x^2
        + \lambda\,(\varphi_x^2 - 1)^2 \Big]

    Args:
        phi: The configurations, shape (n, L, L).
        kappa: :math:`\kappa`, a number.
        lam: :math:`\lambda \ge 0`, a number.

    Returns:
        Shape (n,), in nats.

    Raises:
        ValueError: A shape or a coupling is wrong.
    """
    _check(phi, kappa, lam)
    square = phi.square()
    hop = phi * (phi.roll(-1, 1) + phi.roll(-1, 2))
    return (-2 * kappa * hop + square + lam * (square - 1).square()).sum((1, 2))


def action_gradient(phi, kappa, lam):
    r"""The gradient of the action, minus the force on each site (book: ``eq:phi4-force``).

    .. math::
        \frac{\partial S}{\partial\varphi_x} = -2\kappa \sum_{\pm\mu} \varphi_{x\pm\hat\mu} + 2\varphi_x
        + 4\lambda\,\varphi_x(\varphi_x^2 - 1)

    The arguments are those of :func:`action`.

    Returns:
        The shape of ``phi``.

    Raises:
        ValueError: A shape or a coupling is wrong.
    """
    _check(phi, kappa, lam)
    return _gradient(phi, kappa, lam)


def free_propagator(L, kappa):
    r"""The two-point function of the free field, :math:`\lambda = 0`, in momentum space (``eq:phi4-propagator``).

    .. math::
        G(k) = \frac{1}{2 - 4\kappa\,(\cos k_1 + \cos k_2)} = \frac{1}{2\kappa\,(\hat k^2 + m^2)} ,
        \quad m^2 = \frac{1}{\kappa} - 4

    Args:
        L: The side.
        kappa: :math:`\kappa` with :math:`|\kappa| < 1/4`, beyond which the Gaussian has no norm.

    Returns:
        Shape (L, L), float64, at the momenta :math:`k = 2\pi(n_1, n_2)/L`.

    Raises:
        ValueError: ``L`` is not positive, or ``kappa`` is not inside (-1/4, 1/4).
    """
    if not (isinstance(L, int) and L >= 1):
        raise ValueError(f"L is {L!r}, takes an integer of at least 1")
    if not abs(kappa) < 0.25:
        raise ValueError(f"kappa is {kappa}, takes a number inside (-1/4, 1/4): the free field is unstable beyond")
    cosine = (2 * math.pi / L * torch.arange(L, dtype=torch.float64)).cos()
    return 1 / (2 - 4 * kappa * (cosine[:, None] + cosine))


# Monte Carlo


def leapfrog(phi, momentum, kappa, lam, *, step, steps):
    r"""Follow Hamilton's equations of :math:`H = \tfrac12\pi^2 + S(\varphi)` for a few leapfrog steps.

    Half a step of the momenta, then steps of the field and the momenta in turn, and half a step of the momenta. The map
    is reversible and keeps the volume of phase space; the energy is kept to order :math:`\epsilon^2`.

    Args:
        phi: The field, shape (n, L, L).
        momentum: :math:`\pi`, of the same shape.
        kappa: :math:`\kappa`.
        lam: :math:`\lambda`.
        step: :math:`\epsilon`, the step in fictitious time, a number or a tensor of shape (n, 1, 1).
        steps: How many.

    Returns:
        The field and the momenta at the end.

    Raises:
        ValueError: A shape or a number is wrong.

    References:
        Duane et al. (1987).
    """
    _check(phi, kappa, lam)
    if momentum.shape != phi.shape:
        raise ValueError(f"momentum has shape {tuple(momentum.shape)}, takes that of phi, {tuple(phi.shape)}")
    _count("steps", steps)
    momentum = momentum - step / 2 * _gradient(phi, kappa, lam)
    for i in range(steps):
        phi = phi + step * momentum
        momentum = momentum - (step if i < steps - 1 else step / 2) * _gradient(phi, kappa, lam)
    return phi, momentum


@torch.no_grad()
def hybrid_monte_carlo(phi, kappa, lam, *, trajectories, rng, step=0.16, steps=8):
    r"""Move every chain by trajectories of Hamilton's equations, each accepted or rejected (book: ``eq:phi4-hmc``).

    A trajectory draws momenta :math:`\pi\sim\mathcal{N}(0, I)`, takes :func:`leapfrog` steps, and is accepted with the
    probability :math:`\min(1, e^{-\Delta H})`. After each, the sign of the whole field is drawn anew, which no action
    resists and which carries a chain between the two phases. A chain's step is drawn between half of ``step`` and one
    and a half of it, so that no mode of the field returns to its start every time.

    Args:
        phi: The configurations at the start, shape (n, L, L), one for each chain.
        kappa: :math:`\kappa`.
        lam: :math:`\lambda`.
        trajectories: How many.
        rng: The source of chance.
        step: The mean leapfrog step.
        steps: Leapfrog steps of a trajectory.

    Returns:
        The configurations at the end, and the :class:`Trajectories`.

    Raises:
        ValueError: A shape or a number is wrong.

    References:
        Duane, Kennedy, Pendleton and Roweth, Phys. Lett. B 195, 216 (1987).
    """
    _check(phi, kappa, lam)
    _count("trajectories", trajectories)
    if not step > 0:
        raise ValueError(f"step is {step}, takes a positive number")
    options = {"generator": rng, "device": phi.device, "dtype": phi.dtype}
    before, accepted, errors = action(phi, kappa, lam), [], []
    for _ in range(trajectories):
        momentum = torch.randn(phi.shape, **options)
        length = step * (0.5 + torch.rand(len(phi), 1, 1, **options))
        proposal, last = leapfrog(phi, momentum, kappa, lam, step=length, steps=steps)
        after = action(proposal, kappa, lam)
        error = after - before + (last.square() - momentum.square()).sum((1, 2)) / 2
        take = torch.rand(len(phi), **options) < (-error).exp()
        sign = 1 - 2 * torch.randint(2, (len(phi), 1, 1), generator=rng, device=phi.device).to(phi.dtype)
        phi = sign * torch.where(take[:, None, None], proposal, phi)
        before = torch.where(take, after, before)
        accepted.append(take)
        errors.append(error)
    return phi, Trajectories(torch.stack(accepted), torch.stack(errors))


def sample(n, L, kappa, lam, *, rng, trajectories=150, step=0.16, steps=8, dtype=torch.float64):
    r"""Independent configurations: the ends of as many chains, each from a start of its own.

    A chain begins with noise around a uniform field of random size, so that the starts are spread over both phases.
    The default number of trajectories is many times the eight or so in which the squared magnetisation forgets its
    start at the couplings of the book (L = 8, ``tests/test_phi4.py``); larger lattices near the transition need more.
    A stiff potential needs a smaller step: some starts lie high on its walls.

    Args:
        n: The number of chains.
        L: The side.
        kappa: :math:`\kappa`.
        lam: :math:`\lambda`.
        rng: The source of chance.
        trajectories: Trajectories of each chain.
        step: The mean leapfrog step.
        steps: Leapfrog steps of a trajectory.
        dtype: The floating type.

    Returns:
        The configurations, shape (n, L, L), and the :class:`Trajectories`.

    Raises:
        ValueError: A number is wrong, or in 20 trajectories or more a chain has accepted none.
    """
    _count("n", n)
    _count("L", L)
    options = {"generator": rng, "device": rng.device, "dtype": dtype}
    start = torch.randn(n, 1, 1, **options) + 0.5 * torch.randn(n, L, L, **options)
    phi, moved = hybrid_monte_carlo(start, kappa, lam, trajectories=trajectories, rng=rng, step=step, steps=steps)
    stuck = int((~moved.accepted.any(0)).sum())
    if stuck and trajectories >= 20:
        raise ValueError(f"step is {step}, takes a smaller one: {stuck} of {n} chains have never left their start")
    return phi, moved


def symmetry_images(phi, *, rng):
    r"""The configurations moved by a random symmetry of the action, under which their weights are the same.

    One translation, quarter turn and mirror image for all of them, and a sign for each.

    Args:
        phi: The configurations, shape (n, L, L).
        rng: The source of chance.

    Returns:
        The shape of ``phi``.

    Raises:
        ValueError: The shape is wrong.
    """
    _check(phi)
    options = {"generator": rng, "device": phi.device}
    down, right = torch.randint(phi.shape[-1], (2,), **options).tolist()
    turns, mirrored = torch.randint(4, (), **options).item(), torch.randint(2, (), **options).item()
    moved = phi.roll((down, right), (1, 2)).rot90(turns, (1, 2))
    moved = moved.transpose(1, 2) if mirrored else moved
    return moved * (1 - 2 * torch.randint(2, (len(phi), 1, 1), **options).to(phi.dtype))


# Observables


def magnetisation(phi):
    r"""The mean field of each configuration, :math:`m = N^{-1}\sum_x\varphi_x`, shape (n,).

    Args:
        phi: The configurations, shape (n, L, L).

    Raises:
        ValueError: The shape is wrong.
    """
    _check(phi)
    return phi.mean((1, 2))


def structure_factor(phi):
    r"""The power at each momentum, :math:`|\tilde\varphi(k)|^2/N`, :math:`\tilde\varphi(k) = \sum_x e^{-ikx}\varphi_x`.

    Its mean is the two-point function in momentum space, :math:`G(k)` (book: ``def:phi4-two-point``); at
    :math:`k = 0` it is :math:`N m^2`.

    Args:
        phi: The configurations, shape (n, L, L).

    Returns:
        Shape (n, L, L), at the momenta :math:`k = 2\pi(n_1, n_2)/L`.

    Raises:
        ValueError: The shape is wrong.
    """
    _check(phi)
    return torch.fft.fft2(phi).abs().square() / phi[0].numel()


def two_point(phi):
    r"""The correlation at each distance, averaged over the lattice: :math:`N^{-1}\sum_x\varphi_x\varphi_{x+r}`.

    The back-transform of :func:`structure_factor`, which takes :math:`N \log N` operations in place of :math:`N^2`.

    Args:
        phi: The configurations, shape (n, L, L).

    Returns:
        Shape (n, L, L), at the distances :math:`r = (r_1, r_2)`.

    Raises:
        ValueError: The shape is wrong.
    """
    return torch.fft.ifft2(structure_factor(phi)).real


def time_slice_correlation(phi):
    r"""The correlation of two columns' sums at each distance, which decays with a single momentum along the columns.

    .. math:: C(\tau) = \frac{1}{L^2}\sum_t \Phi_t\,\Phi_{t+\tau} , \quad \Phi_t = \sum_{x_1} \varphi_{x_1, t}

    It is :func:`two_point` summed over :math:`r_1`: only momenta with :math:`k_1 = 0` enter.

    Args:
        phi: The configurations, shape (n, L, L).

    Returns:
        Shape (n, L).

    Raises:
        ValueError: The shape is wrong.
    """
    return two_point(phi).sum(1)


def schwinger_dyson(phi, kappa, lam):
    r"""The correlation of the field with the gradient of the action at each distance (``eq:phi4-schwinger-dyson``).

    .. math::
        D(r) = \frac1N\sum_x \varphi_x\,\frac{\partial S}{\partial\varphi_{x+r}} , \qquad
        \langle D(r)\rangle = \delta_{r,0}

    for any couplings, because :math:`\int \partial_y(\varphi_x e^{-S})\,\mathrm{d}\varphi = 0`. The mean at
    :math:`r = 0` says that :math:`\langle\varphi\cdot\nabla S\rangle = N`.

    Args:
        phi: The configurations, shape (n, L, L).
        kappa: :math:`\kappa`.
        lam: :math:`\lambda`.

    Returns:
        Shape (n, L, L).

    Raises:
        ValueError: A shape or a coupling is wrong.
    """
    gradient = action_gradient(phi, kappa, lam)
    return torch.fft.ifft2(torch.fft.fft2(phi).conj() * torch.fft.fft2(gradient)).real / phi[0].numel()


def lattice_momentum_squared(L):
    r"""The lattice Laplacian in momentum space, :math:`\hat k^2 = \sum_\mu 4\sin^2(k_\mu/2)`, shape (L, L), float64.

    Args:
        L: The side.

    Raises:
        ValueError: ``L`` is not a positive integer.
    """
    _count("L", L)
    line = 4 * (math.pi / L * torch.arange(L, dtype=torch.float64)).sin().square()
    return line[:, None] + line


def mean_and_error(values):
    """The mean over independent configurations and its standard error.

    Args:
        values: Shape (n, ...), one entry for each configuration, n at least 2.

    Returns:
        The :class:`Estimate`, of the shape (...).

    Raises:
        ValueError: There are fewer than two configurations.
    """
    if values.ndim < 1 or len(values) < 2:
        raise ValueError(f"values has shape {tuple(values.shape)}, takes (n, ...) with n of at least 2")
    values = values.double()
    return Estimate(values.mean(0), values.std(0) / math.sqrt(len(values)))


def susceptibility(phi):
    r"""The susceptibility :math:`\chi = N\langle m^2\rangle`, which is :math:`G(0)` (book: ``def:phi4-observables``).

    The mean of m vanishes by symmetry and is not subtracted.

    Args:
        phi: The configurations, shape (n, L, L).

    Returns:
        The :class:`Estimate`.

    Raises:
        ValueError: The shape is wrong, or n is less than 2.
    """
    return mean_and_error(phi[0].numel() * magnetisation(phi).square())


def binder(phi):
    r"""The Binder cumulant :math:`U = 1 - \langle m^4\rangle/(3\langle m^2\rangle^2)` (book: ``def:phi4-observables``).

    Args:
        phi: The configurations, shape (n, L, L).

    Returns:
        The :class:`Estimate`.

    Raises:
        ValueError: The shape is wrong, or n is less than 2.

    References:
        Binder, Finite size scaling analysis of Ising model block distribution functions (1981).
    """
    square = magnetisation(phi).square()
    return _function_of_means(torch.stack([square, square.square()]), lambda mean: 1 - mean[1] / (3 * mean[0] ** 2))


def correlation_length(phi):
    r"""The second-moment correlation length, in lattice spacings (book: ``def:phi4-observables``).

    .. math::
        \xi = \frac{1}{2\sin(\pi/L)}\sqrt{\frac{G(0)}{G(k_\mathrm{min})} - 1} , \quad
        k_\mathrm{min} = 2\pi/L \text{ along one axis}

    :math:`G(k_\mathrm{min})` is averaged over the two axes. For a free field it is :math:`1/m` exactly.

    Args:
        phi: The configurations, shape (n, L, L), L at least 2.

    Returns:
        The :class:`Estimate`.

    Raises:
        ValueError: The shape is wrong, n is less than 2, or the field has more power at the smallest momentum than at
            zero, as one without long waves has.
    """
    power = structure_factor(phi)
    L = phi.shape[-1]
    if L < 2:
        raise ValueError(f"phi has side {L}, takes at least 2 for a smallest momentum")
    pair = torch.stack([power[:, 0, 0], (power[:, 0, 1] + power[:, 1, 0]) / 2])
    if not pair[0].mean() > pair[1].mean():
        raise ValueError("phi has more power at the smallest momentum than at zero: there is no correlation length")
    return _function_of_means(pair, lambda mean: (mean[0] / mean[1] - 1).sqrt() / (2 * math.sin(math.pi / L)))


def observables(phi, kappa, lam):
    r"""The observables of the book's table, from independent configurations (book: ``def:phi4-observables``).

    Args:
        phi: The configurations, shape (n, L, L), n and L at least 2.
        kappa: :math:`\kappa`.
        lam: :math:`\lambda`.

    Returns:
        A dictionary of :class:`Estimate`: ``"action"``, :math:`S/N`; ``"square"``, :math:`\langle\varphi^2\rangle`;
        ``"abs_magnetisation"``, :math:`\langle|m|\rangle`; ``"susceptibility"``; ``"binder"``;
        ``"schwinger_dyson"``, :math:`\langle\varphi\cdot\nabla S\rangle/N`, exactly 1; ``"correlation_length"``, left
        out where there is none (:func:`correlation_length`).

    Raises:
        ValueError: A shape or a coupling is wrong.
    """
    phi = phi.double()
    found = {
        "action": mean_and_error(action(phi, kappa, lam) / phi[0].numel()),
        "square": mean_and_error(phi.square().mean((1, 2))),
        "abs_magnetisation": mean_and_error(magnetisation(phi).abs()),
        "susceptibility": susceptibility(phi),
        "binder": binder(phi),
        "schwinger_dyson": mean_and_error((phi * action_gradient(phi, kappa, lam)).mean((1, 2))),
    }
    power = structure_factor(phi).mean(0)
    if power[0, 0] > (power[0, 1] + power[1, 0]) / 2:
        found["correlation_length"] = correlation_length(phi)
    return found


def _gradient(phi, kappa, lam):
    neighbours = phi.roll(1, 1) + phi.roll(-1, 1) + phi.roll(1, 2) + phi.roll(-1, 2)
    return -2 * kappa * neighbours + phi * (2 - 4 * lam + 4 * lam * phi.square())


def _function_of_means(values, function):
    """A function of the means of several variables, shape (p, n), and its error to first order in their errors."""
    if values.shape[1] < 2:
        raise ValueError(f"phi has {values.shape[1]} configurations, takes at least 2")
    values = values.double()
    mean = values.mean(1).requires_grad_()
    with torch.enable_grad():
        value = function(mean)
        (slope,) = torch.autograd.grad(value, mean)
    return Estimate(value.detach(), (slope @ (values - mean.detach()[:, None])).std() / math.sqrt(values.shape[1]))


def _check(phi, kappa=0.0, lam=0.0):
    if phi.ndim != 3 or phi.shape[1] != phi.shape[2] or not phi.numel():
        raise ValueError(f"phi has shape {tuple(phi.shape)}, takes (n, L, L), not empty")
    if not phi.is_floating_point():
        raise ValueError(f"phi has type {phi.dtype}, takes a floating type")
    if not math.isfinite(kappa):
        raise ValueError(f"kappa is {kappa}, takes a finite number")
    if not (math.isfinite(lam) and lam >= 0):
        raise ValueError(f"lam is {lam}, takes a finite number of at least 0")


def _count(name, value):
    if not (isinstance(value, int) and value >= 1):
        raise ValueError(f"{name} is {value!r}, takes an integer of at least 1")
