"""The laboratory of lesson 16 in JupyterLab: a slider moved by keyboard takes parts away."""

from tests.browser.jupyter import cell_with, open_lesson, result_of, retype_and_run, wait_for_change


def test_parts_are_taken_away(page, server):
    open_lesson(page, server, "16_position_sensitive.ipynb")
    cell = cell_with(page, "laboratory.lab()")
    retype_and_run(page, cell, "from lessons_lib.course.labs import assembling as laboratory\nlaboratory.lab()")
    cell = cell_with(page, "laboratory.lab()")
    before = result_of(cell)
    assert "is taken for" in before["text"]
    cell.scroll_into_view_if_needed()
    cell.get_by_role("slider").nth(4).focus()  # how many parts are assembled
    page.keyboard.press("Home")
    after = wait_for_change(page, cell, before)
    assert "0 of 9 parts" in after["text"]
