"""Begin a chapter of one's own: `make chapter NAME=my_lecture`.

Writes book/NAME.md, a small chapter that builds and passes at once, and a line for it in book/_toc.yml, after the last
chapter that is executed.
"""

import re
import sys
from pathlib import Path

BOOK = Path(__file__).resolve().parents[1]
TEMPLATE = Path(__file__).with_name("chapter.md")
ENTRY = re.compile(r"^( *)- file: *(\S+)[^\n]*\n", re.MULTILINE)


def text(name, template=None):
    """The template with the labels and the title of a chapter of this name."""
    title = name.replace("_", " ").capitalize()
    found = template if template is not None else TEMPLATE.read_text("utf8")
    return found.replace("LABEL", name.replace("_", "-")).replace("TITLE", title)


def listed(toc, name, executed):
    """A table of contents with a line for ``name``: after the last page that is ``executed``, or after the last one."""
    entries = list(ENTRY.finditer(toc))
    if not entries:
        raise ValueError("book/_toc.yml lists no file")
    last = [entry for entry in entries if entry[2] in executed] or entries
    place = last[-1].end()
    return f"{toc[:place]}{last[-1][1]}- file: {name}\n{toc[place:]}"


def begin(name, book=BOOK):
    """Write the chapter and its line. Raises ValueError."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        raise ValueError(
            f"{name!r} is no name of a chapter, takes small letters, digits and _: make chapter NAME=spins"
        )
    path, toc = book / f"{name}.md", book / "_toc.yml"
    if path.exists():
        raise ValueError(f"there is a file book/{name}.md already")
    executed = {p.stem for p in book.glob("*.md") if "\nkernelspec:" in p.read_text("utf8")[:400]}
    contents = listed(toc.read_text("utf8"), name, executed)
    path.write_text(text(name), "utf8")
    toc.write_text(contents, "utf8")
    return path


def main():
    try:
        begin(sys.argv[1])
    except (ValueError, OSError) as error:
        sys.exit(f"make chapter: {error}")
    name = sys.argv[1]
    print(f"book/{name}.md is written and named in book/_toc.yml; put your text in the place of the example. Then")
    print("  make book         builds it and executes what you changed")
    print(f"  make notebooks    writes book/{name}.ipynb; commit it with the chapter")
    print("  make test         tests labels, checks and alternative texts with everything else")


if __name__ == "__main__":
    main()
