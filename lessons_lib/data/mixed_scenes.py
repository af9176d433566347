"""Scenes of several kinds in one set: a model that has seen them all serves every lesson."""

from collections.abc import Sequence
from dataclasses import replace

from torch.utils.data import Dataset

from lessons_lib.data.sample import Sample
from lessons_lib.data.scene_config import CLASSES, PRESETS, SceneConfig
from lessons_lib.data.scenes import draw_scenes

KINDS = ("easy", "islands")
"""The presets that are mixed: each with objects as large as it says, and with objects of three quarters of that."""


class MixedScenes(Dataset):
    """A map-style dataset whose picture i is drawn with the i-th of `configs`, counted round and round.

    The pictures of a configuration are those that `Scenes` draws under the same seed and number. Raises ValueError for
    no configs, for configs of different sizes, and for a length or seed that scenes cannot have.
    """

    classes = CLASSES

    def __init__(self, configs: Sequence[SceneConfig], length: int = 1000, seed: int = 0):
        if not configs or len({config.size for config in configs}) > 1:
            sizes = sorted({config.size for config in configs})
            raise ValueError(f"configs must be one or more of a single size, got sizes {sizes}")
        if not 0 <= length <= 2**32:
            raise ValueError(f"length must be in [0, 2**32], got {length}")
        if not 0 <= seed < 2**32:
            raise ValueError(f"seed must be in [0, 2**32), got {seed}")
        self.configs, self.length, self.seed = tuple(configs), length, seed

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> list[Sample]:
        """Several samples in the order asked for; those of one configuration are drawn together."""
        for index in indices:
            if not 0 <= index < self.length:
                raise IndexError(f"index must be in [0, {self.length}), got {index}")
        samples = {}
        for kind, config in enumerate(self.configs):
            own = [index for index in indices if index % len(self.configs) == kind]
            samples |= zip(own, draw_scenes(own, config, self.seed), strict=True)
        return [samples[index] for index in indices]


def mixed_configs(size: int, kinds: Sequence[str] = KINDS) -> list[SceneConfig]:
    """Presets at this size, as they are and with smaller objects; without void, since every pixel is known."""
    kinds = [replace(PRESETS[name], size=size, void_border=False) for name in kinds]
    return kinds + [replace(kind, radii=_three_quarters(kind.radii)) for kind in kinds]


def _three_quarters(radii: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    return tuple((0.75 * low, 0.75 * high) for low, high in radii)
