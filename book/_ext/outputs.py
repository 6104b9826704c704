"""What the outputs of a page carry beside what they show, put on its tree: checks, and figures for both pages.

A kernel that the build starts shows a figure three times: as everywhere, and for the light and the dark page (see
`genphys/figures/page.py`); here the two pictures of the page take the place of the one for notebooks.
"""

import base64
import hashlib
import os
import re

from docutils import nodes
from execution import executed
from internals import code_cells, displays, keep_picture, of_type
from sphinx.transforms import SphinxTransform

FIGURE = "application/vnd.genphys.figure+json"
SUFFIX = {"image/svg+xml": ".svg", "image/png": ".png"}
DENSITY = 2  # pixels of a PNG for one of the page


class Outputs(SphinxTransform):
    """After a page was read: `display["genphys"]` is what verify() or report() found, or None."""

    default_priority = 210

    def apply(self, **kwargs):
        cells = code_cells(self.document)
        notebook = executed(self.app, self.env.docname) if cells else None
        if notebook is None:
            return
        for cell in cells:
            shown = [out for out in notebook.cells[cell["cell_index"]].outputs if "data" in out]
            for display, out in zip(displays(cell), shown, strict=True):
                display["genphys"] = found(out)
                if FIGURE in out.data:
                    self.put(of_type(display, "image/png"), out.data[FIGURE])

    def put(self, container, pictures):
        """Two images in the place of one, each seen on its page."""
        (image,) = container.findall(nodes.image)
        for ground in ("light", "dark"):
            ((mime, text),) = pictures[ground].items()
            data = base64.b64decode(text) if mime == "image/png" else text.encode()
            uri = keep_picture(self.app, hashlib.sha256(data).hexdigest()[:24] + SUFFIX[mime], data)
            width, height = size(mime, data)
            classes = [f"on-{ground}", "dark-light"]  # dark-light: the theme leaves its colours alone
            container += nodes.image(
                "", uri=uri, alt=image.get("alt", ""), width=str(width), height=str(height), classes=classes
            )
        container.remove(image)


def found(out):
    """What travels in the metadata of an output of verify() or report(), with the words that it shows; or None."""
    data = out.get("metadata", {}).get("genphys")
    return {"words": out.data["text/plain"], **data} if data else None


def size(mime, data):
    """Width and height of a picture in pixels of the page."""
    if mime == "image/png":
        return tuple(int.from_bytes(data[k : k + 4], "big") // DENSITY for k in (16, 20))
    points = re.search(
        rb'<svg [^>]*?width="([\d.]+)pt" height="([\d.]+)pt"|<svg [^>]*?height="([\d.]+)pt"[^>]*?width="([\d.]+)pt"',
        data,
    )
    width, height = (points[1], points[2]) if points[1] else (points[4], points[3])
    return round(float(width) * 4 / 3), round(float(height) * 4 / 3)


def ask_for_pictures(app):
    """Every kernel that is started from now on shows its figures for the pages as well."""
    os.environ["GENPHYS_PAGE"] = "1"


def setup(app):
    app.setup_extension("execution")
    app.add_transform(Outputs)
    app.connect("builder-inited", ask_for_pictures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
