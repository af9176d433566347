"""Bugs of lesson 14: what a mask head is taught, which of its masks is taken, and how it is pasted."""

import torch

from lessons_lib.course.bugs.bug import Bug
from lessons_lib.data.sample import tight_boxes


def unchanged(right):
    """The library as it is."""
    return right


def channel_off_by_one(right):
    """The background has no mask, so that class 1 is taken to be mask 0."""

    def own(logits, labels, config):
        return right(logits, (labels - 1).clamp(min=0), config)

    return own


def cut_by_the_object(right):
    """The target is the object's mask in the object's own box, whatever region the features come from."""

    def targets(masks, boxes, matched, valid, output_size, sampling_ratio=2, aligned=True):
        own = [tight_boxes(some) for some in masks]
        boxes = torch.stack(
            [o[index] if len(o) else b for o, index, b in zip(own, matched.where(valid, 0), boxes, strict=True)]
        )
        return right(masks, boxes, matched, valid, output_size, sampling_ratio, aligned)

    return targets


def half_a_pixel_off(right):
    """The target is cut with pixel i at i, its upper left corner."""

    def targets(masks, boxes, matched, valid, output_size, sampling_ratio=2, aligned=True):
        return right(masks, boxes, matched, valid, output_size, sampling_ratio, False)

    return targets


def whole_pixels(right):
    """Corners are cut down to whole pixels, and the box is taken to be one pixel longer."""

    def paste(probs, boxes, size, threshold=0.5, convention="exact"):
        return right(probs, boxes, size, threshold, "torchvision")

    return paste


def thresholds_logits(right):
    """Logits are compared with 0.5, as if they were probabilities."""

    def own(logits, labels, config):
        probs = right(logits, labels, config)
        return (probs.logit(eps=1e-6)).clamp(0, 1)

    return own


MASK = "models.instance.mask_rcnn"

NO_BUG = Bug("none", "the network as it should be", "", (), unchanged)
"""What every bug is compared with."""

BUGS = (
    Bug("softmax over the classes", "the classes compete for every pixel of a mask", "mmdetection#8775", (), unchanged,
        options={"mask_loss": "softmax"}),
    Bug("RoIPool", "regions are rounded to whole cells", "the paper's table 2c", (), unchanged,
        options={"operator": "pool"}),
    Bug("target of the object's box", "the mask's target is cut by the object's box, not by the proposal",
        "FastMaskRCNN#156", (f"{MASK}:mask_targets",), cut_by_the_object),
    Bug("target off by half a pixel", "the mask's target is cut with pixel i at i, not at i + ½", "",
        (f"{MASK}:mask_targets",), half_a_pixel_off),
    Bug("mask of another class", "the mask is taken one channel too early", "mmdetection#290", (f"{MASK}:own_masks",),
        channel_off_by_one, learns=False),
    Bug("threshold of logits", "a pixel belongs to the mask where its logit is more than 0.5", "",
        (f"{MASK}:own_masks",), thresholds_logits, learns=False),
    Bug("pasted on whole pixels", "boxes are cut down to whole pixels and taken to be one pixel longer",
        "gluon-cv PR#997, vision#5845", (f"{MASK}:paste_masks",), whole_pixels, learns=False),
)  # fmt: skip
"""The bugs of lesson 14."""

VARIANTS = (Bug("C4", "no pyramid: one map of stride 8 for everything", "", (), unchanged, options={"neck": "c4"}),)
"""No bugs, but what the lecture compares."""
