"""The drawn scenes as a dataset: how many there are of each split, and what each preset draws."""

from dataclasses import replace

from torch.utils.data import Dataset

from lessons_lib.data.class_table import voc_coloured
from lessons_lib.data.scenes import CLASSES, PRESETS, Scenes
from lessons_lib.data.scenes.mixed import MixedScenes, mixed_configs
from lessons_lib.data.spec import DatasetSpec

SPLITS = {"train": (100_000, 0), "val": (500, 1)}
"""How many scenes a split has, and the seed they are drawn with: a model of "train" has seen none of "val".

Those of "val" have no void borders, so that every boundary can be judged."""


def open_scenes(split: str, size: int, preset: str) -> Dataset:
    """The scenes of a split, `size` pixels a side. The preset "mixed" takes turns between easy scenes and islands, with
    large objects and with small, and draws no void. Raises ValueError for a split or preset that there is not."""
    for what, value, allowed in (("split", split, SPLITS), ("preset", preset, (*PRESETS, "mixed"))):
        if value not in allowed:
            raise ValueError(f"{what} must be one of {', '.join(allowed)} for scenes, got {value!r}")
    length, seed = SPLITS[split]
    if preset == "mixed":
        return MixedScenes(mixed_configs(size), length, seed)
    config = replace(PRESETS[preset], size=size)
    if split == "val":
        config = replace(config, void_border=False)
    return Scenes(config, length, seed)


SCENES = DatasetSpec(name="scenes", reader=open_scenes, splits=tuple(SPLITS), classes=voc_coloured(CLASSES), drawn=True)
DATASETS = (SCENES,)
