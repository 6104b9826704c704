"""Starter notebooks: one for each project, with the cell that draws the result to reproduce and the rubric."""

import re

import nbformat
import pytest
import starters
from conftest import BOOK

PROJECTS = starters.projects((BOOK / "teaching.md").read_text("utf8"))


def test_two_projects_a_family_each_with_four_lines_of_rubric():
    page = (BOOK / "teaching.md").read_text("utf8")
    section = page[page.index("\n## Projects\n") : page.index("\n## What to change next year")]
    families = re.split(r"^### ", section, flags=re.M)[1:]
    assert len(families) >= 5 and len(PROJECTS) == 2 * len(families)
    assert all(len(project.rubric) == 4 for project in PROJECTS)
    assert len({project.name for project in PROJECTS}) == len(PROJECTS)


@pytest.mark.parametrize("project", PROJECTS, ids=[p.name for p in PROJECTS])
def test_a_starter_holds_the_named_cell_and_the_headings(project):
    chapter, code = starters.place(project.figure)
    notebook = starters.starter(project)
    nbformat.validate(notebook)
    sources = [cell.source for cell in notebook.cells]
    assert code in sources and "except ImportError" in sources[0]
    whole = nbformat.read(BOOK / f"{chapter}.ipynb", 4)
    assert len(sources) < len(whole.cells) + 12, "what follows the result is left out"
    at = next(k for k, source in enumerate(sources) if source.startswith("# Project: "))
    assert sources.index(code) < at
    assert sum(source.startswith("## ") for source in sources[at:]) == len(project.rubric) == sources[at:].count("")
    assert not re.search(r"\{(numref|eq|ref)\}", "\n".join(sources[at:]))
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")


def test_a_project_without_a_result_is_named():
    with pytest.raises(ValueError, match="'No way' names no figure"):
        starters.projects("# T\n\n## Projects\n\n**No way.** Nothing is known.\n\n- One.\n- Two.\n")
    with pytest.raises(ValueError, match="no cell of a chapter draws fig:nowhere"):
        starters.place("fig:nowhere")
