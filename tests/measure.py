"""Count what the lines of the package are for: `python tests/measure.py [REVISION]`, by default c32d58a and now.

The aim for the core was set while the book had eight chapters; the table also says how much of the core serves those.

Each line is one of: computing, validation, import (with `__all__`), docstring, other (blank, comment). Validation is
what only refuses wrong arguments: the room arguments, `@checked`, `doors(...)`, `require(...)`, a `raise ValueError`
with the condition in front of it, and helpers that do nothing else. A reader comes from `def` to the first computing
line; how many lines that takes is the distance of a function.
"""

import argparse
import ast
import io
import statistics
import subprocess
import sys
import tarfile
import tempfile
import tokenize
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("computing", "validation", "import", "docstring", "other")
ON_TOP = ("figures", "train", "exercises")  # rooms that are no part of the core; figures were plots*.py once
# The chapters that the book had when the aim for the lines of the core was set (at c32d58a).
EIGHT = (
    "energy_models",
    "boltzmann_machines",
    "variational_autoencoders",
    "adversarial_networks",
    "first_gan",
    "scores",
    "diffusion_models",
    "diffusion_sampling",
)
# Of the core, what came after that for later chapters, and what none of the eight stands on (test_measure.py). The
# lattice field (systems/phi4.py) is not here, since the aim was set with it, nor are the transfer matrix, Onsager's
# lattice and Markov chains on finite sets, which came later but serve chapters of the eight.
LATER = (
    "deep_energy/",  # learning without Z: the chapter on deep energy models
    "flows/",  # couplings, flow matching, weights: the chapters on flows, lattice fields, one lattice
    "exact/double_well.py",  # what the chapter on flows compares its weights with
    "systems/phi4_partition.py",  # the work from free sites to the lattice field: the chapter on lattice fields
    "diffusion/discrete.py",  # diffusion of spins: the chapter on diffusion at work
)
# What the package may have: validation for each computing line, lines from def to computing, lines in a file, in all,
# and of these for the eight chapters. A ratchet at what is reached, so that none of it gets worse; AIMS is where it is
# to come.
TARGETS = {"validation": 0.15, "distance": 6, "largest": 450, "total": 7880, "eight": 6990}
AIMS = {"validation": 0.15, "distance": 8, "largest": 450, "eight": 7000}


class File(NamedTuple):
    """What was counted in one file."""

    name: str
    lines: dict
    distances: dict


def room(name):
    """The part of the package that a file belongs to."""
    first = Path(name).parts[0]
    return "figures" if first.startswith("plots") else first if first in ON_TOP else "core"


def later(name):
    """Whether a file of the core serves none of the eight chapters."""
    return name.startswith(LATER)


def measure(package):
    """What each file of a package counts."""
    paths = sorted(p for p in Path(package).rglob("*.py") if "__pycache__" not in p.parts)
    checks = {name for path in paths for name in check_names(ast.parse(path.read_text("utf8")))}
    return [count(str(path.relative_to(package)), path.read_text("utf8"), checks) for path in paths]


def check_names(tree):
    """Functions of a module that check: named for it, or private with a third of their statements refusing."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            body = node.body[ast.get_docstring(node) is not None :]
            refusing = sum(refuses(statement, ()) for statement in body)
            named = node.name == "require" or node.name.startswith(("_check", "_require"))
            if named or (node.name.startswith("_") and not node.name.startswith("__") and 3 * refusing >= len(body)):
                yield node.name


def count(name, source, checks=frozenset()):
    """Give each line of a source its kind, and each public function its distance."""
    tree = ast.parse(source)
    kinds = dict.fromkeys(code_lines(source), "computing")
    if name == "arguments.py" or name.startswith("arguments/"):
        kinds = dict.fromkeys(kinds, "validation")

    def mark(first, last, kind):
        for line in range(first, last + 1):
            if line in kinds or kind == "docstring":
                kinds[line] = kind

    for node in ast.walk(tree):
        for statement in getattr(node, "body", []) if isinstance(getattr(node, "body", None), list) else []:
            if refuses(statement, checks):
                mark(statement.lineno, statement.end_lineno, "validation")
        if isinstance(node, ast.If) and all(refuses(s, checks) for s in node.body) and not node.orelse:
            mark(node.lineno, node.end_lineno, "validation")
        if isinstance(node, ast.FunctionDef) and node.name in checks:
            mark(node.lineno, node.end_lineno, "validation")
        for decorator in getattr(node, "decorator_list", []):
            if "checked" in ast.unparse(decorator):
                mark(decorator.lineno, decorator.end_lineno, "validation")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) or is_all(node):
            mark(node.lineno, node.end_lineno, "import")
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            mark(node.body[0].lineno, node.body[0].end_lineno, "docstring")
    total = len(source.splitlines())
    lines = {kind: sum(k == kind for k in kinds.values()) for kind in KINDS[:-1]}
    lines["other"] = total - sum(lines.values())
    return File(name, lines, dict(distances(tree, kinds)))


def code_lines(source):
    """The numbers of the lines that hold code: no blank lines, no comments."""
    no_code = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in no_code:
            yield from range(token.start[0], token.end[0] + 1)


def is_all(node):
    return isinstance(node, ast.Assign) and any(getattr(target, "id", "") == "__all__" for target in node.targets)


def refuses(statement, checks):
    """Whether a statement does nothing but refuse wrong arguments."""
    if isinstance(statement, ast.Raise):
        return statement.exc is not None and ast.unparse(statement.exc).startswith(("ValueError", "TypeError"))
    if isinstance(statement, ast.If):
        return not statement.orelse and all(refuses(s, checks) for s in statement.body)
    if isinstance(statement, ast.For | ast.With):
        return all(refuses(s, checks) for s in statement.body)
    call = statement.value if isinstance(statement, ast.Expr | ast.Assign) else None  # x = _points(x)
    if isinstance(call, ast.Call):
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        return name in checks or name in ("require", "doors")
    return False


def distances(tree, kinds):
    """For each public function: the lines from its `def` to the first computing line of its body."""

    def walk(body, prefix):
        for node in body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield from walk(node.body, f"{node.name}.")
            elif isinstance(node, ast.FunctionDef) and (not node.name.startswith("_") or node.name == "__init__"):
                start = node.body[0].lineno
                first = next((k for k in range(start, node.end_lineno + 1) if kinds.get(k) == "computing"), None)
                if first:
                    yield prefix + node.name, first - node.lineno

    yield from walk(tree.body, "")


def table(files):
    """The counts in words, and how far they are from the targets."""
    out = [f"{'':10}" + "".join(f"{word:>11}" for word in ("total", *KINDS))]
    for part in ("core", *ON_TOP):
        sums = {kind: sum(f.lines[kind] for f in files if room(f.name) == part) for kind in KINDS}
        if sum(sums.values()):
            out.append(f"{part:10}" + "".join(f"{n:11d}" for n in (sum(sums.values()), *sums.values())))
    found = summary(files)
    core = {f"{f.name}:{name}": d for f in files if room(f.name) == "core" for name, d in f.distances.items()}
    farthest, largest = max(core, key=core.get), max(files, key=lambda f: sum(f.lines.values()))
    out += [
        f"the core has {found['total']} lines, of which {found['eight']} serve the eight chapters that the aim was set "
        f"for (aim: {AIMS['eight']})",
        f"validation is {found['validation']:.0%} of the computing lines of the core (aim: {AIMS['validation']:.0%})",
        f"from def to computing: median {found['distance']:g} lines (aim: {AIMS['distance']}), "
        f"at most {core[farthest]} ({farthest})",
        f"the largest file has {found['largest']} lines (aim: {AIMS['largest']}; {largest.name})",
    ]
    return "\n".join(out)


def summary(files):
    """The numbers that TARGETS bounds; all but the largest file are of the core."""
    core = [f for f in files if room(f.name) == "core"]
    computing, validation = (sum(f.lines[kind] for f in core) for kind in ("computing", "validation"))
    return {
        "validation": validation / computing,
        "distance": statistics.median(d for f in core for d in f.distances.values()),
        "largest": max(sum(f.lines.values()) for f in files),
        "total": sum(sum(f.lines.values()) for f in core),
        "eight": sum(sum(f.lines.values()) for f in core if not later(f.name)),
    }


def at(revision, folder):
    """The package as it was at a revision, unpacked into a folder."""
    done = subprocess.run(["git", "archive", revision, "code/genphys"], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{revision} cannot be read: {done.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return Path(folder) / "code" / "genphys"


def main():
    parser = argparse.ArgumentParser(description="Count what the lines of the package are for.")
    parser.add_argument("revision", nargs="*", default=["c32d58a"], help="commits to compare with")
    for revision in parser.parse_args().revision:
        with tempfile.TemporaryDirectory() as folder:
            print(f"--- {revision}\n{table(measure(at(revision, folder)))}\n")
    print(f"--- now\n{table(measure(ROOT / 'code' / 'genphys'))}")


if __name__ == "__main__":
    main()
