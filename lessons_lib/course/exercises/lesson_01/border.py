"""Exercise 01.3: the border that became a class."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.data.class_table import voc_colour
from lessons_lib.ops import annotations

COLOURS = [voc_colour(label) for label in range(21)]
BORDER = (224, 224, 192)


def colour_cases():
    """Random labels of all classes, background and one class with its border, no void, void alone, equal sums."""

    def painted(labels, colours):
        table = torch.tensor([*colours, BORDER], dtype=torch.uint8)
        labels = torch.tensor(labels)
        return table[torch.where(labels == 255, len(colours), labels)]

    few = [(0, 0, 0), (10, 20, 30), (30, 20, 10)]
    random = torch.randint(0, 22, (6, 7), generator=torch.Generator().manual_seed(5))
    random = torch.where(random == 21, 255, random).tolist()
    return [
        {"picture": painted(random, COLOURS), "colours": COLOURS},
        {"picture": painted([[255]], few), "colours": few},
        {"picture": painted([[0]], few), "colours": few},
        {"picture": painted([[1]], few), "colours": few},
        {"picture": painted([[0, 255, 15], [255, 15, 15]], COLOURS), "colours": COLOURS},
        {"picture": painted([[2, 1, 0], [0, 1, 2]], few), "colours": few},
        {"picture": painted([[255, 2, 1]], few), "colours": few},
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


@COLOUR_LABELS.flags(
    ground="This looks like the bug itself: the border's colour is in no entry of the table, so its pixels keep the "
    "label 0. A network would learn that every object has a rim of background.",
    a_class="This looks like the border as one class more. A loss would train it and mIoU would count it; void is 255, "
    "which both leave out.",
    minus_one="This looks like −1 for void. This course, like Pascal VOC's files, writes it as 255.",
    nearest_sum="This looks like the nearest colour for every pixel, by the sum of the differences. The border is near "
    "to some class's colour too, and becomes that class.",
    nearest="This looks like the nearest colour for every pixel. The border is near to some class's colour too, and "
    "becomes that class.",
    any_channel="This looks like colours that agree in any channel. Two classes may share one: all three must be "
    "equal.",
    by_sum="This looks like colours compared by their sum. (10, 20, 30) and (30, 20, 10) have the same: all three "
    "channels must be equal.",
    one_channel="This looks like colours compared by the first channel. Two classes may share it: all three must be "
    "equal.",
    turned="This looks like blue before red, as some image readers have it. Here a colour is (R, G, B).",
    black_is_void="This looks like class 0 turned into void. Black is a class of its own, the ground; only the border "
    "is void.",
    small="This looks like uint8 labels. Return int64, which is what a loss takes.",
)
def wrong_labels(picture, colours, *, ground=False, a_class=False, minus_one=False, nearest_sum=False, nearest=False,
                 any_channel=False, by_sum=False, one_channel=False, turned=False, black_is_void=False,
                 small=False):  # fmt: skip
    picture = picture.flip(2) if turned else picture
    table, void = torch.tensor(colours, dtype=torch.float64), 0 if ground else len(colours) if a_class else 255
    labels = torch.full(picture.shape[:2], 0 if ground else 255 if black_is_void else 0, dtype=torch.int64)
    void = -1 if minus_one else void
    if nearest or nearest_sum:
        away = picture.double()[:, :, None] - table
        labels = (away.square() if nearest else away.abs()).sum(3).argmin(2)
    else:
        for label, colour in [*enumerate(colours), (void, BORDER)]:
            same = picture == torch.tensor(colour, dtype=torch.uint8)
            chosen = same.any(2) if any_channel else same[:, :, 0] if one_channel else same.all(2)
            chosen = picture.long().sum(2) == sum(colour) if by_sum else chosen
            labels[chosen] = label
    labels = torch.where(labels == 0, 255, labels) if black_is_void else labels
    return labels.to(torch.uint8) if small else labels
