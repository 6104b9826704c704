"""Every cell that the lecture plan runs live can be changed as the plan says, and then shows what it says.

A chapter is not run: the cell runs with those before it that define what it uses, each by the last cell that does.
"""

import ast
import re
import symtable

import matplotlib.pyplot as plt
import open_code
import pytest
import torch
from conftest import BOOK
from live_cells import LIVE
from test_decks import SECTIONS

from genphys.verify import CheckFailed

CHAPTERS = {name: [cell.code for cell in open_code.cells(text)] for name, text in open_code.chapters().items()}


def names(code):
    """What the top level of some code defines, and what it uses, its functions included."""
    table = symtable.symtable(code, "cell", "exec")
    defines = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}
    uses = {s.get_name() for s in table.get_symbols() if s.is_referenced()}
    inner = list(table.get_children())
    while inner:
        table = inner.pop()
        inner += table.get_children()
        uses |= {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
    return defines, uses


def needs(code):
    """What a cell uses that it did not define before, statement by statement; functions run when the cell has ended."""
    everything, known, found = names(code)[0], set(), set()
    for statement in ast.parse(code).body:
        defines, uses = names(ast.unparse(statement))
        later = everything if isinstance(statement, (ast.FunctionDef, ast.ClassDef)) else set()
        own = defines if isinstance(statement, (ast.For, ast.While, ast.With)) else set()
        found |= uses - known - later - own
        known |= defines
    return found


def chosen(cells, last):
    """The numbers of the cells that a cell needs, in order: the first of the chapter, and what defines what is used."""
    wanted, found = needs(cells[last]), [last]
    for number in range(last - 1, -1, -1):
        if number == 0 or names(cells[number])[0] & wanted:
            found.append(number)
            wanted = (wanted - names(cells[number])[0]) | needs(cells[number])
    return found[::-1]


def test_the_cells_that_a_cell_needs():
    cells = [
        "import a",
        "x = a.one()\ny = 1",
        "def f():\n    return x + g()",
        "y = 2",
        "def g():\n    return z",
        "z = 3",
    ]
    assert chosen([*cells, "for i in y:\n    print(i)"], 6) == [0, 3, 6]
    assert chosen([*cells, "print(f())"], 6) == [0, 1, 2, 4, 5, 6] or chosen([*cells, "print(f())"], 6) == [0, 1, 2, 6]
    assert chosen([*cells, "x = 5\nprint(x)"], 6) == [0, 6]
    assert needs("def h():\n    return k\n\nk = 1\nprint(h(), m)") == {"print", "m"}


@pytest.fixture
def as_before():
    """A chapter sets what is the whole process's; afterwards it is as it was."""
    dtype, state, threads, style = (
        torch.get_default_dtype(),
        torch.get_rng_state(),
        torch.get_num_threads(),
        dict(plt.rcParams),
    )
    yield
    plt.close("all")
    plt.rcParams.update(style)
    torch.set_default_dtype(dtype)
    torch.set_rng_state(state)
    torch.set_num_threads(threads)


@pytest.mark.parametrize("chapter", SECTIONS)
def test_each_live_cell_of_the_plan_is_listed_in_its_order(chapter):
    asked = re.split(r"\*[Rr]un live\*", SECTIONS[chapter])[1:]
    listed = [live for live in LIVE if live.chapter == chapter]
    assert len(asked) == len(listed)
    for words, live in zip(asked, listed, strict=True):
        assert live.plan in words, f"{live.plan!r} does not follow in {words[:80]!r}"


def body_uses(code, name):
    """What a function or class of some code uses, its inside included; nothing where the name is no such thing."""
    for statement in ast.parse(code).body:
        made = isinstance(statement, (ast.FunctionDef, ast.ClassDef)) or isinstance(
            getattr(statement, "value", None), ast.Lambda
        )
        if made and name in names(ast.unparse(statement))[0]:
            return names(ast.unparse(statement))[1]
    return set()


def taken_away(cells, last):
    """What a cell uses, itself or in functions, and a later cell gives another value.

    After a run of the whole chapter the cell would not find what it found the first time. Later cells may go on with a
    thing, or make another source of chance.
    """
    todo, seen, before = list(needs(cells[last])), set(), chosen(cells, last)[:-1]
    while todo:
        name = todo.pop()
        places = [k for k in before if name in names(cells[k])[0]]
        if name not in seen and places:
            seen.add(name)
            todo += body_uses(cells[places[-1]], name)
    later = [names(code)[0] - needs(code) for code in cells[last + 1 :]]
    return (seen & set().union(*later)) - {"rng"}


def test_what_later_cells_take_away_is_found():
    cells = ["import a", "x = a.one()\ny = 1", "def f():\n    return x", "print(f(), y)", "y = y + 1", "x = 3"]
    assert taken_away(cells, 3) == {"x"} and taken_away(cells[:5], 3) == set()


@pytest.mark.parametrize("number", range(len(LIVE)), ids=[f"{x.chapter}-{x.plan[:30]}" for x in LIVE])
def test_a_live_cell_works_when_the_whole_chapter_was_run_before(number):
    """As the plan asks for; where it does not, it says that cells are to be run anew."""
    live = LIVE[number]
    cells = CHAPTERS.get(live.chapter) or pytest.skip("the chapter was taken out of the book")
    words = next(w for w in re.split(r"\*[Rr]un live\*", SECTIONS[live.chapter])[1:] if live.plan in w)
    lost = taken_away(cells, next(k for k, code in enumerate(cells) if live.cell in code))
    assert not lost or "anew" in words.split("Question")[0], f"later cells give {sorted(lost)} other values"


@pytest.mark.parametrize("number", range(len(LIVE)), ids=[f"{x.chapter}-{x.plan[:30]}" for x in LIVE])
def test_a_live_cell_can_be_changed_as_the_plan_says(number, as_before, monkeypatch, capsys):
    live = LIVE[number]
    cells = CHAPTERS.get(live.chapter) or pytest.skip("the chapter was taken out of the book")
    places = [k for k, code in enumerate(cells) if live.cell in code]
    assert len(places) == 1, f"{len(places)} cells with {live.cell!r}"
    if not live.change:
        return
    monkeypatch.chdir(BOOK)
    space = {"__name__": "__main__"}
    for k in chosen(cells, places[0]):
        code = cells[k]
        for old, new in live.change if k == places[0] else ():
            assert old in code, f"{old!r} is not in the cell"
            code = code.replace(old, new)
        for old, new in live.brief:
            code = code.replace(old, new)
        if live.fails and k == places[0]:
            with pytest.raises((CheckFailed, AssertionError), match=live.fails):
                exec(compile(code, f"{live.chapter}, cell {k}", "exec"), space)
            return
        exec(compile(code, f"{live.chapter}, cell {k}", "exec"), space)
    exec(compile(live.then, "then", "exec"), space)
