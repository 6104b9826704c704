"""An explorable on a page of the book, before and after the click, on paper, without scripts, and in the notebook."""

import importlib.resources
import json
import re
import shutil

import explorables
import pytest
from conftest import BOOK
from PIL import Image

NAMES = explorables.names()
AXE = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js")
BEFORE = 60_000  # bytes of script of a page before a click
DRAGGED = {"autoencoder": 3, "boltzmann": 1, "game": 1, "gan": 2, "mean": 1, "scores": 1}  # panels that follow a finger
HIGH_UP = """e => { scrollTo({ top: e.getBoundingClientRect().top + scrollY - 200, behavior: 'instant' });
  const r = e.getBoundingClientRect(); return [r.left, r.top, r.width, r.height]; }"""
SHOWN = "e => [e.toDataURL(), e.closest('.explorable').querySelector('.explorable-numbers').innerText]"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A small book with every explorable."""
    from conftest import SmallBook

    book = SmallBook(tmp_path_factory.mktemp("book"))
    shutil.copytree(BOOK / "explorables", book.book / "explorables")
    shutil.copy(BOOK / "references.bib", book.book)
    option = {"title": ":moving:\n"}
    body = "".join(f"```{{explorable}} {name}\n{option.get(name, '')}```\n\nWords.\n\n" for name in NAMES)
    book.chapter("first", body + "```{code-cell} ipython3\nprint(1)\n```\n")
    for arguments in ([], ["--notebooks"]):
        done = book.build(*arguments)
        assert done.returncode == 0, done.stderr
        unknown = [line for line in done.stderr.splitlines() if "WARNING" in line and "target" not in line]
        assert unknown == [] or all("eq:" in line for line in unknown), done.stderr
    return book


def test_the_notebook_has_the_question_and_a_link(pages):
    notebook = json.loads((pages.book / "_build" / "notebooks" / "first.ipynb").read_text("utf8"))
    text = "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    for name in NAMES:
        assert f"**{explorables.words(name)['title']}** ([it runs in the page of the book](https://" in text
        assert f"first.html#explorable-{name})" in text
        assert re.search(rf"!\[[^]]{{40,}}\]\(https://[^)]*/_static/explorables/{name}-still-light\.png\)", text), name
        assert (pages.book / "_build" / "html" / "_static" / "explorables" / f"{name}-still-light.png").exists()
    assert "{explorable}" not in text and "<img" not in text and ":label:" not in text


def test_before_the_click_little_is_fetched_and_there_is_a_picture(pages, browser):
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto((pages.book / "_build" / "html" / "first.html").as_uri())
    for name in NAMES:
        picture = page.locator(f"#explorable-{name} img.on-light")
        assert picture.get_attribute("alt") == explorables.words(name)["alt"]
        with Image.open(explorables.HERE / name / "still-light.png") as still:
            assert still.width == 2 * int(picture.get_attribute("width"))
    assert page.locator(".explorable button").count() == 0
    context.close()
    text = pages.page("first")
    assert len(re.findall("explorables/start.js", text)) == 1
    assert (BOOK / "explorables" / "start.js").stat().st_size < BEFORE
    for path in (BOOK / "explorables").glob("*/still-*.png"):
        assert path.stat().st_size < 120_000, path


class Finger:
    """A finger on a page, as a phone tells of it."""

    def __init__(self, page):
        self.page, self.session = page, page.context.new_cdp_session(page)

    def tell(self, kind, *place):
        points = [dict(zip("xy", place, strict=True))] if place else []
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def move(self, x, y, right, down):
        for k in range(1, 5):
            self.tell("touchMove", x + right * k / 4, y + down * k / 4)


def follows_a_finger(page, name):
    """What is dragged moves with a finger and changes a number; the page under it stays, and moves beside it."""
    finger, panels = Finger(page), page.locator(f"#explorable-{name} canvas.explorable-drag").all()
    assert len(panels) == DRAGGED.get(name, 0), name
    for panel in panels:
        left, top, width, height = panel.evaluate(HIGH_UP)
        at, x, y = page.evaluate("scrollY"), left + 0.3 * width, top + 0.7 * height
        finger.tell("touchStart", x, y)
        before = panel.evaluate(SHOWN)
        finger.move(x, y, 0.4 * width, -0.5 * height)
        after = panel.evaluate(SHOWN)
        finger.tell("touchEnd")
        assert after[0] != before[0] and after[1] != before[1], f"{name} does not follow"
        assert page.evaluate("scrollY") == at, f"the page under {name} moves"
    if panels:
        finger.tell("touchStart", 3, 300)
        finger.move(3, 300, 0, -100)
        finger.tell("touchEnd")
        page.wait_for_function("at => scrollY > at", arg=at, timeout=10_000)


@pytest.mark.parametrize(("width", "ground"), [(390, "light"), (1280, "dark")])
def test_every_explorable_starts_fits_and_is_accessible(width, ground, pages, browser):
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=ground, has_touch=width < 500, reduced_motion="reduce"
    )
    context.set_default_timeout(120_000)
    page = context.new_page()
    complaints = []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: complaints.append(str(e)))
    page.goto((pages.book / "_build" / "html" / "first.html").as_uri())
    page.wait_for_function("document.documentElement.dataset.formulas === 'marked'")
    for name in NAMES:
        section = page.locator(f"#explorable-{name}")
        section.locator("button.explorable-start").click()
        page.wait_for_function("name => document.getElementById(`explorable-${name}`).live", arg=name)
        assert section.locator(".explorable-stage > img >> visible=true").count() == 0
        assert section.locator(".explorable-numbers .checked").count() >= 1, "the number that the chapter verifies"
        if width < 500:
            follows_a_finger(page, name)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert complaints == []
    page.add_script_tag(content=AXE.read_text("utf8"))
    where = "{include: ['.explorable'], exclude: ['.math']}"
    found = page.evaluate(f"axe.run({where}, {{resultTypes: ['violations'], preload: false}})")["violations"]
    serious = [
        (v["id"], v["nodes"][0]["html"][:200], v["nodes"][0].get("failureSummary", "")[:300])
        for v in found
        if v["impact"] in ("serious", "critical")
    ]
    assert serious == []
    unnamed = page.evaluate(
        """[...document.querySelectorAll('.explorable canvas')].filter(c => (c.ariaLabel ?? '').length < 10
             || (c.role === 'application' && c.tabIndex !== 0)).length"""
    )
    assert unnamed == 0
    page.emulate_media(media="print")
    assert page.locator(".explorable-live >> visible=true").count() == 0
    seen = """[...document.querySelectorAll('.explorable img.on-light')].map(e => getComputedStyle(e).display)"""
    assert page.evaluate(seen) == ["block"] * len(NAMES)
    context.close()


def test_an_arrow_key_inside_turns_no_page(pages, browser):
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto((pages.book / "_build" / "html" / "first.html").as_uri())
    assert page.locator('link[rel="next"]').count() == 1
    page.locator("#explorable-game button.explorable-start").click()
    page.locator("#explorable-game").get_by_role("button", name="One step").press("ArrowRight")
    page.wait_for_timeout(500)
    assert page.url.endswith("first.html") and page.locator("#explorable-game .started").count() == 1
    context.close()


def test_the_picture_of_the_title_page_starts_by_itself_where_motion_is_wanted(pages, browser):
    for motion, started in (("no-preference", 1), ("reduce", 0)):
        context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion=motion)
        page = context.new_page()
        page.goto((pages.book / "_build" / "html" / "first.html").as_uri() + "#explorable-title")
        page.locator("#explorable-title").scroll_into_view_if_needed()
        if started:
            page.locator("#explorable-title .started").wait_for(timeout=60_000)
            page.get_by_role("button", name="Pause").wait_for()
        else:
            page.wait_for_timeout(3000)
        assert page.locator(".explorable-stage.started").count() == started
        context.close()


def test_nothing_moves_by_itself_where_motion_is_unwanted(bench):
    for name in NAMES:
        page = bench(name).page
        look = "[...document.querySelectorAll('.explorable canvas')].map(c => c.toDataURL()).join()"
        page.wait_for_timeout(200)
        before = page.evaluate(look)
        page.wait_for_timeout(300)
        assert page.evaluate(look) == before, name


def test_kernels_are_few_lines():
    path = BOOK / "explorables" / "kernels.js"
    if path.exists():
        assert len(path.read_text("utf8").splitlines()) <= 200
