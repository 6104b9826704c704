"""Translations: what there is to translate is written out, and what is translated stands on the pages."""

import re
import subprocess
import sys

import pytest
from babel.messages import pofile
from conftest import BOOK, claim

CHECK = 'from genphys import verify\nverify("eq:one", 2.0, 1.0 + 1.0, 1e-9, route="here against there")'


def test_a_page_in_two_languages(small_book):
    words = "Both sides of {eq}`eq:one` are $2$.\n\n" + claim("one", CHECK) + "\nWords that wait.\n"
    small_book.chapter("first", words)
    small_book.write("solutions.yml", "")
    assert small_book.build("--language", "nb").stderr.strip().endswith("`make texts` begins one.")
    texts = small_book.build("--texts")
    assert texts.returncode == 0, texts.stderr
    pot = (small_book.book / "_build" / "texts" / "first.pot").read_text("utf8")
    assert 'msgid "Both sides of {eq}`eq:one` are $2$."' in pot and "verify" not in pot
    command = [sys.executable, "-m", "sphinx_intl", "update", "-p", "_build/texts", "-d", "locale", "-l", "nb"]
    subprocess.run(command, cwd=small_book.book, check=True, capture_output=True)
    catalogue = small_book.book / "locale" / "nb" / "LC_MESSAGES" / "first.po"
    text = catalogue.read_text("utf8")
    before = 'msgid "Both sides of {eq}`eq:one` are $2$."\nmsgstr "'
    assert before in text
    catalogue.write_text(text.replace(before, before + "Begge sider av {eq}`eq:one` er $2$."), "utf8")
    built = small_book.build("--language", "nb")
    assert built.returncode == 0 and built.stderr == "", built.stderr
    assert "executed" not in built.stdout, "no cell is executed again for a language"
    page = (small_book.book / "_build" / "translations" / "nb" / "html" / "first.html").read_text("utf8")
    assert "Begge sider av" in page and ">(1)</a> er" in page and "Words that wait." in page
    assert '<html lang="nb"' in page and '<p class="verify">' in page
    assert small_book.build().returncode == 0
    assert "Both sides of" in small_book.page("first")


LOCALES = sorted((BOOK / "locale").glob("*/LC_MESSAGES/*.po"))


@pytest.mark.parametrize("path", LOCALES, ids=[f"{p.parts[-3]}-{p.stem}" for p in LOCALES])
def test_a_translation_has_the_formulas_links_and_numbers_of_the_page(path):
    """What is checked does not change with the language: a translated paragraph names the same equations."""
    with path.open("rb") as file:
        messages = [m for m in pofile.read_po(file) if m.id and m.string and not m.fuzzy]
    assert len(messages) > 30
    for message in messages:
        for kind in (r"\$[^$]+\$", r"\{\w+\}`(?:[^`<]*<)?([^`>]+)>?`", r"\]\(([^)]+)\)", r"\d[\d.]*\d"):
            assert sorted(re.findall(kind, message.id)) == sorted(re.findall(kind, message.string)), message.id
    page = " ".join((BOOK / f"{path.stem}.md").read_text("utf8").split())
    present = sum(" ".join(m.id.split()) in page for m in messages)
    assert present > len(messages) / 2, f"{path.stem}.md has changed: `make texts TRANSLATION={path.parts[-3]}`"
