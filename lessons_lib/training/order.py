"""Data order: which picture is drawn when, and how it is cropped, as a function of the seed and the number of the draw.

Nothing is remembered from step to step, so a run that is taken up at step t needs t alone to go on as if it had never
stopped, and several processes need not agree on anything to share a step's pictures.
"""

import hashlib
from collections.abc import Callable, Sequence

import torch
from torch.utils.data import Dataset

from lessons_lib.data.sample import Sample

Crop = Callable[[Sample, torch.Generator], Sample]


def seed_for(*words: object) -> int:
    """A seed in [0, 2³²) for what these words name, such as (seed, "crop", 17): other words, another seed."""
    text = "/".join(str(word) for word in words)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")


def generator_for(*words: object) -> torch.Generator:
    """A generator of random numbers, seeded by what the words name."""
    return torch.Generator().manual_seed(seed_for(*words))


def read_together(samples: Dataset, indices: list[int]) -> list[Sample]:
    """Several samples of a data set; some can give them together, which is faster."""
    together = getattr(samples, "__getitems__", None)
    return together(indices) if together else [samples[index] for index in indices]


class Draws(Dataset):
    """The endless sequence of draws from a data set: round after round, each in an order of its own.

    Draw n is picture n mod N of round ⌊n / N⌋, and always the same; `crop(sample, generator)` brings it to size.
    A DataLoader takes it with `batch_sampler=step_draws(...)`. ValueError for a data set without pictures.
    """

    def __init__(self, samples: Dataset, seed: int, crop: Crop | None = None):
        if len(samples) == 0:
            raise ValueError("samples must hold at least 1 picture, got 0")
        self.samples, self.seed, self.crop = samples, seed, crop
        self._round, self._order = -1, []

    def index(self, draw: int) -> int:
        """Which picture a draw takes; draws are counted from 0."""
        turn, place = divmod(draw, len(self.samples))
        if turn != self._round:
            order = torch.randperm(len(self.samples), generator=generator_for(self.seed, "order", turn))
            self._round, self._order = turn, order.tolist()
        return self._order[place]

    def __getitem__(self, draw: int) -> Sample:
        return self.__getitems__([draw])[0]

    def __getitems__(self, draws: Sequence[int]) -> list[Sample]:
        """Several draws, read together; a DataLoader calls this by itself."""
        indices = [self.index(draw) for draw in draws]
        found = read_together(self.samples, indices)
        if self.crop is None:
            return found
        return [
            self.crop(sample, generator_for(self.seed, "crop", draw)) for draw, sample in zip(draws, found, strict=True)
        ]


def step_draws(start: int, steps: int, batch: int, process: int = 0, processes: int = 1) -> list[range]:
    """The draws of each step from `start` + 1 to `steps`, of which this process takes its equal share.

    Step t, counted from 1, has the draws (t − 1)·batch to t·batch − 1, however many processes share them.
    ValueError for a batch that the processes cannot share equally.
    """
    if batch % processes:
        raise ValueError(f"batch must be a multiple of the {processes} processes, got {batch}")
    share = batch // processes
    firsts = [step * batch + process * share for step in range(start, steps)]
    return [range(first, first + share) for first in firsts]
