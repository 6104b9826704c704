r"""What is known exactly of the Ising model on a periodic :math:`L\times L` lattice, with :math:`J = 1` and no field.

Kaufman's closed form, Onsager's solution for a finite lattice, gives :math:`\ln Z`, and its derivatives with respect to
:math:`K = 1/T` the energy and the heat capacity per site. Temperatures and energies are in units of J, :math:`\ln Z` in
nats. All is float64 on the processor, of the shape of the temperature.

References:
    Onsager, Crystal statistics I, Phys. Rev. 65, 117 (1944). Kaufman, Crystal statistics II, Phys. Rev. 76, 1232
    (1949). Kramers and Wannier, Phys. Rev. 60, 252 (1941): the transfer matrix.
"""

import math

import torch

from genphys.arguments import count, doors, numbers_or_tensor, positive
from genphys.exact import all_configurations
from genphys.numerics import double

temperatures = numbers_or_tensor(above=0)


def kaufman_log_partition(L: count(2), T: temperatures):
    r""":math:`\ln Z` of the periodic L x L lattice, in nats; differentiable in ``T``.

    With :math:`K = 1/T` and :math:`s = \sinh 2K`

    .. math::
        Z = \frac{(2 s)^{M/2}}{2} \Big[ \prod_r 2\cosh\tfrac{L\gamma_{2r+1}}{2}
            + \prod_r 2\sinh\tfrac{L\gamma_{2r+1}}{2}
            + \prod_r 2\cosh\tfrac{L\gamma_{2r}}{2} + \prod_r 2\sinh\tfrac{L\gamma_{2r}}{2} \Big] ,
        \quad r = 0, \dots, L-1 ,

    where :math:`\cosh\gamma_l = s + 1/s - \cos(\pi l/L)` with :math:`\gamma_l > 0` for :math:`l > 0`, and
    :math:`\gamma_0 = 2K + \ln\tanh K`, which changes its sign at :math:`T_c`.
    """
    return _kaufman(L, 1 / double(T))


def kaufman_energy(L: count(2), T: temperatures):
    r"""The energy per site of the periodic L x L lattice, :math:`-M^{-1}\,\partial\ln Z/\partial K`, off the graph."""
    return -_derivative(lambda K: _kaufman(L, K), 1 / double(T), 1) / L**2


def kaufman_heat_capacity(L: count(2), T: temperatures):
    r"""The heat capacity per site of the periodic L x L lattice in units of :math:`k_B`, off the graph.

    .. math:: c = \frac{K^2}{M}\,\frac{\partial^2 \ln Z}{\partial K^2} , \qquad K = 1/T
    """
    K = 1 / double(T)
    return K.detach().square() * _derivative(lambda K: _kaufman(L, K), K, 2) / L**2


def magnetisation_distribution(L: count(2, 8), T: positive):
    r"""The distribution of the magnetisation, by a transfer matrix with a fugacity on every spin.

    With :math:`n_+` spins up, the generating function is a product over the rows of the lattice,

    .. math:: Z(z) = \sum_{\mathbf{s}} z^{n_+(\mathbf{s})} e^{-E(\mathbf{s})/T} = \operatorname{tr} (D_z V)^L ,

    where the diagonal :math:`D_z` holds the fugacities and the bonds within a row, and :math:`V` the bonds between two
    rows. Its values at the :math:`(M+1)`-th roots of unity are the discrete Fourier transform of the weights of the
    :math:`n_+`. The work grows as :math:`8^L`. The :math:`m = (2n_+ - M)/M` and their probabilities, both (M + 1,).
    """
    M, T = L * L, float(T)
    row = all_configurations(L, values=(-1, 1))  # (2^L, L)
    up = (row + 1).sum(1) / 2
    within = ((row * row.roll(-1, 1)).sum(1) - L) / T  # from the ground state's energy, so that nothing overflows
    between = ((row @ row.T - L) / T).exp().to(torch.complex128)
    weights = torch.empty(M + 1, dtype=torch.complex128)
    for j in range((M + 1) // 2 + 1):
        step = torch.exp(within + 2j * math.pi * j / (M + 1) * up)[:, None] * between
        half = torch.linalg.matrix_power(step, L // 2)
        rest = half if L % 2 == 0 else half @ step
        weights[j] = (half * rest.T).sum()  # the trace of the product
        weights[-j % (M + 1)] = weights[j].conj().resolve_conj()
    p = torch.fft.fft(weights).real.clamp(min=0)
    return torch.linspace(-1, 1, M + 1, dtype=torch.float64), p / p.sum()


def _kaufman(L, K):
    r"""ln Z at K = J/T, a float64 tensor of any shape, with no difference of large numbers.

    With a = ln s the definition reads sinh^2(gamma_l/2) = 2 sinh^2(a/2) + sin^2(pi l/2L) and sinh(gamma_0/2) = sqrt(2)
    sinh(a/2); the second and fourth products are the first and third times those of tanh(L gamma/2).
    """
    a = _log_sinh(2 * K)
    sin2 = (torch.arange(1, 2 * L, dtype=K.dtype) * (math.pi / (2 * L))).sin().square()
    half = L * _half_gamma(a[..., None].expand(*a.shape, 2 * L - 1), sin2)  # L gamma_l / 2 for l = 1, ..., 2L - 1
    odd, even, zero = half[..., 0::2], half[..., 1::2], L * _half_gamma_0(a)
    log_odd, log_even = _log_2_cosh(odd).sum(-1), _log_2_cosh(even).sum(-1) + _log_2_cosh(zero)
    tanh_odd, tanh_even = (torch.tanh(g).log().sum(-1).exp() for g in (odd, even))  # the g are positive
    both = 1 + tanh_odd + torch.exp(log_even - log_odd) * (1 + torch.tanh(zero) * tanh_even)
    return L**2 / 2 * (math.log(2) + a) - math.log(2) + log_odd + both.log()


def _half_gamma(a, sin2):
    """gamma/2 > 0 from sinh^2(gamma/2) = 2 sinh^2(a/2) + sin2, without overflow."""
    near = torch.asinh((2 * torch.sinh(a.clamp(-40, 40) / 2).square() + sin2).sqrt())
    return torch.where(a.abs() > 40, _far(a), near)


def _half_gamma_0(a):
    """gamma_0/2, of the sign of a, from sinh(gamma_0/2) = sqrt(2) sinh(a/2), without overflow."""
    near = torch.asinh(math.sqrt(2) * torch.sinh(a.clamp(-40, 40) / 2))
    return torch.where(a.abs() > 40, a.sign() * _far(a), near)


def _far(a):
    """gamma/2 where cosh(gamma) = 2 cosh(a) - cos(omega) is exp(|a|) to rounding."""
    return (a.abs() + math.log(2)) / 2


def _log_sinh(x):
    """ln sinh x for x > 0, without overflow."""
    return x + torch.log(-torch.expm1(-2 * x)) - math.log(2)


def _log_2_cosh(x):
    """ln(2 cosh x), twice differentiable, without overflow."""
    return torch.nn.functional.softplus(2 * x, threshold=40) - x


def _derivative(formula, K, order):
    """The derivative of an elementwise function of a float64 tensor, off the graph."""
    with torch.inference_mode(False), torch.enable_grad():
        K = K.detach().clone().requires_grad_()
        value = formula(K)
        for k in range(order):
            (value,) = torch.autograd.grad(value.sum(), K, create_graph=k + 1 < order)
    return value.detach()


doors(globals())
