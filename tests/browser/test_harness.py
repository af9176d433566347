"""The browser harness on a notebook of its own: it sees a slider work, and it sees one that does nothing."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from notebooks.refresh import KERNELSPEC
from tests.browser.axe import faults
from tests.browser.jupyter import cell_with, open_lesson, result_of, retype_and_run, run_all, wait_for_change

LAB = """
import struct, zlib, ipywidgets as w
def png(n):
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = struct.pack(">2I5B", 8, 8, 8, 0, 0, 0, 0)
    rows = chunk(b"IDAT", zlib.compress(bytes([0] + [n] * 8) * 8))
    return b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", head) + rows + chunk(b"IEND", b"")
def lab(name, lives):
    slider, picture, number = w.IntSlider(3, 0, 9, description=name), w.Image(value=png(3)), w.HTML("number 3")
    def redraw(change):
        picture.value, number.value = png(change["new"]), f"number {change['new']}"
    if lives: slider.observe(redraw, "value")
    return w.VBox([slider, picture, number])
"""
EXERCISE = """from lessons_lib.course.exercises import exercise
@exercise("00.1")
def covered_pixels(mask):
    raise NotImplementedError
"""


@pytest.fixture
def tiny(server):
    sources = [LAB.strip(), "lab('living', lives=True)", "lab('dead', lives=False)", EXERCISE]
    cells = [new_markdown_cell("# Text\n\nWords."), *(new_code_cell(source) for source in sources)]
    notebook = new_notebook(cells=cells, metadata={"kernelspec": KERNELSPEC})
    nbformat.write(notebook, server.course / "tiny.ipynb")
    return "tiny.ipynb"


def test_a_slider_is_seen_to_work_and_a_dead_one_not(page, server, tiny):
    open_lesson(page, server, tiny)
    run_all(page)
    living, dead = cell_with(page, "'living'"), cell_with(page, "'dead'")
    before = result_of(living)
    assert before["text"] == "number 3"
    living.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    assert wait_for_change(page, living, before)["text"] == "number 4"
    before = result_of(dead)
    dead.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    with pytest.raises(AssertionError, match="the same as before: pictures, text"):
        wait_for_change(page, dead, before, seconds=1)


def test_a_run_that_stops_at_a_cell_is_seen_to(page, server, tiny):
    lesson = nbformat.read(server.course / tiny, as_version=4)
    lesson.cells.insert(3, new_code_cell("1 / 0"))
    nbformat.write(lesson, server.course / "stops.ipynb")
    open_lesson(page, server, "stops.ipynb")
    with pytest.raises(AssertionError, match="stopped before its end, 2 cells are left"):
        run_all(page)


def test_axe_finds_planted_faults_and_looks_at_the_parts_that_it_is_given(page, server, tiny):
    open_lesson(page, server, tiny)
    assert faults(page, ".jp-RenderedMarkdown") == []
    page.evaluate(
        """() => {
            const text = document.querySelector('.jp-RenderedMarkdown');
            text.querySelector('p').style.color = '#ddd';
            text.insertAdjacentHTML('beforeend', '<details><summary><a href="#">one</a></summary>two</details>');
        }"""
    )
    assert {rule for rule, _ in faults(page, ".jp-RenderedMarkdown")} == {"color-contrast", "nested-interactive"}
    assert faults(page, ".jp-RenderedMarkdown", but=".jp-RenderedMarkdown > *") == []


def test_a_card_follows_the_answer(page, server, tiny):
    open_lesson(page, server, tiny)
    run_all(page)
    cell = cell_with(page, "@exercise")
    assert "not yet attempted" in result_of(cell)["text"]
    retype_and_run(page, cell, EXERCISE.replace("raise NotImplementedError", "return mask.numel()"))
    text = result_of(cell)["text"]
    assert "not yet." in text
    assert "number of all pixels" in text
    retype_and_run(page, cell, EXERCISE.replace("raise NotImplementedError", "return int(mask.sum())"))
    assert "passed" in result_of(cell)["text"]
