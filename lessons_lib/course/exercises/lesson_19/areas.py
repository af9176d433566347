"""Lesson 19, exercise 3: what counts in a range of areas, as in the columns AP of small, medium and large objects."""

import math

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.metrics.detection_matching import in_ranges, match_pairs
from lessons_lib.metrics.detection_pairs import Picture, paired

# 19.3


def area_cases():
    """A hit and a miss, both ends of the range, objects outside it, crowds, doubles, and empty lists."""
    generator = torch.Generator().manual_seed(193)

    def case(iou, areas, gt_areas, crowd, low, high):
        iou = torch.tensor(iou, dtype=torch.float64).reshape(len(areas), len(gt_areas))
        made = {"iou": iou, "areas": torch.tensor(areas).double(), "gt_areas": torch.tensor(gt_areas).double()}
        return {**made, "is_crowd": torch.tensor(crowd, dtype=torch.bool), "low": low, "high": high}

    cases = [
        case([[0.75], [0.25]], [2, 3], [3], [False], 1, 4),
        case([[0.75, 0, 0], [0, 0.5, 0], [0, 0, 0.25]], [20, 5, 16], [16, 4, 9], [False] * 3, 4, 16),
        case([[0.75, 0.625], [0.6, 0], [0.75, 0]], [9, 9, 9], [25, 9], [False] * 2, 4, 16),
        case([[0.8], [0.7], [0]], [9, 9, 4], [25], [False], 4, 16),
        case([[0.8, 0], [0.7, 0.1], [0.9, 0.6]], [9, 5, 9], [12, 9], [True, False], 4, 16),
        case([[0.8], [0.75], [0.3]], [9, 9, 17], [9], [False], 4, 16),
        case([[0.5, 0.75], [0.625, 0.25]], [9, 9], [9, 9], [False, False], 4, 16),
        case([[0.5, 0.75], [0.625, 0.25]], [9, 9], [25, 25], [False, False], 4, 16),
        case([], [2, 9], [], [], 4, 16),
        case([], [], [9, 99], [False, False], 4, 16),
    ]
    for detections, objects in ((5, 4), (6, 5), (8, 3)):
        areas, gt_areas = (torch.randint(1, 36, (n,), generator=generator).tolist() for n in (detections, objects))
        iou = torch.rand(detections, objects, generator=generator, dtype=torch.float64) ** 0.5
        crowd = torch.rand(objects, generator=generator) < 0.3
        cases.append(case(iou.tolist(), areas, gt_areas, crowd.tolist(), 9, 25))
    return cases


def library_counted(iou, areas, gt_areas, is_crowd, low, high):
    """The library's matching at IoU ½ of one class and image, as words."""
    sizes = (math.sqrt(low), math.sqrt(high))
    rank, label = torch.arange(len(areas)), torch.zeros(len(areas), dtype=torch.int64)
    gt_label = torch.zeros(len(gt_areas), dtype=torch.int64)
    picture = Picture(iou, -rank.double(), label, areas, gt_label, gt_areas, is_crowd)
    hits, counted = (table[2, 0].tolist() for table in match_pairs(paired([picture]), sizes))  # medium, IoU ½
    words = ["hit" if hit else "wrong" if counts else "ignored" for hit, counts in zip(hits, counted, strict=True)]
    return words, int((in_ranges(gt_areas, sizes)[2] & ~is_crowd).sum())


AREAS = Exercise(
    "19.3",
    "AP of medium objects: what counts?",
    difficulty=3,
    minutes=25,
    oracle=library_counted,
    cases=area_cases,
    hints=(
        "Two groups of objects: those that count (inside the range, both ends included, and no crowd) and the ignored "
        "ones. A detection first looks among the free ones that count; only if it finds none, among the ignored.",
        "reached = free & (row >= 0.5). If any of these count, only they are wanted. (row * wanted).argmax() is then "
        "found: no longer free, unless it is a crowd. The word is “hit” if it counts, else “ignored”.",
        "A detection that finds nothing is “wrong” if its own area is inside the range, else “ignored”.",
    ),
)


@AREAS.model
def counted_in_range(iou, areas, gt_areas, is_crowd, low, high):
    counts = (gt_areas >= low) & (gt_areas <= high) & ~is_crowd
    free, words = torch.ones_like(is_crowd), []
    for row, area in zip(iou, areas, strict=True):
        reached = free & (row >= 0.5)
        wanted = reached & counts if (reached & counts).any() else reached
        if wanted.any():
            best = (row * wanted).argmax()
            free[best] = is_crowd[best]
            words.append("hit" if counts[best] else "ignored")
        else:
            words.append("wrong" if low <= area <= high else "ignored")
    return words, int(counts.sum())


@AREAS.flags(
    half_open="This looks like a range without its upper end. COCO has both ends inside: an object of exactly 32² "
    "pixels is small and medium.",
    all_wrong="This looks like every detection that finds nothing counting as wrong. One whose own area is outside the "
    "range is ignored: it belongs to another column.",
    no_ignored="This looks like objects outside the range and crowds struck off the list. What finds them is then a "
    "false alarm, although it found something: keep them, and ignore who takes them.",
    own_area="This looks like detections left out for their own area. One that finds an object that counts is a hit, "
    "however large it is itself: the object decides.",
    one_group="This looks like the highest IoU among all objects. A detection takes an ignored one only if it finds no "
    "free object that counts.",
    crowd_once="This looks like a crowd that is taken once. A crowd is many objects: any number of detections may lie "
    "on it.",
    never_taken="This looks like objects that can be found again and again. Each is found once; a second detection of "
    "it is wrong.",
    ignored_shared="This looks like ignored objects that are never taken. Only a crowd may be taken again: a second "
    "detection of a single object counts as any other.",
    crowd_counts="This looks like crowds that count as objects. Nobody can find a crowd with one detection: ignore it.",
    all_objects="This looks like the number of all objects. Recall is of those that count: inside the range, no crowd.",
    crowds_in_number="This looks like crowds in the number of objects. They are ignored, so nobody can find them.",
    first_found="This looks like the first object with IoU ≥ 0.5. Take the one with the highest IoU: another detection "
    "may need the first.",
    strict="This looks like IoU > 0.5. Exactly 0.5 is enough.",
)
def wrong_counted(iou, areas, gt_areas, is_crowd, low, high, *, half_open=False, all_wrong=False, no_ignored=False,
                  own_area=False, one_group=False, crowd_once=False, never_taken=False, ignored_shared=False,
                  crowd_counts=False, all_objects=False, crowds_in_number=False, first_found=False,
                  strict=False):  # fmt: skip
    def inside(area):
        return low <= area < high if half_open else low <= area <= high

    crowd = is_crowd.tolist()
    within = [inside(area) for area in gt_areas.tolist()]
    counts = [good and (crowd_counts or not many) for good, many in zip(within, crowd, strict=True)]
    taken, words = set(), []
    for row, area in zip(iou.tolist(), areas.tolist(), strict=True):
        reached = [g for g, value in enumerate(row) if (value > 0.5 if strict else value >= 0.5) and g not in taken]
        wanted = [g for g in reached if counts[g]]
        others = [] if no_ignored else [g for g in reached if not counts[g]]
        chosen = reached if one_group and not no_ignored else wanted or others
        if own_area and not inside(area):
            words.append("ignored")
        elif chosen:
            best = chosen[0] if first_found else max(chosen, key=row.__getitem__)
            words.append("hit" if counts[best] else "ignored")
            again = (crowd[best] and not crowd_once) or never_taken or (ignored_shared and not counts[best])
            taken |= set() if again else {best}
        else:
            words.append("wrong" if all_wrong or inside(area) else "ignored")
    return words, len(within) if all_objects else sum(within if crowds_in_number else counts)


@AREAS.mistake(
    "This looks like the highest IoU of the row, free or not. If that object is taken, or does not count, the "
    "detection takes the next one that is free."
)
def asks_for_the_best_only(iou, areas, gt_areas, is_crowd, low, high):
    counts = ((gt_areas >= low) & (gt_areas <= high) & ~is_crowd).tolist()
    taken, words = set(), []
    for row, area in zip(iou.tolist(), areas.tolist(), strict=True):
        best = max(range(len(row)), key=row.__getitem__, default=None)
        if best is None or row[best] < 0.5:
            words.append("wrong" if low <= area <= high else "ignored")
        elif not counts[best]:
            words.append("ignored")
        else:
            words.append("wrong" if best in taken else "hit")
            taken.add(best)
    return words, sum(counts)


@AREAS.mistake(
    "This looks like objects sorted by the area of the detection: hits need both areas inside. Only the object's area "
    "decides, or a system could choose its column by drawing larger boxes."
)
def needs_both_inside(iou, areas, gt_areas, is_crowd, low, high):
    words, count = wrong_counted(iou, areas, gt_areas, is_crowd, low, high)
    outside = ((areas < low) | (areas > high)).tolist()
    return ["wrong" if word == "hit" and out else word for word, out in zip(words, outside, strict=True)], count


@AREAS.mistake("This looks like sides instead of areas: low and high are areas, in pixels, as the areas are.")
def squares_the_range(iou, areas, gt_areas, is_crowd, low, high):
    return wrong_counted(iou, areas, gt_areas, is_crowd, low**2, high**2)
