"""Runs a lesson's experiment from several seeds and writes the table: python notebooks/seeds.py 07 [SEED ...].

The experiment is the lesson's own code, nothing beside it: the cells tagged `setup`, then those tagged `experiment`,
with SEED set between the two. They leave a dict `measured`, name → numbers by name, and the tables of all seeds go to
results/lesson_NN.json with what is needed to compare: the machine, the versions, the CPU time of each seed.
"""

import json
import platform
import sys
import time
from pathlib import Path

import matplotlib
import nbformat
import torch

HERE = Path(__file__).resolve().parent


def experiment(path: Path, seed: int) -> dict[str, dict[str, float]]:
    """What one lesson measures from one seed. Raises ValueError for a lesson without an experiment."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    tagged = [[c.source for c in cells if tag in c.metadata.get("tags", [])] for tag in ("setup", "experiment")]
    if not tagged[1]:
        raise ValueError(f"lesson must have cells tagged experiment, got {path.name}, which has none")
    scope: dict = {"__name__": "__main__"}
    for source in tagged[0]:
        exec(_plain(source), scope)
    scope["SEED"] = seed
    for source in tagged[1]:
        exec(_plain(source), scope)
    return scope["measured"]


def _plain(source: str) -> str:
    """The cell without what only a notebook understands."""
    return "\n".join(line for line in source.splitlines() if not line.startswith(("%", "!")))


def main(arguments: list[str]) -> int:
    """Measures the named lesson and writes its table."""
    matplotlib.use("Agg")
    lesson, seeds = arguments[0], [int(seed) for seed in arguments[1:]] or [0, 1, 2]
    (path,) = HERE.glob(f"{lesson}_*.ipynb")
    runs, seconds = {}, []
    for seed in seeds:
        start = time.process_time()
        runs[str(seed)] = experiment(path, seed)
        seconds.append(round(time.process_time() - start, 1))
        print(f"seed {seed}: {seconds[-1]} s", flush=True)
    table = {
        "lesson": path.stem,
        "device": f"CPU, {torch.get_num_threads()} thread",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "cpu_seconds": seconds,
        "seeds": runs,
    }
    target = HERE.parent / "results" / f"lesson_{lesson}.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
