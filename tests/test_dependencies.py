"""What a chapter stands on: the modules that its cells import, by name, and a digest of what they compute."""

import ast

import pytest
from conftest import ROOT
from dependencies import Code, computing

FILES = {
    "small/__init__.py": '"""A package."""\nfrom small.ground import zero\nversion = "1"\n',
    "small/ground.py": "zero = 0\n",
    "small/room/__init__.py": "from small.room.left import f\nfrom .right import g, h as k\n",
    "small/room/left.py": "from small import ground\n\ndef f():\n    return ground.zero\n",
    "small/room/right.py": "def g():\n    return 1\n\ndef h():\n    from small.lazy import late\n    return late\n",
    "small/lazy.py": "late = 2\n",
    "small/keys/__init__.py": "import importlib as i\n\ndef look(n):\n  return i.import_module(f'small.keys.{n}')\n",
    "small/keys/easy.py": "ANSWERS = {'ex:easy': 1}\n",
    "small/keys/hard.py": "from small.lazy import late\nANSWERS = {'ex:hard': late}\n",
    "small/load.py": "def load(run):\n    return open(f'gan_{run}.json')\n",
}


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("source", "needed"),
    [
        ("import math", ""),
        ("import small", "small"),
        ("import small\nsmall.version", "small"),
        ("import small\nsmall.zero", "small small.ground"),
        ("import small.lazy", "small small.lazy"),
        ("from small import zero", "small small.ground"),
        ("from small import room\nroom.f()", "small small.ground small.room small.room.left"),
        ("from small import room as r\nr.g()", "small small.lazy small.room small.room.right"),
        ("from small import room\nroom.k", "small small.lazy small.room small.room.right"),
        ("from small import room", "small small.room"),
        (
            "from small import room\nprint(room)",
            "small small.ground small.lazy small.room small.room.left small.room.right",
        ),
        ("from small.room import left\nleft.f", "small small.ground small.room small.room.left"),
        ("from small.keys import look\nlook('ex:easy')", "small small.keys small.keys.easy"),
        ("from small.keys import look\nlook('ex:hard')", "small small.keys small.keys.hard small.lazy"),
    ],
)
def test_the_modules_that_a_source_needs(folder, source, needed):
    assert sorted(Code(folder).needed(source)) == needed.split()


def test_comments_and_docstrings_compute_nothing():
    plain = "class A:\n    def f(self):\n        return 'x'\n"
    told = '"""M."""\n\n\nclass A:\n    """A."""\n\n    # why\n    def f(self):\n        """F."""\n        return "x"\n'
    assert computing(ast.parse(plain)) == computing(ast.parse(told))
    assert computing(ast.parse(plain)) != computing(ast.parse(told.replace("x", "y")))


def test_the_digest_follows_code_and_weights_that_are_loaded(folder):
    def digest(source):
        return Code(folder).digest(source)

    asks = "from small import load\nload.load('digits')"
    before = digest(asks), digest("from small import room\nroom.f()")
    (folder / "small" / "gan_digits.json").write_text("{}")
    assert digest(asks) != before[0] and digest("from small import room\nroom.f()") == before[1]
    (folder / "small" / "room" / "right.py").write_text("def g():\n    return 2\n")
    assert digest("from small import room\nroom.f()") == before[1]
    assert digest("from small import room\nroom.g()") != before[1]


def test_a_source_that_prints_the_text_of_the_package_depends_on_its_docstrings(folder):
    source = "from small import room\nhelp(room.f)"
    before = Code(folder).digest(source)
    (folder / "small" / "room" / "left.py").write_text('"""New."""\n' + FILES["small/room/left.py"])
    assert Code(folder).digest(source) != before


def test_the_chapters_do_not_all_stand_on_everything():
    import run

    code = Code(ROOT / "code")
    needed = {c: code.needed("\n".join(text for _, text in run.cells(c))) for c in run.chapters()}
    assert all("genphys.verify" in modules for modules in needed.values())
    assert not any("genphys.diffusion" in needed[c] for c in ("energy_models", "boltzmann_machines"))
    assert any(m.startswith("genphys.rbm") for m in needed["boltzmann_machines"])
