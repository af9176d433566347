"""The laboratory of lesson 15 in JupyterLab: the stage moved by keyboard."""

from tests.browser.jupyter import cell_with, open_lesson, result_of, retype_and_run, wait_for_change


def test_the_stage_changes_what_is_put_out(page, server):
    open_lesson(page, server, "15_cascades.ipynb")
    cell = cell_with(page, "laboratory.lab()")
    retype_and_run(page, cell, "from lessons_lib.course.labs import cascade as laboratory\nlaboratory.lab()")
    cell = cell_with(page, "laboratory.lab()")
    before = result_of(cell)
    assert "After stage 1" in before["text"]
    cell.scroll_into_view_if_needed()
    cell.get_by_role("slider").nth(0).focus()  # the stage
    page.keyboard.press("End")
    after = wait_for_change(page, cell, before)
    assert "voting" in after["text"] and after["text"] != before["text"]
