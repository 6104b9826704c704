"""The harness of the planted faults, on a small package and a small chapter. `make faults` tries the real ones."""

import multiprocessing
import os
import sys

import pytest
import run

PACKAGE = '''
import functools


def checked(function):
    @functools.wraps(function)
    def door(*args):
        return function(*args)

    return door


def double(x):
    return x + x


@checked
def square(x):
    """The square."""
    return x * x


def unused(x):
    return x + 1


class Line:
    def __init__(self, slope):
        self.slope = slope

    def at(self, x):
        return self.slope * x

    @property
    def steepness(self):
        return abs(self.slope)

    @staticmethod
    def flat():
        return 1 - 1
'''
CELLS = [
    (1, "from shapes.plane import Line, double, square\nfrom genphys.verify import CheckFailed\nstream = [1.0, 2.0]"),
    (5, "first = stream.pop(0)"),
    (9, "if double(3) != 6: raise CheckFailed('eq:double: no')"),
    (13, "line = Line(-first)\nif line.at(2) != -2: raise CheckFailed('eq:line: no')\nstream.pop(0)"),
    (17, "if square(3) != 9: raise CheckFailed('eq:square: no')\nif Line.flat(): raise CheckFailed('eq:flat: no')"),
    (21, "1 / line.steepness"),
]
PLANTED = [
    (("a", "plane", "double", "x + x", "x * x"), ("CheckFailed", "eq:double", 3)),
    (("b", "plane", "Line.at", "self.slope * x", "self.slope + x"), ("CheckFailed", "eq:line", 4)),
    (("c", "plane", "square", "x * x", "x + x"), ("CheckFailed", "eq:square", 5)),
    (("d", "plane", "square", "x * x", "x * abs(x)"), ("", "", 6)),
    (("e", "plane", "Line.flat", "1 - 1", "1 + 1"), ("CheckFailed", "eq:flat", 5)),
    (("f", "plane", "Line.steepness", "abs(self.slope)", "self.slope - self.slope"), ("ZeroDivisionError", "", 6)),
    (("g", "plane", "unused", "x + 1", "x - 1"), ("never called", "", 0)),
    (("h", "plane", "Line.at", "return self.slope * x", "import os; os._exit(3)"), ("killed", "", 0)),
]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The small package `shapes`, importable."""
    (tmp_path / "shapes").mkdir()
    (tmp_path / "shapes" / "__init__.py").write_text("")
    (tmp_path / "shapes" / "plane.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "shapes"
    for name in [n for n in sys.modules if n.split(".")[0] == "shapes"]:
        del sys.modules[name]


def tried(cells, plants, folder):
    """Run a trial; the outcome of each plant, by number."""

    def answer(k, outcome):
        (folder / f"{k}.txt").write_text(repr(tuple(outcome)))

    run.Trial("small", cells, plants, answer, multiprocessing.get_context("fork").Semaphore(2)).run()
    return {k: run.Outcome(*eval((folder / f"{k}.txt").read_text())) for k in range(len(plants))}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process cannot be copied on this system")
def test_each_fault_meets_the_cells_as_they_stand(package, tmp_path):
    """Doors and decorators are seen through, the cells before are not run again, and each fault is alone."""
    outcomes = tried(CELLS, [run.Plant(run.Fault(*fault), package) for fault, _ in PLANTED], tmp_path)
    found = [(outcomes[k].kind, outcomes[k].label, outcomes[k].cells) for k in range(len(PLANTED))]
    assert found == [expected for _, expected in PLANTED]
    assert [outcome.caught for outcome in outcomes.values()] == [True, True, True, False, True, False, False, False]


def test_a_chapter_that_fails_without_a_fault_is_an_error(package, tmp_path):
    broken = [CELLS[0], (30, "raise CheckFailed('eq:it')")]
    plant = run.Plant(run.Fault(*PLANTED[0][0]), package)
    with pytest.raises(RuntimeError, match=r"small fails without any fault: CheckFailed: cell in line 30: eq:it"):
        tried(broken, [plant], tmp_path)


def test_what_a_fault_replaces_must_stand_there_once():
    source = "def f(x):\n    return x + x\n\n\ndef g(x):\n    return x\n"
    with pytest.raises(ValueError, match="3 times"):
        run.planted(run.Fault("a", "module", "f", "x", "y"), source)
    with pytest.raises(ValueError, match="0 times"):
        run.planted(run.Fault("a", "module", "g", "x + x", "x"), source)
    with pytest.raises(ValueError, match="there is no h"):
        run.planted(run.Fault("a", "module", "h", "x", "y"), source)
    after = run.planted(run.Fault("a", "module", "f", "x + x", "x - x"), source)
    assert after == "def f(x):\n    return x - x\n\n\ndef g(x):\n    return x\n"


def test_a_fault_stands_in_the_body_of_a_function(package):
    with pytest.raises(ValueError, match="is no function"):
        run.Plant(run.Fault("a", "plane", "Line", "abs", "any"), package)
    with pytest.raises(ValueError, match="stands in the signature"):
        run.Plant(run.Fault("a", "plane", "square", "(x)", "(x, y=1)"), package)


@pytest.mark.parametrize("chapter", run.chapters())
def test_a_chapter_has_at_least_five_faults_and_each_can_be_planted(chapter):
    listed = run.faults(chapter)
    assert len(listed) >= 5 and len({fault.name for fault in listed}) == len(listed)
    for fault in listed:
        plant = run.Plant(fault)
        assert plant.faulty.co_freevars == plant.listening.co_freevars == plant.function.__code__.co_freevars


def test_what_was_caught_is_remembered_until_what_it_stands_on_changes(tmp_path, monkeypatch):
    chapter, fault = "energy_models", run.faults("energy_models")[0]
    memory = run.Memory(tmp_path / "faults.json")
    assert memory.label(chapter, fault) is None
    memory.keep(chapter, fault, run.Outcome("CheckFailed", "eq:it", "", 9))
    assert run.Memory(tmp_path / "faults.json").label(chapter, fault) == "eq:it"
    assert run.Memory(tmp_path / "faults.json").label(chapter, fault._replace(new="x")) is None
    todo = run.cells(chapter)
    for changed, label in ((9, "eq:it"), (8, None)):
        edited = [*todo[:changed], (0, "an_edit = 1"), *todo[changed + 1 :]]
        monkeypatch.setattr(run, "cells", lambda chapter, edited=edited: edited)
        assert run.Memory(tmp_path / "faults.json").label(chapter, fault) == label


def test_the_cells_are_those_of_the_chapter():
    """Every cell with a check is run; what is left out ends in plt.show()."""
    for chapter in run.chapters():
        text = (run.ROOT / "book" / f"{chapter}.md").read_text("utf8")
        code = "".join(code for _, code in run.cells(chapter))
        for call in ("verify(", "verify_slope(", "report("):
            in_cells = sum(match[1].count(call) for match in run._CELL.finditer(text))
            assert code.count(call) == in_cells
