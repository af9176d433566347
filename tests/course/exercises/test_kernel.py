"""The engine in a real Jupyter kernel: endless loops, exits and interrupts never take the notebook with them."""

import asyncio
import os

import nbformat
import pytest
from nbclient import NotebookClient

SETUP = """
import time
import lessons_lib.course.exercises.engine.checking as checking
from lessons_lib.course.exercises import exercise, hint, progress, reveal
checking.check.__defaults__ = (1.0,)
"""


def cell(body):
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return f'@exercise("00.1")\ndef covered(mask):\n{lines}'


CELLS = {
    "setup": SETUP,
    "stub": cell('raise NotImplementedError("your turn")'),
    "loop": cell("while True:\n    pass"),
    "sleep": cell("time.sleep(1000)"),
    "swallow": cell("while True:\n    try:\n        time.sleep(1000)\n    except:\n        pass"),
    "exit": cell("exit()"),
    "sys.exit": cell("import sys\nsys.exit()"),
    "interrupt": cell("raise KeyboardInterrupt"),
    "print": cell("while True:\n    print('on and on')"),
    "raise": cell("x = mask.sum()\nreturn x.nothing"),
    "pass": cell("return mask.sum()"),
    "hint": 'hint("00.1")',
    "reveal": 'reveal("00.1")',
    "progress": "progress()",
    "after": "covered(mask=__import__('torch').ones(3, 4) > 0)",
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """The outputs of each cell, run one after the other in one kernel."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS.values()])
    client = NotebookClient(notebook, timeout=600, kernel_name="python3")
    client.execute(env=dict(os.environ, LESSONS_HOME=str(tmp_path_factory.mktemp("home"))))
    return dict(zip(CELLS, (one["outputs"] for one in notebook["cells"]), strict=True))


def text(outputs):
    (only,) = outputs
    return only["data"]["text/plain"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("stub", "○ 00.1 Covered pixels: not yet attempted."),
        ("loop", "did not come to an end: all calls together have 1 seconds."),
        ("sleep", "did not come to an end"),
        ("swallow", "did not come to an end"),
        ("exit", "raised SystemExit. In line 3 of your code: exit()"),
        ("sys.exit", "raised SystemExit. In line 4 of your code: sys.exit()"),
        ("interrupt", "raised KeyboardInterrupt. In line 3 of your code"),
        ("print", "it printed: on and on"),
        ("raise", "In line 4 of your code: return x.nothing"),
        ("pass", "✓ 00.1 Covered pixels: passed."),
        ("hint", "00.1, hint 1 of 2"),
        ("reveal", "def covered_pixels(mask):"),
        ("progress", "1 of 1"),
        ("after", "12"),
    ],
)
def test_each_cell_has_its_one_output(outputs, name, words):
    assert words in text(outputs[name])


def test_cards_are_html_and_code_is_markdown(outputs):
    assert outputs["pass"][0]["data"]["text/html"].startswith("<div")
    assert "<img" not in outputs["pass"][0]["data"]["text/html"]
    assert outputs["reveal"][0]["data"]["text/markdown"].startswith("```python\n")
    assert "text/html" in outputs["progress"][0]["data"]


def test_a_users_interrupt_stops_the_cell_and_the_kernel_lives_on(tmp_path):
    endless = CELLS["swallow"].replace("except:", "except ValueError:")
    sources = [SETUP.replace("(1.0,)", "(100.0,)"), endless, "1 + 1"]
    notebook = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, sources)))
    client = NotebookClient(notebook, timeout=600, kernel_name="python3", allow_errors=True)

    async def press_stop():
        await asyncio.sleep(1)
        await client.km.interrupt_kernel()

    async def run():
        async with client.async_setup_kernel(env=dict(os.environ, LESSONS_HOME=str(tmp_path))):
            await client.async_execute_cell(notebook["cells"][0], 0)
            stop = asyncio.ensure_future(press_stop())
            await client.async_execute_cell(notebook["cells"][1], 1)
            await stop
            await client.async_execute_cell(notebook["cells"][2], 2)

    asyncio.run(run())
    assert notebook["cells"][1]["outputs"][0]["ename"] == "KeyboardInterrupt"
    assert notebook["cells"][2]["outputs"][0]["data"]["text/plain"] == "2"
