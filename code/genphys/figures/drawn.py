"""What the figures take: tables of numbers of any kind, and dictionaries from names to them."""

import numpy as np

from genphys.arguments import Takes, takes

__all__ = []


def array(values):
    """A NumPy array of a tensor, an array or a nested list of numbers."""
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)


def values(shape, *, low=None, above=None, gaps=False):
    """Real numbers (tensor, array or list) of a shape such as ``"n d"``; ``_`` is any size; NaN with ``gaps``."""
    names = shape.split()
    words = f"numbers of shape ({', '.join(names)})" + ("" if low is None else f", at least {low}")
    words += "" if above is None else f", above {above}"

    def fits(given, call):
        if given is None or isinstance(given, (str, bool, dict)):
            return False
        try:
            table = array(given)
        except (TypeError, ValueError):  # rows of different lengths, or no numbers at all
            return False
        if table.dtype.kind not in "iuf" or table.ndim != len(names) or not table.size:
            return False
        kept = (gaps or np.isfinite(table).all()) and (low is None or table.min() >= low)
        return (
            kept
            and (above is None or table.min() > above)
            and all(n == "_" or call.size(n, size) for n, size in zip(names, table.shape))
        )

    return Takes(words, fits)


def named(each):
    """A dictionary from names to values, each of which fits; at least one."""
    each = takes(each)

    def fits(given, call):
        return isinstance(given, dict) and len(given) > 0 and all(each.fits(v, call) for v in given.values())

    return Takes(f"a dictionary {{name: {each.words}}} of at least one entry", fits)


def rows(each, size=None):
    """A list, tuple or array of at least one entry, each of which fits; all lists of one ``size`` are equally long."""
    each = takes(each)

    def fits(given, call):
        if isinstance(given, (str, dict)) or not hasattr(given, "__len__") or not len(given):
            return False
        return (size is None or call.size(size, len(given))) and all(each.fits(entry, call) for entry in given)

    return Takes(f"a list of one or more, each {each.words}", fits)


text = Takes("a text", lambda given, call: isinstance(given, str))


def words(size):
    """A list of texts."""
    return rows(text, size)
