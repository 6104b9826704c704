"""The fonts of the pages, made when the book is built: the icons of their shapes, the formulas' with what is in use.

The fonts of MathJax have some thousand letters, of which the book needs two hundred: a phone fetches a third of the
bytes and is done with them sooner. The icons are letters of a font, too, which stands in the style sheet itself.
"""

import base64
import hashlib
import io
import re
from pathlib import Path

from fontTools import subset
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.transformPen import TransformPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.svgLib.path import parse_path

SHAPES = Path(__file__).with_name("icons.txt")
EM, BASE, WIDEST, FIRST = 512, 448, 563, 0xE000  # units of an em, those above the line, 1.1 em; the first letter
DAY = 3_800_000_000  # of every build, in seconds of 1904
ICON = re.compile(r"\bicon\(([\w-]+)\)")
FACE = re.compile(r'font-family: (MJX[\w-]+);\s*src: url\("(mathjax/[^"]*/(\w+-?\w*)\.woff)"\)')
RULE = re.compile(r'(mjx-[^{}]*)\{[^{}]*content: "((?:\\.|[^"\\])*)"')
OF_A_FONT = re.compile(r"mjx-c\.mjx-c[0-9A-F]+(?:\.(TEX-\w+))?::before")
ESCAPED = re.compile(r"\\([0-9a-fA-F]{1,6}) ?|\\(.)")


def shapes():
    """The icons: for each name its width and its outline."""
    lines = (line.split(maxsplit=2) for line in SHAPES.read_text("utf8").splitlines() if not line.startswith("#"))
    return {name: (float(width), outline) for name, width, outline in lines}


def icon_font(icons):
    """A font with a letter for each icon, in their order; one that is wider than its place is made smaller."""
    names = [".notdef", *icons]
    glyphs, widths = {".notdef": TTGlyphPen(None).glyph()}, {".notdef": (EM, 0)}
    for name, (width, outline) in icons.items():
        scale = min(1, WIDEST / width)
        pen = TTGlyphPen(None)
        to_font = (scale, 0, 0, -scale, 0, BASE - EM * (1 - scale) / 2)  # upwards, and in the middle of the line
        parse_path(outline, TransformPen(Cu2QuPen(pen, 1, reverse_direction=True), to_font))
        glyphs[name] = pen.glyph()
        glyphs[name].recalcBounds(None)
        widths[name] = (round(scale * width), glyphs[name].xMin)
    font = FontBuilder(EM, isTTF=True)
    font.setupHead(unitsPerEm=EM, created=DAY, modified=DAY)
    font.setupGlyphOrder(names)
    font.setupCharacterMap({FIRST + k: name for k, name in enumerate(icons)})
    font.setupGlyf(glyphs)
    font.setupHorizontalMetrics(widths)
    font.setupHorizontalHeader(ascent=BASE, descent=BASE - EM)
    font.setupOS2(sTypoAscender=BASE, sTypoDescender=BASE - EM, usWinAscent=BASE, usWinDescent=EM - BASE)
    font.setupNameTable({"familyName": "icons", "styleName": "Regular"})
    font.setupPost(keepGlyphNames=False)
    font.font.recalcTimestamp, font.font.flavor = False, "woff"
    file = io.BytesIO()
    font.save(file)
    return file.getvalue()


def with_icons(sheet):
    """A style sheet in which each icon(NAME) is a letter, and their font stands instead of its address."""
    icons = shapes()
    order = list(icons)
    sheet = ICON.sub(lambda found: f'"\\{FIRST + order.index(found[1]):x}"', sheet)
    data = base64.b64encode(icon_font(icons)).decode()
    return sheet.replace('url("icons.woff")', f'url("data:font/woff;base64,{data}")')


def in_use(sheet):
    """The letters that the rules for formulas can put on a page, by the name of their font; under None of any font."""
    found = {}
    for selector, text in RULE.findall(sheet):
        of = OF_A_FONT.fullmatch(selector.strip())
        letters = ESCAPED.sub(lambda one: chr(int(one[1], 16)) if one[1] else one[2], text)
        found.setdefault(f"MJX{of[1] or 'TEX'}" if of else None, set()).update(letters)
    return found


def fewer(path, letters):
    """A font with no more than these letters."""
    options = subset.Options(flavor="woff", layout_features=[], bidi_closure=False, notdef_outline=True)
    options.drop_tables += ["FFTM"]
    font = subset.load_font(path, options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=map(ord, letters))
    subsetter.subset(font)
    file = io.BytesIO()
    font.save(file)
    return file.getvalue()


def with_formulas(sheet, static):
    """A style sheet that asks for fonts with the letters in use, which are written beside it."""
    letters, folder, written = in_use(sheet), Path(static, "fonts"), set()
    folder.mkdir(exist_ok=True)

    def put(found):
        family, address, name = found.groups()
        if family == "MJXZERO":  # it has no letters: it gives a line its height
            return found[0]
        needed = "".join(sorted({" "} | letters.get(family, set()) | letters.get(None, set())))
        target = folder / f"{name}-{hashlib.sha256(needed.encode()).hexdigest()[:8]}.woff"
        written.add(target)
        if not target.exists():
            target.write_bytes(fewer(Path(static, address), needed))
        return f'font-family: {family};\n  src: url("fonts/{target.name}")'

    sheet = FACE.sub(put, sheet)
    for old in set(folder.iterdir()) - written:
        old.unlink()
    return sheet
