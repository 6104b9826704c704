"""Translations: what there is to translate is written out, and what is translated stands on the pages."""

import subprocess
import sys

from conftest import claim

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
