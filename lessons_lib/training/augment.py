"""Augmentation: how an image, with its annotation, becomes a square of the training's size."""

from collections.abc import Callable
from functools import cache

import torch

from lessons_lib.data.crop import middle_square, mirrored, random_square, random_window
from lessons_lib.data.sample import Sample
from lessons_lib.data.transforms import training_transform, transform_sample

Augmentation = Callable[..., Sample]
"""Takes a sample, the random numbers of its draw, and `size`, the height and width that it must have."""


def flip(sample: Sample, generator: torch.Generator, size: int) -> Sample:
    """A random square of the image, half of the time mirrored."""
    square = random_square(sample, generator, size)
    return mirrored(square) if torch.rand((), generator=generator) < 0.5 else square


def window(sample: Sample, generator: torch.Generator, size: int) -> Sample:
    """A random square of the image at its own scale, half of the time mirrored: for large images of small things."""
    return flip(random_window(sample, generator, size), generator, size)


def full(sample: Sample, generator: torch.Generator, size: int) -> Sample:
    """Mirrored, scaled by 0.5 to 2, cropped, and its colours jittered: `training_transform`."""
    with torch.random.fork_rng(devices=[]):  # torchvision's transforms take their numbers from the global generator
        torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
        return transform_sample(sample, _full(size))


@cache
def _full(size: int) -> torch.nn.Module:
    return training_transform(size)


BY_NAME: dict[str, Augmentation] = {
    "none": lambda sample, generator, size: middle_square(sample, size),
    "crop": random_square,
    "flip": flip,
    "window": window,
    "full": full,
}
"""Every augmentation by the name that the settings give it."""
