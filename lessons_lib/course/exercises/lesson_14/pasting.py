"""Lesson 14, exercises 5, 6 and 7: which mask counts, how it becomes pixels again, and what the way back costs."""

import torch
from torch.nn import functional as F

from lessons_lib.course.bugs.prices import price
from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.models.instance.mask_config import MaskConfig
from lessons_lib.models.instance.mask_head import own_masks
from lessons_lib.ops.mask_targets import mask_targets
from lessons_lib.ops.masks import pairwise_mask_iou
from lessons_lib.ops.pasting import paste_masks
from lessons_lib.ops.roi import roi_align

# 14.5


def choice_cases():
    """One region with three masks of one cell, by hand; many regions; none."""
    generator = torch.Generator().manual_seed(5)
    first = torch.tensor([[[[2.0]], [[0.0]], [[-1.0]]]])
    cases = [(first, torch.tensor([1]))]
    for labels, m in (([2, 3, 1, 1], 3), ([], 2)):
        logits = torch.randn(len(labels), 4, m, m, generator=generator) * 2
        cases.append((logits, torch.tensor(labels, dtype=torch.int64)))
    return [{"logits": logits, "labels": labels} for logits, labels in cases]


def library_choose_masks(logits, labels):
    """The library's function, with the sigmoid."""
    return own_masks(logits, labels, MaskConfig())


CHOOSE = Exercise(
    "14.5",
    "Class first, mask second",
    oracle=library_choose_masks,
    cases=choice_cases,
    difficulty=1,
    minutes=10,
    hints=(
        "The box head has named a class for each region. Mask k belongs to class k; mask 0 is the background's.",
        "logits[torch.arange(len(labels)), labels] takes one mask for each region; a sigmoid makes probabilities of "
        "it.",
    ),
)


@CHOOSE.model
def choose_masks(logits, labels):
    return logits[torch.arange(len(labels)), labels].sigmoid()


@CHOOSE.flags(
    off_by_one="This looks like channels that are off by one: mask k belongs to class k, counted from 0 for the "
    "background." + price("mask of another class"),
    no_sigmoid="This looks like logits. Probabilities lie in [0, 1]: take the sigmoid.",
    compete="This looks like a softmax over the classes. Each class's mask has been taught by itself, so each has a "
    "sigmoid of its own.",
)
def wrong_choice(logits, labels, *, off_by_one=False, no_sigmoid=False, compete=False):
    channel = labels - 1 if off_by_one else labels
    every = logits if no_sigmoid else logits.softmax(1) if compete else logits.sigmoid()
    return every[torch.arange(len(labels)), channel]


@CHOOSE.mistake(
    "This looks like the largest of all masks in every cell. Masks of other classes were never compared with this "
    "object; what they say here means nothing."
)
def takes_the_largest(logits, labels):
    return logits.sigmoid().amax(1)


@CHOOSE.mistake("This looks like the mean over the classes. Only the mask of the region's own class counts.")
def averages_the_classes(logits, labels):
    return logits.sigmoid().mean(1)


# 14.6


def paste_cases():
    """A full mask on six pixels; a mask of four cells; boxes between pixels, beyond the border, and outside."""
    generator = torch.Generator().manual_seed(6)
    full = {"probs": torch.ones(2, 2), "box": torch.tensor([1.0, 1.0, 4.0, 3.0]), "height": 4, "width": 6}
    corner = torch.tensor([[0.9, 0.1], [0.2, 0.3]])
    cases = [full, {"probs": corner, "box": torch.tensor([0.6, 1.3, 5.3, 4.9]), "height": 6, "width": 7}]
    for box in ([2.3, 3.6, 17.9, 11.2], [-4.2, 5.3, 9.6, 23.1], [30.0, 2.0, 38.0, 9.0]):
        probs = torch.rand(5, 5, generator=generator)
        cases.append({"probs": probs, "box": torch.tensor(box), "height": 16, "width": 20})
    return cases


def library_paste(probs, box, height, width):
    """The library's function, for one mask."""
    return paste_masks(probs[None], box[None], (height, width))[0]


PASTE = Exercise(
    "14.6",
    "Paste it back",
    oracle=library_paste,
    cases=paste_cases,
    difficulty=3,
    minutes=30,
    hints=(
        "Go from the pixels to the mask. The middle of pixel x lies at x + 0.5; in the box it lies at (x + 0.5 − x0) "
        "/ (x1 − x0), 0 at its left edge and 1 at its right one.",
        "F.grid_sample(probs[None, None], grid, align_corners=False) interpolates between the cells' middles and "
        "gives 0 outside. It wants −1 at the left edge and 1 at the right one, and a grid (1, height, width, 2) with "
        "x first.",
        "x = (torch.arange(width) + 0.5 − x0) / (x1 − x0) * 2 − 1, y alike; y, x = torch.meshgrid(y, x, "
        "indexing='ij'); grid = torch.stack([x, y], −1)[None]; the result [0, 0] > 0.5.",
    ),
)


@PASTE.model
def paste(probs, box, height, width):
    x0, y0, x1, y1 = box.tolist()
    x = (torch.arange(width) + 0.5 - x0) / (x1 - x0) * 2 - 1
    y = (torch.arange(height) + 0.5 - y0) / (y1 - y0) * 2 - 1
    y, x = torch.meshgrid(y, x, indexing="ij")
    grid = torch.stack([x, y], -1)[None]
    return F.grid_sample(probs[None, None], grid, align_corners=False)[0, 0] > 0.5


@PASTE.flags(
    whole_pixels="This looks like a box of whole pixels, one longer than it says. Half a pixel at each corner is "
    "what separates a good mask from a very good one: round nothing." + price("pasted on whole pixels"),
    at_the_corner="This looks like pixels that lie at their upper left corner. The middle of pixel x lies at x + 0.5.",
    corners_aligned="This looks like align_corners=True, which stretches the mask: the middles of its outer cells "
    "would lie on the box's edges.",
    nearest="This looks like the nearest cell instead of a mean of four: stairs as large as a cell.",
    turned="This looks like x and y exchanged: grid_sample wants x first, and boxes are x0, y0, x1, y1.",
    endless="This looks like a mask that goes on outside its box. There it is 0: padding_mode is 'zeros', the default.",
)
def wrong_paste(
    probs, box, height, width, *, whole_pixels=False, at_the_corner=False, corners_aligned=False, nearest=False,
    turned=False, endless=False,
):  # fmt: skip
    x0, y0, x1, y1 = box.tolist()
    if whole_pixels:
        x0, y0, x1, y1 = int(x0), int(y0), int(x1) + 1, int(y1) + 1
    middle = 0.0 if at_the_corner else 0.5
    x, y = (torch.arange(width) + middle - x0) / (x1 - x0), (torch.arange(height) + middle - y0) / (y1 - y0)
    y, x = torch.meshgrid(y * 2 - 1, x * 2 - 1, indexing="ij")
    grid = torch.stack([y, x] if turned else [x, y], -1)[None]
    mode, padding = "nearest" if nearest else "bilinear", "border" if endless else "zeros"
    pasted = F.grid_sample(probs[None, None], grid, mode, padding, align_corners=corners_aligned)
    return pasted[0, 0] > 0.5


@PASTE.mistake("This looks like the probabilities themselves. A mask is bool: true where the probability is above 0.5.")
def keeps_probabilities(probs, box, height, width):
    x0, y0, x1, y1 = box.tolist()
    y, x = (torch.arange(height) + 0.5 - y0) / (y1 - y0), (torch.arange(width) + 0.5 - x0) / (x1 - x0)
    y, x = torch.meshgrid(y * 2 - 1, x * 2 - 1, indexing="ij")
    return F.grid_sample(probs[None, None], torch.stack([x, y], -1)[None], align_corners=False)[0, 0]


# 14.7


def round_trip_cases():
    """A rectangle on whole pixels; an ellipse in its own box, a larger and a smaller one; a mask without a pixel."""
    rectangle = torch.zeros(8, 10, dtype=torch.bool)
    rectangle[2:6, 3:9] = True
    rows, columns = torch.arange(24.0)[:, None], torch.arange(30.0)
    blob = ((rows - 11) / 8.4) ** 2 + ((columns - 14) / 11.2) ** 2 < 1
    ring = blob & ~(((rows - 10) / 3) ** 2 + ((columns - 12) / 4) ** 2 < 1)
    return [
        {"mask": rectangle, "box": torch.tensor([2.4, 1.7, 9.6, 6.6]), "m": 3},
        {"mask": blob, "box": torch.tensor([3.0, 3.0, 26.0, 20.0]), "m": 7},
        {"mask": ring, "box": torch.tensor([1.3, 1.2, 27.8, 22.4]), "m": 6},
        {"mask": blob, "box": torch.tensor([8.2, 5.4, 24.6, 16.1]), "m": 5},
        {"mask": torch.zeros(6, 6, dtype=torch.bool), "box": torch.tensor([1.0, 1.0, 5.0, 5.0]), "m": 3},
    ]


def library_round_trip(mask, box, m):
    """The library's functions, one after the other."""
    one = torch.zeros(1, 1, dtype=torch.int64)
    probs = mask_targets([mask[None]], box[None, None], one, one == 0, m)[0]
    pasted = paste_masks(probs, box[None], mask.shape)
    return pairwise_mask_iou(pasted, mask[None]).squeeze()


ROUND_TRIP = Exercise(
    "14.7",
    "Find the bug: in and out",
    oracle=library_round_trip,
    cases=round_trip_cases,
    difficulty=2,
    minutes=20,
    hints=(
        "Three things are wrong: one in how the mask is cut, one in what is compared, one in a mask without a pixel.",
        "No corner of the box is rounded. IoU counts the pixels of both masks in the whole image, not inside the box "
        "alone.",
        "both = (pasted & mask).sum(); either = (pasted | mask).sum(); both / either.clamp(min=1) is 0 where both "
        "are empty.",
    ),
)


@ROUND_TRIP.model
def round_trip(mask, box, m):
    small = roi_align(mask[None, None].float(), [box[None]], m, 1.0, 2, aligned=True)[:, 0]
    pasted = paste_masks(small, box[None], mask.shape)[0]
    both, either = (pasted & mask).sum(), (pasted | mask).sum()
    return both.double() / either.clamp(min=1)


@ROUND_TRIP.flags(
    rounds_the_box="This looks like a box that is rounded before it is used. The box is where it is, between pixels "
    "too.",
    half_a_pixel="This looks like a mask that is cut without its half pixel (aligned=False): it comes back shifted.",
    inside_alone="This looks like an IoU inside the box alone. What lies outside the box is lost, and that counts.",
    torchvision="This looks like pasting on whole pixels, one pixel too long (convention 'torchvision')."
    + price("pasted on whole pixels"),
    not_a_number="This looks like 0 / 0 for two empty masks. They score 0, as everywhere in the course (lesson 10).",
    of_the_mask="This looks like the share of the true mask that came back. IoU divides by what either of the two "
    "covers.",
)
def wrong_round_trip(
    mask, box, m, *, rounds_the_box=False, half_a_pixel=False, inside_alone=False, torchvision=False,
    not_a_number=False, of_the_mask=False,
):  # fmt: skip
    box = box.round() if rounds_the_box else box
    small = roi_align(mask[None, None].float(), [box[None]], m, 1.0, 2, aligned=not half_a_pixel)[:, 0]
    pasted = paste_masks(small, box[None], mask.shape, convention="torchvision" if torchvision else "exact")[0]
    if inside_alone:
        x0, y0, x1, y1 = box.round().long().tolist()
        pasted, mask = pasted[y0:y1, x0:x1], mask[y0:y1, x0:x1]
    both, either = (pasted & mask).sum().double(), (mask if of_the_mask else pasted | mask).sum()
    return both / (either if not_a_number else either.clamp(min=1))
