"""Scenes of several kinds in one set: a model that has seen them all serves every lesson."""

from collections.abc import Sequence
from dataclasses import replace

from lessons_lib.data.sample import Sample
from lessons_lib.data.scenes import Scenes
from lessons_lib.data.scenes.config import PRESETS, SceneConfig
from lessons_lib.data.scenes.drawn import Drawn

KINDS = ("easy", "islands")
"""The presets that are mixed: each with objects as large as it says, and with objects of three quarters of that."""


class MixedScenes(Drawn):
    """A map-style dataset whose image i is drawn with the i-th of `configs`, which are taken in turn.

    The images of a configuration are those that `Scenes` draws under the same seed and number. Raises ValueError for
    no configs, for configs of different sizes, and for a length or seed that scenes cannot have.
    """

    classes, colours = Scenes.classes, Scenes.colours

    def __init__(self, configs: Sequence[SceneConfig], length: int = 1000, seed: int = 0):
        if not configs or len({config.size for config in configs}) > 1:
            sizes = sorted({config.size for config in configs})
            raise ValueError(f"configs must be one or more of a single size, got sizes {sizes}")
        super().__init__(length, seed)
        self.kinds = [Scenes(config, length, seed) for config in configs]

    def draw(self, indices: list[int]) -> list[Sample]:
        """Several samples in the order asked for; those of one configuration are drawn together."""
        samples: dict[int, Sample] = {}
        for place, kind in enumerate(self.kinds):
            own = [index for index in indices if index % len(self.kinds) == place]
            samples |= zip(own, kind.__getitems__(own), strict=True)
        return [samples[index] for index in indices]


def mixed_configs(size: int, kinds: Sequence[str] = KINDS) -> list[SceneConfig]:
    """Presets at this size, as they are and with smaller objects; without void, since every pixel is known."""
    configs = [replace(PRESETS[name], size=size, void_border=False) for name in kinds]
    return configs + [replace(config, radii=_three_quarters(config.radii)) for config in configs]


def _three_quarters(radii: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    return tuple((0.75 * low, 0.75 * high) for low, high in radii)
