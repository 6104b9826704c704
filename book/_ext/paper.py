"""The book on paper: `python book/_ext/paper.py [--solutions] [--edition NAME]`, by `make pdf`, after the pages.

Chromium prints each page into book/_build/pdf/, each deck as exactly its slides, and all pages of the table of contents
as one book with bookmarks. A link to another page of the book leads to its place in the book, and in the file of a
single chapter to the published page.
"""

import argparse
import os
import shutil
import sys
from urllib.parse import unquote, urldefrag, urljoin

import yaml
from address import published, repository
from make_book import BOOK, BUILD, EDITIONS, pages
from playwright.sync_api import sync_playwright
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, Fit, NameObject

OUT = BUILD / "pdf"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
# Links to other pages become those of the published book. Chromium writes down where an anchor is printed only if a
# link of the same document leads to it: so each anchor that another page may ask for gets one, too small to be seen.
PREPARE = """([base, here, solutions]) => {
  for (const image of document.images) image.loading = "eager";
  for (const link of document.querySelectorAll("a[href]")) {
    const at = new URL(link.getAttribute("href"), base + here + ".html");
    if (at.href.startsWith(base) && !link.getAttribute("href").startsWith("#")) link.href = at.href;
  }
  for (const fold of document.querySelectorAll(".solution")) {
    fold.classList.remove("toggle-hidden");
    if (!solutions) fold.remove();
  }
  for (const hint of document.querySelectorAll(".hints details")) hint.open = true;
  const box = document.createElement("div");
  box.style = "font-size: 1px; line-height: 1px; height: 1px; overflow: hidden; opacity: .01";
  for (const target of document.querySelectorAll("article [id]")) {
    const link = document.createElement("a");
    link.href = "#" + target.id;
    link.textContent = ".";
    box.append(link);
  }
  document.querySelector("article").append(box);
  return Promise.all([...document.images].map(image => image.decode().catch(() => null)));
}"""


class CannotPrint(Exception):
    """Why there is no PDF, in one line."""


def chromium():
    """The browser that prints."""
    found = os.environ.get("CHROMIUM") or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if not found:
        raise CannotPrint("Chromium is missing: install it (Debian and Ubuntu: chromium), or name one in CHROMIUM")
    return found


def print_pages(site, names, out, base, solutions):
    """Print pages and decks, each into a file of its own; the paths of the pages by name."""
    out.mkdir(parents=True, exist_ok=True)
    printed = {}
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=FLAGS)
        for name in names:
            page = browser.new_page()
            page.set_default_timeout(300_000)
            page.goto((site / f"{name}.html").resolve().as_uri(), wait_until="load")
            page.evaluate("bringAll()")
            page.evaluate(PREPARE, [base, name, solutions])
            printed[name] = out / f"{name}.pdf"
            page.pdf(path=printed[name], prefer_css_page_size=True, print_background=True, outline=True, tagged=True)
            page.close()
            deck = site / f"{name}.slides.html"
            if deck.exists():
                page = browser.new_page()
                page.set_default_timeout(300_000)
                page.goto(deck.resolve().as_uri() + "?print-pdf", wait_until="load")
                page.wait_for_function("window.Reveal && Reveal.isReady() && document.querySelector('.pdf-page')")
                page.evaluate("Promise.all([...document.images].map(i => i.decode().catch(() => null)))")
                path = out / f"{name}.slides.pdf"
                page.pdf(path=path, prefer_css_page_size=True, print_background=True)
                page.close()
        browser.close()
    return printed


def bind(printed, path, base, title):
    """All pages as one book; the number of links that lead from one of them into another."""
    writer, first, places = PdfWriter(), {}, {}
    for name, file in printed.items():
        reader = PdfReader(file)
        first[name] = len(writer.pages)
        for anchor, place in reader.named_destinations.items():
            number = reader.get_destination_page_number(place)
            places[name, unquote(anchor.lstrip("/"))] = (first[name] + number, place.left, place.top)
        writer.append(reader, outline_item=None, import_outline=True)
    found = 0
    for number, page in enumerate(writer.pages):
        here = [name for name in first if first[name] <= number][-1]
        for reference in page.get("/Annots", ()):
            link = reference.get_object()
            uri = str(link.get("/A", {}).get("/URI", ""))
            inner = str(link.get("/Dest", "")).lstrip("/")
            if uri.startswith(base):
                address, anchor = urldefrag(urljoin(base, uri))
                name = address.removeprefix(base).removesuffix(".html") or "index"
            elif inner:
                name, anchor = here, inner
            else:
                continue
            if name not in first:
                continue
            target, left, top = places.get((name, unquote(anchor)), (first[name], None, None))
            fit = Fit.xyz(left=left, top=top)
            where = ArrayObject([writer.pages[target].indirect_reference, NameObject(fit.fit_type), *fit.fit_args])
            link.pop("/Dest", None)
            link[NameObject("/A")] = DictionaryObject({NameObject("/S"): NameObject("/GoTo"), NameObject("/D"): where})
            found += name != here
    writer.add_metadata({"/Title": title})
    writer.write(path)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--solutions", action="store_true", help="with the solutions of the exercises")
    parser.add_argument("--edition", choices=EDITIONS, help="the pages of this edition, as they are")
    options = parser.parse_args()
    site, base = BUILD / "html", published(repository()[0])
    names = pages(yaml.safe_load((BOOK / "_toc.yml").read_text("utf8")))
    out = OUT / "with-solutions" if options.solutions else OUT
    if options.edition:
        site, out = BUILD / "editions" / options.edition / "html", OUT / options.edition
    try:
        if not (site / "index.html").exists():
            raise CannotPrint(f"there is no {site / 'index.html'}: run `make book`, with the same EDITION")
        printed = print_pages(site, names, out, base, options.solutions or bool(options.edition))
        title = yaml.safe_load((BOOK / "_config.yml").read_text("utf8"))["title"]
        links = bind(printed, out / "book.pdf", base, title)
    except CannotPrint as error:
        sys.exit(f"No PDF: {error}.")
    print(f"{out / 'book.pdf'}: {len(PdfReader(out / 'book.pdf').pages)} pages, {links} links between its chapters")


if __name__ == "__main__":
    main()
