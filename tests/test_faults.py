"""The checks of the book can fail: planted faults, and the harness that plants them."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "faults"))
import run

FAULTS = [(chapter, fault) for chapter in run.chapters() for fault in run.faults(chapter)]


@pytest.fixture(scope="module")
def outcomes():
    """Each fault tried once, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda pair: run.try_fault(*pair), FAULTS))


@pytest.mark.parametrize("k", range(len(FAULTS)), ids=[f"{chapter}: {fault.name}" for chapter, fault in FAULTS])
def test_a_planted_fault_is_caught_by_a_check(outcomes, k):
    assert outcomes[k].caught, outcomes[k]
    assert outcomes[k].label, outcomes[k]


@pytest.mark.parametrize("chapter", run.chapters())
def test_a_chapter_has_at_least_five_faults(chapter):
    planted = run.faults(chapter)
    assert len(planted) >= 5
    assert len({fault.name for fault in planted}) == len(planted)


def test_what_a_fault_replaces_must_stand_there_once(tmp_path):
    (tmp_path / "module.py").write_text("def f(x):\n    return x + x\n\n\ndef g(x):\n    return x\n")
    with pytest.raises(ValueError, match="3 times"):
        run.plant(run.Fault("a", "module", "f", "x", "y"), tmp_path)
    with pytest.raises(ValueError, match="0 times"):
        run.plant(run.Fault("a", "module", "g", "x + x", "x"), tmp_path)
    with pytest.raises(ValueError, match="there is no h"):
        run.plant(run.Fault("a", "module", "h", "x", "y"), tmp_path)
    run.plant(run.Fault("a", "module", "f", "x + x", "x - x"), tmp_path)
    assert (tmp_path / "module.py").read_text() == "def f(x):\n    return x - x\n\n\ndef g(x):\n    return x\n"


def test_the_cells_are_those_of_the_chapter():
    """Every cell with a check is run; what is left out ends in plt.show()."""
    for chapter in run.chapters():
        text = (run.ROOT / "book" / f"{chapter}.md").read_text("utf8")
        code = "".join(code for _, code in run.cells(chapter))
        for call in ("verify(", "verify_slope(", "report("):
            in_cells = sum(match[1].count(call) for match in run._CELL.finditer(text))
            assert code.count(call) == in_cells
