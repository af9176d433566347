"""Lesson 20, exercise 2: the same photograph in two splits, under another name and at another size."""

import torch
from torch.nn import functional as F

from lessons_lib.course.exercises.engine.exercise import Exercise


def fingerprint(image):
    """64 bits: is the picture, averaged to 8 rows of 9 cells, brighter to the right?"""
    small = F.adaptive_avg_pool2d(image.mean(0)[None], (8, 9))[0]
    return (small[:, 1:] > small[:, :-1]).flatten()


def leak_cases():
    """Photographs that came back larger, brighter, noisy, in another colour, mirrored; a pair at the limit; nothing."""
    generator = torch.Generator().manual_seed(202)

    def photo(height=27, width=36):
        rough = torch.rand(1, 3, 5, 6, generator=generator)
        return F.interpolate(rough, (height, width), mode="bicubic").clamp(0, 1)[0] * 0.6 + 0.1

    def resized(image, height, width):
        return F.interpolate(image[None], (height, width), mode="bilinear", antialias=True)[0]

    a, b, c, d = (photo() for _ in range(4))
    board = ((torch.arange(32)[:, None] + torch.arange(36)) % 2).float() * 0.5 - 0.25  # its mean is 0 in every cell
    noisy = resized(a, 32, 36) + board
    e = photo()
    other = e.clone()
    other[1:] = photo()[1:]  # the same red, another photograph
    both = [resized(a, 54, 72), b * 1.3 + 0.05]
    one, two = photo(), photo()
    sky = torch.cat([torch.full((3, 13, 36), 0.7), torch.full((3, 14, 36), 0.1)], 1)  # bright above, dark below
    mixed = 0.62 * one + 0.38 * two
    limit = int((fingerprint(one) ^ fingerprint(mixed)).sum())
    cases = [
        ([a, b], [c, resized(a, 54, 72)], 5),
        ([a, b, c], [*both, d], 5),
        ([a, c], [noisy], 5),
        ([e], [other], 5),
        ([a, resized(a, 40, 40), d], [b, resized(d, 20, 30), resized(a, 30, 30)], 5),
        ([one], [mixed], limit),
        ([a], [a.flip(2)], 5),
        ([a, d], [resized(a, 54, 72), d, resized(a, 40, 30)], 5),
        ([sky + 0.1 * photo()], [sky + 0.1 * photo()], 5),
        ([a, b], [], 5),
    ]
    return [{"train": train, "val": val, "most": most} for train, val, most in cases]


def leaks(train, val, most=5):
    """All pairs (i, j): train[i] and val[j] show the same photograph, since at most so many of 64 bits differ."""
    small = [[F.adaptive_avg_pool2d(image.mean(0)[None], (8, 9))[0] for image in split] for split in (train, val)]
    bits = [[cells[:, 1:] > cells[:, :-1] for cells in split] for split in small]
    return [
        (i, j) for i, one in enumerate(bits[0]) for j, other in enumerate(bits[1]) if int((one ^ other).sum()) <= most
    ]


LEAK = Exercise(
    "20.2",
    "Find the leak",
    difficulty=2,
    minutes=20,
    oracle=leaks,
    cases=leak_cases,
    hints=(
        "Make every image equally small first: then neither its name nor its size matters. Averaging is what makes "
        "noise harmless.",
        "F.adaptive_avg_pool2d(image.mean(0)[None], (8, 9))[0] has 8 rows of 9 grey cells; comparing each with its "
        "right neighbour gives 8 × 8 bits, which brightness cannot change.",
        "bits = small[:, 1:] > small[:, :-1]; two images are the same if int((one ^ other).sum()) <= most. Two loops "
        "make all pairs (i, j).",
    ),
)
LEAK.model(leaks)


@LEAK.flags(
    red_alone="This looks like one colour channel alone. Average the three: two photographs may share their red.",
    single_pixels="This looks like single pixels picked from the large image. Average each cell, or noise decides.",
    below_the_most="This looks like fewer than `most` bits. At most means that `most` itself still counts.",
    first_pair="This looks like the first pair alone. A split can leak more than once.",
    once_each="This looks like a search that stops at the first partner of a training image. Name every pair (i, j).",
    turned="This looks like pairs (j, i): the training image comes first.",
    mirrored_too="This looks like a search that takes mirrored images for the same. Here they are not asked for.",
    brighter_than_mean="This looks like cells compared with the image's mean. Compare each with its right neighbour.",
)
def wrong_leaks(
    train, val, most=5, *, red_alone=False, single_pixels=False, below_the_most=False, first_pair=False,
    once_each=False, turned=False, mirrored_too=False, brighter_than_mean=False,
):  # fmt: skip
    def bits(image):
        grey = image[0] if red_alone else image.mean(0)
        small = (
            F.interpolate(grey[None, None], (8, 9))[0, 0]
            if single_pixels
            else F.adaptive_avg_pool2d(grey[None], (8, 9))[0]
        )
        return small[:, 1:] > small.mean() if brighter_than_mean else small[:, 1:] > small[:, :-1]

    found = []
    for i, one in enumerate(train):
        for j, other in enumerate(val):
            distance = int((bits(one) ^ bits(other)).sum())
            if mirrored_too:
                distance = min(distance, int((bits(one) ^ bits(other.flip(2))).sum()))
            if distance < most + (not below_the_most):
                found.append((j, i) if turned else (i, j))
                if once_each:
                    break
    return found[:1] if first_pair else found


@LEAK.mistake(
    "This looks like pixels compared one by one. A photograph that was resized or saved again has other pixels, and is "
    "still the same photograph."
)
def compares_pixels(train, val, most=5):
    return [(i, j) for i, one in enumerate(train) for j, other in enumerate(val) if torch.equal(one, other)]


@LEAK.mistake(
    "This looks like the difference of small images. A brighter copy differs everywhere; whether a cell is brighter "
    "than its neighbour stays."
)
def compares_brightness(train, val, most=5):
    small = [[F.adaptive_avg_pool2d(image.mean(0)[None], (8, 9)) for image in split] for split in (train, val)]
    return [
        (i, j) for i, one in enumerate(small[0]) for j, other in enumerate(small[1]) if (one - other).abs().max() < 0.02
    ]
