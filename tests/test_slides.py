"""What a slide shows of its page, and what its notes say: on small pieces of pages, and on a small book."""

import pytest
import slides
import speaker
from bs4 import BeautifulSoup


def html(text):
    return BeautifulSoup(text, "html.parser")


def divided(text):
    return ["".join(map(str, s)).strip() for s in speaker.sentences(html(f"<p>{text}</p>").p)]


@pytest.mark.parametrize(
    "text, parts",
    [
        ("One. Two? Three!", ["One.", "Two?", "Three!"]),
        ('A <span class="math">x. y</span> b. C', ['A <span class="math">x. y</span> b.', "C"]),
        ('It ends. <span class="math">x</span> is large.', ["It ends.", '<span class="math">x</span> is large.']),
        ("<strong>A claim.</strong> Its reason.", ["<strong>A claim.</strong>", "Its reason."]),
        ("One (in brackets. Two of them.) Three. Four", ["One (in brackets. Two of them.) Three.", "Four"]),
        ("One. (In brackets. Two of them.) Three.", ["One.", "(In brackets. Two of them.) Three."]),
        ("Some, e.g. Ising and i.e. Potts, at 2.27 J.", ["Some, e.g. Ising and i.e. Potts, at 2.27 J."]),
        ("It follows that", ["It follows that"]),
        ('A <span class="nowrap">(x).</span> Then B.', ['A <span class="nowrap">(x).</span>', "Then B."]),
    ],
)
def test_sentences(text, parts):
    assert divided(text) == parts


def test_words_are_counted_without_titles_formulas_numbers_and_tables():
    block = html(
        '<div><h2>A title</h2><p>Two words <span class="math">a b c</span> (2.3) 10 000 and three.</p>'
        "<table><tr><td>no</td></tr></table><pre>no</pre><p class='verify'>no</p></div>"
    ).div
    assert speaker.words(block) == 4


def test_the_first_sentence_stays_and_others_while_there_is_room():
    long = "One " + "word " * 24 + "here. "
    slide = [html(f"<h2>T</h2><p>{long}Short one. {long}Short two.</p>").p]
    rest = speaker.shorten(slide)
    assert slide[0].get_text().endswith("here. Short one.") and rest == (long + "Short two.").strip()
    figure = html(
        f'<div><figure><figcaption><p><span class="caption-text">{long}{long}</span></p></figcaption></figure></div>'
    )
    assert speaker.shorten([figure.div]) == long.strip() and figure.get_text().strip() == long.strip()
    items = html(f"<ul><li>{long}{long}</li></ul>").ul
    assert speaker.shorten([items]) == "" and speaker.words(items) > speaker.MOST


def test_a_block_may_go_on_the_slide_of_an_earlier_section():
    body = html(
        '<section><h2>One</h2><p class="slide">A.</p></section>'
        '<section><h2>Two</h2><p class="slide same-slide">B.</p><p class="slide">C.</p></section>'
        '<section><h2>Three</h2><p class="slide">D.</p><p class="slide new-slide">E.</p></section>'
    )
    found = [[block.get_text() for block in slide] for slide in slides.collect(body)]
    assert found == [["One", "A.", "B.", "C."], ["Three", "D."], ["Three", "E."]]


def test_a_tall_picture_with_a_slide_to_itself_stands_beside_its_caption():
    picture = '<div class="{}"><figure><img style="width: {}px; height: 400px;"></figure></div>'
    body = html(
        f"<section><h2>One</h2>{picture.format('slide', 500)}{picture.format('slide new-slide', 700)}</section>"
    )
    assert [bool(slide[1].select(".tall")) for slide in slides.collect(body)] == [True, False]


PLAN = """\
# Plan

(sec:one)=
## One, 2 × 45 minutes

**Before.** Open <a href="first.slides.html">the deck</a>, and $a$.

### First half: the beginning

| Minutes | Show | Do |
|:---:|:---|:---|
| 0 – 6 | {eq}`def:a` | Say it. Question 1 *before* the formula |
| 6 – 9 | the board | Go on |
| 9 – 12 | {eq}`def:a`, {eq}`def:b` | Again. Question 2 |

### Questions to ask

1. *Is $a$ small?* Expected: yes.
2. *And $b$?* Expected: no.

### If time runs out

Leave out {eq}`def:b`.
"""


@pytest.mark.timeout(300)
def test_the_plan_stands_in_the_notes_of_the_slide_that_shows_what_it_names(small_book):
    small_book.write("lecture_plan.md", PLAN)
    formula = "```{{math}}\n:label: def:{0}\n:class: slide{1}\n{0} = 1\n```\n"
    body = "{.slide}\nA sentence.\n\n" + formula.format("a", "") + "\n## Another\n\n" + formula.format("b", "")
    body += "\nbetween\n\n{.slide}\nand so it goes on.\n\n## A third\n\n{.slide}\nThe end. " + "Very " * 45 + "late."
    small_book.chapter("first", body + "\n\n```{code-cell} ipython3\n1 + 1\n```\n")
    done = small_book.build()
    assert done.returncode == 0, done.stdout + done.stderr
    deck = html((small_book.book / "_build" / "html" / "first.slides.html").read_text("utf8"))
    sections = deck.select(".slides > section")
    notes = [s.select_one("aside.notes") for s in sections]
    said = [" ".join("".join(f"{p.get_text()} " for p in n.select("p")).split()) if n else None for n in notes]
    assert said[0].startswith("Before. Open the deck, and") and "If time runs out: Leave out (2)" in said[0]
    assert said[1] == (
        "First half: the beginning, minutes 0 – 6. (1). Say it. Question 1 before the formula. "
        r"Question 1: Is \(a\) small? Expected: yes. "
        "First half: the beginning, minutes 6 – 9. the board. Go on. "
        "First half: the beginning, minutes 9 – 12. (1), (2). Again. Question 2. "
        r"Question 2: And \(b\)? Expected: no."
    )
    assert said[2] == "First half: the beginning, minutes 9 – 12, continued."
    assert said[3].startswith("The page goes on: Very Very") and sections[3].p.get_text().strip() == "The end."
    assert [s.select("[data-first]") != [] for s in sections] == [False, True, True, True]
    assert not deck.select("aside a, aside [id]")
