"""The benchmarks' file, its table, and the numbers that the page on times quotes beside it."""

import json
import re

import tables
from conftest import BOOK, ROOT

RESULTS = json.loads((ROOT / "benchmarks" / "results.json").read_text("utf8"))


def test_each_benchmark_has_its_machine_its_versions_its_date_and_its_spread():
    assert sorted(RESULTS) == sorted(path.stem.removeprefix("bench_") for path in ROOT.glob("benchmarks/bench_*.py"))
    for script in RESULTS.values():
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", script["date"]) and script["processor"] and script["cores"] >= 1
        assert set(script["versions"]) == {"python", "torch", "numpy"} and script["load"] >= 0
        for row in script["rows"]:
            for name in {"ours", "theirs", "ratio"} & set(row):
                low, high = row[name]["quartiles"]
                assert 0 < low <= row[name]["median"] <= high
    lines = tables.benchmarks(RESULTS)
    rows = [line for line in lines if line.startswith("| ")]
    assert len(rows) == 1 + sum(len(script["rows"]) for script in RESULTS.values())
    assert len({line.count("|") for line in rows}) == 1


def test_the_page_on_times_quotes_no_number_of_a_benchmark_that_is_not_in_the_file():
    words = (
        (BOOK / "performance.md")
        .read_text("utf8")
        .split("\n## A training step beside the alternatives\n")[1]
        .split("\n## ")[0]
    )
    assert "```{benchmark-table}\n```" in words
    assert not unknown(words)
    assert unknown("a step takes 5.43 ms, and float32 twice that") == ["5.43"]


def unknown(words):
    """The numbers in a text that the results do not have; those inside a word, such as bfloat16, are names."""
    numbers = re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?!\w)", words)
    return [
        number for number in numbers if not re.search(rf"(?<![\d.]){re.escape(number)}(?![\d.])", json.dumps(RESULTS))
    ]
