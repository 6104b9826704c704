r"""The two-dimensional Ising model: exact results on a torus, and samplers that agree with them.

The model. On a periodic square lattice of :math:`M = L \times L` sites each site :math:`i` has a right and a down
neighbour, so there are :math:`2N` bonds :math:`\langle ij\rangle` (for :math:`L = 2` two between each pair), and a
configuration :math:`\mathbf{s} \in \{-1, +1\}^M` has the energy

.. math::

    E(\mathbf{s}) = -\sum_{\langle ij\rangle} J_{ij}\, s_i s_j - B \sum_i s_i ,
    \qquad p(\mathbf{s}) = \frac{1}{Z}\, e^{-E(\mathbf{s})/T} , \qquad k_B = 1 .

Energies, the field :math:`B` and the temperature :math:`T` are in units of :math:`J`, log-probabilities and
:math:`\ln Z` in nats. Bonds are numbered by :func:`bonds`: first the :math:`M` bonds to the right, then the :math:`M`
bonds down, each in the row-major order of their sites; a coupling is one number or one number per bond in this order.

What is exact. :func:`enumerate_observables` sums over the :math:`2^M` configurations for :math:`L \le 4`.
:func:`kaufman_log_partition` is Kaufman's closed form for any torus (Phys. Rev. 76, 1232, 1949),
:func:`onsager_log_partition` its limit :math:`L \to \infty` (Onsager, Phys. Rev. 65, 117, 1944).

What is sampled. :func:`heat_bath_sweep` redraws one sublattice after another from its exact conditional distribution,
:func:`swendsen_wang_step` flips clusters (Swendsen and Wang, Phys. Rev. Lett. 58, 86, 1987). Errors of Monte Carlo
means account for autocorrelation by Sokal's automatic window.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from genphys.exact import all_configurations

__all__ = [
    "T_C",
    "Estimates",
    "Observables",
    "autocorrelation_time",
    "bonds",
    "configurations",
    "degeneracies",
    "energy",
    "enumerate_observables",
    "heat_bath_sweep",
    "kaufman_energy",
    "kaufman_heat_capacity",
    "kaufman_log_partition",
    "magnetisation",
    "magnetisation_distribution",
    "mean_and_error",
    "observables",
    "onsager_energy",
    "onsager_log_partition",
    "pair_products",
    "sample",
    "spontaneous_magnetisation",
    "swendsen_wang_step",
]

T_C = 2 / math.log1p(math.sqrt(2))  # the critical temperature of the infinite lattice, in units of J


@dataclass(frozen=True, eq=False)
class Observables:
    r"""Exact results for one lattice; every field has the shape of the temperature.

    Attributes:
        log_partition: :math:`\ln Z` of the whole lattice, in nats.
        energy: :math:`u = \langle E\rangle / M`, in units of J.
        heat_capacity: :math:`c = \mathrm{Var}(E) / (M T^2)`, in units of :math:`k_B` (``eq:heat-capacity``).
        abs_magnetisation: :math:`\langle |m|\rangle` with :math:`m = M^{-1}\sum_i s_i`.
        binder: :math:`U = 1 - \langle m^4\rangle / (3 \langle m^2\rangle^2)`.
    """

    log_partition: torch.Tensor
    energy: torch.Tensor
    heat_capacity: torch.Tensor
    abs_magnetisation: torch.Tensor
    binder: torch.Tensor


@dataclass(frozen=True, eq=False)
class Estimates:
    r"""Monte Carlo estimates; every field is a float64 tensor of shape ().

    Attributes:
        energy: :math:`u`, in units of J.
        energy_error: Its standard error, as the other errors.
        heat_capacity: :math:`c`, in units of :math:`k_B`.
        heat_capacity_error: Its standard error.
        abs_magnetisation: :math:`\langle |m|\rangle`.
        abs_magnetisation_error: Its standard error.
        binder: :math:`U`.
        binder_error: Its standard error.
    """

    energy: torch.Tensor
    energy_error: torch.Tensor
    heat_capacity: torch.Tensor
    heat_capacity_error: torch.Tensor
    abs_magnetisation: torch.Tensor
    abs_magnetisation_error: torch.Tensor
    binder: torch.Tensor
    binder_error: torch.Tensor


# ---------------------------------------------------------------------------------------------- energies


def bonds(L, device=None):
    """Return the pairs of sites that a bond joins.

    Args:
        L: The linear size of the lattice.
        device: Where the result lives.

    Returns:
        Integers of shape (2 L^2, 2). Site (row, column) has the index ``row * L + column``. Row b < L^2 joins site b to
        its right neighbour, row L^2 + b joins site b to its down neighbour.

    Raises:
        ValueError: L is not an integer of 2 or more.
    """
    _check_size(L)
    site = torch.arange(L * L, device=device).view(L, L)
    right, down = site.roll(-1, 1), site.roll(-1, 0)
    return torch.stack([site.repeat(2, 1).flatten(), torch.cat([right, down]).flatten()], dim=1)


def pair_products(spins):
    r"""Return the products :math:`s_i s_j` over the bonds, the sufficient statistics of the couplings.

    Args:
        spins: :math:`\mathbf{s}` in {-1, +1}, shape (..., L, L), any dtype.

    Returns:
        Shape (..., 2 L^2), in the order of :func:`bonds`; in the dtype of ``spins`` if that is float32 or float64, else
        in float64.

    Raises:
        ValueError: ``spins`` is not a square lattice of -1 and +1.
    """
    spins = _floating(spins)
    right, down = spins * spins.roll(-1, -1), spins * spins.roll(-1, -2)
    return torch.cat([right.flatten(-2), down.flatten(-2)], dim=-1)


def energy(spins, J=1.0, field=0.0):
    r"""Return the energy of each configuration.

    .. math:: E(\mathbf{s}) = -\sum_{\langle ij\rangle} J_{ij}\, s_i s_j - B \sum_i s_i

    Args:
        spins: :math:`\mathbf{s}` in {-1, +1}, shape (..., L, L), any dtype.
        J: The coupling, a number, or one per bond, shape (2 L^2,), in the order of :func:`bonds`.
        field: The field :math:`B`, a number.

    Returns:
        Energies of the whole lattice, shape (...), in units of J; in the dtype of ``spins`` if that is float32 or
        float64, else in float64.

    Raises:
        ValueError: ``spins`` is not a square lattice of -1 and +1, or ``J`` has another shape.
    """
    spins = _floating(spins)
    right, down = _couplings(J, spins)
    local = (right * spins.roll(-1, -1)).add_(down * spins.roll(-1, -2)).add_(_number("field", field))
    return -local.mul_(spins).sum((-2, -1))


def magnetisation(spins):
    r"""Return the mean spin :math:`m = M^{-1} \sum_i s_i` of each configuration.

    Args:
        spins: :math:`\mathbf{s}` in {-1, +1}, shape (..., L, L), any dtype.

    Returns:
        Shape (...); in the dtype of ``spins`` if that is float32 or float64, else in float64.

    Raises:
        ValueError: ``spins`` is not a square lattice of -1 and +1.
    """
    return _floating(spins).mean((-2, -1))


# ------------------------------------------------------------------------------------------- enumeration


def configurations(L, dtype=torch.float64, device=None):
    """Return all configurations of a small lattice.

    Args:
        L: The linear size, 2, 3 or 4.
        dtype: The dtype of the spins.
        device: Where the result lives.

    Returns:
        Shape (2^(L^2), L, L), values in {-1, +1}, in binary counting order (all -1 first, the last site fastest).

    Raises:
        ValueError: L is not 2, 3 or 4.
    """
    _check_size(L, most=4)
    return all_configurations(L * L, values=(-1, 1), dtype=dtype, device=device).view(-1, L, L)


def degeneracies(L):
    """Return how many configurations have each energy, for J = 1 without a field.

    Args:
        L: The linear size, 2, 3 or 4.

    Returns:
        A dictionary {energy: number of configurations} of integers, by increasing energy.

    Raises:
        ValueError: L is not 2, 3 or 4.
    """
    level, count = energy(configurations(L)).unique(return_counts=True)
    return dict(zip(level.int().tolist(), count.tolist(), strict=True))


def enumerate_observables(L, T, *, J=1.0, field=0.0):
    r"""Return the exact thermal averages of a small lattice by summing over its :math:`2^M` configurations.

    .. math:: \langle A\rangle = \frac{1}{Z}\sum_{\mathbf{s}} A(\mathbf{s})\, e^{-E(\mathbf{s})/T} ,
        \qquad Z = \sum_{\mathbf{s}} e^{-E(\mathbf{s})/T}

    Args:
        L: The linear size, 2, 3 or 4.
        T: The temperature in units of J, a number or a tensor of any shape.
        J: The coupling, as for :func:`energy`.
        field: The field :math:`B`, a number.

    Returns:
        :class:`Observables` in float64, each field of the shape of ``T``.

    Raises:
        ValueError: L is not 2, 3 or 4, or T is not positive and finite.
    """
    T = _temperature(T)
    spins = configurations(L, device=T.device)
    N, E, m2 = L * L, energy(spins, J, field), magnetisation(spins).square()
    log_weight = -E / T[..., None]  # (..., 2^N)
    p = log_weight.softmax(-1)
    u = p @ E
    variance = (p * (E - u[..., None]).square()).sum(-1)
    binder = 1 - p @ m2.square() / (3 * (p @ m2).square())
    return Observables(log_weight.logsumexp(-1), u / N, variance / (N * T.square()), p @ m2.sqrt(), binder)


# ------------------------------------------------------------------------- exact results for large lattices


def kaufman_log_partition(L, T):
    r"""Return :math:`\ln Z` of the periodic L x L lattice without a field, for J = 1.

    With :math:`K = 1/T` and :math:`s = \sinh 2K`

    .. math::

        Z = \frac{(2 s)^{M/2}}{2} \Big[ \prod_r 2\cosh\tfrac{L\gamma_{2r+1}}{2}
            + \prod_r 2\sinh\tfrac{L\gamma_{2r+1}}{2}
            + \prod_r 2\cosh\tfrac{L\gamma_{2r}}{2} + \prod_r 2\sinh\tfrac{L\gamma_{2r}}{2} \Big] ,
        \quad r = 0, \dots, L-1 ,

    where :math:`\cosh\gamma_l = s + 1/s - \cos(\pi l/L)` with :math:`\gamma_l > 0` for :math:`l > 0`, and
    :math:`\gamma_0 = 2K + \ln\tanh K`, which changes its sign at :math:`T_c`.

    No difference of large numbers is formed. With :math:`a = \ln s` the definition reads
    :math:`\sinh^2(\gamma_l/2) = 2\sinh^2(a/2) + \sin^2(\pi l/2L)` and :math:`\sinh(\gamma_0/2) = \sqrt2 \sinh(a/2)`;
    and the second and fourth products are the first and third times :math:`\prod_r \tanh(L\gamma/2)`.

    Args:
        L: The linear size, any integer of 2 or more.
        T: The temperature in units of J, a number or a tensor of any shape.

    Returns:
        :math:`\ln Z` of the whole lattice in nats, float64, the shape of ``T``; differentiable in ``T``.

    Raises:
        ValueError: L is not an integer of 2 or more, or T is not positive and finite.
    """
    _check_size(L)
    return _kaufman(L, 1 / _temperature(T))


def kaufman_energy(L, T):
    r"""Return the exact energy per site, at :math:`K = 1/T`.

    .. math:: u = -\frac{1}{M}\,\frac{\partial \ln Z}{\partial K}

    Args:
        L: The linear size, any integer of 2 or more.
        T: The temperature in units of J, a number or a tensor of any shape.

    Returns:
        :math:`u` in units of J, float64, the shape of ``T``, off the graph.

    Raises:
        ValueError: L is not an integer of 2 or more, or T is not positive and finite.
    """
    _check_size(L)
    return -_derivative(lambda K: _kaufman(L, K), 1 / _temperature(T), 1) / L**2


def kaufman_heat_capacity(L, T):
    r"""Return the exact heat capacity per site, at :math:`K = 1/T`.

    .. math:: c = \frac{K^2}{M}\,\frac{\partial^2 \ln Z}{\partial K^2}

    Args:
        L: The linear size, any integer of 2 or more.
        T: The temperature in units of J, a number or a tensor of any shape.

    Returns:
        :math:`c` in units of :math:`k_B`, float64, the shape of ``T``, off the graph.

    Raises:
        ValueError: L is not an integer of 2 or more, or T is not positive and finite.
    """
    _check_size(L)
    T = _temperature(T)
    return _derivative(lambda K: _kaufman(L, K), 1 / T, 2) / (L**2 * T.detach().square())


def onsager_log_partition(T):
    r"""Return :math:`\ln Z / M` of the infinite lattice without a field, for J = 1.

    .. math:: \lim_{M\to\infty} \frac{\ln Z}{M} = \frac{1}{2}\ln(2\sinh 2K)
        + \frac{1}{2\pi}\int_0^\pi \gamma(\omega)\,d\omega , \qquad
        \cosh\gamma(\omega) = \sinh 2K + \frac{1}{\sinh 2K} - \cos\omega

    by Gauss-Legendre quadrature on intervals that halve towards :math:`\omega = 0`, where :math:`\gamma` bends.

    Args:
        T: The temperature in units of J, a number or a tensor of any shape.

    Returns:
        Nats per site, float64, the shape of ``T``; differentiable in ``T``.

    Raises:
        ValueError: T is not positive and finite.
    """
    return _onsager(1 / _temperature(T))


def onsager_energy(T):
    r"""Return the energy per site of the infinite lattice, the derivative of :func:`onsager_log_partition`.

    At :math:`T_c` it is :math:`-\sqrt2`.

    Args:
        T: The temperature in units of J, a number or a tensor of any shape.

    Returns:
        :math:`u` in units of J, float64, the shape of ``T``, off the graph.

    Raises:
        ValueError: T is not positive and finite.
    """
    return -_derivative(_onsager, 1 / _temperature(T), 1)


def magnetisation_distribution(L, T):
    r"""Return the exact distribution of the magnetisation, by a transfer matrix with a fugacity on every spin.

    With :math:`n_+` spins up, the generating function is a product over the rows of the lattice,

    .. math:: Z(z) = \sum_{\mathbf{s}} z^{n_+(\mathbf{s})} e^{-E(\mathbf{s})/T} = \operatorname{tr} (D_z V)^L ,

    where the diagonal :math:`D_z` holds the fugacities and the bonds within a row, and :math:`V` the bonds between two
    rows. Its values at the :math:`(N+1)`-th roots of unity are the discrete Fourier transform of the weights of
    :math:`n_+ = 0, \dots, N`.

    Args:
        L: The linear size, from 2 to 8; the work grows as :math:`8^L`.
        T: The temperature in units of J, a number.

    Returns:
        The magnetisations :math:`m = (2n_+ - N)/N` and their probabilities, both float64 of shape :math:`(N + 1)`.

    Raises:
        ValueError: L is not an integer from 2 to 8, or T is not positive and finite.

    References:
        Kramers and Wannier, Phys. Rev. 60, 252 (1941).
    """
    _check_count("L", L, 2)
    if L > 8:
        raise ValueError(f"L is {L}, takes 2 to 8: the transfer matrix has 4^L entries")
    T = _scalar_temperature(T)
    N = L * L
    row = all_configurations(L, values=(-1, 1))  # (2^L, L)
    up = (row + 1).sum(1) / 2
    within = ((row * row.roll(-1, 1)).sum(1) - L) / T  # from the ground state's energy, so that nothing overflows
    between = ((row @ row.T - L) / T).exp().to(torch.complex128)
    weights = torch.empty(N + 1, dtype=torch.complex128)
    for j in range((N + 1) // 2 + 1):
        step = torch.exp(within + 2j * math.pi * j / (N + 1) * up)[:, None] * between
        half = torch.linalg.matrix_power(step, L // 2)
        rest = half if L % 2 == 0 else half @ step
        weights[j] = (half * rest.T).sum()  # the trace of the product
        weights[-j % (N + 1)] = weights[j].conj().resolve_conj()
    p = torch.fft.fft(weights).real.clamp(min=0)
    return torch.linspace(-1, 1, N + 1, dtype=torch.float64), p / p.sum()


def spontaneous_magnetisation(T):
    r"""Return the magnetisation of the infinite lattice, :math:`(1 - \sinh^{-4} 2K)^{1/8}` below :math:`T_c`, else 0.

    The formula was announced by Onsager and proved by Yang (Phys. Rev. 85, 808, 1952).

    Args:
        T: The temperature in units of J, a number or a tensor of any shape.

    Returns:
        Float64, the shape of ``T``.

    Raises:
        ValueError: T is not positive and finite.
    """
    log_s = _log_sinh(2 / _temperature(T)).clamp(min=0)  # 0 at the critical point, and above it
    return (-torch.expm1(-4 * log_s)).pow(0.125)


# ----------------------------------------------------------------------------------------------- samplers


def heat_bath_sweep(spins, T, generator, J=1.0, field=0.0):
    r"""Redraw every spin once from its distribution given its neighbours (``eq:conditional-unit``).

    .. math:: p(s_i = +1 \mid \mathbf{s}_{\setminus i}) = \frac{1}{1 + e^{-2 h_i/T}} , \qquad
        h_i = B + \sum_{j \sim i} J_{ij} s_j

    Sites of one colour share no bond and are drawn together: two colours (a checkerboard) for even L, three for odd L.
    The Boltzmann distribution is stationary; the fixed order of the colours breaks detailed balance.

    Args:
        spins: :math:`\mathbf{s}` in {-1, +1}, shape (..., L, L), one lattice a chain.
        T: The temperature in units of J, a number.
        generator: The source of chance, on the device of ``spins``.
        J: The coupling, as for :func:`energy`.
        field: The field :math:`B`, a number.

    Returns:
        New spins, of the shape and dtype of ``spins``, which are left as they are.

    Raises:
        ValueError: ``spins`` is not a square lattice of -1 and +1, or T is not positive and finite.
    """
    dtype, T, field = spins.dtype, _scalar_temperature(T), _number("field", field)
    s = _floating(spins)
    right, down = _couplings(J, s)
    left = right.roll(1, -1) if right.dim() else right
    up = down.roll(1, -2) if down.dim() else down
    colour = _colours(s.shape[-1], s.device)
    for k in range(int(colour.max()) + 1):
        local = right * s.roll(-1, -1) + left * s.roll(1, -1) + down * s.roll(-1, -2) + up * s.roll(1, -2) + field
        plus = torch.rand(s.shape, generator=generator, dtype=s.dtype, device=s.device) < torch.sigmoid(2 * local / T)
        s = torch.where(colour == k, plus.to(s.dtype).mul_(2).sub_(1), s)
    return s.to(dtype)


def swendsen_wang_step(spins, T, generator, J=1.0):
    r"""Flip each Fortuin-Kasteleyn cluster with probability one half.

    A bond between equal spins is open with probability :math:`1 - e^{-2 J_{ij}/T}`, one between unlike spins is closed;
    the clusters are what the open bonds connect. The step keeps detailed balance and moves large clusters at once, so
    that the autocorrelation time at :math:`T_c` is a few steps.

    Args:
        spins: :math:`\mathbf{s}` in {-1, +1}, shape (..., L, L), one lattice a chain.
        T: The temperature in units of J, a number.
        generator: The source of chance, on the device of ``spins``.
        J: The coupling, as for :func:`energy`; none may be negative. (There is no field in this algorithm.)

    Returns:
        New spins, of the shape and dtype of ``spins``, which are left as they are.

    Raises:
        ValueError: ``spins`` is not a square lattice of -1 and +1, T is not positive and finite, or a coupling is
            negative.
    """
    dtype, T = spins.dtype, _scalar_temperature(T)
    s = _floating(spins)
    right, down = _couplings(J, s)
    if min(right.min(), down.min()) < 0:
        raise ValueError("J has a negative coupling; swendsen_wang_step takes couplings of 0 or more")
    u = torch.rand((2, *s.shape), generator=generator, dtype=s.dtype, device=s.device)
    open_right = (s == s.roll(-1, -1)) & (u[0] < -torch.expm1(-2 * right / T))
    open_down = (s == s.roll(-1, -2)) & (u[1] < -torch.expm1(-2 * down / T))
    label = _clusters(open_right, open_down)
    coin = torch.randint(0, 2, (s.numel(),), generator=generator, device=s.device).mul_(2).sub_(1)
    return (s * coin[label].view_as(s)).to(dtype)


def sample(
    L,
    T,
    *,
    n_samples,
    n_chains,
    generator,
    burn_in=100,
    thin=1,
    step=swendsen_wang_step,
    start=None,
    dtype=None,
):
    """Draw configurations with Markov chains that run side by side.

    Args:
        L: The linear size, any integer of 2 or more.
        T: The temperature in units of J, a number.
        n_samples: How many configurations of each chain are kept.
        n_chains: How many chains.
        generator: The source of chance; the chains live on its device.
        burn_in: Steps from the start that are thrown away. Local updates near the critical point need many.
        thin: Steps from one kept configuration to the next.
        step: The Markov kernel ``step(spins, T, generator) -> spins``, as :func:`swendsen_wang_step` or
            :func:`heat_bath_sweep`; bind couplings and a field with ``functools.partial``.
        start: Where the chains start, shape (n_chains, L, L); by default independent random spins.
        dtype: The dtype of the result; PyTorch's default dtype when left out. ``torch.int8`` saves memory.

    Returns:
        Shape (n_samples, n_chains, L, L), values in {-1, +1}.

    Raises:
        ValueError: A size is not an integer in its range, or T is not positive and finite.
    """
    _check_size(L)
    _scalar_temperature(T)
    for name, value, least in (("n_samples", n_samples, 1), ("n_chains", n_chains, 1), ("thin", thin, 1)):
        _check_count(name, value, least)
    _check_count("burn_in", burn_in, 0)
    shape, device = (n_chains, L, L), generator.device
    if start is None:
        spins = torch.randint(0, 2, shape, generator=generator, device=device).mul_(2).sub_(1).to(torch.float32)
    else:
        spins = _floating(start).to(device)
        if spins.shape != shape:
            raise ValueError(f"start has shape {tuple(start.shape)}, takes (n_chains, L, L) = {shape}")
    kept = torch.empty((n_samples, *shape), dtype=dtype or torch.get_default_dtype(), device=device)
    for _ in range(burn_in):
        spins = step(spins, T, generator)
    for k in range(n_samples):
        for _ in range(thin):
            spins = step(spins, T, generator)
        kept[k] = spins
    return kept


# ------------------------------------------------------------------------------------ Monte Carlo errors


def autocorrelation_time(series):
    r"""Return the integrated autocorrelation time with Sokal's automatic window.

    .. math:: \tau = \frac{1}{2} + \sum_{t=1}^{W} \rho(t) , \qquad \rho(t) = C(t)/C(0) ,

    where :math:`W` is the smallest window with :math:`W \ge 6\max(\tau(W), 1)`, or the whole series if there is none.
    Independent data have :math:`\tau = 1/2`; the variance of a mean of n values is :math:`2\tau\, C(0)/n` (Sokal, 1997,
    *Monte Carlo methods in statistical mechanics*). With several chains :math:`C(t)` is their average about the mean
    of all of them, so that chains which have not mixed show as a long time. Where the variance of the mean is written
    :math:`\tau' C(0)/n`, as in ``eq:autocorrelation-modes``, :math:`\tau' = 2\tau`.

    Args:
        series: Values in the order of time, shape (n,) or (n, n_chains), n of 2 or more.

    Returns:
        :math:`\tau` in steps of the series, float64, shape ().

    Raises:
        ValueError: ``series`` has another shape or is not finite.
    """
    x = _series(series)
    n = len(x)
    x = x - x.mean()
    # The square of the modulus of the transform, padded with zeros, is that of the sums over s of x_s x_{s+t}.
    transform = torch.fft.rfft(x, n=2 * n, dim=0)
    covariance = torch.fft.irfft(transform.abs().square(), n=2 * n, dim=0)[:n].mean(1)
    covariance = covariance / torch.arange(n, 0, -1, device=x.device)
    if not covariance[0] > 0:
        return torch.full((), 0.5, dtype=x.dtype, device=x.device)  # a constant series
    tau = (covariance / covariance[0]).cumsum(0) - 0.5  # tau[W], with rho(0) = 1
    closed = torch.arange(n, device=x.device) >= 6 * tau.clamp(min=1)
    window = int(closed.int().argmax()) if bool(closed.any()) else n - 1
    return tau[window].clamp(min=0)


def mean_and_error(series):
    r"""Return the mean of a Monte Carlo series and its standard error :math:`\sqrt{2\tau\, C(0)/n}`.

    Args:
        series: Values in the order of time, shape (n,) or (n, n_chains), n of 2 or more.

    Returns:
        The mean and its standard error, float64, each of shape (). The error accounts for the autocorrelation time
        :math:`\tau` of :func:`autocorrelation_time`, and is never below that of independent values, :math:`\tau = 1/2`;
        n counts the values of all chains.

    Raises:
        ValueError: ``series`` has another shape or is not finite.
    """
    x = _series(series)
    tau = autocorrelation_time(x).clamp(min=0.5)
    return x.mean(), (2 * tau * x.var(correction=1) / x.numel()).sqrt()


def observables(spins, T, *, J=1.0, field=0.0):
    r"""Estimate the observables of a lattice from samples, with standard errors.

    The energy and :math:`|m|` are plain means. The heat capacity and the Binder cumulant are functions of means; their
    errors are those of the series linearised about the means, :math:`(E - \langle E\rangle)^2/(M T^2)` and
    :math:`-m^4/(3\langle m^2\rangle^2) + 2\langle m^4\rangle m^2/(3\langle m^2\rangle^3)`. All errors account for
    autocorrelation along the first axis.

    Args:
        spins: Samples in the order of time, shape (n_samples, L, L) or (n_samples, n_chains, L, L).
        T: The temperature that they were drawn at, in units of J, a number.
        J: The coupling, as for :func:`energy`.
        field: The field :math:`B`, a number.

    Returns:
        :class:`Estimates`, float64; there is no estimate of :math:`\ln Z`, which is not an average over samples.

    Raises:
        ValueError: ``spins`` has another shape or other values, or T is not positive and finite.
    """
    T = _scalar_temperature(T)
    if spins.dim() not in (3, 4) or len(spins) < 2:
        raise ValueError(
            f"spins has shape {tuple(spins.shape)}, takes (n_samples, L, L) or (n_samples, n_chains, L, L) "
            "with two samples or more"
        )
    N = spins.shape[-1] * spins.shape[-2]
    E, m = energy(spins, J, field).double(), magnetisation(spins).double()
    m2, m4 = m.square(), m.pow(4)
    mean2, mean4 = m2.mean(), m4.mean()
    u = mean_and_error(E / N)
    c = mean_and_error((E - E.mean()).square() / (N * T**2))
    abs_m = mean_and_error(m.abs())
    _, binder_error = mean_and_error(2 * mean4 * m2 / (3 * mean2**3) - m4 / (3 * mean2**2))
    return Estimates(*u, *c, *abs_m, 1 - mean4 / (3 * mean2**2), binder_error)


# ------------------------------------------------------------------------------------------ what they share


def _log_sinh(x):
    """ln sinh x for x > 0, without overflow."""
    return x + torch.log(-torch.expm1(-2 * x)) - math.log(2)


def _log_2_cosh(x):
    """ln(2 cosh x), twice differentiable, without overflow."""
    return torch.nn.functional.softplus(2 * x, threshold=40) - x


def _half_gamma(a, sin2):
    r"""gamma/2 > 0 from sinh^2(gamma/2) = 2 sinh^2(a/2) + sin2, without overflow."""
    small = a.clamp(-40, 40)
    # Beyond |a| = 40, cosh(gamma) = 2 cosh(a) - cos(omega) is exp(|a|) to rounding, and gamma is |a| + ln 2.
    near = torch.asinh((2 * torch.sinh(small / 2).square() + sin2).sqrt())
    return torch.where(a.abs() > 40, (a.abs() + math.log(2)) / 2, near)


def _kaufman(L, K):
    """ln Z at K = J/T, a float64 tensor of any shape."""
    a = _log_sinh(2 * K)
    k = K[..., None]
    sin2 = torch.sin(torch.arange(1, 2 * L, dtype=K.dtype, device=K.device) * (math.pi / (2 * L))).square()
    half = _half_gamma(a[..., None].expand(*k.shape[:-1], 2 * L - 1), sin2)  # l = 1, ..., 2L - 1
    small = a.clamp(-40, 40)
    half0 = torch.where(
        a.abs() > 40,
        a.sign() * (a.abs() + math.log(2)) / 2,
        torch.asinh(math.sqrt(2) * torch.sinh(small / 2)),
    )
    odd, even, zero = L * half[..., 0::2], L * half[..., 1::2], L * half0  # L gamma / 2
    log_odd, log_even = _log_2_cosh(odd).sum(-1), _log_2_cosh(even).sum(-1) + _log_2_cosh(zero)
    tanh_odd, tanh_even = (torch.tanh(g).log().sum(-1).exp() for g in (odd, even))  # the g are positive
    both = 1 + tanh_odd + torch.exp(log_even - log_odd) * (1 + torch.tanh(zero) * tanh_even)
    return L**2 / 2 * (math.log(2) + a) - math.log(2) + log_odd + both.log()


def _onsager(K):
    """ln Z / N of the infinite lattice at K = J/T, a float64 tensor of any shape."""
    node, weight = np.polynomial.legendre.leggauss(16)
    node, weight = torch.tensor((node + 1) / 2).to(K), torch.tensor(weight / 2).to(K)
    left = math.pi * 2.0 ** -torch.arange(1, 61, dtype=K.dtype, device=K.device)
    omega = torch.cat([(left[:, None] * (1 + node)).flatten(), left[-1] * node])
    weight = torch.cat([(left[:, None] * weight).flatten(), left[-1] * weight])
    a = _log_sinh(2 * K)
    half = _half_gamma(a[..., None].expand(*a.shape, len(omega)), torch.sin(omega / 2).square())
    return (math.log(2) + a) / 2 + half @ weight / math.pi


def _derivative(function, K, order):
    """The derivative of an elementwise function of a float64 tensor, off the graph."""
    with torch.inference_mode(False), torch.enable_grad():
        K = K.detach().clone().requires_grad_()
        value = function(K)
        for k in range(order):
            (value,) = torch.autograd.grad(value.sum(), K, create_graph=k + 1 < order)
    return value.detach()


def _colours(L, device):
    """A colour for each site so that no bond joins two sites of one colour, shape (L, L)."""
    line = torch.arange(L, device=device) % 2
    if L % 2 == 0:
        return (line[:, None] + line) % 2
    line[-1] = 2
    return (line[:, None] + line) % 3


def _clusters(right, down):
    """Label connected sites alike.

    Args:
        right: Which bonds to the right are open, shape (..., L, L).
        down: Which bonds down are open, of the same shape.

    Returns:
        For each site of all lattices, flattened, the smallest index of its cluster.
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


def _couplings(J, spins):
    """The couplings of the bonds right and down, each of shape () or (L, L), in the dtype of the spins."""
    J = torch.as_tensor(J, dtype=spins.dtype, device=spins.device)
    L = spins.shape[-1]
    if J.shape not in ((), (2 * L * L,)):
        raise ValueError(f"J has shape {tuple(J.shape)}, takes a number or one per bond, ({2 * L * L},) for L = {L}")
    if not torch.isfinite(J).all():
        raise ValueError("J is not finite everywhere")
    return (J, J) if J.dim() == 0 else J.view(2, L, L).unbind()


def _floating(spins):
    """Checked spins in float32 or float64."""
    if not isinstance(spins, torch.Tensor) or spins.dim() < 2 or spins.shape[-1] != spins.shape[-2]:
        got = f"shape {tuple(spins.shape)}" if isinstance(spins, torch.Tensor) else type(spins).__name__
        raise ValueError(f"spins is {got}, takes a tensor of shape (..., L, L)")
    if spins.shape[-1] < 2:
        raise ValueError(f"spins has L = {spins.shape[-1]}, takes lattices with L of 2 or more")
    spins = spins if spins.dtype in (torch.float32, torch.float64) else spins.to(torch.float64)
    if not (spins.abs() == 1).all():
        raise ValueError("spins has values other than -1 and +1 (turn x in {0, 1} into 2 x - 1)")
    return spins


def _series(series):
    x = torch.as_tensor(series, dtype=torch.float64).detach()
    if x.dim() not in (1, 2) or len(x) < 2 or x.numel() == 0:
        raise ValueError(f"series has shape {tuple(x.shape)}, takes (n,) or (n, n_chains) with n of 2 or more")
    if not torch.isfinite(x).all():
        raise ValueError("series is not finite everywhere")
    return x if x.dim() == 2 else x[:, None]


def _check_size(L, most=None):
    _check_count("L", L, 2)
    if most is not None and not 2 <= L <= most:
        raise ValueError(f"L is {L}, takes at most {most} because the 2^(L^2) configurations are written out")


def _check_count(name, value, least):
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} is {value!r}, takes an integer of {least} or more")


def _number(name, value):
    value = value if isinstance(value, torch.Tensor) else float(value)
    if isinstance(value, torch.Tensor) and value.numel() != 1:
        raise ValueError(f"{name} has shape {tuple(value.shape)}, takes a number")
    if not math.isfinite(float(value)):
        raise ValueError(f"{name} is {value}, takes a finite number")
    return value


def _temperature(T):
    """A checked temperature of any shape in float64."""
    value = torch.as_tensor(T, dtype=torch.float64)
    if not bool(((value > 0) & torch.isfinite(value)).all()):
        raise ValueError(f"T is {T}, takes a positive finite temperature in units of J")
    return value


def _scalar_temperature(T):
    value = _temperature(T)
    if value.numel() != 1:
        raise ValueError(f"T has shape {tuple(value.shape)}, takes one temperature")
    return float(value)
