"""The check of one equation: what holds, what fails, and what is refused because it could not fail."""

import math

import pytest
import torch

from genphys import report, verify, verify_slope
from genphys.verify import CheckFailed, CheckRefused, compare, compare_slope


def sides(seed=0, n=6):
    x = torch.randn(n, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return x, x.exp().log()  # equal, by another route


def test_equal_sides_hold_and_the_deviation_is_found():
    lhs, rhs = torch.tensor([1.0, -2.0]), torch.tensor([1.0, -2.0 + 3e-4])
    check = compare("eq:a-b2", lhs, rhs, 1e-3, route="here against there")
    assert check.deviation == pytest.approx(3e-4, rel=1e-3)
    assert (check.size, check.scale, check.route) == (2, pytest.approx(2.0), "here against there")


@pytest.mark.parametrize("fault", [lambda x: -x, lambda x: 2 * x, lambda x: x.roll(1), lambda x: x + 1e-6])
def test_wrong_sign_missing_factor_wrong_index_and_small_shift_fail(fault):
    lhs, rhs = sides()
    compare("eq:right", lhs, rhs, 1e-12)
    with pytest.raises(CheckFailed, match="eq:wrong: lhs should be equal"):
        compare("eq:wrong", lhs, fault(rhs), 1e-12)


@pytest.mark.parametrize(
    ("lhs", "rhs", "words"),
    [
        (torch.tensor([]), torch.tensor([]), "lhs is empty"),
        (torch.ones(2), torch.ones(3), r"shape \(2,\) and rhs \(3,\)"),
        (torch.ones(1), torch.tensor(1.0), r"shape \(1,\) and rhs \(\)"),
        (torch.tensor([math.nan]), torch.tensor([1.0]), "lhs is not finite"),
        (torch.tensor([1.0]), torch.tensor([math.inf]), "rhs is not finite"),
        ("1.0", 1.0, "lhs is '1.0'"),
        (None, 1.0, "lhs is None"),
        ({"a": 1.0}, 1.0, "lhs is dict"),
        (torch.tensor([1j]), torch.tensor([1j]), "lhs is complex"),
        (torch.zeros(3), torch.full((3,), 1e-15), "cannot fail"),
    ],
)
def test_sides_that_check_nothing_are_refused(lhs, rhs, words):
    with pytest.raises(CheckRefused, match=words):
        compare("eq:x", lhs, rhs, 1e-12)


def test_python_numbers_are_compared_in_double_precision():
    assert compare("eq:x", 1.0, 1.0 + 1e-9, 1e-6).deviation == pytest.approx(1e-9)
    assert compare("eq:x", [0.1, 1.0], [0.1, 1.0 + 1e-9], 1e-6).deviation == pytest.approx(1e-9)


def test_a_side_is_not_compared_with_itself():
    x, _ = sides()
    with pytest.raises(CheckRefused, match="one tensor"):
        compare("eq:x", x, x, 1e-12)


def test_scale_admits_sides_that_cancel():
    compare("eq:x", torch.tensor(1e-16), torch.tensor(0.0), 1e-14, scale=1.0)
    with pytest.raises(CheckRefused, match="cannot fail"):
        compare("eq:x", torch.tensor(1e-16), torch.tensor(0.0), 1e-14, scale=1e-13)


@pytest.mark.parametrize("label", ["def:x", "eq:", "eq:Grad", "eq:a_b", "eq:a--b", "", None, 3])
def test_labels_that_are_no_claims_are_refused(label):
    with pytest.raises(CheckRefused, match="label is"):
        compare(label, 1.0, 1.0, 1e-9)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "either atol"),
        ({"atol": 1e-3, "stderr": 1e-3}, "either atol"),
        ({"atol": 0.0}, "atol is 0.0"),
        ({"atol": True}, "atol is True"),
        ({"atol": 1e-3, "route": None}, "route is None"),
        ({"stderr": True}, "stderr is True"),
        ({"atol": math.inf}, "atol is inf"),
        ({"atol": -1e-3}, "atol is -0.001"),
        ({"stderr": 0.0}, "stderr must be positive"),
        ({"stderr": [0.1, 0.1, 0.1]}, "stderr has shape"),
        ({"stderr": 0.01, "sigmas": -4.0}, "sigmas is -4.0"),
        ({"stderr": 1.0}, "cannot fail"),
        ({"atol": 1e-3, "relation": "<"}, "relation is '<'"),
        ({"atol": 1e-3, "scale": 0.0}, "scale is 0.0"),
    ],
)
def test_arguments_are_checked(arguments, words):
    with pytest.raises(CheckRefused, match=words):
        compare("eq:x", torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0 + 1e-9]), **arguments)


def test_monte_carlo_means_are_judged_in_standard_errors():
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(10_000, dtype=torch.float64, generator=generator)
    stderr = x.std() / 100
    check = compare("eq:mean", x.mean(), 0.5, stderr=stderr)
    assert check.deviation == pytest.approx(abs(x.mean().item() - 0.5) / stderr.item())
    with pytest.raises(CheckFailed, match="standard errors"):
        compare("eq:mean", x.mean(), 0.5 + 6 * stderr.item(), stderr=stderr)


def test_inequalities_have_a_sign_and_a_slack():
    low, high = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 3.0])
    assert compare("eq:x", low, high, 1e-9, relation="<=").deviation == 0
    compare("eq:x", high, low, 1e-9, relation=">=")
    compare("eq:x", low + 1e-10, high, 1e-9, relation="<=")
    with pytest.raises(CheckFailed, match="at most"):
        compare("eq:x", high, low, 1e-9, relation="<=")
    with pytest.raises(CheckRefused, match="equal everywhere"):
        compare("eq:x", low, low.clone(), 1e-9, relation="<=")


def test_slopes():
    n = torch.tensor([10.0, 100.0, 1000.0])
    assert compare_slope("eq:rate", n, 3 / n.sqrt(), -0.5, 0.05).deviation < 1e-6
    with pytest.raises(CheckFailed, match=r"slope is -1, should be -0\.5"):
        compare_slope("eq:rate", n, 3 / n, -0.5, 0.05)
    for x, y, atol, words in [
        (n[:2], n[:2], 0.1, "n >= 3"),
        (torch.tensor([1.0, 2.0, 3.0]), n, 0.1, "spans a factor 3"),
        (n, -n, 0.1, "positive"),
        (n, n, 0.5, "admit slope 0"),
    ]:
        with pytest.raises(CheckRefused, match=words):
            compare_slope("eq:rate", x, y, -0.5, atol)


def test_what_is_printed_holds_nothing_that_differs_between_machines(capsys):
    lhs, rhs = sides()
    verify("eq:x", lhs, rhs, 1e-12, route="a against b")
    verify("eq:x", lhs, rhs + 1e-13, 1e-12, route="a against b")
    first, second = capsys.readouterr().out.splitlines()
    assert first == second == "eq:x holds within 1.0e-12 (a against b)"
    verify_slope("eq:x", torch.tensor([1.0, 2.0, 4.0]), torch.tensor([1.0, 2.1, 4.0]), 1.0, 0.1, route="fit against 1")
    assert capsys.readouterr().out == "eq:x holds: log-log slope 1 within 0.1 (fit against 1)\n"


def test_report_asserts_its_band(capsys):
    report("speed", 0.123456, (0.1, 0.2), unit="nats", digits=3)
    assert capsys.readouterr().out == "speed: 0.123 nats, in the band [0.1, 0.2] nats\n"
    with pytest.raises(CheckFailed, match=r"report 'speed': 0.3 lies outside the band \[0.1, 0.2\]"):
        report("speed", torch.tensor(0.3, dtype=torch.float64), (0.1, 0.2))
    for value, band, words in [
        (0.1, (0.2, 0.1), "takes .low, high."),
        (0.1, (0.1, math.inf), "both finite"),
        (0.1, 0.1, "band is 0.1"),
        (0.1, (None, 0.2), r"band is \(None, 0.2\)"),
        (True, (0.0, 2.0), "value is True"),
        (math.nan, (0.0, 1.0), "not finite"),
        (torch.ones(2), (0.0, 2.0), "takes one number"),
        ("0.1", (0.0, 1.0), "takes a tensor or a number"),
    ]:
        with pytest.raises(CheckRefused, match=words):
            report("speed", value, band)


def test_in_a_notebook_the_value_replaces_the_band_and_the_deviation_travels_in_the_metadata():
    """Run a real kernel: what nbval compares is the first output, what a student sees the last."""
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    source = 'from genphys import report, verify\nverify("eq:x", 1.0, 1.0 + 1e-9, 1e-6, route="a against b")\n'
    source += 'report("speed", 0.15, (0.1, 0.2))'
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    nbclient.NotebookClient(notebook, timeout=120).execute()
    check, number = notebook.cells[0].outputs
    assert check.data["text/plain"] == "eq:x holds within 1.0e-06 (a against b)"
    assert check.metadata.genphys.check.deviation == pytest.approx(1e-9)
    assert number.data["text/plain"] == "speed: 0.15, in the band [0.1, 0.2]"
    assert number.metadata.genphys.band_only["text/plain"] == "speed: in the band [0.1, 0.2]"
