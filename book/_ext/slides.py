"""The lecture: what a chapter marks with the class `slide` (a cell: the tag `slide`) also goes into a deck.

A section with marked blocks is one slide, its heading the title; the class `new-slide` begins another one, and what has
the class `same-slide` goes on the slide of an earlier section. The deck stands beside its page as NAME.slides.html, so
every link, picture and number in it is the page's own. reveal.js comes from the installed package sphinx-revealjs,
whose files are copied into the site; nothing is fetched.

A slide shows at most MOST words: of each paragraph and caption the first sentence, and further ones while there is
room. What it leaves out, and what the lecture plan says of it, are its notes (speaker.py); the key S opens them.
"""

import copy
import re
from itertools import groupby
from pathlib import Path
from shutil import copyfile

from bs4 import BeautifulSoup
from internals import reveal
from speaker import PLAN, aside, notes, plan, shorten

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: slides</title>
<link rel="icon" href="{root}_static/favicon.svg">
<link rel="stylesheet" href="{root}_static/pygments.css">
<link rel="stylesheet" href="{root}_static/reveal/reset.css">
<link rel="stylesheet" href="{root}_static/reveal/reveal.css">
<link rel="stylesheet" href="{root}_static/reveal/deck.css">
<script>
window.MathJax = {{
  options: {{processHtmlClass: "math", ignoreHtmlClass: "reveal", enableMenu: false}},
  startup: {{typeset: false}}
}};
</script>
<script src="{root}_static/mathjax/tex-chtml.js"></script>
<script src="{root}_static/reveal/reveal.js"></script>
<script src="{root}_static/reveal/notes.js"></script>
</head>
<body>
<main class="reveal"><div class="slides">
<section class="title-slide"><h1>{title}</h1><p>{book}</p><p><a href="{page}">The chapter</a></p>{before}</section>
{slides}
</div></main>
<script>
// A formula wider than a slide is set smaller; a slide fuller than the screen is scaled down as a whole.
const fitSlide = (slide, scale) => {{
  const top = slide.getBoundingClientRect().top;
  slide.style.zoom = 1;
  slide.querySelectorAll('div.math mjx-container[display="true"]').forEach(e => {{
    e.dataset.size ??= e.style.fontSize;
    e.style.fontSize = e.dataset.size;
    const size = parseFloat(getComputedStyle(e).fontSize);
    const width = e.querySelector("mjx-math").getBoundingClientRect().width / scale;
    const ratio = (e.parentElement.clientWidth - 90) / width; // 90 for the number
    if (ratio < 1) e.style.fontSize = `${{size * ratio}}px`;
  }});
  const fits = zoom => {{ // the boxes inside a formula are larger than what is drawn: its own box counts
    slide.style.zoom = zoom;
    const boxes = [...slide.querySelectorAll("*:not(mjx-container *)")].map(e => e.getBoundingClientRect());
    return (Math.max(...boxes.filter(r => r.width).map(r => r.bottom)) - top) / scale <= 705;
  }};
  if (fits(1)) return;
  let low = 0.5, high = 1;
  for (let k = 0; k < 6; k++) {{
    const middle = (low + high) / 2;
    if (fits(middle)) low = middle; else high = middle;
  }}
  fits(low);
}};
const fit = () => {{
  const pages = document.querySelectorAll(".pdf-page > section"); // the address ends in ?print-pdf: one for each slide
  if (pages.length) pages.forEach(slide => fitSlide(slide, 1));
  else fitSlide(Reveal.getCurrentSlide(), Reveal.getScale());
}};
const setNotes = async () => {{ // one by one: a formula may have to wait for an extension of TeX that it loads
  if (/receiver/.test(location.search)) // a slide in the presenter's window: its notes come from the deck itself
    document.querySelectorAll("aside.notes").forEach(e => e.remove());
  for (const e of document.querySelectorAll("aside.notes .math")) // \\( and \\) around
    e.outerHTML = await MathJax.tex2mmlPromise(e.textContent.trim().slice(2, -2), {{display: false}});
}};
MathJax.startup.promise.then(setNotes).then(() => MathJax.typesetPromise()).then(() => Reveal.initialize({{
  plugins: [RevealNotes], hash: true, slideNumber: "c/t", transition: "none", width: 1280, height: 720, margin: 0.05,
  center: false, pdfMaxPagesPerSlide: 1
}})).then(() => {{
  fit();
  ["slidechanged", "pdf-ready"].forEach(event => Reveal.on(event, fit));
  window.addEventListener("load", fit);
}});
</script>
</body>
</html>
"""
ASSETS = ("reset.css", "reveal.css", "reveal.js", "notes.js")


def deck(app, pagename, templatename, context, doctree):
    """Write the deck of a page from the body that the page itself gets; mark the page as having one."""
    if doctree is None or "slide" not in context.get("body", ""):
        return
    body = BeautifulSoup(context["body"], "html.parser")
    slides = collect(body)
    if not slides:
        return
    lecture = plan(app, pagename)
    labels = [
        {node["id"] for block in slide for node in [block, *block.select("[id]")] if node.get("id")} for slide in slides
    ]
    left = [shorten(slide) for slide in slides]
    for slide, said in zip(slides, notes(lecture, labels, left), strict=True):
        slide += [aside(said)] if said else []
    before = str(aside(f"<p>{lecture[0]}</p><p>If time runs out: {lecture[2]}</p>")) if lecture else ""
    text = "\n".join("<section>" + "\n".join(map(str, s)) + "</section>" for s in slides)
    soup = BeautifulSoup(text, "html.parser")
    page = pagename.rsplit("/", 1)[-1] + ".html"
    for link in soup.select("a.headerlink"):
        link.decompose()
    for link in soup.select("a[href^='#']"):
        link["href"] = page + link["href"]
    for node in soup.select("[id]"):
        del node["id"]
    for picture in soup.select(".on-dark"):
        picture.decompose()
    root = "../" * pagename.count("/")
    title = BeautifulSoup(context["title"], "html.parser").get_text()
    out = Path(app.outdir, pagename + ".slides.html")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(
        PAGE.format(title=title, book=app.config.html_title, slides=soup, root=root, page=page, before=before), "utf8"
    )
    link = f'<p class="deck"><a href="{out.name}">Slides of this chapter</a> ({len(slides) + 1})</p>\n'
    context["body"] = context["body"].replace("</h1>", "</h1>\n" + link, 1)


def collect(body):
    """The slides of a page: lists of blocks, each beginning with its heading."""
    slides, last = [], None
    for block in body.select(".slide, .tag_slide"):
        if block.find_parent(class_=["slide", "tag_slide"]):
            continue
        section = block.find_parent("section")
        if section is None:
            continue
        classes = set(block["class"])
        if {"new-slide", "tag_new-slide"} & classes or (
            section is not last and not (slides and {"same-slide", "tag_same-slide"} & classes)
        ):
            heading = copy.copy(section.find(["h1", "h2", "h3", "h4"]))
            heading.name = "h2"
            slides.append([heading])
        last = section
        if "tag_slide" in block["class"] and "tag_slide-code" not in block["class"]:
            slides[-1] += block.select(":scope > .cell_output") or block.select(".cell_output")
        else:
            slides[-1].append(block)
    for slide in slides:
        for k, block in enumerate(slide[1:], 1):
            if block.name == "p" and slide[k - 1] is not block.find_previous_sibling():
                block["data-first"] = ""  # on the slide it does not go on from what is above it
    for slide in slides:
        beside(slide)
    for _, run in groupby(slides, lambda slide: slide[0].get_text()):
        run = list(run)
        for part, slide in enumerate(run, 1):
            if len(run) > 1:  # the title of each says which it is
                slide[0]["data-part"] = f"{part} of {len(run)}"
    for nested in (n for s in slides for b in s for n in b.select("section")):
        nested.name = "div"  # a section in a section would be a vertical slide
    return slides


def beside(slide):
    """A tall picture that has a slide to itself stands beside its caption, where it can be larger."""
    pictures = slide[-1].select("figure img")
    size = re.findall(r"\b(?:width|height): (\d+)", pictures[0].get("style", "")) if pictures else []
    if len(slide) == 2 and len(size) == 2 and int(size[0]) < 1.45 * int(size[1]):
        slide[-1].figure["class"] = [*slide[-1].figure.get("class", []), "tall"]


def assets(app, exception):
    """Not in book/_static: Jupyter Book loads every style sheet and script there on every page."""
    if exception is None and app.builder.name == "html":
        target = Path(app.outdir, "_static", "reveal")
        target.mkdir(parents=True, exist_ok=True)
        for name in ASSETS:
            target.joinpath(name).write_bytes(reveal(name))
        copyfile(Path(__file__).with_name("deck.css"), target / "deck.css")


def plan_read(app, env, docnames):
    app.genbook_plan_read = PLAN in docnames


def decks_of_the_plan(app, env):
    """A plan that changed changes the notes of every deck."""
    return env.found_docs if getattr(app, "genbook_plan_read", False) else []


def setup(app):
    app.connect("env-before-read-docs", plan_read)
    app.connect("env-updated", decks_of_the_plan)
    app.connect("html-page-context", deck)
    app.connect("build-finished", assets)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
