"""One run of the scoreboard: a system from one seed, in a folder; what is finished is never made again."""

import hashlib
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import nn

from lessons_lib.atomic import write_whole
from lessons_lib.scoreboard.judging import as_json, judge
from lessons_lib.scoreboard.protocol import Protocol, begin, read_once
from lessons_lib.scoreboard.systems import SYSTEMS
from lessons_lib.training.checkpoint import open_checkpoint
from lessons_lib.training.journal import read_journal
from lessons_lib.training.machine import start_machine
from lessons_lib.training.run import CHECKPOINT, JOURNAL, Run, fresh_model
from lessons_lib.training.train import train

ROW, LOOKS = "row.json", "looks.json"
"""What a finished run's folder holds beside the run: its row, and what was seen on the way."""

SHOWN = 12
"""Images of which a row keeps the detections."""

NUMBERS = ("mask_ap", "mask_ap50", "box_ap", "box_ap50")
"""The scores of a look on the way."""


def make_row(protocol: Protocol, name: str, seed: int, steps: int, folder: Path, device: str) -> int | None:
    """Trains a system in the folder, or goes on with it, judges it and writes its row; returns what `train` returns."""
    system = SYSTEMS[name]
    settings = read_once(protocol.settings(system, steps, seed))
    samples, classes = protocol.judged_on(settings)
    some = samples[: max(1, len(samples) // 4)]
    wanted = {max(1, round(share * steps)) for share in protocol.looks}
    looks = _read(folder / LOOKS)

    def look(run: Run, step: int) -> None:
        if step in wanted:
            scores = judge(run.inner, system.has_masks, some, classes, protocol.sizes).scores
            looks[str(step)] = {key: scores[key] for key in NUMBERS if key in scores}
            write_whole(folder / LOOKS, json.dumps(looks) + "\n")

    asked = train(settings, folder, device=device, resume=True, start_from=begin, unseen=0, look=look)
    if asked is not None:
        return asked
    machine = start_machine(device)
    model = fresh_model(settings, classes)
    open_checkpoint(folder / CHECKPOINT).restore(model)
    model = model.to(machine.device)
    judged = judge(model, system.has_masks, samples, classes, protocol.sizes)
    journal = read_journal(folder / JOURNAL)
    key = "cpu_seconds" if machine.device.type == "cpu" else "seconds"
    row: dict[str, Any] = {
        "seed": seed, "steps": steps, "parameters": sum(p.numel() for p in model.parameters()),
        "train_seconds": round(sum(line[key] for line in journal), 1), "predict_ms": judged.predict_ms,
        "scores": {k: v for k, v in judged.scores.items() if k not in ("task", "ap")}, "class_ap": judged.scores["ap"],
        "errors": judged.errors, "weights": checksum(model),
    }  # fmt: skip
    last = {k: judged.scores[k] for k in NUMBERS if k in judged.scores}
    row["curve"] = curve(looks | {str(steps): last}, [line[key] for line in journal])
    if find_spec("pycocotools"):  # writes their masks; a machine that is lent for its GPU may lack it
        row["found"] = [as_json(found) for found in judged.found[:SHOWN]]
    write_whole(folder / ROW, json.dumps(row, ensure_ascii=False) + "\n")
    return None


def curve(looks: dict[str, dict[str, Any]], seconds: list[float]) -> list[dict[str, Any]]:
    """The looks in order, each with its step and the seconds of training until then."""
    return [
        {"step": int(step), "seconds": round(sum(seconds[: int(step)]), 1), **looks[step]}
        for step in sorted(looks, key=int)
    ]


def checksum(model: nn.Module) -> str:
    """Sixteen letters that change with any bit of any weight."""
    found = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        found.update(name.encode())
        found.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()[:16]


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8")) if path.exists() else {}
