"""The site in Chromium without a network: laboratories move by keyboard; no page has a serious fault of access."""

import pytest
from filelock import FileLock

from lessons_lib.course.course_map import LESSONS
from tests.browser.axe import faults
from website.__main__ import HEAVIEST, build, weights

ALIKE = "article > section > section:nth-of-type(n+4), .toc-entry li:nth-of-type(n+4)"
"""In the library's reference: the modules after the third of a page, which are made as the first three are."""

ONE_OF_EACH_COLOUR = """() => {
    const seen = new Set();
    for (const token of document.querySelectorAll('.highlight span[class]'))
        if (token.checkVisibility())
            seen.has(token.className) ? token.replaceWith(...token.childNodes) : seen.add(token.className);
}"""
"""Of the coloured words of code, most of a lesson's page, the first one of each class that is seen stays."""


@pytest.fixture(scope="module")
def site(browser, tmp_path_factory, worker_id):
    """The folder of the whole site's HTML, built by the first process of a run that asks for it."""
    alone = worker_id == "master"
    shared = tmp_path_factory.mktemp("website") if alone else tmp_path_factory.getbasetemp().parent / "website"
    with FileLock(f"{shared}.lock"), pytest.MonkeyPatch.context() as patch:
        if alone or not shared.exists():
            patch.delenv("LESSONS_REAL_DATA", raising=False)
            build(shared, list(LESSONS))
    return shared / "html"


@pytest.fixture
def tab(browser, request):
    """A page of a browser that has no network, light unless the test says otherwise."""
    scheme = getattr(request, "param", "light")
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True, color_scheme=scheme)
    yield context.new_page()
    context.close()


light_and_dark = pytest.mark.parametrize(
    ("tab", "only"), [("light", ""), ("dark", "color-contrast")], ids=["light", "dark"], indirect=["tab"]
)
"""In the dark only colours are different."""


def test_every_laboratory_moves_by_keyboard(site, tab):
    lost = []
    tab.on("requestfailed", lambda request: lost.append(request.url))
    moved = 0
    for path in sorted((site / "lessons").glob("*.html")):
        tab.goto(path.as_uri())
        for laboratory in tab.locator(".laboratory").all():
            image = laboratory.locator("img")
            for control in laboratory.locator("input[type=range]").all():
                before = image.get_attribute("src"), image.get_attribute("alt"), control.input_value()
                control.focus()
                for key in ("Home", "End"):
                    tab.keyboard.press(key)
                    if control.input_value() != before[2]:
                        break
                assert image.get_attribute("src") != before[0] or image.get_attribute("alt") != before[1], path.stem
                tab.wait_for_function("img => img.complete && img.naturalWidth > 0", arg=image.element_handle())
                assert laboratory.locator(".words").inner_text().strip()
                control.fill(before[2])  # the next control is moved from where the page opens
                moved += 1
    assert moved >= 2 * 14 and lost == []


@light_and_dark
def test_no_page_has_a_serious_fault_of_access(site, tab, only):
    found = []
    for path in sorted(path for path in site.rglob("*.html") if "_static" not in path.parts):  # the theme's templates
        tab.goto(path.as_uri())
        tab.evaluate(ONE_OF_EACH_COLOUR)
        if path.parent.name == "api":
            tab.evaluate("parts => document.querySelectorAll(parts).forEach(part => part.remove())", ALIKE)
        found += [(path.stem, *fault) for fault in faults(tab, only=only)]
    assert found == []


@light_and_dark
def test_axe_finds_planted_faults(site, tab, only):
    tab.goto((site / "index.html").as_uri())
    tab.evaluate("document.querySelector('main img').removeAttribute('alt')")
    tab.evaluate("document.querySelector('main p').style.cssText = 'color: #777; background: #888'")
    assert {rule for rule, _ in faults(tab, only=only)} >= {only or "image-alt", "color-contrast"}


def test_no_page_is_too_heavy(site):
    assert {name: size for name, size in weights(site).items() if size > HEAVIEST} == {}
    assert weights(site)["lessons/12_roi_align.html"] > 1_000_000, "the pictures of its laboratory count"
