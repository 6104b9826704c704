"""The build of the book: its rules, its cache, and what it says when something is wrong."""

import json
import re
import shutil
from collections import namedtuple

import address
import make_book
import pytest
import write_address
from conftest import ROOT, claim

CHECK = 'from genphys import verify\nverify("eq:{0}", 2.0, 1.0 + 1.0, 1e-9, route="here against there")'


def cell(code):
    return f"```{{code-cell}} ipython3\n{code}\n```\n"


def test_a_chapter_that_breaks_the_rules_is_named_and_stays_so(small_book):
    theorem = "```{prf:theorem} A theorem\n:label: thm:unsourced\nIt holds.\n```\n"
    sourced = "```{prf:theorem} Another\n:label: thm:sourced\n{cite:t}`someone`: it holds.\n```\n"
    small_book.chapter(
        "faulty",
        "\n".join(
            [
                claim("right", CHECK.format("right")),
                claim("unverified"),
                claim("twice", CHECK.format("twice")),
                claim("quoted", prefix="thm"),
                theorem,
                sourced,
                "$$ E = mc^2 $$\n",
                "\\begin{align} a &= b \\end{align}\n",
                "```{code-cell} ipython3\n" + CHECK.format("unknown") + "\n```\n",
                "```{code-cell} ipython3\nverify('eq:right', 2.0, 1.0 + 1.0, 1e-9)\n```\n",
                "![](_static/card.png)\n\n![A card with a title](_static/card.png)\n",
                '<div><img src="_static/card.png"> <b>kept</b></div>\n\n<svg aria-label="A line"></svg>\n',
                cell("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"),
            ]
        ),
    )
    small_book.chapter("second", claim("twice", CHECK.format("twice")))
    expected = [
        "eq:unverified is claimed but never verified in this chapter",
        "verify('eq:unknown') has no equation in this chapter",
        "verify('eq:right') does not say its two routes",
        "duplicate label of equation eq:twice",
        "thm:quoted stands outside a theorem that quotes it with its source",
        "thm:unsourced is quoted without its source",
        "a displayed formula without an eq:, def: or thm: label",
        "the image _static/card.png has no alternative text",
        'raw HTML without alternative text: <img src="_static/card.png">',
        "the figure of a cell has no alternative text",
    ]
    lenient = small_book.build()
    assert lenient.returncode == 0, lenient.stderr
    for text in expected:
        assert text in lenient.stderr
    assert len(re.findall("a displayed formula without", lenient.stderr)) == 2
    assert lenient.stderr.count("alternative text") == 3
    assert re.search(r"^Done in \d+ s, with 13 warnings, listed above\.$", lenient.stdout, re.M)
    top = re.search(r'<div class="unverified admonition warning">(.*?)</div>', small_book.page("faulty"), re.S)[1]
    assert re.sub(r"<[^>]+>|\s+", " ", top).split() == ["Warning", "No", "cell", "has", "verified", "(2)", "."]
    assert "unverified" not in small_book.page("second")
    assert "thm:sourced is quoted without" not in lenient.stderr and "eq:right is claimed" not in lenient.stderr
    ledger = small_book.page("ledger")
    assert "One 1999" in ledger and "quoted, not checked" in ledger and "here against there" in ledger
    again = small_book.build()  # nothing changed, and the rules are still broken
    assert all(text in again.stderr for text in expected if "duplicate" not in text)
    assert re.search(r"^13 warnings \(all in .*build.log\):$", lenient.stderr, re.M)
    strict = small_book.build("--strict", "--whole")
    assert strict.returncode != 0 and "a warning is an error here" in strict.stderr
    assert all(text in strict.stderr for text in expected)


def test_what_kernels_say_of_their_connections_is_not_among_our_lines(small_book):
    spoken = "import logging\nlogging.getLogger('tornado.general').error('Uncaught exception in a stream')"
    small_book.chapter("first", cell(spoken))
    built = small_book.build()
    assert built.returncode == 0 and "Uncaught" not in built.stdout + built.stderr
    assert (
        "Uncaught exception in a stream" in (small_book.root / "book" / "_build" / "work" / "kernels.log").read_text()
    )


def test_a_failing_cell_is_named_and_nothing_is_lost(small_book):
    good = claim("good", CHECK.format("good"))
    small_book.chapter("first", good)
    small_book.chapter("second", claim("sign", CHECK.format("sign")))
    assert small_book.build().returncode == 0
    before = small_book.page("index"), small_book.page("second")
    small_book.chapter("first", good + "\nMore words.\n")
    small_book.chapter("second", claim("sign", CHECK.format("sign").replace("1.0 + 1.0", "1.0 - 1.0")))
    failed = small_book.build()
    assert failed.returncode != 0
    assert re.search(r"Chapter failed", failed.stderr)
    assert re.search(r"second\.md, code cell 1 \(from line \d+ of the file\), line 2: verify\(", failed.stderr)
    assert "CheckFailed: eq:sign: lhs should be equal rhs; found 2" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert failed.stderr.strip().endswith("the last complete build is untouched.")
    assert (small_book.page("index"), small_book.page("second")) == before
    small_book.chapter("second", cell("x = (1"))
    failed = small_book.build()
    assert re.search(r"second\.md, code cell 1 .*\n  SyntaxError", failed.stderr), failed.stderr
    small_book.chapter("second", claim("sign", CHECK.format("sign")))
    repaired = small_book.build()
    assert repaired.returncode == 0 and "More words." in small_book.page("first")


@pytest.fixture
def executed(small_book):
    """Builds the book; the chapters that were executed for it."""

    def build():
        result = small_book.build()
        assert result.returncode == 0, result.stderr
        return sorted(re.findall(r"executed\s+(\w+)\.md in [\d.]+ s, peak memory \d+ MB", result.stdout))

    return build


def test_what_is_executed_again(small_book, executed):
    small_book.chapter("first", claim("first", CHECK.format("first")))
    small_book.chapter("second", claim("second", CHECK.format("second")))
    assert executed() == ["first", "second"]
    again = small_book.build("--strict", "--whole")
    assert again.returncode == 0 and again.stdout.startswith("Nothing has changed since the last build.\n\nDone in ")
    small_book.write("index.md", "# Index\n\nOther words.\n\n```{chapter-times}\n```\n")
    again = small_book.build("--strict", "--whole")  # all other pages are known to be without a warning
    assert again.returncode == 0 and "executed  " not in again.stdout
    assert re.findall("^Reading .*", again.stdout, re.M) == ["Reading index"]
    assert "Other words." in small_book.page("index")
    small_book.chapter("first", "Words.\n\n" + claim("first", CHECK.format("first")))
    assert executed() == []  # words alone execute nothing
    assert "Words." in small_book.page("first")
    small_book.chapter("first", claim("first", CHECK.format("first") + "\nx = 1"))
    assert executed() == ["first"]
    (small_book.root / "requirements.txt").write_text("ruff==1\n")
    assert executed() == [], "a tool that no cell can reach"
    (small_book.root / "requirements.txt").write_text("Jupyter-Client==1\n")
    assert executed() == ["first", "second"]
    shutil.rmtree(small_book.book / "_build" / "work" / ".jupyter_cache")
    assert executed() == ["first", "second"]


def test_an_edit_of_the_package_executes_the_chapters_that_use_what_was_edited(small_book, executed):
    small_book.chapter("first", "It is\n\n" + cell("from small import one\nprint('one is', one)"))
    small_book.chapter("second", "It is\n\n" + cell("from small.two import two\nprint('two is', two)"))
    assert executed() == ["first", "second"]
    small_book.module("one", '"""One, the smallest number."""\n\n# nothing is computed here\none = 1\n')
    assert executed() == []
    small_book.module("one", '"""One."""\n\none = 3\n')
    assert executed() == ["first"]
    assert "one is 3" in small_book.page("first")
    small_book.module("one", '"""One."""\n\none = 1\n')
    assert executed() == [], "this execution is still there"
    assert "one is 1" in small_book.page("first"), "the page shows the execution of the code that stands there now"


def test_people_read_what_a_build_says(small_book):
    small_book.chapter("first", claim("first", CHECK.format("first")))
    small_book.write("forgotten.md", "# Forgotten\n")
    result = small_book.build()
    said = [re.sub(r"[\d.]+", "N", " ".join(line.split())) for line in result.stdout.splitlines() if line]
    assert said == [
        "Executing N chapter, N at a time",
        "executed firstNmd in N s, peak memory N MB",
        "Reading N pages",
        "Writing the pages",
        "chapter seconds peak MB threads",
        "first N N N",
        "Not in book/_tocNyml, so not built: forgottenNmd",
        "Done in N sN",
        re.sub(r"[\d.]+", "N", f"Open {small_book.book / '_build' / 'html' / 'index.html'}"),
    ]
    assert result.stderr == ""
    assert "building [html]" in (small_book.book / "_build" / "build.log").read_text("utf8")


def test_numbers_follow_on_every_page_when_an_equation_is_put_in_front(small_book):
    small_book.chapter("first", claim("a", CHECK.format("a")))
    small_book.chapter("second", "See {eq}`eq:a` here.\n")
    assert small_book.build().returncode == 0
    assert ">(1)</a> here" in small_book.page("second")
    small_book.chapter("first", claim("zero", prefix="def") + claim("a", CHECK.format("a")))
    assert small_book.build().returncode == 0
    assert ">(2)</a> here" in small_book.page("second") and ">(2)</a>" in small_book.page("ledger")


def test_a_chapter_that_was_removed_stays_removed(small_book):
    built = small_book.book / "_build"

    def there(name):
        files = ["html/{}.html", "html/_sources/{}.md", "notebooks/{}.ipynb"]
        return [file for file in files if (built / file.format(name)).exists()]

    for name in ("first", "second"):
        small_book.chapter(name, f"Words of the {name}.\n\n```{{code-cell}} ipython3\nprint(1)\n```\n")
    assert small_book.build().returncode == small_book.build("--notebooks").returncode == 0
    assert len(there("first")) == len(there("second")) == 3
    (small_book.book / "second.md").unlink()
    small_book.chapter("first", "Other words.\n\n```{code-cell} ipython3\nprint(1)\n```\n")
    assert small_book.build().returncode == small_book.build("--notebooks").returncode == 0
    assert len(there("first")) == 3 and there("second") == []
    assert "second" not in (built / "html" / "sitemap.xml").read_text("utf8")


FIGURE = """```{{code-cell}} ipython3
---
tags: [hide-input]
mystnb:
  image:
    alt: Two straight lines that cross each other
  figure:
    name: fig:lines
    caption: Two lines.
---
from genphys import figures
import matplotlib.pyplot as plt
figures.style()
figures.lines([1, 2], {{"up": [1, 2], "down": [2, 1]}}, xlabel="x", ylabel="y")
plt.show()
```
"""


def test_a_check_shows_its_badge_and_folds_its_code_and_a_figure_comes_for_both_pages(small_book):
    checks = CHECK.format("a").replace("verify(", "verify(  # secret\n ") + "\nprint('seen')"
    small_book.chapter(
        "first",
        claim("a")
        + "\n```{code-cell} ipython3\n:tags: [check]\n"
        + checks
        + "\n```\n\n```{code-cell} ipython3\nfrom genphys import report\n"
        + "report('size', 0.5, (0, 1), unit='<nats>')\n```\n\n"
        + FIGURE.format(),
    )
    built = small_book.build()
    assert built.returncode == 0, built.stderr
    page = small_book.page("first")
    badge = re.search(r'<p class="verify">(.*?)</p>', page)
    assert re.sub(r"<[^>]+>", "", badge[1]) == "(1) holds within 1.0e-09 here against there"
    assert 'href="#equation-eq-a"' in badge[1] and 'href="ledger.html#row-eq-a"' in badge[1]
    row = re.search(r'<tr class="[^"]*" id="row-eq-a">(.*?)</tr>', small_book.page("ledger"), re.S)[1]
    aloud = re.search(r"<mjx-assistive-mml.*?</mjx-assistive-mml>", row, re.S)[0]
    assert 'href="first.html#equation-eq-a"' in row and re.sub(r"<[^>]+>", "", aloud) == "1+1=2"
    fold = re.search(r'<details class="fold"><summary>Code of this check</summary>(.*?)</details>', page, re.S)
    assert "secret" in fold[1] and page.index("verify") < page.index("seen") < fold.start(), "outputs first"
    assert re.search(r'<p class="report">size: 0.5 &lt;nats&gt;, in the band', page)
    assert len(re.findall("<details", page)) == 2, "the cell without the tag stands open"
    pictures = re.findall(r'<img alt="Two straight lines[^>]*class="on-(light|dark) [^>]*src="([^"]+\.svg)"', page)
    assert [ground for ground, _ in pictures] == ["light", "dark"]
    light, dark = ((small_book.book / "_build" / "html" / src).read_text("utf8") for _, src in pictures)
    assert "#0072b2" in light and "#0072b2" not in dark
    assert "Code of this figure" in page and "Two lines." in page
    config = small_book.book / "_config.yml"
    config.write_text(config.read_text("utf8").replace("genbook_print_checks: false", "genbook_print_checks: true"))
    assert small_book.build().returncode == 0
    assert small_book.page("first").count('<details class="fold printed">') == 1, "the checks alone, not the figure"
    assert small_book.build("--notebooks").returncode == 0
    notebook = json.loads((small_book.book / "_build" / "notebooks" / "first.ipynb").read_text("utf8"))
    tagged = [c for c in notebook["cells"] if c["metadata"].get("tags") == ["check"]]
    assert len(tagged) == 1 and "secret" in "".join(tagged[0]["source"]), "an ordinary cell"
    kinds = {mime for c in notebook["cells"] for o in c.get("outputs", []) for mime in o.get("data", {})}
    assert kinds == {"text/plain", "text/html"}, "no picture, and none of the page's either"


def test_the_notebook_of_a_chapter_has_no_directive_no_solution_and_no_picture(small_book):
    body = (
        claim("a", CHECK.format("a"))
        + "\nSee {eq}`eq:a`, {cite:p}`someone` and {ref}`ex:one`.\n\n:::{note}\nWords.\n:::\n"
        + "\n<p>Press <kbd>Enter</kbd></p>\n"
        + "\n```{code-cell} ipython3\nfrom genphys import report\nreport('size', 0.5, (0, 1))\n```\n"
        + "\n```{exercise} One\n:label: ex:one\nDo it.\n```\n\n```{solution-start} ex:one\n:class: dropdown\n```\n"
        + "It is done.\n\n```{code-cell} ipython3\nprint('solved')\n```\n\n```{solution-end}\n```\n"
    )
    small_book.chapter("first", body)
    assert small_book.build().returncode == 0
    assert "solved" in small_book.page("first") and "size: 0.5, in the band" in small_book.page("first")
    result = small_book.build("--notebooks")
    assert result.returncode == 0, result.stderr
    path = small_book.book / "_build" / "notebooks" / "first.ipynb"
    text = path.read_text("utf8")
    assert "solved" not in text and "It is done" not in text and ":::" not in text and "{eq}" not in text
    cells = json.loads(text)["cells"]
    outputs = [o for c in cells for o in c.get("outputs", [])]
    assert [o["data"]["text/plain"] for o in outputs] == [
        ["eq:a holds within 1.0e-09 (here against there)"],
        ["size: in the band [0, 1]"],
    ]
    words = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    assert r"\tag{1}" in words and "first.html#equation-eq-a" in words and "> **Note**" in words
    assert "<p>Press <kbd>Enter</kbd></p>" in words and "<script" not in words
    assert "<sub>(1): eq:a</sub>" in words, "what a check calls it"
    assert re.search(r"\*\*Exercise 1 \(One\)\*\* \(\[with its solution [^]]+\]\(\S+/first\.html#ex:one\)\)", words)
    assert small_book.build("--notebooks", "--strict", "--anew").returncode == 0
    assert path.read_text("utf8") == text
    moved = "https://github.com/University/course", "trunk"
    config = small_book.book / "_config.yml"
    texts = {"book/_config.yml": config.read_text("utf8")}
    texts[write_address.WORKFLOW] = f"    branches: [{address.repository()[1]}]\n"
    config.write_text(write_address.configured(texts, *moved)["book/_config.yml"], "utf8")
    assert small_book.build("--notebooks").returncode == 0
    rewritten = write_address.in_notebook("first.ipynb", text, *moved)
    assert path.read_text("utf8") == rewritten != text, "`make adopt` writes what `make notebooks` would"


@pytest.mark.parametrize(
    ("toc", "words"),
    [
        ("format: jb-book\nroot: index\nchapters:\n  - file: absent\n", "names 'absent', but there is no file"),
        ("format: jb-book\nroot: [\n", "cannot be read"),
        ("chapters: []\n", "cannot be read"),
    ],
)
def test_a_toc_entry_without_a_file_and_a_broken_toc(tmp_path, toc, words):
    (tmp_path / "index.md").write_text("# Index\n")
    (tmp_path / "_toc.yml").write_text(toc)
    with pytest.raises(make_book.CannotBuild, match=words):
        make_book.check(tmp_path, tmp_path / "_build")


def test_a_build_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "index.md").write_text("# Index\n")
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: index\n")
    (tmp_path / "_build").write_text("a file in its place")
    with pytest.raises(make_book.CannotBuild, match="cannot be written"):
        make_book.check(tmp_path, tmp_path / "_build")


def test_a_full_disk_is_said_and_the_published_pages_stay(tmp_path, monkeypatch):
    (tmp_path / "index.md").write_text("# Index\n")
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: index\n")
    usage = namedtuple("usage", "total used free")(10**9, 10**9 - 10**6, 10**6)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(make_book.CannotBuild, match="has 1 MB left"):
        make_book.check(tmp_path, tmp_path / "_build")

    def full(source, target):
        target.mkdir()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copytree", full)
    old = tmp_path / "html"
    old.mkdir()
    (old / "index.html").write_text("the last complete build")
    with pytest.raises(make_book.CannotBuild, match="No space left on device"):
        make_book.publish(tmp_path / "work", old)
    assert (old / "index.html").read_text() == "the last complete build"
    assert not (tmp_path / "html.new").exists()


def test_every_page_of_the_toc_is_found_once():
    import yaml

    names = make_book.pages(yaml.safe_load((ROOT / "book" / "_toc.yml").read_text()))
    assert len(names) == len(set(names)) and names[0] == "index"
    written = {p.stem for p in (ROOT / "book").glob("*.md")}
    assert set(names) <= written, "a line of the table of contents without a page"


def test_numbers_and_the_marks_after_formulas_do_not_break_across_lines():
    import typography

    thin = "\N{NARROW NO-BREAK SPACE}"
    assert typography.joined("65 536 spins, 7 % of 20 000") == f"65{thin}536 spins, 7{thin}% of 20{thin}000"
    for untouched in ("in 1990 100 steps", "chapter 3 1000 times", "0.5 100", "k = 1, 10, 100", "3 4 500x"):
        assert typography.joined(untouched) == untouched
    formula = r'<span class="math notranslate nohighlight">\(a, b\)</span>'
    context = {"body": f"<p>({formula}), and {formula} alone, {formula}.</p>"}
    typography.keep_together(None, "page", "page.html", context, doctree=object())
    wrapped = '<span class="nowrap">{}</span>'
    assert (
        context["body"]
        == f"<p>{wrapped.format(f'({formula}),')} and {formula} alone, {wrapped.format(formula + '.')}</p>"
    )


@pytest.mark.parametrize("home", ["writable", "not"])
def test_matplotlib_has_a_folder_where_the_home_folder_cannot_be_written(home, tmp_path, monkeypatch):
    import execution

    (tmp_path / "file").write_text("")
    config = tmp_path / ("config" if home == "writable" else "file/config")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(config))
    monkeypatch.setenv("MPLCONFIGDIR", "")  # so that it is put back after the test
    monkeypatch.delenv("MPLCONFIGDIR")
    execution.give_matplotlib_a_folder(namedtuple("app", "outdir")(tmp_path / "work" / "html"))
    folder = None if home == "writable" else str(tmp_path / "work" / "matplotlib")
    assert execution.os.environ.get("MPLCONFIGDIR") == folder
    assert folder is None or execution.Path(folder).is_dir()
