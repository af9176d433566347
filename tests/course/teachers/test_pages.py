"""The page of a student: complete in itself, everything from the submission escaped or without rights."""

from html.parser import HTMLParser

import pytest

from lessons_lib.course.teachers.pages import page, student_of, write_pages
from lessons_lib.course.teachers.submissions import Submission

CARD = '<div style="border-left:5px solid #1d9a6c">a card</div>'


def handed_in(notebook, **words):
    return Submission(notebook, passed={"02.1": True, "02.99": False}, **words)


@pytest.mark.parametrize(
    ("notebook", "student"), [("ada.ipynb", "ada"), ("ada/02.ipynb", "ada"), ("ada/deep/02.ipynb", "ada")]
)
def test_whose_a_notebook_is(notebook, student):
    assert student_of(notebook) == student


def test_one_page_for_each_student(tmp_path):
    names = ("ada/02.ipynb", "ada/03.ipynb", "bo.ipynb")
    paths = write_pages([handed_in(name) for name in names], tmp_path / "new" / "cards")
    assert [path.name for path in paths] == ["ada.html", "bo.html"]
    text = paths[0].read_text("utf-8")
    assert "2 of 4 exercises passed" in text and text.index("ada/02.ipynb") < text.index("ada/03.ipynb")


def test_an_exercise_has_its_card_its_calls_and_its_answer():
    made = handed_in("a.ipynb", cards={"02.1": CARD}, sources={"02.1": "1 < 2"}, calls={"02.1": ["torch.nn.Fold"]})
    text = page("a", [made])
    assert CARD in text and "<b>The answer calls</b> <code>torch.nn.Fold</code>." in text
    assert "<pre>1 &lt; 2</pre>" in text and "02.1 Output size: passed" in text
    assert text.count("No card:") == 1 and "02.99 : not yet" in text  # of an exercise that is no more
    assert text.count("The answer calls") == 1


def test_a_problem_is_said():
    assert "could not be run to its end: timed out." in page("a", [handed_in("a.ipynb", problem="timed out")])
    assert "not a notebook" in page("a", [Submission("a.ipynb", "not a notebook")])


def test_what_a_submission_says_is_escaped_and_its_cards_have_no_rights():
    evil = "<script>alert(1)</script>"
    made = Submission(f"{evil}.ipynb", evil, {"00.1": False}, {"00.1": evil}, {"00.1": evil}, {"00.1": [evil]})
    text = page(evil, [made])
    assert text.count(evil) == 1  # only the card, which is HTML, and which the policy of the page forbids to run
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"
    assert text.index(f'http-equiv="Content-Security-Policy" content="{policy}"') < text.index(evil)


def test_the_page_is_well_formed():
    class Open(HTMLParser):
        def handle_starttag(self, tag, attributes):
            opened.extend([] if tag in ("meta", "img", "br") else [tag])

        def handle_endtag(self, tag):
            assert opened.pop() == tag

    opened = []
    Open().feed(page("a", [handed_in("a.ipynb", cards={"02.1": CARD}, calls={"02.1": ["torch.nn.Fold"]})]))
    assert opened == []
