"""The tests as `make test` and `make check` run them: `python tests/suite.py [--changed [REVISION] | --package |
--notebooks]`.

Without an argument everything is tested but the planted faults: the style of the code; the package and the committed
notebooks, shared by the cores; beside them the book is built with warnings fatal; then the built pages and notebooks.
With `--changed` only what belongs to the files that differ from a revision (HEAD; of a clean tree the commit before),
with `--package` only the package, with `--notebooks` only the committed notebooks, in an environment that need not have
the book's tools.
Each failure is one line; the test named there, run alone, tells the rest.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parents[1]
CODE = ("code", "book/_ext", "book/explorables", "book/figures", "tests", "benchmarks", ".github/scripts")
NEED_THE_BOOK = ("test_site.py", "test_notebooks.py", "test_decks.py")  # they look at what is built
# Tests of the book's tools and of the repository; all others are of the package and need no more than it.
OF_THE_TOOLS = [*NEED_THE_BOOK, "explorables", "test_benchmarks.py"]
OF_THE_TOOLS += [f"test_{n}.py" for n in ("apidoc", "build", "dependencies", "editions", "exercises", "faults")]
OF_THE_TOOLS += [
    f"test_{n}.py" for n in ("internals", "mathematics", "measure", "new_chapter", "open_code", "pages", "paper")
]
OF_THE_TOOLS += [
    f"test_{n}.py" for n in ("live_cells", "progress", "pull_links", "quizzes", "repository", "slides", "starters")
]
OF_THE_TOOLS += [f"test_{n}.py" for n in ("hints", "suite", "tables", "translation", "weekly", "write_address")]
ONE_BY_ONE = ("test_build.py", "test_editions.py", "test_faults.py", "test_new_chapter.py", "test_paper.py")
MAKE_BOOK = [sys.executable, str(ROOT / "book" / "_ext" / "make_book.py"), "--strict"]
LOG = ROOT / "book" / "_build" / "test-build.log"
NBVAL = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=300"]


def lint(paths=CODE):
    """Whether the code keeps the style; what does not is printed."""
    paths = [path for path in paths if (ROOT / path).exists()]
    for rule in (["check", "--quiet"], ["format", "--check", "--quiet"]):
        command = [sys.executable, "-m", "ruff", *rule, "--config", "code/pyproject.toml", *paths]
        if paths and subprocess.run(command, cwd=ROOT, check=False).returncode:
            print("style: not kept; `ruff format --config code/pyproject.toml` repairs most of it")
            return False
    print("style: kept", flush=True)
    return True


def share(nodeid):
    """What a test belongs to: tests with one share are run by one process, one after another.

    A notebook and a file are a share; of the file on the site each page, which a browser opens once; the tests of
    ONE_BY_ONE are long, and the processes take them one by one.
    """
    file, _, test = nodeid.partition("::")
    name = file.rsplit("/", 1)[-1]
    if name in ONE_BY_ONE:
        return nodeid
    pages = {path.stem for path in (ROOT / "book").glob("*.md")} if name == "test_site.py" else set()
    return "-".join([file, *sorted(pages & set(re.split(r"[][-]", test)))])


class Shares(LoadScopeScheduling):
    """How the processes of pytest-xdist share the tests."""

    def _split_scope(self, nodeid):
        return share(nodeid)


class Lines:
    """For pytest: a line for each failure when it happens; something to start when the first test has run."""

    def __init__(self, first=lambda: None):
        self.first = first

    def pytest_xdist_make_scheduler(self, config, log):
        return Shares(config, log)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report):
        self.first()
        self.first = lambda: None
        if report.failed:
            print(f"\nFAILED {report.nodeid}: {reason(report.longrepr)}", flush=True)


def reason(failure):
    """One line of why a test failed: of an exception the message, of a notebook's cell what its traceback ends in."""
    message = getattr(getattr(failure, "reprcrash", None), "message", None)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", message or str(failure)).strip().splitlines() or [""]
    return (lines[0] if message else lines[-1])[:200]


def run(targets, *options, jobs=None, plugin=None):
    """One run of pytest; whether all passed."""
    given = ["-c", "tests/pytest.ini", "--rootdir=.", "-o", "console_output_style=count", "--tb=no", "--no-summary"]
    given += ["-v", "-q"]  # not as short as pytest.ini has it: with a count
    if jobs and jobs > 1:
        given += ["-n", str(jobs), "--dist", "loadscope"]
    return pytest.main([*given, *options, *map(str, targets)], plugins=[plugin or Lines()]) in (0, 5)


class Book:
    """The build of the pages and of the notebooks, in the background."""

    process = None

    def start(self):
        LOG.parent.mkdir(parents=True, exist_ok=True)
        self.begun = time.perf_counter()
        with open(LOG, "w") as log:
            both = f"{shlex.join([*MAKE_BOOK, '--whole'])} && {shlex.join([*MAKE_BOOK, '--notebooks'])}"
            self.process = subprocess.Popen(["sh", "-c", both], cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)

    def finish(self):
        """Whether it was built without a warning; if not, what it said is printed."""
        if self.process is None:
            self.start()
        print("book: building, warnings are fatal", flush=True)
        built = self.process.wait() == 0
        print(f"book: {'built' if built else 'not built'}, {time.perf_counter() - self.begun:.0f} s", flush=True)
        if not built:
            print(LOG.read_text("utf8"))
        return built


def everything(jobs):
    """All tests but the planted faults; whether all passed."""
    book, start = Book(), time.perf_counter()
    passed = [lint()]
    apart = [f"--ignore=tests/{name}" for name in NEED_THE_BOOK]
    passed.append(run(["tests", *notebooks()], *NBVAL, *apart, jobs=jobs, plugin=Lines(book.start)))
    passed.append(book.finish())
    if passed[-1]:
        passed.append(run([f"tests/{name}" for name in NEED_THE_BOOK], jobs=jobs))
    print(f"{'all passed' if all(passed) else 'NOT ALL PASSED'}, {time.perf_counter() - start:.0f} s")
    return all(passed)


def notebooks():
    """The committed notebooks, as paths from the root."""
    return sorted(path.relative_to(ROOT) for path in (ROOT / "book").glob("*.ipynb"))


# --- what changed ---------------------------------------------------------------------------------------------------


def changes(revision):
    """The files that differ from a revision, as paths from the root; those that git does not know yet too."""

    def git(*arguments):
        done = subprocess.run(["git", *arguments, "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"git {arguments[0]}: {done.stderr.strip()}")
        return [name for name in done.stdout.split("\0") if name]

    new = git("ls-files", "--others", "--exclude-standard")
    found = sorted({*git("diff", "--name-only", "--no-renames", revision or "HEAD"), *new})
    return found if found or revision else sorted(git("diff", "--name-only", "--no-renames", "HEAD~1"))


def tests_of(path, root=ROOT):
    """The tests that belong to a changed file, as pairs of a test file and what to select in it ("": all)."""
    path, tests = Path(path), Path("tests")
    inside = path.parts[2:] if path.parts[:2] == ("code", "genphys") else ()
    wanted = []
    if path.parts[0] == "tests" and path.name.startswith("test_"):
        wanted = [(path, "")]
    elif path.parts[:2] == ("tests", "calls"):
        wanted = [(tests / "test_promise.py", f"{path.stem}.")]
    elif path.parts[:2] == ("tests", "faults"):
        wanted = [(tests / "test_faults.py", path.stem if path.stem != "run" else "")]
    elif inside[:1] == ("arguments",):
        wanted = [(tests / "test_promise.py", "")]  # the doors of all rooms
    elif len(inside) > 1 and path.suffix == ".py":
        room = inside[0]
        here = sorted((root / tests / room).glob("test_*.py"))
        named = [file for file in here if file.stem == f"test_{path.stem}"] or here
        wanted = [(file.relative_to(root), "") for file in named]
        wanted.append((tests / "test_promise.py", f"{path.stem if room in ('systems', 'networks') else room}."))
    elif inside and path.suffix == ".py":
        wanted = [(tests / f"test_{path.stem}.py", ""), (tests / "test_promise.py", f"{path.stem}.")]
    elif path.parts[:2] == ("book", "explorables"):
        wanted = [
            (tests / "explorables" / f"test_{path.parts[2]}.py", ""),
            (tests / "explorables" / "test_pages.py", ""),
        ]
    elif path == Path("book/_ext/explorables.py"):
        wanted = [(tests / "explorables" / "test_pages.py", "")]
    elif path.parts[:2] == ("book", "_ext"):
        wanted = [(tests / f"test_{path.stem}.py", "")]
    elif path.parts[0] != "book":
        wanted = [(tests / "test_repository.py", "")]
    return [(str(file), select) for file, select in wanted if (root / file).exists()]


def changed(revision, jobs):
    """The style, tests and pages of what changed; whether all passed."""
    found, start = changes(revision), time.perf_counter()
    print(f"{len(found)} files differ" + (f": {', '.join(found[:6])}{' ...' * (len(found) > 6)}" if found else ""))
    passed = [lint([path for path in found if path.endswith(".py") and path.startswith(CODE)])]
    wanted = sorted({pair for path in found for pair in tests_of(path)})
    whole = [file for file, select in wanted if not select]
    if whole:
        passed.append(run(whole, jobs=jobs if len(whole) > 1 else 1))
    for file in sorted({file for file, select in wanted if select and file not in whole}):
        passed.append(run([file], "-k", " or ".join(select for name, select in wanted if name == file and select)))
    passed.append(subprocess.run(MAKE_BOOK, cwd=ROOT, check=False).returncode == 0)
    print(f"{'all passed' if all(passed) else 'NOT ALL PASSED'}, {time.perf_counter() - start:.0f} s")
    return all(passed)


def main():
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parser = argparse.ArgumentParser(description="Run the tests.")
    parser.add_argument("--changed", nargs="?", const="", metavar="REVISION", help="only what differs from a revision")
    parser.add_argument("--package", action="store_true", help="only the package, without the tools of the book")
    parser.add_argument("--notebooks", action="store_true", help="only the committed notebooks")
    parser.add_argument("--jobs", type=int, default=min(cores, 8), help="processes at a time (default: the cores)")
    options = parser.parse_args()
    os.chdir(ROOT)
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["TQDM_DISABLE"] = "1"  # progress bars are for people, not for a comparison of outputs
    if options.package:
        passed = run(["tests", *(f"--ignore=tests/{name}" for name in OF_THE_TOOLS)], jobs=options.jobs)
    elif options.notebooks:
        passed = run(notebooks(), *NBVAL, jobs=options.jobs)
    else:
        passed = everything(options.jobs) if options.changed is None else changed(options.changed, options.jobs)
    sys.exit(not passed)


if __name__ == "__main__":
    main()
