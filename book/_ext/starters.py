"""A notebook to begin each project with: the chapter's down to the result to reproduce, then the project's headings.

`make starters` reads the projects of teaching.md, each `**Title.** Text. *Reference:* ... {numref}`fig:...``, and under
it a list, its rubric. It writes book/_build/starters/TITLE.ipynb from the committed notebook of the chapter that has
the figure.
"""

import re
import sys
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell

BOOK = Path(__file__).resolve().parents[1]
PROJECT = re.compile(r"^\*\*(?P<title>[^*]+?)\.?\*\* (?P<text>.+?)\n\n(?P<rubric>(?:- [^\n]+\n)+)", re.M | re.S)
CELL = re.compile(r"^(`{3,})\{code-cell\}[^\n]*\n(?P<body>.*?)^\1[ ]*$", re.M | re.S)
REFERENCE = re.compile(r"\*Reference:\*.*?\{numref\}`(fig:[\w-]+)`", re.S)


class Project(NamedTuple):
    """A project: its title, its words, the figure to reproduce, and the lines of its rubric."""

    title: str
    text: str
    figure: str
    rubric: list

    @property
    def name(self):
        return "_".join(re.findall(r"[a-z]+", self.title.lower()))


def projects(page):
    """The projects of the page `Teaching from this book`. Raises ValueError for one without a reference."""
    section = re.split(r"^## ", page, flags=re.M)
    section = next((part for part in section if part.startswith("Projects\n")), "")
    found = []
    for match in PROJECT.finditer(section):
        reference = REFERENCE.search(match["text"])
        if reference is None:
            raise ValueError(f"the project {match['title']!r} names no figure after *Reference:*")
        lines = [line.removeprefix("- ") for line in match["rubric"].splitlines()]
        found.append(Project(match["title"], " ".join(match["text"].split()), reference[1], lines))
    return found


def plain(text):
    """MyST as Markdown: of a role what it names."""
    text = re.sub(r"\{numref\}`(?:fig:)?([^`]+)`", r"the figure *\1*", text)
    text = re.sub(r"\{eq\}`(?:eq:)?([^`]+)`", r"the equation *\1*", text)
    return re.sub(r"\{ref\}`(?:[^`<]*<)?(?:sec:|ex:)?([^`>]+)>?`", r"*\1*", text)


def place(figure, book=BOOK):
    """The chapter with a figure, and the code of the cell that draws it. Raises ValueError."""
    for path in sorted(book.glob("*.md")):
        for cell in CELL.finditer(path.read_text("utf8")):
            if re.search(rf"^ *name: {figure}$", cell["body"], re.M):
                return path.stem, cell["body"].split("---\n", 2)[2].rstrip("\n")
    raise ValueError(f"no cell of a chapter draws {figure}")


def starter(project, book=BOOK):
    """The notebook, as nbformat has it. Raises ValueError where the chapter's notebook has no such cell."""
    chapter, code = place(project.figure, book)
    notebook = nbformat.read(book / f"{chapter}.ipynb", 4)
    last = next((k for k, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.source == code), None)
    if last is None:
        raise ValueError(f"{chapter}.ipynb has no cell that draws {project.figure}: run `make notebooks`")
    rest = notebook.cells[last + 1 :]
    end = next((k for k, cell in enumerate(rest) if cell.source.lstrip().startswith("#")), len(rest))
    cells = notebook.cells[: last + 1] + rest[:end]  # what is said and checked of the figure belongs to it
    cells[1:1] = [new_markdown_cell(f"*A project begins at the end of this notebook: {project.title}.*")]
    cells.append(new_markdown_cell(f"# Project: {project.title}\n\n{plain(project.text)}"))
    for line in project.rubric:
        cells += [new_markdown_cell(f"## {plain(line)}"), new_code_cell("")]
    for number, cell in enumerate(cells):
        cell.id = f"{project.name[:50]}-{number}".replace("_", "-")
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.cells = cells
    nbformat.validate(notebook)
    return notebook


def main(book=BOOK):
    """Write them all; returns the paths."""
    folder = book / "_build" / "starters"
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for project in projects((book / "teaching.md").read_text("utf8")):
        path = folder / f"{project.name}.ipynb"
        path.write_text(nbformat.writes(starter(project, book)) + "\n", "utf8")
        written.append(path)
    return written


if __name__ == "__main__":
    try:
        for path in main():
            print(path.relative_to(BOOK.parent))
    except ValueError as error:
        sys.exit(f"make starters: {error}")
