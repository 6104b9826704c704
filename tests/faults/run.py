"""Plant faults in the package and see the chapters' checks catch each: `python tests/faults/run.py [chapter ...]`.

Beside this file stands one list for each chapter, `<chapter>.py` with `FAULTS`. A fault is one substitution in the
source of one function: a sign, a factor, an index. The package is copied, the fault planted in the copy, and the code
cells of the chapter are run against it until the first exception. That has to be a `CheckFailed` of one of the
chapter's checks.
Cells that only draw a figure are left out; they check nothing.
"""

import argparse
import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
_CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)
_LABEL = re.compile(r"eq:[a-z0-9-]+|report '[^']+'")


class Fault(NamedTuple):
    """One fault: in `where` (a function, or `Class.method`) of `genphys.<module>`, `old` becomes `new`."""

    name: str
    module: str
    where: str
    old: str
    new: str


class Outcome(NamedTuple):
    """What a chapter did with a fault: the kind of exception that ended it, the label of the check, the line."""

    kind: str
    label: str
    message: str

    @property
    def caught(self):
        return self.kind == "CheckFailed"


def faults(chapter):
    """The faults listed for a chapter."""
    space = {}
    exec(compile((HERE / f"{chapter}.py").read_text("utf8"), f"{chapter}.py", "exec"), space)
    return [Fault(*entry) for entry in space["FAULTS"]]


def chapters():
    """The chapters that have a list of faults."""
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem != "run")


def cells(chapter):
    """The code cells of a chapter as (line, code), without those that only draw a figure."""
    text = (ROOT / "book" / f"{chapter}.md").read_text("utf8")
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


def plant(fault, package):
    """Make the substitution in a copy of the package. It must be possible in exactly one place."""
    path = package / f"{fault.module}.py"
    source = path.read_text("utf8")
    first, last = _lines_of(source, fault)
    lines = source.splitlines(keepends=True)
    body = "".join(lines[first:last])
    if body.count(fault.old) != 1 or fault.old == fault.new:
        times = body.count(fault.old)
        raise ValueError(
            f"{fault.name}: {fault.old!r} stands {times} times in {fault.module}.{fault.where}, must be once"
        )
    path.write_text("".join(lines[:first]) + body.replace(fault.old, fault.new) + "".join(lines[last:]), "utf8")


def try_fault(chapter, fault, timeout=300):
    """Run a chapter with one fault planted.

    Returns:
        :class:`Outcome`; its kind is "" when the chapter ran to its end, so that the fault survived.
    """
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "genphys"
        shutil.copytree(ROOT / "code" / "genphys", package, ignore=shutil.ignore_patterns("__pycache__"))
        plant(fault, package)
        environment = {
            **os.environ,
            "PYTHONPATH": folder,
            "PYTHONDONTWRITEBYTECODE": "1",
            "MPLBACKEND": "Agg",
            "OMP_NUM_THREADS": "1",
            "TQDM_DISABLE": "1",
        }
        command = [sys.executable, str(HERE / "run.py"), "--worker", folder, chapter]
        try:
            done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=timeout)
        except subprocess.TimeoutExpired:
            return Outcome("timeout", "", f"still running after {timeout} s")
    if done.returncode != 0:
        return Outcome("crash", "", done.stderr.strip()[-300:])
    return Outcome(*json.loads(done.stdout.splitlines()[-1]))


def worker(folder, chapter):
    """In the child process: run the cells and print what ended them, as JSON."""
    import genphys

    if Path(folder).resolve() not in Path(genphys.__file__).resolve().parents:
        raise SystemExit(f"genphys was imported from {genphys.__file__}, not from {folder}")
    from genphys.verify import CheckFailed

    space, outcome = {"__name__": "__main__"}, ("", "", "")
    for line, code in cells(chapter):
        try:
            exec(compile(code, f"{chapter}.md, cell in line {line}", "exec"), space)
        except Exception as error:
            kind = "CheckFailed" if isinstance(error, CheckFailed) else type(error).__name__
            label = _LABEL.search(str(error)) if kind == "CheckFailed" else None
            outcome = (kind, label[0] if label else "", f"cell in line {line}: {error}")
            break
    print(json.dumps(outcome))


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Plant faults in the package and see the chapters' checks catch each.")
    parser.add_argument("chapter", nargs="*", help="chapters to try; all that have a list of faults if none is named")
    parser.add_argument("--worker", metavar="FOLDER", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker:
        worker(options.worker, options.chapter[0])
        return 0
    unknown = set(options.chapter) - set(chapters())
    if unknown:
        parser.error(f"no faults are listed for {', '.join(sorted(unknown))}; there are {', '.join(chapters())}")
    planted = [(chapter, fault) for chapter in options.chapter or chapters() for fault in faults(chapter)]
    survived = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for (chapter, fault), outcome in zip(planted, pool.map(lambda pair: try_fault(*pair), planted)):
            found = (
                outcome.label if outcome.caught else f"NOT CAUGHT: {outcome.kind or 'ran to the end'} {outcome.message}"
            )
            print(f"{chapter}: {fault.name:56} {found}", flush=True)
            survived += not outcome.caught
    print(f"all {len(planted)} faults were caught" if not survived else f"{survived} faults were not caught by a check")
    return min(survived, 1)


def _line(text, match):
    return text.count("\n", 0, match.start()) + 1


def _lines_of(source, fault):
    """The lines (first, last), counted from 0 and without the last, of a function or method."""
    node = ast.parse(source)
    for name in fault.where.split("."):
        kinds = (ast.FunctionDef, ast.ClassDef)
        node = next((child for child in node.body if isinstance(child, kinds) and child.name == name), None)
        if node is None:
            raise ValueError(f"{fault.name}: there is no {fault.where} in genphys.{fault.module}")
    return node.lineno - 1, node.end_lineno


if __name__ == "__main__":
    sys.exit(main())
