"""Draw figures/two_problems.svg, the picture on the title page: `python book/figures/two_problems.py`.

Above, spin lattices drawn from the Boltzmann distribution of the Ising model at three temperatures; below, handwritten
digits. Both are data of this book, drawn with a fixed seed.
"""

import base64
import io
from pathlib import Path

import matplotlib.image
import torch
from matplotlib.colors import LinearSegmentedColormap

from genphys import data
from genphys.systems import ising

L, SEED, SIZE, GAP, LEFT = 70, 1944, 140, 15, 255
GROUND, INK, ARROW = "#f3efe6", "#16355f", "#a8480f"
COLOURS = LinearSegmentedColormap.from_list("paper", [GROUND, INK])
TEMPERATURES = ((0.9, "0.9"), (1.0, ""), (1.6, "1.6"))  # in units of T_c


def picture(values, x, y, size):
    """An SVG image element that holds a table of numbers in [0, 1] as a small PNG."""
    png = io.BytesIO()
    matplotlib.image.imsave(
        png, values.numpy(), cmap=COLOURS, vmin=0, vmax=1, format="png", metadata={"Software": None}
    )
    text = base64.b64encode(png.getvalue()).decode()
    place = f'x="{x}" y="{y}" width="{size}" height="{size}"'
    return (
        f'<image {place} style="image-rendering: pixelated" href="data:image/png;base64,{text}"/>'
        f'<rect {place} fill="none" stroke="#8a8f98" stroke-width="1"/>'
    )


def box(y, formula):
    """The energy, on the left of a row."""
    return (
        f'<rect x="10" y="{y}" width="150" height="96" rx="10" fill="{GROUND}" stroke="{INK}" stroke-width="2"/>'
        f'<text x="85" y="{y + 34}" class="word">energy</text>{formula}'
    )


def arrow(y, tail, head, word):
    """A labelled arrow between the energy and the states."""
    step = 11 if head > tail else -11
    return (
        f'<path d="M {tail} {y} H {head - step}" stroke="{ARROW}" stroke-width="5"/>'
        f'<path d="M {head} {y} l {-2 * step} -10 v 20 z" fill="{ARROW}"/>'
        f'<text x="{(tail + head) / 2}" y="{y - 18}" class="word" fill="{ARROW}">{word}</text>'
    )


def main():
    generator = torch.Generator().manual_seed(SEED)
    parts = []
    for column, (ratio, text) in enumerate(TEMPERATURES):
        x = LEFT + column * (SIZE + GAP)
        spins = ising.sample(L, ratio * ising.T_C, n_samples=1, n_chains=1, generator=generator, burn_in=300)[0, 0]
        parts.append(picture((spins + 1) / 2, x, 12, SIZE))
        label = (
            f'<tspan class="it">T</tspan> = {text}<tspan class="it" dx="3">T</tspan><tspan dy="6" class="sub">c</tspan>'
        )
        parts.append(f'<text x="{x + SIZE / 2}" y="180" class="word">{label}</text>')
    images, labels = data.digits()[:2]
    size = (3 * SIZE + 2 * GAP - 4 * 10) / 5
    for column, digit in enumerate((3, 1, 4, 1, 5)):
        image = images[labels == digit][column].view(28, 28)
        parts.append(picture(image, LEFT + column * (size + 10), 222, size))
    known = (
        '<text x="85" y="104" class="formula">−<tspan class="it">J</tspan> ∑ <tspan class="it">s</tspan>'
        '<tspan class="sub it" dy="6">i</tspan><tspan class="it" dy="-6">s</tspan>'
        '<tspan class="sub it" dy="6">j</tspan></text>'
    )
    parts += [
        box(34, known),
        arrow(82, 170, 245, "sample"),
        box(215, '<text x="85" y="288" class="formula">?</text>'),
        arrow(263, 245, 170, "learn"),
    ]
    style = (
        "text { text-anchor: middle; font-family: Georgia, 'DejaVu Serif', serif; fill: #1f2430; }"
        " .word { font-size: 21px; } .formula { font-size: 26px; }"
        " .sub { font-size: 15px; } .it { font-style: italic; }"
        f' [fill="{ARROW}"] {{ fill: {ARROW}; }}'
    )
    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 325" role="img">',
        "<title>From the energy to the states, and back</title>",
        f"<style>{style}</style>",
        '<rect width="720" height="325" fill="#ffffff"/>',
        *parts,
        "</svg>\n",
    ]
    Path(__file__).with_suffix(".svg").write_text("\n".join(lines), "utf8")


if __name__ == "__main__":
    main()
