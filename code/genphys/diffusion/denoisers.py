r"""Denoisers: functions :math:`(\mathbf{x}, t) \mapsto \hat{\mathbf{x}}_0`, the estimate of
:math:`\mathbb{E}[\mathbf{x}_0 | \mathbf{x}_t]` that samplers and bounds take.

One is a network; three are exact, for data that are Gaussian, a Gaussian mixture, or finitely many points. In the axes
of the eigenvectors of a covariance its inverse is a division, at every step of every row.

References:
    Ho and Salimans, Classifier-free diffusion guidance (2022).
"""

import torch

from genphys import exact
from genphys.arguments import (
    checked,
    count,
    doors,
    function,
    interval,
    label,
    number,
    points,
    positive_definite,
    probabilities,
    require,
    tensor,
)
from genphys.diffusion.chain import Kind, a_schedule, answer, converted, factors, steps_from
from genphys.numerics import double

_shares = probabilities("K")
shares = _shares.where(lambda w: bool((w > 0).all()), f"{_shares.words}, positive numbers")


def _steps(schedule, first=0, rows="n"):
    """What a denoiser takes as steps, one for each row."""
    return tensor(rows, kind="whole", low=first, high=schedule.T)


def denoiser(
    network: function,
    schedule: a_schedule,
    kind: Kind,
    *,
    labels: label("n") | None = None,
    none: count(0) | None = None,
    scale: number() = 1.0,
    clip: interval | None = None,
):
    r"""A denoiser from a network, with guidance if labels are given.

    Guidance moves the prediction away from the one without a label (book: ``def:guidance``): :math:`f = f_\mathrm{none}
    + \gamma\,(f_\mathrm{label} - f_\mathrm{none})`; with a ``scale`` :math:`\gamma` of 1 it is the network with labels,
    of 0 the one without, whose label is the number ``none``. The network maps :math:`(\mathbf{x}_t, t)`, or with labels
    :math:`(\mathbf{x}_t, t,` labels), to a prediction of the ``kind``; ``clip`` bounds :math:`\hat{\mathbf{x}}_0`.
    """
    require(scale == 1 or labels is not None, "scale", scale, "1 where there are no labels")
    require(scale == 1 or none is not None, "none", none, f"the label that means none, for scale = {scale}")

    def predict(x, t):
        if labels is None or scale == 1:
            return answer(network, x, t, labels)
        free = torch.full_like(labels, none)
        given, free = answer(network, torch.cat([x, x]), torch.cat([t, t]), torch.cat([labels, free])).chunk(2)
        return free + scale * (given - free)

    rows = "n" if labels is None else str(len(labels))

    @checked
    def denoise(x: points(f"{rows} ..."), t: _steps(schedule, 1, rows)):
        x0 = converted(predict(x, t), x, *factors(schedule, t, x), kind, "x0")
        return x0 if clip is None else x0.clamp(*clip)

    return denoise


def gaussian_denoiser(schedule: a_schedule, mean: tensor("d"), cov: positive_definite("d d")):
    r"""The exact denoiser of data :math:`\mathcal{N}(\mathbf{m}, \mathbf{C})` (book: ``eq:gaussian-denoiser``).

    .. math::
        \mathbb{E}[\mathbf{x}_0|\mathbf{x}_t] = \mathbf{m} + \sqrt{\bar\alpha_t}\,\mathbf{C}
        \left(\bar\alpha_t\mathbf{C} + (1-\bar\alpha_t)\mathbf{I}\right)^{-1}
        (\mathbf{x}_t - \sqrt{\bar\alpha_t}\,\mathbf{m})
    """
    spectrum = _spectrum(cov)

    @checked
    def denoise(x: points(f"n {len(mean)}"), t: _steps(schedule)):
        a, s = factors(schedule, t, x)
        c, axes, m = (part.to(x) for part in (*spectrum, mean))
        along = (x - a * m) @ axes  # (n, d) @ (d, d)
        return m + (a * c / (a**2 * c + s**2) * along) @ axes.mT

    return denoise


def gaussian_flow(
    schedule: a_schedule, mean: tensor("d"), cov: positive_definite("d d"), x: points("n d"), t: count(0), s: count(0)
):
    r"""Where the probability flow of data :math:`\mathcal{N}(\mathbf{m}, \mathbf{C})` takes x from step t to step s.

    Along every eigenvector of :math:`\mathbf{C}`, of eigenvalue c, the distance from the mean in units of the
    standard deviation stays what it is (book: ``eq:gaussian-flow``), forwards and backwards:

    .. math::
        \frac{x_s - \sqrt{\bar\alpha_s}\,m}{\sqrt{\bar\alpha_s c + 1 - \bar\alpha_s}}
        = \frac{x_t - \sqrt{\bar\alpha_t}\,m}{\sqrt{\bar\alpha_t c + 1 - \bar\alpha_t}}
    """
    for name, step in (("t", t), ("s", s)):
        require(step <= schedule.T, name, step, f"0 to T = {schedule.T}")
    c, axes, m = (part.to(x) for part in (*_spectrum(cov), mean))
    bar = schedule.alpha_bar[[t, s]].tolist()
    now, then = (b * c + 1 - b for b in bar)
    along = (x - bar[0] ** 0.5 * m) @ axes
    return bar[1] ** 0.5 * m + (along * (then / now).sqrt()) @ axes.mT


def _spectrum(covs):
    """The eigenvalues (..., d) and, in columns, the eigenvectors (..., d, d) of covariances, in double precision."""
    return torch.linalg.eigh(double(covs))


def mixture_denoiser(schedule: a_schedule, weights: shares, means: tensor("K d"), covs: positive_definite("K d d")):
    r"""The exact denoiser of a Gaussian mixture: the components' denoisers, averaged by their responsibilities.

    .. math::
        \mathbb{E}[\mathbf{x}_0|\mathbf{x}_t] = \sum_k r_k(\mathbf{x}_t)\,\mathbb{E}[\mathbf{x}_0|\mathbf{x}_t, k],
        \quad r_k \propto w_k\,\mathcal{N}(\mathbf{x}_t; \sqrt{\bar\alpha_t}\,\mathbf{m}_k,
        \bar\alpha_t\mathbf{C}_k + (1-\bar\alpha_t)\mathbf{I})
    """
    c, axes = _spectrum(covs)
    mixture = double(weights).log()[:, None], double(means)[:, :, None], c[:, :, None], axes

    @checked
    def denoise(x: points(f"n {means.shape[1]}"), t: _steps(schedule)):
        a, s = (part[:, 0] for part in factors(schedule, t, x))  # (n,); the points come last, where sums are fast
        log_w, m, c, axes = (part.to(x) for part in mixture)
        now = a**2 * c + s**2  # (K, d, n): the variances along the axes at step t
        along = axes.mT @ (x.mT - a * m)
        log_r = log_w - 0.5 * (along.square() / now + now.log()).sum(1)  # up to a constant
        each = m + axes @ (a * c / now * along)
        return (log_r.softmax(0)[:, None] * each).sum(0).mT.contiguous()

    return denoise


def mixture_log_prob(
    schedule: a_schedule,
    weights: shares,
    means: tensor("K d"),
    covs: positive_definite("K d d"),
    x: points("n d"),
    t: steps_from(),
):
    r"""The exact :math:`\log q(\mathbf{x}_t)` of a Gaussian mixture at step t, in nats, shape (n,).

    At every step the marginal is a mixture with the same weights (book: ``eq:mixture-marginal``), of means
    :math:`a\,\mathbf{m}_k` and covariances :math:`a^2\mathbf{C}_k + s^2\mathbf{I}`.
    """
    eye = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    found = x.new_zeros(len(x))
    for step in t.unique().tolist():
        a, s = schedule.signal[step].item(), schedule.noise[step].item()
        here = t == step
        found[here] = exact.mixture_log_prob(x[here], weights, a * means, a**2 * covs + s**2 * eye)
    return found


def data_denoiser(schedule: a_schedule, data: points("m d ...", free=True)):
    r"""The exact denoiser of a finite data set: the average of its points, weighted by their closeness, for t from 1.

    .. math::
        \mathbb{E}[\mathbf{x}_0|\mathbf{x}_t] = \sum_i r_i\,\mathbf{x}^{(i)}, \quad
        r_i \propto \exp\left(-\frac{\|\mathbf{x}_t - \sqrt{\bar\alpha_t}\,\mathbf{x}^{(i)}\|^2}
        {2(1-\bar\alpha_t)}\right)

    A network that reaches the lowest training loss becomes this function, and draws nothing but training data.
    """
    centre = data.flatten(1).mean(0)  # weights depend on differences: far from the origin they would lose their digits
    spread = data.flatten(1) - centre

    @checked
    def denoise(x: points(f"n {' '.join(map(str, data.shape[1:]))}"), t: _steps(schedule, 1)):
        a, s = (part.flatten(1) for part in factors(schedule, t, x))
        known, middle = spread.to(x), centre.to(x)
        # the square of x is the same for all points and drops out of the softmax
        overlap = (x.flatten(1) - a * middle) @ known.T  # (n, M) @ (M, m)
        log_r = (a * overlap - 0.5 * a**2 * known.square().sum(1)) / s**2
        return (middle + log_r.softmax(1) @ known).reshape(x.shape)

    return denoise


doors(globals())
