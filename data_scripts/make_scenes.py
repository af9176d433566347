"""Write scenes as a dataset: `python -m data_scripts.make_scenes --layout coco2017 --out my_scenes --count 500`."""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from data_scripts.export.ade20k import write_ade20k
from data_scripts.export.camvid import write_camvid
from data_scripts.export.cityscapes import write_cityscapes
from data_scripts.export.coco import write_coco
from data_scripts.export.leaves import write_leaves
from data_scripts.export.nuclei import write_nuclei
from data_scripts.export.pascal_context import write_pascal_context
from data_scripts.export.penn_fudan import write_penn_fudan
from data_scripts.export.relabel import SCENE_LABELS, WITHOUT_VOID, relabel
from data_scripts.export.sbd import write_sbd
from data_scripts.export.sunrgbd import write_sunrgbd
from data_scripts.export.voc import write_voc
from lessons_lib.data.sample import VOID, Sample
from lessons_lib.data.scenes import CLASSES, PRESETS, SceneConfig, draw_scenes
from lessons_lib.data.scenes.config import THINGS

DRAWN_AT_ONCE = 32


@dataclass(frozen=True)
class Layout:
    """What writes a layout: `write(samples, out, split)`, or without a split where `splits` is empty.

    `splits` are the names it may have, the default first. `crowds` says whether it can hold scenes with a crowd.
    """

    write: Callable[..., int]
    splits: tuple[str, ...]
    crowds: bool = False


def _write_voc(samples: Iterator[Sample], out: Path, split: str) -> int:
    return write_voc(samples, CLASSES, out, split)


def _write_coco(samples: Iterator[Sample], out: Path, split: str) -> int:
    return write_coco(samples, CLASSES, len(THINGS), out, split)


LAYOUTS = {
    "voc2012": Layout(_write_voc, ("train", "val", "trainval")),
    "sbd": Layout(write_sbd, ("train", "val", "train_noval")),
    "pascal_context": Layout(write_pascal_context, ("train", "val", "trainval"), crowds=True),
    "sunrgbd": Layout(write_sunrgbd, ("train", "test"), crowds=True),
    "coco2017": Layout(_write_coco, ("train2017", "val2017"), crowds=True),
    "cityscapes": Layout(write_cityscapes, ("train", "val")),
    "ade20k": Layout(write_ade20k, ("training", "validation")),
    "penn_fudan": Layout(write_penn_fudan, ()),
    "camvid": Layout(write_camvid, ("train", "val", "test"), crowds=True),
    "nuclei": Layout(write_nuclei, ()),
    "leaves": Layout(write_leaves, ()),
}
"""Every layout that scenes are written in, by the name that `open_dataset` reads it under."""


def make_scenes(
    layout: str, out: Path | str, count: int, config: SceneConfig, seed: int = 0, split: str | None = None
) -> int:
    """Write the scenes 0 to count − 1 of `seed` in a layout; return how many there are.

    The labels are `SCENE_LABELS[layout]`; a layout without void has background there, one without instances has none.
    Raises ValueError for a layout or split that there is not, a count below 1, or crowds in a layout that cannot
    express them; FileExistsError where `out` is not empty.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"layout must be among {', '.join(LAYOUTS)}, got {layout!r}")
    chosen = LAYOUTS[layout]
    if count < 1:
        raise ValueError(f"count must be ≥ 1, got {count}")
    if split is not None and split not in chosen.splits:
        raise ValueError(f"split must be among {', '.join(chosen.splits) or 'none'} for {layout}, got {split!r}")
    if config.crowd_probability > 0 and not chosen.crowds:
        raise ValueError(f"crowd_probability must be 0 in the layout {layout}, got {config.crowd_probability}")
    names = [split or chosen.splits[0]] if chosen.splits else []
    void = 0 if layout in WITHOUT_VOID else VOID
    renamed = map(partial(relabel, labels=SCENE_LABELS[layout], void=void), _scenes(count, config, seed))
    return chosen.write(renamed, out, *names)


def _scenes(count: int, config: SceneConfig, seed: int) -> Iterator[Sample]:
    for start in range(0, count, DRAWN_AT_ONCE):
        yield from draw_scenes(range(start, min(count, start + DRAWN_AT_ONCE)), config, seed)


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m data_scripts.make_scenes", description=__doc__.split(":")[0])
    parser.add_argument("--layout", choices=tuple(LAYOUTS), required=True)
    parser.add_argument("--out", type=Path, required=True, help="a new or an empty folder")
    parser.add_argument("--count", type=int, default=100, help="pictures (default 100)")
    parser.add_argument("--preset", choices=tuple(PRESETS), default="easy")
    parser.add_argument("--size", type=int, help="pixels a side (default: the preset's, 96)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", help="default: the layout's training split")
    parser.add_argument("--crowd-probability", type=float, help="default: the preset's; most layouts need 0")
    options = parser.parse_args(arguments)
    changes = {"size": options.size, "crowd_probability": options.crowd_probability}
    try:
        config = replace(PRESETS[options.preset], **{k: v for k, v in changes.items() if v is not None})
        count = make_scenes(options.layout, options.out, options.count, config, options.seed, options.split)
    except (ValueError, OSError) as error:
        print(f"make_scenes: {error}", file=sys.stderr)
        return 2
    print(f"{count} pictures in {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
