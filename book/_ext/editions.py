"""Editions of the book: which solutions of the exercises its pages and notebooks give.

The committed notebooks give none and the published pages all, folded. Two editions are written beside them, under
`book/_build/editions`: `student`, with what book/solutions.yml has released until today, and `instructor`, with all.
"""

import datetime
import re
from pathlib import Path

import yaml
from sphinx.errors import SphinxError
from sphinx_exercise.nodes import solution_node

PLAN = "solutions.yml"
START = re.compile(r"^(?:`{3,}|:{3,})\{solution(?:-start)?\} +(\S+)", re.M)


class WrongPlan(SphinxError):
    """book/solutions.yml cannot be followed."""

    category = "Solutions"


class Plan:
    """When the students' edition gives a solution: ``plan.gives(chapter, exercise, today)``.

    Args:
        text: YAML, a mapping from ``all``, a chapter or the label of an exercise to a day, ``now`` or ``never``. The
            narrowest entry decides; where there is none, never.
        known: The names that may stand there: the chapters and the labels of exercises that have a solution.
    """

    def __init__(self, text, known):
        entries = yaml.safe_load(text) or {}
        if not isinstance(entries, dict):
            raise WrongPlan(f"{PLAN}: must be lines of the form `name: day`")
        for name, when in entries.items():
            if name != "all" and name not in known:
                raise WrongPlan(f"{PLAN}: {name!r} is neither a chapter nor the label of an exercise with a solution")
            if when not in ("now", "never") and type(when) is not datetime.date:
                raise WrongPlan(f"{PLAN}: {name}: must be a day like 2027-02-08, now or never; it is {when!r}")
        self.entries = entries

    def gives(self, chapter, exercise, today):
        when = next((self.entries[n] for n in (exercise, chapter, "all") if n in self.entries), "never")
        return when == "now" or (when != "never" and when <= today)


def solved(book):
    """The chapters of a book, and the labels of its exercises that have a solution."""
    found = set()
    for path in Path(book).glob("*.md"):
        found |= {path.stem, *START.findall(path.read_text("utf8"))}
    return found


def gives(app, chapter, exercise):
    """Whether what is built gives the solution of this exercise."""
    edition, pages = app.config.genbook_edition, app.builder.format == "html"
    if edition != "student":
        return edition == "instructor" or pages
    return app.genbook_plan.gives(chapter, exercise, datetime.date.today())


def read_plan(app):
    path = Path(app.srcdir, PLAN)
    app.genbook_plan = Plan(path.read_text("utf8") if path.exists() else "", solved(app.srcdir))


def leave_out(app, doctree, docname):
    """Solutions that are not given do not reach the page, nor the search of it."""
    for node in list(doctree.findall(solution_node)):
        if not gives(app, docname, node["target_label"]):
            node.parent.remove(node)


def hide_sources(app, exception):
    """The sources of the chapters, which stand beside the pages, have every solution in them."""
    if exception is None and app.config.genbook_edition == "student" and app.builder.format == "html":
        for path in Path(app.outdir, "_sources").rglob("*.md"):
            path.unlink()


def setup(app):
    app.add_config_value("genbook_edition", "", "")
    app.connect("builder-inited", read_plan)
    app.connect("doctree-resolved", leave_out, priority=100)
    app.connect("build-finished", hide_sources)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
