"""The card of an exercise in JupyterLab: Run All goes on, hints unfold one by one, a passed card leads on."""

from playwright.sync_api import expect

from lessons_lib.course.exercises.engine.exercise import find
from tests.browser.jupyter import cell_with, open_lesson, retype_and_run, run_all

STUB = '@exercise("02.1")\n'
ANSWER = STUB + find("02.1").model_source()


def test_run_all_goes_on_after_a_syntax_error_and_the_card_leads_from_hint_to_hint_to_the_next_exercise(page, server):
    open_lesson(page, server, "02_convolution_arithmetic.ipynb")
    cell = cell_with(page, STUB.strip())
    cell.locator(".cm-content").click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(ANSWER.replace(" + 1\n", " +\n", 1))
    run_all(page)
    expect(cell).to_contain_text("SyntaxError")
    last = page.locator(".jp-Notebook .jp-CodeCell").last
    assert last.locator(".jp-InputPrompt").inner_text().strip("[]: \n").isdecimal(), "the last cell was not run"

    retype_and_run(page, cell, ANSWER.replace("2 * padding", "padding"))
    expect(cell).to_contain_text("padding at one end only")
    opened = [f"Hint {number} of 3" for number in (1, 2, 3)] + ["A model answer"]
    for title, following in zip(opened, [*opened[1:], None], strict=True):
        expect(cell.get_by_text(title, exact=True)).to_be_visible()
        if following:
            expect(cell.get_by_text(following, exact=True)).to_be_hidden()
        cell.get_by_text(title, exact=True).press("Enter")
    expect(cell.locator("pre", has_text="reach = dilation")).to_be_visible()

    retype_and_run(page, cell, ANSWER)
    expect(cell).to_contain_text("1 of the lesson's 5 exercises are passed.")
    cell.get_by_role("link", name="02.2 Which paddings?").click()
    expect(page.get_by_role("heading", name="Exercise 02.2").first).to_be_in_viewport()
