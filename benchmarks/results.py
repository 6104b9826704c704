"""What the benchmarks found, in results.json, which the page on times shows: `make bench` writes it.

Each script hands its rows to :func:`write`. A row says what was timed and beside what, in which unit, with the median
and the quartiles of both and of their ratio, which is above one where the package is faster.
"""

import datetime
import json
import os
import platform
import statistics
from pathlib import Path

import numpy
import torch

RESULTS = Path(__file__).with_name("results.json")


def processor():
    """The processor's name, where the system tells it."""
    try:
        with open("/proc/cpuinfo") as lines:
            return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")
    except OSError:
        return platform.processor() or "unknown"


def spread(values):
    """The median of a list of numbers and its quartiles, to four digits."""
    values = sorted(values)
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return {
        "median": float(f"{middle:.4g}"),
        "quartiles": [float(f"{low:.4g}"), float(f"{high:.4g}")],
        "n": len(values),
    }


def row(what, unit, ours, beside=None, theirs=None, *, wanted=None):
    """A row from lists of seconds, or of rates where the unit ends in "/s"; the two lists are of the same turns."""
    found = {"what": what, "unit": unit, "ours": spread(ours)}
    if theirs is not None:
        faster = unit.endswith("/s")
        ratios = [a / b if faster else b / a for a, b in zip(ours, theirs, strict=True)]
        found |= {"beside": beside, "theirs": spread(theirs), "ratio": spread(ratios)}
    return found | ({} if wanted is None else {"wanted": wanted})


def write(script, rows):
    """Put the rows of a script in the place of its last ones, with the machine, the versions, the date and the load."""
    known = json.loads(RESULTS.read_text("utf8")) if RESULTS.exists() else {}
    known[script] = {
        "date": datetime.date.today().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__.split("+")[0],
            "numpy": numpy.__version__,
        },
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf8")


def show(rows):
    """The rows as a table."""
    for each in rows:
        ours, theirs = (each.get(name, {}).get("median", "") for name in ("ours", "theirs"))
        ratio = each.get("ratio", {}).get("median", "")
        print(f"{each['what']:44} {ours:>10} {each['unit']:9} {each.get('beside', ''):38} {theirs:>10} {ratio:>7}")
