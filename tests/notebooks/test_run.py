"""Every lesson runs from top to bottom and prints what is committed, twice: as this processor computes and as any does.

Compared is text, captions included, strictly, by nbval; ATEN_CPU_CAPABILITY=default takes torch's vector instructions
away, so a number that depends on the processor is found here and not on a learner's machine. Nothing is written beside
the lessons. While a lesson runs, the contrast of its figures is measured.
"""

import os
import re
import shutil
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from lessons_lib.course.figures import SHOWN
from tests.notebooks.measure import Measured, measured

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
LESSONS = sorted(NOTEBOOKS.glob("*.ipynb"))
IMAGES = Path(__file__).with_name("images.cfg")  # two runs need not draw the same bytes; the captions must be the same
SECONDS, BYTES = 60, 2e9
SLOWER = 6  # another processor, or one that is shared, may need that many times as long as a quiet one


FAINT = "faint.txt"  # what is hard to see in the figures of a run
WATCH = """from pathlib import Path
from lessons_lib.course import figures, training_line
from tests.course.contrast import watch
figures.show = watch(Path({report!r}), figures.show)
training_line.PATIENCE = 0
"""
"""Runs in the kernel first. A cell that trains says so at once, as it would on a slow machine, so its tag must say that
its output is not compared."""


def run_strictly(path: Path, folder: Path, capability: str = "") -> Measured:
    """nbval over a copy of the lesson, in a folder and a home of its own, with one thread.

    What is hard to see in the figures that it shows is written into `FAINT`.
    """
    startup = folder / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "watch.py").write_text(WATCH.format(report=str(folder / FAINT)), "utf-8")
    shutil.copytree(path.parent, folder / "notebooks", ignore=shutil.ignore_patterns("*.ipynb", "__pycache__", ".*"))
    copy = Path(shutil.copy(path, folder / "notebooks"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "MPLBACKEND"))}
    environment |= {
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # loading what nbval does not need takes seconds
        "LESSONS_HOME": str(folder / "home"),
        "IPYTHONDIR": str(folder / "ipython"),
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(NOTEBOOKS.parent), environment.get("PYTHONPATH")]))
    if capability:
        environment["ATEN_CPU_CAPABILITY"] = capability
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "nbval.plugin", "--color=no"]
    command += ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=600"]
    command += ["--nbval-sanitize-with", str(IMAGES), copy.name]
    return measured(command, timeout=1200, env=environment, cwd=copy.parent)


def write(path: Path, *cells: nbformat.NotebookNode) -> Path:
    for count, cell in enumerate(cells, 1):
        cell.execution_count = count
    path.parent.mkdir()
    nbformat.write(new_notebook(cells=list(cells)), path)
    return path


# A lesson whose training has its table of twenty disturbed runs needs no second run with other instructions.
TABLES = {path.stem.removeprefix("lesson_") for path in (NOTEBOOKS.parent / "results").glob("lesson_*.json")}
RUNS = [(path, "") for path in LESSONS] + [(path, "default") for path in LESSONS if path.stem[:2] not in TABLES]


@pytest.mark.parametrize(("path", "capability"), RUNS, ids=[f"{path.stem}-{how or 'native'}" for path, how in RUNS])
def test_lesson_prints_what_is_committed(path, capability, tmp_path, record_property):
    run = run_strictly(path, tmp_path, capability)
    record_property("cost", f"{run.seconds:.1f} s, {run.peak / 1e9:.2f} GB")
    assert run.status == 0, run.output
    assert not (tmp_path / FAINT).exists(), (tmp_path / FAINT).read_text("utf-8")
    assert run.seconds <= SLOWER * SECONDS
    assert run.peak <= BYTES


SHOWING = """import matplotlib.pyplot as plt
from lessons_lib.course.figures import show
fig, ax = plt.subplots()
ax.set_title('title', color='{colour}')
show(fig, 'A title.')
"""
WORKING = """import os, time
lump = bytearray({size})
lump[::4096] = b'1' * len(lump[::4096])
end = time.process_time() + {seconds}
while time.process_time() < end: pass
print(os.environ['ATEN_CPU_CAPABILITY'], os.environ['LESSONS_HOME'] == os.path.abspath('../home'))
"""


def run_of_a_lesson(folder: Path, colour="#222222", size=1, seconds=0.0, printed="default True\n") -> Measured:
    """A strict run of a lesson of two cells, where nothing is wrong unless the arguments say so."""
    shown = f'{SHOWN}<img alt="A title."><figcaption>A title.</figcaption></figure>'
    figure = new_output("display_data", {"text/html": shown, "text/plain": "A title."})
    cells = [
        new_code_cell(SHOWING.format(colour=colour), outputs=[figure]),
        new_code_cell(WORKING.format(size=size, seconds=seconds), outputs=[new_output("stream", text=printed)]),
    ]
    return run_strictly(write(folder / "lesson" / "a.ipynb", *cells), folder / "run", "default")


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> tuple[Path, Measured]:
    folder = tmp_path_factory.mktemp("good")
    return folder, run_of_a_lesson(folder)


def test_the_run_passes_the_right_output_and_a_dark_figure(good):
    folder, run = good
    assert run.status == 0, run.output
    assert not (folder / "run" / FAINT).exists()


def test_the_run_finds_another_output_and_a_pale_figure(tmp_path):
    run = run_of_a_lesson(tmp_path, colour="#bbbbbb", printed="default False\n")
    assert run.status == 1
    assert "Cell outputs differ" in run.output
    assert (tmp_path / "run" / FAINT).read_text("utf-8") == "A title: text 'title' has a contrast of 1.9\n"


def test_the_run_sees_time_and_memory(good, tmp_path):
    """Beside a cell that does next to nothing: what a kernel takes before its first cell is not the cell's."""
    _, light = good
    heavy = run_of_a_lesson(tmp_path, size=300_000_000, seconds=5.0)
    assert heavy.status == 0, heavy.output
    assert 1.5 < heavy.seconds - light.seconds < 20
    assert 2.5e8 < heavy.peak - light.peak < 3.5e8


def test_a_command_that_never_ends_is_ended():
    run = measured([sys.executable, "-c", "print('begun', flush=True)\nwhile True: pass"], timeout=1.0)
    assert (run.status, re.findall("begun", run.output)) == (124, ["begun"])
