"""Judge an answer by what it does: a number or tensor, a function on hidden inputs, a sampler by its averages.

Right is what agrees with the reference within the tolerance, however it was written. Each typical wrong answer of an
exercise is known as a *slip*: it is computed beside the right one, and an answer that agrees with it gets its hint. One
that is wrong in another way is told what it has in common with the right one: all but a factor, a sign, a constant. The
verdict is the same on every machine and never shows the solution.
"""

import difflib
import functools
import importlib
import pkgutil
from dataclasses import dataclass

import torch

from genphys.arguments import doors

__all__ = ["Exercise", "check", "judge"]


@dataclass(frozen=True)
class Exercise:
    """What an answer is held against.

    Attributes:
        answer: The right one: a number, a tensor, a function, or a sampler ``(n, rng) -> samples``, one a row.
        inputs: For a function, the hidden inputs: a function of ``rng`` that returns a list of argument tuples.
        averages: For a sampler, a function of the samples that returns one row of numbers a sample, whose means are
            compared with those of as many samples of the right sampler.
        slips: Pairs of a hint and the wrong answer that it belongs to, of the kind of ``answer``.
        rtol: Relative tolerance of a comparison; answers in single precision are right ones.
        draws: The number of samples that a sampler is asked for.
    """

    answer: object
    inputs: object = None
    averages: object = None
    slips: tuple = ()
    rtol: float = 1e-4
    draws: int = 20_000

    def _values(self, answer):
        """What an answer does, as a list of tensors in float64; None where it gives nothing."""
        if self.averages is not None:
            samples = torch.as_tensor(answer(self.draws, rng=torch.Generator().manual_seed(20)))
            rows = torch.as_tensor(self.averages(samples), dtype=torch.float64)
            if len(rows) != self.draws:
                raise ValueError(f"{len(rows)} samples for n = {self.draws}")
            return [rows]
        if self.inputs is not None:
            given = self.inputs(torch.Generator().manual_seed(19))
            found = [answer(*(x.clone() if isinstance(x, torch.Tensor) else x for x in one)) for one in given]
        else:
            found = [answer]
        return None if any(_is_blank(v) for v in found) else [torch.as_tensor(v).detach().double() for v in found]

    def _agree(self, found, wanted):
        """Whether two answers do the same: within ``rtol``, or, for samplers, five standard errors of each mean."""
        if [v.shape for v in found] != [v.shape for v in wanted]:
            return False
        if self.averages is None:
            return all(
                torch.allclose(a, b, rtol=self.rtol, atol=self.rtol * _scale(wanted)) for a, b in zip(found, wanted)
            )
        a, b = found[0], wanted[0]
        error = (2 * b.var(0) / len(b)).sqrt()
        return bool(((a.mean(0) - b.mean(0)).abs() <= 5 * error + 1e-12).all())


def _nearly(found, wanted, rtol):
    """What a wrong answer and the right one have in common: all values up to one factor, or up to one constant."""
    a, b = (torch.cat([v.flatten() for v in values]) for values in (found, wanted))
    if len(b) < 3 or torch.allclose(b, b[:1].expand_as(b)) or torch.allclose(a, a[:1].expand_as(a)):
        return ""
    factor = (a @ b) / (b @ b)
    if torch.allclose(a, factor * b, rtol=rtol, atol=rtol * float(a.abs().max())):
        return "the sign is wrong, and nothing else" if abs(factor + 1) < rtol else "right up to a constant factor"
    if torch.allclose(a - b, (a - b)[:1].expand_as(a), rtol=rtol, atol=rtol * _scale(wanted)):
        return "right up to a constant that is added"
    return ""


def _is_blank(value):
    return value is None or value is Ellipsis


def _scale(values):
    return max((float(v.abs().max()) for v in values if v.numel()), default=0.0)


def judge(exercise: Exercise, answer):
    """The verdict on an answer, in words: "right", "no answer yet", or "not yet: " and a hint."""
    if _is_blank(answer):
        return "no answer yet"
    is_function = callable(exercise.answer)
    if is_function != callable(answer):
        return f"not yet: the answer is a {'function' if is_function else 'number or a tensor'}"
    try:
        found = exercise._values(answer)
    except Exception as error:  # of the reader's own code: its kind is what can be said
        return f"not yet: the answer raises {type(error).__name__}"
    if found is None:
        return "no answer yet"
    wanted = exercise._values(exercise.answer)
    if exercise._agree(found, wanted):
        return "right"
    if [v.shape for v in found] != [v.shape for v in wanted]:
        return "not yet: the answer has another shape than was asked for"
    if not all(v.isfinite().all() for v in found):
        return "not yet: the answer is not finite everywhere"
    for hint, slip in exercise.slips:
        if exercise._agree(found, exercise._values(slip)):
            return f"not yet: {hint}"
    if is_function and exercise.inputs and all(torch.equal(v, found[0]) for v in found):
        return "not yet: the answer does not depend on what it is given"
    near = "" if exercise.averages else _nearly(found, wanted, exercise.rtol)
    return f"not yet: {near}" if near else "not yet"


def check(name: str, answer):
    """Say whether ``answer`` is right for the exercise with the label ``name``, and where it may have slipped.

    Returns:
        Whether it is right.
    """
    known = exercises()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3) or sorted(known)
        raise ValueError(f"name is {name!r}, takes the label of an exercise with a check, such as {', '.join(near)}")
    verdict = judge(known[name], answer)
    print(f"{name}: {verdict}")
    return verdict == "right"


@functools.cache
def exercises():
    """All exercises with a check, by label; one file a chapter beside this one."""
    found = {}
    package = importlib.import_module("genphys.exercises")
    for info in pkgutil.iter_modules(package.__path__):
        found |= getattr(importlib.import_module(f"genphys.exercises.{info.name}"), "EXERCISES", {})
    return found


doors(globals())
