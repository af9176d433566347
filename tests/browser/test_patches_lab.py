"""The laboratory of lesson 06 in JupyterLab: patches moved apart by keyboard until nothing is shared."""

from tests.browser.jupyter import cell_with, open_lesson, result_of, retype_and_run, wait_for_change


def test_patches_move_apart(page, server):
    open_lesson(page, server, "06_fully_convolutional.ipynb")
    cell = cell_with(page, "laboratory.lab()")
    retype_and_run(page, cell, "from lessons_lib.course.labs import patches as laboratory\nlaboratory.lab()")
    cell = cell_with(page, "laboratory.lab()")
    before = result_of(cell)
    assert "9216 patches of 29×29: the same pixel is read up to 841 times" in before["text"]
    cell.scroll_into_view_if_needed()
    cell.get_by_role("slider").last.focus()
    page.keyboard.press("End")  # a patch every 48 pixels
    apart = wait_for_change(page, cell, before)
    assert "4 patches of 29×29: no pixel is read twice" in apart["text"]
    cell.get_by_role("slider").first.focus()
    page.keyboard.press("Home")  # a picture of 32 pixels
    assert "1 patch of 29×29" in wait_for_change(page, cell, apart)["text"]
