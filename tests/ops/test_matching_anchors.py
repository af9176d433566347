"""Matching against brute force, torchvision's Matcher and the published tables; ties, crowds, and nothing at all."""

import pytest
import torch
from torchvision.models.detection._utils import Matcher
from torchvision.ops import box_iou

from lessons_lib.ops.matching import IGNORED, NEGATIVE, POSITIVE, ignore_crowds, match, overlaps


def by_loops(iou, high, low, force_best, valid):
    """The rules one box at a time."""
    matched, labels = [], []
    columns = [g for g in range(iou.shape[1]) if valid[g]]
    for n in range(len(iou)):
        best, own = 0.0, columns[0] if columns else 0
        for g in columns:
            if iou[n, g] > best:
                best, own = float(iou[n, g]), g
        label = POSITIVE if columns and best >= high else NEGATIVE if not columns or best < low else IGNORED
        forced = [
            (float(iou[n, g]), g) for g in columns if iou[n, g] > 0 and float(iou[n, g]) >= float(iou[:, g].max())
        ]
        if force_best and forced:
            value = max(value for value, _ in forced)
            own, label = next(g for v, g in forced if v == value), POSITIVE
        matched.append(own)
        labels.append(label)
    return matched, labels


def random_table(seed):
    """IoUs on a grid of tenths, so that there are ties and values on the thresholds; some columns hold no object."""
    g = torch.Generator().manual_seed(seed)
    n, count = int(torch.randint(1, 9, (), generator=g)), int(torch.randint(0, 6, (), generator=g))
    tenths = torch.randint(0, 11, (n, count), generator=g) / 10
    table = tenths if seed % 2 else torch.rand(n, count, generator=g)
    low, high = sorted((torch.randint(1, 11, (2,), generator=g) / 10).tolist())
    return table, high, low, bool(seed % 3), torch.rand(count, generator=g) < 0.8


def case_differs(seed: int) -> bool:
    table, high, low, force, valid = random_table(seed)
    got = match(table, high, low, force_best=force, valid=valid)
    return tuple(x.tolist() for x in got) != by_loops(table, high, low, force, valid)


def differs_from_torchvision(seed: int) -> bool:
    """Labels are the same; the objects too, but where torchvision forces a box and leaves it to another object."""
    g = torch.Generator().manual_seed(seed)
    table = torch.rand(
        int(torch.randint(1, 9, (), generator=g)), int(torch.randint(1, 6, (), generator=g)), generator=g
    )
    matched, labels = match(table, 0.7, 0.3, force_best=True)
    theirs = Matcher(0.7, 0.3, allow_low_quality_matches=True)(table.T)
    want = torch.where(theirs >= 0, POSITIVE, torch.where(theirs == Matcher.BELOW_LOW_THRESHOLD, NEGATIVE, IGNORED))
    unforced = match(table, 0.7, 0.3)[1] == POSITIVE
    best_of_none = (table < table.amax(0)).all(1)
    same = ((matched == theirs) | ~(unforced & best_of_none)).all()
    return not (torch.equal(labels, want) and bool(same))


def test_brute_force_and_torchvision():
    assert [seed for seed in range(400) if case_differs(seed) or differs_from_torchvision(seed)] == []


def test_detectron2s_table():
    """detectron2, tests/modeling/test_matcher.py; its table has objects in rows."""
    table = torch.tensor([[0.15, 0.45, 0.2, 0.6], [0.3, 0.65, 0.05, 0.1], [0.05, 0.4, 0.25, 0.4]]).T
    matched, labels = match(table, 0.7, 0.3, force_best=True)
    assert matched.tolist() == [1, 1, 2, 0] and labels.tolist() == [-1, 1, 0, 1]


BOXES = torch.tensor([[0.0, 0, 10, 10], [10, 10, 20, 20], [5, 5, 15, 15], [32, 32, 38, 42]])
OBJECTS = torch.tensor([[0.0, 0, 10, 9], [0, 10, 10, 19]])


def test_mmdetections_table():
    """mmdetection, test_max_iou_assigner.py: [1, 0, 2, 0] counted from 1; with a region to ignore, [1, 0, 2, −1]."""
    matched, labels = match(overlaps(BOXES, OBJECTS)[0], 0.5, force_best=True)
    assert torch.where(labels == POSITIVE, matched + 1, labels).tolist() == [1, 0, 2, 0]
    crowd = overlaps(BOXES, torch.tensor([[30.0, 30, 40, 40]]))[1]
    labels = ignore_crowds(labels, crowd, 0.5)
    assert torch.where(labels == POSITIVE, matched + 1, labels).tolist() == [1, 0, 2, -1]


def test_a_forced_box_belongs_to_the_object_that_forced_it():
    """Box 0 overlaps object 0 more, and is the best that object 1 has: it is object 1's, or that one has none."""
    table = torch.tensor([[0.5, 0.4], [0.9, 0.0]])
    matched, labels = match(table, 0.7, 0.3, force_best=True)
    assert matched.tolist() == [1, 0] and labels.tolist() == [1, 1]


def test_ties_count_all():
    table = torch.tensor([[0.2], [0.2 + 1e-6], [0.1]])  # float32 tells the two apart
    assert table[0] < table[1]
    assert match(table, 0.7, 0.3, force_best=True)[1].tolist() == [1, 1, 0]


def test_a_crowd_is_no_background():
    """A box inside a crowd 100 times its size has IoU 0.01 and is covered by 1."""
    iou, covered = overlaps(torch.tensor([[0.0, 0, 10, 10]]), torch.tensor([[0.0, 0, 100, 100]]))
    assert iou.item() == pytest.approx(0.01) and covered.item() == 1
    assert ignore_crowds(torch.tensor([NEGATIVE]), covered).item() == IGNORED
    assert ignore_crowds(torch.tensor([POSITIVE]), covered).item() == POSITIVE


def test_overlaps_are_torchvisions_image_by_image():
    g = torch.Generator().manual_seed(0)
    boxes, objects = (torch.rand(3, n, 4, generator=g, dtype=torch.float64) for n in (7, 5))
    boxes, objects = (torch.cat([b[..., :2], b[..., :2] + b[..., 2:]], -1) for b in (boxes, objects))
    want = torch.stack([box_iou(b, o) for b, o in zip(boxes, objects, strict=True)])
    torch.testing.assert_close(overlaps(boxes, objects)[0], want)
    empty = torch.zeros(1, 4)
    assert overlaps(empty, empty)[0].item() == 0 and overlaps(empty, empty)[1].item() == 0


@pytest.mark.parametrize("valid", [None, torch.zeros(2, dtype=torch.bool)])
def test_nothing_there(valid):
    table = torch.ones(3, 0) if valid is None else torch.ones(3, 2)
    matched, labels = match(table, 0.7, 0.0, force_best=True, valid=valid)
    assert matched.tolist() == [0, 0, 0] and labels.tolist() == [NEGATIVE] * 3
    assert match(torch.ones(0, 2), 0.7, force_best=True)[0].shape == (0,)
    assert match(torch.zeros(2, 0, 3), 0.7, force_best=True)[1].shape == (2, 0)


def test_a_box_that_meets_nothing_stands_for_no_column_without_object():
    """Column 0 holds no object, so a box of IoU 0 with the object in column 1 is that one's, also where 0 is enough."""
    iou, valid = torch.tensor([[0.9, 0.0]]), torch.tensor([False, True])
    assert [found.tolist() for found in match(iou, 0.5, valid=valid)] == [[1], [NEGATIVE]]
    assert [found.tolist() for found in match(iou, 0.0, valid=valid)] == [[1], [POSITIVE]]
    assert [found.tolist() for found in match(iou, 0.5, force_best=True, valid=valid)] == [[1], [NEGATIVE]]
