"""Each lesson's page as PDF, printed by a Chromium, where there is one."""

import shutil
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def print_pages(html: Path) -> None:
    """Writes html/pdf/NN_topic.pdf for every lesson; says so and writes nothing where there is no Chromium."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print("no Chromium found: the site has no PDF files")
        return
    from playwright.sync_api import sync_playwright

    (html / "pdf").mkdir(exist_ok=True)
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=flags)
        tab = chromium.new_page()
        for path in sorted((html / "lessons").glob("*.html")):
            tab.goto(path.as_uri())
            tab.evaluate("document.querySelectorAll('details.code').forEach(part => part.open = true)")
            tab.pdf(path=html / "pdf" / f"{path.stem}.pdf", format="A4", margin={"top": "15mm", "bottom": "15mm"})
        chromium.close()
