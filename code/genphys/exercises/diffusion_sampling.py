"""The exercises of the chapter on sampling from diffusion models."""

import math

import torch

from genphys.exercises.judge import Exercise

__all__ = ["EXERCISES"]


def _normal(rng, *shape):
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


def _ddim(x, x0, a, s, a_then, s_then):
    return a_then * x0 + s_then * (x - a * x0) / s


def _ends(rng):
    pairs = ((0.3, 0.7), (0.6, 0.9), (0.8, 1.0))
    return [(_normal(rng, 4, 3), _normal(rng, 4, 3), a, (1 - a**2) ** 0.5, b, (1 - b**2) ** 0.5) for a, b in pairs]


def _slope(y, sigma):
    """Something that bends and depends on both."""
    return y.tanh() * sigma + 0.3 * sigma**2


def _heun(f, y, sigma, then):
    here = f(y, sigma)
    return y + (then - sigma) / 2 * (here + f(y + (then - sigma) * here, then))


def _euler(f, y, sigma, then):
    return y + (then - sigma) * f(y, sigma)


def _late(f, y, sigma, then):
    """The slope at the end taken with the noise of the beginning."""
    here = f(y, sigma)
    return y + (then - sigma) / 2 * (here + f(y + (then - sigma) * here, sigma))


def _twice(f, y, sigma, then):
    here = f(y, sigma)
    return y + (then - sigma) * (here + f(y + (then - sigma) * here, then))


def _upwards(f, y, sigma, then):
    here = f(y, sigma)
    return y + (sigma - then) / 2 * (here + f(y + (sigma - then) * here, then))


def _spans(rng):
    return [(_slope, _normal(rng, 5, 2), sigma, then) for sigma, then in ((2.0, 1.2), (1.0, 0.7), (0.5, 0.0))]


def _two_times(c, u, later, zeta):
    lam, after = (math.exp(-2 * v) * (c - 1) + 1 for v in (u, later))
    return math.exp(-zeta * (later - u)) * lam ** ((1 + zeta) / 2) * after ** ((1 - zeta) / 2)


def _two_variances(J):
    return 2 * torch.stack([J.square().sum() - J.diagonal().square().sum(), J.square().sum()])


def _first_order(x, a, mean, C):
    return mean + a * x @ C


def _second_moment(x, a, mean, C):
    return _first_order(x, a, mean, C + mean.outer(mean))


def _uncorrelated(x, a, mean, C):
    return mean + a * x * C.diagonal()


def _normal_data(rng):
    def one(n, M, a):
        points = _normal(rng, 20, M) * torch.linspace(0.5, 2, M).double()
        return _normal(rng, n, M), a, points.mean(0) + 1, points.T.cov()

    return [one(4, 2, 0.1), one(3, 5, 0.02), one(6, 3, 0.2)]


def _bends(x, u, y, sigma, c):
    lam = 1 + (c - 1) * math.exp(-2 * u)
    return torch.stack([-x * (1 - lam**2) / lam**2, c * y / (c + sigma**2) ** 2])


def _at_fixed_places(x, u, y, sigma, c):
    lam = 1 + (c - 1) * math.exp(-2 * u)
    return torch.stack([-x * 2 * (1 - lam) / lam**2, y * (c - sigma**2) / (c + sigma**2) ** 2])


def _slopes(x, u, y, sigma, c):
    lam = 1 + (c - 1) * math.exp(-2 * u)
    return torch.stack([x * (1 - lam) / lam, sigma * y / (c + sigma**2)])


def _data_for_lambda(x, u, y, sigma, c):
    return torch.stack([-x * (1 - c**2) / c**2, _bends(x, u, y, sigma, c)[1]])


def _places(rng):
    rows = ((0.3, 0.2, 0.8), (1.0, 0.5, 1.5), (0.05, 0.7, 0.3), (2.5, 0.1, 0.6))
    return [(_normal(rng, 5), u, _normal(rng, 5), sigma, c) for c, u, sigma in rows]


def _middle(steps, shares, level=0.55):
    k = int((shares > level).sum())
    t, s = steps.double(), shares.double()
    return t[k - 1] + (s[k - 1] - level) / (s[k - 1] - s[k]) * (t[k] - t[k - 1])


def _nearest_step(steps, shares):
    return steps[(shares - 0.55).abs().argmin()].double()


def _between(steps, shares):
    k = int((shares > 0.55).sum())
    return (steps[k - 1] + steps[k]).double() / 2


def _crossovers(rng):
    return [
        (torch.tensor([500, 600, 750, 800, 950]), torch.tensor([0.98, 0.9, 0.7, 0.3, 0.12])),
        (torch.tensor([100, 300, 400]), torch.tensor([0.95, 0.58, 0.15])),
        (torch.tensor([10, 20, 40, 80]), torch.tensor([0.8, 0.52, 0.2, 0.1])),
    ]


def _recalled(x, a, s, data, power=1.0, signal=None):
    distance2 = torch.cdist(x, (a if signal is None else signal) * data, compute_mode="donot_use_mm_for_euclid_dist")
    return (-distance2.square() / (2 * s**2) * power).softmax(1) @ data


def _nearest(x, a, s, data):
    return data[torch.cdist(x, a * data).argmin(1)]


def _training_sets(rng):
    def one(n, N, M, a):
        return _normal(rng, n, M), a, (1 - a**2) ** 0.5, _normal(rng, N, M)

    return [one(4, 6, 2, 0.6), one(5, 30, 3, 0.9), one(3, 4, 1, 0.3)]


EXERCISES = {
    "ex:write-ddim-step": Exercise(
        answer=_ddim,
        inputs=_ends,
        slips=(
            (
                "the noise in x is divided by s before it is used again",
                lambda x, y, a, s, b, r: b * y + r * (x - a * y),
            ),
            ("the step ends with the signal of the earlier time", lambda x, y, a, s, b, r: a * y + r * (x - a * y) / s),
            ("the step ends with the noise of the earlier time", lambda x, y, a, s, b, r: b * y + (x - a * y)),
            ("what is left of x without its signal is the noise", lambda x, y, a, s, b, r: b * y + r * x / s),
        ),
    ),
    "ex:write-heun-step": Exercise(
        answer=_heun,
        inputs=_spans,
        slips=(
            ("this is a step of Euler's method: the slope at the end is missing", _euler),
            ("the slope at the end is taken at the end, with the later sigma too", _late),
            ("a mean of the two slopes, not their sum", _twice),
            ("the length of the step is the new sigma minus the old one", _upwards),
        ),
    ),
    "ex:hermite-modes": Exercise(
        answer=lambda c, n, u: c * math.exp(-n * u),
        inputs=lambda rng: [(1.5, 3, 0.4), (-0.7, 1, 1.0), (2.0, 5, 0.1)],
        slips=(
            ("each mode has a rate of its own", lambda c, n, u: c * math.exp(-u)),
            ("the eigenvalue of Hermite's equation is n", lambda c, n, u: c * math.exp(-2 * n * u)),
            ("the eigenvalue of Hermite's equation is n, not its square", lambda c, n, u: c * math.exp(-n * n * u)),
            ("modes decay", lambda c, n, u: c * math.exp(n * u)),
        ),
    ),
    "ex:two-times": Exercise(
        answer=_two_times,
        inputs=lambda rng: [(0.3, 0.1, 0.6, 0.5), (2.0, 0.2, 1.0, 1.0), (0.5, 0.0, 0.4, 0.0)],
        slips=(
            (
                "that is Anderson's process; the noise may be another",
                lambda c, u, later, zeta: _two_times(c, u, later, 1.0),
            ),
            (
                "that is the probability flow; there is fresh noise, too",
                lambda c, u, later, zeta: _two_times(c, u, later, 0.0),
            ),
            (
                "a look at which of the two variances has which power",
                lambda c, u, later, zeta: _two_times(c, later, u, zeta) * math.exp(-2 * zeta * (later - u)),
            ),
        ),
    ),
    "ex:hutchinson-variance": Exercise(
        answer=_two_variances,
        inputs=lambda rng: [(A + A.T,) for A in (torch.randn(n, n, generator=rng) for n in (3, 5, 2))],
        slips=(
            ("the signs come first", lambda J: _two_variances(J).flip(0)),
            ("a product of two different signs occurs twice in the sum", lambda J: _two_variances(J) / 2),
            (
                "the square of a sign is certain: the diagonal does not fluctuate",
                lambda J: 2 * J.square().sum().expand(2),
            ),
        ),
    ),
    "ex:pitchfork-exponent": Exercise(
        answer=0.5,
        slips=(
            ("the first order of tanh cancels: which is the next?", 1.0),
            ("the next order of tanh is the third, and one power of z drops out", 1 / 3),
            ("that is the square lattice; here every spin sees the mean field", 0.125),
        ),
    ),
    "ex:one-step": Exercise(
        answer=_first_order,
        inputs=_normal_data,
        slips=(
            ("the denominator has a first order, too", _second_moment),
            ("without any signal the answer is the mean of the data", lambda x, a, m, C: _first_order(x, a, 0 * m, C)),
            ("the components are correlated", _uncorrelated),
            ("the first power of a", lambda x, a, m, C: _first_order(x, a**2, m, C)),
            ("in the numerator stands the covariance, not its inverse", lambda x, a, m, C: m + a * x @ C.inverse()),
        ),
    ),
    "ex:two-clocks": Exercise(
        answer=_bends,
        inputs=_places,
        slips=(
            ("along the flow x and y move as well, not only the clock", _at_fixed_places),
            ("those are the slopes; an error comes from their change", _slopes),
            ("a look at the sign of the first one", lambda *at: _bends(*at) * torch.tensor([[-1.0], [1.0]])),
            ("at the time u the variance is lambda, no longer that of the data", _data_for_lambda),
            ("the first row belongs to u", lambda *at: _bends(*at).flip(0)),
        ),
    ),
    "ex:u-turn": Exercise(
        answer=_middle,
        inputs=_crossovers,
        slips=(
            ("chance alone keeps a tenth: half-way is not at one half", lambda t, s: _middle(t, s, 0.5)),
            ("half-way down from one to a tenth, not half of that", lambda t, s: _middle(t, s, 0.45)),
            ("between two steps, by a straight line", _nearest_step),
            ("the two shares beside the middle are not equally far from it", _between),
        ),
    ),
    "ex:perfect-training": Exercise(
        answer=_recalled,
        inputs=_training_sets,
        slips=(
            ("the noisy state of an image is a times the image", lambda x, a, s, d: _recalled(x, a, s, d, signal=1.0)),
            ("the exponent of a Gaussian has a factor of one half", lambda x, a, s, d: _recalled(x, a, s, d, power=2)),
            ("the variance of the noise is the square of s", lambda x, a, s, d: _recalled(x, a, s**0.5, d)),
            ("that is the limit of little noise; all images have a weight", _nearest),
            ("the answer is a clean image: its signal is no longer a", lambda x, a, s, d: a * _recalled(x, a, s, d)),
        ),
    ),
}
