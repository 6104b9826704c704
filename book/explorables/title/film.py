"""Write `film.js`: digits that the shipped diffusion model draws in twenty steps of DDIM, four bits a pixel.

`python book/explorables/title/film.py`. What is written is a script, so that a page takes it from a file, too.
"""

import base64
from pathlib import Path

import torch

from genphys import diffusion, train

STEPS, SEED, LABELS = 20, 7, (3, 7)


@torch.no_grad()
def film():
    """The states of each digit from noise to the end, (digits, steps + 1, 784), from 0 to 15."""
    network, schedule, _ = train.load_diffusion()
    labels = torch.tensor(LABELS)
    denoise = diffusion.denoiser(network.float(), schedule, "velocity", labels=labels, clip=(-1, 1))
    x = torch.randn(len(labels), 1, 28, 28, generator=torch.Generator().manual_seed(SEED))
    states = [x]
    diffusion.ddim(denoise, schedule, x, steps=STEPS, callback=lambda t, x, x0: states.append(x))
    grey = (torch.stack(states, 1).flatten(2) + 1) / 2
    return (grey.clamp(0, 1) * 15).round().to(torch.uint8)


def packed(frames):
    """Two pixels a byte."""
    pairs = frames.reshape(-1, 2)
    return (pairs[:, 0] * 16 + pairs[:, 1]).numpy().tobytes()


if __name__ == "__main__":
    text = base64.b64encode(packed(film())).decode()
    Path(__file__).with_name("film.js").write_text(f'genbook.weights.film = "{text}";\n', "utf8")
