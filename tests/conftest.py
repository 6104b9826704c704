"""What several test files share."""

import os
import re
import shutil
import sys
from pathlib import Path

import forked
import pytest

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # before PyTorch: threads that share a core wait for each other
sys.path.insert(0, str(BOOK / "_ext"))


def chapters(mark="\nkernelspec:"):
    """The pages in book/_toc.yml that have this line in their front matter, in reading order."""
    names = re.findall(r"^ *- file: *(\S+)", (BOOK / "_toc.yml").read_text("utf8"), re.MULTILINE)
    heads = {name: (BOOK / f"{name}.md").read_text("utf8")[:400].split("\n---\n")[0] for name in names}
    return [name for name in names if mark in heads[name]]


CHAPTERS = chapters()
# These have the shape of the course, its exercises and decks; a chapter of one's own need not.
COURSE = chapters("\nrules: course")


class SmallBook:
    """A book of one or two small chapters, built by the real extensions in a folder of its own."""

    def __init__(self, root):
        self.root, self.book = root, root / "book"
        shutil.copytree(BOOK / "_ext", self.book / "_ext", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(BOOK / "_static", self.book / "_static")
        shutil.copy(BOOK / "_config.yml", self.book)
        self.module("__init__", '"""A room that hands on what its files define."""\n\nfrom small.one import one\n')
        self.module("one", '"""One."""\n\none = 1\n')
        self.module("two", "two = 2\n")
        (root / "requirements.txt").write_text("")
        self.write("references.bib", "@book{someone, title={T}, author={Some One}, year={1999}, publisher={P}}")
        self.write("index.md", "# Index\n\nWords.\n\n```{chapter-times}\n```\n")
        self.write("ledger.md", "# Ledger\n\n```{equation-ledger}\n```\n\n```{bibliography}\n```\n")

    def write(self, name, text):
        (self.book / name).write_text(text, "utf8")

    def module(self, name, text):
        """Write a file of the package `small`, which the cells can import."""
        path = self.root / "code" / "small" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf8")

    def chapter(self, name, body):
        head = "---\njupytext:\n  text_representation: {extension: .md, format_name: myst, format_version: 0.13}\n"
        head += "kernelspec: {name: python3, display_name: Python 3, language: python}\n---\n"
        self.write(name + ".md", head + f"# {name.capitalize()}\n\n{body}\n")
        names = sorted(p.stem for p in self.book.glob("*.md") if p.stem not in ("index", "ledger"))
        toc = "format: jb-book\nroot: index\nchapters:\n"
        self.write("_toc.yml", toc + "".join(f"  - file: {n}\n" for n in [*names, "ledger"]))

    def build(self, *arguments):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "code"), str(self.root / "code")])}
        return forked.run(self.book / "_ext" / "make_book.py", arguments, environment, timeout=300)

    def page(self, name):
        return (self.book / "_build" / "html" / f"{name}.html").read_text("utf8")


@pytest.fixture
def small_book(tmp_path):
    return SmallBook(tmp_path)


def claim(label, cell="", prefix="eq"):
    """A displayed formula and, where given, the cell under it."""
    text = f"```{{math}}\n:label: {prefix}:{label}\n1 + 1 = 2\n```\n"
    return text + (f"\n```{{code-cell}} ipython3\n{cell}\n```\n" if cell else "")


def pytest_collection_modifyitems(items):
    """The tests of one page of the site follow each other, so that a browser opens it once."""
    places = [k for k, item in enumerate(items) if item.path.name == "test_site.py"]

    def page(item):
        return item.callspec.params.get("name", "") if hasattr(item, "callspec") else ""

    for place, item in zip(places, sorted((items[k] for k in places), key=page), strict=True):
        items[place] = item
