"""Tables of what was measured before: the shipped trainings and the benchmarks, from the files that hold their numbers.

    ```{training-table}
    ```

has a line for each command that shipped weights were made by, with its minutes, from the records beside the weights;
`{benchmark-table}` the rows of benchmarks/results.json.
"""

import json
from importlib.resources import files
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).resolve().parents[2]


def records():
    """The records of the shipped weights that a training made, as pairs of a path and what it says."""
    paths = sorted(Path(str(files("genphys"))).glob("weights/*.json"))
    found = [(path, json.loads(path.read_text("utf8"))) for path in paths]
    return [(path, record) for path, record in found if "history" in record]


def records_by_name():
    """The same by the name of the weights."""
    return {path.stem: record for path, record in records()}


def trainings(found):
    """The lines of the table of trainings: name, command, minutes of training and of evaluation."""
    lines = ["| Weights | Command | Minutes | Evaluation |", "|:---|:---|---:|---:|"]
    for path, record in found:
        chain = []
        while record and "seconds" in record:
            chain.append(record)
            record = record.get("before")
        name = path.stem
        for each in reversed(chain):
            command = each["command"].removeprefix("python -m genphys.train ")
            minutes = f"{each['seconds'] / 60:.0f}"
            judged = f"{each['seconds_evaluation'] / 60:.0f}" if "seconds_evaluation" in each else ""
            lines.append(f"| {name} | `{command}` | {minutes} | {judged} |")
            name = ""
    return lines


def number(value):
    """A number to three digits, the thousands apart."""
    text = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return text.replace(",", "\N{NO-BREAK SPACE}")


def benchmarks(results):
    """The lines of the table of benchmarks, and below it the machine, the versions and the date of each script."""
    lines = ["| What | Ours | Beside | Theirs | Ratio | Quartiles | Wanted |", "|:---|---:|:---|---:|---:|:---|---:|"]
    for script in results.values():
        for row in script["rows"]:
            unit = row["unit"]
            ours = f"{number(row['ours']['median'])} {unit}"
            theirs = ratio = between = ""
            if "theirs" in row:
                theirs = f"{number(row['theirs']['median'])} {unit}"
                low, high = map(number, row["ratio"]["quartiles"])
                ratio, between = number(row["ratio"]["median"]), f"{low} to {high}"
            cells = row["what"], ours, row.get("beside", ""), theirs, ratio, between, row.get("wanted", "")
            lines.append(f"| {' | '.join(map(str, cells))} |")
    lines.append("")
    for name, script in results.items():
        versions = ", ".join(f"{what} {version}" for what, version in script["versions"].items())
        threads = f"{script['threads']} thread{'s' * (script['threads'] != 1)}"
        where = f"{script['processor']}, {script['cores']} cores, {threads}"
        busy = script["load"] is not None and script["load"] > script["cores"]
        words = "; a busy machine, so that times are too long and only ratios say something" if busy else ""
        load = f"load {script['load']} at its end{words}"
        lines.append(f"- `bench_{name}.py`, {script['date']}: {where}, {load}; {versions}.")
    return lines


class _Table(SphinxDirective):
    """A directive whose lines of Markdown come from files; a page is read again where one of them changes."""

    def run(self):
        lines, sources = self.found()
        for path in sources:
            self.env.note_dependency(str(path))
        container = nodes.container()
        self.state.nested_parse(StringList(lines, str(sources[0])), 0, container)
        return container.children


class TrainingTable(_Table):
    def found(self):
        return trainings(records()), [path for path, _ in records()]


class BenchmarkTable(_Table):
    def found(self):
        path = ROOT / "benchmarks" / "results.json"
        return benchmarks(json.loads(path.read_text("utf8"))), [path]


def setup(app):
    app.add_directive("training-table", TrainingTable)
    app.add_directive("benchmark-table", BenchmarkTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
