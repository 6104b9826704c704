"""How much of a chapter is open code: `python tests/open_code.py`.

A page is to be read as prose, mathematics and figures. Open is what a reader sees without a click: code cells outside
of solutions without one of the tags that fold them or leave them out.
"""

import re
from pathlib import Path
from typing import NamedTuple

BOOK = Path(__file__).resolve().parents[1] / "book"
FOLDED = {"check", "hide-input", "hide-cell", "remove-cell", "remove-input"}
CELL = re.compile(r"^(`{3,})\{code-cell\}[^\n]*\n(.*?)^\1[ ]*$", re.MULTILINE | re.DOTALL)
SOLUTION = re.compile(r"\{solution-start\}.*?\{solution-end\}", re.DOTALL)


class Cell(NamedTuple):
    """A code cell of a chapter: the number of its first line, its tags, its code, and whether it is in a solution."""

    line: int
    tags: set
    code: str
    in_solution: bool

    @property
    def is_open(self):
        return not self.in_solution and not self.tags & FOLDED


def cells(text):
    """The code cells of a chapter's source, with tags in either form: `:tags: [...]` or between two lines of dashes."""
    solutions = [found.span() for found in SOLUTION.finditer(text)]
    for found in CELL.finditer(text):
        head, code = re.fullmatch(r"(---\n.*?^---\n|(?::[^\n]*\n)*)(.*)", found[2], re.MULTILINE | re.DOTALL).groups()
        tags = re.search(r"tags: *\[([^\]]*)\]", head)
        named = {tag.strip() for tag in tags[1].split(",")} if tags else set()
        line = text.count("\n", 0, found.start()) + 1
        yield Cell(line, named, code.rstrip("\n"), any(a < found.start() < b for a, b in solutions))


def share(text):
    """Lines of open code over all lines of the source."""
    return sum(len(cell.code.splitlines()) for cell in cells(text) if cell.is_open) / len(text.splitlines())


def chapters():
    """{name: source} of the pages with code cells that are executed."""
    pages = {path.stem: path.read_text("utf8") for path in sorted(BOOK.glob("*.md"))}
    return {name: text for name, text in pages.items() if "kernelspec" in text[:400]}


if __name__ == "__main__":
    for chapter, source in chapters().items():
        print(f"{chapter:28} {share(source):5.0%}")
