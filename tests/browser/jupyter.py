"""JupyterLab for a test: a server of its own, and a lesson opened in a real browser."""

import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch
from urllib.error import URLError

from playwright.sync_api import Locator, Page

from lessons_lib.course.launch import FIRST_LESSON, WORKSPACE, lab_command, lab_environment, write_workspace

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
SECOND = 1000  # Playwright counts in milliseconds
PATIENCE = 300  # seconds; a slow machine that others share must not fail a test
LOOK = 200  # milliseconds; to look at every drawn frame, as Playwright would, takes longer than the kernel's own work
DONE_OR_STOPPED = """() => {
    const prompts = [...document.querySelectorAll('.jp-Notebook .jp-CodeCell .jp-InputPrompt')].map(p => p.textContent);
    window.quiet = prompts.some(prompt => prompt.includes('*')) ? 0 : (window.quiet || 0) + 1;
    return window.quiet > 50 || prompts.every(prompt => !prompt || /\\d/.test(prompt));
}"""
"""Each cell has its number (a folded one has an empty prompt), or for 50 looks none was running or waiting its turn:
after a cell that fails and may fail the front end takes a moment to go on."""


def find_chromium() -> str | None:
    """The Chromium or Chrome on this machine; None where there is none."""
    return next(filter(None, map(shutil.which, (*NAMES, MAC))), None)


@dataclass(frozen=True)
class Server:
    """A running JupyterLab: its address, its token, and the folder with the learner's copies."""

    address: str
    token: str
    course: Path

    @property
    def front_door(self) -> str:
        """Where `make lab` opens the course, in its own workspace."""
        return f"{self.address}/lab/workspaces/{WORKSPACE}/tree/{self.course.name}/{FIRST_LESSON}?token={self.token}"

    def url(self, lesson: str) -> str:
        return f"{self.address}/lab/tree/{self.course.name}/{lesson}?reset&token={self.token}"


@contextmanager
def jupyter_server(folder: Path) -> Iterator[Server]:
    """The JupyterLab that `make lab` starts, over folder/my_course, with its homes and settings in folder.

    All cells are put in the page at once (no windowing), so that a test finds them. Raises TimeoutError when the server
    does not answer within five minutes.
    """
    settings = folder / "settings" / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"windowingMode": "none"}))
    homes = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime"}
    homes |= {"JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces"}
    homes |= {"LESSONS_HOME": "home", "IPYTHONDIR": "ipython"}
    environment = {name: value for name, value in lab_environment().items() if name != "MPLBACKEND"}
    environment |= {name: str(folder / place) for name, place in homes.items()} | {"JUPYTER_TOKEN": "a-test"}
    with patch.dict(os.environ, environment):
        write_workspace()
    port = _free_port()
    command = [
        *lab_command(folder / "my_course", browser=False, port=port),
        "--allow-root",
        "--ServerApp.port_retries=0",
    ]
    with open(folder / "server.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
    try:
        server = Server(f"http://127.0.0.1:{port}", "a-test", folder / "my_course")
        _wait_for(f"{server.address}/api/status?token={server.token}", process, folder / "server.log")
        yield server
    finally:
        process.terminate()  # the server ends its kernels too
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for(url: str, process: subprocess.Popen, log: Path, seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (URLError, OSError):
            time.sleep(0.2)
    raise TimeoutError(f"JupyterLab did not start:\n{log.read_text(encoding='utf-8')[-3000:]}")


def end_kernels(server: Server) -> None:
    """Ends the kernels of all open lessons: each holds a gigabyte, and a closed page leaves its own alive."""
    address, key = f"{server.address}/api/sessions", {"Authorization": f"token {server.token}"}
    with urllib.request.urlopen(urllib.request.Request(address, headers=key), timeout=PATIENCE) as answer:
        sessions = json.load(answer)
    for session in sessions:
        request = urllib.request.Request(f"{address}/{session['id']}", headers=key, method="DELETE")
        urllib.request.urlopen(request, timeout=PATIENCE).close()


def open_lesson(page: Page, server: Server, lesson: str, theme: str = "light") -> None:
    """Opens a lesson in a fresh workspace and waits until its cells stand there and its kernel is ready."""
    settings = server.course.parent / "settings" / "@jupyterlab" / "apputils-extension" / "themes.jupyterlab-settings"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text(json.dumps({"theme": f"JupyterLab {theme.capitalize()}"}))
    page.goto(server.url(lesson))
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
    _wait_until_idle(page)


def run_all(page: Page, seconds: float = 4 * PATIENCE) -> None:
    """Runs every cell from the Run menu, and waits until each has its number; AssertionError where the run stops."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_timeout(300)  # the front end first takes the old numbers away
    page.wait_for_function(DONE_OR_STOPPED, timeout=seconds * SECOND, polling=LOOK)
    _wait_until_idle(page)
    prompts = page.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt").all_text_contents()
    waiting = [prompt for prompt in prompts if prompt and not re.search(r"\d", prompt)]  # a folded cell's is empty
    assert not waiting, f"the run stopped before its end, {len(waiting)} cells are left: {prompts}"


def wait_for_cells(page: Page, seconds: float = PATIENCE) -> None:
    """Waits until no cell is running or waiting its turn."""
    page.wait_for_timeout(300)  # the front end marks the cells first
    star = (
        "[...document.querySelectorAll('.jp-Notebook .jp-InputPrompt')].some(prompt => prompt.innerText.includes('*'))"
    )
    page.wait_for_function(f"() => !{star}", timeout=seconds * SECOND, polling=LOOK)
    _wait_until_idle(page)


def _wait_until_idle(page: Page) -> None:
    """The status bar names the kernel and calls it idle; before that the kernel is still starting."""
    page.get_by_text(re.compile(r"Python 3.* \| Idle")).first.wait_for()


def cell_with(page: Page, text: str) -> Locator:
    """The one code cell whose source holds the text."""
    editor = page.locator(".jp-Cell-inputArea").filter(has_text=text)
    cell = page.locator(".jp-Notebook .jp-CodeCell").filter(has=editor)
    assert cell.count() == 1, f"{cell.count()} code cells hold {text!r}"
    return cell


def retype_and_run(page: Page, cell: Locator, source: str) -> None:
    """Replaces the cell's text as a learner would, runs it with Shift+Enter, and waits for it."""
    cell.locator(".cm-content").click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(source)
    page.keyboard.press("Shift+Enter")
    wait_for_cells(page)


def result_of(cell: Locator) -> dict[str, object]:
    """What a laboratory shows besides its controls: the sources of its pictures and its text."""
    return cell.locator(".jp-Cell-outputWrapper").evaluate(
        """output => {
            const copy = output.cloneNode(true);
            const own = '.widget-slider, .widget-readout, .controls, select, input, button, label';
            copy.querySelectorAll('.jp-OutputPrompt, ' + own).forEach(control => control.remove());
            return {pictures: [...output.querySelectorAll('img')].map(i => i.src), text: copy.textContent.trim()};
        }"""
    )


def wait_for_change(
    page: Page, cell: Locator, before: dict[str, object], seconds: float = PATIENCE
) -> dict[str, object]:
    """Waits until both the pictures and the text of a laboratory differ from before, and returns them.

    Raises AssertionError, saying what stayed, when they do not.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        now = result_of(cell)
        if now["pictures"] and all(now[part] != before[part] for part in ("pictures", "text")):
            return now
        page.wait_for_timeout(100)
    stayed = [part for part in before if now[part] == before[part]]
    raise AssertionError(f"after {seconds} s the same as before: {', '.join(stayed)}: {now['text'][:500]!r}")
