"""The long training of the classifier, on a few digits."""

import torch

from genphys import data, train
from genphys.networks import classifier
from genphys.train import classifier as training


def test_a_short_training_learns(tmp_path):
    x, y, test_x, test_y = data.digits(1000, 500)
    model, record = train.train_classifier(x, y, tmp_path, steps=60, batch=50, learning_rate=2e-3, seed=1, every=1e9)
    assert classifier.accuracy(model, test_x, test_y) > 0.8  # 0.1 by chance
    assert record["step"] == 60


def test_an_interrupted_training_equals_an_uninterrupted_one(tmp_path, monkeypatch):
    x, y, _, _ = data.digits(100, 10)
    settings = {"batch": 10, "learning_rate": 1e-3, "seed": 2}
    whole, _ = train.train_classifier(x, y, tmp_path / "whole", steps=4, **settings)
    loop = training.train

    def stops_at_two(step, steps, state, **options):
        return loop(step, 2, state, **options)

    monkeypatch.setattr(training, "train", stops_at_two)
    train.train_classifier(x, y, tmp_path / "cut", steps=4, **settings)
    monkeypatch.undo()
    resumed, record = train.train_classifier(x, y, tmp_path / "cut", steps=4, **settings)
    assert record["step"] == 4
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))
