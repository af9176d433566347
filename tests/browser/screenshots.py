"""Pictures of every lesson in JupyterLab, light and dark, top to bottom: python -m tests.browser.screenshots FOLDER.

Each lesson is run first, so the laboratories stand there alive. A picture a screen: FOLDER/02_…_dark_03.png.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import FLAGS, NOTEBOOKS, VIEWPORT
from tests.browser.jupyter import find_chromium, jupyter_server, open_lesson, run_all


def take(page: Page, stem: Path) -> int:
    """Pictures of the open lesson, one a screen, and how many there are."""
    page.keyboard.press("ControlOrMeta+b")  # the file browser leaves the room to the lesson
    scroller = page.locator(".jp-WindowedPanel-outer").last
    height, screen = scroller.evaluate(
        """outer => {
            const last = [...outer.querySelectorAll('.jp-Cell')].at(-1).getBoundingClientRect();
            return [last.bottom - outer.getBoundingClientRect().top + outer.scrollTop, outer.clientHeight];
        }"""
    )
    places = range(0, max(int(height) - 40, 1), screen - 40)  # each screen repeats a strip of the last
    for number, place in enumerate(places, 1):
        scroller.evaluate("(outer, place) => outer.scrollTop = place", place)
        page.wait_for_timeout(400)
        scroller.screenshot(path=f"{stem}_{number:02d}.png")
    return len(places)


def main(folder: str, *lessons: str) -> None:
    """Takes the pictures of the named lessons, or of all, into the folder."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    names = lessons or sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        ignored = shutil.ignore_patterns("*.py", "__pycache__", ".*")
        shutil.copytree(NOTEBOOKS, Path(temporary) / "my_course", ignore=ignored)
        with jupyter_server(Path(temporary)) as server:
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
            for name in names:
                for theme in ("light", "dark"):
                    page = browser.new_page(viewport=VIEWPORT)
                    open_lesson(page, server, name, theme)
                    run_all(page)
                    print(f"{name} {theme}: {take(page, Path(folder) / f'{Path(name).stem}_{theme}')} pictures")
                    page.close()
            browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
