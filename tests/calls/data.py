"""Valid calls of genphys.data."""

import os
from pathlib import Path

import pytest
import torch
from promise import args, case, rng

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def mnist():
    for root in (os.environ.get("GENPHYS_DATA"), SHARED):
        if root and (Path(root) / "MNIST/raw").is_dir():
            return args(root, train=False, exclude_digits=False, download=False)
    pytest.skip("the full MNIST files are not here: set GENPHYS_DATA to the folder that holds MNIST/raw")


def grey():
    return torch.rand(5, 4, generator=rng(1))


CALLS = {
    "bars_and_stripes": case(lambda: args(3)),
    "batches": case(
        lambda: args((torch.arange(10), torch.ones(10, 2)), 3, rng=rng()),
    ),
    "binarise": case(lambda: args(grey(), rng=rng()), allow={"images": ["wrong shape"]}),  # images of any shape
    "digits": case(lambda: args(20, 10)),
    "fixed_binarisation": case(lambda: args(grey(), 3), allow={"images": ["wrong shape"]}),
    "mnist": case(
        mnist,
        allow={
            "root": ["string", "None"],  # a folder without the files, which is FileNotFoundError; $GENPHYS_DATA
            "train": ["True"],
            "download": ["True"],
        },
    ),
    "ring_centres": case(lambda: args(5, 2.0)),
    "ring_of_gaussians": case(lambda: args(5, 3, 2.0, 0.1, rng=rng())),
}
