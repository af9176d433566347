"""Scenes drawn in a second: `python -m benchmarks.scenes` (one thread, then a DataLoader with two workers)."""

import argparse
import sys
import time
from dataclasses import replace

import torch
from torch.utils.data import DataLoader

from lessons_lib.data.sample import collate
from lessons_lib.data.scenes import PRESETS, Scenes, draw_scenes
from lessons_lib.terminal import run

GOAL = 300
"""Images a second at 96 pixels that two idle cores should reach, with the preset "easy"."""


def one_thread(preset: str, size: int, count: int) -> float:
    """Images a second that `draw_scenes` draws in this process, the best of three rounds."""
    config = replace(PRESETS[preset], size=size)
    draw_scenes(range(32), config)
    best = 0.0
    for turn in range(3):
        start = time.perf_counter()
        draw_scenes(range(turn * count, (turn + 1) * count), config)
        best = max(best, count / (time.perf_counter() - start))
    return best


def two_workers(preset: str, size: int, count: int) -> float:
    """Images a second that arrive through a DataLoader with two workers, after its first batches."""
    dataset = Scenes(replace(PRESETS[preset], size=size), length=count + 320, seed=0)
    batches = iter(DataLoader(dataset, batch_size=32, num_workers=2, collate_fn=collate))
    for _ in range(10):  # the workers are up, and what they drew ahead meanwhile is spent
        next(batches)
    start = time.perf_counter()
    images = sum(len(batch) for batch in batches)
    return images / (time.perf_counter() - start)


def main(arguments: list[str] | None = None) -> None:
    """Print a line for each preset."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scenes", description=__doc__.split(":")[0])
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--count", type=int, default=960, help="images a measurement")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print(f"{options.size} px; the goal at 96 px is {GOAL} images/s with two workers on two idle cores")
    for preset in PRESETS:
        alone = one_thread(preset, options.size, options.count)
        loader = two_workers(preset, options.size, options.count)
        print(f"{preset:8s}  one thread {alone:6.0f} images/s   two workers {loader:6.0f} images/s")


if __name__ == "__main__":
    sys.exit(run(main))
