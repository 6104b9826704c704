"""One style sheet for all pages: what is in theirs, in their order, without the rules that no page can need.

Sixteen sheets, one of them asked for by another, keep a page white until they are all there; three quarters of their
bytes are rules for classes that neither a page nor a script names. The sheets themselves stay where they are.
"""

import hashlib
import posixpath
import re
from itertools import groupby
from pathlib import Path

import letters

SHEET = "sheet.css"
LINK = re.compile(r'[ \t]*<link (?=[^>]*rel="stylesheet")[^>]*href="_static/([^"?]+)[^"]*"[^>]*>\n?')
KNOWN = re.compile(r' data-of="([^"]*)"')
IMPORT = re.compile(r'@import "([^"]+)";')
URL = re.compile(r"""url\((?!["']?(?:data:|#|https?:))["']?([^"')]+)["']?\)""")
PIECES = re.compile(r"""/\*.*?\*/|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|url\([^"')]*\)|[{};]|[^{};"'/u]+|.""", re.DOTALL)
CLASS = re.compile(r"\.((?:\\.|[\w-])+)")
PARENTHESES = re.compile(r"\([^()]*\)")
NESTED = ("@media", "@supports", "@layer", "@container")


def read(static, name):
    """A sheet with what it imports, and its addresses as seen from the merged one."""
    folder = posixpath.dirname(name)

    def at(path):
        return posixpath.normpath(posixpath.join(folder, path))

    text = (static / name).read_text("utf8").removeprefix("\ufeff").replace('@charset "UTF-8";', "")
    text = URL.sub(lambda found: f'url("{at(found[1])}")', text)
    return IMPORT.sub(lambda found: read(static, at(found[1])), text)


def rules(text):
    """The rules of a sheet, pairs of what stands before the braces and in them; None in them for a line without."""
    head, body, depth = [], [], 0
    for piece in PIECES.findall(text):
        if piece.startswith("/*"):
            continue
        depth += (piece == "{") - (piece == "}")
        if piece == "{" and depth == 1:
            continue
        if depth == 0 and piece in ("}", ";"):
            yield "".join(head).strip(), "".join(body).strip() if piece == "}" else None
            head, body = [], []
        else:
            (body if depth else head).append(piece)


def needed(selector, names):
    """Whether every class that an element must have for it is among the names."""
    while PARENTHESES.search(selector):
        selector = PARENTHESES.sub("", selector)
    return all(found.replace("\\", "") in names for found in CLASS.findall(selector))


def split(selectors):
    """The selectors of a list, at the commas outside of brackets."""
    depth, at = 0, [-1]
    for k, letter in enumerate(selectors):
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth == 0:
            at.append(k)
    return [selectors[a + 1 : b].strip() for a, b in zip(at, [*at[1:], len(selectors)], strict=True)]


def pruned(text, names):
    """A sheet without the rules that need a class which is not among the names."""
    for head, body in rules(text):
        if body is None:
            yield f"{head};"
        elif head.startswith(NESTED):
            inner = "".join(pruned(body, names))
            if inner:
                yield f"{head}{{{inner}}}\n"
        elif head.startswith("@"):
            yield f"{head}{{{body}}}\n"
        else:
            kept = [one for one in split(head) if needed(one, names)]
            if kept:
                yield f"{','.join(kept)}{{{body}}}\n"


def words(texts, scripts):
    """The names of classes on the pages, and every word of the scripts, which may give an element one."""
    found = set()
    for text in texts:
        for value in set(re.findall(r'class="([^"]*)"', text)):
            found.update(value.split())
    for text in scripts:
        found.update(re.findall(r"[\w-]+", text))
    return found


def in_order(lists):
    """Every sheet once, each after those that stand before it on any page."""
    out = []
    for names in sorted(lists, key=len, reverse=True):
        place = 0
        for name in names:
            if name in out:
                place = out.index(name) + 1
            else:
                out.insert(place, name)
                place += 1
    return [name for name, _ in groupby(out)]


def sheets_of(text):
    """The sheets that a page asks for, or asked for before it had the merged one."""
    head = text[: text.find("</head>")]
    names = [name for name in LINK.findall(head) if name != SHEET]
    known = KNOWN.search(head)
    return tuple(names or (known[1].split() if known else ()))


def merge(app, exception):
    """Put one sheet into the place of those of the pages."""
    if exception is not None or app.builder.name != "html":
        return
    out = Path(app.outdir)
    static = out / "_static"
    texts = {p: p.read_text("utf8") for p in out.rglob("*.html") if not p.name.endswith(".slides.html")}
    texts = {p: text for p, text in texts.items() if "_static/" in text and static not in p.parents}
    of = {path: sheets_of(text) for path, text in texts.items()}
    scripts = [path.read_text("utf8") for path in static.rglob("*.js") if "mathjax" not in path.parts]
    names = words(texts.values(), scripts)
    sheet = "".join("".join(pruned(read(static, name), names)) for name in in_order(set(of.values())))
    sheet = letters.with_formulas(letters.with_icons(sheet), static)
    static.joinpath(SHEET).write_text(sheet, "utf8")
    digest = hashlib.sha256(sheet.encode()).hexdigest()[:8]
    for path, text in texts.items():
        link = f'    <link rel="stylesheet" data-of="{" ".join(of[path])}" href="_static/{SHEET}?v={digest}" />\n'
        end = text.find("</head>")
        first = LINK.search(text, 0, end)
        if first:
            new = text[: first.start()] + link + LINK.sub("", text[first.start() : end])
            if new != text[:end]:
                path.write_text(new + text[end:], "utf8")


def setup(app):
    app.connect("build-finished", merge, priority=600)  # after the formulas (100) and the scripts of explorables (500)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
