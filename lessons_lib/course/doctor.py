"""The doctor: is this machine ready for the course, and if not, what helps?

Each check answers with a tick or a cross; a cross carries its cure. A machine without a GPU is a healthy machine.
"""

import importlib.util
import json
import os
import platform
import shutil
import sys
import tempfile
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

GB = 1e9
MIN_PYTHON = (3, 11)
MIN_MEMORY = 2 * GB
MIN_DISK = 1 * GB
WIDGET_EXTENSION = "@jupyter-widgets/jupyterlab-manager"
CHROMIUMS = ("google-chrome", "chromium", "chromium-browser", "firefox", "microsoft-edge")
REINSTALL = "python -m pip install -c constraints.txt -e .[dev]"


@dataclass(frozen=True)
class Check:
    """One line of the report: what was looked at, whether it is well, what was found, and the cure if it is not."""

    name: str
    passed: bool
    found: str
    cure: str = ""


def check_python() -> Check:
    """Python 3.11 or newer."""
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    cure = "install Python 3.11 or newer, delete the .venv folder, and run `make lab` again"
    return Check("Python", sys.version_info >= MIN_PYTHON, found, cure)


def check_torch() -> Check:
    """torch and torchvision are a pair: both import, and torchvision's compiled operators run."""
    try:
        torch = importlib.import_module("torch")
        ops = importlib.import_module("torchvision.ops")
        box = torch.tensor([[0.0, 0.0, 4.0, 4.0]])
        ops.nms(box, torch.ones(1), 0.5)
        ops.roi_align(torch.ones(1, 1, 8, 8), [box], output_size=2)
    except Exception as error:  # a broken pair fails in many ways: import, linking, operator lookup
        return Check("torch and torchvision", False, *_diagnose_pair(error))
    found = f"torch {metadata.version('torch')}, torchvision {metadata.version('torchvision')}; operators run"
    return Check("torch and torchvision", True, found)


def _diagnose_pair(error: Exception) -> tuple[str, str]:
    """What was found and the cure, for the ways in which a torch/torchvision pair is known to break."""
    message = " ".join(str(error).split())
    pair = f"torch {_version('torch')} with torchvision {_version('torchvision')}"
    if isinstance(error, ModuleNotFoundError) and error.name in ("torch", "torchvision"):
        return f"{error.name} is not installed", REINSTALL
    known = {
        "torchvision::": "torchvision was built for another torch (often: CPU-only torch, default torchvision)",
        "_OpNamespace": "torchvision has no compiled operators for this torch",
        "undefined symbol": "torchvision was built for another torch",
        "different CUDA": "torch and torchvision were built for different CUDA versions",
        "Couldn't load custom C++ ops": "torchvision's compiled operators do not load beside this torch",
    }
    for sign, meaning in known.items():
        if sign in message:
            cure = (
                "take both from one source: `python -m pip uninstall -y torch torchvision`, then\n"
                "`python -m pip install -c constraints.txt torch torchvision`; for a small CPU-only pair, both\n"
                "with the one command that pytorch.org/get-started gives"
            )
            return f"a mismatched pair, {pair}: {meaning}", cure
    return f"{pair}: {type(error).__name__}: {message[:200]}", REINSTALL


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "(not installed)"


def check_gpu() -> Check:
    """Which accelerator torch sees. None is fine: every lesson runs on a CPU."""
    found = "none; the lessons need none"
    try:
        import torch
    except Exception:  # the line above this one in the report says why
        return Check("GPU", True, found)
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        found = f"{properties.name}, {properties.total_memory / GB:.0f} GB (cuda)"
    elif torch.backends.mps.is_available():
        found = "Apple GPU (mps); the lessons use it only on request"
    return Check("GPU", True, found)


def check_memory(needed: float = MIN_MEMORY) -> Check:
    """Free memory in bytes against what the largest lesson takes."""
    import psutil

    free = psutil.virtual_memory().available
    cure = f"close other programs or notebooks: a lesson takes up to {needed / GB:.0f} GB"
    return Check("Memory", free >= needed, f"{free / GB:.1f} GB free", cure)


def check_disk(folder: Path | None = None, needed: float = MIN_DISK) -> Check:
    """Free disk in bytes where the course keeps what it writes."""
    folder = (folder or _data_folder()).absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    cure = f"free some disk space, or set LESSONS_HOME to a folder on a larger disk ({needed / GB:.0f} GB is enough)"
    return Check("Disk", free >= needed, f"{free / GB:.1f} GB free", cure)


def check_jupyter() -> Check:
    """JupyterLab and the kernel that runs the lessons are installed."""
    missing = [package for package in ("jupyterlab", "ipykernel") if importlib.util.find_spec(package) is None]
    if missing:
        return Check("JupyterLab", False, f"{' and '.join(missing)} not installed", REINSTALL)
    return Check("JupyterLab", True, f"{_version('jupyterlab')}, kernel {_version('ipykernel')}")


def check_widgets(folders: list[str] | None = None) -> Check:
    """The labs' sliders need a JupyterLab extension that is present, enabled, and of ipywidgets' generation."""
    from jupyter_core.paths import jupyter_path
    from jupyterlab_server.config import get_page_config

    folders = jupyter_path("labextensions") if folders is None else folders
    cure = "python -m pip install --force-reinstall --no-deps -c constraints.txt ipywidgets jupyterlab_widgets"
    manifests = [Path(folder) / WIDGET_EXTENSION / "package.json" for folder in folders]
    manifest = next((path for path in manifests if path.is_file()), None)
    if manifest is None:
        return Check("Widgets", False, "the sliders' JupyterLab extension is not installed", cure)
    if WIDGET_EXTENSION in get_page_config(folders)["disabledExtensions"]:
        enable = f"python -m jupyter labextension enable {WIDGET_EXTENSION}"
        return Check("Widgets", False, "the sliders' JupyterLab extension is disabled", enable)
    ipywidgets, front = _version("ipywidgets"), json.loads(manifest.read_text(encoding="utf-8"))["version"]
    same_generation = (ipywidgets.split(".")[0], front.split(".")[0]) == ("8", "5")
    return Check("Widgets", same_generation, f"ipywidgets {ipywidgets}, front end {front}", cure)


def check_browser() -> Check:
    """A browser that `make lab` can open. Inside a notebook there plainly is one."""
    ipython = sys.modules.get("IPython")
    if ipython is not None and hasattr(ipython.get_ipython(), "kernel"):
        return Check("Browser", True, "this notebook is open in one")
    try:
        webbrowser.get()
    except webbrowser.Error:
        found = next(filter(None, map(shutil.which, CHROMIUMS)), None)
        cure = "run `python -m lessons_lib lab --no-browser` and open the address that it prints"
        return Check("Browser", found is not None, Path(found).name if found else "none found", cure)
    return Check("Browser", True, "found")


def check_data_folder(folder: Path | None = None) -> Check:
    """The folder for progress and data sets can be made and written to."""
    folder = folder or _data_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"probe")
    except OSError as error:
        found = f"{_short(folder)} is not writable ({error.strerror or error})"
        return Check("Course data", False, found, "set LESSONS_HOME to a folder that you may write to")
    return Check("Course data", True, f"{_short(folder)} is writable")


def check_real_data() -> Check:
    """LESSONS_REAL_DATA, where it is set, is a folder. Without it the lessons draw their own images."""
    folder = os.environ.get("LESSONS_REAL_DATA")
    if not folder:
        return Check("Real pictures", True, "LESSONS_REAL_DATA is not set; the lessons draw their own")
    cure = "set LESSONS_REAL_DATA to an existing folder, or unset it"
    found = f"{_short(Path(folder))}{'' if Path(folder).is_dir() else ' does not exist'}"
    return Check("Real pictures", Path(folder).is_dir(), found, cure)


def _data_folder() -> Path:
    from lessons_lib.course.progress import data_folder

    return data_folder()


def _short(folder: Path) -> str:
    """A path with the user's home written as ~."""
    return f"~/{folder.relative_to(Path.home())}" if folder.is_relative_to(Path.home()) else str(folder)


CHECKS: tuple[Callable[[], Check], ...] = (
    check_python,
    check_torch,
    check_gpu,
    check_memory,
    check_disk,
    check_jupyter,
    check_widgets,
    check_browser,
    check_data_folder,
    check_real_data,
)


def checks() -> list[Check]:
    """Every check, in the order of the report. A check that itself breaks is a cross, not a traceback."""
    results = []
    for check in CHECKS:
        try:
            results.append(check())
        except Exception as error:
            name = check.__name__.removeprefix("check_").replace("_", " ").capitalize()
            results.append(Check(name, False, f"{type(error).__name__}: {error}", REINSTALL))
    return results


def report(results: list[Check]) -> str:
    """The checks as text: one line each, ✓ or ✗, and under each cross its cure."""
    width = max((len(result.name) for result in results), default=0)
    lines = []
    for result in results:
        lines.append(f"{'✓' if result.passed else '✗'} {result.name:<{width}}  {result.found}")
        if not result.passed:
            lines += [f"  {'':<{width}}  → {line}" if i == 0 else f"  {'':<{width}}    {line}"
                      for i, line in enumerate(result.cure.splitlines())]  # fmt: skip
    crosses = sum(not result.passed for result in results)
    lines.append("Everything is ready." if crosses == 0 else f"{crosses} to cure, each with its arrow (→).")
    return "\n".join(lines)


def doctor() -> int:
    """Prints the report; returns 0 when everything is ready and 1 when there is a cross, as an exit status."""
    results = checks()
    print(report(results))
    return int(any(not result.passed for result in results))
