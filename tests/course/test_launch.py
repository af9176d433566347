"""Copies of lessons, their reset, the JupyterLab that is started, and the command line in front of them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from ipykernel.ipkernel import IPythonKernel
from jupyterlab_server.workspaces_handler import WorkspacesManager
from nbclient import NotebookClient

from lessons_lib.__main__ import main, parser
from lessons_lib.course import launch

SETUP = "from lessons_lib.course.exercises import exercise"


@pytest.fixture
def notebooks(tmp_path: Path) -> Path:
    folder = tmp_path / "notebooks"
    (folder / "pictures").mkdir(parents=True)
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / "__pycache__").mkdir()
    for name in ("00_start_here.ipynb", "04_checkerboard.ipynb", "pictures/cat.png", "refresh.py"):
        (folder / name).write_text(f"shipped {name}")
    (folder / ".ipynb_checkpoints" / "00_start_here-checkpoint.ipynb").write_text("no")
    (folder / "__pycache__" / "refresh.pyc").write_text("no")
    return folder


@pytest.fixture(autouse=True)
def own_workspaces(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("JUPYTERLAB_WORKSPACES_DIR", str(tmp_path / "workspaces"))


@pytest.fixture
def course(tmp_path: Path) -> Path:
    return tmp_path / "my_course"


def files(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_copies_lessons_and_what_lies_beside_them(notebooks, course):
    new = launch.copy_lessons(notebooks, course)
    assert [path.as_posix() for path in new] == ["00_start_here.ipynb", "04_checkerboard.ipynb", "pictures/cat.png"]
    assert files(course) == {path.as_posix(): f"shipped {path.as_posix()}" for path in new}


@pytest.mark.parametrize("path", sorted((launch.ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_copy_says_what_its_kernel_will_say_and_else_is_the_same(path, tmp_path):
    launch._copy(path, tmp_path / path.name)
    shipped, copied = nbformat.read(path, as_version=4), nbformat.read(tmp_path / path.name, as_version=4)
    assert copied.metadata.pop("language_info") == IPythonKernel.language_info
    assert shipped.metadata.pop("language_info") == {"name": "python"}
    assert copied == shipped


def test_the_workspace_is_written_once_and_then_the_learners(tmp_path):
    path = launch.write_workspace()
    assert path.parent == tmp_path / "workspaces"
    manager = WorkspacesManager(str(path.parent))
    layout = manager.load(launch.WORKSPACE)["data"]["layout-restorer:data"]
    assert (layout["left"]["current"], layout["left"]["collapsed"]) == ("@jupyterlab/toc:plugin", False)
    path.write_text("mine")
    assert launch.write_workspace() == path and path.read_text() == "mine"


def test_never_overwrites_and_brings_new_lessons(notebooks, course):
    launch.copy_lessons(notebooks, course)
    (course / "04_checkerboard.ipynb").write_text("mine")
    (notebooks / "05_subpixel.ipynb").write_text("new")
    assert launch.copy_lessons(notebooks, course) == [Path("05_subpixel.ipynb")]
    assert files(course)["04_checkerboard.ipynb"] == "mine"
    assert launch.copy_lessons(notebooks, course) == []


def test_interrupted_copy_leaves_no_lesson(notebooks, course, monkeypatch):
    def cut(source, target):
        Path(target).write_text("half", encoding="utf-8")
        raise KeyboardInterrupt

    monkeypatch.setattr(launch.shutil, "copyfile", cut)
    with pytest.raises(KeyboardInterrupt):
        launch.copy_lessons(notebooks, course)
    monkeypatch.undo()
    launch.copy_lessons(notebooks, course)
    assert set(files(course).values()) == {f"shipped {name}" for name in files(course)}


@pytest.mark.parametrize(
    "lesson", ["4", "04", "04_checkerboard", "04_checkerboard.ipynb", "notebooks/04_checkerboard.ipynb"]
)
def test_reset_restores_and_keeps_yours_aside(lesson, notebooks, course):
    launch.copy_lessons(notebooks, course)
    (course / "04_checkerboard.ipynb").write_text("mine")
    restored, kept = launch.reset_lesson(lesson, notebooks, course)
    assert (restored, restored.read_text()) == (course / "04_checkerboard.ipynb", "shipped 04_checkerboard.ipynb")
    assert kept.read_text() == "mine"
    assert kept.name.startswith("04_checkerboard.20")
    assert kept.suffix == ".ipynb"


def test_two_resets_in_one_second_keep_both(notebooks, course):
    kept = []
    for text in ("first", "second", "third"):
        course.mkdir(exist_ok=True)
        (course / "04_checkerboard.ipynb").write_text(text)
        kept.append(launch.reset_lesson("04", notebooks, course)[1])
    assert [path.read_text() for path in kept] == ["first", "second", "third"]


def test_reset_of_a_lesson_not_there_yet_copies_it(notebooks, course):
    restored, kept = launch.reset_lesson("00", notebooks, course)
    assert (files(course), kept) == ({restored.name: "shipped 00_start_here.ipynb"}, None)


def test_lab_is_for_this_machine_only(course):
    command = launch.lab_command(course, browser=True, port=None)
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert "--ServerApp.ip=127.0.0.1" in command
    assert f"--ServerApp.root_dir={course.parent}" in command
    assert "--LabApp.default_url=/lab/workspaces/from-strides-to-masks/tree/my_course/00_start_here.ipynb" in command
    assert not [
        word for word in command if "browser" in word or "port" in word or "token" in word or "password" in word
    ]
    command = launch.lab_command(course, browser=False, port=9000)
    assert {"--ServerApp.port=9000", "--no-browser"} <= set(command)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="this system has no user called root")
@pytest.mark.parametrize(("user", "allowed"), [(0, True), (1000, False)])
def test_root_in_a_container_may_run_the_lab(user, allowed, course, monkeypatch):
    monkeypatch.setattr(launch.os, "geteuid", lambda: user)
    assert ("--allow-root" in launch.lab_command(course, browser=True, port=None)) is allowed


def test_lab_neither_asks_for_news_nor_fetches_any(monkeypatch, tmp_path):
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "theirs")
    ours, theirs = launch.lab_environment()["JUPYTER_CONFIG_PATH"].split(os.pathsep)
    assert theirs == "theirs"
    overrides = json.loads((Path(ours) / "labconfig" / "default_setting_overrides.json").read_text())
    assert overrides["@jupyterlab/apputils-extension:notification"] == {"fetchNews": "false"}
    assert overrides["@jupyter-widgets/jupyterlab-manager:plugin"] == {"saveState": True}  # a laboratory is kept
    monkeypatch.delenv("JUPYTER_CONFIG_PATH")
    assert launch.lab_environment()["JUPYTER_CONFIG_PATH"] == ours


def test_an_exercise_that_is_run_before_the_setup_says_so(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text("favourite = 7")
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "mine.py"))
    sources = [
        '@exercise("02.1")\ndef f(x):\n    return x',
        "print(f(3), favourite)",
        SETUP,
        "print(exercise.__module__)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    NotebookClient(notebook, timeout=600, kernel_name="python3").execute(env=launch.lab_environment())
    early, after, _, ours = (cell.outputs for cell in notebook.cells)
    assert early[0].text.startswith("○ 02.1: run the two cells at the top of the lesson first")
    assert after[0].text == "3 7\n", "the answer stays, and the learner's own startup file was run"
    assert ours[0].text == "lessons_lib.course.exercises.engine.notebook\n"


def test_without_a_startup_file_of_ones_own(monkeypatch):
    monkeypatch.delenv("PYTHONSTARTUP", raising=False)
    assert "LESSONS_PYTHONSTARTUP" not in launch.lab_environment()


def test_lab_copies_first_and_then_becomes_jupyterlab(notebooks, course, monkeypatch, capsys):
    started = []
    monkeypatch.setattr(launch, "ROOT", course.parent)
    monkeypatch.setattr(launch.sys, "platform", "linux")
    monkeypatch.setattr(
        launch.os, "execve", lambda path, command, environment: started.append((path, command, files(course)))
    )
    monkeypatch.setattr(launch.subprocess, "call", lambda command, env: 0)
    assert main(["lab", "--no-browser", "--port", "9001"]) == 0
    ((path, command, there),) = started
    assert (path, command[0]) == (sys.executable, sys.executable)
    assert {"--ServerApp.port=9001", "--no-browser"} <= set(command)
    assert "00_start_here.ipynb" in there
    assert "my_course/00_start_here.ipynb" in capsys.readouterr().out


def test_lab_on_windows_waits_for_jupyterlab(notebooks, course, monkeypatch):
    monkeypatch.setattr(launch, "ROOT", course.parent)
    monkeypatch.setattr(launch.sys, "platform", "win32")
    monkeypatch.setattr(launch.subprocess, "call", lambda command, env: 7)
    assert launch.lab(browser=False) == 7

    def interrupted(command, env):
        raise KeyboardInterrupt

    monkeypatch.setattr(launch.subprocess, "call", interrupted)
    assert launch.lab(browser=False) == 0


def test_reset_says_where_yours_went(notebooks, course, monkeypatch, capsys):
    monkeypatch.setattr(launch, "ROOT", course.parent)
    assert main(["reset", "4"]) == 0
    assert "kept" not in capsys.readouterr().out
    assert main(["reset", "4"]) == 0
    assert f"your version is kept as my_course{os.sep}04_checkerboard.20" in capsys.readouterr().out


def test_wrong_lesson_ends_in_one_line_and_status_1(notebooks, course, monkeypatch, capsys):
    monkeypatch.setattr(launch, "ROOT", course.parent)
    assert main(["reset", "77"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "error: lesson must be one of 00_start_here, 04_checkerboard, or its number, got '77'"
    ]


def test_check_refuses_a_folder_without_notebooks_and_names_a_missing_one(tmp_path, capsys):
    assert main(["check", str(tmp_path)]) == 1
    assert "folder must hold a notebook (*.ipynb)" in capsys.readouterr().err
    assert main(["check", str(tmp_path / "absent")]) == 1
    assert "absent" in capsys.readouterr().err


def test_progress_prints_the_map(capsys):
    assert main(["progress"]) == 0
    assert "Convolution arithmetic" in capsys.readouterr().out


def test_doctor_passes_its_status_on(monkeypatch):
    monkeypatch.setattr("lessons_lib.course.doctor.doctor", lambda: 1)
    assert main(["doctor"]) == 1


@pytest.mark.parametrize("words", [["dance"], ["reset"], ["check"], ["lab", "--port", "high"]])
def test_wrong_command_lines_are_refused_with_status_2(words):
    with pytest.raises(SystemExit) as exit:
        parser().parse_args(words)
    assert exit.value.code == 2


def test_a_terminal_without_our_signs_shows_others(tmp_path):
    run = subprocess.run(
        [sys.executable, "-m", "lessons_lib", "progress"],
        env={**os.environ, "PYTHONIOENCODING": "ascii", "LESSONS_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert "Convolution arithmetic" in run.stdout


def test_help_comes_without_loading_torch(tmp_path):
    code = (
        "import sys\nfrom lessons_lib.__main__ import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
        "print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=600)
    assert run.stdout.splitlines()[-1] == "False"
    for verb in ("doctor", "lab", "reset", "progress", "check"):
        assert f"\n    {verb} " in run.stdout
