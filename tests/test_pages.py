"""What makes the pages quick: one sheet without needless rules, heights of sections, what is far waits."""

import importlib.resources
import re
import types

import heights
import later
import pages
import pytest
import sheets

SHEET = """@charset "UTF-8";/* a {b} */
.kept, .gone > a:hover { color: red; background: url("a.png"); }
p { content: "}"; }
.gone { color: blue; }
@media (max-width: 600px) { .gone { top: 0 } .kept:not(.gone) { top: 1px } }
@media print { .gone { top: 0 } }
@font-face { font-family: F; src: url(fonts/f.woff); }
"""


def test_rules_for_classes_that_no_page_has_are_left_out():
    text = "".join(sheets.pruned(SHEET.replace('@charset "UTF-8";', ""), {"kept"}))
    assert ".kept{" in text and 'content: "}"' in text and "@font-face{" in text
    assert ".gone" not in text.replace(":not(.gone)", "") and ".kept:not(.gone){top: 1px}" in text
    assert "print" not in text
    assert sheets.words(['<p class="a b">'], ['x.classList.add("c-d")']) >= {"a", "b", "c-d"}
    assert sheets.split("a:is(b, c), d[x=','] e") == ["a:is(b, c)", "d[x=','] e"]


@pytest.fixture
def site(tmp_path):
    static = tmp_path / "_static"
    static.joinpath("styles").mkdir(parents=True)
    static.joinpath("styles", "one.css").write_text('@import "../basic.css"; .a { background: url(../a.png) }')
    static.joinpath("basic.css").write_text("p { top: 0 } .b { top: 1px }")
    static.joinpath("two.css").write_text("p { top: 2px }")
    static.joinpath("x.js").write_text('e.className = "b"')
    head = "".join(f'<link href="_static/{n}?v=1" rel="stylesheet" />\n' for n in ("styles/one.css", "two.css"))
    tmp_path.joinpath("page.html").write_text(f'<head>{head}</head><body class="a">')
    return tmp_path


def test_a_page_has_one_sheet_with_the_rules_in_their_order_also_when_it_is_built_again(site):
    app = types.SimpleNamespace(outdir=site, builder=types.SimpleNamespace(name="html"))
    for _ in range(2):
        sheets.merge(app, None)
        page = (site / "page.html").read_text()
        assert page.count("stylesheet") == 1 and 'data-of="styles/one.css two.css"' in page
        sheet = (site / "_static" / "sheet.css").read_text()
        order = [sheet.index(part) for part in ("top: 0", ".b{", 'url("a.png")', "top: 2px")]
        assert order == sorted(order)
    assert sheets.in_order([("a", "c"), ("a", "b", "c", "d")]) == ["a", "b", "c", "d"]


def test_a_long_page_tells_the_heights_of_its_sections():
    text = "<article><section id='a'><h1>T</h1><section id='b'><h2>S</h2>" + "<p>word word word word</p>" * 2000
    text += "<details><p>" + "folded " * 9000 + "</p></details>"
    text += '<section class="quiz" id="q"><p>x</p></section></section></section></article>'
    text += "<!--" + " " * heights.LONG + "-->"
    marked = heights.marked(text)
    assert marked.count("--tall") == 1 and "<section id='b' style=\"--tall: " in marked
    tall, wide = next(iter(list(heights.estimated(text).values())[:1]))
    line = heights.LINE * (19 / 43 + 1 / 3) + heights.GAP
    assert abs(tall / (2000 * line) - 1) < 0.05 and wide < tall
    assert heights.marked(marked) == marked and heights.marked("<article>") == "<article>"


def far_section(name, text, wide=700):
    return f'<section id="{name}" style="--tall: 900px; --wide: {wide}px"><h2>{name}</h2>{text}</section>'


def test_the_far_parts_of_a_long_page_come_as_text_in_pieces():
    """Nothing is lost, each piece is whole, and what is near, or has a script, is there from the start."""
    block = "<div><p>word &lt; word</p><p>word</p></div>\n" * (later.PIECE // 40)
    inner = far_section("inner", block)
    page = '<article class="a"><section id="h"><h1>T</h1><p>first</p>' + far_section("a", "<p>a</p>")
    page += far_section("b", "<p>b</p>") + far_section("c", f"<p>c</p>{inner}<p>end</p>")
    page += far_section("d", '<div class="explorable">d</div><p>e</p>') + "</section></article><footer>"
    found = later.wrapped(page)
    bare = found.replace(later.OPEN, "").replace(later.CLOSE, "").replace(later.SCRIPT, "")
    assert bare == page and found.index(later.SCRIPT) == found.index("</article>") - len(later.SCRIPT)
    texts = re.findall(f"{later.OPEN}(.*?){later.CLOSE}", found, re.DOTALL)
    assert texts[0] == "<h2>c</h2><p>c</p>" and texts[-3:] == ["<p>end</p>", "<h2>d</h2>", "<p>e</p>"]
    assert max(map(len, texts)) <= later.PIECE and "\n".join(texts[1:-3]) == f"<h2>inner</h2>{block}".rstrip()
    for text in texts:
        assert all(text.count(f"<{tag}>") == text.count(f"</{tag}>") for tag in ("div", "p", "h2"))
    assert "<h2>b</h2><p>b</p></section>" in found and '</noscript><div class="explorable">d</div>' in found
    assert later.wrapped(found) == found and later.wrapped("<article>") == "<article>"


def test_code_has_no_elements_for_what_has_the_colour_of_all_code():
    start = '<div class="highlight-python notranslate"><div class="highlight"><pre><span></span>'
    code = '<span class="n">x</span> <span class="o">=</span><span class="p">(</span></pre>'
    other = '<div class="highlight-text"><div class="highlight"><pre><span class="n">y</span></pre>'
    found = pages.thinned(start + code + other)
    assert found == f'{start}x <span class="o">=</span>(</pre>{other}' == pages.thinned(found)


def test_scripts_wait_and_the_theme_is_known_before_the_page_is_styled():
    page = '<link rel="preload" as="script" href="x"><script src="_static/documentation_options.js?v=1"></script>'
    page += (
        '<script src="_static/doctools.js"></script><script>x = 1</script><script defer src="_static/y.js"></script>'
    )
    found = pages.unblocked(f"<script>{pages.THEME}</script>{page}", "const A = 1;")
    assert found == (
        f'<script>{pages.KNOWN}</script><script>const A = 1;</script><script defer src="_static/doctools.js"></script>'
        '<script>x = 1</script><script defer src="_static/y.js"></script>'
    )
    layout = importlib.resources.files("pydata_sphinx_theme") / "theme/pydata_sphinx_theme/layout.html"
    assert layout.read_text("utf8").replace("{{ default_mode }}", "auto").count(pages.THEME) == 1


def test_the_scripts_of_the_theme_lay_out_no_page_before_it_is_shown():
    """No header, banner, sidebar or code is measured at the start; a tooltip is made when it is needed."""
    folder = importlib.resources.files("pydata_sphinx_theme") / "theme/pydata_sphinx_theme/static/scripts"
    theme = (folder / "pydata-sphinx-theme.js").read_text("utf8")
    assert len(pages.ASKS_ALL.findall(theme)) == 1 == len(pages.SIDEBAR.findall(theme))
    found = pages.quicker(theme)
    assert ",requestAnimationFrame((function(){if(!" in found and not pages.ASKS_ALL.search(found)
    assert theme.count(f"{pages.BANNER})return") == 1 == found.count(f"{pages.EMPTY})return")
    assert pages.quicker(found) == found
    bootstrap = (folder / "bootstrap.js").read_text("utf8")
    assert len(pages.TOOLTIPS.findall(bootstrap)) == 1 == bootstrap.count(pages.HEADER)
    found = pages.quicker(bootstrap)
    assert "getOrCreateInstance(t,{delay:{show:500,hide:100}})" in found and "e={bottom:0}" in found
    assert not pages.TOOLTIPS.search(found) and pages.quicker(found) == found


def test_a_drawing_above_the_first_section_is_fetched_at_once_and_no_other():
    doctree, env = object(), types.SimpleNamespace(images={})
    app = types.SimpleNamespace(srcdir=".", env=env)
    for before, wanted in (("", ["eager", "lazy"]), ('<div class="cell_output">', ["lazy", "lazy"])):
        context = {"body": f'<h1>T</h1>{before}<img src="a.png" /><h2>S</h2><img src="b.png" />'}
        pages.pictures(app, "page", "page.html", context, doctree)
        assert re.findall(r'loading="(\w+)"', context["body"]) == wanted
