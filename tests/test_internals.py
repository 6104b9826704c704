"""What the build uses of the inside of Jupyter Book and its companions: each piece tried with the pinned version.

A failure here, after a pin has moved, names the package and what of it no longer holds; the repair belongs into
book/_ext/internals.py.
"""

import inspect
from importlib.metadata import version

import internals
import nbformat
import pytest


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
