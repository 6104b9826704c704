"""One style: a white ground, colours and dashes that differ, no label that is too small, and a dark page."""

import json
import runpy
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import promise
import pytest

from genphys import figures
from genphys.figures import page
from genphys.figures.style import CYCLE, DASHES, MARKERS

ROWS = runpy.run_path(str(Path(__file__).parents[1] / "calls" / "figures.py"))["CALLS"]
DRAWN = {name: call for name, call in promise.callables().items() if name.startswith("figures.")}
every_figure = pytest.mark.parametrize("name", sorted(set(ROWS) - {"style"}))


def luminance(colour):
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in mpl.colors.to_rgb(colour))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def draw(name):
    figure = promise.run(DRAWN[f"figures.{name}"], ROWS[name].make())[0]
    figure.draw_without_rendering()
    return figure


def colours(figure):
    """All colours of a figure, in the order of its artists."""
    found = []
    for artist in figure.findobj():
        if hasattr(artist, "get_cmap") and artist.get_array() is not None:
            found.append(("map", artist.get_cmap().name))
            continue
        for name in ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor"):
            if hasattr(artist, f"get_{name}"):
                found.append((type(artist).__name__, name, np.asarray(getattr(artist, f"get_{name}")()).tolist()))
    return found


def test_the_style_is_white_and_constrained():
    fig, ax = plt.subplots()
    assert mpl.colors.to_hex(fig.get_facecolor()) == "#ffffff"
    assert mpl.rcParams["savefig.facecolor"] == "white"
    assert fig.get_layout_engine().__class__.__name__ == "ConstrainedLayoutEngine"
    assert not ax.spines["top"].get_visible()


def test_neighbours_in_the_cycle_differ_in_grey_as_well():
    """The first three curves stand out from the ground; all are told apart by dash and by marker."""
    assert len(set(map(str, DASHES))) == len(set(MARKERS)) == len(figures.COLOURS) == 7
    assert min(contrast(colour, "white") for colour in CYCLE[:3]) > 3
    assert min(contrast(page.on_dark(colour)[:3], page.GROUND) for colour in CYCLE) > 4.5
    assert len({page.on_dark(colour) for colour in CYCLE}) == 7


@every_figure
def test_one_family_of_type_and_no_label_below_nine_points(name):
    """On the page a point of a figure is a point: nothing is shrunk on a wide screen."""
    figure = draw(name)
    assert figure.get_size_inches()[0] <= 8.6, "wider than the column of a page"
    said = [t for t in figure.findobj(mpl.text.Text) if t.get_text().strip() and t.get_visible()]
    assert {f for t in said for f in t.get_fontfamily()} <= {"DejaVu Sans"}
    assert min((t.get_fontsize() for t in said), default=9) >= 9


@every_figure
def test_on_the_dark_page_every_word_can_be_read_and_afterwards_a_figure_is_what_it_was(name):
    figure = draw(name)
    before = colours(figure)
    with page.dark(figure):
        assert colours(figure) != before
        for word in figure.findobj(mpl.text.Text):
            outside = all(word not in ax.texts for ax in figure.axes)  # inside, words may lie on a coloured field
            if word.get_text().strip() and outside:
                assert contrast(word.get_color(), page.GROUND) > 4.5, word.get_text()
    assert colours(figure) == before


def test_the_arrow_and_the_box_of_a_note_are_seen_on_the_dark_page():
    figure, ax = plt.subplots()
    note = ax.annotate(
        "here", (0.5, 0.5), (0.1, 0.1), bbox={"fc": "white"}, arrowprops={"arrowstyle": "->", "color": "black"}
    )
    with page.dark(figure):
        assert contrast(note.arrow_patch.get_edgecolor()[:3], page.GROUND) > 4.5
        assert contrast(note.get_bbox_patch().get_facecolor()[:3], page.GROUND) == 1
    assert note.arrow_patch.get_edgecolor()[:3] == (0, 0, 0)


def test_contours_of_one_colour_are_seen_on_the_dark_page_and_stay_on_a_picture():
    x = np.linspace(-1, 1, 9)
    figure, (bare, over) = plt.subplots(1, 2)
    lines = bare.contour(x, x, np.add.outer(x, x), colors="black")
    over.pcolormesh(x, x, np.add.outer(x, x), shading="nearest", cmap="viridis")
    white = over.contour(x, x, np.add.outer(x, x), colors="white")
    with page.dark(figure):
        assert contrast(lines.get_edgecolor()[0][:3], page.GROUND) > 4.5
        assert tuple(white.get_edgecolor()[0][:3]) == (1, 1, 1)
    assert tuple(lines.get_edgecolor()[0][:3]) == (0, 0, 0)


def test_the_map_of_white_paper_is_turned_and_one_without_white_is_kept():
    grey = page._dark_map(mpl.colormaps["Greys"])
    assert contrast(grey(0.0)[:3], page.GROUND) < 1.1 and luminance(grey(1.0)[:3]) > 0.7
    steps = [luminance(grey(k)[:3]) for k in np.linspace(0, 1, 20)]
    assert steps == sorted(steps), "dark ink on white becomes light ink on dark, in the same order"
    assert luminance(page._dark_map(mpl.colormaps["RdBu_r"])(0.5)[:3]) < 0.05
    assert [page._dark_map(mpl.colormaps[kept]).name for kept in ("cividis", "gray")] == ["cividis", "gray"]


def test_lines_are_vectors_and_a_great_crowd_of_points_is_not(monkeypatch):
    figure, _ = figures.lines([1, 2, 3], {"a": [1, 2, 3], "b": [3, 2, 1]}, xlabel="$k$", ylabel="bias")
    found = page.pictures(figure)
    assert json.loads(json.dumps(found)) == found
    light, dark = (found[ground]["image/svg+xml"] for ground in ("light", "dark"))
    assert "#0072b2" in light and "#0072b2" not in dark and "#4ba3e3" in dark
    assert found == page.pictures(figure), "no date and no chance in it"
    monkeypatch.setattr(page, "LARGEST_SVG", 100)
    assert list(page.pictures(figure)["dark"]) == ["image/png"]


def test_outside_the_build_a_notebook_gets_no_more_than_its_picture(tmp_path):
    """The regression test of the notebooks compares what a plain kernel shows."""
    nbformat, client = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    sources = ["from genphys import figures\nfigures.style()"]
    sources.append("figures.lines([1, 2], {'a': [1, 2]}, xlabel='', ylabel='');")

    def shown(monkeypatch, wanted):
        monkeypatch.setenv("GENPHYS_PAGE", wanted)
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        client.NotebookClient(notebook, timeout=60).execute()
        (output,) = [o for o in notebook.cells[1].outputs if o.output_type == "display_data"]
        assert output.metadata["image/png"]["width"] < 700, "a picture of twice the density"
        return set(output.data)

    with pytest.MonkeyPatch.context() as patch:
        assert shown(patch, "") == {"text/plain", "image/png"}
        assert shown(patch, "1") == {"text/plain", "image/png", page.MIME}
