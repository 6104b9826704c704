"""Write the repository's address into the files that need it literally: `make address`, `make adopt`, `make release`.

The address stands in one place, `repository` in book/_config.yml. The pages and their buttons take it from there when
they are built. README.md, CITATION.cff and the committed notebooks are read as they are, so they are rewritten here.

    write_address.py                         after an edit of book/_config.yml
    write_address.py --url URL [--branch B]  a fork: the address in book/_config.yml too, and what is left to do
    write_address.py --release v1.0          a commit beside the branch, tagged, whose pages launch and install v1.0
"""

import argparse
import re
import subprocess
import sys

from address import ROOT, owner_and_name, plain, published, repository

START = "<!-- The addresses below are written by `make address` from book/_config.yml. -->\n"
FIRST_CHAPTER = "book/energy_models"
CONFIG, WORKFLOW = "book/_config.yml", ".github/workflows/tests.yml"
PACKAGE = "code/genphys/__init__.py"
TAG = re.compile(r"v\d+\.\d+(\.\d+)?")
LEFT = """\
What is left to do, on GitHub and here:
  1. {url}/actions: enable the workflows; GitHub switches them off on a fork, and a push before that publishes nothing
  2. git add --all && git commit -m "A home of its own" && git push
  3. {url}/settings/pages: deploy from a branch, gh-pages, once the first run has published there
  4. title, author and copyright in book/_config.yml and CITATION.cff, if they are to be others
The book will be at {book}"""


def links(url, branch):
    """The targets of the README's links, by name."""
    owner, name = owner_and_name(url)
    return {
        "book": published(url),
        "tests": f"{url}/actions/workflows/tests.yml",
        "tests-badge": f"{url}/actions/workflows/tests.yml/badge.svg?branch={branch}",
        "binder": f"https://mybinder.org/v2/gh/{owner}/{name}/{branch}?urlpath=lab/tree/book",
        "binder-badge": "https://mybinder.org/badge_logo.svg",
        "colab": f"https://colab.research.google.com/github/{owner}/{name}/blob/{branch}/{FIRST_CHAPTER}.ipynb",
        "colab-badge": "https://colab.research.google.com/assets/colab-badge.svg",
    }


def derive(texts, url, branch):
    """The files with the address written in.

    Args:
        texts: The present contents, by name: ``README.md``, ``CITATION.cff``, and notebooks (``book/NAME.ipynb``).
        url: The address of the repository, ``https://github.com/OWNER/NAME``.
        branch: The branch that is published.

    Returns:
        The new contents, by the same names.

    Raises:
        ValueError: ``url`` is no such address, or a file has not exactly one place for the address.
    """
    _, name = owner_and_name(url)
    block = START + "".join(f"[{key}]: {target}\n" for key, target in links(url, branch).items())
    readme, citation = texts["README.md"], texts["CITATION.cff"]
    readme = _replace("README.md", readme, re.escape(START) + r"[\s\S]*\Z", block)
    readme = _replace("README.md", readme, r"^git clone \S+ && cd \S+$", f"git clone {url} && cd {name}")
    citation = _replace("CITATION.cff", citation, r"^repository-code: .*$", f"repository-code: {url}")
    citation = _replace("CITATION.cff", citation, r"^url: .*$", f"url: {published(url)}")
    notebooks = {name: in_notebook(name, text, url, branch) for name, text in texts.items() if name.endswith(".ipynb")}
    return {"README.md": readme, "CITATION.cff": citation} | notebooks


def in_notebook(name, text, url, branch):
    """The first cell installs from the repository; its old address says which links are of the book."""
    installs = r"git\+(https://github\.com/[\w.-]+/[\w.-]+?)\.git@([\w./-]+)#subdirectory=code"
    old = re.search(installs, text)
    text = _replace(name, text, installs, f"git+{url}.git@{branch}#subdirectory=code")
    return re.sub(re.escape(published(old[1])) + r"(?=\w+\.html|_images/|_static/)", published(url), text)


def configured(texts, url, branch):
    """The configuration and the workflow that name the address and the branch, with these."""
    if not re.fullmatch(r"[\w.][\w./-]*", branch):
        raise ValueError(f"{branch!r} is no name of a branch")
    before = repository_of(texts[CONFIG])
    config = _replace(CONFIG, texts[CONFIG], r"^  url: \S+$", f"  url: {url}")
    config = _replace(CONFIG, config, r"^  branch: \S+$", f"  branch: {branch}")
    workflow = texts[WORKFLOW]
    if not TAG.fullmatch(branch):
        named = re.escape(before[1])
        workflow = _replace(WORKFLOW, workflow, rf"^    branches: \[{named}\]$", f"    branches: [{branch}]")
    return {CONFIG: config, WORKFLOW: workflow}


def repository_of(config):
    """Address and branch as the text of a _config.yml has them."""
    return tuple(re.search(rf"^  {key}: (\S+)$", config, re.M)[1] for key in ("url", "branch"))


def _replace(file, text, pattern, new):
    text, count = re.subn(pattern, lambda _: new, text, flags=re.MULTILINE)
    if count != 1:
        raise ValueError(f"{file} has {count} lines like {pattern!r}, takes exactly one to write the address into")
    return text


def read(root):
    """The files that name the address, by name; notebooks need not be there."""
    names = [CONFIG, WORKFLOW, "README.md", "CITATION.cff"]
    names += sorted(path.relative_to(root).as_posix() for path in root.glob("book/*.ipynb"))
    return {name: (root / name).read_text("utf8") for name in names}


def write(root, url, branch):
    """Write address and branch into every file that names them; the names of those that changed. Raises ValueError."""
    present = read(root)
    new = configured(present, url, branch) | derive(present, url, branch)
    changed = [name for name, text in new.items() if text != present[name]]
    for name in changed:
        (root / name).write_text(new[name], "utf8")
    return changed


def said(changed):
    """The files that changed, in lines; the notebooks in one."""
    notebooks = [name for name in changed if name.endswith(".ipynb")]
    lines = [f"  {name}" for name in changed if name not in notebooks]
    return lines + [f"  {len(notebooks)} notebooks book/*.ipynb: their first cell and their links"] * bool(notebooks)


def release(root, tag):
    """Tag a commit beside the branch, in which every link and installation leads to the tag. Raises ValueError."""

    def git(*arguments):
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ValueError(f"git {arguments[0]}: {done.stderr.strip()}")
        return done.stdout.strip()

    if not TAG.fullmatch(tag):
        raise ValueError(f"a version is v1.2 or v1.2.3, it is {tag!r}")
    if git("status", "--porcelain", "--untracked-files=no"):
        raise ValueError("there are changes that are not committed")
    if git("tag", "--list", tag):
        raise ValueError(f"there is a tag {tag} already; a version stays what it was")
    said = re.search(r'^__version__ = "([^"]+)"', (root / PACKAGE).read_text("utf8"), re.M)[1]
    if tag[1:] not in (said, said.removesuffix(".0")):
        raise ValueError(
            f"{PACKAGE} says that this is version {said}; raise it, and CITATION.cff, before the tag {tag}"
        )
    here, url = git("rev-parse", "HEAD"), plain(repository_of((root / CONFIG).read_text("utf8"))[0])
    try:
        write(root, url, tag)
        git("add", "--update")
        commit = git("commit-tree", git("write-tree"), "-p", here, "-m", f"Version {tag[1:]}")
        git("tag", "--annotate", tag, commit, "-m", f"Version {tag[1:]}")
    finally:
        git("reset", "--hard", here)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url")
    parser.add_argument("--branch")
    parser.add_argument("--release", metavar="TAG")
    options = parser.parse_args()
    target = "release" if options.release else "adopt" if options.url or options.branch else "address"
    try:
        if options.release:
            release(ROOT, options.release)
            print(f"The tag {options.release} is made, its links lead to itself: git push origin {options.release}")
            return
        url, branch = repository()
        url, branch = plain(options.url or url), options.branch or branch
        changed = write(ROOT, url, branch)
    except ValueError as error:
        sys.exit(f"make {target}: {error}")
    print("\n".join(["These files have the address now:", *said(changed)] if changed else ["Nothing had to change."]))
    if target == "adopt":
        print(LEFT.format(url=url, book=published(url)))
    else:
        print(f"The repository is {url}, the book {published(url)}")


if __name__ == "__main__":
    main()
