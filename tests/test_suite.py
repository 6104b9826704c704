"""What `make check` tests for a changed file."""

import pytest
import suite


@pytest.fixture
def root(tmp_path):
    for name in ("gan/test_game.py", "gan/test_toys.py", "test_data.py", "test_promise.py", "test_build.py"):
        (tmp_path / "tests" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tests" / name).touch()
    for name in ("test_repository.py", "test_faults.py", "test_dependencies.py"):
        (tmp_path / "tests" / name).touch()
    for name in ("test_gan.py", "test_pages.py"):
        (tmp_path / "tests" / "explorables" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "tests" / "explorables" / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("code/genphys/gan/game.py", [("tests/gan/test_game.py", ""), ("tests/test_promise.py", "gan.")]),
        (
            "code/genphys/gan/__init__.py",
            [("tests/gan/test_game.py", ""), ("tests/gan/test_toys.py", ""), ("tests/test_promise.py", "gan.")],
        ),
        ("code/genphys/systems/ising.py", [("tests/test_promise.py", "ising.")]),
        ("code/genphys/data.py", [("tests/test_data.py", ""), ("tests/test_promise.py", "data.")]),
        ("code/genphys/arguments/door.py", [("tests/test_promise.py", "")]),
        ("code/genphys/weights/vae.json", [("tests/test_repository.py", "")]),
        ("tests/gan/test_toys.py", [("tests/gan/test_toys.py", "")]),
        ("tests/calls/gan.py", [("tests/test_promise.py", "gan.")]),
        ("tests/faults/first_gan.py", [("tests/test_faults.py", "first_gan")]),
        ("book/_ext/dependencies.py", [("tests/test_dependencies.py", "")]),
        (
            "book/explorables/gan/script.js",
            [("tests/explorables/test_gan.py", ""), ("tests/explorables/test_pages.py", "")],
        ),
        ("book/first_gan.md", []),
        ("requirements.txt", [("tests/test_repository.py", "")]),
    ],
)
def test_the_tests_that_belong_to_a_changed_file(root, path, expected):
    assert suite.tests_of(path, root) == expected


def test_every_file_of_a_room_has_tests():
    """`make check` finds something to run for each file of the package that computes."""
    package = suite.ROOT / "code" / "genphys"
    paths = [path.relative_to(suite.ROOT) for path in package.rglob("*.py") if path.name[:2] != "__"]
    assert [str(path) for path in paths if not suite.tests_of(path)] == []


@pytest.mark.parametrize(
    ("test", "share"),
    [
        ("book/first_gan.ipynb::Cell 3", "book/first_gan.ipynb"),
        ("tests/gan/test_game.py::test_it[a-1]", "tests/gan/test_game.py"),
        ("tests/test_build.py::test_it", "tests/test_build.py::test_it"),
        ("tests/test_site.py::test_axe[first_gan-dark]", "tests/test_site.py-first_gan"),
        ("tests/test_site.py::test_search", "tests/test_site.py"),
    ],
)
def test_what_one_process_runs(test, share):
    assert suite.share(test) == share


def test_a_failure_is_one_line():
    class Crash:
        class reprcrash:
            message = "AssertionError: 1 is not 2\n  where 1 = f()"

    assert suite.reason(Crash) == "AssertionError: 1 is not 2"
    cell = "\x1b[91mNotebook cell execution failed\x1b[0m\nCell 3\n\nCheckFailed: eq:it: found 2\n"
    assert suite.reason(cell) == "CheckFailed: eq:it: found 2"
