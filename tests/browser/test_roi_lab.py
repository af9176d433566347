"""The laboratory of lesson 12 in JupyterLab: the box moved by keyboard, pixel by pixel."""

from tests.browser.jupyter import cell_with, open_lesson, result_of, retype_and_run, wait_for_change


def test_the_box_moves_picture_and_words(page, server):
    open_lesson(page, server, "12_roi_align.ipynb")
    cell = cell_with(page, "laboratory.lab()")
    retype_and_run(page, cell, "from lessons_lib.course.labs import roi as laboratory\nlaboratory.lab()")
    cell = cell_with(page, "laboratory.lab()")
    before = result_of(cell)
    assert "a window 6.0 px right and 8.5 px down of it" in before["text"]
    cell.scroll_into_view_if_needed()
    cell.get_by_role("slider").first.focus()
    page.keyboard.press("ArrowRight")  # left 38: the box moves on, RoIPool's window stays
    moved = wait_for_change(page, cell, before)
    assert "a window 5.0 px right and 8.5 px down of it" in moved["text"]
    cell.get_by_role("slider").last.focus()
    page.keyboard.press("Home")  # the first bin
    assert "Bin (0, 0)" in wait_for_change(page, cell, moved)["text"]
