"""The exercises of all chapters in one table: how difficult, how long, and whether the notebook knows the answer.

    ```{exercise-table}
    ```

reads the line that stands first in each exercise, in one form: `Easy, 20 minutes, checked in the notebook.` The words
are those of LEVELS and KINDS.
"""

import re
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

LEVELS = ("Easy", "Medium", "Hard")
KINDS = ("checked in the notebook", "on paper", "by experiment")
EXERCISE = re.compile(
    r"^`{3,}\{exercise\} ?(?P<title>[^\n]*)\n:label: (?P<label>ex:[\w-]+)\n(?P<effort>\{\.effort\}\n[^\n]*\n)?", re.M
)
EFFORT = re.compile(rf"\{{\.effort\}}\n({'|'.join(LEVELS)}), (\d+) minutes, ({'|'.join(KINDS)})\.\n")


def exercises(text):
    """The exercises of a chapter's source: label, title, level, minutes, kind; the last three None where not said."""
    found = []
    for match in EXERCISE.finditer(text):
        effort = EFFORT.fullmatch(match["effort"] or "")
        level, minutes, kind = effort.groups() if effort else (None, None, None)
        found.append((match["label"], match["title"], level, minutes and int(minutes), kind))
    return found


class Table(SphinxDirective):
    """A table of all exercises, the chapters in the order of the book."""

    def run(self):
        book = Path(self.env.srcdir)
        lines = ["| Chapter | Exercise | Level | Minutes | Its answer |", "|:---|:---|:---|---:|:---|"]
        for name in re.findall(r"^ *- file: (\S+)$", (book / "_toc.yml").read_text("utf8"), re.M):
            path = book / f"{name}.md"
            text = path.read_text("utf8") if path.exists() else ""  # a page need not be Markdown
            rows = [row for row in exercises(text) if row[2]]
            if not rows:
                continue
            self.env.note_dependency(str(path))
            chapter = re.search(r"^# (.*)$", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), re.M)[1]
            for label, title, level, minutes, kind in rows:
                short = kind.partition(" in ")[0]
                lines.append(f"| {chapter} | {{ref}}`{title} <{label}>` | {level.lower()} | {minutes} | {short} |")
                chapter = ""
        container = nodes.container()
        self.state.nested_parse(StringList(lines, str(book / "_toc.yml")), 0, container)
        return container.children


def setup(app):
    app.add_directive("exercise-table", Table)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
