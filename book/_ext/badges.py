"""What a check looks like on a page: a badge with number, verdict and route, and its code behind a click.

A cell of the tag `check` or `hide-input` shows its outputs first and folds its source under them; in the notebook it
is an ordinary cell. What verify() and report() found comes from the metadata of the outputs (see outputs.py). The
configuration value `genbook_print_checks` says whether the code of the checks is printed on paper.
"""

from checks import equation, row_link
from docutils import nodes
from internals import code_cells, displays, has_tag, parts, take_fold
from sphinx.transforms.post_transforms import SphinxPostTransform


def badge(found, app, docname):
    """A paragraph for what verify() found, another one for a number that report() shows.

    The number leads to the equation, the verdict to the row of the ledger."""
    if "check" not in found:
        return nodes.paragraph("", found["words"], classes=["report"])
    check = found["check"]
    said = [nodes.inline("", "", equation(check["label"], docname), classes=["number"]), nodes.Text(" ")]
    verdict = nodes.inline("", check["relation"], classes=["verdict"])
    row = row_link(app, check["label"], docname)
    said.append(nodes.reference("", "", verdict, refuri=row, internal=True) if row else verdict)
    if check["route"]:
        said += [nodes.Text(" "), nodes.inline("", check["route"], classes=["route"])]
    return nodes.paragraph("", "", *said, classes=["verify"])


class Badges(SphinxPostTransform):
    """Put the badges in the place of what the kernel displayed."""

    default_priority = 3  # before SelectMimeType (4)
    formats = ("html",)

    def run(self, **kwargs):
        for cell in code_cells(self.document):
            for display in displays(cell):
                if display.get("genphys"):
                    display.replace_self(badge(display["genphys"], self.app, self.env.docname))


class fold(nodes.General, nodes.Element):
    """Code that is closed until it is asked for."""


def visit_fold(self, node):
    self.body.append(f'<details class="{" ".join(node["classes"])}"><summary>{node["title"]}</summary>\n')


def depart_fold(self, node):
    self.body.append("</details>\n")


class Folds(SphinxPostTransform):
    """Outputs first, and the source behind a click."""

    default_priority = 5
    formats = ("html",)

    def run(self, **kwargs):
        printed = ["printed"] if self.config.genbook_print_checks else []
        for cell in code_cells(self.document):
            source, output = parts(cell)
            check, hidden = has_tag(cell, "check"), take_fold(cell)
            if source is not None and (check or hidden):
                cell.remove(source)
                cell += fold("", source, title=title(cell, output), classes=["fold", *(printed if check else [])])


def title(cell, output):
    """What is behind the click."""
    badges = 0 if output is None else sum("verify" in p["classes"] for p in output.findall(nodes.paragraph))
    if badges:
        return "Code of this check" if badges == 1 else "Code of these checks"
    if output is not None and next(output.findall(nodes.image), None) is not None:
        return "Code of this figure"
    return "Imports and settings" if has_tag(cell, "setup") else "Code"


def setup(app):
    app.setup_extension("outputs")
    app.add_config_value("genbook_print_checks", False, "html")
    app.add_node(fold, html=(visit_fold, depart_fold))
    app.add_post_transform(Badges)
    app.add_post_transform(Folds)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
