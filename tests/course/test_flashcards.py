"""The self-checks as cards: every lesson's five questions, one line each, that Anki's importer reads."""

import json

import pytest

from lessons_lib.__main__ import main
from lessons_lib.course.course_map import NOTEBOOKS
from lessons_lib.course.flashcards import HEADER, Flashcard, as_html, flashcards

LESSONS = [path.name[:2] for path in sorted(NOTEBOOKS.glob("*.ipynb")) if path.name[:2] != "00"]


def test_every_lesson_gives_five_questions_with_answers():
    cards = flashcards()
    assert [(card.lesson, card.number) for card in cards] == [(one, n) for one in LESSONS for n in range(1, 6)]
    for card in cards:
        assert card.question.endswith(("?", ".", ":")) and card.answer and "<" not in card.question, card
        assert not card.question[0].isdigit() or not card.question.startswith(f"{card.number}. ")


def test_the_command_writes_one_line_a_card_below_the_headers(capsys):
    assert main(["cards"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert tuple(lines[: len(HEADER)]) == HEADER and len(lines) == len(HEADER) + 5 * len(LESSONS)
    rows = [line.split("\t") for line in lines[len(HEADER) :]]
    assert {len(row) for row in rows} == {4}
    assert len({row[3] for row in rows}) == len({row[0] for row in rows}) == len(rows)
    first = dict(zip(("front", "back", "tags", "key"), rows[5], strict=True))
    assert "02 · Convolution arithmetic</div>A 7 × 7 kernel with stride 2" in first["front"]
    assert first["tags"] == "lesson-02" and first["key"] == "strides-to-masks-02-1" and "= 112" in first["back"]


def test_both_ways_to_write_a_self_check(tmp_path):
    text = (
        "## Recap\n\n<details><summary>1. No question</summary>of the self-check</details>\n\n## Self-check\n\n"
        "1. Above the fold?\n\n<details><summary>Answer</summary>Yes.</details>\n\n"
        "<details><summary>2. In its summary?</summary>\n\nYes,\nand long.\n\nVery.\n</details>\n\n### More\n"
    )
    notebook = {"cells": [{"cell_type": "markdown", "source": text.splitlines(keepends=True)}]}
    (tmp_path / "02_lesson.ipynb").write_text(json.dumps(notebook), "utf-8")
    assert flashcards(tmp_path) == [
        Flashcard("02", 1, "Above the fold?", "Yes."),
        Flashcard("02", 2, "In its summary?", "Yes,\nand long.\n\nVery."),
    ]
    assert flashcards(tmp_path)[1].row().split("\t")[1] == "Yes, and long.<br><br>Very."


@pytest.mark.parametrize(
    ("markdown", "page"),
    [
        ("1 < 2 & 3", "1 &lt; 2 &amp; 3"),
        ('"quoted"', "&quot;quoted&quot;"),
        ("**bold** and *slanted*, 2 * 3 * 4", "<b>bold</b> and <i>slanted</i>, 2 * 3 * 4"),
        ("`a * b < c`", "<code>a * b &lt; c</code>"),
        (r"$x_1 < *y*$ and $\lambda$", r"\(x_1 &lt; *y*\) and \(\lambda\)"),
        ("[a paper](https://arxiv.org/abs/1)", '<a href="https://arxiv.org/abs/1">a paper</a>'),
        ("one\ttab\n\ntwo\nlines", "one tab<br><br>two lines"),
    ],
)
def test_the_markdown_that_a_self_check_uses(markdown, page):
    assert as_html(markdown) == page
