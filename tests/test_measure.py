"""What the lines of the package are for: how they are counted, and what the package may have of each kind."""

import ast

import measure
import pytest

SOURCE = '''"""A module.

Two more lines.
"""

import math

__all__ = ["area"]


@checked
def area(radius):
    """The area.

    Args:
        radius: The radius.
    """
    if radius < 0:
        raise ValueError("radius is negative")
    require(radius < 9, "radius", radius, "less")
    _points(radius)
    # the equation
    return (
        math.pi
        * radius**2
    )


def _points(x):
    if x is None:
        raise ValueError("x")
    return x
'''


def test_each_line_is_of_one_kind():
    found = measure.count("rooms/shapes.py", SOURCE, set(measure.check_names(ast.parse(SOURCE))))
    assert found.lines == {"computing": 5, "validation": 9, "import": 2, "docstring": 9, "other": 7}
    assert sum(found.lines.values()) == len(SOURCE.splitlines())
    assert found.distances == {"area": 11}


def test_the_room_of_checks_is_validation_as_a_whole():
    lines = measure.count("arguments.py", SOURCE).lines
    assert lines["computing"] == 0 and lines["docstring"] == 9 and lines["import"] == 2


@pytest.mark.parametrize(
    ("name", "part"),
    [("gan/game.py", "core"), ("plots_gan.py", "figures"), ("figures/common.py", "figures"), ("train/gan.py", "train")],
)
def test_the_parts_of_the_package(name, part):
    assert measure.room(name) == part


@pytest.fixture(scope="module")
def found():
    return measure.summary(measure.measure(measure.ROOT / "code" / "genphys"))


@pytest.mark.parametrize("what", measure.TARGETS)
def test_the_package_keeps_to_what_it_may_have(found, what):
    """`make measure` shows the whole table."""
    assert found[what] <= measure.TARGETS[what]
