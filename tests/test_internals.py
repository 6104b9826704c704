"""What the build uses of the inside of Jupyter Book and its companions: each piece tried with the pinned version.

A failure here, after a pin has moved, names the package and what of it no longer holds; the repair belongs into
book/_ext/internals.py.
"""

import inspect
import re
from importlib.metadata import version

import internals
import nbformat
import pytest
from conftest import claim


def broken(package):
    seen, what = internals.SEEN[package]
    return f"{package} {version(package)} is installed, {seen} was seen to work; what is used of it: {what}"


def notebook(*sources):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])


@pytest.mark.parametrize("package", internals.SEEN)
def test_the_version_is_the_one_that_was_seen_to_work(package):
    assert version(package) == internals.SEEN[package][0], broken(package) + ": try it and write the new version there"


def test_jupyter_book_takes_the_arguments_of_a_build():
    from jupyter_book.sphinx import build_sphinx

    taken = set(inspect.signature(build_sphinx).parameters)
    given = {
        "path_config",
        "noconfig",
        "confoverrides",
        "builder",
        "warningiserror",
        "keep_going",
        "freshenv",
        "force_all",
    }
    assert given <= taken, broken("jupyter-book")


class Environment:
    """As much of Sphinx's environment as the reader of MyST-NB asks for."""

    def __init__(self, folder):
        from myst_nb.core.config import NbParserConfig
        from myst_parser.config.main import MdParserConfig

        self.folder, self.myst_config, self.mystnb_config = folder, MdParserConfig(), NbParserConfig()

    def doc2path(self, docname):
        return str(self.folder / f"{docname}.md")


def test_mystnb_reads_a_page_into_cells(tmp_path):
    head = "---\njupytext:\n  text_representation: {extension: .md, format_name: myst, format_version: 0.13}\n"
    head += "kernelspec: {name: python3, display_name: Python 3}\n---\n"
    (tmp_path / "page.md").write_text(head + "# Title\n\n```{code-cell} ipython3\nx = 1\n```\n")
    (tmp_path / "words.md").write_text("# Title\n")
    read, read_fmt = internals.read_notebook(Environment(tmp_path), "page")
    assert [c.source for c in read.cells if c.cell_type == "code"] == ["x = 1"], broken("myst-nb")
    assert read_fmt and read.metadata["source_map"], broken("myst-nb")
    assert internals.read_notebook(Environment(tmp_path), "words") is None, broken("myst-nb")


def test_a_cell_whose_options_cannot_be_read_is_named_with_its_page(tmp_path):
    head = "---\njupytext:\n  text_representation: {extension: .md, format_name: myst, format_version: 0.13}\n"
    head += "kernelspec: {name: python3, display_name: Python 3}\n---\n"
    (tmp_path / "page.md").write_text(
        head + "# Title\n\n```{code-cell} ipython3\n---\nalt: one: two\n---\nx = 1\n```\n"
    )
    with pytest.raises(ValueError, match=r"page\.md: .*line 8"):
        internals.read_notebook(Environment(tmp_path), "page")


def test_mystnb_looks_into_the_cache_that_it_is_told(tmp_path):
    env = Environment(tmp_path)
    internals.use_cache(env, tmp_path / "there")
    assert env.mystnb_config.execution_cache_path == str(tmp_path / "there"), broken("myst-nb")


def test_a_cache_knows_a_notebook_by_its_cells(tmp_path):
    done = notebook("x = 1", "x")
    done.cells[1].outputs = [nbformat.v4.new_output("stream", text="1")]
    (tmp_path / "page.md").write_text("")
    assert internals.found(tmp_path / "cache", done) is None
    fmt = {"type": "plugin", "name": "myst_nb_md"}
    internals.keep(tmp_path / "cache", tmp_path / "page.md", done, fmt, {"peak_mb": 5.0})
    assert internals.found(tmp_path / "cache", notebook("x = 1", "x"))["peak_mb"] == 5.0, broken("jupyter-cache")
    assert internals.found(tmp_path / "cache", notebook("x = 2", "x")) is None, broken("jupyter-cache")
    env = Environment(tmp_path)
    env.mystnb_config = env.mystnb_config.copy(output_folder=str(tmp_path))
    nbformat.write(notebook("x = 1", "x"), tmp_path / "page.ipynb")
    merged = internals.merged(env, "page", tmp_path / "cache")
    assert merged.cells[1].outputs[0].text == "1", broken("jupyter-cache")


def test_a_client_runs_cells_one_by_one_and_says_what_it_holds(tmp_path):
    running = internals.client(notebook("x = 1", "print(x + 1)"), tmp_path, 60)
    assert internals.memory(running) == 0
    with running.setup_kernel():
        for index, cell in enumerate(running.nb.cells):
            running.execute_cell(cell, index)
        assert internals.memory(running) > 2**20, broken("nbclient")
    assert running.nb.cells[1].outputs[0].text == "2\n", broken("nbclient")


@pytest.fixture(scope="module")
def page_tree():
    """The tree that MyST-NB makes of a page with two cells, the second of them folded."""
    from docutils.core import publish_doctree
    from myst_nb.docutils_ import Parser

    cells = [nbformat.v4.new_code_cell("x", execution_count=1), nbformat.v4.new_code_cell("y", execution_count=2)]
    shown = {"text/plain": "1", "image/png": "iVBORw0KGgo="}
    cells[0].outputs = [nbformat.v4.new_output("stream", text="0"), nbformat.v4.new_output("display_data", data=shown)]
    cells[0].metadata["tags"] = ["check"]
    cells[1].metadata["tags"] = ["hide-input"]
    meta = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    text = nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=meta))
    settings = {"nb_execution_mode": "off", "nb_output_folder": "", "report_level": 5}
    return publish_doctree(text, parser=Parser(), settings_overrides=settings)


def test_a_cell_is_a_container_with_its_number_its_tags_its_source_and_its_outputs(page_tree):
    first, second = internals.code_cells(page_tree)
    assert (first["cell_index"], second["cell_index"]) == (0, 1), broken("myst-nb")
    assert internals.has_tag(first, "check") and not internals.has_tag(second, "check"), broken("myst-nb")
    source, output = internals.parts(first)
    assert source.astext() == "x" and "0" in output.astext(), broken("myst-nb")
    assert internals.parts(second)[1] is None, broken("myst-nb")


def test_the_fold_of_a_cell_can_be_taken_from_mystnb(page_tree):
    first, second = internals.code_cells(page_tree)
    assert not internals.take_fold(first) and internals.take_fold(second), broken("myst-nb")
    assert not internals.take_fold(second), "taken once"


def test_a_formula_in_the_text_is_found_in_the_html(small_book):
    """And with it: what is displayed keeps its order, formulas are numbered, theorems are known, a page has a theme."""
    theorem = "```{prf:theorem} One\n:label: thm:one\n{cite:t}`someone`: it holds.\n```\n"
    cell = "from genphys import verify, report\nreport('size', 0.5, (0, 1))\n"
    cell += 'verify("eq:a", 2.0, 1.0 + 1.0, 1e-9, route="here against there")'
    small_book.chapter("first", claim("a", cell) + theorem + "Words and $x$, $y$.\n")
    assert small_book.build().returncode == 0
    html = small_book.page("first")
    found = (
        r'<span class="(nowrap)"><span class="math notranslate nohighlight"><mjx-container'  # by WRITTEN and FORMULA
    )
    assert len(re.findall(found, html)) == 2, broken("Sphinx")
    assert html.index("size: 0.5") < html.index('<p class="verify">'), broken("myst-nb")
    ledger = small_book.page("ledger")
    assert "quoted, not checked" in ledger, broken("sphinx-proof")
    assert ">(1)</a>" in ledger, broken("Sphinx")
    assert not re.search('<script[^>]*src="[^"]*thebe|const thebe', html), broken("sphinx-thebe")
    assert "data-default-mode" in html and 'data-default-mode="auto"' in html, broken("pydata-sphinx-theme")


@pytest.mark.parametrize("name", ["reset.css", "reveal.css", "reveal.js", "notes.js"])
def test_reveal_comes_with_its_package(name):
    assert len(internals.reveal(name)) > 200, broken("sphinx-revealjs")
