"""Datasets by name: what opens each, the splits it has, and the classes of its label maps."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from torch.utils.data import Dataset

from lessons_lib.data.scenes import PRESETS, Scenes
from lessons_lib.data.scenes.mixed import MixedScenes, mixed_configs
from lessons_lib.data.sets.ade20k import Ade20kSamples
from lessons_lib.data.sets.camvid import CamVidSamples
from lessons_lib.data.sets.cityscapes import CityscapesSamples
from lessons_lib.data.sets.coco import CocoSamples
from lessons_lib.data.sets.leaves import LeafSamples
from lessons_lib.data.sets.nuclei import NucleiSamples
from lessons_lib.data.sets.pascal_context import PascalContextSamples
from lessons_lib.data.sets.penn_fudan import PennFudanSamples
from lessons_lib.data.sets.sbd import SbdSamples
from lessons_lib.data.sets.sunrgbd import SunRgbdSamples
from lessons_lib.data.sets.voc import VocSamples
from lessons_lib.data.skipping import Skipping

SCENES = {"train": (100_000, 0), "val": (500, 1)}
"""How many scenes a split has, and the seed they are drawn with: a model of "train" has seen none of "val".

Those of "val" have no void borders, so that every boundary can be judged."""


@dataclass(frozen=True)
class Format:
    """A set that lies on the disk: `reader(root, split)` opens it; `splits` are its own names of its splits.

    `train` and `val` say which of them the course means by these two words; SUN RGB-D has no val, so its test serves.
    """

    reader: Callable[[Path, str], Dataset]
    splits: tuple[str, ...]
    train: str = "train"
    val: str = "val"

    def own_split(self, split: str) -> str:
        """The set's own name of a split."""
        return {"train": self.train, "val": self.val}.get(split, split)


_ALL = ("train", "val", "all")
FORMATS: dict[str, Format] = {
    "voc2007": Format(partial(VocSamples, year="2007"), ("train", "val", "trainval")),
    "voc2012": Format(VocSamples, ("train", "val", "trainval")),
    "sbd": Format(SbdSamples, ("train", "val", "train_noval")),
    "pascal_context": Format(PascalContextSamples, ("train", "val", "trainval")),
    "pascal_context459": Format(partial(PascalContextSamples, label_set=459), ("train", "val", "trainval")),
    "sunrgbd": Format(SunRgbdSamples, ("train", "test"), val="test"),
    "sunrgbd13": Format(partial(SunRgbdSamples, num_classes=13), ("train", "test"), val="test"),
    "coco2017": Format(CocoSamples, ("train2017", "val2017"), "train2017", "val2017"),
    "cityscapes": Format(CityscapesSamples, ("train", "val")),
    "ade20k": Format(Ade20kSamples, ("training", "validation"), "training", "validation"),
    "penn_fudan": Format(PennFudanSamples, _ALL),
    "camvid": Format(CamVidSamples, ("train", "val", "test")),
    "nuclei": Format(NucleiSamples, _ALL),
    "leaves": Format(LeafSamples, _ALL),
}
"""Name of a set on the disk → what opens it. "coco" is another name of "coco2017"."""

FORMATS["coco"] = FORMATS["coco2017"]
NAMES = ("scenes", *sorted(FORMATS))
"""Every name that `open_dataset` knows."""


def spec_of(name: str) -> Format:
    """What is known of a set. Raises ValueError for a name that there is not."""
    if name not in NAMES:
        raise ValueError(f"data must be one of {', '.join(NAMES)}, got {name!r}")
    return FORMATS.get(name, Format(Scenes, tuple(SCENES)))


def open_dataset(
    name: str, root: Path | str | None = None, split: str = "train", on_error: str = "raise", *, size: int = 96,
    preset: str = "easy",
) -> Dataset:  # fmt: skip
    """The samples of a set, map-style, with `classes[label]`, `colours[label]`, and `names[index]` of its pictures.

    `split` is "train" or "val", or one of the set's own names, such as "val2017" of COCO. `root` is the folder that
    holds the set; scenes need none. With `on_error` "skip", damaged files are passed over: see `Skipping`, whose
    `report()` counts them at the end. With "raise", a damaged file raises DamagedFile when its sample is read.
    ValueError for a name, split or on_error that there is not, or a missing root; FileNotFoundError for a root without
    the set.
    """
    if name not in NAMES:
        raise ValueError(f"data must be one of {', '.join(NAMES)}, got {name!r}")
    if on_error not in ("raise", "skip"):
        raise ValueError(f"on_error must be 'raise' or 'skip', got {on_error!r}")
    if name == "scenes":
        samples = _scenes(split, size, preset)
        return Skipping(samples) if on_error == "skip" else samples
    if root is None:
        raise ValueError(f"root must be the folder that holds {name} (--root FOLDER), got none")
    found = FORMATS[name]
    samples = found.reader(Path(root), found.own_split(split))
    return Skipping(samples) if on_error == "skip" else samples


def open_data(
    name: str, split: str = "train", root: Path | str | None = None, size: int = 96, preset: str = "easy"
) -> tuple[Dataset, tuple[str, ...]]:
    """The samples of a set as `open_dataset` opens them, and the names of its classes from label 0 on.

    `size` and `preset` are for scenes, which are drawn; the pictures of other sets keep their sizes. The preset "mixed"
    takes turns between easy scenes and islands, with large objects and with small, and draws no void.
    """
    samples = _scenes(split, size, preset) if name == "scenes" else open_dataset(name, root, split)
    return samples, samples.classes


def _scenes(split: str, size: int, preset: str) -> Dataset:
    for what, value, allowed in (("split", split, SCENES), ("preset", preset, (*PRESETS, "mixed"))):
        if value not in allowed:
            raise ValueError(f"{what} must be one of {', '.join(allowed)} for scenes, got {value!r}")
    length, seed = SCENES[split]
    if preset == "mixed":
        return MixedScenes(mixed_configs(size), length, seed)
    config = replace(PRESETS[preset], size=size)
    if split == "val":
        config = replace(config, void_border=False)
    return Scenes(config, length, seed)
