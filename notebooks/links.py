"""Writes the links between the lessons into them: python -m notebooks.links [NUMBER ...].

Each mention of another lesson in a text ("lesson 07", "lessons 12 (RoIAlign) and 13") leads to its notebook, and under
the title stands the row of all lessons, in lesson 00 their map. What is code, a formula, a headline or a link already
stays as it is, and so does a mention of the lesson itself or of one that is not written yet. Only Markdown cells
change; outputs stay.
"""

import re
import sys

import nbformat

from lessons_lib.course.course_map import LESSONS
from notebooks.rewrite import HERE, rewrite

KEPT = (
    r"^```.*?^```|^#+ .*?$",  # code and headlines
    r"\$\$.+?\$\$|\$[^$\n]+\$|`[^`\n]+`",
    r"!?\[[^\][]*\]\([^)\n]*\)|<[^>\n]+>",
)
ITEM = r"(?:\d\d\b|\[\d\d\]\([^)]*\))"
ASIDE = r"(?:\s\([^()\n]*\))?"
MENTION = rf"\b[Ll]esson\s\d\d\b|\b[Ll]essons\s{ITEM}(?:{ASIDE}(?:,\s|\sand\s|,\sand\s|\sor\s|\sto\s){ITEM})*"
EITHER = re.compile("|".join([*KEPT, f"(?P<mention>{MENTION})"]), re.MULTILINE | re.DOTALL)
ROW = re.compile(r"\A(.*\n)\n\*\*The course:\*\* .*\n")
NOTATION = "[notation](../docs/notation.md)"
PARTS = {
    "Layers": ("01", "02", "03", "04", "05"),
    "A class for each pixel": ("06", "07", "08", "09", "10"),
    "A mask for each object": ("11", "12", "13", "14", "15", "16"),
    "One object after another": ("17", "18"),
    "All side by side, and your own": ("19", "20"),
}
MAP = re.compile(rf"(?:^- \*\*(?:{'|'.join(PARTS)}):\*\* .*\n)+", re.MULTILINE)


def files() -> dict[str, str]:
    """The notebook of each lesson that is written, by number."""
    return {path.name[:2]: path.name for path in sorted(HERE.glob("[0-9][0-9]_*.ipynb"))}


def with_links(source: str, lesson: str, written: dict[str, str]) -> str:
    """A text of a lesson in which every mention of another lesson that is `written` is a link to it."""

    def link(found: re.Match[str]) -> str:
        mention = found["mention"]
        if mention is None:
            return found[0]
        number = r"\[\d\d\]\([^)]*\)|\b\d\d\b" if mention[6] == "s" else r".+"
        return re.sub(number, one, mention, flags=re.DOTALL)

    def one(found: re.Match[str]) -> str:
        number = found[0][-2:]
        if found[0].startswith("[") or number == lesson or number not in written:
            return found[0]
        return f"[{found[0]}]({written[number]})"

    return EITHER.sub(link, source)


def with_row(head: str, lesson: str, written: dict[str, str]) -> str:
    """The head of a lesson with the row of all lessons under its title; its own number stands bold."""
    numbers = [
        f"**{number}**" if number == lesson else f"[{number}]({written[number]})"
        for number in LESSONS
        if number == lesson or number in written
    ]
    row = f"**The course:** {' · '.join([*numbers, NOTATION])} · press **Shift + Enter** to run a cell"
    title, _, rest = ROW.sub(r"\1", head).partition("\n")
    return f"{title}\n\n{row}\n{rest}"


def with_map(head: str, written: dict[str, str]) -> str:
    """The head of lesson 00 with the map of the lessons that are written, where it has one."""
    lines = []
    for part, numbers in PARTS.items():
        found = [f"[{number} {LESSONS[number]}]({written[number]})" for number in numbers if number in written]
        lines.append(f"- **{part}:** {' · '.join(found)}\n" if found else "")
    return MAP.sub("".join(lines), head)


def linked(notebook: nbformat.NotebookNode, lesson: str) -> nbformat.NotebookNode:
    """The lesson with its links; changes the notebook in place, and returns it."""
    written = files()
    for place, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            cell.source = with_links(cell.source, lesson, written)
            if place == 0 and lesson == "00":
                cell.source = with_map(cell.source, written)
            elif place == 0:
                cell.source = with_row(cell.source, lesson, written)
    return notebook


if __name__ == "__main__":
    rewrite(linked, sys.argv[1:])
