"""The versions that Colab has of the packages that genphys needs: `python .github/scripts/colab.py < pip-freeze.txt`.

Colab publishes the output of its `pip freeze`. Of it we print, as requirements, the dependencies of
code/pyproject.toml, without the build of PyTorch (2.9.0+cu126 becomes 2.9.0), so that they install without a GPU.
"""

import re
import sys
from pathlib import Path

import tomllib

PYPROJECT = Path(__file__).resolve().parents[2] / "code" / "pyproject.toml"


def dependencies():
    """The names of the packages that genphys depends on."""
    found = tomllib.loads(PYPROJECT.read_text("utf8"))["project"]["dependencies"]
    return [re.match(r"[\w.-]+", line)[0] for line in found]


def requirements(freeze, names):
    """The pinned requirement of each name that the output of a pip freeze has, in the order of the names.

    A line is ``name==version`` or ``name @ address-of-a-wheel``, whose file name has the version.

    Raises:
        ValueError: The text has none of the names.
    """
    found = []
    for name in names:
        pinned = rf"^{re.escape(name)}(?:==|\s*@\s*\S*/{re.escape(name)}-)([0-9][^\s+%-]*)"
        match = re.search(pinned, freeze, flags=re.MULTILINE | re.IGNORECASE)
        if match:
            found.append(f"{name}=={match[1]}")
    if not found:
        raise ValueError(f"this is no output of pip freeze: it has none of {', '.join(names)}")
    return found


if __name__ == "__main__":
    try:
        print("\n".join(requirements(sys.stdin.read(), dependencies())))
    except ValueError as problem:
        sys.exit(f"colab: {problem}")
