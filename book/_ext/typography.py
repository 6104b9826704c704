"""Lines that break where a typesetter would break them.

A formula is an inline block, and a browser may break a line on either side of one: the comma after it would begin the
next line. So a formula and the marks that touch it are wrapped together. And a narrow no-break space joins the
thousands of a number (65 536) and a number to its per cent sign.
"""

import re

from docutils import nodes
from internals import FORMULA
from sphinx.transforms.post_transforms import SphinxPostTransform

TOUCHING = re.compile(rf"([(\[]?)({FORMULA})([.,;:!?)\]]*)", re.DOTALL)
NARROW = "\N{NARROW NO-BREAK SPACE}"
NUMBER = re.compile(r"(?<![\w.,])(\d{1,3})((?: \d{3})+)(?![\w])|(?<=\d) (?=%)")


def joined(text):
    """The text with narrow no-break spaces inside its numbers."""
    return NUMBER.sub(lambda found: found[0].replace(" ", NARROW), text)


class Numbers(SphinxPostTransform):
    default_priority = 900
    formats = ("html",)

    def run(self, **kwargs):
        for text in list(self.document.findall(nodes.Text)):
            if isinstance(text.parent, (nodes.literal, nodes.literal_block, nodes.raw, nodes.math, nodes.math_block)):
                continue
            new = joined(text.astext())
            if new != text.astext():
                text.parent.replace(text, nodes.Text(new))


def keep_together(app, pagename, templatename, context, doctree):
    """Wrap each formula with the marks that touch it."""

    def wrapped(found):
        return f'<span class="nowrap">{found[0]}</span>' if found[1] or found[3] else found[0]

    if doctree is not None and "body" in context:
        context["body"] = TOUCHING.sub(wrapped, context["body"])


def setup(app):
    app.add_post_transform(Numbers)
    app.connect("html-page-context", keep_together, priority=400)  # before the slides take the body
    return {"parallel_read_safe": True, "parallel_write_safe": True}
