"""Opening the course: copies lessons into my_course/, starts JupyterLab there, gives a lesson back as it was.

The lessons in notebooks/ stay as they are; a learner works on copies in my_course/, which git ignores.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from lessons_lib.atomic import whole_file, write_whole
from lessons_lib.course.course_map import LESSONS

ROOT = Path(__file__).resolve().parents[2]
FIRST_LESSON = "00_start_here.ipynb"
WORKSPACE = "from-strides-to-masks"
LANGUAGE = '"language_info": {\n   "name": "python"\n  }'
"""What a shipped lesson says of its language; a kernel says more."""


def lesson_files(notebooks: Path) -> list[Path]:
    """What a learner gets, relative to the notebooks folder: the lessons and any image or table beside them.

    Raises FileNotFoundError when the folder holds no lesson, as in an installation without the repository.
    """
    if not any(notebooks.glob("*.ipynb")):
        raise FileNotFoundError(
            f"no lessons in {notebooks}: the course runs from its repository, so get that and there run "
            "`python -m pip install -c constraints.txt -e .[dev]`"
        )
    files = (path.relative_to(notebooks) for path in notebooks.rglob("*") if path.is_file())
    return sorted(path for path in files if path.suffix != ".py" and not path.parts[0].startswith((".", "__")))


def copy_lessons(notebooks: Path, course: Path) -> list[Path]:
    """Copies the lessons that are not in the course folder yet, and returns them; never overwrites one."""
    new = [path for path in lesson_files(notebooks) if not (course / path).exists()]
    for path in new:
        _copy(notebooks / path, course / path)
    return new


def reset_lesson(lesson: str, notebooks: Path, course: Path) -> tuple[Path, Path | None]:
    """Gives a lesson back as it was shipped; the learner's own version stays beside it under a dated name.

    `lesson` is a number ("4", "04") or a notebook's name. Returns the restored notebook and the one kept aside (None
    when there was none). Raises ValueError when no lesson, or more than one, has the name, or it is not written yet.
    """
    names = [path for path in lesson_files(notebooks) if path.suffix == ".ipynb" and len(path.parts) == 1]
    wanted = f"{int(lesson):02d}" if lesson.isdecimal() else Path(lesson).stem
    found = [path for path in names if wanted in (path.stem, path.stem.split("_")[0])]
    if not found and wanted in LESSONS:
        raise ValueError(f"lesson {wanted}, {LESSONS[wanted]}, is not written yet")
    if len(found) != 1:
        have = ", ".join(path.stem for path in names)
        raise ValueError(f"lesson must be one of {have}, or its number, got {lesson!r}")
    current, kept = course / found[0], None
    if current.exists():
        kept = _dated(current)
        current.rename(kept)
    _copy(notebooks / found[0], current)
    return current, kept


def _copy(source: Path, target: Path) -> None:
    """Copies by way of a temporary name, so that an interrupted copy never passes for a lesson."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(target) as part:
        shutil.copyfile(source, part)
        if source.suffix == ".ipynb":
            text = part.read_text("utf-8")
            told = json.dumps({"language_info": language()}, indent=1).removeprefix("{").removesuffix("}").strip()
            part.write_text(text.replace(LANGUAGE, told.replace("\n", "\n ")), "utf-8", newline="\n")


def language() -> dict[str, Any]:
    """What this Python's kernel says of its language.

    JupyterLab writes it into every lesson that it opens; a copy that holds it already was not changed, and may be
    closed without a question.
    """
    return {
        "codemirror_mode": {"name": "ipython", "version": sys.version_info[0]},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": f"ipython{sys.version_info[0]}",
        "version": platform.python_version(),
    }


def write_workspace() -> Path:
    """Writes how JupyterLab looks when the course is opened for the first time: with the table of contents.

    The workspace is the course's own, and stays as the learner has left it. Returns its file.
    """
    from jupyterlab.commands import get_workspaces_dir
    from jupyterlab_server.workspaces_handler import WORKSPACE_EXTENSION, slugify

    path = Path(get_workspaces_dir()) / (slugify(WORKSPACE) + WORKSPACE_EXTENSION)
    if not path.exists():
        contents = "@jupyterlab/toc:plugin"
        left = {"collapsed": False, "visible": True, "current": contents, "widgets": ["filebrowser", contents]}
        layout = {"left": left, "relativeSizes": [0.2, 0.8, 0]}
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps({"data": {"layout-restorer:data": layout}, "metadata": {"id": WORKSPACE}}))
    return path


def _dated(path: Path) -> Path:
    """A free name beside path that says when it was put aside."""
    stem = f"{path.stem}.{datetime.now():%Y-%m-%d-%H%M%S}"
    candidates = (path.with_name(f"{stem}{'-' * bool(n)}{n or ''}{path.suffix}") for n in range(1000))
    return next(candidate for candidate in candidates if not candidate.exists())


def lab_command(course: Path, browser: bool, port: int | None) -> list[str]:
    """The JupyterLab that `lab` starts: for this machine only, open at the first lesson."""
    command = [
        *(sys.executable, "-m", "jupyterlab"),
        f"--ServerApp.root_dir={course.parent}",
        "--ServerApp.ip=127.0.0.1",
        "--ServerApp.allow_remote_access=False",
        f"--LabApp.default_url=/lab/workspaces/{WORKSPACE}/tree/{course.name}/{FIRST_LESSON}",
    ]
    if port is not None:
        command.append(f"--ServerApp.port={port}")
    if not browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # in a container there often is nobody else
    return command


def lab_environment() -> dict[str, str]:
    """The environment of that JupyterLab: this one, and defaults under which it neither asks for nor fetches news.

    They are defaults only: what a user has chosen in JupyterLab's settings stays chosen. Kernels run `startup.py`
    first, and it runs the startup file that the user had.
    """
    home = Path(__file__).parent / "jupyter"
    paths = [str(home), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    ours = {"JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, paths)), "PYTHONSTARTUP": str(home / "startup.py")}
    theirs = os.environ.get("PYTHONSTARTUP")
    return {**os.environ, **ours, **({"LESSONS_PYTHONSTARTUP": theirs} if theirs else {})}


def lab(browser: bool = True, port: int | None = None) -> int:
    """Copies new lessons into my_course/ and becomes JupyterLab, until Ctrl-C. Returns its exit status."""
    course = ROOT / "my_course"
    for path in copy_lessons(ROOT / "notebooks", course):
        print(f"new in {course.name}/: {path}")
    write_workspace()
    command = lab_command(course, browser, port)
    print(f"Opening {course.name}/{FIRST_LESSON} in JupyterLab. Ctrl-C here ends it.", flush=True)
    if sys.platform != "win32":
        os.execve(command[0], command, lab_environment())
    try:
        return subprocess.call(command, env=lab_environment())
    except KeyboardInterrupt:  # JupyterLab got it too, and has ended
        return 0


def reset(lesson: str) -> int:
    """Restores one lesson in my_course/ and says where the learner's own version went."""
    restored, kept = reset_lesson(lesson, ROOT / "notebooks", ROOT / "my_course")
    if kept is not None:
        print(f"your version is kept as {kept.relative_to(ROOT)}")
    print(f"{restored.relative_to(ROOT)} is as it was shipped; if it is open, close it and open it again")
    return 0
