"""The machine: device, precision and processes of a run, all through Hugging Face's accelerate."""

import torch
from accelerate import Accelerator
from accelerate.state import PartialState
from torch import nn

DEVICES = ("auto", "cpu", "cuda", "mps")


def start_machine(device: str = "auto", precision: str = "fp32") -> Accelerator:
    """The accelerator: it knows the device, wraps the model for autocast and DDP, and gathers from other processes.

    "auto" is cuda, else cpu; Apple's mps only where it is asked for. A launcher (accelerate launch, torchrun) says in
    the environment how many processes there are. ValueError for a device that this machine lacks.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        device = "cuda" if there["cuda"] else "cpu"
    if not there.get(device, False):
        found = ", ".join(name for name, found in there.items() if found)
        raise ValueError(f"device must be auto or one that this machine has ({found}), got {device!r}")
    if device == "mps" and there["cuda"]:
        raise ValueError("device must be cuda or cpu on a machine with both cuda and mps, got 'mps'")
    return Accelerator(cpu=device == "cpu", mixed_precision="bf16" if precision == "bf16" else "no")


def inner_model(machine: Accelerator, model: nn.Module) -> nn.Module:
    """The model inside what `machine.prepare` put around it."""
    return machine.unwrap_model(model)


def is_main_process() -> bool:
    """Whether this process prints and writes files, also after the run has ended."""
    return PartialState().is_main_process


def agreed(machine: Accelerator, number: int | None) -> int | None:
    """The largest number that any process holds, the same in every process; None where none holds one.

    All must ask at the same moment, which is after each step.
    """
    if machine.num_processes == 1:
        return number
    told = machine.gather(torch.tensor([number or 0], device=machine.device))
    return int(told.max()) or None
