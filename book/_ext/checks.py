"""The checks of the equations: the equation ledger, the table of times, and the rules.

Labels: `eq:` is a claim and is verified in its own chapter, `def:` introduces a symbol, `thm:` is quoted with its
source. What is only seen has words for those who do not see it. What breaks a rule is a warning; strict builds
(`make test`) make warnings fatal. A page with claims that are not verified says so at its top.
"""

import re

from docutils import nodes
from execution import cost, executed, machine
from internals import equation_number, is_code_cell, is_theorem
from sphinx.addnodes import desc, pending_xref
from sphinx.environment.collectors import EnvironmentCollector
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)
LABEL = re.compile(r"(eq|def|thm):[a-z0-9]+(-[a-z0-9]+)*")
SEEN = re.compile(r"<(?:img|svg|iframe|object|embed|video|audio|canvas)\b[^>]*", re.IGNORECASE)
SAID = re.compile(r"\b(?:alt|title|aria-label(?:ledby)?)\s*=\s*(?:\"[^\"]|'[^']|[^\s\"'>])", re.IGNORECASE)


class Checks(EnvironmentCollector):
    """What the rules and the ledger need of each page: env.genbook_pages[docname] is a dict of lists."""

    def clear_doc(self, app, env, docname):
        store(env).pop(docname, None)

    def merge_other(self, app, env, docnames, other):
        store(env).update({d: store(other)[d] for d in docnames if d in store(other)})

    def process_doc(self, app, doctree):
        docname = app.env.docname
        notebook = executed(app, docname)
        cells = [c for c in notebook.cells if c.cell_type == "code"] if notebook is not None else []
        store(app.env)[docname] = {
            "checks": [
                dict(out.metadata["genphys"]["check"])
                for cell in cells
                for out in cell.get("outputs", [])
                if "check" in out.get("metadata", {}).get("genphys", {})
            ],
            "formulas": [
                (n.get("label"), n.line, inside_theorem(n), n.astext())
                for n in doctree.findall(nodes.math_block)
                if not documents_code(n)
            ],
            "theorems": [theorem(n) for n in doctree.findall(is_theorem)],
            "unsaid": [(line_of(n), what) for n in doctree.findall() for what in unsaid(n)],
            "cost": cost(app, docname) if notebook is not None else None,
        }


def documents_code(node):
    """Formulas in docstrings are not displayed formulas of the book."""
    while node is not None:
        if isinstance(node, desc) or "docstring of" in str(getattr(node, "source", "")):
            return True
        node = node.parent
    return False


def unsaid(node):
    """What of a node is only seen: a picture or a piece of raw HTML without words in their place."""
    if isinstance(node, nodes.image) and not node.get("alt", "").strip():
        if any(is_code_cell(parent) for parent in above(node)):
            yield "the figure of a cell has no alternative text: give the cell `mystnb: {image: {alt: ...}}`"
        else:
            yield f"the image {node['uri']} has no alternative text: say in it what is seen"
    elif isinstance(node, nodes.raw) and "html" in node.get("format", "").split():
        for tag in SEEN.findall(node.astext()):
            if not SAID.search(tag):
                yield f"raw HTML without alternative text: {tag[:60]}>: give it alt or aria-label"


def above(node):
    while node.parent is not None:
        node = node.parent
        yield node


def line_of(node):
    return next((n.line for n in (node, *above(node)) if n.line), None)


def inside_theorem(node):
    while node is not None and not is_theorem(node):
        node = node.parent
    return node is not None


def theorem(node):
    """(label, line, keys of the sources that it cites)."""
    keys = [
        key.strip()
        for x in node.findall(pending_xref)
        if x.get("refdomain") == "cite"
        for key in x["reftarget"].split(",")
    ]
    return node["label"], node.line, keys


def store(env):
    if not hasattr(env, "genbook_pages"):
        env.genbook_pages = {}
    return env.genbook_pages


def equation(label, docname):
    """A {eq} reference; Sphinx resolves it when it writes the page, with the number it prints there."""
    return pending_xref(
        "",
        nodes.inline(label, label),
        refdomain="math",
        reftype="eq",
        reftarget=label,
        refdoc=docname,
        refexplicit=False,
        refwarn=True,
    )


def page(env, docname, here):
    title = env.titles[docname].astext()
    return pending_xref(
        "",
        nodes.inline("", title),
        refdomain="std",
        reftype="doc",
        reftarget="/" + docname,
        refdoc=here,
        refexplicit=True,
        refwarn=True,
    )


class ledger(nodes.General, nodes.Element):
    """Where the equation ledger goes."""


class times(nodes.General, nodes.Element):
    """Where the table of times goes."""


class _Later(SphinxDirective):
    """A directive filled from the whole book, when the page is written."""

    node = None

    def run(self):
        self.env.genbook_whole = getattr(self.env, "genbook_whole", set()) | {self.env.docname}
        return [self.node()]


class LedgerDirective(_Later):
    node = ledger

    def run(self):
        self.env.genbook_ledger = self.env.docname
        return super().run()


class TimesDirective(_Later):
    node = times


class FillTables(SphinxPostTransform):
    default_priority = 5  # before ReferencesResolver (10)

    def run(self, **kwargs):
        for node in list(self.document.findall(ledger)):
            node.replace_self(self.ledger())
        for node in list(self.document.findall(times)):
            node.replace_self(self.times())

    def ledger(self):
        """For each chapter a section of what is checked and what is quoted, after a line that counts them."""
        env, here = self.env, self.env.docname
        out, checked, quoted, claims, named = [], 0, 0, set(), set()
        for docname in reading_order(env):
            found = store(env).get(docname, {})
            rows = []
            formulas = {label: text for label, _, _, text in found.get("formulas", [])}
            for check in sorted(found.get("checks", []), key=lambda c: equation_number(env, docname, c["label"])):
                again = row_id(check["label"]) if (docname, check["label"]) in claims else None
                rows.append(
                    [
                        equation(check["label"], here),
                        [nodes.literal("", check["label"]), formula(formulas.get(check["label"]), again)],
                        nodes.Text(check["route"]),
                        nodes.Text(check["relation"].replace("e-", "e\N{NON-BREAKING HYPHEN}")),
                        nodes.Text(f"{check['deviation']:.1e}"),
                    ]
                )
                claims.add((docname, check["label"]))
            checked += len(rows)
            for label, _, keys in found.get("theorems", []):
                rows.append(
                    [
                        theorem_link(label, here),
                        nodes.literal("", label),
                        nodes.Text("; ".join(source(env, k) for k in keys)),
                        nodes.Text("quoted, not checked"),
                        nodes.Text("–"),
                    ]
                )
                quoted += 1
            if rows:
                head = ("Equation", "Label", "Compared, by which routes", "Relation and tolerance", "Found")
                section = nodes.section("", nodes.title("", "", page(env, docname, here)), ids=[f"ledger-{docname}"])
                section += build_table([nodes.Text(t) for t in head], rows, "ledger")
                for row in section.findall(nodes.row):
                    for literal in list(row.findall(nodes.literal))[:1]:
                        if literal.astext() not in named:  # an equation that is checked twice has two rows
                            row["ids"].append(row_id(literal.astext()))
                            named.add(literal.astext())
                out.append(section)
        line = f"{len(claims)} equations are verified by {checked} checks; {quoted} theorems are quoted."
        return [nodes.paragraph("", line), *out]

    def times(self):
        env, here = self.env, self.env.docname
        rows, total = [], 0.0
        for docname in reading_order(env):
            found = store(env).get(docname, {}).get("cost")
            if found:
                total += found["execution_seconds"]
                labels = {c["label"] for c in store(env)[docname]["checks"]}
                rows.append(
                    [
                        page(env, docname, here),
                        nodes.Text(f"{found['execution_seconds']:.0f}\N{NO-BREAK SPACE}s"),
                        nodes.Text(f"{found['peak_mb'] / 1000:.1f} GB"),
                        nodes.Text(str(found["threads"])),
                        nodes.Text(str(len(labels))),
                    ]
                )
        head = [nodes.Text(t) for t in ("Chapter", "Time", "Peak memory", "Threads", "Equations verified")]
        note = nodes.paragraph("", f"Measured by the build of this page on: {machine()}. All chapters: {total:.0f} s.")
        return [build_table(head, rows, "times"), note]


class Unchecked(SphinxPostTransform):
    """At the top of a page whose claims are not all verified stands which are not."""

    default_priority = 5  # before ReferencesResolver (10)

    def run(self, **kwargs):
        here = self.env.docname
        labels = unverified(store(self.env).get(here, {}))
        section = next(self.document.findall(nodes.section), None)
        if not labels or section is None:
            return
        links = [node for label in labels for node in (nodes.Text(", "), equation(label, here))][1:]
        words = "This page claims what no cell has verified: " if len(labels) > 1 else "No cell has verified "
        text = nodes.paragraph("", "", nodes.Text(words), *links, nodes.Text("."))
        section.insert(1, nodes.warning("", text, classes=["unverified"]))


def unverified(found):
    """The claims of a page that no cell of it verifies, in their order."""
    checked = {check["label"] for check in found.get("checks", [])}
    claims = [label for label, *_ in found.get("formulas", []) if str(label).startswith("eq:")]
    return [label for label in dict.fromkeys(claims) if label not in checked and LABEL.fullmatch(label)]


def row_id(label):
    """Where the row of a label is in the ledger."""
    return "row-" + label.replace(":", "-")


def row_link(app, label, docname):
    """The address of a row of the ledger, from a page; None for a book without a ledger."""
    ledger_page = getattr(app.env, "genbook_ledger", None)
    return f"{app.builder.get_relative_uri(docname, ledger_page)}#{row_id(label)}" if ledger_page else None


class formula(nodes.General, nodes.Element):
    """A formula behind a click; in a further row of its equation, the way to the row that has it."""

    def __init__(self, text=None, again=None):
        super().__init__(again=again)
        if text is not None and again is None:
            self += nodes.math_block("", text, nowrap=False, number=None, label=None, docname=None)


def visit_formula(self, node):
    """A browser with scripts takes it for text, of which book.js makes a formula when it is asked for."""
    self.body.append('<details class="formula"><summary>formula</summary>')
    if node["again"]:
        self.body.append(f'<a href="#{node["again"]}">in the first row of this equation</a></details>\n')
        raise nodes.SkipNode
    self.body.append("<noscript>\n")


def depart_formula(self, node):
    self.body.append("</noscript></details>\n")


def theorem_link(label, docname):
    return pending_xref(
        "",
        nodes.inline("", "theorem"),
        refdomain="prf",
        reftype="ref",
        reftarget=label,
        refdoc=docname,
        refexplicit=False,
        refwarn=True,
    )


def source(env, key):
    """A cited work in words: family names and year."""
    entry = env.get_domain("cite").bibdata.data.entries.get(key)
    if entry is None:
        return key
    names = [" ".join(p.prelast_names + p.last_names) for p in entry.persons.get("author", [])]
    who = names[0] + " et al." if len(names) > 2 else " and ".join(names)
    return f"{who} {entry.fields.get('year', '')}"


def build_table(head, rows, kind):
    group = nodes.tgroup("", *(nodes.colspec(colwidth=10) for _ in head), cols=len(head))

    def entry(cell):
        words, *more = cell if isinstance(cell, list) else [cell]
        return nodes.entry("", nodes.paragraph("", "", words), *more)

    def row(cells):
        return nodes.row("", *map(entry, cells))

    group += [nodes.thead("", row(head)), nodes.tbody("", *map(row, rows))]
    return nodes.table("", group, classes=[kind])


def reading_order(env):
    todo, seen = [env.config.root_doc], []
    while todo:
        doc = todo.pop(0)
        if doc not in seen:
            seen.append(doc)
            todo[:0] = env.toctree_includes.get(doc, [])
    return seen


def rewrite(app, env):
    """Name the pages to write again because a number or a check elsewhere changed.

    Sphinx itself rewrites only the page on which a number changed, not the pages that refer to it."""
    numbers, whole = repr((env.toc_fignumbers, env.toc_secnumbers)), repr(store(env))
    pages = set()
    if numbers != getattr(env, "genbook_numbers", None):
        pages |= env.found_docs
    if whole != getattr(env, "genbook_seen", None):
        pages |= getattr(env, "genbook_whole", set()) & env.found_docs
    env.genbook_numbers, env.genbook_seen = numbers, whole
    return sorted(pages)


def rules(app, env):
    """Every displayed formula is labelled; a claim is checked in its own chapter; a theorem names its source."""

    def broken(message, *args, at):
        logger.warning(message, *args, location=at, type="genbook")

    for docname in sorted(store(env)):
        found = store(env)[docname]
        claims, checked = set(), {c["label"] for c in found["checks"]}
        for label, line, quoted, _ in found["formulas"]:
            if label is None or not LABEL.fullmatch(label):
                broken("a displayed formula without an eq:, def: or thm: label", at=(docname, line))
            elif label.startswith("thm:") and not quoted:
                broken("%s stands outside a theorem that quotes it with its source", label, at=(docname, line))
            elif label.startswith("eq:"):
                claims.add(label)
        for label in sorted(unverified(found)):
            broken("%s is claimed but never verified in this chapter", label, at=docname)
        for label in sorted(checked - claims):
            broken("verify(%r) has no equation in this chapter", label, at=docname)
        for check in found["checks"]:
            if " against " not in check["route"]:
                broken("verify(%r) does not say its two routes: route='A against B'", check["label"], at=docname)
        for label, line, keys in found["theorems"]:
            if not keys:
                broken("%s is quoted without its source", label, at=(docname, line))
        for line, what in found["unsaid"]:
            broken("%s", what, at=(docname, line))
    return []


def setup(app):
    app.setup_extension("execution")
    for node in (ledger, times):
        app.add_node(node)
    app.add_node(formula, html=(visit_formula, depart_formula))
    app.add_directive("equation-ledger", LedgerDirective)
    app.add_directive("chapter-times", TimesDirective)
    app.add_env_collector(Checks)
    app.add_post_transform(FillTables)
    app.add_post_transform(Unchecked)
    app.connect("env-get-updated", rewrite, priority=900)  # after Sphinx has numbered (500)
    app.connect(
        "env-get-updated", rules, priority=901
    )  # on every build: env-check-consistency runs only after a change
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 4}
