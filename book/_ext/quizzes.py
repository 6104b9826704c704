"""The quiz of a chapter: five questions that the page answers at once, without a network and without a program.

    ```{quiz}
    ```

stands before the exercises and takes the bank `quizzes/CHAPTER.yml`: a list of questions, each with its answers in the
order in which they are shown, one `right` and two or three `wrong`, and `why` for each, in the Markdown of the pages:

    - question: How many terms does the sum have?
      answers:
        - {wrong: 'Two.', why: 'Each unit has two values, but there are many units.'}
        - {right: '$2^M$.', why: 'Each further unit doubles the number of configurations.'}
        - {wrong: '$M^2$.', why: 'That is the number of pairs.'}

The style sheet shows the explanation of the answer that is chosen, inside an element that screen readers watch. Paper
and notebooks have the questions without the explanations, and a deck does not have the quiz. The same bank is written
for learning platforms in the GIFT format (https://docs.moodle.org/en/GIFT_format) to `_static/quizzes/`, with the
numbers that equations and figures have in this build.
"""

import html
import re
from pathlib import Path

import address
import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

STATIC = "_static/quizzes"
VERDICTS = {True: "Right.", False: "No."}
TITLE = "Check yourself"


def bank(path):
    """The questions of a bank: pairs of a question and its answers, these triples (text, why, whether it is right)."""
    found = []
    for number, item in enumerate(yaml.safe_load(Path(path).read_text("utf8")), 1):
        if not isinstance(item, dict) or set(item) != {"question", "answers"}:
            raise ValueError(f"{path}, question {number}: it has a question and answers, and nothing else")
        answers = []
        for answer in item["answers"]:
            kind = set(answer) - {"why"}
            if kind not in ({"right"}, {"wrong"}) or not str(answer.get("why", "")).strip():
                raise ValueError(f"{path}, question {number}: an answer is right or wrong, and says why")
            word = kind.pop()
            answers.append((str(answer[word]).strip(), str(answer["why"]).strip(), word == "right"))
        rights = [right for _, _, right in answers]
        if rights.count(True) != 1 or len(rights) not in (3, 4):
            raise ValueError(f"{path}, question {number}: it has three or four answers, and one of them is right")
        found.append((str(item["question"]).strip(), answers))
    return found


# --- the page --------------------------------------------------------------------------------------------------------


class quiz(nodes.General, nodes.Element):
    """A title and questions."""


class quiz_question(nodes.General, nodes.Element):
    """A legend and answers."""


class quiz_legend(nodes.General, nodes.TextElement):
    """The question."""


class quiz_answer(nodes.General, nodes.Element):
    """A text and why it is right or wrong."""


class quiz_text(nodes.General, nodes.TextElement):
    """What can be chosen."""


class quiz_why(nodes.General, nodes.TextElement):
    """The explanation; `right` is the verdict."""


class QuizDirective(SphinxDirective):
    def run(self):
        path = Path(self.env.srcdir, "quizzes", f"{self.env.docname}.yml")
        if not path.exists():
            raise self.error(f"there is no bank quizzes/{self.env.docname}.yml")
        self.env.note_dependency(str(path))
        try:
            questions = bank(path)
        except (ValueError, yaml.YAMLError) as error:
            raise self.error(str(error)) from error
        title = nodes.rubric("", TITLE, ids=["quiz-title"])
        title["heading-level"] = 3
        node = quiz("", title, ids=["quiz"])
        for number, (text, answers) in enumerate(questions, 1):
            question = quiz_question("", self.said(quiz_legend, text, path), number=number)
            for words, why, right in answers:
                explained = self.said(quiz_why, why, path, right=right)
                question += quiz_answer("", self.said(quiz_text, words, path), explained)
            node += question
        return [node]

    def said(self, kind, words, path, **attributes):
        """One paragraph in the Markdown of the page, as an element of that kind."""
        container = nodes.container()
        self.state.nested_parse(StringList(words.splitlines(), str(path)), 0, container)
        if len(container) != 1 or not isinstance(container[0], nodes.paragraph):
            raise self.error(f"{path}: {words[:40]!r} is not one paragraph")
        return kind("", "", *container[0].children, **attributes)


def visit_quiz(self, node):
    self.body.append('<section class="quiz" id="quiz" aria-labelledby="quiz-title">\n')


def depart_quiz(self, node):
    root = "../" * self.builder.current_docname.count("/")
    self.body.append(
        f'<p class="quiz-bank"><a href="{root}{STATIC}/{self.builder.current_docname}.gift.txt" download>'
        "These questions for a learning platform</a> (GIFT)</p>\n</section>\n"
    )


def visit_question(self, node):
    self.body.append("<fieldset>\n")


def depart_question(self, node):
    self.body.append("</fieldset>\n")


def visit_legend(self, node):
    self.body.append(f'<legend><span class="quiz-number">{node.parent["number"]}.</span> ')


def depart_legend(self, node):
    self.body.append("</legend>\n")


def visit_answer(self, node):
    self.body.append('<div class="quiz-answer">')


def depart_answer(self, node):
    self.body.append("</div>\n")


def visit_text(self, node):
    name = f"quiz-{node.parent.parent['number']}"
    self.body.append(f'<label><input type="radio" name="{name}" autocomplete="off"> <span>')


def depart_text(self, node):
    self.body.append("</span></label>")


def visit_why(self, node):
    kind = "right" if node["right"] else "wrong"
    self.body.append(
        f'<div aria-live="polite"><p class="quiz-why quiz-{kind}"><strong>{VERDICTS[node["right"]]}</strong> '
    )


def depart_why(self, node):
    self.body.append("</p></div>")


# --- the file for learning platforms ---------------------------------------------------------------------------------


def gift(title, questions):
    """A bank as GIFT: `questions` as of `bank`, each text of it in HTML."""
    parts = [f"// {title}", f"$CATEGORY: {category(title)}"]
    for number, (text, answers) in enumerate(questions, 1):
        lines = [f"::{escaped(title)} {number}::[html]{escaped(text)} {{"]
        lines += [f"\t{'=' if right else '~'}{escaped(words)}#{escaped(why)}" for words, why, right in answers]
        parts.append("\n".join([*lines, "}"]))
    return "\n\n".join(parts) + "\n"


def category(title):
    """The name of the folder of questions: a slash would begin a folder in it."""
    return title.replace("/", "//")


def escaped(text):
    """GIFT gives a meaning to ~ = # { } and :, and a line break inside a text would end it."""
    return re.sub(r"([\\~=#{}:])", r"\\\1", " ".join(text.split()))


def html_of(node, base, page):
    """The inline HTML of an element, with mathematics between \\( and \\), which platforms set."""
    if isinstance(node, nodes.Text):
        return html.escape(str(node), quote=False)
    if isinstance(node, nodes.math):
        return rf"\({html.escape(node.astext(), quote=False)}\)"
    inner = "".join(html_of(child, base, page) for child in node.children)
    match node:
        case nodes.emphasis():
            return f"<em>{inner}</em>"
        case nodes.strong():
            return f"<strong>{inner}</strong>"
        case nodes.literal():
            return f"<code>{inner}</code>"
        case nodes.reference() if node.get("refuri") or node.get("refid"):
            url = node.get("refuri") or f"#{node['refid']}"
            url = base + (page + url if url.startswith("#") else url) if "://" not in url else url
            return f'<a href="{html.escape(url)}">{inner}</a>'
    return inner


def export(app, pagename, templatename, context, doctree):
    """Write the bank of a page that has a quiz, with the numbers and links of the page."""
    node = None if doctree is None else next(doctree.findall(quiz), None)
    if node is None:
        return
    base, page = address.published(address.repository()[0]), f"{pagename}.html"
    questions = []
    for question in node.findall(quiz_question):
        legend, *answers = ([html_of(c, base, page) for c in n] for n in [[question[0]], *question[1:]])
        rights = (answer[1]["right"] for answer in question[1:])
        questions.append((legend[0], [(*a, right) for a, right in zip(answers, rights, strict=True)]))
    path = Path(app.outdir, STATIC, f"{pagename}.gift.txt")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(gift(doctree.next_node(nodes.title).astext(), questions), "utf8")


def setup(app):
    for kind, visit, depart in (
        (quiz, visit_quiz, depart_quiz),
        (quiz_question, visit_question, depart_question),
        (quiz_legend, visit_legend, depart_legend),
        (quiz_answer, visit_answer, depart_answer),
        (quiz_text, visit_text, depart_text),
        (quiz_why, visit_why, depart_why),
    ):
        app.add_node(kind, html=(visit, depart))
    app.add_directive("quiz", QuizDirective)
    app.connect("html-page-context", export)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
