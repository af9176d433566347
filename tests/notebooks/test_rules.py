"""Every shipped lesson keeps the rules of rules.py, and each of these rules catches what it is there for."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lessons_lib.course.exercise_list import written_ids
from lessons_lib.course.figures import SHOWN
from lessons_lib.course.labs.lab import WIDGET, still
from notebooks.links import linked, with_links, with_map, with_row
from notebooks.refresh import KERNELSPEC
from tests.notebooks.rules import IGNORED, MAX_BYTES, code_cells, ids_of_cell, problems

LESSONS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
SLEEPING_LAB = new_output("display_data", {"text/html": still(b"a PNG", "<b>Words</b>")})
ENDING = """## Recap
All of it.

## Self-check
{answers}

## Further reading
[A paper](https://example.com)

**Next:** lesson 03."""


def lesson() -> nbformat.NotebookNode:
    """A tiny lesson that keeps every rule."""
    ignored = {"tags": [IGNORED]}
    cells = [
        new_code_cell(
            "import torch\nfrom lessons_lib.course.labs.window import window_lab", metadata={"tags": ["setup"]}
        ),
        new_code_cell("torch.manual_seed(0);", metadata={"tags": ["setup"]}),
        new_code_cell('@exercise("02.1")\ndef f():\n    ...', metadata={"tags": ["02.1"]}),
        new_code_cell("window_lab()", metadata=ignored, outputs=[SLEEPING_LAB]),
        new_code_cell("%time 1\nprint(1)", outputs=[new_output("stream", text="1\n")]),
    ]
    for count, cell in enumerate(cells, 1):
        cell.execution_count = count
    title = new_markdown_cell("# Convolution arithmetic\n\n30 minutes")
    ending = new_markdown_cell(ENDING.format(answers="<details>no</details>\n" * 5))
    return linked(new_notebook(cells=[title, *cells, ending], metadata={"kernelspec": KERNELSPEC}), "02")


def test_the_tiny_lesson_keeps_the_rules():
    assert problems(lesson(), "02_tiny.ipynb") == []


def _set(cell: int, **values):
    def change(notebook):
        notebook.cells[cell].update(values)

    return change


def _metadata(cell: int, **values):
    def change(notebook):
        notebook.cells[cell].metadata = nbformat.from_dict(values)

    return change


def _replace(old: str, new: str, cell: int = -1):
    def change(notebook):
        assert old in notebook.cells[cell].source
        notebook.cells[cell].source = notebook.cells[cell].source.replace(old, new)

    return change


def _drop(name: str):
    def change(notebook):
        notebook.cells[-1].source = notebook.cells[-1].source.replace(name, "Other")

    return change


ERROR = new_output("error", ename="E", evalue="", traceback=[])
TEXT = new_output("stream", text="12 s\n")
PNG = new_output("display_data", {"image/png": "aGFsbG8=", "text/plain": "<Figure>"})
SHOWN_WELL = f'{SHOWN}<img alt="A dot." src="data:"><figcaption>A dot.</figcaption></figure>'
NAMELESS = new_output("display_data", {"text/html": SHOWN_WELL.replace("A dot.", "", 1)})
FAR = new_output("display_data", {"text/html": SHOWN_WELL.replace("<figcaption>", "<br><figcaption>")})
WIDGETS = new_output("display_data", {WIDGET: {}})
FAULTS = {
    "code cell 3 was not run": _set(3, execution_count=None),
    "code cell 3 was run as number 9": _set(3, execution_count=9),
    "code cell 3 is empty": _set(3, source=" ", metadata=nbformat.from_dict({})),
    "code cell 5 ends in an error": _set(5, outputs=[ERROR]),
    "code cell 4 keeps a widget, which no kernel keeps alive": _set(4, outputs=[WIDGETS]),
    "code cell 5 shows an image without show(figure, caption)": _set(5, outputs=[PNG]),
    "code cell 5 shows an image without alt text": _set(5, outputs=[NAMELESS]),
    "code cell 5 shows an image without a caption directly beneath": _set(5, outputs=[FAR]),
    "folds code and does not say so before": _metadata(5, jupyter={"source_hidden": True}),
    "code cell 5 has 26 lines, more than 25": _set(5, source="1\n" * 26),
    "code cell 5 calls hint": _set(5, source='hint("02.1")'),
    "code cell 5 calls reveal": _set(5, source='exercises.reveal("02.1")'),
    "code cell 5 says when it was run": _metadata(5, execution={"iopub.execute_input": "2017-04-28"}),
    "code cell 3 holds exercise 02.1 and has no such tag": _metadata(3),
    "code cell 3 holds exercise 03.1 of another lesson": _metadata(3, tags=["02.1", "03.1"]),
    "its first two code cells are not tagged setup": _metadata(2),
    f"code cell 4 shows what varies and is not tagged {IGNORED}": _metadata(4),
    f"code cell 5 shows what varies and is not tagged {IGNORED}": _set(5, source="doctor()", outputs=[TEXT]),
    "keeps widget state in its metadata": lambda notebook: notebook.metadata.update(widgets={}),
    "names another kernel than python3": lambda notebook: notebook.metadata.update(
        kernelspec={**KERNELSPEC, "name": "mine"}
    ),
    "has cells without an id of their own": lambda notebook: notebook.cells[2].update(id=notebook.cells[1].id),
    "does not begin with its title": _replace("# Conv", "Conv", 0),
    "does not say how many minutes it takes": _replace("30 minutes", "long", 0),
    "has no section: recap": _drop("Recap"),
    "has no section: self-check": _drop("Self-check"),
    "has no section: further reading": _drop("Further reading"),
    "its self-check has 4 folded answers, not 5": _replace("<details>no</details>\n\n", "\n"),
    "its further reading links to nothing": _drop("https:"),
    "mentions lessons that are no links; python -m notebooks.links writes them": _replace(
        "[lesson 03](03_transposed_convolution.ipynb)", "[it](03_transposed_convolution.ipynb), lesson 03"
    ),
    "has a link to 03_wrong.ipynb, which is no lesson": _replace("03_transposed_convolution", "03_wrong"),
    "says what is next without a link: **Next:** more.": _replace(
        "[lesson 03](03_transposed_convolution.ipynb)", "more"
    ),
}


WRITTEN = {"00": "00_a.ipynb", "02": "02_b.ipynb", "12": "12_c.ipynb", "13": "13_d.ipynb"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("as lesson 02's loop", "as [lesson 02](02_b.ipynb)'s loop"),
        ("Lesson\n02 said", "[Lesson\n02](02_b.ipynb) said"),
        ("lessons 02, 12 (pool) and 13", "lessons [02](02_b.ipynb), [12](12_c.ipynb) (pool) and [13](13_d.ipynb)"),
        ("lessons 07 to 09", "lessons 07 to 09"),  # not written yet
        ("lessons [12](12_c.ipynb) and 13", "lessons [12](12_c.ipynb) and [13](13_d.ipynb)"),
        ("this is lesson 04", "this is lesson 04"),  # the lesson itself
        ("## Like lesson 02", "## Like lesson 02"),
        ("`lesson 02` $lesson 02$ [see lesson 02](02_b.ipynb)", "`lesson 02` $lesson 02$ [see lesson 02](02_b.ipynb)"),
        ("```\nlesson 02\n```", "```\nlesson 02\n```"),
    ],
)
def test_a_mention_of_a_lesson_becomes_a_link(text, expected):
    assert with_links(text, "04", WRITTEN) == expected
    assert with_links(expected, "04", WRITTEN) == expected


def test_the_head_shows_all_lessons():
    head = with_row("# 02 · Title\n\nText.", "02", WRITTEN)
    assert head.splitlines()[2].startswith("**The course:** [00](00_a.ipynb) · **02** · [12](12_c.ipynb)")
    assert head.endswith("\n\nText.") and with_row(head, "02", WRITTEN) == head
    more = with_row(head, "02", {**WRITTEN, "03": "03_e.ipynb"})
    assert "[03](03_e.ipynb)" in more and more.count("The course:") == 1
    written = with_map("# 00\n\n- **Layers:** x\n\nText.", WRITTEN)
    assert written.startswith("# 00\n\n- **Layers:** [02 Convolution arithmetic](02_b.ipynb)\n- **A mask")
    assert with_map(written, WRITTEN) == written and with_map("# 00\n\nText.", WRITTEN) == "# 00\n\nText."


@pytest.mark.parametrize("problem", FAULTS)
def test_each_fault_is_found(problem):
    faulty = lesson()
    FAULTS[problem](faulty)
    assert problems(faulty, "02_tiny.ipynb") == [problem]


def test_an_empty_notebook_is_no_lesson():
    assert "holds no code" in problems(new_notebook(), "00_nothing.ipynb")


def test_lesson_00_needs_no_self_check():
    short = lesson()
    short.cells = short.cells[:3]
    assert problems(short, "00_start_here.ipynb") == []
    assert problems(short, "02_tiny.ipynb") != []


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lesson_keeps_the_rules(path):
    assert problems(nbformat.read(path, as_version=4), path.name) == []
    assert path.stat().st_size <= MAX_BYTES


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lesson_holds_each_of_its_exercises_once(path):
    cells = code_cells(nbformat.read(path, as_version=4))
    stubs = [one for cell in cells if "@exercise(" in cell.source for one in sorted(ids_of_cell(cell))]
    assert stubs == written_ids(path.stem[:2])
