"""Kinds of mistakes: a worked image, a slow count, the cut at the number of objects, crowds, nothing at all."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lessons_lib.data.sample import Instances
from lessons_lib.metrics.error_kinds import ENOUGH, KINDS, SOME, ErrorKinds
from lessons_lib.ops.boxes import pairwise_box_iou


def boxes(*corners) -> torch.Tensor:
    return torch.tensor(corners, dtype=torch.float32).reshape(-1, 4)


def found(corners, labels, scores) -> Instances:
    return Instances(boxes(*corners), torch.tensor(labels, dtype=torch.int64), None, torch.tensor(scores))


def truth(corners, labels, crowd=None) -> Instances:
    crowd = None if crowd is None else torch.tensor(crowd)
    return Instances(boxes(*corners), torch.tensor(labels, dtype=torch.int64), None, None, crowd)


TRUTH = truth([(0, 0, 10, 10), (20, 0, 30, 10), (40, 0, 50, 10), (60, 0, 70, 10), (80, 0, 90, 10)], [1, 1, 2, 1, 1])


def test_one_of_each_kind():
    prediction = found(
        [(0, 0, 10, 10), (0, 0, 10, 9), (40, 0, 50, 10), (20, 0, 30, 3), (200, 200, 210, 210)],
        [1, 1, 1, 1, 1],
        [0.9, 0.8, 0.7, 0.6, 0.5],
    )
    kinds = ErrorKinds("box")
    kinds.update(prediction, TRUTH)
    assert kinds.compute() == {
        "right": 0.2, "badly localised": 0.2, "wrong class": 0.2, "double": 0.2, "background": 0.2, "missed": 0.8,
    }  # fmt: skip
    assert [kind for _, kind in kinds.found] == ["right", "double", "wrong class", "badly localised", "background"]


def test_only_as_many_as_there_are_objects_count():
    kinds = ErrorKinds("box")
    kinds.update(found([(200, 0, 210, 10), (0, 0, 10, 10)], [1, 1], [0.9, 0.2]), truth([(0, 0, 10, 10)], [1]))
    assert kinds.compute()["background"] == 1 and kinds.compute()["right"] == 0
    kinds.update(found([], [], []), truth([(5, 5, 9, 9)], [2]))  # another image brings another object, so two count
    assert kinds.compute() == {
        "right": 0.5, "badly localised": 0, "wrong class": 0, "double": 0, "background": 0.5, "missed": 0.5,
    }  # fmt: skip


def test_masks_are_compared_as_masks():
    mask = torch.zeros(2, 4, 4, dtype=torch.bool)
    mask[0, :, :2], mask[1, :2, :] = True, True  # one third of their union
    box = boxes((0, 0, 4, 4))
    one = Instances(box, torch.tensor([1]), mask[:1], torch.tensor([0.9]))
    for kind, name in (("box", "right"), ("mask", "badly localised")):
        kinds = ErrorKinds(kind)
        kinds.update(one, Instances(box, torch.tensor([1]), mask[1:]))
        assert kinds.compute()[name] == 1


def test_what_lies_on_a_crowd_of_its_class_is_left_out():
    crowd = truth([(0, 0, 50, 50), (60, 60, 70, 70)], [1, 1], [True, False])
    kinds = ErrorKinds("box")
    kinds.update(found([(10, 10, 20, 20), (10, 10, 20, 20)], [1, 2], [0.9, 0.8]), crowd)
    assert kinds.objects == 1
    assert [kind for _, kind in kinds.found] == ["background"], "of another class a crowd is background"


def test_nothing_at_all():
    kinds = ErrorKinds("box")
    assert set(kinds.compute().values()) == {0.0}
    kinds.update(found([(0, 0, 1, 1)], [1], [0.5]), truth([], []))
    assert set(kinds.compute().values()) == {0.0} and set(kinds.compute()) == {*KINDS, "missed"}


def slow_kinds(prediction: Instances, target: Instances) -> list[str]:
    """The same one by one, most confident first."""
    iou, taken, kinds = pairwise_box_iou(prediction.boxes, target.boxes), set(), []
    assert prediction.scores is not None
    for p in sorted(range(len(prediction)), key=lambda p: -float(prediction.scores[p])):
        own = [g for g in range(len(target)) if target.labels[g] == prediction.labels[p]]
        free = sorted((g for g in own if g not in taken and iou[p, g] >= ENOUGH), key=lambda g: -float(iou[p, g]))
        if free:
            taken.add(free[0])
            kinds.append("right")
        elif any(iou[p, g] >= ENOUGH for g in own):
            kinds.append("double")
        elif any(iou[p, g] >= ENOUGH for g in range(len(target)) if g not in own):
            kinds.append("wrong class")
        else:
            kinds.append("badly localised" if any(iou[p, g] >= SOME for g in own) else "background")
    return kinds


@given(st.integers(0, 2**31))
@settings(max_examples=150, deadline=None)
def test_a_slow_count_says_the_same(seed):
    draw = torch.Generator().manual_seed(seed)
    count, objects = (int(torch.randint(0, 9, (), generator=draw)) for _ in range(2))

    def some(n):
        corner = torch.randint(0, 8, (n, 2), generator=draw).double()
        sides = torch.randint(3, 8, (n, 2), generator=draw)
        return torch.cat([corner, corner + sides], 1).float(), torch.randint(1, 3, (n,), generator=draw)

    (own, labels), (other, classes) = some(count), some(objects)
    prediction = Instances(own, labels, None, torch.rand(count, generator=draw))
    target = Instances(other, classes, None)
    kinds = ErrorKinds("box")
    kinds.update(prediction, target)
    ranked = [kind for _, kind in sorted(kinds.found, key=lambda entry: -entry[0])]
    assert ranked == slow_kinds(prediction, target)


def test_merged_is_the_same_as_one_after_the_other():
    images = [
        (found([(0, 0, 10, 9), (20, 0, 30, 10)], [1, 2], [0.5, 0.9]), TRUTH),
        (found([(0, 0, 10, 10), (90, 90, 99, 99)], [1, 1], [0.5, 0.7]), truth([(0, 0, 10, 10)], [1])),
    ]
    whole, parts = ErrorKinds("box"), [ErrorKinds("box") for _ in images]
    for part, image in zip(parts, images, strict=True):
        whole.update(*image)
        part.update(*image)
    parts[0].merge(parts[1])
    assert parts[0].found == whole.found and parts[0].compute() == whole.compute()
    for other, got in ((ErrorKinds("mask"), "kind 'mask'"), (3, "3")):
        with pytest.raises(ValueError, match=f"other must be ErrorKinds of kind 'box', got {got}"):
            whole.merge(other)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="kind must be 'mask' or 'box', got 'boxes'"):
        ErrorKinds("boxes")
    with pytest.raises(ValueError, match="prediction must have scores, got None"):
        ErrorKinds("box").update(truth([(0, 0, 1, 1)], [1]), truth([(0, 0, 1, 1)], [1]))
