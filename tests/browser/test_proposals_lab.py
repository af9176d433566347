"""The laboratory of lesson 11 in JupyterLab: a slider moved by keyboard shows the next proposal."""

from tests.browser.jupyter import cell_with, open_lesson, result_of, retype_and_run, wait_for_change


def test_the_next_proposal(page, server):
    open_lesson(page, server, "11_proposals.ipynb")
    cell = cell_with(page, "laboratory.lab()")
    retype_and_run(page, cell, "from lessons_lib.course.labs import proposals as laboratory\nlaboratory.lab()")
    cell = cell_with(page, "laboratory.lab()")
    before = result_of(cell)
    assert "the first 1" in before["text"]
    cell.scroll_into_view_if_needed()
    cell.get_by_role("slider").nth(1).focus()  # the proposal
    page.keyboard.press("ArrowRight")
    after = wait_for_change(page, cell, before)
    assert "the first 2" in after["text"]
