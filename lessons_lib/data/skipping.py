"""Skipping damaged files: a wrapper for any reader that continues, and counts what it skipped."""

import torch

from lessons_lib.data.files import DamagedFile
from lessons_lib.data.sample import Sample, Samples


class Skipping(Samples):
    """A reader that never stops at a damaged file.

    `skipping[index]` gives the next whole sample in place of a damaged one, counted on from `index` and round the
    end, so a batch keeps its size; a `for` loop skips the damaged ones, so an evaluation counts each image
    once. The length stays the reader's. `skipped` lists the damaged indices met so far, in ascending order, also
    those that a DataLoader's workers met; `report()` says them with their reasons. Other attributes are the reader's.
    Raises the first DamagedFile where no sample is whole; errors of any other kind pass through.
    """

    def __init__(self, samples: Samples):
        self.samples = samples
        self._damaged = torch.zeros(len(samples), dtype=torch.bool).share_memory_()  # one memory for all workers

    def __len__(self) -> int:
        return len(self.samples)

    def __getattr__(self, name: str):
        if name in ("samples", "_damaged"):  # not there yet while being unpickled
            raise AttributeError(name)
        return getattr(self.samples, name)

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < len(self):
            raise IndexError(f"index must be in [0, {len(self)}), got {index}")
        for step in range(len(self)):
            sample = self._read((index + step) % len(self))
            if sample is not None:
                return sample
        return self.samples[index]  # nothing is whole: raise what is wrong with this one

    def __iter__(self):
        for index in range(len(self)):
            sample = self._read(index)
            if sample is not None:
                yield sample

    @property
    def skipped(self) -> tuple[int, ...]:
        """Indices of the damaged samples met so far."""
        return tuple(self._damaged.nonzero()[:, 0].tolist())

    def report(self) -> str:
        """One line that counts, then one a damaged sample, with its file and reason."""
        lines = [f"{len(self.skipped)} of {len(self)} samples are damaged and were skipped"]
        for index in self.skipped:
            try:
                self.samples[index]
            except DamagedFile as error:
                lines.append(f"  {index}: {error}")
        return "\n".join(lines)

    def _read(self, index: int) -> Sample | None:
        if self._damaged[index]:
            return None
        try:
            return self.samples[index]
        except DamagedFile:
            self._damaged[index] = True
            return None
