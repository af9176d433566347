"""The laboratory of lesson 13 in JupyterLab: a slider moved by keyboard shows other boxes."""

from tests.browser.jupyter import cell_with, open_lesson, result_of, retype_and_run, wait_for_change


def test_fewer_boxes_are_shown(page, server):
    open_lesson(page, server, "13_faster_rcnn.ipynb")
    cell = cell_with(page, "laboratory.lab()")
    retype_and_run(page, cell, "from lessons_lib.course.labs import detector as laboratory\nlaboratory.lab()")
    cell = cell_with(page, "laboratory.lab()")
    before = result_of(cell)
    assert "Stage 1 anchors." in before["text"] and "9 shown" in before["text"]
    cell.scroll_into_view_if_needed()
    cell.get_by_role("slider").nth(1).focus()
    page.keyboard.press("Home")  # one box
    assert "1 shown" in wait_for_change(page, cell, before)["text"]
