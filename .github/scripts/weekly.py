"""One issue for what the weekly runs found: `python .github/scripts/weekly.py RESULTS STATE`, called by weekly.yml.

RESULTS has a folder `result-JOB` for each job, with its log.txt and, in versions.txt, the output of pip freeze. STATE
is a file with the versions of each job when it last passed; it is read and written anew. The environment variable
NEEDS has the outcome of each job. While a job fails one issue with the label `weekly` is open. It names the first test
or cell that broke and the packages that changed since; when all pass it is closed.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FAILED = re.compile(r"^FAILED (?P<file>\S+?\.(?:ipynb|py))(?:::(?P<test>Cell \d+|[^:\s][^:]*?))?: (?P<why>.*)$", re.M)
LABEL = "weekly"


def versions(text):
    """{package: version} of a pip freeze; what was installed from a file or an address has what stands behind the @."""
    return {
        re.sub(r"[-_.]+", "-", name).lower(): version
        for name, version in re.findall(r"^([\w.-]+)(?:==| @ )(\S+)$", text, re.MULTILINE)
    }


def changed(before, now):
    """What differs between two sets of versions, in words."""
    out = []
    for name in sorted({*before, *now}):
        old, new = before.get(name, "not installed"), now.get(name, "not installed")
        if old != new:
            out.append(f"{name} {old} → {new}")
    return out


def code(file, test, root=ROOT):
    """The code of a notebook's cell as nbval counts it, or nothing."""
    number, path = re.fullmatch(r"Cell (\d+)", test or ""), root / file
    if not number or not path.is_file():
        return ""
    cells = [c for c in json.loads(path.read_text("utf8"))["cells"] if c["cell_type"] == "code"]
    source = "".join(cells[int(number[1])]["source"]) if int(number[1]) < len(cells) else ""
    return f"```python\n{source}\n```\n" if source else ""


def named(test):
    """nbval counts code cells from nought, a reader of the notebook from one."""
    number = re.fullmatch(r"Cell (\d+)", test)
    return f"code cell {int(number[1]) + 1}" if number else f"`{test}`"


def section(job, log, now, before, root=ROOT):
    """What is to be said of a job that failed, in Markdown."""
    text, first = f"### {job}\n\n", FAILED.search(log)
    if first:
        place = f"`{first['file']}`" + (f", {named(first['test'])}" if first["test"] else "")
        text += f"The first to break is {place}: {first['why']}\n\n{code(first['file'], first['test'], root)}\n"
        others = len(FAILED.findall(log)) - 1
        text += f"{others} more broke after it.\n\n" if others else ""
    if not first or not first["test"]:
        last = "\n".join(log.strip().splitlines()[-25:]) or "There is no log: the job ended before it wrote one."
        text += f"```text\n{last}\n```\n\n"
    if now and before is None:
        text += "No earlier run of this job that passed is known, so what changed is not known either.\n"
    elif now:
        moved = changed(before, now)
        text += "Changed since it last passed: " + ("; ".join(moved) if moved else "no package") + ".\n"
    return text


def told(needs, results, state, root=ROOT):
    """The text of the issue, empty when every job passed, and the new state.

    Args:
        needs: {job: outcome}, an outcome being success, failure, cancelled or skipped.
        results: The folder with the jobs' folders.
        state: {job: {package: version}} of the last run that passed.
    """
    out, after = [], dict(state)
    for job, outcome in needs.items():
        folder = Path(results, f"result-{job}")
        log, frozen = (
            (folder / name).read_text("utf8", "replace") if (folder / name).is_file() else ""
            for name in ("log.txt", "versions.txt")
        )
        now = versions(frozen)
        if outcome == "success":
            after[job] = now
        elif outcome != "skipped":
            out.append(section(job, log, now, state.get(job), root))
    return "\n".join(out), after


def github(*arguments, text=None):
    done = subprocess.run(["gh", *arguments], input=text, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def settle(body, run, gh=github):
    """Open, renew or close the one issue."""
    found = gh("issue", "list", "--label", LABEL, "--state", "open", "--json", "number", "--jq", ".[0].number // empty")
    if body:
        jobs = ", ".join(re.findall(r"^### (\S+)$", body, re.M))
        title = f"The weekly runs fail: {jobs}"
        body = f"{body}\nThe run: {run}. The page for maintainers (book/maintaining.md) says what to do.\n"
        if found:
            gh("issue", "edit", found, "--title", title, "--body-file", "-", text=body)
        else:
            gh("label", "create", LABEL, "--force", "--description", "What the weekly runs found")
            gh("issue", "create", "--title", title, "--label", LABEL, "--body-file", "-", text=body)
    elif found:
        gh("issue", "close", found, "--comment", f"Every weekly run passes again: {run}.")


def main(results, state):
    path = Path(state)
    known = json.loads(path.read_text("utf8")) if path.is_file() else {}
    needs = {job: said["result"] for job, said in json.loads(os.environ["NEEDS"]).items()}
    body, after = told(needs, results, known)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(after, indent=1), "utf8")
    print(body or "Every job passed.")
    settle(body, os.environ["RUN"])


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
