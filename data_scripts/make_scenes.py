"""Write scenes as a dataset: `python -m data_scripts.make_scenes --layout coco2017 --out my_scenes --count 500`."""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from data_scripts.datasets import DATASETS
from data_scripts.export.relabel import ONE_KIND, relabel
from lessons_lib.data.sample import VOID, Sample
from lessons_lib.data.scenes import PRESETS, SceneConfig, draw_scenes
from lessons_lib.data.scenes.rosettes import ROSETTES, RosetteConfig, draw_rosettes
from lessons_lib.terminal import parsed, run

DRAWN_AT_ONCE = 32


LAYOUTS = {name: entry.export for name, entry in DATASETS.items() if entry.export is not None}
"""Every layout that scenes are written in, by the name that `open_dataset` reads it under."""


def make_scenes(
    layout: str, out: Path | str, count: int, config: SceneConfig | RosetteConfig, seed: int = 0,
    split: str | None = None,
) -> int:  # fmt: skip
    """Write the scenes 0 to count − 1 of `seed` in a layout; return how many there are.

    The labels are the layout's own; a layout without void has background there, one without instances has none.
    Raises ValueError for an unknown layout or split, a count below 1, crowds in a layout that cannot express them, or
    rosettes in a layout of several kinds of objects, which has no name for a leaf; FileExistsError where `out` is not
    empty.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"layout must be among {', '.join(LAYOUTS)}, got {layout!r}")
    chosen = LAYOUTS[layout]
    if count < 1:
        raise ValueError(f"count must be ≥ 1, got {count}")
    if split is not None and split not in chosen.splits:
        raise ValueError(f"split must be among {', '.join(chosen.splits) or 'none'} for {layout}, got {split!r}")
    if isinstance(config, RosetteConfig):
        if chosen.labels is not ONE_KIND:
            known = ", ".join(name for name, export in LAYOUTS.items() if export.labels is ONE_KIND)
            raise ValueError(f"layout must be among {known} for rosettes, got {layout!r}")
    elif config.crowd_probability > 0 and not chosen.crowds:
        raise ValueError(f"crowd_probability must be 0 in the layout {layout}, got {config.crowd_probability}")
    names = [split or chosen.splits[0]] if chosen.splits else []
    void = VOID if chosen.reads_back.void else 0
    renamed = map(partial(relabel, labels=chosen.labels, void=void), _scenes(count, config, seed))
    return chosen.write(renamed, out, *names)


def _scenes(count: int, config: SceneConfig | RosetteConfig, seed: int) -> Iterator[Sample]:
    for start in range(0, count, DRAWN_AT_ONCE):
        indices = range(start, min(count, start + DRAWN_AT_ONCE))
        if isinstance(config, RosetteConfig):
            yield from draw_rosettes(indices, config, seed)
        else:
            yield from draw_scenes(indices, config, seed)


def _config(preset: str, changes: dict[str, Any]) -> SceneConfig | RosetteConfig:
    """The preset's settings with changes. Raises ValueError for crowds of leaves."""
    if preset != ROSETTES:
        return replace(PRESETS[preset], **changes)
    if changes.pop("crowd_probability", 0):
        raise ValueError("crowd_probability must be 0 or left out for rosettes, which have no crowds")
    return RosetteConfig(**changes)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m data_scripts.make_scenes", description=__doc__.split(":")[0])
    top.add_argument("--layout", choices=tuple(LAYOUTS), required=True)
    top.add_argument("--out", type=Path, required=True, help="a new or an empty folder")
    top.add_argument("--count", type=int, default=100, help="images (default 100)")
    top.add_argument("--preset", choices=(*PRESETS, ROSETTES), default="easy")
    top.add_argument("--size", type=int, help="pixels per side (default: the preset's, 96, or 64 of rosettes)")
    top.add_argument("--seed", type=int, default=0)
    top.add_argument("--split", help="default: the layout's training split")
    top.add_argument("--crowd-probability", type=float, help="default: the preset's; most layouts need 0")
    return top


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status."""
    options = parsed(parser(), arguments)
    changes = {"size": options.size, "crowd_probability": options.crowd_probability}
    try:
        config = _config(options.preset, {k: v for k, v in changes.items() if v is not None})
        count = make_scenes(options.layout, options.out, options.count, config, options.seed, options.split)
    except (ValueError, OSError) as error:
        print(f"make_scenes: {error}", file=sys.stderr)
        return 2
    print(f"{count} images in {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
