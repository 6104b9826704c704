"""Every test of the figures has the book's style and leaves no figure behind."""

import matplotlib as mpl
import pytest

mpl.use("Agg")
import matplotlib.pyplot as plt

from genphys import figures


@pytest.fixture(autouse=True)
def styled():
    with mpl.rc_context():
        figures.style()
        yield
        plt.close("all")
