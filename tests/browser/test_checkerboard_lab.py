"""The laboratory of lesson 04 in JupyterLab: a slider and the choice of weights, moved by keyboard and mouse."""

from tests.browser.jupyter import cell_with, open_lesson, result_of, retype_and_run, wait_for_change


def test_kernel_and_weights_change_picture_and_words(page, server):
    open_lesson(page, server, "04_checkerboard.ipynb")
    cell = cell_with(page, "laboratory.lab()")
    retype_and_run(page, cell, "from lessons_lib.course.labs import checkerboard as laboratory\nlaboratory.lab()")
    cell = cell_with(page, "laboratory.lab()")
    before = result_of(cell)
    assert "Uneven overlap (1 to 4 taps per pixel)" in before["text"]
    cell.scroll_into_view_if_needed()
    cell.get_by_role("slider").first.focus()
    page.keyboard.press("ArrowRight")  # kernel 4
    even = wait_for_change(page, cell, before)
    assert "Even overlap (4 taps per pixel)" in even["text"] and "no pattern" in even["text"]
    cell.locator("select").select_option("random")
    random = wait_for_change(page, cell, even)
    assert "Even overlap (4 taps per pixel)" in random["text"] and "a pattern with" in random["text"]
