"""What an argument takes: the words of which signatures are made, each with the check behind it."""

import functools
import math
import numbers
import operator
import types
from collections.abc import Iterable
from typing import Literal, Union, get_args, get_origin

import torch


def shown(value):
    """A value in a few words, for a message."""
    if isinstance(value, torch.Tensor):
        if value.ndim == 0 and not value.is_meta:
            return repr(value.item())
        return f"a tensor of shape {tuple(value.shape)} and type {str(value.dtype).removeprefix('torch.')}"
    if hasattr(value, "dtype") and getattr(value, "ndim", 0):
        return f"an array of shape {tuple(value.shape)} and type {value.dtype}"
    if are_tensors(value):
        return f"({', '.join(map(shown, value))})"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def are_tensors(value):
    return isinstance(value, list | tuple) and 0 < len(value) < 4 and all(isinstance(v, torch.Tensor) for v in value)


def require(condition, name, value, takes):
    """Raise the ValueError of argument ``name`` unless the condition holds: for relations between arguments."""
    if not condition:
        raise ValueError(f"{name} is {shown(value)}, takes {takes}")


class Takes:
    """What an argument takes: a predicate of the value and the call's sizes, and the words for it."""

    def __init__(self, words, fits):
        self.words, self.fits = words, fits

    def where(self, holds, words):
        """What fits, and for which ``holds(value)`` is true as well."""
        return Takes(words, lambda v, call: self.fits(v, call) and holds(v))

    def __or__(self, other):  # tensor("n") | None
        other = takes(other)
        return Takes(f"{self.words} or {other.words}", lambda v, call: self.fits(v, call) or other.fits(v, call))

    __ror__ = __or__


class Call:
    """What the arguments of one call have in common: the sizes of its shapes, one type and one device."""

    def __init__(self, owner):
        self.lead = torch.Size()  # what the dimensions before the named ones broadcast to, where they are written *
        self.sizes, self.made_by, self.argument, self.kind = {}, {}, None, None
        self.measure_by(owner)

    def measure_by(self, owner):
        """From now on sizes are named by ``owner``, and type and device are those of its parameters."""
        self.owner, own = owner, getattr(owner, "like", None)
        if is_module(owner):
            own = next((p for p in owner.parameters() if p.is_floating_point()), None)
        self.kind = self.kind if own is None else (own.dtype, own.device)

    def size(self, name, found):
        if name == "_" or name.isdigit():
            return name == "_" or int(name) == found
        known = getattr(self.owner, name, None)
        return found == known if isinstance(known, int) else self.agrees(name, found)

    def agrees(self, name, found):
        """Whether a size is what an earlier argument made it; the first that has it makes it."""
        self.made_by.setdefault(name, self.argument)
        return found == self.sizes.setdefault(name, found)

    def broadcasts(self, lead):
        try:
            self.lead = torch.broadcast_shapes(self.lead, lead)
        except RuntimeError:
            return False
        return True

    def same_kind(self, value):
        self.kind = self.kind or (value.dtype, value.device)
        return (value.dtype, value.device) == self.kind


def takes(annotation):
    """The :class:`Takes` of an annotation: one of this module's, a class, None, or Literal[...]."""
    if isinstance(annotation, Takes):
        return annotation
    if annotation in (None, type(None)):
        return Takes("None", lambda v, call: v is None)
    if isinstance(annotation, types.UnionType) or get_origin(annotation) is Union:
        return functools.reduce(Takes.__or__, map(takes, get_args(annotation)))
    if get_origin(annotation) is Literal:
        options = get_args(annotation)
        return Takes(f"one of {', '.join(map(repr, options))}", lambda v, call: isinstance(v, str) and v in options)
    if isinstance(annotation, type):
        return Takes(f"a {annotation.__name__}", lambda v, call: isinstance(v, annotation))
    raise TypeError(f"{annotation!r} says nothing that can be checked")


def is_module(value):
    return isinstance(value, torch.nn.Module)


def _is_int(value):
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _hidden(value):
    """Whether the values cannot be asked for: without data, or inside the transforms of torch.func."""
    inside = getattr(torch._C._functorch, "is_functorch_wrapped_tensor", lambda x: False)
    return value.is_meta or inside(value)


def all_finite(value):
    value = value.detach()  # a NaN or an infinity would show in the sum; where it overflows, all are asked
    return _hidden(value) or math.isfinite(value.sum().item()) or bool(value.isfinite().all())


def _all_among(value, allowed):
    if _hidden(value):
        return True
    if not value.is_floating_point():
        return bool(functools.reduce(torch.logical_or, [value == v for v in allowed]).all())
    value, product = value.detach(), value.detach() - allowed[-1]
    for v in allowed[:-1]:
        product.mul_(value - v if v else value)
    return product.abs_().sum().item() == 0  # a product is zero at the values alone, and NaN at NaN


def _holds(condition):
    return _hidden(condition) or bool(condition.all())


def _bounds(low=None, high=None, above=None, below=None):
    """Bounds in words, and whether a number or every element of a tensor keeps to them (NaN does not)."""
    ways = {"at least": operator.ge, "at most": operator.le, "above": operator.gt, "below": operator.lt}
    given = [(word, bound) for word, bound in zip(ways, (low, high, above, below)) if bound is not None]

    def within(value):
        least = most = value
        if isinstance(value, torch.Tensor):
            if not given or _hidden(value) or not value.numel():
                return True
            least, most = (bound.item() for bound in value.detach().aminmax())
        return all(ways[word](least, bound) and ways[word](most, bound) for word, bound in given)

    return " and ".join(f"{word} {bound}" for word, bound in given), within


def count(least=1, most=None):
    """A whole number, ``least`` or more."""
    words = f"a whole number, {least} or more" + (f", at most {most}" if most is not None else "")
    return Takes(words, lambda v, call: _is_int(v) and least <= v and (most is None or v <= most))


def number(low=None, high=None, *, above=None, below=None):
    """A finite real number or a tensor of shape (), within the bounds."""
    bounds, within = _bounds(low, high, above, below)

    def fits(v, call):
        if isinstance(v, torch.Tensor) and v.ndim == 0 and v.dtype != torch.bool and not v.is_complex():
            return all_finite(v) and within(v)
        return isinstance(v, numbers.Real) and not isinstance(v, bool) and math.isfinite(v) and within(v)

    return Takes(f"a finite number {bounds}".strip(), fits)


positive = number(above=0)
source = Takes("a source of chance, torch.Generator", lambda v, call: isinstance(v, torch.Generator))
function = Takes("a function", lambda v, call: callable(v))
iterable = Takes("an iterable", lambda v, call: isinstance(v, Iterable) and not isinstance(v, str))


def tensor(shape=None, *, rows=1, kind="real", values=None, finite=True, free=False, **bounds):
    """A tensor of a shape such as ``"n d"``, ``"... d"`` or ``"n 1 28 28"``; ``""`` is a number, None any shape.

    A shape has one word a dimension, ``_`` for any size; ``...`` first for any number of dimensions more, or last for
    any number that are the same in the whole call; ``*`` first for any number that broadcast with those of the call's
    other tensors of such a shape. The first dimension has ``rows`` or more. ``kind`` is ``"real"`` (floating),
    ``"whole"`` (integers) or ``"any"`` (not complex). Elements keep to the bounds of :func:`number` or are among a few
    ``values``, and are ``finite``; type and device are those of the call's other tensors unless they are ``free``.
    """
    words = {"real": "a floating tensor", "whole": "a tensor of whole numbers", "any": "a tensor of numbers"}[kind]
    words += "" if shape is None else f" of shape ({', '.join(shape.split())})"
    words += f" with {rows} rows or more" if rows > 1 else ""
    words += f" with values in {{{', '.join(map(str, values))}}}" if values else ""
    given = {name for name, bound in bounds.items() if bound is not None}
    between = given & {"low", "above"} and given & {"high", "below"}
    bounds, within = _bounds(**bounds)
    limits = " and ".join(filter(None, ["finite" if finite and kind != "whole" else "", bounds]))
    words += f", {limits}" if limits else ""
    unknown = finite and not between and values is None  # what is between bounds or among values is finite

    def fits(v, call):
        return (
            isinstance(v, torch.Tensor)
            and not v.is_complex()
            and (v.dtype != torch.bool or values is not None)
            and (kind == "any" or (kind == "real") == v.is_floating_point())
            and (shape is None or _shape_fits(v, shape, call))
            and (rows <= 1 or (v.ndim > 0 and len(v) >= rows and v.numel() > 0))
            and (free or not v.is_floating_point() or call.same_kind(v))
            and (not unknown or not v.is_floating_point() or all_finite(v))
            and (values is None or _all_among(v, values))
            and within(v)
        )

    return Takes(words, fits)


def _shape_fits(v, shape, call):
    names = shape.split()
    if names[:1] == ["..."] or names[:1] == ["*"]:
        after = v.ndim - len(names) + 1  # where the named dimensions begin
        names, sizes = names[1:], v.shape[after:] if after >= 0 else None
        if sizes is not None and shape.startswith("*") and not call.broadcasts(v.shape[:after]):
            return False
    elif names[-1:] == ["..."]:
        names, sizes = names[:-1], v.shape[: len(names) - 1] if v.ndim >= len(names) - 1 else None
        if sizes is not None and not call.agrees("...", tuple(v.shape[len(names) :])):
            return False
    else:
        sizes = v.shape if v.ndim == len(names) else None
    return sizes is not None and v.numel() > 0 and all(map(call.size, names, sizes))


def points(shape="n d", **options):
    """Points, one a row: a finite floating tensor."""
    return tensor(shape, **options)


def covariance(size="d"):
    """A symmetric matrix without negative eigenvalues; both but for rounding."""
    matrix = tensor(f"{size} {size}")
    return matrix.where(_is_covariance, f"{matrix.words}, symmetric and without negative eigenvalues")


def _is_covariance(v):
    least = max(1e-10, 100 * torch.finfo(v.dtype).eps) * v.detach().abs().max().item()
    v = v.detach().cpu().to(torch.float64)
    return (v - v.mT).abs().max().item() <= least and torch.linalg.eigvalsh(v).min().item() >= -least


def positive_definite(shape="* d d"):
    """Symmetric positive definite matrices."""
    matrices = tensor(shape)
    return matrices.where(_is_positive_definite, f"symmetric and positive definite matrices, {matrices.words}")


def _is_positive_definite(v):
    rounding = 100 * torch.finfo(v.dtype).eps * v.abs().max()
    return _holds((v - v.mT).abs() <= rounding) and _holds(torch.linalg.cholesky_ex(v).info == 0)


def probabilities(shape="... n"):
    """Probabilities of sum 1 along the last dimension."""
    rows = tensor(shape)
    return rows.where(is_distribution, f"probabilities of sum 1 along the last dimension, {rows.words}")


def is_distribution(p):
    """Whether probabilities are not negative and have sum 1 along the last dimension, but for rounding."""
    rounding = 1e-8 if p.dtype == torch.float64 else 1e-4
    return _holds(p >= 0) and _holds((p.sum(-1) - 1).abs() <= rounding)


def owner(cls):
    """An instance of ``cls`` by whose sizes, type and device the arguments after it are measured, as by ``self``."""

    def fits(v, call):
        if isinstance(v, cls):
            call.measure_by(v)
        return isinstance(v, cls)

    return Takes(f"a {cls.__name__}", fits)


def label(shape="n", classes=None):
    """Class numbers from 0."""
    return tensor(shape, kind="whole", low=0, below=classes)


def numbers_or_tensor(**bounds):
    """A finite number, or a tensor of them of any shape."""
    return number(**bounds) | tensor(kind="any", free=True, **bounds)


def many(each, least=1):
    """A list or tuple of at least ``least`` entries, each of which fits."""
    each = takes(each)
    words = f"a list of {least} or more, each {each.words}"
    fits = lambda v, call: isinstance(v, list | tuple) and len(v) >= least and all(each.fits(x, call) for x in v)  # noqa: E731
    return Takes(words, fits)


interval = many(number(), 2).where(lambda v: len(v) == 2 and v[0] < v[1], "a pair (low, high), low < high")


def together(*parts):
    """A list or tuple of one entry for each part, which fits it: data and their labels."""
    parts = [takes(part) for part in parts]

    def fits(v, call):
        whole = isinstance(v, list | tuple) and len(v) == len(parts)
        return whole and all(part.fits(x, call) for part, x in zip(parts, v))

    return Takes(f"a tuple of {' and '.join(part.words for part in parts)}", fits)
