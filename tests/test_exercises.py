"""The exercises of the book: each says how difficult it is and how long it takes, and which of them know the answer."""

import re

import exercises
import pytest
from conftest import BOOK, COURSE

from genphys.exercises.judge import exercises as checked

CHAPTERS = {name: (BOOK / f"{name}.md").read_text("utf8") for name in COURSE}
every_chapter = pytest.mark.parametrize("chapter", CHAPTERS)


@pytest.mark.parametrize("chapter", [chapter for chapter in CHAPTERS if chapter in COURSE])
def test_each_exercise_says_how_difficult_it_is_and_how_long_it_takes(chapter):
    found = exercises.exercises(CHAPTERS[chapter])
    assert [label for label, *_ in found] == re.findall(r"^:label: (ex:[\w-]+)$", CHAPTERS[chapter], re.M)
    for label, _, level, minutes, _ in found:
        assert level, f"{label} begins with a line like: Easy, 20 minutes, on paper."
        assert 5 <= minutes <= 90
    levels = [level for _, _, level, _, _ in found]
    assert len(set(levels)) >= 2, "something for everybody"


@every_chapter
def test_what_is_called_checked_has_an_empty_cell_and_a_solution_that_passes(chapter):
    text = CHAPTERS[chapter]
    for label, _, _, _, kind in exercises.exercises(text):
        empty = re.findall(
            rf'^```\{{code-cell\}} ipython3\n:tags: \[answer, [^]]*\]\n(?:(?!```).*\n)*?check\("{label}"', text, re.M
        )
        solved = re.findall(rf'^assert check\("{label}"', text, re.M)
        expected = 1 if kind == "checked in the notebook" else 0
        assert (len(empty), len(solved), label in checked()) == (expected, expected, bool(expected)), label


def test_the_cases_belong_to_exercises_of_the_book():
    """Those of a chapter that was deleted may stay in the package."""
    texts = {path.stem: path.read_text("utf8") for path in BOOK.glob("*.md")}
    there = {label for text in texts.values() for label, *_ in exercises.exercises(text)}
    cases = (BOOK.parent / "code" / "genphys" / "exercises").glob("*.py")
    gone = "".join(path.read_text("utf8") for path in cases if path.stem not in texts)
    assert {label for label in checked() if label not in there and f'"{label}"' not in gone} == set()


def test_the_line_is_read_in_its_one_form():
    head = "```{exercise} A title\n:label: ex:one\n"
    right = head + "{.effort}\nHard, 45 minutes, on paper.\n\nShow it.\n```\n"
    assert exercises.exercises(right) == [("ex:one", "A title", "Hard", 45, "on paper")]
    for wrong in (
        "Hard, 45 minutes",
        "hard, 45 minutes, on paper.",
        "Hard, 45 min, on paper.",
        "Hard, 45 minutes, at home.",
    ):
        text = head + "{.effort}\n" + wrong + "\n\nShow it.\n```\n"
        assert exercises.exercises(text) == [("ex:one", "A title", None, None, None)]
    assert exercises.exercises(head + "Show it.\n```\n")[0][2] is None


def test_the_table_leads_to_the_exercises(small_book):
    small_book.write("teaching.md", "# Teaching\n\n```{exercise-table}\n```\n")
    effort = "{.effort}\nHard, 45 minutes, checked in the notebook."
    exercise = f"```{{exercise}} A title\n:label: ex:one\n{effort}\n\nShow it.\n```\n\nWords.\n"
    small_book.chapter("first", exercise + "\n```{code-cell} ipython3\n1 + 1\n```\n")
    done = small_book.build()
    assert done.returncode == 0, done.stdout + done.stderr
    page = small_book.page("teaching")
    assert 'first.html#ex:one"' in page and "<p>hard</p>" in page and "<p>45</p>" in page and "<p>checked</p>" in page
