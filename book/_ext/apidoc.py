"""The API page: an equation's label in a docstring links to the equation; a named tuple lists its fields once."""

import re

LABEL = re.compile(r"\(``((?:eq|def):[a-z0-9-]+)``\)|``((?:eq|def):[a-z0-9-]+)``")


def link_equations(app, what, name, obj, options, lines):
    """Turn ``eq:label`` into a link with the number of the equation; an unknown label is a warning of Sphinx."""
    lines[:] = [LABEL.sub(lambda m: f":eq:`{m[1] or m[2]}`", line) for line in lines]


def skip_fields(app, what, name, obj, skip, options):
    """The fields of a named tuple stand in its docstring."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def setup(app):
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", link_equations)
    app.connect("autodoc-skip-member", skip_fields)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
