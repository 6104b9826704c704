"""Hints in two steps: what a page, a notebook and the text for translators have of them."""

import json
import re

import exercises
import hints
import pytest
from bs4 import BeautifulSoup
from conftest import BOOK, COURSE
from docutils.statemachine import StringList

SHORTEST, LONGEST = 8, 80  # words; a formula counts as one


def steps(text):
    """The hints of a chapter: pairs of the label of an exercise and its steps."""
    found = re.findall(r"^`{3,}\{hints\} (ex:[\w-]+)\n(.*?)^`{3,}$", text, re.M | re.S)
    return [(label, ["\n".join(part).strip() for part in hints.parts(body.splitlines())]) for label, body in found]


@pytest.mark.parametrize("chapter", COURSE)
def test_each_exercise_of_the_course_has_hints_in_two_steps_below_it(chapter):
    text = (BOOK / f"{chapter}.md").read_text("utf8")
    labels = [label for label, *_ in exercises.exercises(text)]
    assert [label for label, _ in steps(text)] == labels
    below = re.findall(r"^:label: (ex:[\w-]+)\n(?:(?!```).*\n)*?```\n\n```\{hints\} (ex:[\w-]+)$", text, re.M)
    assert below == [(label, label) for label in labels]
    for label, found in steps(text):
        assert len(found) == 2, label
        for step in found:
            words = len(re.sub(r"\$[^$]+\$", "x", step).split())
            assert SHORTEST <= words <= LONGEST, (label, words)
        assert "$$" not in "".join(found) and "```" not in "".join(found), f"{label}: no displayed formula, no code"


def test_parts_are_what_lies_between_lines_of_three_hyphens():
    assert [list(part) for part in hints.parts(StringList(["a", "", "---", "b"], "here"))] == [["a", ""], ["b"]]
    assert [list(part) for part in hints.parts(["a --- b"])] == [["a --- b"]]


CHAPTER = """
```{exercise} A title
:label: ex:one
Show it.
```

```{hints} ex:one
Begin with {eq}`def:a`.

---

Then $a = 1$ is *near*.
```
"""


def test_page_and_notebook_fold_the_second_hint_inside_the_first(small_book):
    formula = "```{math}\n:label: def:a\na = b\n```\n\n```{code-cell} ipython3\n1 + 1\n```\n"
    small_book.chapter("first", formula + CHAPTER)
    built = small_book.build("--strict")
    assert built.returncode == 0, built.stdout + built.stderr
    outer = BeautifulSoup(small_book.page("first"), "html.parser").select_one(".hints > details")
    inner = outer.select_one("details")
    assert [d.summary.get_text() for d in (outer, inner)] == ["A hint", "A second hint"]
    assert "near" in inner.get_text() and "Begin with" not in inner.get_text()
    assert outer.select_one("a[href='#equation-def-a'], a[href='first.html#equation-def-a']")
    assert not outer.has_attr("open") and not inner.has_attr("open")
    assert small_book.build("--notebooks", "--strict").returncode == 0
    cells = json.loads((small_book.book / "_build" / "notebooks" / "first.ipynb").read_text("utf8"))["cells"]
    words = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    assert re.search(
        r"<details><summary>A hint</summary>\n\nBegin with .*\(1\).*\.\n\n<details><summary>A second hint<", words
    )
    assert "Then $a = 1$ is *near*.\n\n</details>\n\n</details>" in words


def test_one_step_alone_is_named(small_book):
    small_book.chapter("first", CHAPTER.replace("---\n", ""))
    built = small_book.build("--strict")
    assert built.returncode != 0
    assert "hints of ex:one: two steps, with a line --- between them" in built.stdout + built.stderr
