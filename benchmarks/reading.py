"""COCO photographs with masks, read against a bare torchvision loop: `python -m benchmarks.reading`."""

import argparse
import contextlib
import io
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torchvision.datasets import CocoDetection
from torchvision.transforms.functional import to_tensor

from lessons_lib.data.photo import REAL_DATA, real_set
from lessons_lib.data.sets.coco import CocoSamples
from lessons_lib.terminal import run as run_command

GOAL = 0.9
"""Photographs a second of the reader, over those of the bare loop, that it should hold."""


def bare_loop(root: Path, split: str) -> Callable[[], int]:
    """What a user would write: each image as a float tensor, its masks as one bool tensor, boxes and categories."""
    with contextlib.redirect_stdout(io.StringIO()):
        files = CocoDetection(str(root / split), str(root / "annotations" / f"instances_{split}.json"))

    def run() -> int:
        for picture, annotations in files:
            image = to_tensor(picture)
            masks = [files.coco.annToMask(annotation) for annotation in annotations]
            stacked = np.stack(masks) if masks else np.zeros((0, *image.shape[1:]), dtype=np.uint8)
            torch.from_numpy(stacked).bool()
            torch.tensor([annotation["bbox"] for annotation in annotations], dtype=torch.float32)
            torch.tensor([annotation["category_id"] for annotation in annotations])
        return len(files)

    return run


def reader(root: Path, split: str) -> Callable[[], int]:
    """The course's reader, which also checks every annotation and paints the label map."""
    samples = CocoSamples(root, split)

    def run() -> int:
        for _ in samples:
            pass
        return len(samples)

    return run


def compare(root: Path, split: str, rounds: int) -> tuple[float, float]:
    """Photographs a second of processor time, of the bare loop and of the reader: the best of rounds in turn."""
    runs = (bare_loop(root, split), reader(root, split))
    best = [0.0, 0.0]
    for turn in range(rounds + 1):  # the first round warms the disk's cache and is not counted
        for which, run in enumerate(runs):
            start = time.process_time()
            count = run()
            if turn:
                best[which] = max(best[which], count / (time.process_time() - start))
    return best[0], best[1]


def main(arguments: list[str] | None = None) -> None:
    """Print both speeds and their ratio for each split that is there."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading", description=__doc__.split(":")[0])
    parser.add_argument("--root", type=Path, help=f"a folder in COCO's layout (default: the one in {REAL_DATA})")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    root = options.root or real_set()
    if root is None:
        print(
            f"no photographs: set {REAL_DATA} to a folder that holds COCO's layout (it is {os.environ.get(REAL_DATA)})"
        )
        return
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)  # pycocotools 2.0 with numpy 2
    print(f"one thread, seconds of the processor; goal: reader ≥ {GOAL} × bare loop")
    for split in ("train2017", "val2017"):
        if (root / split).is_dir():
            bare, ours = compare(root, split, options.rounds)
            print(f"{split:10s} bare loop {bare:6.1f} photographs/s   reader {ours:6.1f}   ratio {ours / bare:.2f}")


if __name__ == "__main__":
    sys.exit(run_command(main))
