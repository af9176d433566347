"""The exercise of lesson 00: one line, to see how exercises work."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise


def covered_pixels(mask):
    """The number of pixels that a mask covers."""
    return int(mask.sum())


def mask_cases():
    """Masks of odd shapes: by hand, empty, full, one pixel, and views of random ones."""
    by_hand = torch.tensor([[False, True, True], [False, True, False]])
    generator = torch.Generator().manual_seed(0)
    random = torch.rand(9, 14, generator=generator) < 0.3
    masks = [by_hand, random, random[:, ::3], random.T, torch.zeros(4, 5).bool(), torch.ones(2, 5).bool()]
    return [{"mask": mask} for mask in [*masks, torch.ones(1, 1).bool()]]


COVERED = Exercise(
    "00.1",
    "Covered pixels",
    difficulty=1,
    minutes=5,
    oracle=covered_pixels,
    cases=mask_cases,
    hints=(
        "A mask holds True where the object is and False elsewhere. In a sum, True counts as 1 and False as 0.",
        "mask.sum() adds up all the values. Put return in front of it.",
    ),
)
COVERED.model(covered_pixels)


@COVERED.mistake(
    "This looks like the number of all pixels: numel() counts the False ones too. Only the True ones are covered."
)
def counts_all_pixels(mask):
    return mask.numel()


@COVERED.mistake(
    "This looks like the number of rows: len(mask) and mask.shape[0] say how high the image is, whatever it holds."
)
def counts_rows(mask):
    return len(mask)


@COVERED.mistake(
    "This looks like the share of covered pixels: a mean divides by the number of all pixels. Here we want the count."
)
def takes_mean(mask):
    return mask.float().mean()


@COVERED.mistake(
    "This looks like one count a column: sum(0) adds along the rows only. Without a number, sum() adds up everything."
)
def sums_columns(mask):
    return mask.sum(0)


@COVERED.mistake("This looks like the number of pixels that are not covered: the mask is True on the object itself.")
def counts_background(mask):
    return int((~mask).sum())


@COVERED.mistake(
    "This looks like twice the count: nonzero() has two numbers for each covered pixel, its row and its column, and "
    "numel() counts them all. len(mask.nonzero()) counts pixels."
)
def counts_coordinates(mask):
    return mask.nonzero().numel()


@COVERED.mistake("This looks like the number of rows that hold a covered pixel: sum over rows and columns both.")
def counts_rows_with_a_pixel(mask):
    return int(mask.any(1).sum())


@COVERED.mistake("This looks like the number of columns: mask.shape[1] says how wide the image is, whatever it holds.")
def counts_columns(mask):
    return mask.shape[1]
