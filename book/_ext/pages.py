"""What a page needs so that it is found, shared, quick and mended, beside what it says.

In its head: a description, the picture that is shown where somebody shares the address, where errors are reported and
of which version. In its body: every picture has its size and is fetched when it is needed. In the site: a map of its
pages, what robots may read, and a page for addresses that do not exist. Out of the theme's head: a script and fonts
with two thousand icons (book/_static/icons.css has the twenty that are seen), and viewport tags said twice.
"""

import html
import json
import re
from importlib.util import find_spec
from pathlib import Path
from unicodedata import combining, normalize

from address import published, repository
from docutils import nodes
from sphinx.search.en import SearchEnglish

LONGEST = 180  # characters of a description
CARD = "_static/card.png"
IMAGE = re.compile(r"<img [^>]*>")
STYLE = re.compile(r' style="width: (\d+)px; height: (\d+)px;"')
VIEWBOX = re.compile(r'<svg [^>]*viewBox="0 0 ([\d.]+) ([\d.]+)"')
ICONS = re.compile(r"\s*<(?:link|script)[^>]*vendor/fontawesome[^>]*>(?:</script>)?")
TWICE = re.compile(r"<title>([^<]+) &#8212; \1</title>")
# The theme asks, at the start and after every change of a page, all code and all outputs whether they scroll, which
# lays out the whole page; book.js asks those that come near.
ASKS_ALL = re.compile(r'(?<=,)"complete"===document\.readyState\?(\w)\(\):window\.addEventListener\("load",\1\)')
# It measures the page before that was shown: the header, which has no height here, announcements, of which there are
# none, and where the sidebar's link stands.
BANNER = '(".pst-async-banner-revealer");if(!e'
EMPTY = BANNER + '||!e.querySelector(":scope > :not(.d-none)")'
HEADER = 'document.getElementsByClassName("bd-header")[0].getBoundingClientRect()'
SIDEBAR = re.compile(r'(?<!\w)e(?=\(\(function\(\)\{if\(!document\.querySelector\("\.bd-docs-nav"\)\))')
# It makes the tooltips of all buttons at the start; now each when its button is come to.
TOOLTIPS = re.compile(
    r"""\[\]\.slice\.call\(document\.querySelectorAll\('(\[data-bs-toggle="tooltip"\])'\)\)"""
    r"\.map\(\(function\((\w)\)\{return new (\w+)\(\2,(\{.*?\}\})\)\}\)\)"
)
ASKED = (
    r"""["pointerover","focusin"].forEach(n=>document.addEventListener(n,e=>{const t=e.target.closest?.('\1');"""
    r"t&&\3.getOrCreateInstance(t,\4)},!0))"
)
# The theme of a first visit is known before the page is styled, not after.
THEME = 'document.documentElement.dataset.theme = localStorage.getItem("theme") || "auto";'
KNOWN = """{ const root = document.documentElement.dataset, dark = matchMedia("(prefers-color-scheme: dark)").matches;
    root.theme = ["light", "dark"].includes(root.mode) ? root.mode : dark ? "dark" : "light"; }"""
SOURCE_MAP = re.compile(r"\n//# sourceMappingURL=.*")
SCRIPT = re.compile(r'<script(?= [^>]*src="_static/)(?![^>]* defer)')
OPTIONS = re.compile(r'<script [^>]*src="_static/documentation_options\.js[^>]*></script>')
PRELOAD = re.compile(r'\s*<link rel="preload" as="script"[^>]*>')
VIEWPORT = re.compile(r'\s*<meta name="viewport"[^>]*>')
# Names, punctuation and spaces of code have the colour of all code (book.css): two of three elements for nothing.
PLAIN = ("n", "p", "w", "nn", "nx", "pm")
CODE = re.compile(r'<div class="highlight-python[^>]*><div class="highlight"><pre>.*?</pre>', re.DOTALL)
PLAIN_SPAN = re.compile(rf'<span class="(?:{"|".join(PLAIN)})">([^<]*)</span>')


class Plain(SearchEnglish):
    """The search finds a word with accents by its plain letters, too: Fréchet and Frechet."""

    lang = "en"

    def split(self, input):
        words = super().split(input)
        plain = ("".join(c for c in normalize("NFKD", word) if not combining(c)) for word in words)
        return words + [p for p, word in zip(plain, words, strict=True) if p != word]


def description(doctree, otherwise):
    """The first paragraph of a page that has no formula in it, cut at the end of a word."""
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split())
        if isinstance(paragraph.parent, nodes.section) and len(text) > 60 and not list(paragraph.findall(nodes.math)):
            return text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0] + " …"
    return otherwise


def version():
    """The version of the package, which is the book's."""
    text = Path(find_spec("genphys").origin).read_text("utf8")  # reading is quicker than importing
    return re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE)[1]


def head(app, pagename, templatename, context, doctree):
    """The meta tags of a page."""
    url, _ = repository()
    book, here = app.config.html_title, f"{published(url)}{pagename}.html"
    said = f"{book}: an executable course in which every equation is checked."
    if doctree is not None:
        said = description(doctree, said)
    root = pagename == app.config.root_doc
    title = html.unescape(re.sub(r"<[^>]+>", "", context.get("title") or book))
    tags = {
        ("name", "description"): said,
        ("property", "og:title"): title,
        ("property", "og:description"): said,
        ("property", "og:type"): "website" if root else "article",
        ("property", "og:url"): published(url) if root else here,
        ("property", "og:site_name"): book,
        ("property", "og:image"): published(url) + CARD,
        (
            "property",
            "og:image:alt",
        ): "An Ising lattice at three temperatures; below, handwritten digits whose energy is sought",
        ("name", "twitter:card"): "summary_large_image",
        ("name", "genbook:issues"): f"{url}/issues/new",
        ("name", "genbook:version"): version(),
        ("name", "genbook:versions"): f"{published(url)}versions/",
    }
    lines = [f'<meta {kind}="{key}" content="{html.escape(text)}">' for (kind, key), text in tags.items()]
    feed = f"{published(url)}versions/feed.xml"
    lines.append(f'<link rel="alternate" type="application/atom+xml" title="Versions of the book" href="{feed}">')
    if root:
        about = {
            "@context": "https://schema.org",
            "@type": ["Book", "LearningResource"],
            "name": book,
            "author": app.config.author,
            "url": published(url),
            "description": said,
            "inLanguage": "en",
            "isAccessibleForFree": True,
        }
        lines.append(f'<script type="application/ld+json">{json.dumps(about)}</script>')
    if pagename == "404":  # it is shown at addresses of any depth
        lines.insert(0, f'<base href="{published(url)}">')
    context["metatags"] = context.get("metatags", "") + "\n".join(lines)


def sized(tag, sources):
    """The tag of a picture with its size, so that nothing moves when it comes, and fetched only when it is near."""
    style, source = STYLE.search(tag), re.search(r' src="(?:\.\./)*_images/([^"]+\.svg)"', tag)
    more = "" if "loading=" in tag else ' loading="lazy" decoding="async"'
    if style:
        tag, more = tag.replace(style[0], ""), f' width="{style[1]}" height="{style[2]}"' + more
    elif source and source[1] in sources:
        found = VIEWBOX.search(sources[source[1]].read_text("utf8"))
        if found:
            more = f' width="{float(found[1]):.0f}" height="{float(found[2]):.0f}"' + more
    return re.sub(r"\s*/?>$", more + " />", tag)


def pictures(app, pagename, templatename, context, doctree):
    """The pictures of a page; those of its deck are fetched with the deck."""
    if doctree is not None and "body" in context:
        sources = {name: Path(app.srcdir, path) for path, (_, name) in app.env.images.items()}
        body = context["body"]
        first = IMAGE.search(body, 0, body.find("<h2"))
        if first and "cell_output" not in body[: first.start()]:  # a drawing that is seen first
            tag = first[0].replace("<img ", '<img loading="eager" fetchpriority="high" ', 1)
            body = body[: first.start()] + tag + body[first.end() :]
        context["body"] = IMAGE.sub(lambda found: sized(found[0], sources), body)


def missing_page(app):
    """The page for an address that does not exist."""
    body = (
        "<section><h1>There is no such page</h1><p>The address may be of an older version, or mistyped. "
        '<a href="index.html">The title page</a> lists what there is, and '
        '<a href="search.html">the search</a> knows every word.</p></section>'
    )
    yield "404", {"title": "There is no such page", "body": body}, "page.html"


def tidy(text):
    """A page without the theme's icons, with one viewport tag, and a title that says its words once."""
    first = VIEWPORT.search(text)
    if first is None:
        return text
    rest = TWICE.sub(r"<title>\1</title>", VIEWPORT.sub("", ICONS.sub("", text[first.end() :])))
    return ICONS.sub("", text[: first.end()]) + rest


def thinned(text):
    """A page whose Python has an element only for what has a colour of its own."""
    return CODE.sub(lambda found: PLAIN_SPAN.sub(r"\1", found[0]), text)


def quicker(text):
    """A script of the theme that does not lay out the page before it is shown."""
    text = SIDEBAR.sub("requestAnimationFrame", TOOLTIPS.sub(ASKED, ASKS_ALL.sub("0", text)))
    text = text.replace(HEADER, "{bottom:0}").replace(f"{BANNER})", f"{EMPTY})")
    return SOURCE_MAP.sub("", text)


def unblocked(text, options):
    """A page whose scripts wait until it was read; the options, which lines between them need, stand in the page."""
    text = PRELOAD.sub("", text).replace(THEME, KNOWN)
    text = OPTIONS.sub(lambda found: f"<script>{options}</script>", text)
    return SCRIPT.sub("<script defer", text)


def finish(app, exception):
    """After the pages were written: tidy them, and write the map of the site."""
    if exception is not None or app.builder.name != "html":
        return
    out, base = Path(app.outdir), published(repository()[0])
    options = out.joinpath("_static", "documentation_options.js").read_text("utf8")
    for name in ("pydata-sphinx-theme.js", "bootstrap.js"):
        script = out.joinpath("_static", "scripts", name)
        script.write_text(quicker(script.read_text("utf8")), "utf8")
    for path in out.glob("*.html"):
        if not path.name.endswith(".slides.html"):
            text = path.read_text("utf8")
            new = tidy(text) if path.name == "search.html" else thinned(unblocked(tidy(text), options))
            if new != text:
                path.write_text(new, "utf8")
    pages = [base if name == app.config.root_doc else f"{base}{name}.html" for name in sorted(app.env.found_docs)]
    entries = "".join(f"<url><loc>{html.escape(page)}</loc></url>\n" for page in pages)
    out.joinpath("sitemap.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{entries}</urlset>\n',
        "utf8",
    )
    out.joinpath("robots.txt").write_text(f"User-agent: *\nAllow: /\nSitemap: {base}sitemap.xml\n", "utf8")


def forget(app, exception):
    """What was written for a page that has left the book goes too, or it would come back with every copy."""
    if exception is not None:
        return
    out = Path(app.outdir)
    written = [p.relative_to(out / "_sources") for p in out.glob("_sources/**/*.*")]
    written += [p.relative_to(out) for p in out.glob("**/*.ipynb") if "_sources" not in p.parts]
    for name in {path.with_suffix("").as_posix() for path in written} - app.env.found_docs:
        for file in (
            f"{name}.html",
            f"{name}.slides.html",
            f"{name}.ipynb",
            f"_sources/{name}.md",
            f"_sources/{name}.ipynb",
        ):
            (out / file).unlink(missing_ok=True)


def versions_in_footer(app, config):
    """Beside the licence: which version this is, and the way to the others (book.js makes a choice of it)."""
    footer = config.html_theme_options.get("extra_footer", "")
    base = published(repository()[0])
    links = f'<a href="{base}versions/">other versions</a>, <a href="{base}pdf/book.pdf">on paper</a>'
    config.html_theme_options["extra_footer"] = f'{footer}<p class="versions">Version {version()}, {links}</p>'


def setup(app):
    app.add_search_language(Plain)
    app.connect("config-inited", versions_in_footer)
    app.connect("html-page-context", head)
    app.connect("html-page-context", pictures, priority=600)  # after the slides took the body (500)
    app.connect("html-collect-pages", missing_page)
    app.connect("build-finished", forget, priority=50)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
