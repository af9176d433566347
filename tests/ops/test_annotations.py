"""Annotations by hand against pycocotools, matplotlib and brute force, with values worked on paper."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path
from pycocotools import mask as coco_mask

from lessons_lib.data.sets.classes import VOC
from lessons_lib.ops import annotations

# pycocotools decodes in a way that numpy 2 is about to change
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def random_mask(seed, height, width, share=0.5):
    return torch.rand(height, width, generator=torch.Generator().manual_seed(seed)) < share


def test_run_lengths_by_hand():
    """Rows 1 and 2 of column 1 in 4 × 3: a column of four and one more, two, and five. A set first pixel gives 0."""
    mask = torch.zeros(4, 3, dtype=torch.bool)
    mask[1:3, 1] = True
    assert annotations.run_lengths(mask) == [5, 2, 5]
    assert annotations.run_lengths(torch.ones(2, 3, dtype=torch.bool)) == [0, 6]
    assert annotations.run_lengths(torch.zeros(2, 3, dtype=torch.bool)) == [6]
    assert annotations.run_lengths(torch.tensor([[True, False], [True, True]])) == [0, 2, 1, 1]
    assert annotations.run_lengths(torch.zeros(0, 3, dtype=torch.bool)) == []


@given(st.integers(0, 2**31), *[st.integers(1, 9)] * 2)
@settings(max_examples=100, deadline=None)
def test_run_lengths_are_pycocotools_and_come_back(seed, height, width):
    mask = random_mask(seed, height, width)
    counts = annotations.run_lengths(mask)
    official = coco_mask.encode(np.asfortranarray(mask.numpy().astype(np.uint8)))
    assert coco_mask.frPyObjects({"size": [height, width], "counts": counts}, height, width) == official
    assert annotations.mask_of_runs(counts, (height, width)).equal(mask)


def test_a_mask_of_no_pixels():
    assert annotations.mask_of_runs([], (0, 3)).shape == (0, 3)
    assert annotations.mask_of_runs([0, 0, 2], (1, 2)).tolist() == [[False, False]]


def test_numbers_in_reading_order_by_hand():
    ids = torch.tensor([[0, 7, 7], [3, 255, 7]])
    assert annotations.canonical_ids(ids).tolist() == [[0, 1, 1], [2, 255, 1]]
    assert ids.tolist() == [[0, 7, 7], [3, 255, 7]]
    assert annotations.canonical_ids(torch.zeros(0, 3, dtype=torch.int64)).shape == (0, 3)


@given(st.integers(0, 2**31), *[st.integers(1, 7)] * 2)
@settings(max_examples=100, deadline=None)
def test_new_numbers_show_the_same_objects_whatever_they_were_called(seed, height, width):
    coin = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, 6, (height, width), generator=coin)
    names = torch.cat([torch.zeros(1, dtype=torch.int64), 256 + torch.randperm(5, generator=coin)])
    renewed = annotations.canonical_ids(ids)
    assert renewed.equal(annotations.canonical_ids(names[ids])) and renewed.equal(annotations.canonical_ids(renewed))
    same = (ids.flatten()[:, None] == ids.flatten()).equal(renewed.flatten()[:, None] == renewed.flatten())
    assert same and (renewed == 0).equal(ids == 0)
    assert renewed.unique().tolist()[-1] == len(set(ids.unique().tolist()) - {0})


def test_the_255th_object_is_not_void():
    ids = torch.arange(1000, 1300)[None]
    renewed = annotations.canonical_ids(ids)
    assert renewed[0, 253] == 254 and renewed[0, 254] == 256 and len(renewed.unique()) == 300


def test_colours_back_to_labels():
    table = torch.tensor([*VOC.colours, (224, 224, 192)], dtype=torch.uint8)
    labels = torch.randint(0, 22, (9, 8), generator=torch.Generator().manual_seed(0))
    want = torch.where(labels == 21, 255, labels)
    assert annotations.labels_of_colours(table[labels], VOC.colours).equal(want)
    black = torch.zeros(1, 2, 3, dtype=torch.uint8)
    assert annotations.labels_of_colours(black, [(9, 9, 9)], void_colour=(0, 0, 0), void=7).tolist() == [[7, 7]]
    assert annotations.labels_of_colours(black, [(9, 9, 9)], void_colour=(0, 0, 0), void=-1).tolist() == [[-1, -1]]


def test_a_polygon_by_hand():
    """A box from (1, 1) to (3, 4) owns columns 1 and 2 and rows 1 to 3; edges on a centre belong to one side only."""
    box = torch.tensor([[1.0, 1], [3, 1], [3, 4], [1, 4]])
    want = torch.zeros(5, 5, dtype=torch.bool)
    want[1:4, 1:3] = True
    assert annotations.polygon_mask(box, (5, 5)).equal(want)
    halves = [torch.tensor([[x, 0.5], [x + 2, 0.5], [x + 2, 2.5], [x, 2.5]]) for x in (0.5, 2.5)]
    left, right = (annotations.polygon_mask(half, (4, 6)) for half in halves)
    assert not (left & right).any() and left.sum() == right.sum() == 4
    assert not annotations.polygon_mask(box[:2], (5, 5)).any() and not annotations.polygon_mask(box[:0], (5, 5)).any()


def distance_to_edges(point, corners):
    """How far a point is from the nearest edge."""
    along = corners.roll(-1, 0) - corners
    part = ((point - corners) * along).sum(1) / along.square().sum(1)
    return (corners + part.clamp(0, 1)[:, None] * along - point).norm(dim=1).min()


@given(st.integers(0, 2**31), st.integers(3, 8))
@settings(max_examples=60, deadline=None)
def test_polygons_are_matplotlibs_and_pycocotools_but_for_the_rim(seed, count):
    """Round polygons, so that even-odd and winding agree."""
    coin = torch.Generator().manual_seed(seed)
    angles = torch.arange(count) + 0.8 * torch.rand(count, generator=coin, dtype=torch.float64)
    radii = 4 + 6 * torch.rand(count, generator=coin, dtype=torch.float64)
    angles *= 2 * torch.pi / count
    corners = torch.stack([angles.cos() * radii, angles.sin() * radii], 1) + 12.3
    ours = annotations.polygon_mask(corners, (24, 26))
    rows, columns = np.mgrid[:24, :26]
    centres = np.stack([columns.ravel() + 0.5, rows.ravel() + 0.5], 1)
    assert ours.numpy().ravel().tolist() == Path(corners.numpy()).contains_points(centres).tolist()
    official = coco_mask.decode(coco_mask.frPyObjects([corners.flatten().tolist()], 24, 26))[:, :, 0].astype(bool)
    for row, column in (torch.from_numpy(official) ^ ours).nonzero().tolist():
        centre = torch.tensor([column + 0.5, row + 0.5], dtype=torch.float64)
        assert distance_to_edges(centre, corners) < 1


def test_pieces_touch_at_corners_too():
    mask = torch.tensor([[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 0, 0], [1, 1, 0, 0]], dtype=torch.bool)
    assert annotations.connected_pieces(mask).tolist() == [[1, 0, 0, 2], [0, 1, 0, 2], [0, 0, 0, 0], [3, 3, 0, 0]]
    assert annotations.connected_pieces(torch.zeros(2, 2, dtype=torch.bool)).max() == 0
