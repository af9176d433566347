"""The self-checks of all lessons as cards for spaced repetition: a text file that Anki and others import."""

import html
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path

from lessons_lib.course.course_map import LESSONS, NOTEBOOKS

HEADER = ("#separator:tab", "#html:true", "#deck:From Strides to Masks", "#tags column:3", "#guid column:4")
"""Anki's file headers: https://docs.ankiweb.net/importing/text-files.html"""

SECTION = re.compile(r"^#{2,3} Self-check\s*\n(.*?)(?=^#{2,3} |\Z)", re.MULTILINE | re.DOTALL)
FOLDED = re.compile(
    r"(?P<before>.*?)<details>\s*<summary>(?P<summary>.*?)</summary>(?P<answer>.*?)</details>", re.DOTALL
)
NUMBER = re.compile(r"^\s*\d+\.\s+")


@dataclass(frozen=True)
class Flashcard:
    """One question of a lesson's self-check with its answer, both as Markdown."""

    lesson: str
    number: int
    question: str
    answer: str

    def row(self) -> str:
        """Front, back, tags and a key that stays the same when the wording changes, parted by tabs."""
        head = f'<div style="color:gray;font-size:small">{self.lesson} · {html.escape(LESSONS[self.lesson])}</div>'
        fields = (head + as_html(self.question), as_html(self.answer))
        return "\t".join((*fields, f"lesson-{self.lesson}", f"strides-to-masks-{self.lesson}-{self.number}"))


def flashcards(folder: Path = NOTEBOOKS) -> list[Flashcard]:
    """The cards of all lessons in a folder, in order. Raises FileNotFoundError when it holds no lesson."""
    paths = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise FileNotFoundError(f"no lessons in {folder}: the cards are read from the course's repository")
    return [card for path in paths for card in _cards_of(path)]


def write_cards(stream: io.TextIOBase, folder: Path = NOTEBOOKS) -> None:
    """Write the cards of all lessons, one a line below Anki's headers."""
    stream.writelines(f"{line}\n" for line in (*HEADER, *(card.row() for card in flashcards(folder))))


def as_html(markdown: str) -> str:
    """The little Markdown that a self-check uses as one line of HTML, for Anki's MathJax.

    Paragraphs, code, bold, italics and links; $…$ becomes \\(…\\).
    """
    kept: list[str] = []

    def keep(found: str) -> str:
        kept.append(found)
        return f"\0{len(kept) - 1}\0"

    text = html.escape(markdown.strip())  # quotes too: a field that begins with one is read otherwise
    text = re.sub(r"`([^`]+)`", lambda found: keep(f"<code>{found[1]}</code>"), text)
    text = re.sub(r"\$([^$\n]+)\$", lambda found: keep(rf"\({found[1]}\)"), text)
    text = re.sub(r"\[([^\]]+)\]\((https?://[^)\s]+)\)", r'<a href="\2">\1</a>', text)
    text = re.sub(r"\*\*(\S(?:.*?\S)?)\*\*", r"<b>\1</b>", text)
    text = re.sub(r"(?<![\w*])\*(\S(?:[^*]*?\S)?)\*(?![\w*])", r"<i>\1</i>", text)
    text = re.sub(r"\n\s*\n", "<br><br>", text)
    text = re.sub(r"\0(\d+)\0", lambda found: kept[int(found[1])], text)
    return " ".join(text.split())


def _cards_of(path: Path) -> list[Flashcard]:
    """A lesson's questions: in the summary of a folded answer, or as the numbered line above it."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    text = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    section = SECTION.search(text)
    cards: list[Flashcard] = []
    for before, summary, answer in FOLDED.findall(section[1] if section else ""):
        question = NUMBER.sub("", (summary if NUMBER.match(summary) else before).strip())
        cards.append(Flashcard(path.name[:2], len(cards) + 1, question, answer.strip()))
    return cards
