"""The exercises of the chapter on diffusion models at work."""

import math

import torch

from genphys.exercises.judge import Exercise

__all__ = ["EXERCISES"]


def _flip(x, mean, a, b):
    return (1 - a / b) / 2 * (1 + a * b - (a + b) * x * mean) / (1 - a**2)


def _spins(rng):
    def one(n, a, b):
        x = 2 * torch.randint(2, (n, 3, 3), generator=rng).to(torch.float64) - 1
        return x, 1.6 * torch.rand(n, 3, 3, generator=rng, dtype=torch.float64) - 0.8, a, b

    return [one(4, 0.3, 0.5), one(2, 0.6, 0.95), one(3, 0.8, 1.0)]


def _teacher(y, sigma):
    """An answer that bends and depends on both."""
    return y.tanh() / (1 + sigma) + 0.3


def _two_steps(teacher, y, sigma, middle, then):
    first = teacher(y, sigma)
    y1 = first + middle / sigma * (y - first)
    second = teacher(y1, middle)
    return y1, second + then / middle * (y1 - second)


def _target(teacher, y, sigma, middle, then):
    return (sigma * _two_steps(teacher, y, sigma, middle, then)[1] - then * y) / (sigma - then)


def _end_point(teacher, y, sigma, middle, then):
    return _two_steps(teacher, y, sigma, middle, then)[1]


def _second_answer(teacher, y, sigma, middle, then):
    return teacher(_two_steps(teacher, y, sigma, middle, then)[0], middle)


def _plain_mean(teacher, y, sigma, middle, then):
    return (teacher(y, sigma) + _second_answer(teacher, y, sigma, middle, then)) / 2


def _old_noise(teacher, y, sigma, middle, then):
    first = teacher(y, sigma)
    y1 = first + middle / sigma * (y - first)
    second = teacher(y1, sigma)
    return (sigma * (second + then / middle * (y1 - second)) - then * y) / (sigma - then)


def _levels(rng):
    three = ((3.0, 2.0, 1.2), (1.5, 0.8, 0.3), (0.9, 0.5, 0.1))
    return [(_teacher, torch.randn(4, 2, generator=rng, dtype=torch.float64), *levels) for levels in three]


def _nats(u):
    kept = (1 + math.exp(-u)) / 2
    return math.log(2) + kept * math.log(kept) + (1 - kept) * math.log(1 - kept)


def _colour_ratio(P, now, then, a, q=None, old=1):
    c = 1 + (q or len(P)) * a / (1 - a)
    return 1 + (c - 1) * P[then] - old * (1 - 1 / c) * P[now]


def _rates_alone(here, there):
    return (there / here - here / there) / 2


def _bond_energy(x):
    return -(x * x.roll(1, -1) + x * x.roll(1, -2)).double()


def _per_spin(x):
    return _bond_energy(x).mean((1, 2))


def _errors_off(x, expected):
    e = _per_spin(x)
    return (e.mean() - expected) / (e.std() / len(e) ** 0.5)


def _every_bond_twice(x, expected):
    e = 2 * _per_spin(x)
    return (e.mean() - expected) / (e.std() / len(e) ** 0.5)


def _spins_apart(x, expected):
    e = _bond_energy(x).flatten()
    return (e.mean() - expected) / (e.std() / len(e) ** 0.5)


def _of_one_lattice(x, expected):
    return _errors_off(x, expected) / len(x) ** 0.5


def _open(x, expected):
    bonds = -(x[..., 1:] * x[..., :-1]).double().sum((1, 2)) - (x[:, 1:] * x[:, :-1]).double().sum((1, 2))
    e = bonds / x[0].numel()
    return (e.mean() - expected) / (e.std() / len(e) ** 0.5)


def _lattices(rng):
    def one(n, L, expected):
        spins = torch.randn(n, L, L, generator=rng, dtype=torch.float64)
        spins = spins + 0.6 * (spins.roll(1, 1) + spins.roll(1, 2))  # so that neighbours are alike
        return torch.where(spins > 0, 1.0, -1.0).double(), expected

    return [one(20, 4, -0.9), one(50, 6, -0.5), one(9, 8, 0.0)]


def _covered(draws, truth, r, n=None, low=None):
    ordered = draws.sort(1).values
    low = r - 1 if low is None else low
    inside = ((ordered[:, low] < truth) & (truth < ordered[:, -1 - low])).double().mean()
    wanted = 1 - 2 * r / (draws.shape[1] + 1 if n is None else n)
    return inside - wanted, (wanted * (1 - wanted) / len(truth)) ** 0.5


def _coverage(draws, truth, r):
    difference, error = _covered(draws, truth, r)
    return difference / error


def _counted_from_zero(draws, truth, r):
    difference, error = _covered(draws, truth, r, low=r)
    return difference / error


def _places(draws, truth, r):
    difference, error = _covered(draws, truth, r, n=draws.shape[1])
    return difference / error


def _of_one_trial(draws, truth, r):
    return _coverage(draws, truth, r) / len(truth) ** 0.5


def _reconstructions(rng):
    def one(N, n, r, width):
        places = torch.randn(N, 1, generator=rng, dtype=torch.float64)
        draws = places + width * torch.randn(N, n, generator=rng, dtype=torch.float64)
        return draws, (places + torch.randn(N, 1, generator=rng, dtype=torch.float64))[:, 0], r

    return [one(200, 24, 4, 0.8), one(80, 9, 1, 1.5), one(300, 19, 5, 0.5)]


EXERCISES = {
    "ex:write-flip-step": Exercise(
        answer=_flip,
        inputs=_spins,
        slips=(
            ("a flip is half of the chance to be drawn anew: a factor 1/2", lambda x, m, a, b: 2 * _flip(x, m, a, b)),
            ("a spin that agrees with its mean is flipped rarely: the sign", lambda x, m, a, b: _flip(x, -m, a, b)),
            (
                "this is the rate of a short step: the factor of the earlier time counts too",
                lambda x, m, a, b: (1 - a / b) / 2 * (1 + a**2 - 2 * a * x * m) / (1 - a**2),
            ),
            (
                "this draws each spin from the denoiser's answer, as the last step to the data does",
                lambda x, m, a, b: (1 - x * m) / 2 + 0 * a * b,
            ),
        ),
    ),
    "ex:write-student-target": Exercise(
        answer=_target,
        inputs=_levels,
        slips=(
            ("this is where the teacher arrives, not the answer that leads there in one step", _end_point),
            ("this is the teacher's second answer; the first one counts as well", _second_answer),
            ("the two answers of the teacher have different weights", _plain_mean),
            ("the teacher's second answer is asked for at the noise in the middle", _old_noise),
        ),
    ),
    "ex:flip-information": Exercise(
        answer=_nats,
        inputs=lambda rng: [(0.2,), (1.0,), (0.05,)],
        slips=(
            ("that is in bits", lambda u: _nats(u) / math.log(2)),
            ("one spin keeps exp(-u) of its mean, a product of two exp(-2 u)", lambda u: _nats(2 * u)),
            ("that is the leading term for late times", lambda u: math.exp(-2 * u) / 2),
            ("information is what the entropy falls short of log 2", lambda u: math.log(2) - _nats(u)),
        ),
    ),
    "ex:potts-ratio": Exercise(
        answer=_colour_ratio,
        inputs=lambda rng: [
            (torch.randn(q, generator=rng).softmax(0), now, then, a)
            for q, now, then, a in ((3, 0, 2, 0.4), (5, 1, 3, 0.7), (2, 1, 0, 0.2))
        ],
        slips=(
            ("that is the inverse ratio", lambda P, now, then, a: _colour_ratio(P, then, now, a)),
            (
                "a colour that is replaced at random can be the old one again",
                lambda P, now, then, a: _colour_ratio(P, now, then, a, q=1),
            ),
            (
                "the clean colour may also be the one that is seen now",
                lambda P, now, then, a: _colour_ratio(P, now, then, a, old=0),
            ),
        ),
    ),
    "ex:reverse-current": Exercise(
        answer=lambda here, there: (there - here) / 2,
        inputs=lambda rng: [(0.3, 0.1), (0.02, 0.2), (0.15, 0.4)],
        slips=(
            ("that is the current of the noise, which goes the other way", lambda here, there: (here - there) / 2),
            ("a current is not a rate: each rate is multiplied by the probability that it starts from", _rates_alone),
            ("a spin flips at half of the ratio", lambda here, there: there - here),
            ("it would vanish if the rates were half of the root of the ratio", lambda here, there: 0.0 * here),
            ("that is the flow in one direction; the flow back is taken off", lambda here, there: there / 2),
        ),
    ),
    "ex:larger-lattice": Exercise(
        answer=_errors_off,
        inputs=_lattices,
        slips=(
            ("each bond counts once: a spin has two of its own", _every_bond_twice),
            ("the spins of a lattice are not independent: the error comes from whole lattices", _spins_apart),
            ("the error of a mean falls with the root of the number of lattices", _of_one_lattice),
            ("the lattice is a torus: the bonds across its edges are missing", _open),
            ("the energy found, minus the exact one", lambda x, expected: -_errors_off(x, expected)),
        ),
    ),
    "ex:dps-coverage": Exercise(
        answer=_coverage,
        inputs=_reconstructions,
        slips=(
            ("the r-th smallest, counted from one", _counted_from_zero),
            ("n draws cut the line into n + 1 places, all of them as probable", _places),
            ("the share of many trials has an error that falls with the root of their number", _of_one_trial),
            ("in units of the standard error", lambda draws, truth, r: _covered(draws, truth, r)[0]),
        ),
    ),
}
