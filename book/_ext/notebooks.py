"""The launchable notebooks: the Sphinx builder `notebook` writes one .ipynb for each executed chapter.

Markdown comes from Sphinx's resolved document tree (numbers, references and citations are final there), code cells
come from the executed notebook. A node without a rule is a warning, so a strict build finds it.
"""

import re
from pathlib import Path

import explorables
import nbformat
from docutils import nodes
from editions import gives
from execution import executed
from internals import is_code_cell
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from sphinx import addnodes
from sphinx.builders import Builder
from sphinx.util import logging

logger = logging.getLogger(__name__)
SETUP = """# Install the book's package where it is missing (on Colab).
try:
    import genphys
except ImportError:
    %pip install -q "git+{repository}@{branch}#subdirectory=code"
    import genphys  # without a network nothing was installed, and this line says so
"""
SKIP = (
    nodes.target,
    nodes.comment,
    nodes.substitution_definition,
    nodes.system_message,
    nodes.meta,
    addnodes.index,
    addnodes.toctree,
    addnodes.only,
    nodes.colspec,
    nodes.label,
    addnodes.highlightlang,
)


class NotebookBuilder(Builder):
    name = format = "notebook"
    epilog = "The notebooks are in %(outdir)s."
    supported_image_types = ("image/svg+xml", "image/png", "image/jpeg")

    def get_outdated_docs(self):
        return [d for d in self.env.found_docs if "kernelspec" in self.env.metadata[d]]

    def get_target_uri(self, docname, typ=None):
        return docname + ".html"

    def get_relative_uri(self, from_, to, typ=None):
        return self.config.html_baseurl + self.get_target_uri(to)  # other chapters: the published page

    def prepare_writing(self, docnames):
        pass

    def write_doc(self, docname, doctree):
        if "kernelspec" not in self.env.metadata[docname]:
            return
        blocks = Markdown(self, docname).blocks(doctree)
        cells = assemble(blocks, executed(self.app, docname), lambda exercise: gives(self.app, docname, exercise))
        options = self.config.html_theme_options
        cells.insert(
            0,
            new_code_cell(
                SETUP.format(
                    repository=options["repository_url"] + ".git", branch=options["repository_branch"]
                ).rstrip(),
                metadata={"tags": ["setup"]},
            ),
        )
        count = 0
        for i, cell in enumerate(cells):
            cell.id = f"{re.sub('[^a-zA-Z0-9]', '-', docname)[:50]}-{i}"
            if cell.cell_type == "code":
                cell.execution_count = count = count + 1
                for out in cell.outputs:
                    if out.output_type == "execute_result":
                        out.execution_count = count
        notebook = new_notebook(
            cells=cells,
            metadata={
                "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
                "language_info": {"name": "python"},
            },
        )
        nbformat.validate(notebook)
        path = Path(self.outdir, docname + ".ipynb")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(nbformat.writes(notebook) + "\n", "utf8")


def assemble(blocks, notebook, given):
    """Markdown blocks and code cells in order; solutions not given left out; cells that HTML removes put back."""
    kept, hidden = {}, False
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            for word, exercise in re.findall(r"^`{3,}\{solution-(start|end)\} *(\S*)", cell.source, re.M):
                hidden = word == "start" and not given(exercise)
        elif not hidden:
            kept[index] = cell
    cells, text = [], []

    def flush():
        if text:
            cells.append(new_markdown_cell("\n\n".join(text)))
            text.clear()

    def code(index):
        for i in [i for i in kept if i <= index]:
            cells.append(plain(kept.pop(i)))

    for block in blocks:
        if isinstance(block, int):
            flush()
            code(block)
        else:
            if block.startswith("#"):
                flush()
            text.append(block)
    flush()
    code(len(notebook.cells))
    return cells


def plain(cell):
    """A code cell with its tags and text outputs; no pictures, nothing that differs between machines."""
    tags = list(cell.metadata.get("tags", []))
    outputs = []
    for out in [] if "nbval-ignore-output" in tags else cell.outputs:
        out = nbformat.from_dict(out)
        if "data" in out:
            found = out.get("metadata", {}).get("genphys", {})
            # A reported value differs between machines: here stands what the regression test compares, its band.
            data = found.get("band_only", out.data)
            out.data = {k: v for k, v in data.items() if k.startswith("text/")}
            out.metadata = {}
        last = outputs[-1] if outputs else None
        if out.output_type == "stream" and last is not None and last.get("name") == out.name:
            last.text += out.text  # the kernel may send one line in two pieces, as its clock has it
            continue
        outputs.append(out)
    if not cell.execution_count:
        raise ValueError(f"a code cell was never executed: {cell.source[:60]!r}")
    return new_code_cell(cell.source, outputs=outputs, metadata={"tags": tags} if tags else {})


class Markdown:
    """Turns a document tree into a list of Markdown blocks (str) and code cells (int: the cell's index)."""

    def __init__(self, builder, docname):
        self.builder, self.env, self.docname, self.depth, self.in_table = builder, builder.env, docname, 0, False

    # -- numbers ---------------------------------------------------------------------------------------------
    def number(self, kind, node):
        found = self.env.toc_fignumbers.get(self.docname, {}).get(kind, {})
        return next((".".join(map(str, found[i])) for i in [*node["ids"], node.get("label")] if i in found), "")

    def caption(self, kind, node, title):
        if not title:
            return []
        number = self.number(kind, node)
        label = self.builder.config.numfig_format[kind] % number if number else ""
        return [f"**{label}.** {self.inline(title)}" if label else f"*{self.inline(title)}*"]

    # -- blocks ----------------------------------------------------------------------------------------------
    def blocks(self, node):
        out = []
        for child in node.children:
            out += self.block(child)
        return out

    def block(self, node):
        if isinstance(node, SKIP):
            return []
        if type(node).__module__.startswith("sphinx_proof"):
            return self.block_proof(node)
        for cls in type(node).__mro__:
            rule = getattr(self, "block_" + cls.__name__, None)
            if rule:
                return [b for b in rule(node) if b != ""]
        if isinstance(node, (nodes.Inline, nodes.Text)):
            return [self.inline(node)]
        logger.warning("notebook: no rule for <%s>", type(node).__name__, location=node, type="genbook")
        return self.blocks(node)

    def flow(self, node):
        return self.blocks(node)

    block_document = block_compound = block_legend = block_footnotes = flow

    def block_section(self, node):
        self.depth += 1
        out = self.blocks(node)
        self.depth -= 1
        return out

    def block_title(self, node):
        return ["#" * self.depth + " " + self.inline(node)]

    def block_paragraph(self, node):
        return [self.inline(node).strip()]

    block_compact_paragraph = block_paragraph

    def block_math_block(self, node):
        tex = re.sub(r"\n\s*\n", "\n", node.astext().strip())
        tex = re.sub(
            r"\\(begin|end)\{(align|gather|multline|equation)\*?\}",
            lambda m: "" if m[2] == "equation" else rf"\{m[1]}{{{ {'align': 'aligned'}.get(m[2], 'gathered') }}}",
            tex,
        )
        if r"\\" in tex and r"\begin" not in tex:
            tex = rf"\begin{{aligned}}{tex}\end{{aligned}}"
        number, label = self.number("displaymath", node), str(node.get("label"))
        # a check names its equation by the label, which is all that a running cell knows
        named = [f"<sub>({number}): {label}</sub>"] if number and label.startswith("eq:") else []
        return ["$$\n" + tex.strip() + (rf" \tag{{{number}}}" if number else "") + "\n$$", *named]

    def block_literal_block(self, node):
        fence = "```" if "```" not in node.astext() else "````"
        return [f"{fence}{node.get('language', '').replace('default', '')}\n{node.astext().rstrip()}\n{fence}"]

    def block_doctest_block(self, node):
        return [f"```python\n{node.astext()}\n```"]

    def block_raw(self, node):
        """HTML stands in a notebook as it does on the page, but for the scripts of a theme."""
        text = node.astext().strip()
        return [text] if "html" in node.get("format", "").split() and not text.startswith("<script") else []

    def block_transition(self, node):
        return ["---"]

    def block_rubric(self, node):
        return [f"**{self.inline(node)}**"]

    def block_bullet_list(self, node, marker=lambda i: "- "):
        items = []
        for i, item in enumerate(node.children):
            inner = self.blocks(item)
            lead = marker(i)
            tight = len(inner) < 2 or all(b.lstrip().startswith(("-", "1.")) for b in inner[1:])
            body = ("\n" if tight else "\n\n").join(inner)
            items.append(lead + body.replace("\n", "\n" + " " * len(lead)))
        return [re.sub(r"\n +\n", "\n\n", "\n".join(items))]

    def block_enumerated_list(self, node):
        first = node.get("start", 1)
        return self.block_bullet_list(node, lambda i: f"{first + i}. ")

    def block_definition_list(self, node):
        out = []
        for item in node.children:
            terms = [self.inline(t) for t in item.findall(nodes.term)]
            body = [b for d in item.children if isinstance(d, nodes.definition) for b in self.blocks(d)]
            out.append("- **" + ", ".join(terms) + "**: " + "\n\n".join(body).replace("\n", "\n  "))
        return ["\n".join(out)]

    block_glossary = flow

    def block_field_list(self, node):
        return []

    def quote(self, title, blocks):
        inner = [f"**{title}**", *blocks] if title else list(blocks)
        if any(isinstance(b, int) for b in inner):
            return inner  # code cells cannot stand in a quotation
        # JupyterLab cuts mathematics out before it reads Markdown: a display of several lines would keep its ">"
        inner = [b.replace("\n", " ") if b.startswith("$$") else b for b in inner]
        return ["\n".join("> " + line if line else ">" for line in "\n\n".join(inner).split("\n"))]

    def block_block_quote(self, node):
        return self.quote("", self.blocks(node))

    def block_attribution(self, node):
        return ["— " + self.inline(node)]

    def block_Admonition(self, node):
        title, rest = type(node).__name__.capitalize(), list(node.children)
        if rest and isinstance(rest[0], nodes.title):
            title = self.inline(rest.pop(0))
        return self.quote(title, [b for c in rest for b in self.block(c)])

    block_topic = block_sidebar = block_admonition = block_Admonition

    def block_footnote(self, node):
        return [f"<sup>{node.children[0].astext()}</sup> " + "\n\n".join(self.blocks(node))]

    block_citation = block_footnote

    # -- tables and figures ----------------------------------------------------------------------------------
    def block_table(self, node):
        title = next((c for c in node.children if isinstance(c, nodes.title)), None)
        rows = [list(r.children) for r in node.findall(nodes.row)]
        if any(e.get("morecols") or e.get("morerows") for r in rows for e in r):
            logger.warning("notebook: a Markdown table has no merged cells", location=node, type="genbook")
        self.in_table = True
        lines = ["| " + " | ".join("<br>".join(self.blocks(e)).replace("\n", " ") for e in r) + " |" for r in rows]
        self.in_table = False
        rule = {"text-right": "---:", "text-center": ":---:", "text-left": ":---"}
        align = [next((rule[c] for c in e["classes"] if c in rule), "---") for e in rows[0]]
        if not any(isinstance(n, nodes.thead) for n in node.findall()):
            lines.insert(0, "|" + "  |" * len(align))
        lines.insert(1, "| " + " | ".join(align) + " |")
        return [*self.caption("table", node, title), "\n".join(lines)]

    def block_image(self, node):
        url = node["uri"]
        if "://" not in url:
            url = f"{self.builder.config.html_baseurl}_images/{Path(url).name}"
        return [f"![{node.get('alt', '')}]({url})"]

    def block_figure(self, node):
        title = next((c for c in node.children if isinstance(c, nodes.caption)), None)
        body = [b for c in node.children if not isinstance(c, nodes.caption) for b in self.block(c)]
        return body + self.caption("figure", node, title)

    # -- containers: code cells, sphinx-design ----------------------------------------------------------------
    def block_container(self, node):
        if is_code_cell(node):
            captions = [
                c
                for f in node.findall(nodes.figure)
                for c in self.caption("figure", f, next(iter(f.findall(nodes.caption)), None))
            ]
            return [node["cell_index"], *captions]
        kind = node.get("design_component")
        if kind == "dropdown":
            children = list(node.children)
            title = self.inline(children.pop(0)) if children and isinstance(children[0], nodes.rubric) else "Details"
            return self.quote(title, [b for c in children for b in self.block(c)])
        if kind in ("card-title",):
            return [f"**{self.inline(node)}**"]
        return self.blocks(node)

    # -- explorables: they run in the page -------------------------------------------------------------------
    def block_explorable(self, node):
        """The question, where it can be tried, and the picture that stands there before it moves."""
        question = " ".join(self.inline(p) for part in node.children[1:2] for p in part.findall(nodes.paragraph))
        url = f"{self.builder.get_relative_uri('', self.docname)}#{node['ids'][0]}"
        picture = f"{self.builder.config.html_baseurl}{explorables.STATIC}/{node['name']}-still-light.png"
        alt = next(node.findall(explorables.stage))["alt"]
        return [f"**{node['title']}** ([it runs in the page of the book]({url})). {question}", f"![{alt}]({picture})"]

    # -- the quiz: its questions, without the explanations ----------------------------------------------------
    def block_quiz(self, node):
        """The questions, and where they are answered."""
        url = f"{self.builder.get_relative_uri('', self.docname)}#{node['ids'][0]}"
        out = [f"**{self.inline(node.children[0])}** ([the page of the book answers]({url}))"]
        for question in node.children[1:]:
            legend, *answers = question.children
            lettered = zip("abcd", answers, strict=False)
            lines = [f"   - ({letter}) {self.inline(answer.children[0])}" for letter, answer in lettered]
            out.append("\n".join([f"{question['number']}. {self.inline(legend)}", *lines]))
        return [*out[:1], "\n".join(out[1:])]

    # -- sphinx-proof, sphinx-exercise -------------------------------------------------------------------------
    def statement(self, node, word, counter):
        children = list(node.children)
        title = self.inline(children.pop(0)).strip(" ()") if isinstance(children[0], nodes.title) else ""
        title = f"({title})" if title not in ("", word.capitalize()) else ""
        head = " ".join(x for x in (word.capitalize(), self.number(counter, node), title) if x)
        return head, [b for c in children for b in self.block(c)]

    def block_proof(self, node):
        if type(node).__name__ == "proof_node":  # its text already begins with "Proof."
            return self.quote("", [b for c in node.children for b in self.blocks(c)])
        return self.quote(*self.statement(node, node["realtype"], node.get("countertype", "")))

    def block_exercise_node(self, node):
        """The exercise; the notebooks of the book also say where its solution is, those of an edition do not."""
        head, body = self.statement(node, "exercise", "exercise")
        url = f"{self.builder.get_relative_uri('', self.docname)}#{node['ids'][0]}"
        link = "" if self.builder.config.genbook_edition else f" ([with its solution on the page of the book]({url}))"
        return [f"**{head}**{link}", *body]

    block_exercise_enumerable_node = block_exercise_node

    def block_exercise_hints(self, node):
        """Folded as on the page: the second step inside the first."""
        return self.blocks(node)

    def block_exercise_hint(self, node):
        return ["\n\n".join([f"<details><summary>{node['title']}</summary>", *self.blocks(node), "</details>"])]

    def block_solution_node(self, node):
        """One that the edition gives; the others are taken out of the tree."""
        title, *rest = node.children
        return [f"**{self.inline(title)}**", *(b for child in rest for b in self.block(child))]

    # -- inline --------------------------------------------------------------------------------------------------
    def inline(self, node):
        if isinstance(node, nodes.Text):
            text = re.sub(r"([\\`*$\[\]<]|(?<!\w)_|_(?!\w))", r"\\\1", str(node))
            return text.replace("|", r"\|") if self.in_table else text
        if isinstance(node, SKIP):
            return ""
        if isinstance(node, nodes.raw):
            return "".join(self.block_raw(node))
        inner = "".join(self.inline(c) for c in node.children)
        match node:
            case nodes.math():
                tex = node.astext().strip()
                if self.in_table:
                    tex = tex.replace(r"\|", r"\Vert ").replace("|", r"\vert ")
                return f"${tex}$"
            case nodes.literal():
                text = node.astext()
                return f"`` {text} ``" if "`" in text else f"`{text}`"
            case nodes.emphasis() | nodes.title_reference():
                return f"*{inner}*"
            case nodes.strong():
                return f"**{inner}**"
            case nodes.superscript():
                return f"<sup>{inner}</sup>"
            case nodes.subscript():
                return f"<sub>{inner}</sub>"
            case nodes.footnote_reference():
                return f"<sup>{node.astext()}</sup>"
            case nodes.image():
                return self.block_image(node)[0]
            case nodes.reference():
                return self.link(node, inner)
        return inner

    def link(self, node, text):
        url = node.get("refuri", "")
        if not url and node.get("refid"):
            url = self.builder.get_relative_uri("", self.docname) + "#" + node["refid"]
        if not url.startswith(("http:", "https:", "mailto:")):
            return text
        if text.startswith(r"\[") and text.endswith(r"\]"):
            return f"[{text}]({url})"
        return f"[{text}]({url.replace('(', '%28').replace(')', '%29')})"


def download(app, exception):
    """The theme's download button serves the raw MyST with solutions: put our notebook in its place."""
    if exception is None and app.builder.name == "html":
        for page in Path(app.outdir, "_sources").rglob("*.ipynb"):
            name = page.relative_to(Path(app.outdir, "_sources"))
            edition = Path(app.srcdir, "_build", "editions", app.config.genbook_edition or "none", "notebooks")
            ours = next((path for path in (edition / name, Path(app.srcdir, name)) if path.exists()), None)
            if ours:
                page.write_bytes(ours.read_bytes())


def setup(app):
    app.setup_extension("execution")
    app.setup_extension("editions")
    app.add_builder(NotebookBuilder)
    app.connect("build-finished", download)
    # myst-nb has no priorities for our builder and warns; the outputs are taken from the executed notebook anyway
    app.connect(
        "config-inited",
        lambda app, config: setattr(
            config, "nb_mime_priority_overrides", [*config.nb_mime_priority_overrides, ("notebook", "text/plain", 1)]
        ),
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True}
