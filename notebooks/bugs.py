"""What does a bug cost? Trains the small Mask R-CNN with each bug of lessons 13 and 14: python -m notebooks.bugs.

Every bug is planted in the library (lessons_lib/course/bugs), the network is trained on the same scenes with the same
budget from three seeds, and its boxes and masks are judged on scenes that it has not seen. A bug that only spoils
predictions is planted into the network that learned without it. All runs go to results/bugs.json, after each run;
given again, the command makes only the runs that are missing or whose bug has another code now. A table made with
another recipe, with other versions or on another machine is begun anew.
"""

import argparse
import hashlib
import inspect
import json
import multiprocessing
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import torch

from lessons_lib.atomic import write_whole
from lessons_lib.course.bugs.bug import Bug, planted
from lessons_lib.course.bugs.every import BUGS, CAREFUL, NO_BUG
from lessons_lib.data.crop import mirrored
from lessons_lib.data.sample import Batch, Sample, collate
from lessons_lib.data.scenes import CLASSES
from lessons_lib.data.scenes.mixed import PRESETS
from lessons_lib.data.scenes.scenes import draw_scenes
from lessons_lib.metrics.detection import DetectionScores
from lessons_lib.models.contract import InstanceModel
from lessons_lib.models.zoo import build_model
from lessons_lib.shipped import load_checkpoint
from lessons_lib.terminal import run as run_command
from lessons_lib.training.hardware import machine_and_versions
from lessons_lib.training.loop import fit
from lessons_lib.training.schedule import warm_up_cosine
from notebooks.seeds import RESULTS

RECIPE = {
    "model": "mask_rcnn",
    "preset": "clear",
    "scenes": 1200,
    "unseen": 100,
    "steps": 500,
    "batch": 6,
    "rate": 3e-3,
}
SEEDS, MORE_SEEDS = (0, 1, 2), (0, 1, 2, 3, 4)
"""Of every bug; and of what a claim of the lecture rests on, with the network as it should be."""

Run = dict[str, Any]
EVERY = (NO_BUG, *BUGS)


@cache
def scenes(count: int, seed: int) -> list[Sample]:
    """Scenes of 96 pixels, drawn once for all runs."""
    return draw_scenes(range(count), PRESETS[RECIPE["preset"]], seed)


def batches(steps: int, seed: int, size: int) -> Iterator[Batch]:
    """The batches of a run: half of the scenes mirrored, the same for every bug."""
    known, draw = scenes(RECIPE["scenes"], 0), torch.Generator().manual_seed(seed)
    for _ in range(steps):
        chosen, turn = torch.randint(len(known), (size,), generator=draw), torch.rand(size, generator=draw) < 0.5
        yield collate([mirrored(known[i]) if t else known[i] for i, t in zip(chosen.tolist(), turn, strict=True)])


def learned(bug: Bug, seed: int) -> InstanceModel:
    """The network after its training with the bug. FloatingPointError where it does not survive it."""
    torch.manual_seed(seed)
    model = build_model(RECIPE["model"], len(CLASSES), **bug.options)
    load_checkpoint("trunk", model.backbone)
    model = model.to(memory_format=torch.channels_last)  # faster on a CPU
    steps, rate = RECIPE["steps"], RECIPE["rate"]
    optimizer = torch.optim.AdamW(model.parameters(), rate, weight_decay=1e-4, fused=True)
    loader = batches(steps, seed, RECIPE["batch"])
    for _ in fit(model, loader, optimizer, steps, rate=warm_up_cosine(rate, steps), clip=10.0):
        pass
    return model


@lru_cache(maxsize=1)
def sound(seed: int) -> InstanceModel:
    """The network that learned without a bug."""
    return learned(NO_BUG, seed)


def judged(model: InstanceModel) -> dict[str, dict[str, float]]:
    """AP of its boxes and of its masks on unseen scenes."""
    metrics = {kind: DetectionScores(kind) for kind in ("box", "mask")}
    unseen = scenes(RECIPE["unseen"], 1)
    for scene, found in zip(unseen, model.predict([scene.image for scene in unseen]), strict=True):
        for metric in metrics.values():
            metric.update(found, scene.instances)
    numbers = {kind: metric.compute() for kind, metric in metrics.items()}
    return {kind: {name: round(float(n[name]), 5) for name in ("ap", "ap50", "ap75")} for kind, n in numbers.items()}


def run_once(bug: Bug, seed: int) -> Run:
    """One row of the table. A network that a bug drives to infinity finds nothing."""
    start = time.process_time()
    row: Run = {"bug": bug.name, "seed": seed, "code": code_of(bug)}
    try:
        model = None if bug.learns and bug is not NO_BUG else sound(seed)
        with planted(bug):
            row["measured"] = judged(learned(bug, seed) if model is None else model)
    except FloatingPointError as error:
        row["measured"] = {kind: dict.fromkeys(("ap", "ap50", "ap75"), 0.0) for kind in ("box", "mask")}
        row["failed"] = str(error)
    return {**row, "cpu_seconds": round(time.process_time() - start, 1)}


def code_of(bug: Bug) -> str:
    """A hash of what the bug does."""
    what = [inspect.getsource(bug.wrong), bug.targets, sorted(bug.options.items()), bug.learns]
    return hashlib.sha256(repr(what).encode()).hexdigest()[:16]


def run_together(names: Sequence[str], seed: int) -> list[Run]:
    """The rows of some bugs from one seed, made in one process with one thread."""
    torch.set_num_threads(1)
    return [run_once(bug, seed) for bug in EVERY if bug.name in names]


def missing(rows: Mapping[tuple[str, int], Run], names: Sequence[str]) -> list[tuple[list[str], int]]:
    """The runs that are still to be made, as arguments of `run_together`, bug by bug.

    Bugs that only spoil predictions go together with the network without a bug, which is then trained once.
    """
    alike = [bug.name for bug in EVERY if bug is NO_BUG or not bug.learns]
    groups = [alike, *([bug.name] for bug in EVERY if bug.name not in alike)]
    careful = {NO_BUG.name, *CAREFUL}
    found = []
    for group in groups:
        for seed in MORE_SEEDS:
            wanted = [n for n in group if (seed in SEEDS or n in careful) and (not names or n in names)]
            still = [name for name in wanted if (name, seed) not in rows]
            found += [(still, seed)] if still else []
    return found


def begun(target: Path, head: dict[str, Any]) -> dict[tuple[str, int], Run]:
    """The runs that `target` already holds, by bug and seed, if they were made in the same way by the same code."""
    table = json.loads(target.read_text("utf-8")) if target.exists() else {}
    codes = {bug.name: code_of(bug) for bug in EVERY}
    same = {key: table.get(key) for key in head} == head
    return {(r["bug"], r["seed"]): r for r in table.get("runs", []) if same and r["code"] == codes.get(r["bug"])}


def write(target: Path, head: dict[str, Any], rows: Mapping[tuple[str, int], Run]) -> None:
    """The table so far, in the order of the bugs: a command that is stopped leaves the old table or the new one."""
    order = {bug.name: number for number, bug in enumerate(EVERY)}
    runs = [rows[key] for key in sorted(rows, key=lambda key: (order[key[0]], key[1]))]
    write_whole(target, json.dumps({**head, "runs": runs}, indent=1) + "\n")


def main(arguments: list[str]) -> int:
    """Makes the missing runs; returns 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bugs", nargs="*", metavar="BUG", help="names of bugs; all without any")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, each one process with one thread")
    parser.add_argument("--out", type=Path, default=RESULTS / "bugs.json", help="the table")
    given = parser.parse_args(arguments)
    known = [bug.name for bug in EVERY]
    for name in given.bugs:
        if name not in known:
            parser.error(f"BUG must be one of {', '.join(known)}, got {name!r}")
    head = {"recipe": RECIPE, **machine_and_versions()}
    rows = begun(given.out, head)
    failed = 0
    with ProcessPoolExecutor(given.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        pending = {pool.submit(run_together, *group): group for group in missing(rows, given.bugs)}
        for future in as_completed(pending):
            names, seed = pending[future]
            if error := future.exception():
                failed += 1
                print(f"{', '.join(names)}, seed {seed}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
                continue
            for row in future.result():
                rows[row["bug"], seed] = row
                ap = "  ".join(f"{kind} AP {numbers['ap']:.3f}" for kind, numbers in row["measured"].items())
                print(f"{row['bug']}, seed {seed}: {ap}, {row['cpu_seconds']} s", flush=True)
            write(given.out, head, rows)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run_command(lambda: main(sys.argv[1:])))
