"""Links that bring the notebooks to a JupyterHub: `make links HUB=https://hub.example.org [EDITION=student]`.

A student who follows such a link gets the notebooks by nbgitpuller, and what he or she has changed stays: a file that
only the book changed is renewed, one that only the student changed is kept, and where both changed the same lines the
student's stand. The links go to the published branch, whose notebooks have no solutions; with an edition, to a branch
of that name, on which a commit with the edition's notebooks and nothing else is put each time.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlencode

from address import ROOT, owner_and_name, repository
from make_book import BUILD, EDITIONS


def link(hub, url, branch, path):
    """The link of a hub that pulls a branch and opens a file of it in JupyterLab."""
    if not re.fullmatch(r"https?://[\w.:-]+(/[\w./~-]*)?", hub):
        raise ValueError(f"{hub!r} is no address of a hub: make links HUB=https://hub.example.org")
    opened = f"lab/tree/{owner_and_name(url)[1]}/{path}"
    asked = urlencode({"repo": url, "branch": branch, "urlpath": opened, "depth": 1}, safe="/:")
    return f"{hub.rstrip('/')}/hub/user-redirect/git-pull?{asked}"


def put_on_branch(root, folder, branch, message):
    """A commit of the notebooks in a folder on a branch of their own; what is checked out is not touched.

    Returns:
        Whether there was anything new.
    """
    with tempfile.TemporaryDirectory() as place:

        def git(*arguments, check=True):
            environment = os.environ | {"GIT_INDEX_FILE": str(Path(place, "index"))}
            done = subprocess.run(
                ["git", *arguments], cwd=root, env=environment, capture_output=True, text=True, check=False
            )
            if check and done.returncode:
                raise ValueError(f"git {arguments[0]}: {done.stderr.strip()}")
            return done.stdout.strip()

        for path in sorted(Path(folder).glob("*.ipynb")):
            blob = git("hash-object", "-w", str(path))
            git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path.name}")
        before, tree = git("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}", check=False), git("write-tree")
        if before and git("rev-parse", f"{before}^{{tree}}") == tree:
            return False
        commit = git("commit-tree", tree, *(["-p", before] if before else []), "-m", message)
        git("update-ref", f"refs/heads/{branch}", commit)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("hub")
    parser.add_argument("--edition", choices=EDITIONS)
    options = parser.parse_args()
    try:
        url, branch = repository()
        folder, inside = ROOT / "book", "book/"
        if options.edition:
            folder, inside, branch = BUILD / "editions" / options.edition / "notebooks", "", options.edition
        names = sorted(path.name for path in folder.glob("*.ipynb"))
        if not names:
            raise ValueError(f"there are no notebooks: make notebooks EDITION={options.edition}")
        found = [(name, link(options.hub, url, branch, inside + name)) for name in names]
        if options.edition:
            new = put_on_branch(ROOT, folder, branch, f"Notebooks of the edition for the {branch}")
            print(f"The branch {branch} {'has new notebooks' if new else 'is as it was'}: git push origin {branch}\n")
    except ValueError as error:
        sys.exit(f"make links: {error}")
    for name, target in found:
        print(f"{name.removesuffix('.ipynb')}\n  {target}")


if __name__ == "__main__":
    main()
