"""What a learner sees first: a picture, which keys to press, the map of the course, and the table of contents."""

import re

from playwright.sync_api import expect

from lessons_lib.course.launch import FIRST_LESSON
from tests.browser.conftest import NOTEBOOKS
from tests.browser.jupyter import SECOND

SEEN = 700  # pixels from the top of a window of 1280 × 900


def lowest(locator) -> float:
    """The bottom of an element, in pixels of the window."""
    box = locator.bounding_box()
    return box["y"] + box["height"]


def test_the_first_screen_has_picture_keys_and_map_and_an_untouched_lesson_closes_without_a_question(page, server):
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(server.front_door)
    head = page.locator(".jp-Notebook .jp-RenderedMarkdown").first
    head.wait_for()
    picture = head.locator("img")
    expect(picture).to_have_js_property("complete", True)
    page.wait_for_function("image => image.naturalWidth > 500", arg=picture.element_handle())
    assert picture.get_attribute("alt")
    assert lowest(picture) < SEEN and lowest(head.get_by_text("Press Shift + Enter")) < SEEN
    links = [head.locator(f"a[href*='{path.stem}']") for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))[1:]]
    assert max(map(lowest, links)) <= SEEN
    contents = page.locator(".jp-TableOfContents")
    expect(contents.get_by_text("5 · The map of the course")).to_be_visible()

    page.get_by_text(re.compile(r"Python 3.* \| Idle")).first.wait_for()
    page.wait_for_timeout(2 * SECOND)  # by now JupyterLab has written what it writes into a notebook
    tab = page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab").filter(has_text=FIRST_LESSON)
    assert "jp-mod-dirty" not in tab.get_attribute("class")
    links[6].click()
    expect(page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab").filter(has_text="07_skip")).to_be_visible()
    tab.locator(".lm-TabBar-tabCloseIcon").click()
    expect(tab).to_have_count(0)
    expect(page.get_by_role("dialog")).to_have_count(0)
