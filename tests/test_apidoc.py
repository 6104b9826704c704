"""The API page: where the links to the source lead."""

import re

import apidoc
import pytest
from conftest import ROOT


@pytest.mark.parametrize(
    ("module", "fullname", "first"),
    [
        ("genphys.verify", "verify", "def verify("),
        ("genphys.systems.ising", "energy", "def energy("),
        ("genphys.arguments.vocabulary", "Takes", "class Takes"),
        ("genphys.arguments.vocabulary", "Takes.__or__", "def __or__("),
    ],
)
def test_the_link_leads_to_the_lines_that_define_a_name(module, fullname, first):
    link = apidoc.source_link("py", {"module": module, "fullname": fullname})
    path, begin, end = re.search(r"/blob/[\w.-]+/(code/.*\.py)#L(\d+)-L(\d+)$", link).groups()
    lines = (ROOT / path).read_text("utf8").splitlines()[int(begin) - 1 : int(end)]
    definition = next(line.strip() for line in lines if not line.strip().startswith("@"))
    assert definition.startswith(first)


@pytest.mark.parametrize("fullname", ["nothing", "__all__", "verify.nothing"])
def test_what_has_no_lines_has_no_link(fullname):
    assert apidoc.source_link("py", {"module": "genphys.verify", "fullname": fullname}) is None
