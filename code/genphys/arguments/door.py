"""The door of a function: each call is held once to what the signature says."""

import dataclasses
import functools
import inspect
from collections.abc import Iterable, Iterator

import torch

from genphys.arguments.vocabulary import (
    Call,
    _all_finite,
    _is_module,
    _is_tuple_of_tensors,
    require,
    shown,
    takes,
)

__all__ = [
    "RENAMED",
    "batches",
    "checked",
    "doors",
    "unchecked",
]

# Arguments that had another name in older notebooks.
RENAMED = {
    "generator": "rng",
    "eta": "learning_rate",
    "rate": "learning_rate",
    "step": "step_size",
    "kind": "game",
    "loss": "game",
    "sigma2": "variance",
    "covariance": "cov",
    "covariances": "covs",
}


def checked(target):
    """Hold the calls of a function, or of every public method of a class, to what their signatures say.

    A function without annotations that can be checked comes back as it is. The function itself, without its door,
    is ``function.__wrapped__``.
    """
    if isinstance(target, type):
        for name, member in list(vars(target).items()):
            if name == "__init__" or not name.startswith("_"):
                inner = member.__func__ if isinstance(member, staticmethod | classmethod) else member
                if inspect.isfunction(inner) and getattr(inner, "door", None) is not inner:
                    door = checked(inner)
                    setattr(target, name, type(member)(door) if inner is not member else door)
        return target
    signature = inspect.signature(target)
    parameters = signature.parameters
    wanted = {n: takes(p.annotation) for n, p in parameters.items() if p.annotation is not p.empty}
    method = next(iter(parameters), "") == "self"

    @functools.wraps(target)
    def door(*args, **kwargs):
        given = _bind(target.__name__, parameters, args, kwargs)
        call = Call(given["self"] if method and target.__name__ != "__init__" else None)
        for name, what in wanted.items():
            call.argument, value = name, given.get(name, parameters[name].default)
            if value is not parameters[name].default and not what.fits(value, call):
                raise ValueError(f"{name} is {_with_reason(value, call)}, takes {_with_sizes(what.words, call)}")
        return target(*args, **kwargs)

    door.door = door  # a wrapper of a door copies its attributes, and is another function
    return door


def doors(module):
    """Put a door before each function and each method of a class that a module makes public: its last line.

    ``module`` is its ``globals()``. Records (named tuples, dataclasses) and errors hold what they are given.
    """
    for name in module["__all__"]:
        member = module[name]
        record = isinstance(member, type) and (
            issubclass(member, tuple | Exception) or dataclasses.is_dataclass(member)
        )
        own = getattr(member, "__module__", None) == module["__name__"]
        if own and not record and (isinstance(member, type) or inspect.isfunction(member)):
            module[name] = checked(member)


def unchecked(what):
    """A function, method or network behind its door, for loops whose arguments are known to fit; any other as it is."""
    if _is_module(what):
        forward = unchecked(type(what).forward)
        plain = forward is type(what).forward or what._forward_hooks or what._forward_pre_hooks
        return what if plain else forward.__get__(what)
    if inspect.ismethod(what):
        return unchecked(what.__func__).__get__(what.__self__)
    return what.__wrapped__ if getattr(what, "door", None) is what else what


def _bind(what, parameters, args, kwargs):
    """Which argument gets which value; a call that does not fit the signature is refused by name."""
    by_place = [p.name for p in parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters.values()):
        given = dict(inspect.Signature(parameters.values()).bind(*args, **kwargs).arguments)
    else:
        for value in args[len(by_place) :]:
            by_name = next((p.name for p in parameters.values() if p.kind is p.KEYWORD_ONLY), None)
            by_name = "rng" if isinstance(value, torch.Generator) else by_name
            raise ValueError(
                f"{what} takes {len(by_place)} arguments by place; {by_name}= is given by name"
                if by_name
                else f"{what} takes {len(by_place)} arguments, got {len(args)}"
            )
        given = dict(zip(by_place, args))
        for name, value in kwargs.items():
            if name not in parameters:
                hint = (
                    f"is now called {RENAMED[name]}" if RENAMED.get(name) in parameters else f"is no argument of {what}"
                )
                raise ValueError(f"{name} {hint}; {what} takes {', '.join(n for n in parameters if n != 'self')}")
            if name in given:
                raise ValueError(f"{name} is given twice to {what}")
            given[name] = value
    for name, p in parameters.items():
        if name not in given and p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            raise ValueError(f"{name} is missing in the call of {what}")
    return given


def _with_reason(value, call):
    """The value, and what about it cannot be seen from its shape."""
    if _is_tuple_of_tensors(value):
        return f"({', '.join(_with_reason(v, call) for v in value)})"
    text = shown(value)
    if isinstance(value, torch.Tensor) and value.ndim and value.numel() and value.dtype != torch.bool:
        if value.is_complex():
            return text
        if not _all_finite(value):
            return f"{text}, not finite everywhere"
        if value.is_floating_point() and call.kind is not None and (value.dtype, value.device) != call.kind:
            dtype, device = call.kind
            return f"{text} on {value.device} beside {str(dtype).removeprefix('torch.')} on {device}"
        return f"{text} with values from {value.min().item():.4g} to {value.max().item():.4g}"
    return text


def _with_sizes(words, call):
    """The words, and the sizes among them that are known from other arguments or from the object."""
    known = []
    for word in dict.fromkeys(words.replace("(", " ").replace(")", " ").replace(",", " ").split()):
        if isinstance(getattr(call.owner, word, None), int):
            known.append(f"{word} = {getattr(call.owner, word)}")
        elif word in call.sizes and call.made_by.get(word) != call.argument:
            by = call.made_by.get(word)
            known.append(f"{word} = {call.sizes[word]}" + (f" of {by}" if by else ""))
    return words + (f" ({', '.join(known)})" if known else "")


def batches(each, what, owner=None):
    """The batches of an iterable, each held to ``each`` when it is drawn: the door of a training loop.

    As in a method, names of sizes, type and device are those of ``owner``.
    """
    each, batch = takes(each), None
    for batch in each_of(what):
        call = Call(owner)
        if not each.fits(batch, call):
            raise ValueError(f"batches holds {_with_reason(batch, call)}, takes {_with_sizes(each.words, call)}")
        yield batch
    require(batch is not None, "batches", what, "at least one batch")


def each_of(what) -> Iterator:
    if not isinstance(what, Iterable):
        raise ValueError(f"batches is {shown(what)}, takes an iterable of batches")
    yield from what
