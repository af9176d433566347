"""Mistakes in segment proposals and in SDS, each planted: a test fails wherever it stands."""

import numpy as np
import pytest
import torch

from lessons_lib.course.bugs.bug import Bug
from tests.metrics import test_region_ap
from tests.models.instance import test_sds
from tests.models.instance.planting import fails_where_planted
from tests.ops import test_grouping, test_segments, test_superpixels


def plain_mean(right):
    """A union's histogram without a look at the areas."""

    def joined(one, other):
        union = right(one, other)
        return type(union)((one.colour + other.colour) / 2, union.texture, union.area, union.box)

    return joined


def also_at_corners(right):
    """Superpixels that only touch at a corner are neighbours too."""

    def neighbours(labels):
        near = right(labels)
        near[labels[1:, 1:].ravel(), labels[:-1, :-1].ravel()] = True
        near[labels[1:, :-1].ravel(), labels[:-1, 1:].ravel()] = True
        near |= near.T
        np.fill_diagonal(near, False)
        return near

    return neighbours


def black_background(right):
    """What is not the region is black in its crop."""
    return lambda images, windows, masks, mean, config: right(images, windows, masks, 0 * mean, config)


def padding_counts(right):
    """The border of the image, not the mean, beyond the image."""
    return lambda boxes, config: right(boxes, config).clamp(min=0)


PLANTED = [
    (Bug("plain mean", "", "", ("ops.grouping:joined",), plain_mean),
     test_grouping.test_what_is_stored_of_a_union_is_what_its_pixels_say),
    (Bug("corners", "", "", ("ops.grouping:neighbours",), also_at_corners),
     test_grouping.test_neighbours_share_an_edge_not_a_corner),
    (Bug("four neighbours", "", "", ("ops.superpixels:edges",),
         lambda right: lambda image: tuple(row[: 2 * len(row) // 3] for row in right(image))),
     test_superpixels.test_pixels_that_touch_at_a_corner_are_neighbours),
    (Bug("suppresses at the threshold", "", "", ("ops.region_nms:region_nms",),
         lambda right: lambda iou, scores, threshold: right(iou, scores, max(0.0, threshold - 1e-3))),
     test_segments.test_region_nms_by_hand),
    (Bug("black background", "", "", ("models.instance.sds_regions:two_crops",), black_background),
     test_sds.test_the_region_crop_has_the_mean_where_the_region_is_not),
    (Bug("no context beyond the border", "", "", ("models.instance.sds_regions:with_context",), padding_counts),
     test_sds.test_the_share_of_context),
    (Bug("at least the threshold", "", "", ("metrics.region_ap:match_in_order",),
         lambda right: lambda iou, threshold: right(iou, threshold - 1e-9)),
     test_region_ap.test_an_iou_of_exactly_the_threshold_is_too_little),
    (Bug("the background speaks", "", "", ("models.instance.sds:best_regions",),
         lambda right: lambda probs, iou, config: right(torch.cat([0 * probs[:, :1], probs], 1), iou, config)),
     test_sds.test_best_regions_by_hand),
]  # fmt: skip


@pytest.mark.parametrize(("bug", "check"), PLANTED, ids=lambda x: getattr(x, "name", None))
def test_a_test_fails_where_it_is_planted(bug, check):
    fails_where_planted(bug, check)
