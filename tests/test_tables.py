"""The table of the shipped trainings, and the numbers that the page quotes beside it."""

import math
import re

import pytest
import tables
from conftest import BOOK


def section(page, heading):
    """The text of a section of a page, up to the next heading of its level."""
    text = (BOOK / page).read_text("utf8")
    return re.search(rf"^(#+) {heading}$(.*?)(?=^#{{2}} |\Z)", text, re.M | re.S)[2]


def test_every_shipped_training_has_its_lines():
    lines = tables.trainings(tables.records())[2:]
    names = {path.stem for path, _ in tables.records()}
    assert {"rbm", "vae", "iwae", "classifier", "gan_dcgan", "diffusion", "lattice_critical", "phi4"} <= names
    assert {line.split("|")[1].strip() for line in lines} == names | {""}
    text = "\n".join(lines)
    for _, record in tables.records():
        assert f"`{record['command'].removeprefix('python -m genphys.train ')}`" in text
    assert sum(line.startswith("| iwae") for line in lines) == 1 and "`vae --steps 26400 --k 50" in text
    minutes = next(line for line in lines if line.startswith("| classifier")).split("|")
    assert minutes[2:4] == [" `classifier` ", " 4 "]


def ends(name):
    """The ends of the runs that made weights: epochs from random ones on, test likelihood, seconds of the run."""
    record, chain, epochs, found = tables.records_by_name()[name], [], 0.0, []
    while record:
        chain.append(record)
        record = record.get("before")
    for each in reversed(chain):
        epochs += each["settings"]["steps"] * each["settings"]["batch"] / each["data"]["images"]
        found.append((epochs, each["metrics"]["log_likelihood"], each["seconds"]))
    return found


def test_the_marks_are_those_of_the_records_and_the_extrapolation_is_the_fit():
    words = section("running.md", "Long trainings").replace("\N{MINUS SIGN}", "-")
    known = tables.records_by_name()
    for name, stderr in (("rbm", "stderr_log_z"), ("vae", "stderr_test_set"), ("iwae", "stderr_test_set")):
        metrics = known[name]["metrics"]
        assert f"| {metrics['log_likelihood']:.2f} ± {metrics[stderr]:.2f} |" in words
    for name in ("conditional", "wgan_gp", "dcgan"):
        assert f"| {100 * known[f'gan_{name}']['metrics']['worst_share_deviation']:.2g} % |" in words
    iwae, vae = ends("iwae"), ends("vae")
    for epochs, value, _ in (*iwae, *vae):
        assert f"{value:.2f}" in words and f"{epochs:,.0f}".replace(",", " ") in words
    x = [math.log(run[1][0] / run[0][0]) for run in (iwae, vae)]
    y = [run[1][1] - run[0][1] for run in (iwae, vae)]
    slope = sum(a * b for a, b in zip(x, y, strict=True)) / sum(a * a for a in x)
    # of the two ends of a run each is half of their difference away from the mean; four ends, three numbers
    error = math.sqrt(sum((b - slope * a) ** 2 for a, b in zip(x, y, strict=True)) / sum(a * a for a in x))
    gain, (epochs, value, _) = -84.78 - iwae[-1][1], iwae[-1]
    hours = sum(run[2] for run in iwae) / 3600
    assert f"{slope:.2f} ± {error:.2f} nats" in words and f"missed by {gain:.2f}" in words
    assert f"{math.exp(gain / slope):.1f} times the epochs, about {epochs * math.exp(gain / slope):.0f}" in words
    low, high = (epochs * math.exp(gain / (slope + sign * error)) for sign in (1, -1))
    assert low == pytest.approx(700, abs=5) and high == pytest.approx(1040, abs=5)
    assert f"{hours * math.exp(gain / slope):.1f} hours" in words and f"{hours * 3280 / epochs:.0f} hours" in words
