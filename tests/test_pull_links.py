"""Links for a JupyterHub, and the branch of an edition that they pull."""

import subprocess
from urllib.parse import parse_qs, urlsplit

import pull_links
import pytest

URL = "https://github.com/University/course"


def test_a_link_names_repository_branch_and_file():
    found = urlsplit(pull_links.link("https://hub.example.org/", URL, "main", "book/first_gan.ipynb"))
    assert (found.netloc, found.path) == ("hub.example.org", "/hub/user-redirect/git-pull")
    assert parse_qs(found.query) == {
        "repo": [URL],
        "branch": ["main"],
        "urlpath": ["lab/tree/course/book/first_gan.ipynb"],
        "depth": ["1"],
    }
    for wrong in ("", "hub", "https://hub example", "ftp://hub.org"):
        with pytest.raises(ValueError, match="is no address of a hub"):
            pull_links.link(wrong, URL, "main", "x.ipynb")


def test_an_edition_has_a_branch_of_its_own(tmp_path):
    def git(*arguments):
        return subprocess.run(["git", *arguments], cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    git("init", "--quiet", "--initial-branch", "main")
    for key in ("user.name", "user.email"):
        git("config", key, "a@example.org")
    (tmp_path / "README.md").write_text("the book")
    git("add", ".")
    git("commit", "--quiet", "-m", "one")
    head, folder = git("rev-parse", "HEAD"), tmp_path.parent / f"{tmp_path.name}-notebooks"
    folder.mkdir()
    (folder / "first.ipynb").write_text("one")
    assert pull_links.put_on_branch(tmp_path, folder, "student", "Notebooks")
    assert not pull_links.put_on_branch(tmp_path, folder, "student", "Notebooks")
    (folder / "first.ipynb").write_text("one, with a solution")
    assert pull_links.put_on_branch(tmp_path, folder, "student", "Notebooks")
    assert git("ls-tree", "--name-only", "student").split() == ["first.ipynb"], "nothing of the book"
    assert git("show", "student:first.ipynb") == "one, with a solution"
    assert git("show", "student~1:first.ipynb") == "one"
    assert git("rev-parse", "HEAD") == head and git("status", "--porcelain") == ""
