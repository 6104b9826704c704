"""A chapter of one's own: the template builds and passes at once, and a chapter is dropped by one line."""

import json
import re

import new_chapter
import pytest
from conftest import COURSE, ROOT

TOC = """format: jb-book
root: index
parts:
  - caption: Models
    chapters:
      - file: first
      - file: second # the last one
  - caption: Back matter
    chapters:
      - file: ledger
"""


def test_the_line_stands_after_the_last_chapter_that_is_executed():
    lines = new_chapter.listed(TOC, "mine", {"first", "second"}).splitlines()
    assert lines[6:8] == ["      - file: second # the last one", "      - file: mine"]
    lines = new_chapter.listed(TOC, "mine", set()).splitlines()
    assert lines[-2:] == ["      - file: ledger", "      - file: mine"]
    with pytest.raises(ValueError, match="lists no file"):
        new_chapter.listed("root: index\n", "mine", set())


@pytest.mark.parametrize("name", ["Mine", "my-lecture", "../mine", "1st", "", "a b"])
def test_a_name_that_is_none_is_refused(name, tmp_path):
    (tmp_path / "_toc.yml").write_text(TOC)
    with pytest.raises(ValueError, match=r"is no name of a chapter, .* make chapter NAME=spins"):
        new_chapter.begin(name, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["_toc.yml"]


def test_a_chapter_is_never_written_over(tmp_path):
    (tmp_path / "_toc.yml").write_text(TOC)
    new_chapter.begin("mine", tmp_path)
    with pytest.raises(ValueError, match=r"there is a file book/mine\.md already"):
        new_chapter.begin("mine", tmp_path)
    assert (tmp_path / "_toc.yml").read_text().count("file: mine") == 1


def test_the_chapters_of_the_course_keep_its_rules():
    """The mark is in the front matter; without it the tests of the course's shape would test nothing."""
    written = {path.stem: path.read_text("utf8")[:400] for path in (ROOT / "book").glob("*.md")}
    with_faults = {path.stem for path in (ROOT / "tests" / "faults").glob("*.py")} & set(written)
    assert [name for name in sorted(with_faults) if "\nrules: course\n" not in written[name]] == []
    assert COURSE and "rules: course" not in new_chapter.text("mine")


def test_the_template_builds_without_a_warning_and_a_chapter_is_dropped_by_its_line(small_book):
    refers = "By {eq}`eq:my-lecture-mean` of {ref}`sec:my-lecture`, see {numref}`fig:my-lecture-mean`.\n"
    small_book.chapter("first", refers + "\n```{code-cell} ipython3\nprint(1)\n```\n")
    new_chapter.begin("my_lecture", small_book.book)
    done = small_book.build("--strict")
    assert done.returncode == 0, done.stdout + done.stderr
    page = small_book.page("my_lecture")
    assert page.count('<p class="verify">') == 2 and 'class="report"' in page and "0.071" in page
    done = small_book.build("--strict", "--notebooks")
    assert done.returncode == 0, done.stderr
    text = (small_book.book / "_build" / "notebooks" / "my_lecture.ipynb").read_text("utf8")
    assert r"\tag{2}" in text and "0.071" not in text
    assert all(cell["execution_count"] for cell in json.loads(text)["cells"] if cell["cell_type"] == "code")
    toc = small_book.book / "_toc.yml"
    toc.write_text(toc.read_text("utf8").replace("  - file: my_lecture\n", ""), "utf8")
    strict = small_book.build("--strict")
    assert strict.returncode != 0
    for label in ("eq:my-lecture-mean", "sec:my-lecture", "fig:my-lecture-mean"):
        assert re.search(rf"first\.md:\d+: WARNING: .*{label}", strict.stderr), strict.stderr
    lenient = small_book.build()
    assert lenient.returncode == 0 and "so not built: my_lecture.md" in lenient.stdout
    assert not (small_book.book / "_build" / "html" / "my_lecture.html").exists()
