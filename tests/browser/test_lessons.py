"""The shipped lessons as a learner has them: run in JupyterLab, their laboratories moved, their exercises solved.

What we wrote into the page, text, figures, cards and laboratories, has no serious fault of access, light or dark.
"""

from pathlib import Path

import nbformat
import pytest

from lessons_lib.course.exercises.engine.cells import ids_of_cell, solved
from tests.browser.axe import faults
from tests.browser.jupyter import cell_with, open_lesson, result_of, retype_and_run, run_all, wait_for_change

OURS = (".jp-Notebook .jp-RenderedMarkdown", ".jp-Notebook .jp-OutputArea-output")
NOT_OURS = ".jp-RenderedImage img, .jp-RenderedMarkdown pre"  # drawings without HTML; colours of code are JupyterLab's
SEEN = 700  # pixels from the top of the window
LESSONS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lesson_runs_its_labs_move_and_its_exercise_is_solved(path, page, server):
    notebook = nbformat.read(path, as_version=4)
    open_lesson(page, server, path.name)
    assert _lowest_link(page) < SEEN, "the way to the other lessons is on the first screen"
    run_all(page)
    assert page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    _move_labs(page, expected=any("laboratory.lab()" in cell.source for cell in notebook.cells))
    _solve_first_exercise(page, notebook)
    assert _faults(page) == []
    page.get_by_role("menuitem", name="Settings", exact=True).click()
    page.locator(".lm-Menu-item").filter(has_text="Theme").first.hover()
    page.locator(".lm-Menu-item").filter(has_text="JupyterLab Dark").first.click()
    page.locator("body[data-jp-theme-light='false']").wait_for()
    assert _faults(page, only="color-contrast") == [], "only colours are different in the dark"


def _faults(page, only: str = "") -> list[tuple[str, str]]:
    """Faults of access in what is ours. A link's look is JupyterLab's: a colour, without a line."""
    return faults(page, *OURS, but=NOT_OURS, without="" if only else "link-in-text-block", only=only)


def _lowest_link(page) -> float:
    """How far down the last link to another lesson stands in the lesson's head."""
    links = page.locator(".jp-Notebook .jp-RenderedMarkdown").first.locator("a[href*='.ipynb']").all()
    boxes = [link.bounding_box() for link in links[: len(LESSONS) - 1]]
    return max(box["y"] + box["height"] for box in boxes)


def _move_labs(page, expected: bool) -> None:
    """The first slider of each laboratory, moved by keyboard, changes the figure and the number with it."""
    labs = page.locator(".jp-CodeCell").filter(has=page.get_by_role("slider"))
    assert labs.count() > 0 or not expected, "no laboratory with a slider is on the page"
    for lab in labs.all():
        lab.scroll_into_view_if_needed()
        _walk_through(page, lab)
        before = result_of(lab)
        slider = lab.get_by_role("slider").first
        at_end = slider.evaluate("slider => slider.value === slider.max")
        slider.focus()
        page.keyboard.press("ArrowLeft" if at_end else "ArrowRight")
        wait_for_change(page, lab, before)


def _walk_through(page, lab) -> None:
    """Tab goes from control to control of a laboratory, and reaches every one."""
    within = lab.locator(".jp-OutputArea-output")
    controls = within.locator("input:enabled, select:enabled, button:enabled").locator("visible=true").all()
    controls[0].focus()
    for control in controls[1:]:
        page.keyboard.press("Tab")
        assert control.evaluate("control => control === document.activeElement"), control.evaluate("c => c.outerHTML")


def _solve_first_exercise(page, notebook) -> None:
    """The card of an untouched exercise says so; with the model answer typed into the cell it turns to passed."""
    answers = [
        (sorted(ids_of_cell(cell)), cell.source) for cell in solved(notebook).cells if "@exercise(" in cell.source
    ]
    if not answers:
        return
    (exercise_id,), answer = answers[0]
    cell = cell_with(page, f'@exercise("{exercise_id}")')
    assert "not yet attempted" in result_of(cell)["text"]
    retype_and_run(page, cell, answer)
    text = result_of(cell)["text"]
    assert "passed" in text
    assert "not yet" not in text
