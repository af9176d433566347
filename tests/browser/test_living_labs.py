"""A laboratory in JupyterLab: named controls, redrawn while it is dragged, played, reset; asleep without a kernel."""

import re

from playwright.sync_api import expect

from tests.browser.jupyter import cell_with, open_lesson, result_of, retype_and_run, wait_for_cells, wait_for_change

LESSON = "02_convolution_arithmetic.ipynb"
IMPORT = "from lessons_lib.course.labs import convolution as laboratory\n"


def woken(page, server):
    """The laboratory of lesson 02, alone, in its cell."""
    open_lesson(page, server, LESSON)
    retype_and_run(page, cell_with(page, "laboratory.lab()"), IMPORT + "laboratory.lab()")
    return cell_with(page, "laboratory.lab()")


def test_before_it_runs_it_shows_its_picture_and_how_to_wake_it(page, server):
    open_lesson(page, server, LESSON)
    cell = cell_with(page, "laboratory.lab()")
    expect(cell).to_contain_text("Run this cell (click it, then Shift+Enter)")
    image = cell.get_by_role("img", name="Output 4×4.")
    assert image.evaluate("image => image.naturalWidth") > 300
    assert "Error" not in result_of(cell)["text"]


def test_every_control_and_the_picture_has_a_name(page, server):
    lab = woken(page, server)
    for name in ("input", "kernel", "stride", "padding", "dilation", "position"):
        expect(lab.get_by_role("slider", name=name, exact=True)).to_have_count(1)
    expect(lab.get_by_role("button", name="play position")).to_have_count(1)
    expect(lab.get_by_role("img", name="Output 4×4.")).to_have_count(1)


def test_a_drag_redraws_on_its_way_and_ends_where_the_hand_ends(page, server):
    lab = woken(page, server)
    before = result_of(lab)
    slider = lab.get_by_role("slider", name="position")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 6, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, middle, steps=5)
    on_the_way = wait_for_change(page, lab, before)  # the button is still down
    page.mouse.move(box["x"] + box["width"] - 4, middle, steps=5)
    page.mouse.up()
    assert slider.input_value() == "15"
    expect(lab.locator("figcaption")).to_contain_text("Row 3, column 3")
    assert "Row 3, column 3" not in on_the_way["text"]


def test_play_walks_to_the_end_by_keyboard_and_reset_goes_back(page, server):
    lab = woken(page, server)
    slider = lab.get_by_role("slider", name="position")
    slider.focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    expect(lab.locator("figcaption")).to_contain_text("Row 3, column 2")
    lab.get_by_role("button", name="play position").press("Enter")
    expect(lab.locator("figcaption")).to_contain_text("Row 3, column 3")
    expect(lab.get_by_role("button", name="play position")).to_have_count(1)  # it stopped by itself
    lab.get_by_role("button", name="reset").press("Enter")
    expect(lab.locator("figcaption")).to_contain_text("Row 0, column 0")
    assert slider.input_value() == "0"


def test_without_its_kernel_it_says_how_to_wake_it_and_after_reopening_it_is_still_there(page, server):
    lab = woken(page, server)
    page.keyboard.press("Escape")
    page.keyboard.press("ControlOrMeta+s")
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_role("menuitem", name=re.compile(r"^Restart Kernel(…|\.\.\.)")).click()
    page.get_by_role("dialog").get_by_role("button", name="Confirm Kernel Restart").click()
    wait_for_cells(page)
    lab.get_by_role("slider", name="stride").press("ArrowRight")
    expect(lab.get_by_role("status")).to_contain_text("press Shift+Enter to wake it")

    page.goto("about:blank")
    open_lesson(page, server, LESSON)
    again = cell_with(page, "laboratory.lab()")
    expect(again.get_by_role("img", name="Output 4×4.")).to_have_count(1)
    assert "Error displaying widget" not in result_of(again)["text"]
    again.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    wait_for_cells(page)
    lab = cell_with(page, "laboratory.lab()")
    before = result_of(lab)
    lab.get_by_role("slider", name="stride").press("ArrowRight")
    assert "Output 2×2" in wait_for_change(page, lab, before)["text"]
