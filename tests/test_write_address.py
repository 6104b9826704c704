"""`make adopt` and `make release`: the address in every file that names it."""

import json
import re
import shutil
import subprocess

import pytest
import write_address
from address import repository
from conftest import ROOT

ADOPTED = "https://github.com/University/course"


@pytest.fixture
def copy(tmp_path):
    """The files that name the address, one notebook among them."""
    for name in ("README.md", "CITATION.cff", write_address.CONFIG, write_address.WORKFLOW):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    first = sorted((ROOT / "book").glob("*.ipynb"))[0]
    shutil.copy(first, tmp_path / "book")
    return tmp_path


def test_a_fork_is_adopted_and_given_back(copy):
    before, (url, branch) = write_address.read(copy), repository()
    changed = write_address.write(copy, ADOPTED, "trunk")
    assert sorted(changed) == sorted(before)
    after = write_address.read(copy)
    assert write_address.repository_of(after[write_address.CONFIG]) == (ADOPTED, "trunk")
    assert "    branches: [trunk]\n" in after[write_address.WORKFLOW]
    notebook = next(text for name, text in after.items() if name.endswith(".ipynb"))
    assert f"git+{ADOPTED}.git@trunk#subdirectory=code" in notebook
    assert "https://university.github.io/course/" in notebook and json.loads(notebook)
    owner, name = write_address.owner_and_name(url)
    for file, text in after.items():
        assert f"{owner}/{name}" not in text and f"{owner.lower()}.github.io" not in text, file
    assert write_address.said(changed)[-1] == "  1 notebooks book/*.ipynb: their first cell and their links"
    assert write_address.write(copy, ADOPTED, "trunk") == []
    write_address.write(copy, url, branch)
    assert write_address.read(copy) == before


def test_an_address_that_is_refused_changes_nothing(copy):
    before = write_address.read(copy)
    for url in ("https://gitlab.com/a/b", "git@github.com:a/b.git"):
        with pytest.raises(ValueError, match=r"takes https://github\.com/OWNER/NAME"):
            write_address.write(copy, url, "main")
    with pytest.raises(ValueError, match="is no name of a branch"):
        write_address.write(copy, ADOPTED, "two words")
    assert write_address.read(copy) == before


def test_a_version_launches_and_installs_itself(copy):
    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        done = subprocess.run(["git", *identity, *arguments], cwd=copy, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    package = copy / write_address.PACKAGE
    package.parent.mkdir(parents=True)
    package.write_text('__version__ = "1.0.0"\n')
    git("init", "--quiet", "--initial-branch", "main")
    git("config", "user.name", "a")
    git("config", "user.email", "a@example.org")
    git("add", ".")
    git("commit", "--quiet", "-m", "one")
    before, head = write_address.read(copy), git("rev-parse", "HEAD")
    write_address.release(copy, "v1.0")
    assert (git("rev-parse", "HEAD"), git("symbolic-ref", "--short", "HEAD")) == (head, "main")
    assert write_address.read(copy) == before and git("status", "--porcelain") == ""
    assert git("rev-parse", "v1.0^{commit}~1") == head
    config, readme = git("show", "v1.0:book/_config.yml"), git("show", "v1.0:README.md")
    url = repository()[0]
    assert write_address.repository_of(config + "\n") == (url, "v1.0")
    assert "/v1.0?urlpath=lab" in readme and "/blob/v1.0/book/" in readme
    (name,) = (name for name in before if name.endswith(".ipynb"))
    assert f"git+{url}.git@v1.0#subdirectory=code" in git("show", f"v1.0:{name}")
    assert re.search(r"^    branches: \[main\]$", git("show", f"v1.0:{write_address.WORKFLOW}"), re.M)
    with pytest.raises(ValueError, match=r"there is a tag v1\.0 already"):
        write_address.release(copy, "v1.0")
    with pytest.raises(ValueError, match=r"a version is v1\.2 or v1\.2\.3"):
        write_address.release(copy, "1.0")
    with pytest.raises(ValueError, match=r"says that this is version 1\.0\.0; raise it"):
        write_address.release(copy, "v1.1")
    (copy / "README.md").write_text("changed")
    with pytest.raises(ValueError, match="not committed"):
        write_address.release(copy, "v1.1")
    assert (copy / "README.md").read_text() == "changed"
