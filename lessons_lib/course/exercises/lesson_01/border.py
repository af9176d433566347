"""Lesson 01, exercise 3: the border that became a class."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.data.class_table import voc_colour
from lessons_lib.ops import annotations

COLOURS = [voc_colour(label) for label in range(21)]
BORDER = (224, 224, 192)


def colour_cases():
    """Background and one class with its border, all classes, no void, void alone, colours with equal sums."""

    def painted(labels, colours):
        table = torch.tensor([*colours, BORDER], dtype=torch.uint8)
        labels = torch.tensor(labels)
        return table[torch.where(labels == 255, len(colours), labels)]

    few = [(0, 0, 0), (10, 20, 30), (30, 20, 10)]
    random = torch.randint(0, 22, (6, 7), generator=torch.Generator().manual_seed(5))
    random = torch.where(random == 21, 255, random).tolist()
    return [
        {"picture": painted([[0, 255, 15], [255, 15, 15]], COLOURS), "colours": COLOURS},
        {"picture": painted([[2, 1, 0], [0, 1, 2]], few), "colours": few},
        {"picture": painted([[255, 2, 1]], few), "colours": few},
        {"picture": painted(random, COLOURS), "colours": COLOURS},
        {"picture": painted([[255, 255], [255, 255]], COLOURS), "colours": COLOURS},
    ]


COLOUR_LABELS = Exercise(
    "01.3",
    "Find the bug: the border",
    difficulty=1,
    minutes=10,
    oracle=annotations.labels_of_colours,
    cases=colour_cases,
    hints=(
        "Which label has a pixel whose colour is in no entry of `colours`? Look at what the map is filled with first.",
        "The border of Pascal VOC is painted (224, 224, 192). Its label is void, 255, which is no class of its own.",
        "Treat it like one more colour: pairs of (label, colour) from enumerate(colours), and (255, (224, 224, 192)).",
    ),
)


@COLOUR_LABELS.model
def labels_of_colours(picture, colours):
    label_map = torch.zeros(picture.shape[:2], dtype=torch.int64)
    for label, colour in [*enumerate(colours), (255, (224, 224, 192))]:
        same = (picture == torch.tensor(colour, dtype=torch.uint8)).all(2)
        label_map[same] = label
    return label_map


@COLOUR_LABELS.mistake(
    "This looks like the bug itself: the border's colour is in no entry of the table, so its pixels keep the label 0. "
    "A network would learn that every object has a rim of background."
)
def the_border_is_background(picture, colours):
    labels = annotations.labels_of_colours(picture, colours)
    return torch.where(labels == 255, 0, labels)


@COLOUR_LABELS.mistake(
    "This looks like the border as one class more. A loss would train it and mIoU would count it; void is 255, which "
    "both leave out."
)
def the_border_is_a_class(picture, colours):
    labels = annotations.labels_of_colours(picture, colours)
    return torch.where(labels == 255, len(colours), labels)


@COLOUR_LABELS.mistake(
    "This looks like the nearest colour for every pixel. The border is near to some class's colour too, and becomes "
    "that class."
)
def the_nearest_colour(picture, colours):
    table = torch.tensor(colours, dtype=torch.float64)
    return (picture.double()[:, :, None] - table).abs().sum(3).argmin(2)


@COLOUR_LABELS.mistake(
    "This looks like colours compared by one channel or by their sum. Two classes may share a channel: all three must "
    "be equal."
)
def by_the_sum(picture, colours):
    totals = picture.long().sum(2)
    labels = torch.zeros(picture.shape[:2], dtype=torch.int64)
    for label, colour in [*enumerate(colours), (255, BORDER)]:
        labels[totals == sum(colour)] = label
    return labels
