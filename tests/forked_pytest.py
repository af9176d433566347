"""pytest in a child process that has torch already: importing it anew takes longer than most mutants' tests.

The child is a fork, so it begins with what `preload` imported and with nothing of the library. Works on Linux and
macOS.
"""

import contextlib
import gc
import importlib
import os
import resource
import signal
import sys
from pathlib import Path

OUTSIDE = (
    *("torch", "torchvision", "numpy", "scipy.optimize", "scipy.ndimage", "matplotlib", "hypothesis", "beartype"),
    *("jaxtyping", "pycocotools.mask", "pycocotools.cocoeval", "pytest", "safetensors.torch"),
)
"""What tests import that no mutant changes."""
OURS = ("lessons_lib", "tests", "data_scripts", "benchmarks")


def preload() -> None:
    """Imports what the children will need; a package that is not there is left to the tests that skip without it."""
    for name in OUTSIDE:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()  # a child that collects garbage need not look through all this, and copies none of its pages


def run_pytest(tree: Path, arguments: list[str], seconds: float, output: Path | None = None) -> int | None:
    """The exit status of `pytest arguments` in the folder `tree`; None where it took `seconds` of processor time.

    What it prints goes to the file `output`, or nowhere. A test that only waits is stopped after ten times as long.
    """
    child = os.fork()
    if child == 0:
        try:
            os._exit(_in_the_child(tree, arguments, seconds, output or Path(os.devnull)))
        finally:
            os._exit(3)
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what the tests started and left behind
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGALRM):
        return None
    return os.waitstatus_to_exitcode(status)


def _in_the_child(tree: Path, arguments: list[str], seconds: float, output: Path) -> int:
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds + time_used()) + 1, resource.RLIM_INFINITY))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(int(10 * seconds) + 1)
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for stream in (1, 2):
        os.dup2(file, stream)
    sys.stdout, sys.stderr = (os.fdopen(stream, "w", encoding="utf-8", closefd=False) for stream in (1, 2))
    os.chdir(tree)
    for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
        del sys.modules[name]
    sys.path[:] = [str(tree), *(path for path in sys.path if path not in ("", str(Path(__file__).parents[1])))]
    sys.dont_write_bytecode = True
    os.environ.update(PYTHONPATH=str(tree), OMP_NUM_THREADS="1", PYTHONDONTWRITEBYTECODE="1")
    status = int(importlib.import_module("pytest").main(arguments))
    sys.stdout.flush()
    return status


def time_used() -> float:
    """Seconds of processor time of this process so far; a fork begins at zero, so this is 0 in a new child."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
