"""The far parts of a long page come as text, and become a part of it in steps of a few thousandths of a second.

A chapter has fifty thousand elements; a phone that makes all of them before it answers is deaf for three seconds. So
what stands below the first screens is wrapped, in pieces, into `<noscript>`: a browser without scripts reads it as it
stands, one with scripts takes it for text, and book.js puts piece after piece into the page whenever the browser is
idle or the reader comes near. A visit that needs the whole page at once (a link into it, the way back, words that are
to be marked) has it before anything else runs: SCRIPT stands at the end of the article. For the other visits it asks
for a frame, in which the first screens are shown before the scripts run.
"""

import re

LONG = 150_000  # bytes: a shorter page is there at once
PIECE = 12_000  # bytes: some three thousandths of a second, on a phone four times as much
NEAR = 1200  # pixels of the first sections, on a wide window, that are there from the start
BLOCK = re.compile(r"<(/?)(?:section|div|details|figure|p|ul|ol|dl|table|aside|blockquote|h[1-6])\b([^>]*)>")
WIDE = re.compile(r"--wide: (\d+)px")
SCRIPTED = re.compile(r'<(?:no)?script\b|class="explorable')
OPEN, CLOSE = '<noscript class="later">', "</noscript>"
SCRIPT = """<script>
if (location.hash || location.search || localStorage.getItem("sphinx_highlight_terms")
    || !CSS.supports("content-visibility", "auto")
    || performance.getEntriesByType("navigation")[0]?.type !== "navigate") {
  document.querySelectorAll("noscript.later").forEach(e => { e.outerHTML = e.textContent; });
} else {
  requestAnimationFrame(() => {});
}
</script>
"""


def children(text):
    """The places of what stands directly in the far sections: a start and an end for each child."""
    found, inside, above = [], [], 0
    for tag in BLOCK.finditer(text, text.find("<article"), text.find("</article>")):
        if tag[1]:
            start = inside.pop()
            if isinstance(start, int):
                found.append((start, tag.end()))
            continue
        around, wide = inside[-1] if inside else None, WIDE.search(tag[2])
        kind = "page" if around is None else "inner"
        if around == "far" or (around == "page" and wide and above >= NEAR):
            kind = "far" if wide else tag.start()
        if around == "page" and wide:
            above += int(wide[1])
        inside.append(kind)
    return found


def wrapped(text):
    """A page whose far parts come as text; a short one, and one that was written before, as it is."""
    if "--wide" not in text or OPEN in text:
        return text
    runs = []
    for start, end in children(text):
        if SCRIPTED.search(text, start, end):
            continue
        if runs and end - runs[-1][0] <= PIECE and not text[runs[-1][1] : start].strip():
            runs[-1][1] = end
        else:
            runs.append([start, end])
    parts, last = [], 0
    for start, end in runs:
        parts += [text[last:start], OPEN, text[start:end], CLOSE]
        last = end
    at = text.find("</article>", last)
    return "".join([*parts, text[last:at], SCRIPT, text[at:]]) if runs else text
