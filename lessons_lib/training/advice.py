"""The one command that trains on a folder: a model that fits the labels, a size and a batch that fit the machine."""

import shlex
from collections.abc import Iterable

from lessons_lib.data.look import Look

SIZES = {"cpu": (64, 192), "gpu": (128, 512)}
"""The smallest and the largest side that is advised: above it a step takes longer than a first try should."""

STRIDE = 32
"""Sides are multiples of it, as the backbones halve five times."""

BYTES_PER_PIXEL = 1000
"""Memory that a training step takes for each pixel of a batch: twice what mask_rcnn with the tiny backbone took."""

MOST = 8
"""Images in a batch, at most."""

EPOCHS, STEPS = 30, (300, 3000)
"""How often each image is to be seen, within so many steps."""


def train_command(look: Look, root: str, memory: float, gpu: bool) -> str:
    """The command for a folder that was looked at; `memory` are the free bytes of the machine that trains.

    Masks are learned by mask_rcnn, boxes alone by faster_rcnn, label maps alone by fcn8s, from their shipped weights.
    """
    model = "fcn8s" if "boxes" in look.lacks else "faster_rcnn" if "masks" in look.lacks else "mask_rcnn"
    size = advised_size(look.sizes, gpu)
    train = look.splits.get("train", sum(look.splits.values()))
    batch = advised_batch(size, memory, train)
    steps = min(max(EPOCHS * train // batch, STEPS[0]), STEPS[1])
    words = ["python", "-m", "lessons_lib", "train", model, "--root", str(root), "--from", model]
    if look.chosen:
        words += ["--data", look.layout]
    if look.damaged:
        words += ["--on-error", "skip"]
    if "train" not in look.splits:
        words += ["--split", next(iter(look.splits))]
    return shlex.join([*words, "--size", str(size), "--batch", str(batch), "--steps", str(steps)])


def advised_size(sizes: Iterable[tuple[int, int]], gpu: bool) -> int:
    """The side to train at: about that of half the images' shorter sides, within `SIZES`."""
    least, most = SIZES["gpu" if gpu else "cpu"]
    shorter = sorted(min(size) for size in sizes) or [most]
    side = shorter[len(shorter) // 2] // STRIDE * STRIDE
    return min(max(side, least), most)


def advised_batch(size: int, memory: float, images: int) -> int:
    """The largest power of two of images, at most `MOST`, that takes no more than half the free memory."""
    batch = 1
    while 2 * batch <= min(MOST, max(images, 1)) and 2 * batch * size * size * BYTES_PER_PIXEL <= memory / 2:
        batch *= 2
    return batch
