"""The card: what it says, that it never changes, and that it escapes what comes from the learner."""

import html.parser
import sys
from dataclasses import replace

import pytest
import torch

from lessons_lib.course.exercises.engine.card import Card, Note, show
from lessons_lib.course.exercises.engine.checking import Result, check
from lessons_lib.course.exercises.engine.difference import _plane, draw_difference
from lessons_lib.course.exercises.engine.exercise import Exercise

PNG = b"\x89PNG\r\n\x1a\n"


def made():
    doubled = Exercise("99.1", "Twice <x>", lambda x: 2 * x, lambda: [{"x": torch.eye(3)}], ("one", "two"))
    doubled.mistake("This looks like <a square>.")(lambda x: x + x.T + 1)
    return doubled


def card(function, note=""):
    exercise = made()
    return Card(exercise.id, exercise.title, "double", check(exercise, function), note, exercise.hints, "return <2>")


def test_a_passed_card():
    expected = "✓ 99.1 Twice <x>: passed.\nFrom here on double is the library's own version; yours is double.mine."
    assert repr(card(lambda x: x + x)) == expected


def test_a_card_not_attempted():
    def stub(x):
        raise NotImplementedError("your turn")

    text = repr(card(stub))
    assert text.startswith("○ 99.1 Twice <x>: not yet attempted.\nWrite your answer in place of the raise line")
    assert 'hint("99.1") gives a hint.' in text


def test_a_card_not_yet_has_the_call_the_words_and_the_mistake():
    def double(x):
        print("<script>")
        return 2 * x + 1

    lines = repr(card(double)).splitlines()
    assert lines[0] == "✗ 99.1 Twice <x>: not yet."
    assert lines[1] == "This looks like <a square>."
    assert lines[2].startswith("double(x=tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])) has 9 of 9")
    assert lines[3].startswith("  expected: tensor([[2.0, ")
    assert lines[4].startswith("  got: tensor([[3.0, ")
    assert lines[5:] == [
        "  it printed: <script>",
        'hint("99.1") gives the next hint. From here on double is the library\'s own version; yours is double.mine.',
    ]


def test_a_card_unchecked_says_whose_fault_it_is():
    text = repr(Card("99.1", "Title", "f", Result("unchecked", reason="KeyError: 'a'")))
    assert "could not be checked.\nThe fault is the course's, not yours (KeyError: 'a')." in text


class Tags(html.parser.HTMLParser):
    """Collects the open tags, the tags that were used and the text."""

    def __init__(self):
        super().__init__()
        self.open, self.used, self.text = [], set(), ""

    def handle_starttag(self, tag, attrs):
        self.used.add(tag)
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def nasty(x):
    print("<script>alert(1)</script>\"'&")
    raise ValueError("<img src=x onerror=alert(1)>")


@pytest.mark.parametrize("function", [nasty, lambda x: 2 * x, lambda x: x, lambda x: x[:2], lambda x: None])
def test_html_is_whole_and_escaped(function):
    tags = Tags()
    tags.feed(card(function, note="<i>")._repr_html_())
    assert tags.open == []
    assert tags.used <= {"div", "span", "b", "i", "code", "img", "details", "summary", "pre"}
    assert "99.1 Twice <x>: " in tags.text
    if function is nasty:
        assert "<script>alert(1)</script>\"'&" in tags.text
        assert "ValueError: <img src=x onerror=alert(1)>" in tags.text
        assert "img" not in tags.used


def test_a_wrong_tensor_has_a_picture_and_a_passed_one_has_none():
    assert '<img alt="expected, got and difference"' in card(lambda x: x)._repr_html_()
    assert "<img" not in card(lambda x: 2 * x)._repr_html_()
    assert "<img" not in card(lambda x: (2 * x).double())._repr_html_()


def test_hints_lie_in_one_another_and_the_model_answer_behind_the_last():
    text = card(lambda x: x)._repr_html_()
    places = [
        text.index(words) for words in ("Hint 1 of 2", "one</div>", "Hint 2 of 2", "two</div>", "return &lt;2&gt;")
    ]
    assert places == sorted(places)
    assert text[places[0] : places[-1]].count("</details>") == 0, "each opens only inside the one before"


def test_numbers_are_folded_behind_the_picture():
    text = card(lambda x: x)._repr_html_()
    assert text.index("<img") < text.index("The numbers") < text.index("expected: ") < text.index("Hint 1")
    assert "The numbers" not in card(nasty)._repr_html_(), "without a picture the facts are there at once"


def test_a_passed_card_offers_the_model_answer_and_says_what_comes_next():
    passed = card(lambda x: 2 * x)
    assert "A model answer, to compare" in passed._repr_html_() and "Hint" not in passed._repr_html_()
    far = "1 of the lesson's 2 exercises are passed."
    following = replace(passed, progress=far, following=("99.2 <Halves>", "99_l.ipynb#99.2-<Halves>"))
    assert repr(following).endswith(f"\n{far} Next: 99.2 <Halves>.")
    link = 'href="99_l.ipynb#99.2-&lt;Halves&gt;">99.2 &lt;Halves&gt;</a>.</div>'
    assert link in following._repr_html_()
    unwritten = replace(following, following=("99.2 <Halves>", ""))
    assert "Next: 99.2 &lt;Halves&gt;." in unwritten._repr_html_() and "<a " not in unwritten._repr_html_()


def test_an_untouched_card_gives_nothing_away():
    def stub(x):
        raise NotImplementedError

    assert "<details" not in card(stub)._repr_html_()


def test_cards_do_not_change_from_one_run_to_the_next():
    for function in (lambda x: 2 * x, lambda x: x, nasty):
        assert card(function)._repr_html_() == card(function)._repr_html_()


def test_without_ipython_a_card_is_printed(capsys):
    show(Note("two\nlines"))
    assert capsys.readouterr().out == "two\nlines\n"


def test_a_console_without_the_marks_prints_all_the_same(monkeypatch, tmp_path):
    with open(tmp_path / "out", "w", encoding="cp1252") as narrow:
        monkeypatch.setattr(sys, "stdout", narrow)
        show(Note("✓ ok"))
    assert (tmp_path / "out").read_text("cp1252") == "? ok\n"


def test_code_is_markdown_and_words_are_not():
    assert Note("x = 1", is_code=True)._repr_markdown_() == "```python\nx = 1\n```"
    assert Note("x = 1")._repr_markdown_() is None


@pytest.mark.parametrize(
    ("expected", "got", "index"),
    [
        (torch.zeros(3), torch.ones(3), (0,)),
        (torch.zeros(3, 4), torch.eye(4)[:3], (0, 0)),
        (torch.zeros(2, 3, 40, 50), torch.ones(2, 3, 40, 50), (1, 2, 39, 49)),
        (torch.zeros(500, 400), torch.ones(500, 400), (499, 399)),
        (torch.zeros(2, 2).bool(), torch.eye(2).bool(), (0, 0)),
        (torch.tensor([2**62, 0]), torch.tensor([-(2**62), 0]), (0,)),
        (torch.zeros(2, 2), torch.full((2, 2), float("nan")), (0, 0)),
        (torch.full((2,), float("inf")), torch.full((2,), float("nan")), (0,)),
        (torch.full((2,), 1e38), torch.full((2,), -1e38), (0,)),
        (torch.full((2,), 1e308, dtype=torch.float64), torch.full((2,), -1e308, dtype=torch.float64), (0,)),
        (torch.tensor([1j, 1]), torch.tensor([1, 1j]), (0,)),
        (torch.zeros(2, 3), torch.zeros(3, 2), ()),
        (torch.zeros(2, 3, 4), torch.zeros(5), ()),
    ],
)
def test_every_difference_can_be_drawn(expected, got, index):
    assert draw_difference(expected, got, index).startswith(PNG)


def test_the_picture_shows_the_plane_and_the_part_that_hold_the_first_difference():
    tensor = torch.arange(2.0 * 3 * 200 * 50).reshape(2, 3, 200, 50)
    assert torch.equal(_plane(tensor, (1, 2, 150, 49)), tensor[1, 2, 102:198].double())
    assert torch.equal(_plane(tensor, (0, 1, 199, 0)), tensor[0, 1, 104:].double())
    assert torch.equal(_plane(tensor, ()), tensor[0, 0, :96].double())
    assert torch.equal(_plane(tensor[0, 0, 0], (3,)), tensor[0, 0, :1].double())


def test_an_empty_tensor_has_no_picture():
    assert draw_difference(torch.zeros(2, 0), torch.zeros(2, 3), ()) is None
