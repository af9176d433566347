"""Bugs of lesson 13: anchors, labels, samples, codes, regions and suppression of a detector of boxes."""

import math
from dataclasses import replace

import torch

from lessons_lib.course.bugs.bug import Bug
from lessons_lib.models.instance.rpn import Proposals
from lessons_lib.ops.matching import IGNORED, NEGATIVE


def flat_before_permuted(right):
    """Objectness leaves as (A, H, W), while anchors are ordered (H, W, A)."""

    def forward(self, maps):
        _, deltas = right(self, maps)
        return [self.objectness(self.convs(x)).flatten(1).float() for x in maps], deltas

    return forward


def square_anchors(right):
    """The ratio multiplies both sides."""

    def shapes(sizes, ratios):
        halves = [size * math.sqrt(ratio) / 2 for size in sizes for ratio in ratios]
        return torch.tensor([[-half, -half, half, half] for half in halves])

    return shapes


def at_the_corner(right):
    """Cell i lies at stride · i, whatever the backbone's layers do."""

    def centres(grid, count, device="cpu"):
        return torch.arange(count, dtype=torch.float32, device=device) * grid.stride

    return centres


def best_without_its_object(right):
    """The best anchor of an object is positive, but for the object that it overlaps most itself."""

    def match(iou, high, low=None, *, force_best=False, valid=None):
        matched, _ = right(iou, high, low, valid=valid)
        return matched, right(iou, high, low, force_best=force_best, valid=valid)[1]

    return match


def ignored_is_background(right):
    """An anchor between the two thresholds may be drawn as background."""

    def sample(labels, random, count, positive_share):
        return right(torch.where(labels == IGNORED, NEGATIVE, labels), random, count, positive_share)

    return sample


def fixed_share_of_background(right):
    """Seats that no object took stay empty: background has its own share and no more."""

    def sample(labels, random, count, positive_share):
        chosen, valid = right(labels, random, count, positive_share)
        background = (labels.gather(-1, chosen) == NEGATIVE) & valid
        return chosen, valid & ~(background & (background.cumsum(-1) > count - int(count * positive_share)))

    return sample


def adds_one(right):
    """Codes count the last pixel in, decoding does not."""

    def encode(boxes, anchors, weights=(1.0, 1.0, 1.0, 1.0)):
        end = boxes.new_tensor([0.0, 0.0, 1.0, 1.0])
        return right(boxes + end, anchors + end, weights)

    return encode


def decodes_without_weights(right):
    """Codes are multiplied by 10, 10, 5, 5 and never divided again."""

    def decode(codes, anchors, weights=(1.0, 1.0, 1.0, 1.0)):
        return right(codes, anchors)

    return decode


def across_classes(right):
    """A duck in front of a hen takes the hen away."""

    def nms(boxes, scores, iou_threshold=0.5, groups=None, valid=None, rounds=None):
        return right(boxes, scores, iou_threshold, None, valid, rounds)

    return nms


def best_of_the_batch(right):
    """The likeliest proposals of all images together: one image may get them all."""

    def propose(anchors, objectness, deltas, sizes, config, training, moving=False):
        before, after = right(
            anchors, objectness, deltas, sizes, replace(config, after_nms=config.before_nms), training, moving
        )
        most = config.after_nms[not training] * len(sizes)
        scores = torch.where(after.valid, after.scores, -1.0).flatten()
        seats = torch.zeros_like(scores, dtype=torch.bool)
        seats[scores.topk(min(most, len(scores))).indices] = True
        return before, Proposals(after.boxes, after.scores, after.valid & seats.view(after.valid.shape))

    return propose


def by_the_objects(right):
    """The head's box loss is a mean over the objects, not over all samples: about four times as heavy."""

    def box_losses(logits, deltas, regions, truth, config):
        losses = right(logits, deltas, regions, truth, replace(config, divide_by="objects"))
        return {**losses, "box": 4 * losses["box"]}

    return box_losses


def y_first(right):
    """Boxes go to the region operator as y, x, y, x."""

    def read(maps, grids, boxes, valid, config, size=None):
        return right(maps, grids, boxes[..., [1, 0, 3, 2]], valid, config, size)

    return read


def half_a_cell_off(right):
    """The region operator takes cell i to lie at stride · i."""

    def read(maps, grids, boxes, valid, config, size=None):
        return right(maps, grids, boxes, valid, replace(config, half_pixel=False), size)

    return read


def in_the_order_of_levels(right):
    """Features come back with the small regions first, as if grouped by level and not put back."""

    def read(maps, grids, boxes, valid, config, size=None):
        area = (boxes[..., 2:] - boxes[..., :2]).prod(-1)
        order = (area > 20**2).int().argsort(dim=1, stable=True)  # about half of the scenes' objects are larger
        boxes = boxes.gather(1, order[..., None].expand(-1, -1, 4))
        return right(maps, grids, boxes, valid.gather(1, order), config, size)

    return read


RPN, FASTER = "models.instance.rpn", "models.instance.faster_rcnn"
READERS = (f"{FASTER}:read_regions", "models.instance.mask_rcnn:read_regions")

BUGS = (
    Bug("flat before permuted", "RPN confidences are flattened as (A, H, W); anchors are ordered (H, W, A)",
        "fpn.pytorch#6", (f"{RPN}:RPNHead.forward",), flat_before_permuted),
    Bug("square anchors", "the aspect ratio multiplies both sides of an anchor", "yolact#19",
        (f"{FASTER}:anchor_shapes",), square_anchors),
    Bug("anchors at the corner", "anchors stand at stride · i, not where the cells lie", "vision#1765",
        ("ops.anchors:cell_centres",), at_the_corner),
    Bug("best anchor, other object", "the best anchor of an object is positive for another object",
        "detectron2#1162, Mask_RCNN#2014", (f"{RPN}:match",), best_without_its_object),
    Bug("ignored as background", "anchors between the two thresholds are sampled as background", "vision#1663",
        (f"{RPN}:sample",), ignored_is_background),
    Bug("fixed share of background", "seats that objects leave empty are not filled", "vision#2670, detectron2#431",
        (f"{RPN}:sample", "models.instance.regions:sample"), fixed_share_of_background),
    Bug("widths with +1", "boxes are encoded with widths + 1, and decoded without", "detectron2's compatibility notes",
        (f"{RPN}:encode_boxes", "models.instance.box_head:encode_boxes"), adds_one),
    Bug("decoded without weights", "codes are multiplied by 10, 10, 5, 5, and not divided again",
        "pytorch-mask-rcnn's BBOX_STD_DEV", ("models.instance.detections:decode_boxes",), decodes_without_weights,
        learns=False),
    Bug("NMS across classes", "a box suppresses boxes of other classes", "Yet-Another-EfficientDet-Pytorch#270",
        ("models.instance.detections:nms",), across_classes, learns=False),
    Bug("top-k over the batch", "proposals are the likeliest of the whole batch", "Detectron#459",
        (f"{FASTER}:propose",), best_of_the_batch),
    Bug("box loss over objects", "the box loss is divided by the objects alone", "detectron2#2744",
        (f"{FASTER}:box_losses",), by_the_objects),
    Bug("y before x", "boxes go to the region operator as y, x, y, x", "simple_faster_rcnn#1", READERS, y_first),
    Bug("regions off by half a cell", "the region operator takes cell i to lie at stride · i", "", READERS,
        half_a_cell_off),
    Bug("regions out of order", "regions are grouped by size for reading and not put back", "FastMaskRCNN#68", READERS,
        in_the_order_of_levels),
)  # fmt: skip
"""The bugs of lesson 13."""
