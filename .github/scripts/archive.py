"""Put a built book on the branch that GitHub Pages shows: `python .github/scripts/archive.py SITE PAGES REF MAIN`.

The book of the main branch is at the root. The book of a tag v1.2 or v1.2.3 is kept for good under /v1.2/. /versions/
lists what there is: for readers, for the choice in the footer of every page (versions.json), and as a feed (feed.xml).
"""

import datetime
import html
import json
import re
import shutil
import sys
from pathlib import Path

TAG = re.compile(r"v(\d+)\.(\d+)(?:\.\d+)?")
KEPT = re.compile(r"v\d+\.\d+|CNAME|versions")  # the file CNAME holds a domain of one's own
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Versions of the book</title>
<link rel="alternate" type="application/atom+xml" title="Versions of the book" href="feed.xml">
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
FEED = """<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
<title>Versions of the book</title>
<id>{base}versions/</id>
<link href="{base}versions/"/>
<link rel="self" href="{base}versions/feed.xml"/>
<updated>{updated}</updated>
<author><name>The authors of the book</name></author>
{entries}
</feed>
"""
ENTRY = """<entry>
<title>Version {version}</title>
<id>{base}{name}/</id>
<link href="{base}{name}/"/>
<updated>{date}</updated>
</entry>"""


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
    _list(pages, f"v{tag[1]}.{tag[2]}" if tag else None)
    return target


def _list(pages, fresh):
    """Write /versions/; ``fresh`` is published now, and the dates of the others are in versions.json."""
    folder = pages / "versions"
    folder.mkdir(exist_ok=True)
    known = folder / "versions.json"
    dates = {v["name"]: v["date"] for v in json.loads(known.read_text("utf8"))} if known.exists() else {}
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    names = [d.name for d in pages.iterdir() if TAG.fullmatch(d.name)]
    names.sort(key=lambda name: [int(n) for n in name[1:].split(".")], reverse=True)
    versions = [{"name": name, "date": now if name == fresh else dates.get(name, now)} for name in names]
    known.write_text(json.dumps(versions), "utf8")
    items = ['<li><a href="../">The newest text</a></li>'] if (pages / "index.html").is_file() else []
    items += [f'<li><a href="../{v["name"]}/">Version {v["name"][1:]}</a>, {v["date"][:10]}</li>' for v in versions]
    (folder / "index.html").write_text(PAGE.format(items="\n".join(items)), "utf8")
    robots = [path / "robots.txt" for path in (pages, *(pages / name for name in names))]
    base = next((_base(path) for path in robots if path.is_file()), None)
    if base:
        entries = "\n".join(ENTRY.format(base=base, version=v["name"][1:], **v) for v in versions)
        updated = max((v["date"] for v in versions), default=now)
        (folder / "feed.xml").write_text(FEED.format(base=base, updated=updated, entries=entries), "utf8")


def _base(robots):
    """The address of the book, which stands in its robots.txt."""
    found = re.search(r"^Sitemap: (\S+/)sitemap\.xml$", robots.read_text("utf8"), re.M)
    return html.escape(found[1]) if found else None


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    try:
        print(publish(*sys.argv[1:]))
    except (OSError, ValueError) as problem:
        sys.exit(f"archive: {problem}")
