"""One browser and one JupyterLab for all browser tests of a worker; a page for each test."""

import os
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from lessons_lib.course.launch import copy_lessons
from tests.browser.jupyter import PATIENCE, SECOND, end_kernels, find_chromium, jupyter_server
from tests.some_steps import train_for_some_steps

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]

VIEWPORT = {"width": 1280, "height": 1000}
expect.set_options(timeout=PATIENCE * SECOND)


def pytest_collection_modifyitems(items):
    """First comes a test that needs the site, which takes minutes to build while the other process runs lessons. The
    others that need it take long too; they come in the middle, so that no process is left with them alone."""
    site = [item for item in items if "site" in getattr(item, "fixturenames", ())]
    others = [item for item in items if item not in site]
    half = len(others) // 2
    items[:] = [*site[:1], *others[:half], *site[1:], *others[half:]]


def pytest_runtest_setup(item):
    """A machine so slow that it would be stopped in the middle gives up what is left, and says so."""
    if time.time() > float(os.environ.get("LESSONS_UNTIL", "inf")):
        pytest.skip("no time is left on this machine")


@pytest.fixture(scope="session")
def browser():
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no Chromium or Chrome found on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS, headless=True)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(browser, tmp_path_factory):
    """JupyterLab over the lessons, which train for some steps only: what they learn is tested without a browser."""
    folder = tmp_path_factory.mktemp("lab")
    copy_lessons(NOTEBOOKS, folder / "my_course")
    train_for_some_steps(folder / "ipython")
    with jupyter_server(folder) as server:
        yield server


@pytest.fixture
def page(browser, request):
    context = browser.new_context(viewport=VIEWPORT)
    context.set_default_timeout(PATIENCE * SECOND)
    page = context.new_page()
    yield page
    context.close()
    if "server" in request.fixturenames:
        end_kernels(request.getfixturevalue("server"))
