"""The two files of a shipped checkpoint: its weights in half precision, and a JSON of how they were made."""

import json
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from lessons_lib.atomic import whole_file, write_whole
from lessons_lib.data.scenes.config import CLASSES
from lessons_lib.training.settings import Settings


def notes_of(
    name: str, settings: Settings, model: nn.Module, journal: Sequence[dict], classes: Sequence[str] = CLASSES
) -> dict[str, Any]:
    """What the JSON says of every checkpoint; `journal` holds the seconds of each step, where they were counted.

    "seconds" is the time that the steps took, "cpu_seconds" what they cost of one processor: less on a busy machine.
    """
    s = settings
    device = "CPU, 1 thread" if not torch.cuda.is_available() else torch.cuda.get_device_name()
    notes = {
        "name": name, "classes": list(classes), "parameters": sum(p.numel() for p in model.parameters()),
        "steps": s.steps, "batch": s.batch, "rate": s.lr, "seed": s.seed, "size": s.size,
        "data": f"{s.count} scenes, preset {s.preset}, seed 0", "settings": asdict(s), "device": device,
        "seconds": round(sum(line["seconds"] for line in journal)),
        "cpu_seconds": round(sum(line["cpu_seconds"] for line in journal)),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }  # fmt: skip
    if journal:
        for name in ("seconds", "cpu_seconds"):
            notes[f"step_{name}"] = round(statistics.median(line[name] for line in journal), 4)
    return notes


def write_weights(file: Path, model: nn.Module, notes: dict[str, Any]) -> None:
    """Writes weights in float16 and their JSON; the weights come last, so where they are, all is there."""
    write_whole(file.with_suffix(".json"), json.dumps(notes, indent=2, ensure_ascii=False) + "\n")
    with whole_file(file) as part:
        save_file({key: value.half().contiguous() for key, value in model.state_dict().items()}, part)
