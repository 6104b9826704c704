"""A chapter reads as prose, mathematics and figures: what verifies is folded, and little code stands open."""

import re

import open_code
import pytest
from conftest import COURSE

every_chapter = pytest.mark.parametrize("chapter", COURSE)


@every_chapter
def test_at_most_a_quarter_of_a_page_is_open_code(chapter):
    """At most half where the program itself is the subject."""
    assert open_code.share(open_code.chapters()[chapter]) <= (0.5 if chapter == "first_gan" else 0.25)


@every_chapter
def test_few_checks_stand_open(chapter):
    """The central ones; the others show their badges, and their code is behind a click."""
    checking = re.compile(r"^ *(verify|verify_slope|report)\(", re.MULTILINE)
    left = [c.line for c in open_code.cells(open_code.chapters()[chapter]) if c.is_open and checking.search(c.code)]
    assert len(left) <= 3, f"lines {left}"


def test_tags_are_understood_in_both_forms_and_solutions_are_folded():
    text = "# T\n\n```{code-cell} ipython3\na = 1\nb = 2\n```\n\n```{code-cell}\n:tags: [check]\nc = 3\n```\n"
    text += "```{code-cell} ipython3\n---\ntags: [hide-input, slide]\nmystnb:\n  image: {alt: x}\n---\nd = 4\n```\n"
    text += "```{solution-start} ex:a\n```\n```{code-cell} ipython3\ne = 5\n```\n```{solution-end}\n```\n"
    found = list(open_code.cells(text))
    assert [c.code for c in found] == ["a = 1\nb = 2", "c = 3", "d = 4", "e = 5"]
    assert [c.is_open for c in found] == [True, False, False, False]
    assert found[2].tags == {"hide-input", "slide"} and found[1].line == 8
    assert open_code.share(text) == 2 / len(text.splitlines())
