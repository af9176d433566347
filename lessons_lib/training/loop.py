"""Training: one loop for every model, as a generator that yields after each step.

The loop knows a model by its contract alone: `model(batch)` returns a dict of named losses, already weighted, and their
sum is what training makes smaller. The code that iterates over the loop logs, draws, saves, evaluates and stops.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lessons_lib.data.sample import Batch
from lessons_lib.training.heap import keep_freed_memory
from lessons_lib.training.recorded import RecordedStep


@dataclass(frozen=True)
class Record:
    """One step: its number, counted from 1, and each loss by name, as it was before the step."""

    step: int
    losses: dict[str, float]

    @property
    def loss(self) -> float:
        """The training loss: the sum of all."""
        return sum(self.losses.values())


watchers: list[Callable[[Record, int], object]] = []
"""Called after each step of every training in this process, with its record and the number of steps it will have."""


def fit(
    model: nn.Module, loader: Iterable[Batch], optimizer: Optimizer, steps: int, start: int = 0, *,
    rate: Callable[[int], float] | None = None, clip: float | None = None, recorded: bool = False,
) -> Iterator[Record]:  # fmt: skip
    """Train until `steps` steps are made, of which `start` are already made, and yield a `Record` after each.

    Args:
        loader: anything that can be iterated again and again, a list or a DataLoader; when it ends, it starts again.
            Each batch is brought to the model's device.
        rate: the learning rate of a step, counted from 1, such as `one_cycle(0.005, steps)`; None leaves the
            optimiser's own.
        clip: the largest norm of the whole gradient, to which a longer one is cut; None cuts nothing.
        recorded: on a GPU, record a step once and then repeat it, for a process that trains alone: see `RecordedStep`.

    With several processes (torch's DDP around the model) the gradient and the recorded losses are means over the
    processes: the same as one process with all their images where each holds equally many pixels that count, and
    otherwise a mean that gives each process, not each pixel, the same weight. For a detector what counts are the seats
    of its samples (with `divide_by` "objects", its positive ones); and it is the same only if each image's anchors and
    regions are drawn by the same dice, whichever process has it. A run gives each process dice of its own.

    Raises:
        FloatingPointError: for a loss that is NaN or infinite: the parameters are still those of the step before.
        ValueError: for a loader without batches, or counts of steps that do not fit.
    """
    if not 0 <= start <= steps:
        raise ValueError(f"start and steps must be 0 ≤ start ≤ steps, got start {start}, steps {steps}")
    if clip is not None and not clip > 0:
        raise ValueError(f"clip must be > 0 or None, got {clip}")
    weights = list(model.parameters())
    keep_freed_memory()
    batches = _cycle(loader)
    recording = RecordedStep(model) if recorded else None
    for step in range(start + 1, steps + 1):
        if not model.training:  # asked first, since to say it to every layer takes 1 % of a small network's step
            model.train()
        batch = next(batches).to(weights[0].device)
        if recording:
            losses = recording(batch)
        else:
            losses = model(batch)
            optimizer.zero_grad()
            sum(losses.values()).backward()
        record = Record(step, _mean_over_processes(losses))
        _require_finite(record)
        if rate is not None:
            for group in optimizer.param_groups:
                group["lr"] = rate(step)
        if clip is not None:
            nn.utils.clip_grad_norm_(weights, clip)
        optimizer.step()
        for watch in watchers:
            watch(record, steps)
        yield record


def _cycle(loader: Iterable[Batch]) -> Iterator[Batch]:
    """The loader's batches, round after round."""
    while True:
        batch = None
        for batch in loader:
            yield batch
        if batch is None:
            raise ValueError("loader must give at least 1 batch each time it is iterated, got 0")


def _mean_over_processes(losses: dict[str, Tensor]) -> dict[str, float]:
    """The losses as numbers, fetched at once, since a GPU is waited for each time."""
    values = torch.stack([loss.detach().float() for loss in losses.values()])
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.all_reduce(values)
        values /= torch.distributed.get_world_size()
    return dict(zip(losses, values.tolist(), strict=True))


def _require_finite(record: Record) -> None:
    for name, value in record.losses.items():
        if not math.isfinite(value):
            raise FloatingPointError(
                f"losses must be finite, got {name} = {value} in step {record.step}; "
                f"the parameters are those of step {record.step - 1}. A smaller learning rate often helps"
            )
