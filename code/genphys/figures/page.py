"""How a figure comes out of a notebook, and how the build of the book gets it for a light and for a dark page.

A notebook shows a figure as a PNG of twice the density. Where the variable ``GENPHYS_PAGE`` is set, as the build does
for the kernels that it starts, the output holds two more pictures under a type of its own, :data:`MIME`: on a
transparent ground, one with the colours of the light page and one with those of the dark page, each an SVG or, where
that would be large, a PNG.
"""

import base64
import colorsys
import contextlib
import io
import os

import numpy as np
from matplotlib import colors
from matplotlib.cm import ScalarMappable
from matplotlib.collections import Collection, QuadMesh
from matplotlib.contour import ContourSet
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

__all__ = []

MIME = "application/vnd.genphys.figure+json"
LARGEST_SVG = 400_000  # bytes; compressed on its way, a quarter of it
KEEP = "same on a dark page"  # the gid of an artist that lies on a ground which stays as it is

# What the colours of the style become on a dark page; others are turned from light to dark, their hue kept.
GROUND = "#121212"
_ON_DARK = {
    "#0072b2": "#4ba3e3",
    "#d55e00": "#f08a4b",
    "#009e73": "#33c399",
    "#cc79a7": "#e09cc3",
    "#56b4e9": "#93d1f7",
    "#e69f00": "#f3bd4e",
    "#000000": "#e6e6e6",
    "#ffffff": GROUND,
    "#e3e3e3": "#343a42",
}


def on_dark(colour):
    """The colour on a dark page of a colour on white, with its transparency."""
    red, green, blue, alpha = colors.to_rgba(colour)
    known = _ON_DARK.get(colors.to_hex((red, green, blue)))
    if known is None:
        hue, light, full = colorsys.rgb_to_hls(red, green, blue)
        known = colorsys.hls_to_rgb(hue, 0.93 - 0.83 * light, 0.85 * full)
    return (*colors.to_rgb(known), alpha)


@contextlib.contextmanager
def dark(figure):
    """Draw a figure as for a dark page; afterwards it is what it was."""
    figure.draw_without_rendering()  # now all ticks exist
    undo = []
    for artist in figure.findobj(lambda a: a.get_gid() != KEEP):
        undo += _darken(artist)
        if isinstance(artist, Text):  # its box and its arrow are no children of it
            beside = artist.get_bbox_patch(), getattr(artist, "arrow_patch", None)
            undo += [step for patch in beside if patch is not None for step in _darken(patch)]
    try:
        yield figure
    finally:
        for put, value in reversed(undo):
            put(value)


def _darken(artist):
    """Change the colours of one artist; return what undoes it, pairs of a setter and a value."""
    if isinstance(artist, ContourSet) and artist.colors is not None:
        return [] if _on_a_picture(artist) else [_put(artist.set_cmap, artist.get_cmap(), _dark_list)]
    if isinstance(artist, ScalarMappable) and artist.get_array() is not None:
        return [_put(artist.set_cmap, artist.get_cmap(), _dark_map)]
    if isinstance(artist, Text):
        return [_put(artist.set_color, artist.get_color(), on_dark)]
    if isinstance(artist, Line2D):
        face, edge = artist.get_markerfacecolor(), artist.get_markeredgecolor()
        return [
            _put(artist.set_color, artist.get_color(), on_dark),
            _put(artist.set_markerfacecolor, face, on_dark),
            _put(artist.set_markeredgecolor, edge, on_dark),
        ]
    if isinstance(artist, Patch):
        return [
            _put(artist.set_facecolor, artist.get_facecolor(), on_dark),
            _put(artist.set_edgecolor, artist.get_edgecolor(), on_dark),
        ]
    if isinstance(artist, Collection):
        each = lambda table: [on_dark(colour) for colour in table]  # noqa: E731
        return [
            _put(artist.set_facecolor, artist.get_facecolor(), each),
            _put(artist.set_edgecolor, artist.get_edgecolor(), each),
        ]
    return []


def _put(setter, value, change):
    setter(change(value))
    return setter, value


def _on_a_picture(artist):
    """Whether an artist lies on a picture, whose ground is another one than the page's."""
    return bool(artist.axes.images) or any(isinstance(child, QuadMesh) for child in artist.axes.get_children())


def _dark_list(cmap):
    """The colours that contours were given, on a dark page."""
    return colors.ListedColormap([on_dark(colour) for colour in cmap(np.arange(cmap.N))])


def _dark_map(cmap):
    """A colour map that begins with white or has it in the middle, turned; another one as it is."""
    table = cmap(np.linspace(0, 1, 256))
    if max(min(table[k, :3]) for k in (0, 128)) < 0.9:
        return cmap
    return colors.ListedColormap([_blend(colour) for colour in table], name=f"{cmap.name} on dark")


def _blend(colour):
    """A colour of a map on a dark page: white becomes the ground, and a colour the brighter the darker it was."""
    hue, light, full = colorsys.rgb_to_hls(*colour[:3])
    ground, bright = np.array(colors.to_rgb(GROUND)), np.array(colorsys.hls_to_rgb(hue, 0.92 - 0.34 * full, full))
    return (*(ground + (bright - ground) * (1 - light) ** 0.8), colour[3])


def pictures(figure):
    """The two pictures of a figure for the pages of the book: ``{"light": {type: data}, "dark": {type: data}}``."""
    light = _picture(figure)
    with dark(figure):
        return {"light": light, "dark": _picture(figure)}


def _picture(figure):
    options = {"bbox_inches": "tight", "pad_inches": 0.05, "transparent": True}
    svg = io.StringIO()
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None}, **options)
    if len(svg.getvalue()) <= LARGEST_SVG:
        return {"image/svg+xml": svg.getvalue()}
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=192, metadata={"Software": None}, **options)
    return {"image/png": base64.b64encode(png.getvalue()).decode()}


def show_in_notebooks():
    """In a notebook: PNG of twice the density, and where the book is built the pictures of its pages."""
    try:
        from IPython import get_ipython
        from matplotlib_inline.config import InlineBackend
    except ImportError:
        return
    shell = get_ipython()
    if not hasattr(shell, "kernel"):
        return
    InlineBackend.instance(parent=shell).figure_formats = {"retina"}  # twice the density
    if os.environ.get("GENPHYS_PAGE"):
        _add_pictures(shell)


def _add_pictures(shell):
    from IPython.core.formatters import BaseFormatter
    from matplotlib.figure import Figure
    from traitlets import ObjectName, Unicode

    class Pictures(BaseFormatter):
        format_type = Unicode(MIME)
        print_method = ObjectName("_repr_genphys_figure_")
        _return_type = dict

        def __call__(self, thing):  # not by for_type: the inline backend takes figures out of all registers
            return pictures(thing) if isinstance(thing, Figure) else None

    shell.display_formatter.formatters[MIME] = Pictures(parent=shell.display_formatter)
