"""Put a built book on the branch that GitHub Pages shows: `python .github/scripts/archive.py SITE PAGES REF MAIN`.

The book of the main branch is at the root. The book of a tag v1.2 or v1.2.3 is kept for good under /v1.2/, and
/versions/ lists what there is.
"""

import html
import re
import shutil
import sys
from pathlib import Path

TAG = re.compile(r"v(\d+)\.(\d+)(?:\.\d+)?")
KEPT = re.compile(r"v\d+\.\d+")
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Versions of the book</title>
<style>body {{ font: 1.1rem/1.6 sans-serif; max-width: 36rem; margin: 3rem auto; padding: 0 1rem }}</style>
</head>
<body>
<main>
<h1>Versions of the book</h1>
<ul>
{items}
</ul>
</main>
</body>
</html>
"""


def publish(site, pages, ref, main="main"):
    """Copy the built book into the working tree of the published branch.

    Args:
        site: The folder with the built pages.
        pages: The working tree of the published branch.
        ref: The name of the branch or tag that the book was built from.
        main: The name of the branch whose book is at the root.

    Returns:
        The folder that the book is in now.

    Raises:
        ValueError: ``site`` holds no book, or ``ref`` is neither ``main`` nor a version.
    """
    site, pages = Path(site), Path(pages)
    if not (site / "index.html").is_file():
        raise ValueError(f"{site} holds no built book: index.html is missing")
    tag = TAG.fullmatch(ref)
    if tag is None and ref != main:
        raise ValueError(f"the book was built from {ref!r}, takes {main!r} or a tag like v1.2 or v1.2.3")
    if tag:
        target = pages / f"v{tag[1]}.{tag[2]}"
        if target.exists():
            shutil.rmtree(target)
    else:
        target = pages
        for old in pages.iterdir():
            if not KEPT.fullmatch(old.name):
                shutil.rmtree(old) if old.is_dir() else old.unlink()
    shutil.copytree(site, target, dirs_exist_ok=True)
    (pages / ".nojekyll").touch()  # Pages would leave out the folders that begin with an underscore
    (pages / "versions").mkdir(exist_ok=True)
    (pages / "versions" / "index.html").write_text(PAGE.format(items="\n".join(_items(pages))), "utf8")
    return target


def _items(pages):
    if (pages / "index.html").is_file():
        yield '<li><a href="../">The newest text</a></li>'
    versions = [d.name for d in pages.iterdir() if TAG.fullmatch(d.name)]
    for name in sorted(versions, key=lambda v: [int(n) for n in v[1:].split(".")], reverse=True):
        yield f'<li><a href="../{html.escape(name)}/">Version {html.escape(name[1:])}</a></li>'


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    try:
        print(publish(*sys.argv[1:]))
    except (OSError, ValueError) as problem:
        sys.exit(f"archive: {problem}")
