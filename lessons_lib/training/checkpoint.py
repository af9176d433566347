"""Checkpoints: weights, optimiser and step of a run in one file, which is replaced as a whole.

A safetensors file: tensors `model.NAME` and `optimizer.NUMBER.NAME`, and in its header, as JSON, the step, the settings
and what else the run wants to find again. The data order and the random numbers of a step are functions of the seed
and the step (see sampling.py), so these two are all that is kept. No file is a pickle: opening one runs nothing.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from lessons_lib.atomic import whole_file

KIND = "from-strides-to-masks run, format 2"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a file holds: `tensors` by their names in the file, and `notes`, which has at least "step"."""

    path: Path
    tensors: dict[str, Tensor]
    notes: dict

    def restore(self, model: nn.Module, optimizer: Optimizer | None = None) -> None:
        """Gives the model, and the optimiser with the same parameters, the state that was saved.

        The optimiser keeps its own rates and other options. ValueError where the tensors do not fit.
        """
        weights = {name.removeprefix("model."): t for name, t in self.tensors.items() if name.startswith("model.")}
        try:
            model.load_state_dict(weights)
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"checkpoint must fit the model, got {self.path}: {reason}") from None
        if optimizer is not None:
            state: dict[int, dict] = {}
            for name, tensor in self.tensors.items():
                if name.startswith("optimizer."):
                    _, number, key = name.split(".", 2)
                    state.setdefault(int(number), {})[key] = tensor
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": state, "param_groups": groups})


def save_checkpoint(path: Path, model: nn.Module, optimizer: Optimizer, notes: dict) -> None:
    """Writes a checkpoint that replaces the one before; a kill at any moment leaves one of the two, whole.

    `notes` is anything that JSON can write. FloatingPointError for a tensor that holds NaN or infinity: the file before
    stays, being the last good one. TypeError for an optimiser that keeps anything but tensors. OSError for a full disk.
    """
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for number, entries in optimizer.state_dict()["state"].items():
        for key, value in entries.items():
            if not isinstance(value, Tensor):
                raise TypeError(f"optimizer must keep tensors alone, got {key} = {value!r}")
            tensors[f"optimizer.{number}.{key}"] = value
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise FloatingPointError(f"{name} must be finite to be saved, got NaN or infinity; {path} stays as it was")
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        with whole_file(path) as part:
            save_file(tensors, part, metadata={"notes": json.dumps({"kind": KIND, **notes})})
    except SafetensorError as error:
        raise OSError(f"{path} stays as it was, since no new one could be written: {error}") from None


def open_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint into memory, on the CPU.

    FileNotFoundError without the file, ValueError for a damaged file or one that is no checkpoint of a run.
    """
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint must be a file, and {path} is not there")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (a file, not a dict)
    except SafetensorError as error:
        raise ValueError(f"checkpoint must be a whole safetensors file, got {path}: {error}") from None
    try:
        notes = json.loads(header.get("notes", ""))
        kind = notes.pop("kind")
    except (ValueError, LookupError, AttributeError, TypeError):
        kind = None
    if kind != KIND:
        raise ValueError(f"checkpoint must be of a run, got {path}, which is something else")
    return Checkpoint(path, tensors, notes)
