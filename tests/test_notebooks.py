"""The committed notebooks: in step with the chapters, executed, in plain Markdown, with the book's numbers.

They are compared with the pages and notebooks in book/_build, which `make test` builds first.
"""

import ast
import html
import json
import re

import address
import pytest
from conftest import BOOK, CHAPTERS, COURSE

BUILT = BOOK / "_build" / "notebooks"
PAGES = BOOK / "_build" / "html"

every_chapter = pytest.mark.parametrize("chapter", CHAPTERS)
every_chapter_of_the_course = pytest.mark.parametrize("chapter", COURSE)


def cells(chapter, kind=None):
    found = json.loads((BOOK / f"{chapter}.ipynb").read_text("utf8"))["cells"]
    return [c for c in found if kind in (None, c["cell_type"])]


def words(chapter):
    return "\n\n".join("".join(c["source"]) for c in cells(chapter, "markdown"))


def test_every_chapter_has_a_notebook_and_every_notebook_a_chapter():
    there, written = {p.stem for p in BOOK.glob("*.ipynb")}, {p.stem for p in BOOK.glob("*.md")}
    assert sorted(set(CHAPTERS) - there) == [], "run `make notebooks` and commit its result"
    assert sorted(there - written) == [], "notebooks without a chapter: delete them"


@every_chapter
def test_in_step_with_the_chapter(chapter):
    fresh = BUILT / f"{chapter}.ipynb"
    assert fresh.exists(), "the notebooks were not built: run `make test`, which builds them first"
    assert (BOOK / f"{chapter}.ipynb").read_bytes() == fresh.read_bytes(), "run `make notebooks` and commit its result"


@every_chapter
def test_every_code_cell_was_executed(chapter):
    """nbval passes a notebook that was never run."""
    code = cells(chapter, "code")
    assert [c["execution_count"] for c in code] == list(range(1, len(code) + 1))
    assert chapter not in COURSE or any(c["outputs"] for c in code)


@every_chapter
def test_plain_markdown(chapter):
    text = re.sub(r"^```.*?^```$", "", words(chapter), flags=re.M | re.S)
    assert not re.search(r"\{(eq|numref|ref|cite|doc|term|prf|math)[:}]", text)
    assert not re.search(r"^(:::|```\{|\+\+\+)|^\(.*\)=$|\{\.slide\}", words(chapter), flags=re.M)


@every_chapter
def test_equations_carry_the_numbers_of_the_page(chapter):
    page = (PAGES / f"{chapter}.html").read_text("utf8")
    without_solutions = re.split(r'<div class="[^"]*\bsolution\b', page)
    shown = re.findall(r'<span class="eqno">\(([\d.]+)\)', page)
    tags = re.findall(r"\\tag\{([\d.]+)\}", words(chapter))
    in_solutions = set(shown) - set(re.findall(r'<span class="eqno">\(([\d.]+)\)', without_solutions[0]))
    assert (tags or chapter not in COURSE) and len(tags) == len(set(tags))
    assert [n for n in shown if n in tags] == tags, "in the page's order, every one of them on the page"
    assert set(shown) - set(tags) <= in_solutions, "only a solution's equations may be missing"
    assert words(chapter).count("$$") == 2 * len(tags), "every displayed formula carries its number"


@every_chapter
def test_no_output_hides_from_the_regression_test(chapter):
    for cell in cells(chapter, "code"):
        tags = cell["metadata"].get("tags", [])
        assert not {"nbval-ignore-output", "nbval-skip", "raises-exception"} & set(tags), cell["source"]
        assert not "".join(cell["source"]).rstrip().endswith(";"), "nbval does not honour a trailing semicolon"
        for output in cell["outputs"]:
            assert output.get("name") != "stderr"
            assert not any(mime.startswith(("image/", "application/")) for mime in output.get("data", {}))


@every_chapter
def test_the_first_cell_installs_the_package_where_it_is_missing(chapter):
    first = "".join(cells(chapter)[0]["source"])
    url, branch = address.repository()
    assert "except ImportError" in first and f"git+{url}.git@{branch}#subdirectory=code" in first


@every_chapter_of_the_course
def test_the_setup_cell_says_how_many_threads(chapter):
    """On shared cores (Binder, a busy laptop) several threads wait for each other and are ten times slower."""
    source = (BOOK / f"{chapter}.md").read_text("utf8")
    setup = re.search(r"^```\{code-cell\} ipython3\n:tags: \[setup[^\n]*\n(.*?)^```", source, re.M | re.S)[1]
    assert "\ntorch.set_num_threads(1)" in setup


@every_chapter_of_the_course
def test_cells_are_short_and_narrow(chapter):
    """What is longer belongs in the package, but for the plain models that a page writes out; a check or a figure is
    folded, so that it may be longer. What is wider is cut off on the page."""
    for cell in cells(chapter, "code")[1:]:
        source = "".join(cell["source"])
        folded = {"check", "hide-input", "answer"} & set(cell["metadata"].get("tags", []))
        statements = sum(isinstance(node, ast.stmt) for node in ast.walk(ast.parse(source)))
        assert statements <= (40 if folded else 35), f"{statements} statements:\n{source}"
        assert max(map(len, source.splitlines())) <= (120 if folded else 96), source


@every_chapter_of_the_course
def test_the_parts_of_a_chapter(chapter):
    source = (BOOK / f"{chapter}.md").read_text("utf8")
    assert source.count("{exercise}") + source.count("{exercise-start}") >= 6
    exercises = set(re.findall(r":label: (ex:[\w-]+)", source))
    assert exercises == set(re.findall(r"\{solution-start\} (ex:[\w-]+)", source)), "each exercise has its solution"
    for solution in re.findall(r"\{solution-start\}.*?\{solution-end\}", source, re.S):
        assert "{code-cell}" in solution, "a solution is executed: " + solution[:60]
    for heading in ("Summary", "Exercises", "Further reading"):
        assert re.search(rf"^## .*{heading}", source, re.M), f"no section {heading!r}"
    assert "What you will be able to do" in source


def test_the_numbers_of_the_corrections_page_are_printed_by_the_chapters():
    """What stands there as `code` with a digit is quoted from an output of a chapter."""
    printed = ""
    for chapter in CHAPTERS:
        page = (PAGES / f"{chapter}.html").read_text("utf8")
        printed += re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", page)))
    text = re.sub(r"\{[\w:]+\}`[^`]*`", "", (BOOK / "corrections.md").read_text("utf8"))  # roles are no quotations
    quoted = [span for span in re.findall(r"`([^`]+)`", text) if re.search(r"\d", span)]
    assert quoted
    for span in quoted:
        assert span in printed, f"corrections.md quotes {span!r}, which no chapter prints"


def test_a_line_that_the_kernel_sent_in_two_pieces_is_one_output():
    import nbformat
    import notebooks

    def cell(*texts):
        outputs = [nbformat.v4.new_output("stream", name="stdout", text=text) for text in texts]
        outputs.insert(0, nbformat.v4.new_output("display_data", data={"text/plain": "eq:a holds"}))
        return nbformat.v4.new_code_cell("x", execution_count=1, outputs=outputs)

    whole, pieces = notebooks.plain(cell("median: 10.3\n")), notebooks.plain(cell("median: 10.3", "\n"))
    assert whole.outputs == pieces.outputs and len(whole.outputs) == 2
