"""The one issue of the weekly runs: what it says, and when it is opened, renewed and closed."""

import json

import pytest
from test_repository import script, workflow

weekly = script("weekly")
CELLS = {"cells": [{"cell_type": c, "source": [f"{c} ", str(k)]} for k, c in enumerate(("code", "markdown", "code"))]}
LOG = """12 passed
FAILED book/flows.ipynb::Cell 1: CheckFailed: eq:it: found 2

FAILED book/flows.ipynb::Cell 2: NameError: x
"""


@pytest.fixture
def results(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "flows.ipynb").write_text(json.dumps(CELLS))

    def job(name, log="", versions=""):
        folder = tmp_path / f"result-{name}"
        folder.mkdir(exist_ok=True)
        (folder / "log.txt").write_text(log)
        (folder / "versions.txt").write_text(versions)
        return tmp_path

    return job


def test_the_issue_names_the_cell_and_the_package(results):
    root = results("newest", versions="numpy==2.4.6\nscikit-learn==1.9\ntorch==2.15.0\n")
    body, state = weekly.told({"newest": "success"}, root, {}, root)
    assert body == "" and state["newest"]["scikit-learn"] == "1.9"
    results("newest", LOG, "numpy==2.5.0\nscikit_learn==1.9\ntorch @ file:///torch-2.16.whl\n")
    body, after = weekly.told({"newest": "failure"}, root, state, root)
    assert after == state, "what it was when it last passed"
    assert "### newest\n\nThe first to break is `book/flows.ipynb`, code cell 2: CheckFailed: eq:it: found 2\n" in body
    assert "```python\ncode 2\n```" in body and "1 more broke after it." in body
    assert "since it last passed: numpy 2.4.6 → 2.5.0; torch 2.15.0 → file:///torch-2.16.whl." in body
    body, _ = weekly.told({"newest": "failure"}, root, {}, root)
    assert "No earlier run of this job that passed is known" in body


def test_a_job_that_ends_before_its_tests_shows_the_end_of_its_log(results):
    root = results("binder", "building\nERROR: No matching distribution found for torch==9\n")
    needs = {"binder": "failure", "colab": "cancelled", "lowest": "skipped"}
    body, _ = weekly.told(needs, root, {}, root)
    assert "No matching distribution" in body and "### colab\n\n```text\nThere is no log" in body
    assert "lowest" not in body
    results("binder", "book/flows.ipynb\nline 3\nNameError: x\nFAILED book/flows.ipynb: NameError: x\n", "a==1")
    body, _ = weekly.told({"binder": "failure"}, root, {"binder": {"a": "1"}}, root)
    assert "is `book/flows.ipynb`: NameError: x" in body and "line 3" in body and "last passed: no package." in body


@pytest.mark.parametrize(
    ("body", "found", "said"),
    [
        ("### newest\n\nx", "", ["label create", "issue create"]),
        ("### newest\n\nx", "7", ["issue edit"]),
        ("", "7", ["issue close"]),
        ("", "", []),
    ],
)
def test_one_issue_is_opened_renewed_and_closed(body, found, said):
    calls = []

    def gh(*arguments, text=None):
        calls.append((" ".join(arguments[:2]), arguments, text))
        return found if arguments[:2] == ("issue", "list") else ""

    weekly.settle(body, "https://run", gh)
    assert [call for call, *_ in calls] == ["issue list", *said]
    for call, arguments, text in calls[1:]:
        assert "7" in arguments or call.endswith("create")
        if call in ("issue create", "issue edit"):
            assert "The weekly runs fail: newest" in arguments and "https://run" in text


def test_every_job_of_the_week_reaches_the_issue():
    jobs = workflow("weekly")["jobs"]
    assert set(jobs["issue"]["needs"]) == set(jobs) - {"issue"} and jobs["issue"]["if"] == "always()"
    assert jobs["issue"]["permissions"]["issues"] == "write"
    for name in jobs["issue"]["needs"]:
        kept = jobs[name]["steps"][-1]
        assert kept["if"] == "always()" and kept["with"] == {"name": f"result-{name}", "path": "result"}
        assert any("tee result/log.txt" in step.get("run", "") for step in jobs[name]["steps"])
