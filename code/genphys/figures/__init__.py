"""The figures of the book: one style, the figures of several chapters, and a file for those of each chapter alone."""

from genphys.figures.common import image_grid, image_rows, lines, panels, side_by_side
from genphys.figures.style import COLOURS, style

__all__ = ["COLOURS", "image_grid", "image_rows", "lines", "panels", "side_by_side", "style"]
