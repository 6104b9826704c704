"""Plant faults in the package and see the chapters' checks catch each: `python tests/faults/run.py [chapter ...]`.

Beside this file stands one list for each chapter, `<chapter>.py` with `FAULTS`. A fault is one substitution in the
source of one function: a sign, a factor, an index. The code cells of the chapter, without those that only draw a
figure, are run until the first exception. That has to be a `CheckFailed` of one of the chapter's checks.

Until a function is first called, a fault in it changes nothing. So a chapter is run once, without a fault, and before
each cell a copy of the process is set aside (`fork`). When the cell turns out to call a faulty function for the first
time, the copy plants the fault and goes on from there, alone. What was caught is remembered in book/_build/faults.json
with a hash of the cells up to the check and of the modules that they stand on.
"""

import argparse
import ast
import hashlib
import importlib
import inspect
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MEMORY = ROOT / "book" / "_build" / "faults.json"
SECONDS = 200  # of a processor that a chapter with a fault may take
_CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)
_LABEL = re.compile(r"eq:[a-z0-9-]+|report '[^']+'")


class Fault(NamedTuple):
    """One fault: in `where` (a function, or `Class.method`) of `genphys/<module>.py`, `old` becomes `new`."""

    name: str
    module: str
    where: str
    old: str
    new: str


class Outcome(NamedTuple):
    """What a chapter did with a fault: the kind of exception that ended it, the label of the check, the place."""

    kind: str
    label: str
    message: str
    cells: int = 0  # how many cells were needed, from the top

    @property
    def caught(self):
        return self.kind == "CheckFailed"


# --- the lists of faults and the cells of the chapters --------------------------------------------------------------


def faults(chapter):
    """The faults listed for a chapter."""
    space = {}
    exec(compile((HERE / f"{chapter}.py").read_text("utf8"), f"{chapter}.py", "exec"), space)
    return [Fault(*entry) for entry in space["FAULTS"]]


def chapters():
    """The chapters that have a list of faults; a list may outlive its chapter."""
    return sorted(path.stem for path in HERE.glob("*.py") if (ROOT / "book" / f"{path.stem}.md").exists())


def cells(chapter, book=ROOT / "book"):
    """The code cells of a chapter as (line, code), without those that only draw a figure."""
    text = (book / f"{chapter}.md").read_text("utf8")
    found = []
    for match in _CELL.finditer(text):
        code = match[1]
        if code.startswith("---\n"):
            code = code.split("---\n", 2)[2]
        code = re.sub(r"\A(?::[^\n]*\n)+", "", code)
        draws = code.rstrip().endswith("plt.show()")
        if draws and re.search(r"\b(verify|verify_slope|report)\(", code):
            raise ValueError(
                f"{chapter}: the figure cell in line {_line(text, match)} holds a check; give it a cell of its own"
            )
        if not draws:
            found.append((_line(text, match), code))
    return found


def _line(text, match):
    return text.count("\n", 0, match.start()) + 1


# --- planting -------------------------------------------------------------------------------------------------------


class Plant:
    """A fault and the function of the package that it goes into. A fault that cannot be planted is a ValueError.

    Attributes:
        function: The function itself, behind the doors and decorators in front of it.
        faulty: Its code with the fault.
        listening: Its code as it is, with a call of `_called_` in front.
    """

    def __init__(self, fault, package="genphys"):
        self.fault = fault
        try:
            module = importlib.import_module(f"{package}.{fault.module.replace('/', '.').removesuffix('.__init__')}")
        except ModuleNotFoundError as error:
            raise ValueError(f"{fault.name}: there is no {package}/{fault.module}.py") from error
        self.path = module.__file__
        source = Path(self.path).read_text("utf8")
        self.faulty, self.listening = self._faulty(source), self._listening(source)
        self.function = self._function(module)

    @property
    def place(self):
        return self.fault.module, self.fault.where

    def _function(self, module):
        thing = module
        for name in self.fault.where.split("."):
            thing = inspect.getattr_static(thing, name)
        for inner in ("fget", "__func__", "func"):  # a property, a static or class method, a cached property
            thing = getattr(thing, inner, thing)
        return inspect.unwrap(thing)

    def _faulty(self, source):
        changed = planted(self.fault, source)
        before, after = (definition(self.fault, text) for text in (source, changed))
        if ast.dump(before.args) != ast.dump(after.args):
            raise ValueError(f"{self.fault.name}: stands in the signature of {self.fault.where}, must be in its body")
        return self._code(ast.parse(changed))

    def _listening(self, source):
        tree = ast.parse(source)
        node = definition(self.fault, tree)
        call = ast.parse(f"_called_({self.place!r})").body[0]
        node.body.insert(ast.get_docstring(node, clean=False) is not None, ast.copy_location(call, node.body[0]))
        return self._code(ast.fix_missing_locations(tree))

    def _code(self, tree):
        node = definition(self.fault, tree)
        first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        todo = [compile(tree, self.path, "exec")]
        while todo:
            code = todo.pop()
            if (code.co_name, code.co_firstlineno) == (node.name, first):
                return code
            todo += [const for const in code.co_consts if inspect.iscode(const)]
        raise ValueError(f"{self.fault.name}: the code of {self.fault.where} is not where its text is")


def definition(fault, source):
    """The node of the function or method, in a text or a tree."""
    node = ast.parse(source) if isinstance(source, str) else source
    for name in fault.where.split("."):
        kinds = (ast.FunctionDef, ast.ClassDef)
        node = next((child for child in node.body if isinstance(child, kinds) and child.name == name), None)
        if node is None:
            raise ValueError(f"{fault.name}: there is no {fault.where} in {fault.module}.py")
    if isinstance(node, ast.ClassDef):
        raise ValueError(f"{fault.name}: {fault.where} is no function; name the one that holds the line")
    return node


def planted(fault, source):
    """The source with the substitution made. It must be possible in exactly one place of the function."""
    node = definition(fault, source)
    lines = source.splitlines(keepends=True)
    body = "".join(lines[node.lineno - 1 : node.end_lineno])
    times = body.count(fault.old)
    if times != 1 or fault.old == fault.new:
        raise ValueError(f"{fault.name}: {fault.old!r} stands {times} times in {fault.where}, must be once")
    return "".join(lines[: node.lineno - 1]) + body.replace(fault.old, fault.new) + "".join(lines[node.end_lineno :])


# --- trying ---------------------------------------------------------------------------------------------------------


def ended(chapter, todo, space, done=0):
    """Run cells one after another; the :class:`Outcome` of the first exception, kind "" where there is none."""
    from genphys.verify import CheckFailed

    for number, (line, code) in enumerate(todo, done + 1):
        try:
            exec(compile(code, f"{chapter}.md, cell in line {line}", "exec"), space)
        except Exception as error:
            kind = "CheckFailed" if isinstance(error, CheckFailed) else type(error).__name__
            label = _LABEL.search(str(error)) if kind == "CheckFailed" else None
            return Outcome(kind, label[0] if label else "", f"cell in line {line}: {error}"[:300], number)
    return Outcome("", "", "ran to its end", done + len(todo))


class Trial:
    """A chapter run once, and from the cell on that first calls a faulty function again with each fault in it.

    Args:
        chapter: Its name, for messages.
        todo: Its cells as (line, code).
        plants: A :class:`Plant` for each fault.
        answer: Called as ``answer(k, outcome)`` in a process of its own when fault number k has been tried.
        cores: A semaphore with as many places as processes may compute.
        aside: How many copies of the process may wait for their turn.
    """

    def __init__(self, chapter, todo, plants, answer, cores, aside=3):
        self.chapter, self.todo, self.plants, self.answer = chapter, todo, plants, answer
        self.cores, self.aside, self.children = cores, aside, set()

    def run(self):
        called, waiting, space = set(), dict(enumerate(self.plants)), {"__name__": "__main__"}
        for plant in self.plants:
            plant.function.__globals__["_called_"] = called.add
        own = {plant.place: plant.function.__code__ for plant in self.plants}
        for plant in {plant.place: plant for plant in self.plants}.values():
            plant.function.__code__ = plant.listening
        for number, cell in enumerate(self.todo):
            copy = self._set_aside(number, space)
            with self.cores:
                outcome = ended(self.chapter, [cell], space, number)
            if outcome.kind:
                os.close(copy)
                raise RuntimeError(f"{self.chapter} fails without any fault: {outcome.kind}: {outcome.message}")
            now = [k for k, plant in waiting.items() if plant.place in called]
            for plant in map(waiting.pop, now):
                plant.function.__code__ = own[plant.place]
            os.write(copy, json.dumps(now).encode())
            os.close(copy)
            if not waiting:
                break
            while len(self.children) > self.aside:
                self._wait_for_one()
        while self.children:
            self._wait_for_one()
        for k, plant in waiting.items():
            self.answer(k, Outcome("never called", "", f"no cell calls {plant.fault.where}"))

    def _set_aside(self, number, space):
        """Copy the process before a cell; what is written to the pipe are the faults to try in the copy."""
        there, here = os.pipe()
        child = os.fork()
        if child:
            os.close(there)
            self.children.add(child)
            return here
        os.close(here)
        try:
            text = b"".join(iter(lambda: os.read(there, 4096), b""))
            for k in json.loads(text or "[]"):
                with self.cores:
                    self._try(k, number, space)
        finally:
            os._exit(0)

    def _try(self, k, number, space):
        """Plant one fault in a copy of the copy and go on from the cell."""
        import resource

        child = os.fork()
        if child:
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            if status:
                why = f"more than {SECONDS} s of the processor" if status < 0 else "no answer"
                self.answer(k, Outcome("killed", "", f"{why}, status {status}"))
            return
        code = 1
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
            self.plants[k].function.__code__ = self.plants[k].faulty
            self.answer(k, ended(self.chapter, self.todo[number:], space, number))
            code = 0
        finally:
            os._exit(code)

    def _wait_for_one(self):
        self.children.discard(os.wait()[0])


# --- all of them ----------------------------------------------------------------------------------------------------


class Memory:
    """What was caught before, as long as nothing has changed that it stands on."""

    def __init__(self, path=MEMORY):  # reads all at once: somebody may edit while the faults are tried
        sys.path.insert(0, str(ROOT / "book" / "_ext"))
        from dependencies import Code

        self.path, self.code, self.digests = path, Code(ROOT / "code"), {}
        self.cells = {chapter: cells(chapter) for chapter in chapters()}
        self.known = json.loads(path.read_text("utf8")) if path.exists() else {}
        self.fixed = (ROOT / "requirements.txt").read_text("utf8") + Path(__file__).read_text("utf8")

    def key(self, chapter, fault, count):
        """Hash of a fault, of the first cells of the chapter, and of what these stand on."""
        if (chapter, count) not in self.digests:
            text = "\n".join(code for _, code in self.cells[chapter][:count])
            self.digests[chapter, count] = f"{text} {self.code.digest(text)} {self.fixed}"
        return hashlib.sha256(f"{fault} {self.digests[chapter, count]}".encode()).hexdigest()[:16]

    def label(self, chapter, fault):
        """The check that caught a fault, or None where it has to be tried."""
        known = self.known.get(chapter, {}).get(fault.name)
        return known["label"] if known and known["key"] == self.key(chapter, fault, known["cells"]) else None

    def keep(self, chapter, fault, outcome):
        entry = {"label": outcome.label, "cells": outcome.cells, "key": self.key(chapter, fault, outcome.cells)}
        self.known.setdefault(chapter, {})[fault.name] = entry
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self.known, indent=1), "utf8")


def try_all(planted, jobs, say):
    """Try the faults of several chapters, ``jobs`` processes at a time.

    Args:
        planted: Pairs of a chapter and a list of its faults.
        jobs: How many processes may compute at once.
        say: Called as ``say(chapter, fault, outcome)`` for each.
    """
    import multiprocessing

    import genphys.verify

    assert ROOT / "code" in Path(genphys.__file__).parents, f"genphys was imported from {genphys.__file__}"
    cores = multiprocessing.get_context("fork").Semaphore(jobs)
    there, here = os.pipe()
    running, todo, missing = {}, list(planted), {(c, k) for c, found in planted for k in range(len(found))}
    lists = dict(planted)
    pending = b""
    os.set_blocking(there, False)

    def read():
        nonlocal pending
        try:
            pending += os.read(there, 65536)
        except BlockingIOError:
            return
        *lines, pending = pending.split(b"\n")
        for chapter, k, outcome in map(json.loads, lines):
            missing.discard((chapter, k))
            say(chapter, lists[chapter][k], Outcome(*outcome))

    while todo or running:
        while todo and len(running) < jobs:
            chapter, found = todo.pop(0)
            child = os.fork()
            if not child:
                _chapter_alone(chapter, found, here, cores)
            running[child] = chapter
        child, _ = os.waitpid(-1, os.WNOHANG)
        read()
        if child:
            chapter = running.pop(child)
            for lost in sorted(k for c, k in missing if c == chapter):
                missing.discard((chapter, lost))
                say(chapter, lists[chapter][lost], Outcome("not tried", "", "the chapter did not run to its end"))
        time.sleep(0.1)


def _chapter_alone(chapter, found, pipe, cores):
    """In a process of its own: try the faults of one chapter."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)  # what the cells print

    def answer(k, outcome):
        os.write(pipe, json.dumps([chapter, k, outcome]).encode() + b"\n")

    code = 1
    try:
        plants = {}
        for k, fault in enumerate(found):
            try:
                plants[k] = Plant(fault)
            except ValueError as error:
                answer(k, Outcome("not planted", "", str(error)))
        numbers = list(plants)
        Trial(chapter, cells(chapter), list(plants.values()), lambda k, it: answer(numbers[k], it), cores).run()
        code = 0
    except Exception as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Plant faults in the package and see the chapters' checks catch each.")
    parser.add_argument("chapter", nargs="*", help="chapters to try; all that have a list of faults if none is named")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at a time (default: the cores)")
    parser.add_argument("--anew", action="store_true", help="try those too that were caught before")
    options = parser.parse_args(arguments)
    unknown = set(options.chapter) - set(chapters())
    if unknown:
        parser.error(f"no faults are listed for {', '.join(sorted(unknown))}; there are {', '.join(chapters())}")
    start, memory = time.perf_counter(), Memory()
    listed = {chapter: faults(chapter) for chapter in options.chapter or chapters()}
    known = {} if options.anew else {(c, f.name) for c, found in listed.items() for f in found if memory.label(c, f)}
    todo = {c: [f for f in found if (c, f.name) not in known] for c, found in listed.items()}
    total, survived = sum(map(len, listed.values())), 0
    print(f"{total} faults; {len(known)} were caught before, by code that has not changed since", flush=True)

    def say(chapter, fault, outcome):
        nonlocal survived
        what = outcome.label if outcome.caught else f"NOT CAUGHT: {outcome.kind or 'no exception'}: {outcome.message}"
        print(f"{chapter}: {fault.name:56} {what}", flush=True)
        if outcome.caught and outcome.label:
            memory.keep(chapter, fault, outcome)
        else:
            survived += 1

    try_all([(c, found) for c, found in todo.items() if found], options.jobs, say)
    seconds = f"in {time.perf_counter() - start:.0f} s"
    print(f"{survived} faults were not caught by a check" if survived else f"all {total} faults were caught, {seconds}")
    return min(survived, 1)


if __name__ == "__main__":
    # one thread a process, no display, no GPU: a process that is to be copied may have no threads of its own
    quiet = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    os.environ.update(quiet, MPLBACKEND="Agg", CUDA_VISIBLE_DEVICES="")
    sys.path.insert(0, str(ROOT / "code"))
    sys.exit(main())
