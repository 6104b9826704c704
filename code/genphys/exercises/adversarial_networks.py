"""The exercises of the chapter on adversarial networks."""

import torch
import torch.nn.functional as F

from genphys.exercises.judge import Exercise

__all__ = ["EXERCISES"]


def _losses(real, fake):
    return torch.stack([F.softplus(-real).mean() + F.softplus(fake).mean(), F.softplus(-fake).mean()])


def _minimax(real, fake):
    return torch.stack([_losses(real, fake)[0], -F.softplus(fake).mean()])


def _labels_exchanged(real, fake):
    return torch.stack([_losses(fake, real)[0], _losses(real, fake)[1]])


def _other_order(real, fake):
    return _losses(real, fake).flip(0)


def _rewards(real, fake):
    return -_losses(real, fake)


def _logits(rng):
    cases = [(torch.randn(n, generator=rng).double(), 3 * torch.randn(m, generator=rng).double()) for n, m in ((4, 7),)]
    return [*cases, (torch.tensor([1e4, -1e4, 2.0]).double(), torch.tensor([-1e4, 5.0]).double())]


def _extragradient(a, b, A, eta):
    a_ahead, b_ahead = a - eta * A @ b, b + eta * A.T @ a
    return torch.cat([a - eta * A @ b_ahead, b + eta * A.T @ a_ahead])


def _simultaneous(a, b, A, eta):
    return torch.cat([a - eta * A @ b, b + eta * A.T @ a])


def _twice(a, b, A, eta):
    a_ahead, b_ahead = a - eta * A @ b, b + eta * A.T @ a
    return torch.cat([a_ahead - eta * A @ b_ahead, b_ahead + eta * A.T @ a_ahead])


def _both_climb(a, b, A, eta):
    return _extragradient(a, b, A, -eta)


def _alternating(a, b, A, eta):
    b = b + eta * A.T @ a
    return torch.cat([a - eta * A @ b, b])


def _games(rng):
    def normal(*shape):
        return torch.randn(*shape, generator=rng, dtype=torch.float64)

    return [(normal(m), normal(k), normal(m, k), eta) for m, k, eta in ((3, 2, 0.3), (1, 1, 0.05), (4, 6, 0.8))]


EXERCISES = {
    "ex:write-gan-losses": Exercise(
        answer=_losses,
        inputs=_logits,
        slips=(
            ("this is the minimax loss of the generator, whose slope vanishes where the samples are bad", _minimax),
            ("the discriminator should say one for the real examples and zero for the samples", _labels_exchanged),
            ("the discriminator's loss comes first", _other_order),
            ("losses are minimised: these are the rewards", _rewards),
        ),
    ),
    "ex:write-extragradient": Exercise(
        answer=_extragradient,
        inputs=_games,
        slips=(
            ("this is a simultaneous step: the slope has to be taken where it leads", _simultaneous),
            ("these are two steps: the second one starts at the old parameters", _twice),
            ("the generator descends and the discriminator climbs", _both_climb),
            ("this is an alternating step: both players look ahead, from the old parameters", _alternating),
        ),
    ),
}
