"""Anchors against torchvision's generator and two published tables, and where a grid puts them."""

import pytest
import torch
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList

from lessons_lib.models.backbones import TinyBackbone
from lessons_lib.ops.anchors import anchor_shapes, cell_centres, place_anchors
from lessons_lib.ops.grid import Grid

CORNER = -0.5
"""The start of a grid whose cell 0 lies at the image's corner, as torchvision and detectron2 with offset 0 have it."""


def differs_from_torchvision(seed: int) -> float:
    """The largest difference from torchvision over a random pyramid; its order is ratio-major, and it rounds."""
    g = torch.Generator().manual_seed(seed)
    sizes = (torch.rand(int(torch.randint(1, 4, (), generator=g)), generator=g) * 200 + 4).tolist()
    ratios = (torch.rand(int(torch.randint(1, 4, (), generator=g)), generator=g) * 3 + 0.2).tolist()
    stride = 2 ** int(torch.randint(1, 6, (), generator=g))
    height, width = torch.randint(1, 7, (2,), generator=g).tolist()
    theirs = AnchorGenerator((tuple(sizes),), (tuple(ratios),))
    images = ImageList(torch.zeros(1, 3, height * stride, width * stride), [(height * stride, width * stride)])
    (want,) = theirs(images, [torch.zeros(1, 1, height, width)])
    got = place_anchors(anchor_shapes(sizes, ratios).round(), (height, width), Grid(stride, CORNER))
    want = want.view(-1, len(ratios), len(sizes), 4).transpose(1, 2).reshape(-1, 4)
    return (got - want).abs().max().item()


@pytest.mark.parametrize("seed", range(60))
def test_torchvisions_anchors(seed):
    # where w / 2 lies within a rounding error of a half, the two roundings may part: 1 pixel, and hardly ever
    assert differs_from_torchvision(seed) <= 1e-4


def test_by_hand():
    """Size 4, ratio 4: 2 wide and 8 high, area 16; cells of stride 8 whose first middle lies at pixel 3.5 + 0.5."""
    shapes = anchor_shapes([4], [4.0])
    assert shapes.tolist() == [[-1, -4, 1, 4]]
    assert place_anchors(shapes, (2, 1), Grid(8, 3.5)).tolist() == [[3, 0, 5, 8], [3, 8, 5, 16]]


@pytest.mark.parametrize(("start", "offset"), [(CORNER, 0.0), (1.5, 2.0)])
def test_detectron2s_table(start, offset):
    """detectron2, tests/modeling/test_anchor_generator.py: offsets 0 and 0.5 of stride 4; size-major, not rounded."""
    first = [[-32, -8, 32, 8], [-16, -16, 16, 16], [-8, -32, 8, 32], [-64, -16, 64, 16], [-32, -32, 32, 32]]
    first = torch.tensor([*first, [-16, -64, 16, 64]], dtype=torch.float32)
    shift = torch.tensor([4.0, 0, 4, 0])
    got = place_anchors(anchor_shapes([32, 64], [0.25, 1, 4]), (1, 2), Grid(4, start))
    torch.testing.assert_close(got, torch.cat([first, first + shift]) + offset)


def test_torchvisions_table():
    """vision, test/test_models_detection_anchor_utils.py: 9 anchors of size 10 at stride 5."""
    want = [[5 * x - 5, 5 * y - 5, 5 * x + 5, 5 * y + 5] for y in range(3) for x in range(3)]
    assert place_anchors(anchor_shapes([10], [1.0]), (3, 3), Grid(5, CORNER)).tolist() == want


def test_the_matlab_table_is_the_same_but_for_its_rounding():
    """py-faster-rcnn: (−83, −39, 100, 56) and its like, counted from 1, ends inclusive, from a rounded base of 16."""
    table = torch.tensor([[-83.0, -39, 100, 56], [-175, -87, 192, 104], [-359, -183, 376, 200], [-55, -55, 72, 72]])
    table = torch.cat([table[:, :2] - 1, table[:, 2:]], 1)  # from 0, ends exclusive
    ours = place_anchors(anchor_shapes([128, 256, 512], [0.5, 1.0]), (1, 1), Grid(16, 7.5))[[0, 2, 4, 1]]
    torch.testing.assert_close((ours[:, :2] + ours[:, 2:]) / 2, (table[:, :2] + table[:, 2:]) / 2)  # (8, 8)
    size, theirs = ours[:, 2:] - ours[:, :2], table[:, 2:] - table[:, :2]
    base = size / torch.tensor([[8.0], [16], [32], [8]])  # 22.6 × 11.3, which they round to 23 × 12 before scaling
    torch.testing.assert_close(theirs, base.ceil() * torch.tensor([[8.0], [16], [32], [8]]), rtol=0, atol=1e-3)


def test_anchors_lie_in_the_middle_of_what_their_cell_sees():
    """The tiny backbone's cells lie at 4i + 1: so do the middles of its anchors."""
    backbone = TinyBackbone()
    x = cell_centres(backbone.grids["c2"], 4)
    assert x.tolist() == [1.5, 5.5, 9.5, 13.5]  # pixel 1 covers [1, 2)


def test_order_is_that_of_a_permuted_head():
    shapes = anchor_shapes([2, 4, 8], [1.0])
    anchors = place_anchors(shapes, (5, 7), Grid(4, 1.0))
    answers = torch.arange(3 * 5 * 7).view(1, 3, 5, 7)  # (B, A, H, W)
    flat = answers.permute(0, 2, 3, 1).flatten()
    number = int((flat == 2 * 35 + 3 * 7 + 6).nonzero())  # anchor 2 at row 3, column 6
    assert anchors[number].tolist() == [6 * 4 + 1.5 - 4, 3 * 4 + 1.5 - 4, 6 * 4 + 1.5 + 4, 3 * 4 + 1.5 + 4]


def test_chainercvs_table():
    """chainercv, test_generate_anchor_base.py: y before x, ratio-major, around (8, 8), without + 1 and not rounded."""
    flat = [
        [-37.254834, -82.509668, 53.254834, 98.509668], [-82.509668, -173.019336, 98.509668, 189.019336],
        [-173.019336, -354.038672, 189.019336, 370.038672],
    ]  # fmt: skip
    square = [[-56.0, -56, 72, 72], [-120.0, -120, 136, 136], [-248.0, -248, 264, 264]]
    upright = [[x0, y0, x1, y1] for y0, x0, y1, x1 in flat]
    ours = anchor_shapes([128, 256, 512], [0.5, 1.0, 2.0]) + 8  # size-major, x before y
    theirs = ours.view(3, 3, 4).transpose(0, 1).reshape(9, 4)[:, [1, 0, 3, 2]]
    torch.testing.assert_close(theirs, torch.tensor(flat + square + upright), rtol=0, atol=1e-3)
