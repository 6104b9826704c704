r"""The checks that stand beside the equations of the book.

A chapter that displays a claim :math:`L = R` computes both sides by different routes and calls

.. code-block:: python

    verify("eq:grad-log-z", lhs, rhs, atol=1e-10, route="autograd against enumeration")

which raises :class:`CheckFailed` unless :math:`\max_i |L_i - R_i| \le \mathtt{atol}`, and :class:`CheckRefused`, which
is a ``ValueError``, where an argument is wrong or the check could not fail. A derivation needs other
relations too: an inequality (``relation="<="``), a Monte Carlo mean within a number of its standard errors
(``stderr=...``) and a power law (:func:`verify_slope`). A number that differs in its last digits from machine to
machine is shown by :func:`report`, which asserts a band.

A check has to be able to fail: two sides that both vanish, a tolerance as large as what is compared, a side compared
with itself and an inequality that is an equality everywhere are refused. What is printed is the same on every machine;
the deviation found travels in the metadata of the output, from where the build takes it to the equation ledger.
"""

import html
import math
import re
from dataclasses import asdict, dataclass
from numbers import Real

import torch

__all__ = ["Check", "CheckFailed", "CheckRefused", "compare", "compare_slope", "report", "verify", "verify_slope"]

MIME = "genphys"  # the key in the metadata of an output; nbval compares no metadata
_LABEL = re.compile(r"eq:[a-z0-9]+(?:-[a-z0-9]+)*")
_RELATIONS = {"=": "equal", "<=": "at most", ">=": "at least"}


class CheckFailed(AssertionError):
    """The relation that a labelled equation states does not hold between the two sides."""


class CheckRefused(CheckFailed, ValueError):
    """The check checks nothing: wrong arguments, empty, vanishing, not finite or identical sides."""


@dataclass(frozen=True)
class Check:
    """What one call of :func:`verify` found.

    ``deviation`` is in the unit of ``tolerance``: the absolute difference, or the number of standard errors.
    """

    label: str
    relation: str
    tolerance: float
    deviation: float
    scale: float
    size: int
    route: str

    @property
    def statement(self) -> str:
        """The verdict in words, without anything that differs from machine to machine."""
        route = f" ({self.route})" if self.route else ""
        return f"{self.relation}{route}"


def compare(label, lhs, rhs, atol=None, *, relation="=", stderr=None, sigmas=4.0, scale=None, route=""):
    """Compare two sides and return a :class:`Check`; :func:`verify` is this and the display of its result.

    Both sides are tensors or numbers of one shape, computed by two routes, and compared as ``relation`` says from
    ``lhs`` to ``rhs``: ``"="``, ``"<="`` or ``">="``. The largest difference allowed (for an inequality: the slack) is
    ``atol``, which follows from rounding, or so many ``sigmas`` of ``stderr``, the standard error of ``lhs - rhs``, a
    number or of the sides' shape. ``scale`` is the size of what is compared, where both sides are small because large
    terms cancel in them; ``route`` says in words how they were computed: ``"autograd against enumeration"``.
    """
    _check_label(label)
    _text(label, "route", route)
    if relation not in list(_RELATIONS):
        raise CheckRefused(f"{label}: relation is {relation!r}, takes one of {', '.join(_RELATIONS)}")
    if lhs is rhs and isinstance(lhs, torch.Tensor):
        raise CheckRefused(f"{label}: lhs and rhs are one tensor; compute them by two routes")
    lhs, rhs = _side(label, "lhs", lhs), _side(label, "rhs", rhs)
    if lhs.shape != rhs.shape:
        raise CheckRefused(f"{label}: lhs has shape {tuple(lhs.shape)} and rhs {tuple(rhs.shape)}; they must be equal")
    if (atol is None) == (stderr is None):
        raise CheckRefused(f"{label}: give either atol (rounding) or stderr (Monte Carlo)")
    if atol is not None:
        unit, tolerance = torch.ones_like(lhs), _positive(label, "atol", atol)
    else:
        unit = _side(label, "stderr", stderr)
        unit = unit.expand_as(lhs) if unit.numel() == 1 else unit
        if unit.shape != lhs.shape:
            raise CheckRefused(f"{label}: stderr has shape {tuple(unit.shape)}, takes () or {tuple(lhs.shape)}")
        if not (unit > 0).all():
            raise CheckRefused(f"{label}: stderr must be positive")
        tolerance = _positive(label, "sigmas", sigmas)

    size = max(lhs.abs().max(), rhs.abs().max()).item() if scale is None else _positive(label, "scale", scale)
    allowed = tolerance * unit.max().item()
    if relation == "=" and not size > allowed * (10 if stderr is None else 1):
        raise CheckRefused(
            f"{label}: the sides have size {size:.2g} and the tolerance is {allowed:.2g}, so the check cannot fail; "
            "choose an example that does not vanish (or give scale=, the size of the terms that cancel)"
        )
    difference = (lhs - rhs) / unit
    if relation == "=":
        deviation = difference.abs().max().item()
    else:
        excess = difference if relation == "<=" else -difference
        deviation = excess.max().item()
        if not (excess < -tolerance).any() and deviation <= tolerance:
            raise CheckRefused(f"{label}: the sides are equal everywhere, so the inequality's sign is not checked")
    if not deviation <= tolerance:
        how = "standard errors" if stderr is not None else "in absolute value"
        raise CheckFailed(
            f"{label}: lhs should be {_RELATIONS[relation]} rhs; found {deviation:.3g} {how}, allowed {tolerance:.3g}"
            + _worst(lhs, rhs, difference, relation)
        )
    within = f"within {tolerance:.3g} standard errors" if stderr is not None else f"within {tolerance:.1e}"
    words = {"=": f"holds {within}", "<=": f"holds: at most, {within}", ">=": f"holds: at least, {within}"}[relation]
    return Check(label, words, tolerance, deviation, size, lhs.numel(), route)


def compare_slope(label, x, y, slope, atol, *, route=""):
    r"""Check a power law :math:`y \propto x^s` by a straight line through :math:`(\log x_i, \log y_i)`.

    At least three positive abscissae span a factor of four or more. The fitted slope differs by ``atol`` at most from
    the exponent :math:`s` that the equation states; ``route`` says in words how ``y`` was computed.
    """
    _check_label(label)
    _text(label, "route", route)
    x, y = _side(label, "x", x), _side(label, "y", y)
    if x.shape != y.shape or x.dim() != 1 or len(x) < 3:
        raise CheckRefused(
            f"{label}: x and y take one shape (n,) with n >= 3, got {tuple(x.shape)} and {tuple(y.shape)}"
        )
    if not ((x > 0).all() and (y > 0).all()):
        raise CheckRefused(f"{label}: x and y must be positive")
    if x.max() < 4 * x.min():
        raise CheckRefused(f"{label}: x spans a factor {(x.max() / x.min()).item():.2g}, takes 4 or more")
    tolerance = _positive(label, "atol", atol)
    if not _is_real(slope):
        raise CheckRefused(f"{label}: slope is {slope!r}, takes a finite number")
    if not tolerance < abs(slope):
        raise CheckRefused(f"{label}: atol {tolerance:.2g} would admit slope 0 for slope {slope:.2g}")
    u, w = x.log() - x.log().mean(), y.log() - y.log().mean()
    fitted = ((u * w).sum() / (u * u).sum()).item()
    deviation = abs(fitted - slope)
    if not deviation <= tolerance:
        raise CheckFailed(f"{label}: the slope is {fitted:.4g}, should be {slope:.4g} within {tolerance:.2g}")
    words = f"holds: log-log slope {slope:.4g} within {tolerance:.2g}"
    return Check(label, words, tolerance, deviation, abs(slope), len(x), route)


def verify(label, lhs, rhs, atol=None, *, relation="=", stderr=None, sigmas=4.0, scale=None, route=""):
    """Check a labelled equation and display the verdict; the arguments are those of :func:`compare`."""
    _show(compare(label, lhs, rhs, atol, relation=relation, stderr=stderr, sigmas=sigmas, scale=scale, route=route))


def verify_slope(label, x, y, slope, atol, *, route=""):
    """Check a power law and display the verdict; the arguments are those of :func:`compare_slope`."""
    _show(compare_slope(label, x, y, slope, atol, route=route))


def report(name, value, band, *, unit="", digits=4):
    """Show a number that differs in its last digits between machines, and assert the band it lies in.

    The output is first the ``band``, (low, high), alone, which the regression test compares, and is then replaced by
    the value with so many significant ``digits``; ``unit`` is in words.
    """
    _text("report", "name", name)
    _text(f"report {name!r}", "unit", unit)
    if isinstance(digits, bool) or not isinstance(digits, int) or digits < 1:
        raise CheckRefused(f"report {name!r}: digits is {digits!r}, takes a whole number, 1 or more")
    if not (isinstance(band, (tuple, list)) and len(band) == 2 and all(map(_is_real, band)) and band[0] < band[1]):
        raise CheckRefused(f"report {name!r}: band is {band!r}, takes (low, high) with low < high, both finite")
    low, high = map(float, band)
    value = _side(f"report {name!r}", "value", value)
    if value.numel() != 1:
        raise CheckRefused(f"report {name!r}: value has shape {tuple(value.shape)}, takes one number")
    value = value.item()
    if not low <= value <= high:
        raise CheckFailed(f"report {name!r}: {value:.6g} lies outside the band [{low:g}, {high:g}]")
    unit = f" {unit}" if unit else ""
    band_text = f"{name}: in the band [{low:g}, {high:g}]{unit}"
    value_text = f"{name}: {value:.{digits}g}{unit}, in the band [{low:g}, {high:g}]{unit}"
    band_only = _bundle(band_text, "report", "")
    found = {"report": name, "value": value, "low": low, "high": high, "band_only": band_only}
    _display(band_only, _bundle(value_text, "report", ""), found)


def _check_label(label):
    if not (isinstance(label, str) and _LABEL.fullmatch(label)):
        raise CheckRefused(f"label is {label!r}, takes 'eq:' and words of a-z 0-9 joined by '-'")


def _side(label, name, value):
    """A side as a float64 tensor off the graph; refuses what is not a non-empty array of finite real numbers."""
    if isinstance(value, (str, bytes, bool)) or value is None:
        raise CheckRefused(f"{label}: {name} is {value!r}, takes a tensor or a number")
    if isinstance(value, complex) or "complex" in str(getattr(value, "dtype", "")):
        raise CheckRefused(f"{label}: {name} is complex, takes real numbers (compare .real and .imag)")
    try:
        # torch.as_tensor(0.1) alone would round a Python number to float32
        value = value.detach() if isinstance(value, torch.Tensor) else torch.as_tensor(value, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise CheckRefused(f"{label}: {name} is {type(value).__name__}, takes a tensor or a number") from error
    if value.numel() == 0:
        raise CheckRefused(f"{label}: {name} is empty")
    value = value.to("cpu").to(torch.float64)
    if not torch.isfinite(value).all():
        raise CheckRefused(f"{label}: {name} is not finite everywhere")
    return value


def _text(label, name, value):
    if not isinstance(value, str):
        raise CheckRefused(f"{label}: {name} is {value!r}, takes words")


def _is_real(value):
    """Whether a value is a finite real number, of Python or a tensor."""
    one = isinstance(value, torch.Tensor) and value.numel() == 1 and not value.is_complex()
    return (one or isinstance(value, Real)) and not isinstance(value, bool) and math.isfinite(value)


def _positive(label, name, value):
    if not (isinstance(value, (int, float)) and _is_real(value) and value > 0):
        raise CheckRefused(f"{label}: {name} is {value!r}, takes a positive finite number")
    return float(value)


def _worst(lhs, rhs, difference, relation):
    score = {"=": difference.abs(), "<=": difference, ">=": -difference}[relation]
    i = int(score.argmax())
    return f"; worst at element {i}: lhs {lhs.flatten()[i].item():.8g}, rhs {rhs.flatten()[i].item():.8g}"


def _bundle(text, kind, label):
    shown = html.escape(text.removeprefix(label))
    code = f"<code>{label}</code>" if label else ""
    equation = f' data-eq="{label}"' if label else ""
    return {"text/plain": text, "text/html": f'<p class="{kind}"{equation}>{code}{shown}</p>'}


def _show(check):
    bundle = _bundle(f"{check.label} {check.statement}", "verify", check.label)
    _display(bundle, None, {"check": asdict(check)})


def _display(first, then, found):
    """Display a bundle in a notebook, and then in its place another one; print the last of them elsewhere."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        shell = None
    else:
        shell = get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        print((then or first)["text/plain"])
        return
    metadata = {MIME: found}
    if then is None:
        display(first, raw=True, metadata=metadata)
        return
    handle = display(first, raw=True, metadata=metadata, display_id=True)
    handle.update(then, raw=True, metadata=metadata)
