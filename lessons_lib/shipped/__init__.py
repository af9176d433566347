"""Checkpoints: the small trained weights that come with the course, and how each was made."""

import json
from pathlib import Path
from typing import Any

from torch import nn

FOLDER = Path(__file__).parent
RESULTS = FOLDER.parent.parent / "results"
"""Measured tables, one JSON per file; lessons read them where a live run would take too long."""


def shipped() -> list[str]:
    """The names of all checkpoints that come with the course."""
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def load_checkpoint(name: str, model: nn.Module) -> dict[str, Any]:
    """Give `model` the weights called `name`, and return what is known of their making: steps, data, device, scores, …

    The file holds float16; the model keeps its own precision. Raises ValueError for a name that is not shipped, naming
    those that are, and for a model of another shape.
    """
    from safetensors.torch import load_file  # only here, so that a lesson's first cell stays light

    if name not in shipped():
        raise ValueError(f"name must be one of {', '.join(shipped())}, got {name!r}")
    try:
        model.load_state_dict(load_file(FOLDER / f"{name}.safetensors"))
    except RuntimeError as error:
        raise ValueError(f"model must be the one that {name} was trained as: {' '.join(str(error).split())}") from None
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


def results(name: str) -> dict[str, Any]:
    """The table results/NAME.json. Raises ValueError, naming those that exist, for another name."""
    names = sorted(path.stem for path in RESULTS.glob("*.json"))
    if name not in names:
        raise ValueError(f"name must be one of {', '.join(names)}, got {name!r}")
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))
