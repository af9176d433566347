"""Sampling: which image is drawn when, and how it is augmented, as a function of the seed and the number of the draw.

Nothing is remembered from step to step, so a run that is taken up at step t needs t alone to go on as if it had never
stopped, and several processes need not agree on anything to share a step's images.
"""

import hashlib
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch.utils.data import DataLoader, Dataset

from lessons_lib.data.sample import Batch, Sample, collate


@runtime_checkable
class Indexed(Protocol):
    """What can be learned from or judged on: so many samples, read one by one. A list of them is one too."""

    def __len__(self) -> int:
        """How many there are."""

    def __getitem__(self, index: Any, /) -> Any:
        """The sample of an index."""


Prepare = Callable[[Sample, torch.Generator], Sample]


def seed_for(*words: object) -> int:
    """A seed in [0, 2³²) computed from these words, such as (seed, "crop", 17): other words, another seed."""
    text = "/".join(str(word) for word in words)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")


def generator_for(*words: object) -> torch.Generator:
    """A generator of random numbers, seeded by what the words name."""
    return torch.Generator().manual_seed(seed_for(*words))


def read_together(samples: Indexed, indices: Sequence[int]) -> list[Sample]:
    """Several samples of a dataset; some can give them together, which is faster."""
    together = getattr(samples, "__getitems__", None)
    return together(list(indices)) if together else [samples[index] for index in indices]


class Draws(Dataset):
    """The endless sequence of draws from a dataset: round after round, each in an order of its own.

    Draw n is image n mod N of round ⌊n / N⌋, and always the same; `prepare(sample, generator)` brings it to size.
    Raises ValueError for a dataset without images.
    """

    def __init__(self, samples: Indexed, seed: int, prepare: Prepare | None = None):
        if len(samples) == 0:
            raise ValueError("samples must hold at least 1 image, got 0")
        self.samples, self.seed, self.prepare = samples, seed, prepare
        self._round = -1
        self._order: list[int] = []

    def index(self, draw: int) -> int:
        """Which image a draw takes; draws are counted from 0."""
        turn, position = divmod(draw, len(self.samples))
        if turn != self._round:
            order = torch.randperm(len(self.samples), generator=generator_for(self.seed, "order", turn))
            self._round, self._order = turn, order.tolist()
        return self._order[position]

    def __getitem__(self, draw: int) -> Sample:
        return self.__getitems__([draw])[0]

    def __getitems__(self, draws: Sequence[int]) -> list[Sample]:
        """Several draws, read together; a DataLoader calls this by itself."""
        found = read_together(self.samples, [self.index(draw) for draw in draws])
        if self.prepare is None:
            return found
        return [
            self.prepare(sample, generator_for(self.seed, "crop", draw))
            for draw, sample in zip(draws, found, strict=True)
        ]


def step_draws(start: int, steps: int, batch: int, process: int = 0, processes: int = 1) -> list[range]:
    """The draws of each step from `start` + 1 to `steps`, of which this process takes its equal share.

    Step t, counted from 1, has the draws (t − 1)·batch to t·batch − 1, however many processes share them.
    Raises ValueError for a batch that the processes cannot share equally.
    """
    if batch % processes:
        raise ValueError(f"batch must be a multiple of the {processes} processes, got {batch}")
    share = batch // processes
    firsts = [step * batch + process * share for step in range(start, steps)]
    return [range(first, first + share) for first in firsts]


class Loader:
    """Batches of draws, one for each range in `plan`, read ahead by `workers` processes (0: read when asked for).

    An error of the dataset, such as DamagedFile, is raised here as it was raised in the worker, without the worker's
    traceback in its message.
    """

    def __init__(self, draws: Draws, plan: Sequence[Sequence[int]], workers: int = 0, pin_memory: bool = False):
        self._loader = DataLoader(
            _Caught(draws),
            batch_sampler=[list(draws_of_step) for draws_of_step in plan],
            collate_fn=_collate_or_error,
            num_workers=workers,
            pin_memory=pin_memory,
            generator=generator_for(draws.seed, "workers"),  # or it would take a number from the model's own
            worker_init_fn=_leave_signals_to_the_run,
            persistent_workers=workers > 0,
        )

    def __iter__(self) -> Iterator[Batch]:
        for batch in self._loader:
            if isinstance(batch, Exception):
                raise batch
            yield batch


class _Caught(Dataset):
    """Draws whose errors are given in place of samples, since a worker's errors would arrive as another kind."""

    def __init__(self, draws: Draws):
        self.draws = draws

    def __getitems__(self, draws: Sequence[int]) -> list[Any]:
        try:
            return self.draws.__getitems__(draws)
        except (ValueError, OSError) as error:
            return [error]


def _collate_or_error(found: list[Any]) -> Batch | Exception:
    return found[0] if isinstance(found[0], Exception) else collate(found)


def _leave_signals_to_the_run(worker: int) -> None:
    """Ctrl-C reaches every process of a terminal; a reader of images has to live until the step is whole."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
