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
        "LESSONS_HOME": str(folder / "home"),
        "IPYTHONDIR": str(folder / "ipython"),
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(NOTEBOOKS.parent), environment.get("PYTHONPATH")]))
    if capability:
        environment["ATEN_CPU_CAPABILITY"] = capability
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--color=no"]
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


def test_the_run_finds_another_output_and_passes_the_right_one(tmp_path):
    right = new_code_cell("print(1 + 1)", outputs=[new_output("stream", text="2\n")])
    wrong = new_code_cell("print(1 + 1)", outputs=[new_output("stream", text="3\n")])
    assert run_strictly(write(tmp_path / "right" / "a.ipynb", right), tmp_path / "one").status == 0
    run = run_strictly(write(tmp_path / "wrong" / "a.ipynb", wrong), tmp_path / "two")
    assert run.status == 1
    assert "Cell outputs differ" in run.output


def test_the_run_finds_a_pale_figure(tmp_path):
    for colour, found in (("#222222", ""), ("#bbbbbb", "A title: text 'faint' has a contrast of 1.9\n")):
        source = (
            "import matplotlib.pyplot as plt\nfrom lessons_lib.course.figures import show\n"
            f"fig, ax = plt.subplots()\nax.set_title('faint', color='{colour}')\nshow(fig, 'A title.')"
        )
        shown = f'{SHOWN}<img alt="A title."><figcaption>A title.</figcaption></figure>'
        outputs = [new_output("display_data", {"text/html": shown, "text/plain": "A title."})]
        path = write(tmp_path / f"lesson-{colour}" / "a.ipynb", new_code_cell(source, outputs=outputs))
        run = run_strictly(path, tmp_path / f"run-{colour}")
        report = tmp_path / f"run-{colour}" / FAINT
        assert run.status == 0, run.output
        assert (report.read_text("utf-8") if report.exists() else "") == found


def test_the_run_sees_capability_home_time_and_memory(tmp_path):
    """Beside a cell that does next to nothing: what a kernel takes before its first cell is not the cell's."""
    runs = []
    for size, work in ((1, 0.0), (300_000_000, 3.0)):
        source = (
            f"import os, time\nlump = bytearray({size})\nlump[::4096] = b'1' * len(lump[::4096])\n"
            f"end = time.process_time() + {work}\nwhile time.process_time() < end: pass\n"
            "print(os.environ['ATEN_CPU_CAPABILITY'], os.environ['LESSONS_HOME'] == os.path.abspath('../home'))"
        )
        cell = new_code_cell(source, outputs=[new_output("stream", text="default True\n")])
        run = run_strictly(write(tmp_path / f"lesson-{size}" / "a.ipynb", cell), tmp_path / f"run-{size}", "default")
        assert run.status == 0, run.output
        runs.append(run)
    light, heavy = runs
    assert 1.5 < heavy.seconds - light.seconds < 10
    assert 2.5e8 < heavy.peak - light.peak < 3.5e8


def test_a_command_that_never_ends_is_ended():
    run = measured([sys.executable, "-c", "print('begun', flush=True)\nwhile True: pass"], timeout=1.0)
    assert (run.status, re.findall("begun", run.output)) == (124, ["begun"])
