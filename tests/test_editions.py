"""Editions: which solutions the students and the instructor are given."""

import datetime
import json

import editions
import pytest
from conftest import claim

DAY = datetime.date(2027, 2, 8)
EXERCISE = (
    "\n```{{exercise}} One\n:label: ex:{0}\nDo it.\n```\n\n```{{solution-start}} ex:{0}\n:class: dropdown\n```\n"
    "The answer of {0}, a zebra{0}.\n"
    "\n```{{code-cell}} ipython3\nprint('solved {0}')\n```\n\n```{{solution-end}}\n```\n"
)


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("", []),
        ("all: never", []),
        ("all: now", ["ex:a", "ex:b", "ex:c"]),
        ("all: now\nfirst: never", ["ex:c"]),
        ("first: 2027-02-08", ["ex:a", "ex:b"]),  # on the day itself
        ("first: 2027-02-09\nex:b: 2027-02-01", ["ex:b"]),
    ],
)
def test_the_narrowest_line_decides(text, given):
    plan = editions.Plan(text, {"first", "second", "ex:a", "ex:b", "ex:c"})
    where = {"ex:a": "first", "ex:b": "first", "ex:c": "second"}
    assert [exercise for exercise, chapter in where.items() if plan.gives(chapter, exercise, DAY)] == given


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- first", "must be lines of the form"),
        ("third: now", "'third' is neither a chapter nor"),
        ("first: soon", "first: must be a day like 2027-02-08, now or never; it is 'soon'"),
    ],
)
def test_a_plan_that_cannot_be_followed(text, words):
    with pytest.raises(editions.WrongPlan, match=words):
        editions.Plan(text, {"first"})


def test_what_each_edition_gives(small_book):
    small_book.chapter("first", claim("a", prefix="def") + EXERCISE.format("a") + EXERCISE.format("b"))
    small_book.write("solutions.yml", "ex:b: now\n")

    def built(edition, *arguments):
        done = small_book.build(*arguments, *(["--edition", edition] if edition else []))
        assert done.returncode == 0, done.stderr
        return small_book.book / "_build" / (f"editions/{edition}" if edition else "")

    def solutions(text):
        return [name for name in "ab" if f"The answer of {name}" in text and f"solved {name}" in text]

    def notebook(folder):
        cells = json.loads((folder / "notebooks" / "first.ipynb").read_text("utf8"))["cells"]
        return "".join("".join(cell["source"]) for cell in cells)

    expected = {"": [], "student": ["b"], "instructor": ["a", "b"]}
    assert {edition: solutions(notebook(built(edition, "--notebooks"))) for edition in expected} == expected
    for edition in ("student", "instructor", ""):
        folder = built(edition)
        wanted, found = expected[edition] or ["a", "b"], (folder / "html" / "searchindex.js").read_text("utf8")
        assert solutions((folder / "html" / "first.html").read_text("utf8")) == wanted
        assert [name for name in "ab" if f"zebra{name}" in found] == wanted, "the search knows no more"
        assert edition != "student" or not (folder / "html" / "_sources" / "first.md").exists()
    served = (small_book.book / "_build/editions/instructor/html/_sources/first.ipynb").read_text("utf8")
    assert solutions(served) == ["a", "b"], "the pages of an edition hand out its notebooks"
    small_book.write("solutions.yml", "all: never\n")
    assert solutions((built("student") / "html" / "first.html").read_text("utf8")) == [], "a later plan is followed"
    assert "with its solution on the page" not in notebook(small_book.book / "_build" / "editions" / "student")
    wrong = small_book.build("--edition", "teacher")
    assert wrong.returncode == 2 and "invalid choice: 'teacher' (choose from 'student', 'instructor')" in wrong.stderr
