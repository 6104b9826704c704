"""What the lines of the package are for: how they are counted, and what the package may have of each kind."""

import ast

import dependencies
import execution
import measure
import nbformat
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


@pytest.mark.parametrize(
    ("name", "is_later"),
    [
        ("flows/weights.py", True),
        ("exact/double_well.py", True),
        ("exact/finite.py", False),
        ("systems/phi4.py", False),
    ],
)
def test_a_file_serves_the_eight_chapters_or_came_later(name, is_later):
    assert measure.later(name) == is_later


def test_the_lines_for_the_eight_chapters_are_those_of_the_core_that_did_not_come_later():
    lines = dict.fromkeys(measure.KINDS, 0)
    names = ("gan/game.py", "flows/weights.py", "train/gan.py")
    files = [measure.File(name, {**lines, "computing": 10**i}, {"f": 1}) for i, name in enumerate(names)]
    found = measure.summary(files)
    assert (found["total"], found["eight"]) == (11, 1)


@pytest.fixture(scope="module")
def eight():
    """The files that the cells of the eight chapters run, but for what the trainings of later chapters bring along."""
    code = dependencies.Code(measure.ROOT / "code")
    for name in [name for name in code.modules if name.startswith("genphys.train")]:
        del code.modules[name]
    books = [nbformat.read(measure.ROOT / "book" / f"{name}.ipynb", 4) for name in measure.EIGHT]
    return {code.modules[module] for book in books for module in code.needed(execution.source(book))}


@pytest.mark.parametrize("place", measure.LATER)
def test_no_cell_of_the_eight_chapters_stands_on_what_came_later(eight, place):
    package = measure.ROOT / "code" / "genphys"
    paths = sorted((package / place).rglob("*.py")) if place.endswith("/") else [package / place]
    assert paths and all(path.is_file() for path in paths)
    assert not eight.intersection(paths)


def test_the_eight_chapters_stand_on_much_of_the_core(eight):
    files = ("rbm/annealing.py", "diffusion/samplers.py", "systems/transfer_matrix.py", "exact/markov.py")
    assert eight.issuperset(measure.ROOT / "code" / "genphys" / name for name in files)


@pytest.fixture(scope="module")
def found():
    return measure.summary(measure.measure(measure.ROOT / "code" / "genphys"))


@pytest.mark.parametrize("what", measure.TARGETS)
def test_the_package_keeps_to_what_it_may_have(found, what):
    """`make measure` shows the whole table."""
    assert found[what] <= measure.TARGETS[what]


# The named methods of the course, each in the form that is read as its equation; what is faster stands beside it.
PLAIN = [
    "rbm/training.py:cd_step",
    "rbm/partition.py:exact_moments",
    "rbm/partition.py:log_partition",
    "rbm/annealing.py:annealing_work",
    "rbm/annealing.py:ais",
    "vae/model.py:VAE.elbo",
    "vae/model.py:VAE.importance_weighted_bound",
    "gan/game.py:turn",
    "gan/losses.py:gradient_penalty",
    "scores/kernels.py:mmd2",
    "scores/transport.py:gaussian_frechet2",
    "diffusion/chain.py:loss",
    "diffusion/samplers.py:ancestral_step",
    "diffusion/samplers.py:ddim_step",
    "diffusion/samplers.py:heun_step",
]
MOST = 12  # lines of a body without its docstring


@pytest.mark.parametrize("place", PLAIN)
def test_a_plain_form_is_read_at_first_sight(place):
    path, _, name = place.partition(":")
    body = ast.parse((measure.ROOT / "code" / "genphys" / path).read_text("utf8")).body
    for part in name.split("."):
        (node,) = (node for node in body if getattr(node, "name", None) == part)
        body = node.body
    assert ast.get_docstring(node), "it says which equation it is"
    assert node.end_lineno - body[0].end_lineno <= MOST
