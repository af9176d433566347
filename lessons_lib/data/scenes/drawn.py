"""What all sets of drawn images share: so many of them, numbered from 0, and a seed."""

from lessons_lib.data.sample import Sample, Samples


class Drawn(Samples):
    """A map-style dataset of images that do not exist before they are asked for; a subclass draws them in `draw`.

    `length` images, numbered from 0; another `seed` gives other images.
    """

    def __init__(self, length: int = 1000, seed: int = 0):
        if not 0 <= length <= 2**32:
            raise ValueError(f"length must be in [0, 2**32], got {length}")
        if not 0 <= seed < 2**32:
            raise ValueError(f"seed must be in [0, 2**32), got {seed}")
        self.length, self.seed = length, seed

    def draw(self, indices: list[int]) -> list[Sample]:
        """The samples of these indices, drawn together."""
        raise NotImplementedError

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> list[Sample]:
        """Several samples drawn together, which is faster; a DataLoader calls this by itself."""
        for index in indices:
            if not 0 <= index < self.length:
                raise IndexError(f"index must be in [0, {self.length}), got {index}")
        return self.draw(indices)
