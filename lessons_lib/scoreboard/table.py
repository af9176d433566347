"""The table of all finished runs, as results/scoreboard.json has it."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from lessons_lib.atomic import write_whole
from lessons_lib.scoreboard.pace import Pace
from lessons_lib.scoreboard.protocol import Protocol
from lessons_lib.scoreboard.run import ROW
from lessons_lib.scoreboard.systems import SYSTEMS
from lessons_lib.training.hardware import machine_and_versions

PACES = "paces.json"


def heading(protocol: Protocol, device: str) -> dict[str, Any]:
    """What must be equal for two runs to stand in one table, ready for JSON."""
    head: dict[str, Any] = machine_and_versions()
    if device == "cuda":
        head["machine"]["device"] = torch.cuda.get_device_name()
    kept = asdict(protocol) | {"root": None, "looks": list(protocol.looks)}  # the images may lie anywhere
    return {**head, "protocol": kept}


def require_same_table(work: Path, head: dict[str, Any]) -> None:
    """Writes the heading into a new folder; ValueError where the folder was begun with another one."""
    path = work / "heading.json"
    if not path.exists():
        work.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(head, indent=1) + "\n")
        return
    kept = json.loads(path.read_text("utf-8"))
    for part in ("machine", "versions", "protocol"):
        for name, value in head[part].items():
            if (had := kept[part].get(name)) != value:
                raise ValueError(f"{name} must be as the folder {work} was begun, {had!r}, got {value!r}")


def kept_paces(work: Path) -> dict[str, dict[str, Any]]:
    """The paces that were measured already: by system, {"step", "new_image", "steps"}."""
    path = work / PACES
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def keep_pace(work: Path, name: str, pace: Pace, steps: int) -> None:
    """Adds a system's pace and the steps that follow from it."""
    paces = kept_paces(work) | {name: {**asdict(pace), "steps": steps}}
    write_whole(work / PACES, json.dumps(paces, indent=1) + "\n")


def collect(work: Path) -> dict[str, Any]:
    """The heading and all rows that are finished, each with its runs and the mean and spread of its main scores."""
    table = json.loads((work / "heading.json").read_text("utf-8"))
    paces, rows = kept_paces(work), {}
    for name, system in SYSTEMS.items():
        found = [json.loads(path.read_text("utf-8")) for path in sorted(work.glob(f"{name}_[0-9]*/{ROW}"))]
        if not found:
            continue
        runs = sorted(found, key=lambda run: run["seed"])
        rows[name] = {
            "words": system.words, "model": system.model, "options": system.options,
            "backbone": system.backbone(table["protocol"]["backbone"]), "parameters": runs[0]["parameters"],
            "pace": paces.get(name), "mean": means(runs), "runs": runs,
        }  # fmt: skip
    return table | {"rows": rows}


def means(runs: Sequence[dict[str, Any]]) -> dict[str, float | None]:
    """The mean over the seeds of every score that is a number in all of them."""
    names = [
        name for name in runs[0]["scores"] if name not in ("images",) and not isinstance(runs[0]["scores"][name], dict)
    ]
    columns = {name: [run["scores"].get(name) for run in runs] for name in names}
    return {name: None if None in values else statistics.mean(values) for name, values in columns.items()}


def write_table(work: Path, out: Path) -> None:
    """Writes the table so far; the detections that lessons draw are those of the first seed, the other runs' go."""
    table = collect(work)
    for row in table["rows"].values():
        for run in row["runs"][1:]:
            run.pop("found", None)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, _lines(table))


def _lines(table: dict[str, Any]) -> str:
    """JSON with one line for each run, so that a change of one run is a change of one line."""
    marks: dict[str, str] = {}

    def mark(value: Any) -> str:
        marks[key] = json.dumps(value, ensure_ascii=False)
        return key

    for name, row in table["rows"].items():
        for place, run in enumerate(row["runs"]):
            key = f"@{name}:{place}@"
            row["runs"][place] = mark(run)
    text = json.dumps(table, indent=1, ensure_ascii=False)
    for key, line in marks.items():
        text = text.replace(f'"{key}"', line)
    return text + "\n"
