"""What Lighthouse says of the built pages: `python tests/lighthouse.py [PAGE ...]`, by `make lighthouse`.

With `--times` it says instead, for the longest chapter, when its first formula can be read and when the whole page is
there, on a phone (390 pixels, a processor four times slower than this machine, no network between): medians.

The title page and the longest chapter, on its phone (412 pixels, a processor four times slower, slow 4G): of the
performance the median of five runs, of the rest one. It fails where a score is below what is wanted. Lighthouse is no
part of the environment: it comes from npm, pinned, into a folder of its own when it is first asked for, and is run by
the Node.js of requirements.txt. The pages are served compressed, as they are where they are published. What it finds
depends on how busy the machine is, so that it is no part of `make test`, and its own measure of the machine is printed
beside the scores.
"""

import argparse
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "book" / "_build" / "html"
sys.path.insert(0, str(ROOT / "book" / "_ext"))

from mathematics import node  # noqa: E402
from paper import CannotPrint, chromium  # noqa: E402

VERSION = "13.5.0"
FOLDER = Path(sys.prefix) / "lighthouse"
WANTED = {"performance": 90, "accessibility": 100, "best-practices": 100, "seo": 100}
TIMES = ("first-contentful-paint", "largest-contentful-paint", "total-blocking-time", "cumulative-layout-shift")
# The last flag: without a window the browser draws nothing of a page before its first content, and a page whose frames
# are not drawn gets one frame a second. So a first paint that missed the first tenth of a second waited for one second
# or two, and all that had come meanwhile, fonts and pictures, counted as what it had waited for. No phone does that.
FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --run-all-compositor-stages-before-draw"

# A frame in which the first formula has a place and all its fonts is followed by the one that shows it; book.js says
# when the last part of a long page is there (later.py).
WATCH = """() => {
  const found = window.seen = {};
  const look = () => {
    const fonts = [...document.fonts].filter(font => font.family.startsWith('MJX'));
    const formula = document.querySelector('article mjx-container')?.getClientRects().length;
    if (formula && fonts.some(font => font.status === 'loaded') && !fonts.some(font => font.status === 'loading')) {
      requestAnimationFrame(() => { found.formula = performance.now(); });
    } else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  new MutationObserver(() => {
    if (document.documentElement.dataset.formulas === 'marked') found.finished ??= performance.now();
  }).observe(document, { attributes: true, subtree: true, attributeFilter: ['data-formulas'] }); }"""


def installed(folder=FOLDER):
    """The program of Lighthouse, from npm when it is not there yet."""
    program = folder / "node_modules" / "lighthouse"
    package = program / "package.json"
    if not package.exists() or json.loads(package.read_text("utf8"))["version"] != VERSION:
        print(f"Installing Lighthouse {VERSION} into {folder} (once)", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        own = Path(node()).parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        npm = [node(), str(own)] if own.exists() else [shutil.which("npm") or "npm"]
        options = ["--prefix", str(folder), "--save-exact", "--no-fund", "--no-audit", "--loglevel=error"]
        subprocess.run([*npm, "install", *options, f"lighthouse@{VERSION}"], check=True)
    return program / "cli" / "index.js"


class Compressed(SimpleHTTPRequestHandler):
    """Serves the site as its host does: text compressed, connections kept."""

    protocol_version = "HTTP/1.1"
    kept = {}  # noqa: RUF012

    def __init__(self, *args):
        super().__init__(*args, directory=str(SITE))

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        if path.suffix not in (".html", ".css", ".js", ".svg", ".json", ".xml", ".txt") or not path.is_file():
            return super().do_GET()
        data = self.kept.get(path) or self.kept.setdefault(path, gzip.compress(path.read_bytes()))
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


def longest():
    """The chapter with the largest page."""
    chapters = [path for path in SITE.glob("*.html") if path.with_suffix(".slides.html").exists()]
    return max(chapters, key=lambda path: path.stat().st_size).stem


def judge(program, address, categories):
    """One report of Lighthouse; on a busy machine it gives up now and then, and is asked once more."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "report.json")
        command = [node(), str(program), address, "--output=json", f"--output-path={out}", "--quiet"]
        command += [f"--chrome-flags={FLAGS}", f"--only-categories={','.join(categories)}"]
        environment = {**os.environ, "CHROME_PATH": chromium()}
        for _ in range(2):
            done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
            if done.returncode == 0:
                return json.loads(out.read_text("utf8"))
        sys.exit(f"Lighthouse failed on {address}: {done.stderr.strip().splitlines()[-1:]}")


def score(report, category):
    found = report["categories"][category]["score"]
    return 0 if found is None else round(100 * found)


def complaints(report):
    """The audits that cost points, with the first thing that each names."""
    for category in report["categories"]:
        for reference in report["categories"][category]["auditRefs"]:
            audit = report["audits"][reference["id"]]
            if reference["weight"] and audit["score"] is not None and audit["score"] < 0.9:
                items = audit.get("details", {}).get("items") or [{}]
                named = items[0].get("node", {}).get("snippet") or items[0].get("url") or ""
                yield f"    {category}: {audit['title']} {audit.get('displayValue', '')} {named[:120]}".rstrip()


def phone_times(address, runs):
    """Seconds until the first formula of a page can be read, and until the whole page is there: medians."""
    from playwright.sync_api import sync_playwright

    found = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=FLAGS.split())
        for _ in range(runs):
            context = browser.new_context(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
            page = context.new_page()
            page.add_init_script(f"({WATCH})()")
            context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 4})
            page.goto(address, wait_until="load", timeout=120_000)
            page.wait_for_function("seen.formula && seen.finished", timeout=120_000)
            found.append(page.evaluate("[seen.formula / 1e3, seen.finished / 1e3]"))
            context.close()
        browser.close()
    return [statistics.median(column) for column in zip(*found, strict=True)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="*", help="names of pages; without: the title page and the longest chapter")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--times", action="store_true", help="when a formula is read and all is there")
    options = parser.parse_args()
    if not (SITE / "index.html").exists():
        sys.exit("There are no pages: run `make book`.")
    try:
        chromium()
    except CannotPrint as error:
        sys.exit(f"{error}.")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Compressed)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    if options.times:
        for name in options.pages or [longest()]:
            formula, whole = phone_times(f"http://127.0.0.1:{server.server_port}/{name}.html", options.runs)
            print(f"{name}: first formula {formula:.2f} s, the whole page {whole:.2f} s")
        return
    program, below = installed(), False
    for name in options.pages or ["index", longest()]:
        address = f"http://127.0.0.1:{server.server_port}/{name}.html"
        reports = [judge(program, address, ["performance"]) for _ in range(options.runs)]
        once = judge(program, address, [category for category in WANTED if category != "performance"])
        middle = {category: score(once, category) for category in once["categories"]}
        middle = {"performance": round(statistics.median(score(r, "performance") for r in reports))} | middle
        times = (statistics.median(r["audits"][t].get("numericValue", 0) for r in reports) for t in TIMES)
        first, largest, blocked, shift = times
        machine = statistics.median(r["environment"]["benchmarkIndex"] for r in reports)
        print(f"{name}: " + ", ".join(f"{category} {middle[category]}" for category in WANTED))
        print(f"    first paint {first / 1e3:.1f} s, largest {largest / 1e3:.1f} s, blocked {blocked:.0f} ms, "
              f"shift {shift:.3f}; the machine {machine:.0f} of some 1 500", flush=True)  # fmt: skip
        if any(middle[category] < wanted for category, wanted in WANTED.items()):
            below = True
            print("\n".join(dict.fromkeys([*complaints(reports[0]), *complaints(once)])), flush=True)
    server.shutdown()
    sys.exit(below)


if __name__ == "__main__":
    main()
