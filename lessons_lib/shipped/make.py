"""Makes the shipped checkpoints and results/semantic.json anew, from every recipe: `make checkpoints`.

Every model is trained three times, from seeds 0, 1 and 2; seed 0 is shipped. What is finished lies in the folder
`--work` and is not made again, so the command can be stopped and given again.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from lessons_lib.atomic import whole_file, write_whole
from lessons_lib.shipped import FOLDER
from lessons_lib.shipped.recipes import RECIPES, follow
from lessons_lib.shipped.scores import JUDGED_ON, unseen
from lessons_lib.terminal import parsed
from lessons_lib.terminal import run as run_command

SEEDS = (0, 1, 2)


def make(name: str, seed: int, work: Path) -> int | None:
    """Follows one recipe from one seed, unless that is done, and ships the first seed; returns what `train` returns."""
    folder = work / f"{name}_{seed}"
    if not (folder / f"{name}.safetensors").exists():
        how = {} if name == "trunk" else {"resume": True, "device": "cpu"}
        signal = follow(name, folder, seed=seed, **how)
        if signal is not None:
            return signal
    if seed == SEEDS[0]:
        for suffix in (".json", ".safetensors"):
            with whole_file(FOLDER / f"{name}{suffix}") as part:
                part.write_bytes((folder / f"{name}{suffix}").read_bytes())
    return None


def collect(work: Path) -> dict[str, Any]:
    """The table of all that is finished in the folder: for each model its scores, mean and spread over the seeds."""
    table = {}
    for name in RECIPES:
        runs = [json.loads(path.read_text("utf-8")) for path in sorted(work.glob(f"{name}_[0-9]/{name}.json"))]
        if runs:
            first = {key: runs[0][key] for key in ("parameters", "steps", "batch", "size", "device", "versions")}
            scores = {kind: _spread([run["scores"][kind] for run in runs]) for kind in runs[0]["scores"]}
            times = [run["step_seconds"] for run in runs]
            judged_at = unseen(next(iter(scores)), [0])[0].image.shape[-1]
            seeds = [run["seed"] for run in runs]
            table[name] = {**first, "seeds": seeds, "step_seconds": times, "judged_at": judged_at, "scores": scores}
    return {"images": JUDGED_ON, "models": table}


def _spread(runs: Sequence[dict[str, float]]) -> dict[str, dict[str, Any]]:
    """For each score its mean, its spread (largest less smallest), and the values."""
    columns = {name: [run[name] for run in runs] for name in runs[0]}
    return {
        name: {"mean": statistics.mean(values), "spread": max(values) - min(values), "values": values}
        for name, values in columns.items()
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m lessons_lib.shipped.make", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("build/checkpoints"), help="where finished models are kept")
    parser.add_argument("--results", type=Path, default=Path("results/semantic.json"))
    parser.add_argument("--only", nargs="*", choices=tuple(RECIPES), default=list(RECIPES), metavar="MODEL")
    parser.add_argument("--seeds", nargs="*", type=int, default=list(SEEDS))
    options = parsed(parser, arguments)
    options.results.parent.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    make("trunk", SEEDS[0], options.work)
    for seed in options.seeds:
        for name in options.only:
            signal = make(name, seed, options.work)
            if signal is not None:
                return 128 + signal
            write_whole(options.results, json.dumps(collect(options.work), indent=1, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
