"""What the one who speaks has before him: the rows of the lecture plan, on the slides that show what they name.

A row of a plan goes to the first slide of the deck with one of the formulas, theorems or figures that the row names,
with the questions that it asks; the slides with the others say to which minutes they belong. A row that names nothing
on the deck goes where the row before it went. The formulas are set by the deck, as MathML, which the presenter's
window shows without a style sheet.
"""

import copy
import re

from bs4 import BeautifulSoup
from docutils import nodes

PLAN = "lecture_plan"
MINUTES = re.compile(r"^\d+\s*–\s*\d+$")
QUESTION = re.compile(r"\b[Qq]uestions? (\d+)(?: and (\d+))?")


def plan(app, chapter):
    """The plan of a chapter: what comes before, its rows (half, minutes, targets, HTML), what to drop."""
    found = sections(app).get(chapter)
    if found is None:
        return None
    if not hasattr(app, "genbook_lecture"):
        app.genbook_lecture = {}
    if chapter not in app.genbook_lecture:
        app.genbook_lecture[chapter] = read(found, app.builder)
    return app.genbook_lecture[chapter]


def sections(app):
    """The sections of the lecture plan by the chapter whose deck they name."""
    if not hasattr(app, "genbook_lectures"):
        app.genbook_lectures = {}
        if PLAN in app.env.found_docs:
            tree = app.env.get_and_resolve_doctree(PLAN, app.builder)
            for section in tree.findall(nodes.section):
                links = [
                    re.search(r'href="([\w-]+)\.slides\.html"', raw.astext()) for raw in section.findall(nodes.raw)
                ]
                names = {link[1] for link in links if link}
                if len(names) == 1:
                    app.genbook_lectures[names.pop()] = section
    return app.genbook_lectures


def read(section, builder):
    """A section of the plan, its parts as HTML."""

    def html(node):
        kind = nodes.paragraph if isinstance(node, nodes.paragraph) else nodes.container
        inner = kind("", *([""] if kind is nodes.paragraph else []), *(child.deepcopy() for child in node.children))
        return unwrapped(builder.render_partial(inner)["fragment"])

    first = next(child for child in section.children if isinstance(child, nodes.paragraph))
    rows, asked, drop = [], [], ""
    for part in (child for child in section.children if isinstance(child, nodes.section)):
        title = part.children[0].astext()
        for table in part.findall(nodes.table):
            for row in table.findall(nodes.row):
                minutes, show, do = row.children
                if MINUTES.match(minutes.astext().strip()):
                    rows.append([title, minutes.astext().strip(), targets(row), html(show), html(do)])
        for each in part.findall(nodes.enumerated_list):
            asked = [html(item) for item in each.children]
        if title.startswith("If time"):
            drop = " ".join(html(child) for child in part.children[1:])
    for row in rows:
        numbers = [
            n for match in QUESTION.finditer(BeautifulSoup(row[4], "html.parser").get_text()) for n in match.groups()
        ]
        row.append([(n, asked[int(n) - 1]) for n in numbers if n and int(n) <= len(asked)])
    return html(first), rows, drop


def unwrapped(html):
    """HTML without the elements that only hold it, and without links: a note is read and not pressed."""
    soup = BeautifulSoup(html, "html.parser")
    for node in soup.select("div.docutils.container, p, a"):
        node.unwrap()
    return str(soup).strip()


def targets(row):
    """The labels that a row names, as a page has them."""
    found = []
    for reference in row.findall(nodes.reference):
        found.append(reference.get("refid") or reference.get("refuri", "").rpartition("#")[2])
    return [t for t in found if t]


def notes(plan, labels, left):
    """The notes of each slide of a deck, in HTML.

    Args:
        plan: Of the chapter, or None.
        labels: For each slide, the labels of what it shows.
        left: For each slide, the sentences that the page has and the slide has not.
    """
    out = [[] for _ in labels]
    last = 0
    for half, minutes, wanted, show, do, questions in plan[1] if plan else ():
        places = [k for k, known in enumerate(labels) if known & set(wanted)]
        last = places[0] if places else last
        ask = "".join(f"<p>Question {n}: {text}</p>" for n, text in questions)
        out[last].append(f"<p><strong>{half}, minutes {minutes}.</strong> {show}. {do}.</p>{ask}".replace("..", "."))
        for place in places[1:]:
            out[place].append(f"<p><strong>{half}, minutes {minutes}</strong>, continued.</p>")
    for said, more in zip(out, left, strict=True):
        if more:
            said.append(f"<p>The page goes on: {more}</p>")
    return ["".join(said) for said in out]


def aside(html):
    """The element in which reveal.js looks for notes."""
    soup = BeautifulSoup(f'<aside class="notes">{html}</aside>', "html.parser")
    for node in soup.select("[id]"):
        del node["id"]
    return soup.aside


# --- what a slide says -----------------------------------------------------------------------------------------------

MOST = 40  # words of a slide beside its title, formulas, numbers and tables
END = re.compile(r"(?<!e\.g)(?<!i\.e)(?<!\bcf)(?<!\bal)[.?!][”\"]?(?=\s+(?:[A-Z“\"(]|$))")
SILENT = ".math, .eqno, .caption-number, .headerlink, p.verify, p.report, pre, table, aside, h2, style, script"


def words(*parts):
    """How many words parts of a slide have."""
    count = 0
    for part in parts:
        part = copy.copy(part)
        for node in part.select(SILENT):
            node.decompose()
        if not {"verify", "report", "math"} & set(part.get("class", [])) and part.name not in (
            "aside",
            "h2",
            "pre",
            "table",
        ):
            count += sum(bool(re.search(r"[^\W\d_]", word)) for word in part.get_text(" ").split())
    return count


def sentences(container):
    """The children of a paragraph or caption, sentence by sentence: lists of nodes. One in brackets is not divided."""
    found, depth, closed = [[]], 0, False
    for child in list(container.children):
        if child.name:
            found[-1].append(child)
            whole = child.name in ("strong", "em") or "nowrap" in child.get(
                "class", []
            )  # typography.py keeps words together
            closed = whole and child.get_text().rstrip().endswith((".", "?", "!"))
            continue
        text, start = str(child), 0
        if closed and depth == 0 and re.match(r"\s+(?:[A-Z“(]|$)", text):
            found.append([])
        closed = False
        for match in END.finditer(text):
            before = text[start : match.start()]
            depth += before.count("(") - before.count(")")
            if depth == 0:
                found[-1].append(type(child)(text[start : match.end()]))
                found.append([])
                start = match.end()
            else:
                depth -= before.count("(") - before.count(")")
        rest = text[start:]
        depth += rest.count("(") - rest.count(")")
        if rest:
            found[-1].append(type(child)(rest))
    return [s for s in found if "".join(str(node) for node in s).strip()]


def shorten(slide):
    """Keep the first sentence of each paragraph and caption, and more where there is room; the rest is returned."""
    parts = [block for block in slide if block.name == "p" and not {"verify", "report"} & set(block.get("class", []))]
    parts += [caption for block in slide for caption in block.select("figcaption .caption-text")]
    told = [sentences(part) for part in parts]
    for part in parts:
        part.clear()
    kept = []
    for part, found in zip(parts, told, strict=True):
        for node in found[:1]:
            part.extend(node)
        kept.append(min(1, len(found)))
    whole = words(*slide)
    for k, (part, found) in enumerate(zip(parts, told, strict=True)):
        for sentence in found[1:]:
            trial = BeautifulSoup("<p></p>", "html.parser").p
            trial.extend(copy.copy(node) for node in sentence)
            if whole + words(trial) > MOST:
                break
            whole += words(trial)
            part.extend(sentence)
            kept[k] += 1
    rest = [node for found, k in zip(told, kept, strict=True) for sentence in found[k:] for node in sentence]
    return "".join(map(str, rest)).strip()
