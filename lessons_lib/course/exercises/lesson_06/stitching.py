"""Exercise 06.3: the shifts of shift-and-stitch, interleaved."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.models.semantic import patch


def stitch_cases():
    """Four shifts of one number, numbered maps, three shifts a side, batches and channels, a strided view."""
    generator = torch.Generator().manual_seed(3)
    return [
        {"shifted": torch.arange(1.0, 5).view(2, 2, 1, 1, 1, 1)},
        {"shifted": torch.arange(1.0, 25).view(2, 2, 1, 1, 2, 3)},
        {"shifted": torch.rand(3, 3, 2, 1, 2, 4, generator=generator)},
        {"shifted": torch.rand(2, 2, 3, 4, 2, 2, generator=generator)},
        {"shifted": torch.rand(1, 1, 2, 2, 3, 2, generator=generator)},
        {"shifted": torch.rand(2, 2, 2, 3, 5, 3, generator=generator).transpose(4, 5)},
    ]


STITCH = Exercise(
    "06.3",
    "Stitch the shifts",
    difficulty=3,
    minutes=25,
    oracle=patch.stitch,
    cases=stitch_cases,
    hints=(
        "shifted[i, j] was computed on the image without its first i rows and j columns. Which rows of the whole "
        "map are these?",
        "Rows i, i + s, i + 2s, … and columns j, j + s, …: a slice with a step picks them, out[:, :, i::s, j::s].",
        "Make out with shape (B, K, s·h, s·w), and fill it in two loops over i and j.",
    ),
    gradients=True,
)


@STITCH.model
def stitch(shifted):
    s, _, B, K, h, w = shifted.shape
    out = shifted.new_zeros(B, K, s * h, s * w)
    for i in range(s):
        for j in range(s):
            out[:, :, i::s, j::s] = shifted[i, j]
    return out


@STITCH.flags(
    exchanged="This looks like i and j exchanged: the first index shifts rows, the second columns.",
    from_the_end="This looks like shifts counted from the other end: shift 0 belongs to the first pixel, not the last.",
    one_shift="This looks like the first shift enlarged: the other shifts hold the scores of the pixels between.",
    tiles="This looks like tiles laid side by side: each shift got a corner of the map. The shifts belong to "
    "neighbouring "
    "pixels, so they interleave.",
    reshaped="This looks like a plain reshape. The numbers must change their order: s and h, and s and w, have to be "
    "neighbours first.",
    phases_first="This looks like classes and shifts confused: as channels for pixel_shuffle, the s² shifts of one "
    "class "
    "must be neighbours.",
    first_class="This looks like the first class alone: every class is interleaved.",
)
def wrong_stitch(
    shifted,
    *,
    exchanged=False,
    from_the_end=False,
    one_shift=False,
    tiles=False,
    reshaped=False,
    phases_first=False,
    first_class=False,
):
    shifted = shifted[:, :, :, :1] if first_class else shifted
    s, _, B, K, h, w = shifted.shape
    shifted = shifted.transpose(0, 1) if exchanged else shifted
    shifted = shifted.flip(0, 1) if from_the_end else shifted
    shifted = shifted[:1, :1].expand(shifted.shape) if one_shift else shifted
    if phases_first:
        mixed = shifted.permute(2, 0, 1, 3, 4, 5).reshape(B, K, s, s, h, w)  # (B, s*s*K) read as (K, s, s)
        shifted = mixed.permute(2, 3, 0, 1, 4, 5)
    if reshaped:
        return shifted.reshape(B, K, s * h, s * w)
    return shifted.permute(2, 3, *((0, 4, 1, 5) if tiles else (4, 0, 5, 1))).reshape(B, K, s * h, s * w)
