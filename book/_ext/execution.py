"""Execution of the chapters: cached on the code they import, side by side, with their time and memory recorded.

Each chapter has caches of its own, a folder for each state of what it stands on: the part of the package that it
imports, the pins, the weights that it loads. An edited docstring executes nothing, an edited file of the package the
chapters that use it.
"""

import ast
import functools
import hashlib
import json
import os
import platform
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from importlib import metadata
from pathlib import Path

import internals
import nbformat
from dependencies import Code
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from progress import Progress, say
from sphinx.errors import SphinxError

KEPT = 4  # states of a chapter whose executions are kept: to go back to one costs nothing

# Prints the peak of the kernel's resident memory in KiB: exactly on Linux, as the system tells it elsewhere.
PEAK = """
import pathlib, sys
status = pathlib.Path("/proc/self/status")
if status.exists():
    print(status.read_text().split("VmHWM:")[1].split()[0])
elif sys.platform == "win32":
    import psutil
    print(psutil.Process().memory_info().peak_wset // 1024)
else:
    import resource
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1))
"""


class ChapterFailed(SphinxError):
    """A cell of a chapter raised; the message names chapter, cell and line."""

    category = "Chapter failed"


def key(*roots):
    """Hash of the files under these paths."""
    digest = hashlib.sha256()
    for root in roots:
        for path in [root] if root.is_file() else sorted(root.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(str(path.relative_to(root.parent)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def set_keys(app, config):
    """Put the hashes of what all pages depend on into configuration values, so that Sphinx notices a change."""
    source = Path(app.srcdir)
    config.nb_execution_cache_path = str(caches(app))
    # Sphinx copies _static only when some page is out of date; an "html" value makes all of them so.
    config.genbook_static = key(source / "_static")
    config.genbook_ext = key(source / "_ext")
    app.genbook_code = Code(source.parent / "code")
    app.genbook_pins = (source.parent / "requirements.txt").read_text("utf8")


def caches(app):
    return Path(app.outdir).parent / ".jupyter_cache"


def source(notebook):
    """The code of a notebook, without the lines that only a notebook understands."""
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return re.sub(r"^(\s*)[%!].*$", r"\1pass", text, flags=re.MULTILINE)


def cache_of(app, docname):
    """The folder in which the execution of a page is looked for; None for a page without cells."""
    known = app.__dict__.setdefault("genbook_caches", {})
    if docname not in known:
        read = internals.read_notebook(app.env, docname)
        known[docname] = read and caches(app) / docname / state(app.genbook_code, source(read[0]), app.genbook_pins)
    return known[docname]


def state(code, text, pins):
    """Hash of what a text stands on. One that is no Python, or stands on such, has none: its execution will say so."""
    try:
        behind, names = code.digest(text), imported(text)
    except SyntaxError as error:
        behind, names = repr(error), set()
    return hashlib.sha256("\n".join([behind, *pins_of(pins, names)]).encode()).hexdigest()[:12]


def imported(text):
    """The top-level names that a text imports."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.split(".")[0])
    return found


def pins_of(pins, names):
    """The lines of requirements.txt that cells stand on: the package, the kernel, what is imported, and all that these
    need. A tool that builds or tests the book can move without an execution."""
    wanted = set().union(*(needs(name) for name in ("genphys", "ipykernel", *names)))
    return [line for line in pins.splitlines() if wanted & {canonicalize_name(line.split("==")[0].strip())}]


@functools.cache
def needs(name):
    """An installed package and all that it needs, by their names; the empty set for what is not installed."""
    todo, found = [name], set()
    while todo:
        name = canonicalize_name(todo.pop())
        try:
            requirements = [] if name in found else metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        found.add(name)
        for requirement in map(Requirement, requirements):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                todo.append(requirement.name)
    return found


def choose_cache(app, docname, text):
    """Before a page is read: where its execution is, and that it was this one."""
    folder = cache_of(app, docname)
    if folder:
        internals.use_cache(app.env, folder)
        states(app.env)[docname] = folder.name


def states(env):
    """The state of what each page stood on when it was read."""
    return env.__dict__.setdefault("genbook_states", {})


def executed(app, docname):
    """The executed notebook of a page, or None."""
    folder = cache_of(app, docname)
    return folder and internals.merged(app.env, docname, folder)


def cost(app, docname):
    """Seconds and peak memory (MB) of a chapter's last execution, the number of threads, or None."""
    folder = cache_of(app, docname)
    record = folder and internals.found(folder, internals.read_notebook(app.env, docname)[0])
    return record if record and "peak_mb" in record else None


def machine():
    """The machine in words: processor, cores, Python."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.M)
        name = found[1].strip() if found else name
    return f"{name}, {cores()} cores, Python {platform.python_version()}"


def cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def run(client, notebook, path, log):
    """Execute a notebook in place; return seconds and peak memory in MB. Raises ChapterFailed.

    What the kernel's own machinery says, of a connection that was closed in haste, goes to the file ``log``.
    """
    start, index = time.perf_counter(), -1
    with open(log, "a", encoding="utf8") as words, client.setup_kernel(stderr=words):
        for index, cell in enumerate(notebook.cells):
            try:
                client.execute_cell(cell, index)
            except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
                raise ChapterFailed(failure(notebook, path, index, error)) from error
        seconds = time.perf_counter() - start
        probe = nbformat.v4.new_code_cell(PEAK)
        notebook.cells.append(probe)
        client.execute_cell(probe, len(notebook.cells) - 1, store_history=False)
        peak = int(notebook.cells.pop().outputs[0].text) / 1024
    return seconds, peak


def failure(notebook, path, index, error):
    """One paragraph that names the chapter, the cell, the line of the file and what was raised."""
    cell = notebook.cells[index]
    number = sum(c.cell_type == "code" for c in notebook.cells[: index + 1])
    start = (notebook.metadata.get("source_map") or [None] * (index + 1))[index]
    raised = next((o for o in reversed(cell.outputs) if o.output_type == "error"), None)
    if raised is None:
        what, inner = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}", None
    else:
        what = f"{raised.ename}: {raised.evalue}"
        plain = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(raised.traceback))
        inner = next(iter(re.findall(r"(?:Cell )?In\s?\[\d+\](?:, line |.*?line )(\d+)", plain)), None)
        inner = int(inner) if inner else None
    lines = cell.source.splitlines()
    line = f", line {inner}: {lines[inner - 1].strip()}" if inner and inner <= len(lines) else ""
    where = f" (from line {start + 1} of the file)" if start is not None else ""
    return f"{path.name}, code cell {number}{where}{line}\n  {what}"


def execute_ahead(app, env, docnames):
    """Run what is not in the cache, longest first, `genbook_jobs` at a time; the readers then hit the cache."""
    config = env.mystnb_config
    todo = [d for d in docnames if cache_of(app, d) and cost(app, d) is None]
    if todo and config.execution_mode == "cache":
        execute_all(app, env, todo)
    if docnames:
        say(f"Reading {len(docnames)} pages" if len(docnames) > 1 else f"Reading {docnames[0]}")


def execute_all(app, env, todo):
    """Run the cells of these pages and keep what they gave. Raises ChapterFailed when all are done."""
    config = env.mystnb_config
    # The times of earlier runs, whatever the code was then: the longest chapter first.
    history = caches(app) / "times.json"
    times = json.loads(history.read_text()) if history.exists() else {}
    todo.sort(key=lambda docname: -times.get(docname, 1e9))
    jobs = min(app.config.genbook_jobs or cores(), len(todo))
    threads = "1"  # two of them fight where anything else runs, and the tensors of the chapters are small
    ours = {"OMP_NUM_THREADS": threads, "TQDM_DISABLE": "1"}  # progress bars are for people who wait
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    failures, log = [], Path(app.outdir).parent / "kernels.log"

    def execute(docname):
        (notebook, read_fmt), path = internals.read_notebook(env, docname), Path(env.doc2path(docname))
        client = internals.client(notebook, path.parent, config.execution_timeout)
        with progress.job(docname, lambda: internals.memory(client)):
            return notebook, read_fmt, path, *run(client, notebook, path, log)

    try:
        with Progress(len(todo)) as progress, ThreadPoolExecutor(jobs) as pool:
            progress.say(f"Executing {len(todo)} chapter{'s' * (len(todo) > 1)}, {jobs} at a time")
            waiting = {pool.submit(execute, docname): docname for docname in todo}
            for future in as_completed(waiting):
                docname = waiting[future]
                try:
                    notebook, read_fmt, path, seconds, peak = future.result()
                except ChapterFailed as error:  # the others are kept
                    progress.say(f"failed    {docname}.md")
                    failures.append(str(error))
                    continue
                progress.say(f"executed  {docname}.md in {seconds:.1f} s, peak memory {peak:.0f} MB")
                times[docname] = seconds
                record = {"execution_seconds": seconds, "peak_mb": peak, "threads": int(threads)}
                internals.keep(cache_of(app, docname), path, notebook, read_fmt, record)
                forget(cache_of(app, docname).parent)
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
        history.parent.mkdir(parents=True, exist_ok=True)
        history.write_text(json.dumps(times))
    if failures:
        raise ChapterFailed("\n".join(failures))


def forget(folder):
    """Keep the newest caches of a chapter."""
    for old in sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def outdated(app, env, added, changed, removed):
    """Pages that stand on other code than when they were read, or whose execution is gone, are read again."""
    return [
        docname
        for docname in env.found_docs - added - changed
        if "kernelspec" in env.metadata[docname]
        and (states(env).get(docname) != cache_of(app, docname).name or cost(app, docname) is None)
    ]


def writing(app, env):
    say("Writing the pages")


def summary(app, exception):
    """Print what each chapter cost."""
    if exception is not None or app.builder.name != "html":
        return
    rows = [(d, cost(app, d)) for d in sorted(app.env.found_docs) if "kernelspec" in app.env.metadata[d]]
    if rows:
        say(f"\n{'chapter':28} {'seconds':>8} {'peak MB':>9} {'threads':>8}")
    for docname, record in rows:
        if record:
            seconds, peak, threads = (record[k] for k in ("execution_seconds", "peak_mb", "threads"))
            say(f"{docname:28} {seconds:8.1f} {peak:9.0f} {threads:8d}")


def give_matplotlib_a_folder(app):
    """Where the home folder cannot be written Matplotlib would say so in the first output of every chapter."""
    try:
        folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config", "matplotlib")
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except (OSError, RuntimeError):
        writable = False
    if not writable and "MPLCONFIGDIR" not in os.environ:
        instead = Path(app.outdir).parent / "matplotlib"
        instead.mkdir(parents=True, exist_ok=True)
        os.environ["MPLCONFIGDIR"] = str(instead)


def setup(app):
    app.add_config_value("genbook_jobs", 0, "")
    app.add_config_value("genbook_static", "", "html")
    app.add_config_value("genbook_ext", "", "env")
    app.connect("config-inited", set_keys)
    app.connect("builder-inited", give_matplotlib_a_folder)
    app.connect("env-get-outdated", outdated)
    app.connect("source-read", choose_cache)
    app.connect("env-before-read-docs", execute_ahead)
    app.connect("env-check-consistency", writing)
    app.connect("build-finished", summary)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 1}
