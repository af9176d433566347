"""What the readers of sets on the disk share: their length, their order, and what is said of a turned photograph."""

from pathlib import Path

from lessons_lib.data.files import DamagedFile, orientation, require_index
from lessons_lib.data.sample import Sample, Samples


class Reader(Samples):
    """A set on the disk, map-style: a subclass sets `names`, and writes `paths` and `read`.

    `classes[label]` and `colours[label]` belong to the labels, `names[index]` to the images. `samples[index]` raises
    IndexError for an index outside the set, DamagedFile for a broken file.
    """

    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def paths(self, index: int) -> list[Path]:
        """The files of a sample, its photograph first."""
        raise NotImplementedError

    def read(self, index: int) -> Sample:
        """The sample of a valid index."""
        raise NotImplementedError

    def __getitem__(self, index: int) -> Sample:
        require_index(index, len(self))
        try:
            return self.read(index)
        except DamagedFile as error:
            photo = self.paths(index)[0]
            turned = orientation(photo) if error.kind == "wrong size" else 1
            if turned == 1:
                raise
            reason = f"{error.reason}; {photo.name} asks to be turned (EXIF orientation {turned}), and its pixels count"
            raise DamagedFile(error.file, f"{reason} as they are stored", error.field, error.kind) from error
