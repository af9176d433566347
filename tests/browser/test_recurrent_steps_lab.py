"""The laboratory of lesson 18 in JupyterLab: the step moved by keyboard draws the next object."""

from tests.browser.jupyter import cell_with, open_lesson, result_of, retype_and_run, wait_for_change


def test_the_next_step_draws_the_next_object(page, server):
    open_lesson(page, server, "18_recurrent.ipynb")
    cell = cell_with(page, "laboratory.lab()")
    retype_and_run(page, cell, "from lessons_lib.course.labs import recurrent_steps as laboratory\nlaboratory.lab()")
    cell = cell_with(page, "laboratory.lab()")
    before = result_of(cell)
    assert "Step 1 of" in before["text"]
    cell.scroll_into_view_if_needed()
    cell.get_by_role("slider").nth(1).focus()  # the step
    page.keyboard.press("ArrowRight")
    after = wait_for_change(page, cell, before)
    assert "Step 2 of" in after["text"]
    cell.get_by_role("slider").nth(2).focus()  # the bias
    page.keyboard.press("End")
    assert wait_for_change(page, cell, after)["text"] != after["text"]
