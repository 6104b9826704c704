"""Take the still pictures of the explorables: `python book/explorables/stills.py [NAME ...]`. It needs a Chromium.

Each explorable is started on a page of its own and brought into the state that its `pose()` sets, or left as it begins;
its panels are photographed at twice the size for the light and the dark page.
"""

import io
import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_ext"))
import explorables
from PIL import Image

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
PAGE = """<!doctype html><html lang="en" data-theme="{ground}"><head><meta charset="utf-8"><title>{name}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>html {{ --pst-color-text-base: #222832; --pst-color-text-muted: #48566b; --pst-color-background: #ffffff;
--pst-color-border: #c9c9c9; --pst-color-surface: #f3f4f5; --pst-color-primary: #0f58c2;
--pst-color-success: #28a745; }}
html[data-theme="dark"] {{ --pst-color-text-base: #ced6dd; --pst-color-text-muted: #9ca4af;
--pst-color-background: #14181e; --pst-color-border: #48566b; --pst-color-surface: #222832;
--pst-color-primary: #8ab8ff; }}
body {{ margin: 0; font: 16px sans-serif; color: var(--pst-color-text-base); background: var(--pst-color-background); }}
section.explorable {{ margin: 0; padding: 0; border: 0; }}</style>
<link rel="stylesheet" href="style.css"><script src="start.js" defer></script></head><body><main>
<section class="explorable" data-name="{name}" data-files="{files}" data-size="{size}"><h1>{name}</h1>
<div class="explorable-stage"></div></section></main></body></html>"""


def write_page(folder, name, ground="light"):
    """A page with nothing but one explorable, beside its scripts; its address."""
    path = Path(folder, f"{name}-{ground}.html")
    files, size = " ".join(explorables.scripts(name)), explorables.in_words(explorables.size(name))
    path.write_text(PAGE.format(name=name, ground=ground, files=files, size=size), "utf8")
    return path.as_uri()


def chromium():
    """Where the browser is; None where there is none."""
    named = os.environ.get("CHROMIUM")
    return named or next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)


def start(page, address):
    """Open an explorable and start it."""
    page.goto(address)
    page.locator("button.explorable-start").click()
    page.wait_for_function("document.querySelector('section.explorable').live", timeout=60_000)


def main(names):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play, tempfile.TemporaryDirectory() as folder:
        explorables.export(folder)
        browser = play.chromium.launch(executable_path=chromium(), args=FLAGS)
        for name in names:
            for ground in ("light", "dark"):
                context = browser.new_context(
                    viewport={"width": 736, "height": 900}, device_scale_factor=2, reduced_motion="reduce"
                )
                page = context.new_page()
                start(page, write_page(folder, name, ground))
                page.evaluate("document.querySelector('section.explorable').live.pose?.()")
                page.wait_for_timeout(300)
                page.evaluate("document.activeElement.blur()")
                picture = Image.open(io.BytesIO(page.locator(".explorable-panels").screenshot()))
                picture = picture.convert("RGB").quantize(64, dither=Image.Dither.NONE)
                path = explorables.HERE / name / f"still-{ground}.png"
                picture.save(path, optimize=True)
                print(f"{path.name} of {name}: {path.stat().st_size / 1000:.0f} kB, {picture.size}")
                context.close()
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:] or explorables.names())
