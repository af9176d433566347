"""The laboratory of lesson 20 in JupyterLab: by keyboard alone to the next image and to the next fault."""

from tests.browser.jupyter import cell_with, open_lesson, result_of, retype_and_run, wait_for_change

CODE = """from lessons_lib.course import planted
from lessons_lib.course.labs import label_viewer as laboratory
from lessons_lib.data.scenes import Scenes
laboratory.lab({"train": Scenes(length=9), "val": Scenes(length=5)}, [laboratory.Fault("val", 2, "planted")])"""


def test_arrow_keys_and_a_button_by_enter(page, server):
    open_lesson(page, server, "20_your_own_data.ipynb")
    cell = cell_with(page, "laboratory.lab(splits, faults)")
    retype_and_run(page, cell, CODE)
    cell = cell_with(page, "laboratory.lab({")
    before = result_of(cell)
    assert "train, image 1 of 9" in before["text"]
    cell.scroll_into_view_if_needed()
    cell.get_by_role("slider").first.focus()
    page.keyboard.press("ArrowRight")
    after = wait_for_change(page, cell, before)
    assert "train, image 2 of 9" in after["text"]
    cell.get_by_role("button", name="next fault").focus()
    page.keyboard.press("Enter")
    found = wait_for_change(page, cell, after)
    assert "val, image 3 of 5" in found["text"] and "planted" in found["text"]
