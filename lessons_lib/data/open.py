"""Data sets by name, as the command line calls them: what opens each, and the classes of its label maps."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from torch.utils.data import Dataset

from lessons_lib.data.coco import CocoSamples
from lessons_lib.data.scenes import CLASSES, PRESETS, Scenes
from lessons_lib.data.voc import VOC_CLASSES, VocSamples

SCENES = {"train": (100_000, 0), "val": (500, 1)}
"""How many scenes a split has, and the seed they are drawn with: a model of "train" has seen none of "val".

Those of "val" have no void borders, so that every boundary can be judged."""


def open_data(
    name: str, split: str = "train", root: Path | str | None = None, size: int = 96, preset: str = "easy"
) -> tuple[Dataset, tuple[str, ...]]:
    """The samples of a data set, map-style, and the names of its classes from label 0 on.

    `split` is "train" or "val", or a split's own name, such as "val2017" of COCO. `root` is the folder of a set that
    lies on the disk; its pictures keep their sizes. `size` and `preset` are for scenes, which are drawn.
    ValueError for a name, split, preset or missing root, naming what is allowed.
    """
    if name == "scenes":
        return _scenes(split, size, preset)
    if name not in OPENERS:
        raise ValueError(f"data must be one of scenes, {', '.join(OPENERS)}, got {name!r}")
    if root is None:
        raise ValueError(f"root must be the folder that holds {name} (--root FOLDER), got none")
    return OPENERS[name](Path(root), split)


def _scenes(split: str, size: int, preset: str) -> tuple[Dataset, tuple[str, ...]]:
    for what, value, allowed in (("split", split, SCENES), ("preset", preset, PRESETS)):
        if value not in allowed:
            raise ValueError(f"{what} must be one of {', '.join(allowed)} for scenes, got {value!r}")
    length, seed = SCENES[split]
    config = replace(PRESETS[preset], size=size)
    if split == "val":
        config = replace(config, void_border=False)
    return Scenes(config, length, seed), CLASSES


def _coco(root: Path, split: str) -> tuple[Dataset, tuple[str, ...]]:
    samples = CocoSamples(root, {"train": "train2017", "val": "val2017"}.get(split, split))
    return samples, samples.classes


def _voc(root: Path, split: str, year: str) -> tuple[Dataset, tuple[str, ...]]:
    return VocSamples(root, split, year), VOC_CLASSES


OPENERS: dict[str, Callable[[Path, str], tuple[Dataset, tuple[str, ...]]]] = {
    "coco": _coco,
    "voc2007": partial(_voc, year="2007"),
    "voc2012": partial(_voc, year="2012"),
}
"""Name of a set that lies on the disk → what opens it: (root, split) → samples and classes."""
