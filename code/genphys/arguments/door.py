"""The door of a function: each call is held once to what the signature says."""

import dataclasses
import functools
import inspect
from collections.abc import Iterable

import torch

from genphys.arguments.vocabulary import Call, all_finite, are_tensors, is_module, require, shown, takes

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

    The function itself, without its door, is ``function.__wrapped__``.
    """
    if isinstance(target, type):
        for name, member in list(vars(target).items()):
            inner = getattr(member, "__func__", member)  # of a static or class method
            if inspect.isfunction(inner) and not _is_door(inner) and (name == "__init__" or name[0] != "_"):
                setattr(target, name, checked(inner) if inner is member else type(member)(checked(inner)))
        return target
    parameters = inspect.signature(target).parameters
    wanted = {n: takes(p.annotation) for n, p in parameters.items() if p.annotation is not p.empty}
    method = next(iter(parameters), "") == "self" and target.__name__ != "__init__"

    @functools.wraps(target)
    def door(*args, **kwargs):
        given = _bind(target.__name__, parameters, args, kwargs)
        call = Call(given["self"] if method else None)
        for name, what in wanted.items():
            call.argument, value = name, given.get(name, parameters[name].default)
            if value is not parameters[name].default and not what.fits(value, call):
                raise ValueError(f"{name} is {_with_reason(value, call)}, takes {_with_sizes(what.words, call)}")
        return target(*args, **kwargs)

    door.door = door  # a wrapper of a door copies its attributes, and is another function
    return door


def _is_door(function):
    return getattr(function, "door", None) is function


def doors(module):
    """Put a door before each function and each method of a class that a module makes public: its last line.

    ``module`` is its ``globals()``. Public are its classes and the functions whose signatures say what they take,
    without an underscore in front of their names; a module that means others writes its ``__all__`` out. Records (named
    tuples, dataclasses) and errors hold what they are given.
    """
    own = {name: member for name, member in module.items() if getattr(member, "__module__", "") == module["__name__"]}
    public = [n for n, m in own.items() if n[0] != "_" and (isinstance(m, type) or getattr(m, "__annotations__", None))]
    for name in module.setdefault("__all__", public):
        if not _is_record(own.get(name)):
            module[name] = checked(own[name])


def _is_record(member):
    """Whether something holds what it is given; a constant does, too."""
    if isinstance(member, type):
        return issubclass(member, tuple | Exception) or dataclasses.is_dataclass(member)
    return not inspect.isfunction(member)


def unchecked(what):
    """A function, method or network behind its door, for loops whose arguments are known to fit; any other as it is."""
    if is_module(what):
        forward = unchecked(type(what).forward)
        plain = forward is type(what).forward or what._forward_hooks or what._forward_pre_hooks
        return what if plain else forward.__get__(what)
    if inspect.ismethod(what):
        return unchecked(what.__func__).__get__(what.__self__)
    return what.__wrapped__ if _is_door(what) else what


def _bind(what, parameters, args, kwargs):
    """Which argument gets which value; a call that does not fit the signature is refused by name."""
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters.values()):
        return inspect.Signature(parameters.values()).bind(*args, **kwargs).arguments
    by_place = [p.name for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    given = dict(zip(by_place, args))
    for value in args[len(by_place) :]:
        by_name = next((p.name for p in parameters.values() if p.kind is p.KEYWORD_ONLY), None)
        by_name = "rng" if isinstance(value, torch.Generator) else by_name
        instead = f" by place; {by_name}= is given by name" if by_name else f", got {len(args)}"
        raise ValueError(f"{what} takes {len(by_place)} arguments{instead}")
    for name in kwargs:
        if name not in parameters:
            now = RENAMED.get(name)
            hint = f"is now called {now}" if now in parameters else f"is no argument of {what}"
            raise ValueError(f"{name} {hint}; {what} takes {', '.join(n for n in parameters if n != 'self')}")
        if name in given:
            raise ValueError(f"{name} is given twice to {what}")
    given |= kwargs
    for name, p in parameters.items():
        if name not in given and p.default is p.empty:
            raise ValueError(f"{name} is missing in the call of {what}")
    return given


def _with_reason(value, call):
    """The value, and what about it cannot be seen from its shape."""
    if are_tensors(value):
        return f"({', '.join(_with_reason(v, call) for v in value)})"
    text = shown(value)
    plain = not isinstance(value, torch.Tensor) or value.dtype == torch.bool or value.is_complex()
    if plain or not value.ndim or not value.numel():
        return text
    if not all_finite(value):
        return f"{text}, not finite everywhere"
    if value.is_floating_point() and call.kind not in (None, (value.dtype, value.device)):
        dtype, device = call.kind
        return f"{text} on {value.device} beside {str(dtype).removeprefix('torch.')} on {device}"
    return f"{text} with values from {value.min().item():.4g} to {value.max().item():.4g}"


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
    require(isinstance(what, Iterable), "batches", what, "an iterable of batches")
    for batch in what:
        call = Call(owner)
        if not each.fits(batch, call):
            raise ValueError(f"batches holds {_with_reason(batch, call)}, takes {_with_sizes(each.words, call)}")
        yield batch
    require(batch is not None, "batches", what, "at least one batch")
