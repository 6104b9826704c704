"""Execution of the chapters: cached on the code they import, side by side, with their time and memory recorded."""

import hashlib
import json
import os
import platform
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from myst_nb.core.read import create_nb_reader
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from sphinx.errors import SphinxError
from sphinx.util import logging

logger = logging.getLogger(__name__)

# Prints the peak of the kernel's resident memory in KiB: exactly on Linux, from getrusage elsewhere (macOS: bytes).
PEAK = """
import pathlib, resource, sys
status = pathlib.Path("/proc/self/status")
if status.exists():
    print(status.read_text().split("VmHWM:")[1].split()[0])
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1))
"""


class ChapterFailed(SphinxError):
    """A cell of a chapter raised; the message names chapter, cell and line."""

    category = "Chapter failed"


def key(*roots):
    """Hash of the files under these paths and of the Python version."""
    digest = hashlib.sha256(sys.version.encode())
    for root in roots:
        for path in [root] if root.is_file() else sorted(root.rglob("*")):
            if path.is_file() and not re.search(r"__pycache__|\.egg-info|/build/", str(path)):
                digest.update(str(path.relative_to(root.parent)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def set_keys(app, config):
    """Put the hashes of what the pages depend on into configuration values, so that Sphinx notices a change."""
    source = Path(app.srcdir)
    # The outputs depend on the package and the pins. A new cache path also makes Sphinx read every page again.
    code = key(source.parent / "code", source.parent / "requirements.txt")
    config.nb_execution_cache_path = str(Path(app.outdir).parent / ".jupyter_cache" / code)
    # Sphinx copies _static only when some page is out of date; an "html" value makes all of them so.
    config.genbook_static = key(source / "_static")
    config.genbook_ext = key(source / "_ext")


def executed(app, docname):
    """The executed notebook of a page, or None. On a cache hit myst-nb writes no outputs: they are merged in here."""
    path = Path(app.env.mystnb_config.output_folder, docname + ".ipynb")
    if not path.exists():
        return None
    notebook = nbformat.read(path, 4)
    try:
        return get_cache(app.env.mystnb_config.execution_cache_path).merge_match_into_notebook(notebook)[1]
    except KeyError:
        return None


def cost(app, docname):
    """Seconds and peak memory (MB) of a chapter's last execution, the number of threads, or None."""
    path = Path(app.env.doc2path(docname))
    cache = get_cache(app.env.mystnb_config.execution_cache_path)
    reader = create_nb_reader(str(path), app.env.myst_config, app.env.mystnb_config, text := path.read_text("utf8"))
    if reader is None:
        return None
    try:
        record = cache.match_cache_notebook(reader.read(text))
    except KeyError:
        return None
    return record.data if "peak_mb" in record.data else None


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


def run(notebook, path, timeout):
    """Execute a notebook in place; return seconds and peak memory in MB. Raises ChapterFailed."""
    # record_timing would write times into the cells, and the cache would not know the notebook again
    resources = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(notebook, timeout=timeout, record_timing=False, resources=resources)
    logger.info("executing %s", path.name)
    start, index = time.perf_counter(), -1
    with client.setup_kernel():
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
    if config.execution_mode != "cache":
        return
    cache = get_cache(config.execution_cache_path)
    todo = []
    for docname in docnames:
        path = Path(env.doc2path(docname))
        reader = create_nb_reader(str(path), env.myst_config, config, text := path.read_text("utf8"))
        if reader is None:
            continue
        notebook = reader.read(text)
        try:
            cache.match_cache_notebook(notebook)
        except KeyError:
            todo.append((path, notebook, reader.read_fmt))
    if not todo:
        return
    # The times of earlier runs, whatever the code was then: the longest chapter first.
    history = Path(app.outdir).parent / ".jupyter_cache" / "times.json"
    times = json.loads(history.read_text()) if history.exists() else {}
    todo.sort(key=lambda item: -times.get(item[0].stem, 1e9))
    jobs = min(app.config.genbook_jobs or cores(), len(todo))
    threads = str(max(1, cores() // jobs))
    logger.info("executing %d chapters, %d at a time with %s threads each", len(todo), jobs, threads)
    before, os.environ["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS"), threads
    failures = []
    try:
        with ThreadPoolExecutor(jobs) as pool:
            waiting = {}
            for path, notebook, read_fmt in todo:
                waiting[pool.submit(run, notebook, path, config.execution_timeout)] = path, notebook, read_fmt
            for future in as_completed(waiting):
                path, notebook, read_fmt = waiting[future]
                try:
                    seconds, peak = future.result()
                except ChapterFailed as error:  # the others are kept
                    failures.append(str(error))
                    continue
                logger.info("executed  %s in %.1f s, peak memory %.0f MB", path.name, seconds, peak)
                times[path.stem] = seconds
                record = cache.add_nb_to_project(str(path), read_data=read_fmt)
                data = {"execution_seconds": seconds, "peak_mb": peak, "threads": int(threads)}
                cache.cache_notebook_bundle(
                    CacheBundleIn(notebook, record.uri, data=data), check_validity=False, overwrite=True
                )
    finally:
        os.environ.pop("OMP_NUM_THREADS") if before is None else os.environ.__setitem__("OMP_NUM_THREADS", before)
        history.parent.mkdir(parents=True, exist_ok=True)
        history.write_text(json.dumps(times))
    if failures:
        raise ChapterFailed("\n".join(failures))


def forgotten(app, env, added, changed, removed):
    """Pages whose execution is no longer in the cache are read, and so executed, again."""
    return [d for d in env.found_docs - added - changed if "kernelspec" in env.metadata[d] and cost(app, d) is None]


def summary(app, exception):
    """Print what each chapter cost."""
    if exception is not None or app.builder.name != "html":
        return
    rows = [(d, cost(app, d)) for d in sorted(app.env.found_docs) if "kernelspec" in app.env.metadata[d]]
    if rows:
        logger.info("\n%-28s %8s %9s %8s", "chapter", "seconds", "peak MB", "threads")
    for docname, found in rows:
        if found:
            logger.info(
                "%-28s %8.1f %9.0f %8d", docname, found["execution_seconds"], found["peak_mb"], found["threads"]
            )


def setup(app):
    app.add_config_value("genbook_jobs", 0, "")
    app.add_config_value("genbook_static", "", "html")
    app.add_config_value("genbook_ext", "", "env")
    app.connect("config-inited", set_keys)
    app.connect("env-get-outdated", forgotten)
    app.connect("env-before-read-docs", execute_ahead)
    app.connect("build-finished", summary)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
