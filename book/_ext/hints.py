"""The hints of an exercise in two steps: where to begin, and behind that the decisive step.

    ```{hints} ex:name
    Which formula or limiting case to begin with.

    ---

    The step that the rest hangs on, or the trap.
    ```

stands below the exercise. The page and the notebook fold both, the second inside the first, so that nobody reads the
second by accident; on paper they stand open. They give nothing away that `check` asks for, and belong to every edition.
"""

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

STEPS = ("A hint", "A second hint")


class exercise_hints(nodes.General, nodes.Element):
    """The two steps, the second one inside the first."""


class exercise_hint(nodes.General, nodes.Element):
    """A step: a summary and what it folds."""


class HintsDirective(SphinxDirective):
    """The label of the exercise is the argument; `parts` divides the text."""

    has_content = True
    required_arguments = 1

    def run(self):
        steps = parts(self.content)
        if len(steps) != len(STEPS) or not all(" ".join(step).strip() for step in steps):
            raise self.error(f"hints of {self.arguments[0]}: two steps, with a line --- between them")
        inner = None
        for title, step in reversed(list(zip(STEPS, steps))):
            node = exercise_hint("", title=title)
            self.state.nested_parse(step, self.content_offset, node)
            if inner is not None:
                node += inner
            inner = node
        return [exercise_hints("", inner, exercise=self.arguments[0])]


def parts(lines):
    """The lines before, between and after those that are ---."""
    found = [StringList()]
    for line, (source, offset) in zip(lines, lines.items if isinstance(lines, StringList) else [("", 0)] * len(lines)):
        if line.strip() == "---":
            found.append(StringList())
        else:
            found[-1].append(line, source, offset)
    return found


def visit_hints(self, node):
    self.body.append('<div class="hints">\n')


def depart_hints(self, node):
    self.body.append("</div>\n")


def visit_hint(self, node):
    self.body.append(f"<details><summary>{node['title']}</summary>\n")


def depart_hint(self, node):
    self.body.append("</details>\n")


def setup(app):
    app.add_node(exercise_hints, html=(visit_hints, depart_hints))
    app.add_node(exercise_hint, html=(visit_hint, depart_hint))
    app.add_directive("hints", HintsDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
