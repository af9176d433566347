"""One call of every operator, with tensors on the CPU: what `test_devices` runs where the default device is another."""

import torch

from lessons_lib.ops import annotations, boxes, checkerboard, convolution, coverage, masks, matching, nms, sampling

from lessons_lib.ops import box_coding, levels, mask_targets, pasting, subpixel, transposed, unpooling, voting, winograd  # isort: skip
from lessons_lib.ops import anchors as anchors_module
from lessons_lib.ops.grid import Grid
from lessons_lib.ops.receptive_field import chain
from lessons_lib.ops.roi import align, maxima, pool, position_sensitive, warp

CPU = {"device": "cpu"}
IMAGE = torch.rand(2, 4, 8, 8, **CPU)
WEIGHT = torch.rand(4, 4, 3, 3, **CPU)
BIAS = torch.rand(4, **CPU)
CORNERS = torch.tensor([[0.0, 0, 5, 5], [1, 1, 7, 6], [2, 3, 4, 8]], **CPU)
ROWS = torch.cat([torch.tensor([[0.0], [1], [1]], **CPU), CORNERS], 1)
SCORES = torch.tensor([0.9, 0.8, 0.7], **CPU)
MASKS = torch.rand(3, 8, 8, **CPU) > 0.5
CROWD = torch.tensor([False, True, False], **CPU)
IDS = torch.randint(0, 4, (8, 8), **CPU)
TABLE = torch.rand(3, 3, **CPU)
LABELS = torch.tensor([[1, 0, -1, 0, 1, 0]], **CPU)
RANDOM = torch.rand(1, 6, **CPU)
GROUPS = torch.tensor([0, 1, 0], **CPU)
VALID = torch.tensor([True, True, False], **CPU)
PYRAMID = ([IMAGE, IMAGE[:, :, ::2, ::2]], [Grid(4, 1.5), Grid(8, 3.5)], CORNERS.expand(2, 3, 4))
WINDOWS = torch.tensor([[[0, 1]], [[1, 2]], [[0, 3]], [[3, 2]], [[1, 0]]], **CPU)

CALLS = {
    "anchors.place_anchors": lambda: anchors_module.place_anchors(CORNERS, (2, 3), Grid(8, 3.5)),
    "annotations.canonical_ids": lambda: annotations.canonical_ids(IDS),
    "annotations.labels_of_colours": lambda: annotations.labels_of_colours(
        torch.zeros(4, 5, 3, dtype=torch.uint8, device="cpu"), [(0, 0, 0), (1, 2, 3)], (9, 9, 9)
    ),
    "annotations.run_lengths": lambda: annotations.run_lengths(MASKS[0]),
    "annotations.polygon_mask": lambda: annotations.polygon_mask(CORNERS[:, :2].double(), (8, 8)),
    "annotations.connected_pieces": lambda: annotations.connected_pieces(MASKS[0]),
    "box_coding.encode_boxes": lambda: box_coding.encode_boxes(CORNERS, CORNERS + 1),
    "box_coding.decode_boxes": lambda: box_coding.decode_boxes(CORNERS / 9, CORNERS, (10, 10, 5, 5)),
    "box_coding.clip_boxes": lambda: box_coding.clip_boxes(CORNERS[None], torch.tensor([[4, 5]], **CPU)),
    "boxes.box_areas": lambda: boxes.box_areas(CORNERS),
    "boxes.pairwise_box_iou": lambda: boxes.pairwise_box_iou(CORNERS, CORNERS, CROWD),
    "boxes.iou_of": lambda: boxes.iou_of(TABLE, SCORES, SCORES, CROWD),
    "checkerboard.checkerboard_score": lambda: checkerboard.checkerboard_score(IMAGE[0, 0].double()),
    "checkerboard.phase_sums": lambda: checkerboard.phase_sums(WEIGHT, 2),
    "checkerboard.split_phases": lambda: checkerboard.split_phases(IMAGE, 2),
    "checkerboard.phase_amplitude": lambda: checkerboard.phase_amplitude(IMAGE, 2),
    "checkerboard.spectrum": lambda: checkerboard.spectrum(IMAGE),
    "checkerboard.resize_conv2d": lambda: checkerboard.resize_conv2d(IMAGE, WEIGHT, BIAS, 2),
    "checkerboard.blur": lambda: checkerboard.blur(IMAGE, 2),
    "convolution.conv2d_loops": lambda: convolution.conv2d_loops(IMAGE[:1, :, :4, :4], WEIGHT, BIAS, 2, 1),
    "convolution.unfold": lambda: convolution.unfold(IMAGE, 3, 2, 1),
    "convolution.conv2d_unfold": lambda: convolution.conv2d_unfold(IMAGE, WEIGHT, BIAS, 2, 1),
    "convolution.convolution_matrix": lambda: convolution.convolution_matrix(WEIGHT, (8, 8), 2, 1),
    "convolution.conv2d_matrix": lambda: convolution.conv2d_matrix(IMAGE, WEIGHT, BIAS, 2, 1),
    "coverage.pairwise_soft_iou": lambda: coverage.pairwise_soft_iou(IMAGE[0], IMAGE[1]),
    "coverage.best_assignment": lambda: coverage.best_assignment(TABLE),
    "coverage.greedy_assignment": lambda: coverage.greedy_assignment(TABLE),
    "coverage.score_loss": lambda: coverage.score_loss(SCORES, 2),
    "coverage.score_loss_with_logits": lambda: coverage.score_loss_with_logits(SCORES, 2),
    "coverage.coverage_loss": lambda: coverage.coverage_loss(IMAGE[:1, :3], [MASKS], SCORES[None]),
    "levels.assign_levels": lambda: levels.assign_levels(CORNERS),
    "levels.multilevel_roi_align": lambda: levels.multilevel_roi_align(*PYRAMID, 2, valid=VALID.expand(2, 3)),
    "masks.pairwise_mask_iou": lambda: masks.pairwise_mask_iou(MASKS, MASKS, CROWD),
    "masks.encode_rle": lambda: masks.encode_rle(MASKS),
    "mask_targets.mask_targets": lambda: mask_targets.mask_targets(
        [MASKS, MASKS[:2]], CORNERS.expand(2, 3, 4), torch.tensor([[0, 1, 2], [0, 1, 9]], **CPU), VALID.expand(2, 3), 4
    ),
    "matching.match": lambda: matching.match(TABLE, 0.7, 0.3, force_best=True, valid=VALID),
    "matching.ignore_crowds": lambda: matching.ignore_crowds(LABELS[0, :3], TABLE),
    "matching.overlaps": lambda: matching.overlaps(CORNERS, CORNERS),
    "nms.nms_loop": lambda: nms.nms_loop(CORNERS, SCORES),
    "nms.nms": lambda: nms.nms(CORNERS, SCORES, 0.5, GROUPS, VALID),
    "nms.nms_by_mask": lambda: nms.nms_by_mask(CORNERS, SCORES, 0.5, GROUPS, VALID),
    "nms.nms_in_blocks": lambda: nms.nms_in_blocks(CORNERS[None], SCORES[None], 0.5, GROUPS[None], VALID[None]),
    "pasting.paste_masks": lambda: pasting.paste_masks(IMAGE[0, :3], CORNERS, (9, 9)),
    "pasting.paste_probs": lambda: pasting.paste_probs(IMAGE[0, :3], CORNERS, (9, 9), "torchvision"),
    "receptive_field.chain.extent": lambda: chain.extent(MASKS[0]),
    "roi.align.roi_align": lambda: align.roi_align(IMAGE, ROWS, 2, 0.5, 2, True),
    "roi.align.roi_align, adaptive": lambda: align.roi_align(IMAGE, list(CORNERS.split([1, 2])), 2, 0.5),
    "roi.align.roi_align_loops": lambda: align.roi_align_loops(IMAGE, ROWS, 2, 0.5),
    "roi.align.affine_theta": lambda: align.affine_theta(CORNERS, (8, 8)),
    "roi.maxima.range_maxima": lambda: maxima.range_maxima(IMAGE, WINDOWS),
    "roi.pool.roi_pool": lambda: pool.roi_pool(IMAGE, ROWS, 2, 0.5),
    "roi.pool.pool_windows": lambda: pool.pool_windows(IMAGE, ROWS, 2, 0.5),
    "roi.position_sensitive.ps_roi_pool": lambda: position_sensitive.ps_roi_pool(IMAGE, ROWS, 2, 0.5),
    "roi.warp.roi_warp": lambda: warp.roi_warp(IMAGE, ROWS, 2, 0.5),
    "sampling.sample": lambda: sampling.sample(LABELS, RANDOM, 4, 0.5),
    "sampling.sample_hardest": lambda: sampling.sample_hardest(LABELS, RANDOM, 4),
    "subpixel.pixel_shuffle": lambda: subpixel.pixel_shuffle(IMAGE, 2),
    "subpixel.pixel_unshuffle": lambda: subpixel.pixel_unshuffle(IMAGE, 2),
    "subpixel.channel_major": lambda: subpixel.channel_major(WEIGHT, 2),
    "subpixel.subpixel_conv2d": lambda: subpixel.subpixel_conv2d(IMAGE, WEIGHT, BIAS, 2, 1),
    "subpixel.transposed_weight": lambda: subpixel.transposed_weight(WEIGHT, 2),
    "subpixel.subpixel_weight": lambda: subpixel.subpixel_weight(WEIGHT[:, :, :2, :2], 2),
    "subpixel.as_transposed": lambda: subpixel.as_transposed(WEIGHT, 2, 1),
    "subpixel.as_subpixel": lambda: subpixel.as_subpixel(WEIGHT, 2, 1, 1),
    "subpixel.icnr": lambda: subpixel.icnr(WEIGHT, 2),
    "transposed.conv_transpose2d_stamps": lambda: transposed.conv_transpose2d_stamps(IMAGE, WEIGHT, BIAS, 2, 1),
    "transposed.conv_transpose2d_matrix": lambda: transposed.conv_transpose2d_matrix(IMAGE, WEIGHT, BIAS, 2, 1),
    "transposed.insert_zeros": lambda: transposed.insert_zeros(IMAGE, 2),
    "transposed.conv_transpose2d_zeros": lambda: transposed.conv_transpose2d_zeros(IMAGE, WEIGHT, BIAS, 2, 1),
    "unpooling.max_pool": lambda: unpooling.max_pool(IMAGE, 2),
    "unpooling.max_unpool": lambda: unpooling.max_unpool(*unpooling.max_pool(IMAGE, 2), (8, 8)),
    "voting.vote_masks": lambda: voting.vote_masks(MASKS, CORNERS, CORNERS[:2], TABLE[:2]),
    "winograd.winograd_conv3x3": lambda: winograd.winograd_conv3x3(IMAGE, WEIGHT, BIAS),
}
"""Module and function → a call of it; what stands behind a comma is another way to call it."""

NOT_CALLED = {
    "masks.pairwise_rle_iou": "run lengths are text",
    "masks.pairwise_rle_ious": "run lengths are text",
    "receptive_field.chain.input_gradient": "runs a network of the caller's",
    "receptive_field.seen.seen_pixels": "runs a network of the caller's",
    "pasting.cells_of": "through paste_masks",
    "roi.align.bilinear": "through roi_align_loops",
    "roi.align.sample_counts": "through roi_align",
    "roi.align.sample_points": "through roi_align",
    "roi.align.axis_reads": "through roi_align",
    "roi.regions.checked_call": "through roi_align",
    "roi.regions.round_half_away": "through roi_pool",
    "roi.regions.whole_bins": "through roi_pool",
    "roi.regions.weighted_reads": "through roi_align",
    "roi.regions.table_of": "through roi_align",
    "roi.regions.read_cells": "through roi_align",
    "unpooling.follow_switches": "through deconvnet's lesson: indices alone",
    "unpooling.moved": "indices alone",
}
