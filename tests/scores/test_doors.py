"""Pairs of sets that do not fit are refused by name, by every score of two sets."""

import pytest
from clouds import normal, rng

from genphys import scores

PAIRS = {
    "mmd2": (scores.mmd2, {"bandwidth": 1.0}),
    "mmd2_blocked": (scores.mmd2_blocked, {"bandwidth": 1.0}),
    "mmd2_and_error": (scores.mmd2_and_error, {"bandwidth": 1.0}),
    "mmd_test": (scores.mmd_test, {"bandwidth": 1.0}),
    "nearest_neighbour": (scores.nearest_neighbour, {}),
    "precision_recall": (scores.precision_recall, {"k": 1}),
    "wasserstein": (scores.wasserstein, {}),
    "frechet2": (scores.frechet2, {}),
}
OK = normal(10, 3)
WRONG = {
    "one real point": (OK[:1], OK, "^real is a tensor .* takes .* rows or more"),
    "one generated point": (OK, OK[:1], "^generated is a tensor .* takes .* rows or more"),
    "another dimension": (OK, OK[:, :2], r"^generated is a tensor of shape \(10, 2\) .*d = 3"),
    "an infinity": (OK, OK / 0, "^generated is a tensor .* not finite everywhere"),
    "a point for a set": (OK[0], OK, r"^real is a tensor of shape \(3,\)"),
    "a list": (OK, [1, 2], r"^generated is \[1, 2\], takes"),
    "complex points": (OK + 1j, OK, "^real is a tensor .* complex"),
    "points in another precision": (OK, OK.float(), "^generated is a tensor .* beside float64"),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("what", WRONG)
def test_bad_pairs_are_refused_by_name(name, what):
    score, options = PAIRS[name]
    x, y, message = WRONG[what]
    options = options | ({"rng": rng()} if name == "mmd_test" else {})
    with pytest.raises(ValueError, match=message):
        score(x, y, **options)
