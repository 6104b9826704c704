r"""Energy models of binary units: weights, partition functions, the two phases of the gradient, exact Gibbs sweeps.

An energy model gives each configuration an unnormalised weight :math:`f(\mathbf{x};\Theta) = e^{-E(\mathbf{x};\Theta)}`
and the probability

.. math::

    p(\mathbf{x};\Theta) = \frac{f(\mathbf{x};\Theta)}{Z(\Theta)} , \qquad
    Z(\Theta) = \sum_{\mathbf{x}} f(\mathbf{x};\Theta) .

The gradient of the log-likelihood of :math:`N` samples is an average over the data less an average over the model,

.. math::

    \nabla_\Theta \log p(\mathbf{X};\Theta) = \sum_{n=1}^{N} \nabla_\Theta \log f(\mathbf{x}^{(n)};\Theta)
        - N\, \mathbb{E}_{p}\left[\nabla_\Theta \log f(\mathbf{x};\Theta)\right] .

Three models stand here, each with its parameters :math:`\Theta` as the first argument of every method:

- :class:`ExponentialFamily`, :math:`\log f = \Theta \cdot \boldsymbol{\phi}(\mathbf{x})`, summed over a list of states;
- :class:`BoltzmannMachine`, visible and hidden units that are all coupled, summed over as well;
- :class:`IndependentPixels`, whose partition function is a product and needs no sum.

:func:`gradient_ascent` climbs the likelihood of any of them, :func:`gibbs_sweep` moves a whole probability distribution
through one sweep of Gibbs sampling, without sampling. Log-weights and log-probabilities are in nats.
"""

import torch
from torch.nn.functional import softplus

from genphys.exact import all_configurations

__all__ = ["BoltzmannMachine", "ExponentialFamily", "IndependentPixels", "gibbs_sweep", "gradient_ascent"]

_MOST_UNITS = 25
_CHUNK = 2**14  # configurations weighed at a time: small enough for a processor's cache


class ExponentialFamily:
    r"""An exponential family on a finite list of states (``def:exponential-family``).

    .. math:: p(\mathbf{x};\Theta) = \frac{1}{Z(\Theta)}\, e^{\Theta \cdot \boldsymbol{\phi}(\mathbf{x})}

    The numbers :math:`\Theta` are its natural parameters and :math:`\boldsymbol{\phi}` its sufficient statistics.
    The Ising lattice is one: its parameters are the couplings over the temperature, its statistics the products of
    neighbouring spins.
    """

    def __init__(self, statistics):
        r"""Take the table of the statistics.

        Args:
            statistics: :math:`\phi_a(\mathbf{x})`, shape (S, P): a row a state, a column a parameter.

        Raises:
            ValueError: ``statistics`` is no floating-point table of finite numbers.
        """
        if not isinstance(statistics, torch.Tensor) or not statistics.is_floating_point() or statistics.dim() != 2:
            raise ValueError(f"statistics is {_kind(statistics)}, takes a floating-point tensor of shape (S, P)")
        if statistics.numel() == 0 or not torch.isfinite(statistics).all():
            raise ValueError("statistics is empty or not finite everywhere")
        self.statistics = statistics

    @property
    def n_parameters(self):
        """The number P of parameters."""
        return self.statistics.shape[1]

    def log_f(self, theta):
        r"""Return :math:`\log f = \Theta \cdot \boldsymbol{\phi}(\mathbf{x})` for every state, shape (S,).

        Args:
            theta: :math:`\Theta`, shape (P,).

        Raises:
            ValueError: ``theta`` has another shape.
        """
        _check_theta(theta, self.n_parameters)
        return self.statistics @ theta

    def log_partition(self, theta):
        r"""Return :math:`\log \sum_{\mathbf{x}} e^{\Theta \cdot \boldsymbol{\phi}(\mathbf{x})}`, shape ().

        Args:
            theta: :math:`\Theta`, shape (P,).

        Raises:
            ValueError: ``theta`` has another shape.
        """
        return self.log_f(theta).logsumexp(0)

    def log_prob(self, theta):
        r"""Return :math:`\log p(\mathbf{x};\Theta)` for every state, shape (S,).

        Args:
            theta: :math:`\Theta`, shape (P,).

        Raises:
            ValueError: ``theta`` has another shape.
        """
        return self.log_f(theta).log_softmax(0)

    def mean(self, theta):
        r"""Return the mean statistics, the negative phase of the gradient (``eq:grad-log-z``), shape (P,).

        .. math:: \frac{\partial \log Z}{\partial \Theta_a} = \mathbb{E}_p[\phi_a]

        Args:
            theta: :math:`\Theta`, shape (P,).

        Raises:
            ValueError: ``theta`` has another shape.
        """
        return self.log_prob(theta).exp() @ self.statistics

    def covariance(self, theta):
        r"""Return the covariance of the statistics, the Hessian of log Z (``eq:hessian-log-z``), shape (P, P).

        .. math:: \frac{\partial^2 \log Z}{\partial \Theta_a \partial \Theta_b} = \mathrm{Cov}_p(\phi_a, \phi_b)

        Args:
            theta: :math:`\Theta`, shape (P,).

        Raises:
            ValueError: ``theta`` has another shape.
        """
        centred = self.statistics - self.mean(theta)
        return (centred * self.log_prob(theta).exp()[:, None]).T @ centred

    def sample(self, theta, n, generator):
        r"""Draw states independently from :math:`p(\mathbf{x};\Theta)`; there is no Markov chain here.

        Args:
            theta: :math:`\Theta`, shape (P,).
            n: The number of draws, at least 1.
            generator: The source of chance, on the device of ``theta``.

        Returns:
            The rows of the table that were drawn, integers of shape (n,).

        Raises:
            ValueError: ``theta`` has another shape or ``n`` is below 1.
        """
        _check_count("n", n, 1)
        return torch.multinomial(self.log_prob(theta).exp(), n, replacement=True, generator=generator)


class BoltzmannMachine:
    r"""Visible and hidden units in {0, 1}, every pair of which is coupled (``def:boltzmann-machine``).

    With all units in one vector :math:`\mathbf{s} = (\mathbf{x}, \mathbf{h})` of :math:`M + K` entries

    .. math:: \log f(\mathbf{x},\mathbf{h};\Theta) = \sum_{i<j} w_{ij} s_i s_j + \sum_i b_i s_i .

    :math:`\Theta` is the vector of the couplings :math:`w_{ij}` in the order (0,1), (0,2), ..., (1,2), ..., then the
    biases :math:`b_i`. Everything is computed by summing over configurations, so the machine is for small sizes.

    References:
        Ackley, Hinton and Sejnowski, A learning algorithm for Boltzmann machines (1985).
    """

    def __init__(self, n_visible, n_hidden=0):
        r"""Set the sizes.

        Args:
            n_visible: The number :math:`M` of visible units, at least 1.
            n_hidden: The number :math:`K` of hidden units, at least 0.

        Raises:
            ValueError: A size is out of range, or there are more units than can be summed over (25).
        """
        _check_count("n_visible", n_visible, 1)
        _check_count("n_hidden", n_hidden, 0)
        if n_visible + n_hidden > _MOST_UNITS:
            raise ValueError(
                f"n_visible + n_hidden is {n_visible + n_hidden}, takes at most {_MOST_UNITS}: "
                "the sums have 2^(n_visible + n_hidden) terms"
            )
        self.n_visible, self.n_hidden = n_visible, n_hidden

    @property
    def n_units(self):
        """The number M + K of units."""
        return self.n_visible + self.n_hidden

    @property
    def n_parameters(self):
        """The number of couplings and biases."""
        return self.n_units * (self.n_units + 1) // 2

    def split(self, theta):
        r"""Return the symmetric matrix :math:`w_{ij}` with a zero diagonal and the biases :math:`b_i`.

        Args:
            theta: :math:`\Theta`, shape (P,).

        Returns:
            Shapes (M + K, M + K) and (M + K,).

        Raises:
            ValueError: ``theta`` has another shape.
        """
        _check_theta(theta, self.n_parameters)
        n = self.n_units
        i, j = torch.triu_indices(n, n, 1, device=theta.device)
        upper = theta.new_zeros(n, n).index_put((i, j), theta[: len(i)])
        return upper + upper.T, theta[len(i) :]

    def statistics(self, x, h=None):
        r"""Return :math:`\nabla_\Theta \log f(\mathbf{x},\mathbf{h};\Theta)`: the products of pairs, then the units.

        Args:
            x: Visible units, shape (..., M).
            h: Hidden units, shape (..., K); left out where there are none.

        Returns:
            Shape (..., P); it does not depend on :math:`\Theta`, because :math:`\log f` is linear in it.

        Raises:
            ValueError: A shape is wrong.
        """
        s = self._units(x, h)
        i, j = torch.triu_indices(self.n_units, self.n_units, 1, device=s.device)
        return torch.cat([s[..., i] * s[..., j], s], dim=-1)

    def log_f(self, theta, x, h=None):
        r"""Return :math:`\log f(\mathbf{x},\mathbf{h};\Theta)`, or without ``h`` its marginal.

        .. math:: \log f(\mathbf{x};\Theta) = \log \sum_{\mathbf{h}} f(\mathbf{x},\mathbf{h};\Theta)

        These are ``def:boltzmann-machine`` and ``def:marginal-weight``.

        Args:
            theta: :math:`\Theta`, shape (P,).
            x: Visible units in {0, 1}, shape (..., M).
            h: Hidden units in {0, 1}, shape (..., K), or None: sum over all of them.

        Returns:
            Shape (...), the leading shapes of ``x`` and ``h`` broadcast.

        Raises:
            ValueError: A shape is wrong.
        """
        if h is None and self.n_hidden:
            return self._log_weights(theta, x).logsumexp(-1)
        return _quadratic(*self.split(theta), self._units(x, h))

    def log_partition(self, theta):
        r"""Return :math:`\log \sum_{\mathbf{x}} \sum_{\mathbf{h}} f(\mathbf{x},\mathbf{h};\Theta)`, shape ().

        The sum is made in pieces, in 10 MB of memory for any number of units.

        Args:
            theta: :math:`\Theta`, shape (P,).

        Raises:
            ValueError: ``theta`` has another shape.
        """
        weight, bias = self.split(theta)
        total, place = 2**self.n_units, torch.arange(self.n_units - 1, -1, -1, device=theta.device)
        parts = []
        for start in range(0, total, _CHUNK):
            number = torch.arange(start, min(start + _CHUNK, total), device=theta.device)
            s = (number[:, None] >> place & 1).to(theta.dtype)
            parts.append(_quadratic(weight, bias, s).logsumexp(0))
        return torch.stack(parts).logsumexp(0)

    def log_likelihood(self, theta, samples):
        r"""Return the log-likelihood of the data, shape () (``eq:log-likelihood``).

        .. math:: \log p(\mathbf{X};\Theta) = \sum_{n=1}^{N} \log f(\mathbf{x}^{(n)};\Theta) - N \log Z(\Theta)

        Args:
            theta: :math:`\Theta`, shape (P,).
            samples: :math:`\mathbf{x}^{(n)}` in {0, 1}, shape (N, M).

        Raises:
            ValueError: A shape is wrong.
        """
        self._check_samples(samples)
        return self.log_f(theta, samples).sum() - len(samples) * self.log_partition(theta)

    def posterior(self, theta, x):
        r"""Return the probability of every hidden configuration, given visible units (``eq:conditional-hidden``).

        .. math:: p(\mathbf{h}\mid\mathbf{x};\Theta) = \frac{f(\mathbf{x},\mathbf{h};\Theta)}{f(\mathbf{x};\Theta)}

        Args:
            theta: :math:`\Theta`, shape (P,).
            x: Visible units in {0, 1}, shape (..., M).

        Returns:
            Shape (..., 2^K), the hidden configurations in the order of :func:`genphys.exact.all_configurations`.

        Raises:
            ValueError: A shape is wrong.
        """
        return self._log_weights(theta, x).softmax(-1)

    def conditional(self, theta, units, i):
        r"""Return the probability that one unit is on, given all others (``eq:conditional-unit``).

        .. math::

            p(s_i = 1 \mid \mathbf{s}_{\setminus i}) = \operatorname{sigmoid}\Big(b_i + \sum_{j \ne i} w_{ij} s_j\Big)

        Args:
            theta: :math:`\Theta`, shape (P,).
            units: :math:`\mathbf{s} = (\mathbf{x},\mathbf{h})` in {0, 1}, shape (..., M + K); entry i is not looked at.
            i: The number of the unit.

        Returns:
            Shape (...).

        Raises:
            ValueError: A shape is wrong.
        """
        if units.shape[-1] != self.n_units:
            raise ValueError(f"units has shape {tuple(units.shape)}, takes (..., {self.n_units})")
        weight, bias = self.split(theta)
        return torch.sigmoid(units @ weight[i] + bias[i])

    def positive_phase(self, theta, samples):
        r"""Return the average over data and posterior, shape (P,) (``eq:positive-phase-latent``).

        .. math::

            \frac{1}{N} \sum_{n=1}^{N} \mathbb{E}_{p(\mathbf{h}\mid\mathbf{x}^{(n)};\Theta)}
            \left[\nabla_\Theta \log f(\mathbf{x}^{(n)},\mathbf{h};\Theta)\right]

        Args:
            theta: :math:`\Theta`, shape (P,).
            samples: :math:`\mathbf{x}^{(n)}` in {0, 1}, shape (N, M).

        Raises:
            ValueError: A shape is wrong.
        """
        self._check_samples(samples)
        if not self.n_hidden:
            return self.statistics(samples).mean(0)
        phi = self.statistics(samples[:, None, :], self._hidden(samples))  # (N, 2^K, P)
        return torch.einsum("nk,nkp->p", self.posterior(theta, samples), phi) / len(samples)

    def negative_phase(self, theta):
        r"""Return the average over the model, shape (P,) (``eq:grad-log-z``).

        .. math:: \nabla_\Theta \log Z = \mathbb{E}_p\left[\nabla_\Theta \log f(\mathbf{x},\mathbf{h};\Theta)\right]

        Args:
            theta: :math:`\Theta`, shape (P,).

        Raises:
            ValueError: ``theta`` has another shape.
        """
        s = all_configurations(self.n_units, dtype=theta.dtype, device=theta.device)
        p = _quadratic(*self.split(theta), s).softmax(0)
        i, j = torch.triu_indices(self.n_units, self.n_units, 1, device=theta.device)
        return torch.cat([((s * p[:, None]).T @ s)[i, j], p @ s])

    def gradient(self, theta, samples):
        r"""Return :math:`\nabla_\Theta \log p(\mathbf{X};\Theta)`, shape (P,) (``eq:contrastive-gradient``).

        It is N times the difference of :meth:`positive_phase` and :meth:`negative_phase`.

        Args:
            theta: :math:`\Theta`, shape (P,).
            samples: :math:`\mathbf{x}^{(n)}` in {0, 1}, shape (N, M).

        Raises:
            ValueError: A shape is wrong.
        """
        return len(samples) * (self.positive_phase(theta, samples) - self.negative_phase(theta))

    def _units(self, x, h):
        """The joint vector (x, h), the leading shapes broadcast."""
        self._check_visible(x)
        if not self.n_hidden:
            if h is not None:
                raise ValueError("h is given to a machine without hidden units")
            return x
        if h is None or h.shape[-1:] != (self.n_hidden,):
            got = "None" if h is None else f"of shape {tuple(h.shape)}"
            raise ValueError(f"h is {got}, takes shape (..., {self.n_hidden})")
        lead = torch.broadcast_shapes(x.shape[:-1], h.shape[:-1])
        return torch.cat([x.expand(*lead, -1), h.expand(*lead, -1)], dim=-1)

    def _check_visible(self, x):
        if x.shape[-1:] != (self.n_visible,):
            raise ValueError(f"x has shape {tuple(x.shape)}, takes (..., {self.n_visible})")

    def _check_samples(self, samples):
        if samples.dim() != 2 or samples.shape[1] != self.n_visible or not len(samples):
            raise ValueError(
                f"samples has shape {tuple(samples.shape)}, takes (N, {self.n_visible}) with N of 1 or more"
            )

    def _hidden(self, x):
        return all_configurations(self.n_hidden, dtype=x.dtype, device=x.device)

    def _log_weights(self, theta, x):
        """log f(x, h) for every h, shape (..., 2^K)."""
        self._check_visible(x)
        if not self.n_hidden:
            return self.log_f(theta, x)[..., None]
        return self.log_f(theta, x[..., None, :], self._hidden(x))


class IndependentPixels:
    r"""Binary pixels without couplings, :math:`\log f(\mathbf{x};\Theta) = \Theta \cdot \mathbf{x}`: Z is a product.

    .. math::

        Z(\Theta) = \prod_{i=1}^{M} \left(1 + e^{\Theta_i}\right) , \qquad
        \mathbb{E}_p[x_i] = \operatorname{sigmoid}(\Theta_i)

    These are ``eq:independent-log-z`` and ``eq:independent-mean``.
    """

    @staticmethod
    def log_partition(theta):
        r"""Return :math:`\log Z(\Theta) = \sum_i \log(1 + e^{\Theta_i})`, shape ().

        Args:
            theta: :math:`\Theta`, the log-odds of each pixel, shape (M,).
        """
        return softplus(theta).sum()

    @staticmethod
    def log_prob(theta, x):
        r"""Return :math:`\log p(\mathbf{x};\Theta) = \Theta \cdot \mathbf{x} - \log Z(\Theta)`, shape (...).

        Args:
            theta: :math:`\Theta`, shape (M,).
            x: Images of zeros and ones, shape (..., M).

        Raises:
            ValueError: ``x`` has another last dimension.
        """
        if x.shape[-1:] != theta.shape:
            raise ValueError(f"x has shape {tuple(x.shape)}, takes (..., {len(theta)})")
        return x @ theta - IndependentPixels.log_partition(theta)

    @staticmethod
    def mean(theta):
        r"""Return :math:`\mathbb{E}_p[x_i] = \operatorname{sigmoid}(\Theta_i)`, the negative phase, shape (M,).

        Args:
            theta: :math:`\Theta`, shape (M,).
        """
        return torch.sigmoid(theta)

    @staticmethod
    def sample(theta, n, generator):
        r"""Draw n images, shape (n, M), each pixel by itself.

        Args:
            theta: :math:`\Theta`, shape (M,).
            n: The number of images, at least 1.
            generator: The source of chance, on the device of ``theta``.

        Raises:
            ValueError: ``n`` is below 1.
        """
        _check_count("n", n, 1)
        u = torch.rand(n, len(theta), generator=generator, dtype=theta.dtype, device=theta.device)
        return (u < torch.sigmoid(theta)).to(theta.dtype)


def gradient_ascent(theta, positive, negative, rate, n_steps):
    r"""Climb the log-likelihood per sample; a generator, so that the caller sees every step.

    .. math::

        \Theta \leftarrow \Theta
        + \eta \left( \mathbb{E}_\mathrm{data}[\boldsymbol{\phi}] - \mathbb{E}_p[\boldsymbol{\phi}] \right)

    This is ``def:contrastive-update`` for an exponential family without hidden units.

    Args:
        theta: The start, shape (P,); it is left as it is.
        positive: :math:`\mathbb{E}_\mathrm{data}[\boldsymbol{\phi}]`, the mean statistics of the data, shape (P,).
        negative: A function that returns the mean statistics of the model at ``theta``, exact or from Markov chains.
        rate: The step :math:`\eta > 0`.
        n_steps: The number of steps, at least 1.

    Yields:
        :math:`\Theta` after each step, shape (P,).

    Raises:
        ValueError: The shapes of ``theta`` and ``positive`` differ, ``rate`` is not positive or ``n_steps`` is below 1.
    """
    if theta.shape != positive.shape:
        raise ValueError(f"positive has shape {tuple(positive.shape)}, takes that of theta, {tuple(theta.shape)}")
    if not rate > 0:
        raise ValueError(f"rate is {rate!r}, takes a positive number")
    _check_count("n_steps", n_steps, 1)
    for _ in range(n_steps):
        theta = theta + rate * (positive - negative(theta))
        yield theta


def gibbs_sweep(prob, log_f):
    r"""Move a probability distribution over all configurations through one systematic Gibbs sweep, exactly.

    Unit after unit, the probability of each pair of configurations that differ in unit i is shared out again by the
    conditional probability of the unit,

    .. math::

        q(\mathbf{x}) \leftarrow p(x_i \mid \mathbf{x}_{\setminus i}) \sum_{x_i'} q(x_i', \mathbf{x}_{\setminus i}) .

    This is what infinitely many chains do. It costs :math:`M 2^M` operations; the matrix of the sweep has
    :math:`4^M` entries.

    Args:
        prob: The distribution :math:`q` before the sweep, shape (2^M,), in the order of
            :func:`genphys.exact.all_configurations`.
        log_f: :math:`\log f` of the model whose conditional probabilities are used, up to a constant, shape (2^M,).

    Returns:
        The distribution after the sweep, shape (2^M,).

    Raises:
        ValueError: The shapes differ or are not (2^M,).
    """
    M = prob.numel().bit_length() - 1
    if prob.shape != (2**M,) or M < 1 or log_f.shape != prob.shape:
        raise ValueError(f"prob and log_f have shapes {tuple(prob.shape)} and {tuple(log_f.shape)}, take (2^M,)")
    for i in range(M):
        pair = (2**i, 2, 2 ** (M - 1 - i))  # the middle axis is unit i
        prob = (log_f.view(pair).softmax(1) * prob.view(pair).sum(1, keepdim=True)).flatten()
    return prob


def _quadratic(weight, bias, s):
    """Half of s W s plus b s, shape (...): the diagonal of W is zero, and each pair stands in it twice."""
    return 0.5 * ((s @ weight) * s).sum(-1) + s @ bias


def _check_theta(theta, n):
    if theta.shape != (n,):
        raise ValueError(f"theta has shape {tuple(theta.shape)}, takes ({n},)")


def _check_count(name, value, least):
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} is {value!r}, takes an integer of {least} or more")


def _kind(value):
    return f"{value.dtype} of shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__
