"""An explorable on a page of its own, opened from a file, in a real Chromium."""

import sys

import pytest
from conftest import BOOK

sys.path.insert(0, str(BOOK / "explorables"))
import explorables
import stills

playwright_api = pytest.importorskip("playwright.sync_api")
if stills.chromium() is None:
    pytest.skip("no Chromium: install it for the browser tests (Debian: chromium)", allow_module_level=True)


class Bench:
    """bench.ask("expression of the explorable's own parts", argument) runs in the page."""

    def __init__(self, page):
        self.page = page

    def ask(self, expression, argument=None):
        """What an expression is in the page; `live` is what the explorable hands out, `given` the argument."""
        live = "const live = document.querySelector('section.explorable').live;"
        return self.page.evaluate("given => {" + live + " return (" + expression + "); }", argument)


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explorables")
    explorables.export(folder)
    return folder


@pytest.fixture(scope="session")
def browser():
    with playwright_api.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=stills.chromium(), args=stills.FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def bench(browser, exported):
    """bench("name") starts an explorable and hands it over; at the end nothing may have been complained of."""
    opened = []

    def start(name, width=860, motion="reduce", ground="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, reduced_motion=motion)
        context.set_default_timeout(120_000)
        page = context.new_page()
        complaints = []
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: complaints.append(str(e)))
        page.route(lambda url: not url.startswith(("file:", "data:", "blob:")), lambda route: route.abort())
        opened.append((context, complaints))
        stills.start(page, stills.write_page(exported, name, ground))
        return Bench(page)

    yield start
    for context, complaints in opened:
        context.close()
        assert complaints == []
