"""The drawn scenes as a dataset: how many there are of each split, and what each preset draws."""

from dataclasses import replace

from lessons_lib.data.class_table import voc_coloured
from lessons_lib.data.sample import Samples
from lessons_lib.data.scenes import CLASSES, PRESETS, Scenes
from lessons_lib.data.scenes.mixed import KINDS, MixedScenes, mixed_configs
from lessons_lib.data.scenes.rosettes import ROSETTES, RosetteConfig, Rosettes
from lessons_lib.data.spec import DatasetSpec

SPLITS = {"train": (100_000, 0), "val": (500, 1)}
"""How many scenes a split has, and the seed they are drawn with: a model of "train" has seen none of "val".

Those of "val" have no void borders, so that every boundary can be judged."""


def open_scenes(split: str, size: int, preset: str) -> Samples:
    """The scenes of a split, `size` pixels per side.

    The preset "mixed:easy,islands" takes turns between the presets that it names, with large objects and with small,
    and draws no void; "mixed" alone is that one. The preset "rosettes" has classes of its own, background and leaf.
    Raises ValueError for an unknown split or preset.
    """
    kinds = _mixed_kinds(preset)
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)} for scenes, got {split!r}")
    length, seed = SPLITS[split]
    if preset == ROSETTES:
        return Rosettes(RosetteConfig(size), length, seed)
    if not set(kinds or [preset]) <= set(PRESETS):
        known = ", ".join((*PRESETS, ROSETTES))
        raise ValueError(f"preset must be one of {known}, mixed, mixed:NAME,… for scenes, got {preset!r}")
    if kinds:
        return MixedScenes(mixed_configs(size, kinds), length, seed)
    config = replace(PRESETS[preset], size=size)
    if split == "val":
        config = replace(config, void_border=False)
    return Scenes(config, length, seed)


def _mixed_kinds(preset: str) -> tuple[str, ...]:
    """The presets between which a mixed one takes turns; none for a plain preset."""
    if preset == "mixed":
        return KINDS
    return tuple(preset.removeprefix("mixed:").split(",")) if preset.startswith("mixed:") else ()


SCENES = DatasetSpec(name="scenes", reader=open_scenes, splits=tuple(SPLITS), classes=voc_coloured(CLASSES), drawn=True)
DATASETS = (SCENES,)
