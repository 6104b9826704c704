"""How high each section of a long page will be, by an estimate, so that a browser may leave it out until it comes near.

A page of a chapter has a hundred thousand nodes, and a phone needs ten seconds to lay them out. The style sheet lets it
skip the sections that are far from the window (`content-visibility`). What it puts in their places are these heights,
on a phone and on a wide window, in pixels: within a quarter or so of the true ones, which keeps the scroll bar honest.
"""

import re
from pathlib import Path

import later

LONG = 50_000  # bytes: a shorter page is laid out at once
LOW = 300  # pixels: a lower section is not worth it
PHONE, WIDE = (43, 358), (104, 832)  # letters in a line, pixels of a line
LINE, CODE, GAP = 26, 18.7, 18
TOKEN = re.compile(r"<mjx-container.*?</mjx-container>|<(/?)(\w+)([^>]*)>|[^<]+", re.DOTALL)
SIZE = re.compile(r' width="(\d+)" height="(\d+)"')
LEFT_OUT = re.compile(r'class="[^"]*\b(?:dropdown|toggle|quiz-why)\b')
BOX = re.compile(r'class="(?:explorable|quiz)')
FIELDS = {"p", "li", "tr", "dt", "figcaption", "summary", "label"}


class Count:
    """What stands in a section so far, in lines on a phone and on a wide window, and in pixels on both."""

    def __init__(self):
        self.height = [0.0, 0.0]

    def letters(self, number):
        self.height = [h + LINE * number / line for h, (line, _) in zip(self.height, (PHONE, WIDE), strict=True)]

    def pixels(self, phone, wide):
        self.height = [self.height[0] + phone, self.height[1] + wide]


def estimated(text):
    """The tags of the inner sections in their order, as their places in a page, and the two heights of each."""
    open_sections, found, hidden, code = [], {}, [], 0
    for token in TOKEN.finditer(text):
        end, tag, rest = token.groups()
        said = token[0]
        if tag == "section":
            if end:
                place, count = open_sections.pop()
                if place is not None:
                    found[place] = count.height
                if open_sections:
                    open_sections[-1][1].pixels(*count.height)
            else:
                open_sections.append((None if BOX.search(rest) else token.end() - 1, Count()))
            continue
        if tag in ("div", "details"):  # what is folded: the whole of it is passed over
            if end and hidden:
                hidden.pop()
            elif not end and (hidden or tag == "details" or LEFT_OUT.search(rest)):
                hidden.append(tag)
        if not open_sections or hidden:
            continue
        here = open_sections[-1][1]
        if tag == "pre":
            code += -1 if end else 1
            here.pixels(GAP, GAP)
        elif tag == "img" and "on-dark" not in rest and (size := SIZE.search(rest)):
            width, height = map(int, size.groups())
            here.pixels(*(height * min(1, room / width) for _, room in (PHONE, WIDE)))
        elif said.startswith("<mjx"):
            rows = max(1, said.count("<mjx-mtr"))
            if 'display="true"' in said[:200]:
                here.pixels(50 + 62 * rows, 35 + 42 * rows)
            else:
                here.letters(said.count("<mjx-c "))
        elif code and tag is None:
            here.pixels(CODE * said.count("\n"), CODE * said.count("\n"))
        elif tag is None:
            here.letters(len(" ".join(said.split())))
        elif end and tag in FIELDS:
            here.pixels(GAP + LINE / 3, GAP + LINE / 3)
        elif end and tag in ("h2", "h3"):
            here.pixels(70, 70)
    return found


def marked(text):
    """A long page whose inner sections know their heights; a short one as it is."""
    if len(text) < LONG or "--tall" in text:
        return text
    outer = text.find("<article")
    found = estimated(text[outer:])
    parts, last = [], 0
    for place in sorted(found)[1:]:  # the first section is the page itself
        tall, wide = found[place]
        if wide < LOW:
            continue
        parts += [text[last : outer + place], f' style="--tall: {tall:.0f}px; --wide: {wide:.0f}px"']
        last = outer + place
    return "".join([*parts, text[last:]])


def mark(app, exception):
    """Write the heights into the pages when the formulas are set, and leave what is far for later (later.py)."""
    if exception is None and app.builder.name == "html":
        for path in Path(app.outdir).glob("*.html"):
            if not path.name.endswith(".slides.html"):
                text = path.read_text("utf8")
                new = marked(text)
                if len(text) >= later.LONG:
                    new = later.wrapped(new)
                if new != text:
                    path.write_text(new, "utf8")


def setup(app):
    app.connect("build-finished", mark, priority=550)  # after the formulas (100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
