"""The laboratory of lesson 10 in JupyterLab: a prediction picked and pushed by keyboard, and AP follows."""

from tests.browser.jupyter import cell_with, open_lesson, result_of, retype_and_run, wait_for_change


def test_a_prediction_is_picked_and_moved(page, server):
    open_lesson(page, server, "10_measuring.ipynb")
    cell = cell_with(page, "laboratory.lab()")
    retype_and_run(page, cell, "from lessons_lib.course.labs import metrics as laboratory\nlaboratory.lab()")
    cell = cell_with(page, "laboratory.lab()")
    before = result_of(cell)
    assert "Prediction 1: IoU 0.62" in before["text"] and "AP 0.90 there" in before["text"]
    cell.scroll_into_view_if_needed()
    cell.get_by_role("slider").last.focus()
    page.keyboard.press("End")  # the threshold: 0.95
    strict = wait_for_change(page, cell, before)
    assert "it is wrong" in strict["text"] and "AP 0.00 there" in strict["text"]
    cell.get_by_role("slider").first.focus()
    page.keyboard.press("End")  # prediction 5
    assert "Prediction 5: IoU 0.00" in wait_for_change(page, cell, strict)["text"]
