"""The lowest versions that code/pyproject.toml admits: `python .github/scripts/lowest.py` prints them as constraints.

With them `make test-lowest` shows that the ranges are true.
"""

import re
import sys
from pathlib import Path

try:
    import tomllib
except ImportError:  # Python 3.10
    import tomli as tomllib

PYPROJECT = Path(__file__).resolve().parents[2] / "code" / "pyproject.toml"


def lowest(project):
    """``name==version`` for each ``name>=version`` of a [project] table, those of its extras too.

    Raises:
        ValueError: A dependency has no lowest version.
    """
    extras = project.get("optional-dependencies", {}).values()
    found = []
    for line in [*project["dependencies"], *(line for extra in extras for line in extra)]:
        match = re.fullmatch(r"([\w.-]+)\s*>=\s*([0-9.]+)(?:\s*,.*)?", line)
        if not match:
            raise ValueError(f"{line!r} names no lowest version")
        found.append(f"{match[1]}=={match[2]}")
    return found


if __name__ == "__main__":
    try:
        print("\n".join(lowest(tomllib.loads(PYPROJECT.read_text("utf8"))["project"])))
    except ValueError as problem:
        sys.exit(f"lowest: {problem}")
