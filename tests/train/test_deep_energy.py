"""The long training of the convolutional energy: its resumption, and the shipped weights."""

import torch

from genphys import data, train

SETTINGS = {"batch": 8, "chain": 3, "learning_rate": 1e-3, "penalty": 0.1, "decay": 0.5, "seed": 1}


def test_an_interrupted_training_equals_an_uninterrupted_one(tmp_path):
    images = data.digits(50, 10).train_images
    whole, samples, record = train.train_deep_energy(images, tmp_path / "whole", steps=4, **SETTINGS)
    assert record["step"] == 4 and samples.shape == (4096, 784)
    train.train_deep_energy(images, tmp_path / "cut", steps=4, until=2, **SETTINGS)
    resumed, again, _ = train.train_deep_energy(images, tmp_path / "cut", steps=4, **SETTINGS)
    assert torch.equal(samples, again)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))


def test_the_shipped_energy_tells_digits_from_noise():
    energy, samples, record = train.load_deep_energy()
    images = 2 * data.digits(100, 100).test_images - 1
    with torch.no_grad():
        digits, noise = energy(images), energy(2 * torch.rand(100, 784, generator=torch.Generator().manual_seed(1)) - 1)
    assert digits.max() < noise.min()
    assert samples.shape == (64, 784) and record["sha256"]
