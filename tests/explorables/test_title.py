"""The film of the title page is what the shipped model draws; everything that moves by itself is small."""

import importlib.util

import explorables
import torch


def test_the_film_is_the_shipped_models(bench):
    spec = importlib.util.spec_from_file_location("film", explorables.HERE / "title" / "film.py")
    film = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(film)
    expected = film.film()
    page = bench("title")
    assert page.ask("[live.DIGITS, live.FRAMES]") == [len(film.LABELS), film.STEPS + 1]
    for k in (0, 7, 20):
        found = torch.tensor(page.ask("[...live.frame(1, given)]", k)) * 15
        assert (found.round() - expected[1, k]).abs().max() <= 1  # a value at the edge of two


def test_what_starts_by_itself_is_small():
    assert explorables.size("title") + (explorables.HERE / "start.js").stat().st_size < 60_000
