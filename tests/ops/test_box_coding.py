"""Box coding against torchvision's coder and mmdetection's table, there and back, at the bound and at the border."""

import math

import pytest
import torch
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops import clip_boxes_to_image

from lessons_lib.ops.box_coding import LARGEST_GROWTH, clip_boxes, decode_boxes, encode_boxes

HEAD = (10.0, 10.0, 5.0, 5.0)


def random_boxes(g: torch.Generator, count: int) -> torch.Tensor:
    start = torch.rand(count, 2, generator=g, dtype=torch.float64) * 100
    size = torch.rand(count, 2, generator=g, dtype=torch.float64) * 80 + 2
    return torch.cat([start, start + size], 1)


def differs_from_torchvision(seed: int) -> float:
    """The largest difference of codes, decoded and clipped boxes, and the way there and back, over the boxes' size."""
    g = torch.Generator().manual_seed(seed)
    count = int(torch.randint(0, 20, (), generator=g))
    boxes, anchors = random_boxes(g, count), random_boxes(g, count)
    weights = HEAD if seed % 2 else (1.0, 1.0, 1.0, 1.0)
    theirs = BoxCoder(weights)
    codes = encode_boxes(boxes, anchors, weights)
    wild = torch.randn(count, 4, generator=g, dtype=torch.float64) * 8
    size = torch.randint(1, 200, (2,), generator=g)
    got, want = decode_boxes(wild, anchors, weights), theirs.decode_single(wild, anchors)
    clipped = clip_boxes(got[None], size[None])[0]
    pairs = [
        (codes, theirs.encode_single(boxes, anchors)),
        (decode_boxes(codes, anchors, weights), boxes),
        (got, want),
        (clipped, clip_boxes_to_image(want, tuple(size.tolist()))),
    ]
    return max([((a - b).abs() / b.abs().clamp(min=1)).max().item() for a, b in pairs if count], default=0.0)


@pytest.mark.parametrize("seed", range(100))
def test_torchvisions_coder(seed):
    assert differs_from_torchvision(seed) < 1e-9


def test_by_hand():
    """A box twice as wide, shifted by a quarter of the anchor's width; the head's weights multiply."""
    anchor, box = torch.tensor([[0.0, 0, 8, 4]]), torch.tensor([[-2.0, 0, 14, 4]])
    codes = torch.tensor([[0.25, 0, math.log(2), 0]])
    torch.testing.assert_close(encode_boxes(box, anchor), codes)
    torch.testing.assert_close(encode_boxes(box, anchor, HEAD), codes * torch.tensor(HEAD))
    torch.testing.assert_close(decode_boxes(codes * torch.tensor(HEAD), anchor, HEAD), box)


def test_mmdetections_table():
    """mmdetection, test_delta_xywh_bbox_coder.py: clipped to 32 × 32; an anchor without area stays a point."""
    anchors = torch.tensor([[0.0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1], [5, 5, 5, 5]])
    codes = torch.tensor([[0.0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 2, -1], [0.7, -1.9, -0.5, 0.3]])
    want = torch.tensor([[0, 0, 1, 1], [0.1409, 0.1409, 2.8591, 2.8591], [0, 0.3161, 4.1945, 0.6839], [5, 5, 5, 5]])
    got = clip_boxes(decode_boxes(codes, anchors)[None], torch.tensor([[32, 32]]))[0]
    torch.testing.assert_close(got, want, rtol=0, atol=1e-4)


@pytest.mark.parametrize("shape", [(2, 3), (4, 4), (2, 2, 5)])
def test_leading_dimensions_are_boxes_too(shape):
    """Some of them as long as a box has numbers, or as long as half of it."""
    g = torch.Generator().manual_seed(0)
    boxes, anchors = (random_boxes(g, math.prod(shape)) for _ in range(2))
    codes = encode_boxes(boxes, anchors, HEAD)
    nested = [t.view(*shape, 4) for t in (boxes, anchors, codes)]
    torch.testing.assert_close(encode_boxes(*nested[:2], HEAD), nested[2])
    torch.testing.assert_close(decode_boxes(nested[2], nested[1], HEAD), nested[0])


def test_growth_is_bounded():
    anchor = torch.tensor([[0.0, 0, 16, 16]])
    (box,) = decode_boxes(torch.tensor([[0.0, 0, 500, 500]]), anchor)
    torch.testing.assert_close(box[2:] - box[:2], torch.tensor([1000.0, 1000]))
    assert math.log(1000 / 16) == LARGEST_GROWTH


def test_clipping_is_for_each_image_and_any_depth():
    boxes = torch.tensor([-5.0, -5, 50, 50]).expand(2, 3, 2, 4)
    got = clip_boxes(boxes, torch.tensor([[10, 20], [30, 40]]))
    assert got[0, 1, 1].tolist() == [0, 0, 20, 10] and got[1, 2, 0].tolist() == [0, 0, 40, 30]
    outside = clip_boxes(torch.tensor([[[90.0, 3, 95, 4]]]), torch.tensor([[10, 20]]))[0, 0]
    assert outside.tolist() == [20, 3, 20, 4]  # no area


def test_gradients_and_empty_batches():
    codes = torch.zeros(3, 4, dtype=torch.float64, requires_grad=True)
    anchors = random_boxes(torch.Generator().manual_seed(0), 3)
    assert torch.autograd.gradcheck(lambda c: decode_boxes(c, anchors, HEAD), codes)
    assert encode_boxes(torch.zeros(2, 0, 4), torch.zeros(2, 0, 4)).shape == (2, 0, 4)
    assert encode_boxes(torch.zeros(1, 4), torch.zeros(1, 4)).isfinite().all()
