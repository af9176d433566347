"""Runs lessons' experiments many times and writes the tables: python notebooks/seeds.py 07 09 --jobs 16.

The experiment is the lesson's own code: the cells tagged `setup`, then those tagged `experiment`, with SEED set between
the two; they leave a dict `measured` of numbers. It runs from each seed as it is, and three times more with the initial
weights disturbed by one part in a million, which is what another processor's rounding does to a training. All runs go
to results/lesson_NN.json, after each run; given again, the command makes only the runs that are missing. A table made
of other experiment cells, with other versions or on another machine, is begun anew.

Where ipywidgets, IPython, pycocotools or platformdirs is missing, an empty module stands in for it: the setup cells
import them for the laboratories, and no experiment calls them.
"""

import argparse
import ast
import contextlib
import hashlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import math
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

for _threads in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_threads] = "1"  # before torch is imported: a run is one process with one thread

import torch  # noqa: E402
from torch.optim.optimizer import register_optimizer_step_pre_hook  # noqa: E402

from lessons_lib.terminal import run as run_command  # noqa: E402
from lessons_lib.training.hardware import machine_and_versions  # noqa: E402

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "results"
SEEDS, DISTURBANCES = range(5), range(4)  # disturbance 0 is none
SIZE = 1e-6  # of a disturbance, relative to each weight
OPTIONAL = ("ipywidgets", "IPython", "pycocotools", "platformdirs")
Run = dict[str, Any]


def cells(path: Path, tag: str) -> list[str]:
    """The sources of a notebook's code cells with this tag, without the lines that only a notebook understands."""
    found = [c for c in json.loads(path.read_text("utf-8"))["cells"] if c["cell_type"] == "code"]
    sources = ["".join(c["source"]) for c in found if tag in c["metadata"].get("tags", [])]
    return ["\n".join(line for line in s.splitlines() if not line.startswith(("%", "!"))) for s in sources]


def fingerprint(path: Path) -> str:
    """A hash of what the experiment cells compute; comments, layout and the version of Python do not change it."""
    shapes = [_shape(ast.parse(source)) for source in cells(path, "experiment")]
    return hashlib.sha256(repr(shapes).encode()).hexdigest()[:16]


def _shape(node: object) -> object:
    """A syntax tree as nested lists, without the empty fields, which differ between versions of Python."""
    if isinstance(node, ast.AST):
        parts = [[name, _shape(value)] for name, value in ast.iter_fields(node) if value is not None and value != []]
        return [type(node).__name__, *parts]
    return [_shape(item) for item in node] if isinstance(node, list) else node


def experiment(path: Path, seed: int, disturbance: int = 0) -> dict[str, Any]:
    """What one lesson measures from one seed. Raises ValueError for a lesson without an experiment."""
    if not cells(path, "experiment"):
        raise ValueError(f"lesson must have cells tagged experiment, got {path.name}, which has none")
    scope: dict[str, Any] = {"__name__": "__main__"}
    for source in cells(path, "setup"):
        exec(source, scope)
    scope["SEED"] = seed
    hook = _disturb(disturbance)
    try:
        for source in cells(path, "experiment"):
            exec(source, scope)
    finally:
        hook.remove()
    return plain(scope["measured"])


def plain(measured: Any, name: str = "measured") -> Any:
    """`measured` with Python numbers, however deep; ValueError for anything that is no finite number, by its name."""
    if isinstance(measured, dict):
        return {str(key): plain(value, f"{name}[{key!r}]") for key, value in measured.items()}
    if isinstance(measured, (list, tuple)):
        return [plain(value, f"{name}[{place}]") for place, value in enumerate(measured)]
    number = float(measured)
    if not math.isfinite(number):
        raise ValueError(f"{name} must be a finite number, got {number}")
    return number


def _disturb(disturbance: int) -> torch.utils.hooks.RemovableHandle:
    """From now on each optimizer, before its first step, multiplies its weights by 1 + 1e-6 · normal noise.

    Disturbance 0 changes nothing. The noise has a generator of its own, so the lesson's random numbers stay.
    """
    generator = torch.Generator().manual_seed(disturbance)
    begun: set[int] = set()
    alive = []  # optimizers, so that no id is used twice

    @torch.no_grad()
    def before_step(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        if disturbance and id(optimizer) not in begun:
            begun.add(id(optimizer))
            alive.append(optimizer)
            for weight in (w for group in optimizer.param_groups for w in group["params"]):
                weight.mul_(1 + SIZE * torch.randn(weight.shape, generator=generator).to(weight))

    return register_optimizer_step_pre_hook(before_step)


def run_once(path: Path, seed: int, disturbance: int) -> Run:
    """One row of a table: which run, its CPU seconds, what it measured."""
    stand_in_for_missing()
    import matplotlib

    matplotlib.use("Agg")
    start = time.process_time()
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        measured = experiment(path, seed, disturbance)
    seconds = round(time.process_time() - start, 1)
    return {"seed": seed, "disturbance": disturbance, "cpu_seconds": seconds, "measured": measured}


class _StandIn(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the optional packages that are not installed, as modules in which every name is a mock."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        here = fullname.partition(".")[0] in self.names
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True) if here else None

    def exec_module(self, module: ModuleType) -> None:
        module.__getattr__ = lambda name: MagicMock()  # type: ignore[method-assign]


def stand_in_for_missing() -> None:
    """Lets `import ipywidgets` and the like succeed where they are not installed."""
    missing = [name for name in OPTIONAL if importlib.util.find_spec(name) is None]
    if missing:
        sys.meta_path.append(_StandIn(missing))


def heading(path: Path) -> dict[str, Any]:
    """What must be equal for two runs to stand in one table."""
    return {"lesson": path.stem, "experiment": fingerprint(path), **machine_and_versions()}


def begun(target: Path, head: dict[str, Any]) -> list[Run]:
    """The runs that `target` already holds, if they were made in the same way."""
    table = json.loads(target.read_text("utf-8")) if target.exists() else {}
    return table.get("runs", []) if {key: table.get(key) for key in head} == head else []


def write(target: Path, head: dict[str, Any], runs: list[Run]) -> None:
    """The table so far, sorted, in one step: a command that is stopped leaves the old table or the new one."""
    runs.sort(key=lambda run: (run["seed"], run["disturbance"]))
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    part.write_text(json.dumps({**head, "runs": runs}, indent=1) + "\n", encoding="utf-8")
    os.replace(part, target)


def main(arguments: list[str]) -> int:
    """Makes the missing runs of the named lessons; returns 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("lessons", nargs="+", metavar="NN", help="numbers of lessons, such as 07")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, each one process with one thread")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--disturbances", type=int, nargs="+", default=list(DISTURBANCES), help="0 is none")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the tables")
    given = parser.parse_args(arguments)
    tables, wanted = {}, []
    for lesson in given.lessons:
        (path,) = HERE.glob(f"{lesson}_*.ipynb")
        head, target = heading(path), given.out / f"lesson_{lesson}.json"
        tables[path] = (target, head, begun(target, head))
        done = {(run["seed"], run["disturbance"]) for run in tables[path][2]}
        wanted += [(path, s, d) for d in given.disturbances for s in given.seeds if (s, d) not in done]
    failed = 0
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(given.jobs, mp_context=context, max_tasks_per_child=1) as pool:
        pending = {pool.submit(run_once, *one): one for one in wanted}
        for future in as_completed(pending):
            path, seed, disturbance = pending[future]
            target, head, runs = tables[path]
            name = f"lesson {path.stem[:2]}, seed {seed}, disturbance {disturbance}"
            if error := future.exception():
                failed += 1
                print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
                continue
            runs.append(future.result())
            write(target, head, runs)
            print(f"{name}: {future.result()['cpu_seconds']} s", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run_command(lambda: main(sys.argv[1:])))
