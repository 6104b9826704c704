"""The quizzes: their banks, what a page, a notebook and a deck have of them, and the file for learning platforms."""

import json
import re

import pytest
import quizzes
from bs4 import BeautifulSoup
from conftest import BOOK

BANKS = sorted((BOOK / "quizzes").glob("*.yml"))
LABELS = set(re.findall(r"\b((?:eq|def|thm):[\w-]+)\)?$", "\n".join(p.read_text() for p in BOOK.glob("*.md")), re.M))

every_bank = pytest.mark.parametrize("path", BANKS, ids=lambda path: path.stem)


def parsed(text):
    """What a learning platform reads in a GIFT file: the questions as `quizzes.gift` takes them."""
    mark = {f"\\{c}": chr(0xE000 + k) for k, c in enumerate("\\~=#{}:")}
    text = re.sub(r"\\[\\~=#{}:]", lambda found: mark[found[0]], text)  # what is escaped is out of the way
    back = str.maketrans({chr(0xE000 + k): c for k, c in enumerate("\\~=#{}:")})
    found = []
    for part in text.strip().split("\n\n"):
        if part.startswith(("//", "$CATEGORY: ")):
            continue
        question, answers = re.fullmatch(r"::[^:]+::\[html\]([^{}=~#]+) \{\n(.*)\n\}", part, re.S).groups()
        answers = [re.fullmatch(r"\t([=~])([^=~#{}]+)#([^=~#{}]+)", line).groups() for line in answers.split("\n")]
        read = [(words.translate(back), why.translate(back), kind == "=") for kind, words, why in answers]
        found.append((question.translate(back), read))
    return found


def test_each_bank_has_a_chapter_that_asks_it_before_the_exercises():
    """A chapter of one's own need not have a quiz."""
    texts = {path.stem: path.read_text("utf8") for path in BOOK.glob("*.md")}
    asked = {name for name, text in texts.items() if "```{quiz}" in text}
    assert asked == {path.stem for path in BANKS}
    for name in asked:
        assert re.findall(r"^```\{quiz\}\n```\n\n(.*)$", texts[name], re.M) == ["## Exercises"], name


@every_bank
def test_a_bank_has_five_questions_and_each_wrong_answer_is_explained(path):
    questions = quizzes.bank(path)
    assert len(questions) == 5 and len({text for text, _ in questions}) == 5
    for text, answers in questions:
        assert text.endswith("?")
        assert len(answers) in (3, 4) and [right for *_, right in answers].count(True) == 1
        assert len({words for words, *_ in answers}) == len({why for _, why, _ in answers}) == len(answers)
        assert all(why.endswith(".") and (right or len(why.split()) > 4) for _, why, right in answers), text
    places = [[right for *_, right in answers].index(True) for _, answers in questions]
    assert len(set(places)) > 1, "the right answer stands not always at the same place"


@every_bank
def test_the_labels_of_a_bank_exist(path):
    assert set(re.findall(r"\{eq\}`([^`]+)`", path.read_text("utf8"))) <= LABELS


@every_bank
def test_a_bank_as_gift_parses_back(path):
    questions = quizzes.bank(path)
    assert parsed(quizzes.gift("A title", questions)) == questions


def test_what_gift_gives_a_meaning_to_is_escaped():
    nasty = r'<a href="x.html#y">\(a = \{b\}: c\)</a> ~ \n'
    questions = [(nasty, [(nasty + " 1", nasty, True), (r"\\", "two\nlines", False), ("::", "{}", False)])]
    text = quizzes.gift("Energy: models", questions)
    assert text.startswith("// Energy: models\n\n$CATEGORY: Energy: models\n\n::Energy\\: models 1::[html]<a href\\=")
    questions[0][1][1] = (r"\\", "two lines", False)
    assert parsed(text.replace("::Energy\\: models 1::", "::1::")) == questions


@pytest.mark.parametrize(
    ("bank", "words"),
    [
        ("- question: One?\n", "question 1: it has a question and answers"),
        ("- {question: 'One?', answers: [{right: a, why: b}, {wrong: c}, {wrong: d, why: e}]}\n", "and says why"),
        ("- {question: 'One?', answers: [{right: a, why: b}, {wrong: c, why: d}]}\n", "three or four answers"),
        (
            "- {question: 'One?', answers: [{right: a, why: b}, {right: c, why: d}, {wrong: e, why: f}]}\n",
            "one of them is right",
        ),
    ],
)
def test_a_bank_with_a_fault_is_refused(tmp_path, bank, words):
    path = tmp_path / "bank.yml"
    path.write_text(bank, "utf8")
    with pytest.raises(ValueError, match=words):
        quizzes.bank(path)


BANK = """
- question: What is $a = b$, by {eq}`def:a`?
  answers:
    - {wrong: 'It is *this*.', why: 'That is a `frequent` mistake.'}
    - {right: 'It is that.', why: 'Because $\\mathbf{x} < 1$: see {eq}`def:a`.'}
    - {wrong: 'Neither.', why: 'One of them it must be.'}
"""


def test_page_notebook_deck_and_file(small_book):
    (small_book.book / "quizzes").mkdir()
    small_book.write("quizzes/first.yml", BANK)
    body = (
        "```{math}\n:label: def:a\n:class: slide\na = b\n```\n\n```{code-cell} ipython3\n1 + 1\n```\n\n```{quiz}\n```\n"
    )
    small_book.chapter("first", body)
    result = small_book.build("--strict")
    assert result.returncode == 0, result.stdout + result.stderr
    page = BeautifulSoup(small_book.page("first"), "html.parser")
    fieldset = page.select_one("section.quiz fieldset")
    assert fieldset.legend.get_text().startswith("1. What is") and "(1)" in fieldset.legend.get_text()
    assert fieldset.legend.select_one("a[href='#equation-def-a'], a[href='first.html#equation-def-a']")
    inputs = fieldset.select("label > input[type=radio]")
    assert len(inputs) == 3 and {i["name"] for i in inputs} == {"quiz-1"}
    whys = fieldset.select(".quiz-answer > [aria-live=polite] > p.quiz-why")
    assert [w.get_text().split()[0] for w in whys] == ["No.", "Right.", "No."]
    link = page.select_one(".quiz-bank a")["href"]
    text = (small_book.book / "_build" / "html" / link).read_text("utf8")
    (question, answers), *rest = parsed(text)
    assert rest == [] and question.startswith(r"What is \(a = b\), by <a href=") and ">(1)</a>?" in question
    assert "/first.html#equation-def-a" in question
    assert answers[0] == ("It is <em>this</em>.", "That is a <code>frequent</code> mistake.", False)
    assert answers[1][1].startswith(r"Because \(\mathbf{x} &lt; 1\): see <a") and answers[1][2]
    assert "quiz" not in (small_book.book / "_build" / "html" / "first.slides.html").read_text("utf8")
    assert small_book.build("--notebooks", "--strict").returncode == 0
    cells = json.loads((small_book.book / "_build" / "notebooks" / "first.ipynb").read_text("utf8"))["cells"]
    words = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    assert "   - (b) It is that." in words and "1. What is $a = b$, by " in words and "first.html#quiz" in words
    assert "Because" not in words and "mistake" not in words
