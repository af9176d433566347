"""Write scenes as a dataset: `python -m data_scripts.make_scenes --layout coco --out my_scenes --count 500`."""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from data_scripts.write_coco import write_coco
from data_scripts.write_voc import write_voc
from lessons_lib.data.sample import Sample
from lessons_lib.data.scene_config import THINGS
from lessons_lib.data.scenes import CLASSES, PRESETS, SceneConfig, draw_scenes

DRAWN_AT_ONCE = 32


def make_scenes(
    layout: str, out: Path | str, count: int, config: SceneConfig, seed: int = 0, split: str | None = None
) -> int:
    """Write the scenes 0 to count − 1 of `seed` in the layout "voc" or "coco"; return how many there are.

    `split` is "train" (VOC) or "train2017" (COCO) unless given. Raises ValueError for another layout, a count below 1,
    or crowds in the VOC layout, which cannot express them; FileExistsError where `out` is not empty.
    """
    if layout not in ("voc", "coco"):
        raise ValueError(f"layout must be 'voc' or 'coco', got {layout!r}")
    if count < 1:
        raise ValueError(f"count must be ≥ 1, got {count}")
    if layout == "voc":
        if config.crowd_probability > 0:
            raise ValueError(f"crowd_probability must be 0 in the VOC layout, got {config.crowd_probability}")
        return write_voc(_scenes(count, config, seed), CLASSES, out, split or "train")
    return write_coco(_scenes(count, config, seed), CLASSES, len(THINGS), out, split or "train2017")


def _scenes(count: int, config: SceneConfig, seed: int) -> Iterator[Sample]:
    for start in range(0, count, DRAWN_AT_ONCE):
        yield from draw_scenes(range(start, min(count, start + DRAWN_AT_ONCE)), config, seed)


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m data_scripts.make_scenes", description=__doc__.split(":")[0])
    parser.add_argument("--layout", choices=("voc", "coco"), required=True)
    parser.add_argument("--out", type=Path, required=True, help="a new or an empty folder")
    parser.add_argument("--count", type=int, default=100, help="pictures (default 100)")
    parser.add_argument("--preset", choices=tuple(PRESETS), default="easy")
    parser.add_argument("--size", type=int, help="pixels a side (default: the preset's, 96)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", help="default: train (voc), train2017 (coco)")
    parser.add_argument("--crowd-probability", type=float, help="default: the preset's; must be 0 for voc")
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
