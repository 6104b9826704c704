"""The walk over every public callable with wrong arguments: what is public, and how a valid call is spoiled.

Beside this file, `calls/<room>.py` holds one row for each public callable of a room: a valid call, made anew each time.

    CALLS = {
        "mmd2": case(lambda: args(cloud(6, 2), cloud(5, 2), bandwidth=1.0)),
        "BernoulliRBM.gibbs": case(lambda: args(machine(), spins(4, 3), 2, rng=rng())),   # the first is `self`
        "median_bandwidth": case(lambda: args(cloud(6, 2)), allow={"most": ["True"]}),    # with the reason
    }

A row that no callable has, and a callable without a row, are failures (test_promise.py).
"""

import dataclasses
import importlib
import inspect
import math
import pkgutil
from typing import NamedTuple

import torch

import genphys


class Args(NamedTuple):
    args: tuple
    kwargs: dict


class Case(NamedTuple):
    """A maker of valid calls, and the spoilings that are right for an argument: {argument: [names of spoilings]}."""

    make: object
    allow: dict


def args(*given, **by_name):
    return Args(given, by_name)


def case(make, allow=None):
    return Case(make, allow or {})


GENERATOR = [torch.Generator]  # the kind that rng() makes; the emulated device puts its own here


def rng(seed=0):
    return GENERATOR[0]().manual_seed(seed)


def room_of(thing):
    """The name under which a chapter knows the room of a public thing: rbm, ising, unet, figures, ..."""
    parts = thing.__module__.split(".")[1:]
    return parts[1] if parts[0] in ("systems", "networks") and len(parts) > 1 else parts[0]


def _is_container(cls):
    return dataclasses.is_dataclass(cls) or issubclass(cls, (tuple, BaseException))


def callables():
    """{"room.Name" or "room.Class.method": callable} of everything public in the package."""
    found = {}
    for info in pkgutil.walk_packages(genphys.__path__, "genphys."):
        if info.name.endswith("__main__"):
            continue
        module = importlib.import_module(info.name)
        for name in getattr(module, "__all__", ()):
            thing = getattr(module, name)
            if not callable(thing) or not getattr(thing, "__module__", "").startswith("genphys"):
                continue
            if thing.__module__.startswith("genphys.arguments"):
                continue
            room = room_of(thing)
            if inspect.isclass(thing):
                if not _is_container(thing):
                    found[f"{room}.{name}"] = thing
                for cls in reversed(thing.__mro__):
                    if cls.__module__.startswith("genphys"):
                        for key, member in vars(cls).items():
                            inner = getattr(member, "__func__", member)
                            if inspect.isfunction(inner) and not key.startswith("_"):
                                found[f"{room}.{name}.{key}"] = getattr(thing, key)
            else:
                found[f"{room}.{name}"] = thing
    return found


def spoilings(value):
    """(name, wrong value) pairs for one valid value."""
    yield "None", None
    yield "True", True
    yield "string", "wrong"
    if isinstance(value, torch.Tensor):
        if value.is_floating_point():
            yield "NaN", torch.full_like(value, math.nan)
        yield "empty", value.new_zeros((0, *value.shape[1:]))
        yield "wrong shape", value.new_zeros((3, 1, *value.shape)) if value.ndim else value.new_zeros(2, 1)
        if not value.is_floating_point() and value.dtype != torch.bool:
            yield "float for int", value + 0.5
    elif isinstance(value, bool):
        pass
    elif isinstance(value, int):
        yield "float for int", value + 0.5
        yield "NaN", math.nan
    elif isinstance(value, float):
        yield "NaN", math.nan
    elif isinstance(value, (list, tuple)):
        yield "empty", type(value)() if type(value) in (list, tuple) else ()


def degenerate(value):
    """(name, value) pairs of what the signature takes, but linear algebra may not: without spread, or overflowing."""
    most = torch.finfo(value.dtype).max / 4
    yield "zeros", torch.zeros_like(value)
    yield "ones", torch.ones_like(value)
    if value.ndim:
        yield "equal rows", value[:1].expand_as(value).clone()
        yield "equal columns", value[..., :1].expand_as(value).clone()
    yield "huge", torch.where(value < 0, torch.full_like(value, -most), torch.full_like(value, most))
    yield "small", value / most**0.5


def names_of(function, call):
    """The names of the arguments that a valid call gives, as (name, place or key); `self` is left out."""
    signature = inspect.signature(function)
    placed = [p.name for p in signature.parameters.values() if p.kind is not p.KEYWORD_ONLY]
    variable = next((p.name for p in signature.parameters.values() if p.kind is p.VAR_POSITIONAL), None)
    for k in range(len(call.args)):
        name = placed[k] if k < len(placed) else variable
        if name != "self":
            yield name, k
    for name in call.kwargs:
        yield name, name


def run(function, call):
    """Make the call; a generator takes its first step."""
    result = function(*call.args, **call.kwargs)
    return next(result) if inspect.isgenerator(result) else result
