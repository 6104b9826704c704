"""The API page: an equation's label in a docstring links to the equation; each entry links to its lines of code."""

import importlib
import inspect
import re
from functools import reduce
from pathlib import Path

from address import ROOT, repository

LABEL = re.compile(r"\(``((?:eq|def):[a-z0-9-]+)``\)|``((?:eq|def):[a-z0-9-]+)``")


def link_equations(app, what, name, obj, options, lines):
    """Turn ``eq:label`` into a link with the number of the equation; an unknown label is a warning of Sphinx."""
    lines[:] = [LABEL.sub(lambda m: f":eq:`{m[1] or m[2]}`", line) for line in lines]


def skip_fields(app, what, name, obj, skip, options):
    """The fields of a named tuple stand in its docstring."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def source_link(domain, info):
    """The address of the lines that define something, in the repository; None for what has no lines of its own."""
    try:
        thing = reduce(getattr, info["fullname"].split("."), importlib.import_module(info["module"]))
        thing = inspect.unwrap(getattr(thing, "fget", thing))  # a property; then through the doors of the checks
        lines, first = inspect.getsourcelines(thing)
        path = Path(inspect.getsourcefile(thing)).resolve().relative_to(ROOT)
    except (ImportError, AttributeError, TypeError, OSError, ValueError):
        return None
    url, branch = repository()
    return f"{url}/blob/{branch}/{path.as_posix()}#L{first}-L{first + len(lines) - 1}"


def link_source(app, config):
    config.linkcode_resolve = source_link


def setup(app):
    app.setup_extension("sphinx.ext.autodoc")
    app.setup_extension("sphinx.ext.linkcode")
    app.connect("config-inited", link_source)
    app.connect("autodoc-process-docstring", link_equations)
    app.connect("autodoc-skip-member", skip_fields)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
