"""The order of ideas: a lesson that uses a term before the lesson that explains it says which lesson that is."""

import re
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
LESSONS = sorted(NOTEBOOKS.glob("*.ipynb"))
# A term, in a lesson's text and code, and the lesson that explains it.
TERMS = {
    r"IoU\b|pairwise_mask_iou": "10",
    r"\bmIoU\b|SemanticScores": "10",
    r"[Bb]oundary F\b|BoundaryScores": "07",
    r"\bAP(50|75)?\b": "10",
    r"[Cc]overage loss|coverage_loss": "17",
    r"\bAdamW\b": "06",
    r"OneCycleLR": "06",
    r"GroupNorm": "07",
    r"BatchNorm": "08",
    r"\bRPN\b": "13",
    r"\banchors?\b": "13",
    r"RoIAlign": "12",
    r"receptive field": "09",
    r"ICNR": "05",
    r"U-Net": "07",
}
ELSEWHERE = re.compile(
    r"^(#{1,3} (Recap|Further reading|Self-check)|\*\*Next:\*\*|\*Lecture slides?:|\*\*The course:\*\*)", re.MULTILINE
)
ADDRESS = re.compile(r"(?<=\])\((\d\d)_\w+\.ipynb[^)]*\)")
"""Where a link leads that names a lesson."""


def paragraphs(notebook):
    """The paragraphs of a lesson's text, without its title's slide names, recap, self-check and reading."""
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    before = "\n\n".join(cells).split("\n## Recap")[0]
    return [one for one in re.split(r"\n\s*\n", before) if not ELSEWHERE.match(one)]


def named(paragraph):
    """The numbers of the lessons that a paragraph names: lesson 06, lessons 07 and 10, lessons 11 to 16, (17), a link
    to one."""
    numbers = {*re.findall(r"\((\d\d)\)", paragraph), *ADDRESS.findall(paragraph)}
    plain = re.sub(r"[\[\]]", "", ADDRESS.sub("", paragraph))
    for found in re.finditer(r"[Ll]essons? (\d\d(?:(?:, | and | or | to |, and )\d\d)*)", plain):
        numbers |= set(re.findall(r"\d\d", found[1]))
        for first, last in re.findall(r"(\d\d) to (\d\d)", found[1]):
            numbers |= {f"{number:02d}" for number in range(int(first), int(last))}
    return numbers


def unexplained(notebook, lesson):
    """The terms that a lesson uses too early without a word, or explains nowhere though it should."""
    text = paragraphs(notebook)
    used = "\n".join(
        [
            *(ADDRESS.sub("", one) for one in text),
            *(cell.source for cell in notebook.cells[3:] if cell.cell_type == "code"),
        ]
    )
    for term, home in TERMS.items():
        said = [one for one in text if re.search(term, ADDRESS.sub("", one))]
        if lesson == home and not said:
            yield f"{term} is explained nowhere in the text of lesson {home}"
        if lesson < home and re.search(term, used) and not any(home in named(one) for one in said):
            yield f"{term} is used before lesson {home}, and no paragraph with it names that lesson"


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_nothing_is_used_before_it_is_explained(path):
    assert list(unexplained(nbformat.read(path, as_version=4), path.name[:2])) == []


def lesson(*cells):
    kinds = {"text": nbformat.v4.new_markdown_cell, "code": nbformat.v4.new_code_cell}
    head = [("text", "# Title"), ("code", "from x import BoundaryScores"), ("code", "setup = 1")]
    return nbformat.v4.new_notebook(cells=[kinds[kind](source) for kind, source in (*head, *cells)])


@pytest.mark.parametrize(
    ("cells", "count"),
    [
        ([], 0),  # an import alone uses nothing
        ([("code", "BoundaryScores()")], 1),
        ([("text", "Boundary F judges.")], 1),
        ([("text", "Boundary F judges.\n\nSee lesson 07.")], 1),  # in another paragraph
        ([("text", "Boundary F (lesson 07) judges."), ("code", "BoundaryScores()")], 0),
        ([("text", "Boundary F ([lesson 07](07_skip_connections.ipynb)) judges.")], 0),
        ([("text", "Boundary F (lessons [06](06_fully_convolutional.ipynb) to [08](08_unpooling.ipynb)).")], 0),
        ([("text", "Boundary F, see [09](09_dilation.ipynb).")], 1),
        ([("text", "See [17](17_coverage_loss.ipynb)."), ("text", "**The course:** boundary F")], 0),
        ([("text", "Boundary F (lessons 06 to 08) judges.")], 0),
        ([("text", "Boundary F and thin recall (lessons 07 and 10).")], 0),
        ([("text", "## Recap\n\nBoundary F.")], 0),
    ],
)
def test_what_counts_as_explained(cells, count):
    assert len(list(unexplained(lesson(*cells), "02"))) == count


def test_the_lesson_that_explains_a_term_has_it_in_its_text():
    assert any("OneCycleLR" in line for line in unexplained(lesson(("code", "OneCycleLR()")), "06"))
    assert not any("OneCycleLR" in line for line in unexplained(lesson(("text", "**OneCycleLR** raises it.")), "06"))
