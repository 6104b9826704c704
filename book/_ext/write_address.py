"""Write the repository's address into the files that need it literally: `make address`.

The address stands in one place, `repository.url` in book/_config.yml. The pages, the notebooks and their buttons take
it from there when they are built. README.md and CITATION.cff are read as they are, so they are rewritten here.
"""

import re
import sys

from address import ROOT, owner_and_name, published, repository

START = "<!-- The addresses below are written by `make address` from book/_config.yml. -->\n"
FIRST_CHAPTER = "book/energy_models"


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
        texts: The present contents, by the names ``README.md`` and ``CITATION.cff``.
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
    return {"README.md": readme, "CITATION.cff": citation}


def _replace(file, text, pattern, new):
    text, count = re.subn(pattern, lambda _: new, text, flags=re.MULTILINE)
    if count != 1:
        raise ValueError(f"{file} has {count} lines like {pattern!r}, takes exactly one to write the address into")
    return text


def main():
    try:
        present = {name: (ROOT / name).read_text("utf8") for name in ("README.md", "CITATION.cff")}
        for name, text in derive(present, *repository()).items():
            if text != present[name]:
                (ROOT / name).write_text(text, "utf8")
                print(f"{name} has the new address")
    except ValueError as error:
        sys.exit(f"make address: {error}")
    print(f"The repository is {repository()[0]}, the book {published(repository()[0])}")


if __name__ == "__main__":
    main()
