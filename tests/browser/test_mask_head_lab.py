"""The laboratory of lesson 14 in JupyterLab: a slider moved by keyboard cuts the mask elsewhere."""

from tests.browser.jupyter import cell_with, open_lesson, result_of, retype_and_run, wait_for_change


def test_the_threshold_moves_the_mask_s_border(page, server):
    open_lesson(page, server, "14_mask_rcnn.ipynb")
    cell = cell_with(page, "laboratory.lab()")
    retype_and_run(page, cell, "from lessons_lib.course.labs import mask_head as laboratory\nlaboratory.lab()")
    cell = cell_with(page, "laboratory.lab()")
    before = result_of(cell)
    assert "Detection 1 of" in before["text"]
    cell.scroll_into_view_if_needed()
    cell.get_by_role("slider").nth(1).focus()  # the threshold
    page.keyboard.press("End")
    after = wait_for_change(page, cell, before)
    assert "Detection 1 of" in after["text"] and after["text"] != before["text"]
