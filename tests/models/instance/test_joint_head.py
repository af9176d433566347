"""FCIS's head: class, box and mask of a region by arithmetic alone, by hand and against a loop."""

import math

import pytest
import torch

from lessons_lib.models.instance.joint_head import JointHead, class_logits, mask_logits, of_label, pairs_of


def random(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_by_hand():
    """One class, two cells. Outside 1 and 5, inside 3 and 4: the larger are 3 and 5, their mean 4."""
    pairs = torch.tensor([[[[1.0, 5.0]], [[3.0, 4.0]]]])  # (K = 1, 2, 1, 2)
    assert class_logits(pairs).tolist() == [4]
    assert mask_logits(pairs).tolist() == [[[2, -1]]]


@pytest.mark.parametrize(("outside", "inside", "detected", "segmented"), [(0, 9, True, True), (9, 0, True, False)])
def test_one_high_score_is_enough_for_the_class_and_says_which_side(outside, inside, detected, segmented):
    """The paper's three cases: inside high; outside high; (below) both low."""
    pairs = torch.tensor([outside, inside], dtype=torch.float32).view(1, 2, 1, 1)
    assert (class_logits(pairs).item() > 5) == detected and (mask_logits(pairs).item() > 0) == segmented
    assert class_logits(torch.zeros(1, 2, 1, 1)).item() == 0


def test_the_class_is_not_read_from_the_mean_of_the_maps():
    """Half of the cells inside, half outside, each sure: the mean of either map is low, the mean of the larger high."""
    half = torch.tensor([8.0, 0.0]).repeat(2, 1)
    pairs = torch.stack([half, half.flip(1)])[None]
    assert class_logits(pairs).item() == 8 and pairs.mean((2, 3)).max() == 4


def test_against_a_loop():
    pairs = random(2, 3, 4, 2, 3, 3)
    logits, inside = class_logits(pairs), mask_logits(pairs).sigmoid()
    for b in range(2):
        for r in range(3):
            for k in range(4):
                cells = [(pairs[b, r, k, :, i, j]).tolist() for i in range(3) for j in range(3)]
                assert logits[b, r, k].item() == pytest.approx(sum(max(pair) for pair in cells) / 9)
                shares = [math.exp(one) / (math.exp(one) + math.exp(out)) for out, one in cells]
                assert inside[b, r, k].flatten().tolist() == pytest.approx(shares)


def test_the_order_of_channels_and_the_box():
    """K classes: 2c is outside, 2c + 1 inside; then come the four deltas, averaged over the cells."""
    features = torch.zeros(1, 2, 2 * 3 + 4, 2, 2)
    features[0, 0, 2 * 2 + 1] = 4  # class 2, inside
    features[0, 1, 6:] = torch.arange(16.0).view(4, 2, 2)
    head = JointHead(3)
    logits, deltas = head(features)
    assert logits[0].tolist() == [[0, 0, 4], [0, 0, 0]] and list(head.parameters()) == []
    assert deltas[0].tolist() == [[[0, 0, 0, 0]], [[1.5, 5.5, 9.5, 13.5]]]
    assert mask_logits(pairs_of(features, 3))[0, 0, 2].tolist() == [[4, 4], [4, 4]]


def test_each_region_has_the_mask_of_its_label():
    maps, labels = random(2, 3, 4, 5, 5), torch.tensor([[0, 3, 1], [2, 2, 0]])
    own = of_label(maps, labels)
    assert all(torch.equal(own[b, r], maps[b, r, labels[b, r]]) for b in range(2) for r in range(3))


def test_no_regions_and_half_precision():
    logits, deltas = JointHead(3)(torch.zeros(2, 0, 10, 5, 5))
    assert logits.shape == (2, 0, 3) and deltas.shape == (2, 0, 1, 4)
    assert JointHead(3)(torch.zeros(1, 1, 10, 2, 2).half())[0].dtype == torch.float32
