"""Makes the scoreboard: trains and scores every system of the lecture under one budget, run by run."""

import argparse
import itertools
import json
import math
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from lessons_lib.data.open import open_dataset, require_truth, spec_of
from lessons_lib.data.splits import EVERY_FIFTH, unseen_by
from lessons_lib.scoreboard.pace import Pace, measured_pace
from lessons_lib.scoreboard.protocol import Protocol
from lessons_lib.scoreboard.run import ROW, make_row
from lessons_lib.scoreboard.systems import SYSTEMS
from lessons_lib.scoreboard.table import heading, keep_pace, kept_paces, require_same_table, write_table
from lessons_lib.training.machine import start_machine
from lessons_lib.training.stopping import EXIT_STATUS

WORK = Path("build/scoreboard")
"""Where runs are kept."""

ROUNDS = 3
"""How often each system's pace is measured."""


def run_scoreboard(args: argparse.Namespace) -> int:
    """Makes the runs that are missing, seed by seed, and writes the table after each; the exit status is 0, 1 where
    `--verify` finds a difference, or 128 and the number of the signal that stopped it.

    Several commands can share a folder: each passes over what another one is making.
    """
    protocol = protocol_of(args)
    device = start_machine(args.device).device.type
    if device == "cpu":
        torch.set_num_threads(1)
    work = args.work or WORK / args.data
    out = args.out or Path("results") / f"scoreboard{'' if args.data == 'scenes' else '_' + args.data}.json"
    names, seeds = systems_of(args.only), args.seeds or [0, 1, 2]
    for name, seed in itertools.product(names, seeds):  # what cannot be is refused before anything is made
        settings = protocol.settings(SYSTEMS[name], 1, seed)
        for split in (settings.split, unseen_by(settings.split)):
            samples = open_dataset(settings.data, settings.root, split, size=settings.size, preset=settings.preset)
            require_truth(samples, "masks")
    require_same_table(work, heading(protocol, device))
    if args.verify:
        return verify(protocol, names, seeds, work, device)
    measure_paces(protocol, names, work, device)
    for name, seed in _pending(names, seeds, work):
        asked = _make(protocol, name, seed, work, out, device)
        if asked is not None:
            return EXIT_STATUS + asked
    if list(work.glob(f"*/{ROW}")):
        with FileLock(work / "table.lock"):
            write_table(work, out)
    return 0


def _pending(names: list[str], seeds: list[int], work: Path) -> Iterator[tuple[str, int]]:
    """The runs that are not finished, one seed of all systems after the other."""
    for seed in seeds:
        for name in names:
            if not (work / f"{name}_{seed}" / ROW).exists():
                yield name, seed


def _make(protocol: Protocol, name: str, seed: int, work: Path, out: Path, device: str) -> int | None:
    """Makes one run and writes the table, unless another command is at it; returns a signal that asked to stop."""
    folder = work / f"{name}_{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=0):
            if (folder / ROW).exists():
                return None
            asked = make_row(protocol, name, seed, kept_paces(work)[name]["steps"], folder, device)
    except Timeout:
        print(f"{name}, seed {seed}: another command is at it", flush=True)
        return None
    if asked is None:
        with FileLock(work / "table.lock"):
            write_table(work, out)
        print(f"{_in_words(json.loads((folder / ROW).read_text('utf-8')))}  in {out}", flush=True)
    return asked


def measure_paces(protocol: Protocol, names: list[str], work: Path, device: str) -> None:
    """How many steps the budget is for each system: measured before the first run, then the same for all seeds.

    The systems are measured in turn, three times, and the fastest counts: a machine that is busy for a moment would
    otherwise cost one system more than another.
    """
    with FileLock(work / "paces.lock"):
        missing = [name for name in names if name not in kept_paces(work)]
        found: dict[str, list[Pace]] = {name: [] for name in missing}
        images = 0
        for _ in range(ROUNDS):
            for name in missing:
                pace, images = measured_pace(protocol, SYSTEMS[name], device)
                found[name].append(pace)
        for name in missing:
            pace = Pace(min(p.step for p in found[name]), min(p.new_image for p in found[name]))
            steps = pace.steps(protocol.budget, protocol.batch, images)
            keep_pace(work, name, pace, steps)
            print(f"{name}: {1000 * pace.step:.0f} ms a step, so {steps} steps", flush=True)


def verify(protocol: Protocol, names: list[str], seeds: list[int], work: Path, device: str) -> int:
    """Makes finished runs once more in a folder of their own; 1 if weights or scores differ in any bit, else 0."""
    status = 0
    for seed in seeds:
        for name in names:
            path = work / f"{name}_{seed}" / ROW
            if not path.exists():
                raise ValueError(f"only must name finished runs, and {name} with seed {seed} is not finished")
            first = json.loads(path.read_text("utf-8"))
            with tempfile.TemporaryDirectory() as folder:
                asked = make_row(protocol, name, seed, first["steps"], Path(folder) / "run", device)
                if asked is not None:
                    return EXIT_STATUS + asked
                second = json.loads((Path(folder) / "run" / ROW).read_text("utf-8"))
            same = ("weights", "scores", "class_ap", "errors", "found")
            differ = [key for key in same if first.get(key) != second.get(key)]
            print(f"{name}, seed {seed}: {'differs in ' + ', '.join(differ) if differ else 'the same to the last bit'}")
            status = 1 if differ else status
    return status


def systems_of(only: list[str] | None) -> list[str]:
    """The rows that are asked for. ValueError for a name that is none."""
    for name in only or ():
        if name not in SYSTEMS:
            raise ValueError(f"only must be among {', '.join(SYSTEMS)}, got {name!r}")
    return only or list(SYSTEMS)


def protocol_of(args: argparse.Namespace) -> Protocol:
    """The protocol that the options say. ValueError for a budget or number that cannot be."""
    spec = spec_of(args.data)
    drawn = Protocol()
    protocol = drawn if spec.drawn else replace(
        drawn, data=args.data, root=args.root, folds=spec.splits == EVERY_FIFTH,
        own_scale=args.data in ("nuclei", "leaves"), most=12,
    )  # fmt: skip
    if spec.drawn and args.root is not None:
        raise ValueError(f"root must not be given for {args.data}, which are drawn, got {args.root}")
    if args.budget is not None and not 0 < args.budget < math.inf:
        raise ValueError(f"budget must be > 0, got {args.budget:g}")
    for name, least in (("size", 32), ("count", 1), ("unseen", 2)):
        value = getattr(args, name)
        if value is not None and value < least:
            raise ValueError(f"{name} must be ≥ {least}, got {value}")
    given = {name: getattr(args, name) for name in ("budget", "size", "count", "unseen", "backbone")}
    return replace(protocol, **{name: value for name, value in given.items() if value is not None})


def _in_words(row: dict[str, Any]) -> str:
    """The gist of a finished run."""
    scores = row["scores"]
    numbers = "  ".join(
        f"{key.replace('_', ' ')} {scores[key]:.3f}" for key in ("mask_ap", "box_ap") if scores.get(key) is not None
    )
    return f"{row['steps']} steps, {row['train_seconds']:.0f} s: {numbers} on {scores['images']} unseen images"
