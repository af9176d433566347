"""Lesson 14, exercises 3 and 4: what a mask head is to say of a region, and the third loss."""

import torch
from torch.nn import functional as F

from lessons_lib.course.bugs.prices import price
from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.data.sample import tight_boxes
from lessons_lib.models.instance import mask_head
from lessons_lib.ops.mask_targets import mask_targets
from lessons_lib.ops.roi import roi_align

# 14.3


def target_cases():
    """A bar of one pixel in a box of its own, a blob with boxes larger, smaller and beside it, no square, no object."""
    bar = torch.zeros(4, 6, dtype=torch.bool)
    bar[1, 2:5] = True
    generator = torch.Generator().manual_seed(3)
    rows, columns = torch.arange(20.0)[:, None], torch.arange(24.0)
    blob = ((rows - 9) / 7) ** 2 + ((columns - 10) / 4) ** 2 < 1 + 0.4 * torch.rand(20, 24, generator=generator)
    boxes = [[1.0, 0.0, 5.0, 3.0], [2.3, 1.6, 17.9, 19.2], [7.5, 4.25, 12.0, 18.75], [13.0, 2.0, 23.5, 11.0]]
    cases = [{"mask": bar, "box": torch.tensor(boxes[0]), "m": 2}]
    cases += [{"mask": blob, "box": torch.tensor(box), "m": m} for box, m in zip(boxes[1:], (4, 3, 5), strict=True)]
    return [*cases, {"mask": torch.zeros(5, 7, dtype=torch.bool), "box": torch.tensor([1.0, 1.0, 4.0, 4.0]), "m": 2}]


def library_target(mask, box, m):
    """The library's function, for one region."""
    one = torch.zeros(1, 1, dtype=torch.int64)
    return mask_targets([mask[None]], box[None, None], one, one == 0, m)[0, 0]


TARGET = Exercise(
    "14.3",
    "Cut the target",
    oracle=library_target,
    cases=target_cases,
    difficulty=2,
    minutes=15,
    hints=(
        "Lesson 12 has the tool: RoIAlign reads a map inside a box. Here the map is the mask itself, as numbers.",
        "roi_align(map (1, 1, H, W), [boxes (1, 4)], output_size, spatial_scale, sampling_ratio, aligned): the mask "
        "has one cell per pixel, so the scale is 1.0; aligned=True is the half pixel.",
        "roi_align(mask[None, None].float(), [box[None]], m, 1.0, 2, aligned=True)[0, 0]",
    ),
)


@TARGET.model
def cut_target(mask, box, m):
    return roi_align(mask[None, None].float(), [box[None]], m, 1.0, 2, aligned=True)[0, 0]


@TARGET.flags(
    own_box="This looks like the mask cut by the object's own box. The features come from the proposal, so the "
    "target must show the same window: what lies outside the proposal cannot be drawn."
    + price("target of the object's box"),
    half_pixel="This looks like a half pixel lost: the middle of pixel i lies at i + ½, and aligned=True takes it off."
    + price("target off by half a pixel"),
    turned="This looks like x and y exchanged: boxes are x0, y0, x1, y1, and a mask is read row by row (y first).",
    plus_one="This looks like a box with +1 at its end. Ends are exclusive here: a box from 1 to 5 is 4 pixels wide.",
    one_sample="This looks like one sample in each bin. The exercise asks for 2 × 2 samples, so that the target is a "
    "share.",
    rounded="This looks like a target of zeros and ones. Keep the share of the bin that the object covers: the loss "
    "takes shares too.",
)
def wrong_target(
    mask, box, m, *, own_box=False, half_pixel=False, turned=False, plus_one=False, one_sample=False, rounded=False
):
    box = tight_boxes(mask[None])[0] if own_box else box
    box = box[[1, 0, 3, 2]] if turned else box
    box = box + torch.tensor([0.0, 0.0, 1.0, 1.0]) if plus_one else box
    target = roi_align(mask[None, None].float(), [box[None]], m, 1.0, 1 if one_sample else 2, aligned=not half_pixel)
    return (target[0, 0] >= 0.5).float() if rounded else target[0, 0]


@TARGET.mistake(
    "This looks like the box rounded to whole pixels before the mask is resized. No corner is rounded: that is what "
    "RoIAlign is for (lesson 12)."
)
def crops_whole_pixels(mask, box, m):
    x0, y0, x1, y1 = box.round().long().tolist()
    return F.interpolate(mask[None, None, y0:y1, x0:x1].float(), size=(m, m), mode="bilinear", align_corners=False)[
        0, 0
    ]


@TARGET.mistake(
    "This looks like the whole mask made small. The head sees the region alone: its target is what lies inside the box."
)
def resizes_the_whole_mask(mask, box, m):
    return F.interpolate(mask[None, None].float(), size=(m, m), mode="bilinear", align_corners=False)[0, 0]


# 14.4


def loss_cases():
    """One region by hand, two classes; regions of three classes and background; background alone; no region."""
    generator = torch.Generator().manual_seed(4)

    def draw(regions, masks, m):
        logits = torch.randn(regions, masks, m, m, generator=generator) * 2
        return logits, torch.rand(regions, m, m, generator=generator)

    first = torch.tensor([[[[0.0]], [[1.0]], [[-2.0]]]])
    cases = [(first, torch.tensor([1]), torch.tensor([[[1.0]]]))]
    for labels, masks in (([2, 0, 1, 3], 4), ([1, 2], 3), ([0, 0], 3), ([], 3)):
        logits, targets = draw(len(labels), masks, 3)
        cases.append((logits, torch.tensor(labels, dtype=torch.int64), targets))
    return [{"logits": a, "labels": b, "targets": c} for a, b, c in cases]


def library_mask_loss(logits, labels, targets):
    """The library's function, after the true class's mask is taken."""
    own = logits[torch.arange(len(labels)), labels]
    return mask_head.mask_loss(own, targets, labels > 0)


LOSS = Exercise(
    "14.4",
    "The third loss",
    oracle=library_mask_loss,
    cases=loss_cases,
    gradients=True,
    difficulty=2,
    minutes=20,
    hints=(
        "Three steps: the mask of each region's true class; a binary cross-entropy in every cell; the mean over the "
        "cells of the regions that show an object.",
        "own = logits[torch.arange(len(labels)), labels] has shape (R, m, m). Objects are labels > 0.",
        "costs = F.binary_cross_entropy_with_logits(own, targets, reduction='none').mean((1, 2)); then "
        "(costs * (labels > 0)).sum() / (labels > 0).sum().clamp(min=1), which is 0 without an object.",
    ),
)


@LOSS.model
def third_loss(logits, labels, targets):
    own = logits[torch.arange(len(labels)), labels]  # (R, m, m): the true class's mask
    costs = F.binary_cross_entropy_with_logits(own, targets, reduction="none").mean((1, 2))
    objects = labels > 0
    return (costs * objects).sum() / objects.sum().clamp(min=1)


@LOSS.flags(
    off_by_one="This looks like channels that are off by one. Mask k belongs to class k; mask 0 is the background's, "
    "which nobody uses." + price("mask of another class"),
    sigmoid_twice="This looks like a sigmoid before a loss that applies its own. Give it the logits.",
    counts_background="This looks like background that learns masks too. Only regions of an object count, in the sum "
    "and in the number that divides it.",
    over_all_regions="This looks like a sum over objects divided by all regions: the mean is over the objects alone.",
    summed="This looks like a sum over the cells of a mask. The loss is their mean, so that m × m may grow.",
)
def wrong_loss(
    logits, labels, targets, *, off_by_one=False, sigmoid_twice=False, counts_background=False, over_all_regions=False,
    summed=False,
):  # fmt: skip
    channel = (labels - 1).clamp(min=0) if off_by_one else labels
    own = logits[torch.arange(len(labels)), channel]
    own = own.sigmoid() if sigmoid_twice else own
    costs = F.binary_cross_entropy_with_logits(own, targets, reduction="none").flatten(1)
    costs = costs.sum(1) if summed else costs.mean(1)
    objects = labels >= 0 if counts_background else labels > 0
    count = len(labels) if over_all_regions else int(objects.sum())
    return (costs * objects).sum() / max(count, 1)


@LOSS.mistake(
    "This looks like a softmax over the classes in every cell. Then the classes compete for the pixels, although the "
    "box head has already named the class; a sigmoid asks each mask by itself." + price("softmax over the classes")
)
def lets_the_classes_compete(logits, labels, targets):
    return mask_head.softmax_mask_loss(logits, targets, labels, labels > 0)


@LOSS.mistake(
    "This looks like a loss over all K masks. Only the true class's mask is compared with the target; the others get "
    "no gradient at all."
)
def teaches_all_masks(logits, labels, targets):
    every = targets[:, None].expand_as(logits)
    costs = F.binary_cross_entropy_with_logits(logits, every, reduction="none").mean((1, 2, 3))
    objects = labels > 0
    return (costs * objects).sum() / objects.sum().clamp(min=1)


@LOSS.mistake(
    "This looks like a mean over an empty selection: without an object it is 0 / 0, which is NaN, and one such batch "
    "ends the training. Divide by at least 1."
)
def divides_zero_by_zero(logits, labels, targets):
    objects = labels > 0
    own = logits[torch.arange(len(labels)), labels][objects]
    return F.binary_cross_entropy_with_logits(own, targets[objects])
