"""The book on paper: pages, slides, and one book whose links lead to their places."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import claim

pytest.importorskip("playwright.sync_api")
import paper
from pypdf import PdfReader

try:
    paper.chromium()
except paper.CannotPrint:
    pytest.skip("no Chromium: install it for the browser tests (Debian: chromium)", allow_module_level=True)

BASE = "https://someone.github.io/book/"
SOLUTION = (
    "```{exercise}\n:label: ex:one\nAsk.\n```\n\n```{solution} ex:one\n:class: dropdown\nThe answer is 42.\n```\n"
)


@pytest.fixture
def site(small_book):
    filler = "\n\n".join("Words that fill a page, and more of them." for _ in range(90))
    small_book.chapter("first", f"{filler}\n\n(sec:late)=\n## A late section\n\nHere.\n\n{SOLUTION}")
    small_book.chapter("second", claim("sum", prefix="def") + "\nSee {ref}`sec:late`, and {ref}`sec:late` again.\n")
    built = small_book.build()
    assert built.returncode == 0, built.stderr
    return small_book.book / "_build" / "html"


def print_pages(*arguments):
    """The pages, printed in a thread of its own: in this one a browser of other tests may be open."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(paper.print_pages, *arguments).result()


def text(path):
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in PdfReader(path).pages))


def test_a_link_between_chapters_leads_to_its_place_in_the_book(site, tmp_path):
    printed = print_pages(site, ["index", "first", "second"], tmp_path, BASE, False)
    links = paper.bind(printed, tmp_path / "book.pdf", BASE, "A book")
    book = PdfReader(tmp_path / "book.pdf")
    assert book.metadata.title == "A book" and links >= 2
    pages = [page.extract_text() for page in book.pages]
    here = next(k for k, words in enumerate(pages) if "again" in words)
    late = max(k for k, words in enumerate(pages[:here]) if "A late section" in words)
    targets = {
        book.get_page_number(link["/A"]["/D"][0].get_object())
        for link in (reference.get_object() for reference in book.pages[here]["/Annots"])
        if "/D" in link.get("/A", {})
    }
    assert late in targets and late > 2  # the chapter begins on the second page
    addresses = [
        link.get_object()["/A"]["/URI"]
        for page in PdfReader(printed["second"]).pages
        for link in page.get("/Annots", ())
        if "/URI" in link.get_object().get("/A", {})
    ]
    assert f"{BASE}first.html#sec-late" in addresses  # by itself, a chapter leads to the published one


def test_solutions_are_printed_when_they_are_asked_for(site, tmp_path):
    without = print_pages(site, ["first"], tmp_path / "without", BASE, False)["first"]
    given = print_pages(site, ["first"], tmp_path / "with", BASE, True)["first"]
    assert "answer is 42" not in text(without) and "answer is 42" in text(given) and "Ask." in text(without)
