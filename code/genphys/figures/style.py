"""One look for all figures of the book: type, colours, dashes and markers.

:func:`style` is called once, in the first cell of a chapter. Curves differ in colour and in dash or marker, so that a
picture survives a black-and-white printer. The colours are those of Okabe and Ito (*Color Universal Design*, 2008),
which are told apart by readers with any common colour blindness. No label is set in less than eight points.
"""

import matplotlib as mpl

from genphys.figures import page

__all__ = ["COLOURS", "CYCLE", "DASHES", "GREY", "MARKERS", "style"]

COLOURS = {
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "orange": "#E69F00",
    "black": "#000000",
}
CYCLE = list(COLOURS.values())
DASHES = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 1))]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
GREY = "#5a5a5a"  # what is said beside a figure


def style():
    """Set the look of all figures that follow.

    A white ground is part of it: in a notebook with a dark theme, a transparent one would put black letters on black.
    Where the pages of the book are built, each figure is drawn a second time, for readers of the dark page.
    """
    mpl.rcParams.update(
        {
            "figure.figsize": (6.4, 3.8),
            "figure.dpi": 100,
            "figure.facecolor": "white",
            "figure.constrained_layout.use": True,
            "savefig.facecolor": "white",
            "axes.facecolor": "white",
            "axes.prop_cycle": mpl.cycler(color=CYCLE),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#e3e3e3",
            "grid.linewidth": 0.7,
            "font.family": "DejaVu Sans",
            "font.size": 11,
            "axes.titlesize": 11,
            "axes.labelsize": 11,
            "legend.fontsize": 10,
            "xtick.labelsize": 10,
            "ytick.labelsize": 10,
            "legend.frameon": False,
            "lines.linewidth": 1.8,
            "image.cmap": "Greys",
            "mathtext.fontset": "dejavusans",
            "svg.fonttype": "path",
            "svg.hashsalt": "genphys",  # the names inside an SVG are the same in every build
        }
    )
    page.show_in_notebooks()
