"""NMS against torchvision's compiled operator, by hand, by the published fixture, and with boxes that are none."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision import ops

from lessons_lib.ops.nms import _meeting_by_product, nms, nms_by_mask, nms_in_blocks, nms_loop

FORMS = {"loop": nms_loop, "nms": nms, "mask": nms_by_mask, "blocks": nms_in_blocks}
THRESHOLDS = (0.0, 0.1, 0.3, 0.5, 0.6, 0.7, 0.9, 1.0)


def random_case(seed, most=300):
    """Boxes, scores, groups and a threshold: whole or fractional corners, tied scores, empty, inverted and NaN ones."""
    generator = torch.Generator().manual_seed(seed)

    def pick(*values):
        return values[int(torch.randint(len(values), (), generator=generator))]

    count = int(torch.randint(0, pick(6, 40, most), (), generator=generator))
    dtype = pick(torch.float32, torch.float32, torch.float64)
    corner = torch.rand(count, 2, generator=generator, dtype=dtype) * pick(5, 30, 100)
    boxes = torch.cat([corner, corner + torch.rand(count, 2, generator=generator, dtype=dtype) * pick(5, 40)], 1)
    boxes = pick(boxes, boxes.round(), (2 * boxes).round() / 2)  # whole corners: many an IoU meets the threshold
    scores = torch.rand(count, generator=generator, dtype=dtype)
    scores = pick(scores, (scores * 5).round(), scores.half().to(dtype))
    for wrong in (torch.nan, torch.inf) if pick(True, False, False) else ():
        boxes[torch.rand(boxes.shape, generator=generator) < 0.03] = wrong
        scores[torch.rand(count, generator=generator) < 0.05] = wrong
    if pick(True, False, False, False):
        boxes = boxes[:, torch.randperm(4, generator=generator)]
    groups = torch.randint(0, pick(1, 3, 90), (count,), generator=generator)
    return boxes, scores, groups, pick(*THRESHOLDS)


def as_mask(kept, count):
    mask = torch.zeros(count, dtype=torch.bool)
    mask[kept] = True
    return mask


def by_torchvision(boxes, scores, groups, threshold):
    """One call for each group: its own trick of moving the groups apart loses digits, and boxes below 0."""
    keep = torch.zeros(len(boxes), dtype=torch.bool)
    for group in groups.unique().tolist():
        own = (groups == group).nonzero()[:, 0]
        keep[own[ops.nms(boxes[own], scores[own], threshold)]] = True
    return keep


def differences(seed):
    """How many of the forms keep other boxes than torchvision."""
    boxes, scores, groups, threshold = random_case(seed)
    want = as_mask(ops.nms(boxes, scores, threshold), len(boxes))
    apart = by_torchvision(boxes, scores, groups, threshold)
    wrong = sum(not torch.equal(FORMS[form](boxes, scores, threshold), want) for form in ("nms", "mask"))
    return wrong + sum(
        not torch.equal(FORMS[form](boxes, scores, threshold, groups), apart) for form in ("nms", "mask")
    )


def test_600_random_cases_are_torchvisions():
    assert [seed for seed in range(600) if differences(seed)] == []


@given(st.integers(0, 2**31))
@settings(max_examples=60)
def test_the_loop_is_torchvisions(seed):
    boxes, scores, _, threshold = random_case(seed, most=40)
    assert torch.equal(nms_loop(boxes, scores, threshold), as_mask(ops.nms(boxes, scores, threshold), len(boxes)))


def test_where_torchvisions_batched_nms_is_right_it_is_the_same():
    """Whole corners inside the image: there its trick of moving the groups apart loses nothing."""
    for seed in range(200):
        boxes, _, groups, threshold = random_case(3 * seed)
        boxes = boxes.nan_to_num(0, 0, 0).clamp(min=0).round()
        scores = torch.rand(len(boxes), dtype=boxes.dtype, generator=torch.Generator().manual_seed(seed))
        want = as_mask(ops.batched_nms(boxes, scores, groups, threshold), len(boxes))
        assert torch.equal(nms(boxes, scores, threshold, groups), want), seed


def test_boxes_below_zero_stay_apart():
    """torchvision moves boxes apart by class, and so lets these two meet, which lie 100 pixels from each other."""
    boxes = torch.tensor([[90.0, 90, 100, 100], [-11, -11, -1, -1]])
    scores, groups = torch.tensor([0.9, 0.8]), torch.tensor([0, 1])
    assert ops.batched_nms(boxes, scores, groups, 0.5).tolist() == [0]
    for form in ("nms", "mask"):
        assert FORMS[form](boxes, scores, 0.5, groups).tolist() == [True, True]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("threshold", "kept"), [(1.0, [0, 1, 2, 3]), (0.5, [0, 1, 3]), (0.3, [0, 2, 3]), (0.2, [0, 3]), (0.0, [0, 3])]
)
def test_the_published_fixture(form, threshold, kept):
    """chainercv's four boxes, whose IoUs are 9/23, 6/26, 12/20, 0, 3/29 and 6/26. At 0 chainercv keeps the first alone,
    since there an IoU that equals the threshold suppresses, and boxes that do not meet have the IoU 0."""
    boxes = torch.tensor([[0.0, 0, 4, 4], [1, 1, 5, 5], [1, 2, 5, 6], [0, 4, 4, 8]])
    got = FORMS[form](boxes, torch.tensor([0.9, 0.8, 0.7, 0.6]), threshold)
    assert got.nonzero()[:, 0].tolist() == kept


@pytest.mark.parametrize("form", FORMS)
def test_by_hand(form):
    """A chain of boxes of 10, each 4 further: neighbours have the IoU 6/14 = 0.43. The second falls to the first, so
    the third, which only the second would have suppressed, stays."""
    boxes = torch.tensor([[4.0 * i, 0, 4 * i + 10, 10] for i in range(5)])
    got = FORMS[form](boxes, torch.arange(5, 0, -1.0), 0.4)
    assert got.tolist() == [True, False, True, False, True]
    assert FORMS[form](boxes, torch.arange(5.0), 0.43).all()


@pytest.mark.parametrize("form", FORMS)
def test_the_threshold_itself_suppresses_nothing(form):
    """Two boxes of 4 that share 3 of 5: IoU 0.6, and float32's 0.6 is above the 0.6 of Python."""
    boxes = torch.tensor([[0.0, 0, 4, 1], [1, 0, 5, 1]])
    assert FORMS[form](boxes.double(), torch.tensor([1.0, 0.5]).double(), 0.6).all()
    assert not FORMS[form](boxes, torch.tensor([1.0, 0.5]), 0.6).all()  # as torchvision, which compares with the double


@pytest.mark.parametrize("form", FORMS)
def test_of_equal_scores_the_first_goes_first(form):
    boxes = torch.tensor([[1.0, 0, 11, 10], [0, 0, 10, 10], [2, 0, 12, 10]])
    assert FORMS[form](boxes, torch.ones(3), 0.5).tolist() == [True, False, False]


@pytest.mark.parametrize("form", FORMS)
def test_none_one_empty_inverted_and_nan(form):
    call = FORMS[form]
    assert call(torch.zeros(0, 4), torch.zeros(0), 0.5).tolist() == []
    assert call(torch.tensor([[0.0, 0, 1, 1]]), torch.ones(1), 0.5).tolist() == [True]
    nothing = torch.tensor([[5.0, 5, 5, 5]] * 2 + [[6.0, 6, 4, 4]] * 2 + [[torch.nan, 0, 1, 1]] * 2)
    assert call(nothing, torch.rand(6), 0.0).all()  # none of them overlaps anything, not even its own copy
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10]])
    assert call(boxes, torch.tensor([0.5, torch.nan]), 0.5).tolist() == [False, True]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_boxes_without_area_stay_in_a_long_line(form, dtype):
    flat, narrow, turned = [3.0, 5, 9, 5], [5.0, 3, 5, 9], [9.0, 9, 3, 3]  # 0 / 0 is no overlap
    tiny = torch.finfo(dtype).tiny  # whose square is 0
    wrong = [[torch.nan, 0, 9, 9], [0, 0, 9, torch.nan], [-torch.inf, 0, 9, 9], [0, 0, tiny, tiny]]
    boxes = torch.tensor([flat, narrow, turned, *wrong], dtype=dtype).repeat(60, 1)
    assert FORMS[form](boxes, torch.ones(len(boxes)), 0.0).all()
    whole = torch.tensor([[0.0, 0, 9, 9]], dtype=dtype).expand(240, 4)
    kept = FORMS[form](torch.cat([boxes, whole]), torch.ones(len(boxes) + 240), 0.0)
    assert kept[: len(boxes) + 1].all() and not kept[len(boxes) + 1 :].any()  # of many copies one stays


@pytest.mark.parametrize("form", ["nms", "mask", "blocks"])
def test_images_and_invalid_boxes_do_not_meet(form):
    generator = torch.Generator().manual_seed(0)
    corner = torch.rand(2, 3, 150, 2, generator=generator) * 50
    boxes = torch.cat([corner, corner + 20], -1)
    scores = torch.rand(2, 3, 150, generator=generator)
    groups = torch.randint(-1, 2, scores.shape, generator=generator)
    valid = torch.rand(scores.shape, generator=generator) < 0.8
    keep = FORMS[form](boxes, scores, 0.4, groups, valid)
    for i, j in torch.cartesian_prod(torch.arange(2), torch.arange(3)).tolist():
        own = valid[i, j]
        want = by_torchvision(boxes[i, j][own], scores[i, j][own], groups[i, j][own], 0.4)
        assert torch.equal(keep[i, j][own], want) and not keep[i, j][~own].any()
    assert not FORMS[form](boxes, scores, 0.4, None, torch.zeros_like(valid)).any()
    assert FORMS[form](boxes[:0], scores[:0], 0.4).shape == (0, 3, 150)
    assert FORMS[form](boxes[:, :, :0], scores[:, :, :0], 0.4, groups[:, :, :0]).shape == (2, 3, 0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_counts_in_float32(dtype):
    corner = torch.rand(200, 2, generator=torch.Generator().manual_seed(0)) * 50
    boxes, scores = torch.cat([corner, corner + 20], 1).to(dtype), torch.rand(200).to(dtype)
    want = as_mask(ops.nms(boxes.float(), scores.float(), 0.5), 200)
    for form in FORMS.values():
        assert torch.equal(form(boxes, scores, 0.5), want)


def test_no_gradient_asked_for_and_none_given():
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10]], requires_grad=True)
    assert nms(boxes, torch.tensor([0.9, 0.8], requires_grad=True), 0.5).tolist() == [True, False]


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
def test_a_product_says_what_the_matrix_says(share):
    """Which a GPU asks instead, under autocast too: 3,000 boxes at once are more than bfloat16 counts exactly."""
    generator = torch.Generator().manual_seed(0)
    overlaps = torch.rand(2, 3000, 40, generator=generator) < share
    some = torch.rand(2, 3000, generator=generator) < 0.9
    with torch.autocast("cpu", torch.bfloat16):
        found = _meeting_by_product(overlaps)(some)
    assert torch.equal(found, (overlaps & some[..., None]).any(-2))


@pytest.mark.parametrize("seed", range(5))
def test_a_known_number_of_rounds_finds_the_fixpoint(seed):
    boxes, scores, groups, threshold = random_case(seed, most=60)
    longest = len(boxes) + 1  # no chain of boxes is longer
    kept = nms_by_mask(boxes, scores, threshold, groups, rounds=longest)
    assert torch.equal(kept, nms(boxes, scores, threshold, groups))


def test_too_few_rounds_stop_before_the_end_of_a_chain():
    chain = torch.tensor([[4.0 * k, 0, 4.0 * k + 10, 10] for k in range(5)])  # each overlaps the next by 6 / 14
    scores = torch.arange(5.0, 0, -1)
    by_rounds = {n: nms_by_mask(chain, scores, 0.4, rounds=n).tolist() for n in (1, 4)}
    assert by_rounds[4] == [True, False, True, False, True]
    assert by_rounds[1] == [True, False, False, False, False]  # as if the suppressed ones still suppressed
