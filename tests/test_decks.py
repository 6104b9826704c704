"""The decks that were built: few words on a slide, no slide begins within a sentence, the lecture plan in the notes.

They are read in book/_build, which `make test` builds first; test_site.py looks at them in a browser.
"""

import re
from itertools import pairwise

import pytest
import speaker
from bs4 import BeautifulSoup
from conftest import BOOK, COURSE

SITE = BOOK / "_build" / "html"
PLAN = (BOOK / "lecture_plan.md").read_text("utf8")
CHAPTERS = re.findall(r'href="([\w-]+)\.slides\.html"', PLAN)
SECTIONS = dict(zip(CHAPTERS, re.split(r"^\(sec:lecture-plan-[\w-]+\)=$", PLAN, flags=re.M)[1:], strict=True))
ROW = re.compile(r"^\| (\d+) – (\d+) \| (.*) \|$", re.M)
# A word that goes on from something before it.
GOES_ON = re.compile(r"(?:and|but|or|so|hence|then|thus|therefore|it|they|both|also|too|such|that is)\b", re.I)

every_chapter = pytest.mark.parametrize("chapter", [chapter for chapter in CHAPTERS if chapter in COURSE])


@pytest.fixture
def slides(chapter):
    deck = BeautifulSoup((SITE / f"{chapter}.slides.html").read_text("utf8"), "html.parser")
    return deck.select(".slides > section")


def name(number, slide):
    return f"slide {number}, {slide.select_one('h1, h2').get_text()}"


@every_chapter
def test_a_slide_has_at_most_forty_words(slides):
    """Beside its title, formulas, numbers and tables; the rest of what the page says is in its notes."""
    counts = {name(k, s): speaker.words(*s.find_all(recursive=False)) for k, s in enumerate(slides, 1)}
    assert {where: count for where, count in counts.items() if count > speaker.MOST} == {}


@every_chapter
def test_no_slide_begins_within_a_sentence(slides):
    wrong = []
    for number, slide in enumerate(slides[1:], 2):
        for paragraph in slide.select("p[data-first]"):
            text = paragraph.get_text().strip()
            if text[:1].islower() or GOES_ON.match(text):
                wrong.append(f"{name(number, slide)}: {text[:60]}")
    assert wrong == []


def shown(deck, labels=None):
    """The numbers of the formulas, figures and theorems of a deck; on a page, those of these labels."""
    places = [deck] if labels is None else [deck.find(id=re.compile(rf"^(equation-)?{label}$")) for label in labels]
    marks = [mark for place in places if place for mark in place.select(".eqno, .caption-number, .proof-title")]
    return {found[0] for mark in marks if (found := re.search(r"[0-9A-Z]+\.\d+", mark.get_text()))}


@every_chapter
def test_a_reference_on_a_slide_leads_to_something_on_the_deck(chapter, slides):
    """Those to other chapters do not: their sentences have to be understood without them."""
    known = set().union(*map(shown, slides))
    wrong = [
        f"{name(number, slide)}: {link.get_text()}"
        for number, slide in enumerate(slides, 1)
        for link in slide.select(f'a[href^="{chapter}.html#"]:not(aside a)')
        if (found := re.search(r"[0-9A-Z]+\.\d+$", link.get_text().strip(" ()"))) and found[0] not in known
    ]
    assert wrong == []


@every_chapter
def test_the_deck_has_what_the_plan_shows(chapter, slides):
    """But for what the plan calls "on the page", and for what stands in another chapter."""
    page = BeautifulSoup((SITE / f"{chapter}.html").read_text("utf8"), "html.parser").select_one("article")
    known = set().union(*map(shown, slides))
    wrong = {}
    for begin, end, row in ROW.findall(SECTIONS[chapter]):
        show = row.split(" | ")[0].split("on the page")[0]
        labels = [label.replace(":", "-") for label in re.findall(r"\{[\w:]+\}`((?:def|eq|fig|thm):[\w-]+)`", show)]
        if missing := shown(page, labels) - known:
            wrong[f"minutes {begin} – {end}"] = missing
    assert wrong == {}


@every_chapter
def test_each_row_of_the_plan_stands_in_the_notes_once(chapter, slides):
    notes = [s.select_one("aside.notes") for s in slides]
    said = " ".join(n.get_text() for n in notes if n)
    rows = ROW.findall(SECTIONS[chapter])
    assert len(rows) > 8
    for begin, end, _ in rows:
        expected = sum((begin, end) == row[:2] for row in rows)
        assert said.count(f"minutes {begin} – {end}. ") == expected, f"{begin} – {end}"
    for number, question in re.findall(r"^(\d+)\. \*([^*$`'0-9]*)", SECTIONS[chapter], re.M):
        assert f"Question {number}: {question.strip()}" in said, f"question {number} is asked in no row"
    assert said.startswith("Before.") and "If time runs out: " in said
    assert sum("minutes" in n.get_text() for n in notes if n) >= len(slides) / 2


@every_chapter
def test_a_slide_has_a_minute_at_least(chapter, slides):
    """Of each row of the plan: the slides that belong to it, against its minutes."""
    notes = [s.select_one("aside.notes") for s in slides]
    for begin, end, show in ROW.findall(SECTIONS[chapter]):
        shown = sum(f"minutes {begin} – {end}" in n.get_text() for n in notes if n)
        assert shown <= int(end) - int(begin) + 1, f"{shown} slides in the minutes {begin} to {end}: {show}"


@every_chapter
def test_the_plan_is_twice_forty_five_minutes_and_complete(chapter):
    halves = re.split(r"^### ", SECTIONS[chapter], flags=re.M)
    timed = [[tuple(map(int, row[:2])) for row in ROW.findall(half)] for half in halves[1:3]]
    for rows in timed:
        assert rows[0][0] == 0 and rows[-1][1] == 45
        assert all(one[1] == two[0] for one, two in pairwise(rows))
    section = SECTIONS[chapter]
    questions = re.findall(r"^\d+\. \*.*", section, re.M)
    assert 8 <= len(questions) <= 11, f"{len(questions)} questions"
    assert all("Expected: " in question for question in questions)
    assert (
        re.search(r"[Bb]lackboard", section)
        and re.search(r"\*[Rr]un live", section)
        and "### If time runs out" in section
    )
    wrong = re.compile(r"[Ww]rong|[Mm]any |[Nn]early everybody|[Ff]requent|most people|guess")
    assert sum(bool(wrong.search(question)) for question in questions) >= len(questions) - 2, "the usual wrong answers"
