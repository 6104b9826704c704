"""The formulas that are set when the book is built."""

import re

import mathematics
import pytest
from conftest import claim
from mathematics import Typesetter, element, tex

CHAIN = r"p(\mathbf{h}) = \sum_x p(x, h) = \frac{a + b}{c} + (d + e)"
DERIVATION = r"\begin{aligned} \log Z &= a + b && \text{(by parts, twice)} \\ &= c \end{aligned}"


@pytest.fixture(scope="module")
def setter(tmp_path_factory):
    return Typesetter(tmp_path_factory.mktemp("formulas") / "kept.db")


def test_a_formula_is_set_once_and_kept(setter, tmp_path, monkeypatch):
    kept = tmp_path / "kept.db"
    first = Typesetter(kept).set([(CHAIN, True), ("x_1", False)])
    monkeypatch.setattr(Typesetter, "run", lambda *_: pytest.fail("it is set again"))
    again = Typesetter(kept)
    assert again.set([("x_1", False), (CHAIN, True)]) == {f: first[f] for f in [("x_1", False), (CHAIN, True)]}
    assert "@font-face" in again.style and "mjx-c1D465" in again.style


def test_it_is_what_mathjax_makes_with_mathml_beside_it(setter):
    html = element(setter.set([("x_1", False)])["x_1", False], False)
    assert html.startswith('<mjx-container class="MathJax" jax="CHTML">')
    assert re.search("<mjx-assistive-mml.*<msub><mi>x</mi><mn>1</mn></msub>", html)


def test_a_chain_breaks_before_relations_and_signs_but_not_in_brackets_or_fractions(setter):
    answer = setter.set([(CHAIN, True)])[CHAIN, True]
    assert answer["html"].count("<mjx-part>") == 4  # p(h) | = sum | = fraction | + (d + e)
    assert 1.2 < answer["narrow"] < answer["width"]
    assert "--width: " in element(answer, True)


def test_a_formula_after_a_quad_can_break_too(setter):
    html = setter.set([(r"a = b + c , \qquad d = e", True)])[r"a = b + c , \qquad d = e", True]["html"]
    assert html.count('<mjx-part class=" breaks">') == 2 and html.count("<mjx-part>") == 5


def test_the_reasons_of_a_derivation_have_their_column(setter):
    answer = setter.set([(DERIVATION, True)])[DERIVATION, True]
    assert 'class=" reasons"' in answer["html"] and answer["narrow"] < 0.7 * answer["width"]
    lines = r"\begin{aligned} a &= b \\ &= c \end{aligned}"
    assert 'class=" lines"' in setter.set([(lines, True)])[lines, True]["html"]
    matrix = r"A = \begin{pmatrix} 1 & 2 & 3 \\ 4 & 5 & 6 \end{pmatrix}"
    assert "reasons" not in setter.set([(matrix, True)])[matrix, True]["html"]


def test_sphinx_writes_formulas_as_they_are_looked_for():
    page = (
        '<span class="math notranslate nohighlight">\\(a &lt; b\\)</span> and '
        '<div class="slide math notranslate nohighlight" id="equation-eq-a">\n'
        '<span class="eqno">(1)<a class="headerlink" href="#a">#</a></span>\\[x = y\\]</div>'
    )
    assert [tex(found) for found in mathematics.WRITTEN.finditer(page)] == [("a < b", False), ("x = y", True)]


def test_a_page_shows_its_formulas_without_mathjax_and_a_wrong_one_is_named(small_book):
    small_book.chapter("first", claim("sum", prefix="def") + "\nWhere $x_1 < 2$, and $\\nosuchmacro{x}$.\n")
    built = small_book.build()
    page = small_book.page("first")
    assert (
        page.count("<mjx-container") == 3
        and "window.MathJax" not in page
        and "mathjax/tex" not in page
        and r"\(" not in page
    )
    assert r"first.html: MathJax does not understand \nosuchmacro" in built.stderr
    strict = small_book.build("--strict")  # nothing is written again
    assert strict.returncode != 0 and "nosuchmacro" in strict.stderr


def test_without_node_the_reason_is_said(monkeypatch):
    monkeypatch.setattr(mathematics, "find_spec", lambda name: None)
    monkeypatch.setattr(mathematics.shutil, "which", lambda name: None)
    with pytest.raises(mathematics.NoNode, match=r"pip install -r requirements\.txt"):
        mathematics.node()
