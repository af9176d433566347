"""Lesson 16, exercises 4 and 6: the layers that make the score maps, and the regions that are worth learning from."""

import torch
from torch import nn
from torch.nn import functional as F

from lessons_lib.course.exercises.engine.building import built
from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops.matching import IGNORED
from lessons_lib.ops.sampling import sample_hardest

# 16.4


class LibraryScoreHead(nn.Module):
    """What `ScoreMaps` adds to a neck, alone."""

    def __init__(self, channels, width, classes, group):
        super().__init__()
        self.hidden = nn.Conv2d(channels, width, 3, padding=1)
        self.predictor = nn.Conv2d(width, (2 * classes + 4) * group**2, 1)

    def forward(self, features):
        return self.predictor(self.hidden(features).relu())


def head_cases():
    """One image, two parts a side; two images, three parts; one part."""
    generator = torch.Generator().manual_seed(5)
    cases = []
    sizes = ((1, 2, 3, 2, 2, (4, 5)), (2, 3, 4, 3, 3, (3, 3)), (1, 2, 2, 4, 1, (5, 4)))
    for images, channels, width, classes, group, size in sizes:
        made = {"channels": channels, "width": width, "classes": classes, "group": group}
        cases.append(made | {"features": torch.randn(images, channels, *size, generator=generator)})
    return cases


def distance_from_one(scores):
    """A loss that any head can learn."""
    return (scores - 1).square().mean()


BUILD = Exercise(
    "16.4",
    "Build the score maps",
    oracle=LibraryScoreHead,
    cases=head_cases,
    trial=built(LibraryScoreHead, distance_from_one),
    difficulty=3,
    minutes=20,
    hints=(
        "How many numbers does one cell of a region need? For each class two (outside, inside), and four for the box.",
        "Every one of these outputs has group x group maps: (2 * classes + 4) * group ** 2 channels in all.",
        "self.hidden = nn.Conv2d(channels, width, 3, padding=1); self.predictor = nn.Conv2d(width, …, 1); in forward: "
        "self.predictor(F.relu(self.hidden(features))). No softmax: the cells of a region are averaged first.",
    ),
)


@BUILD.model
class ScoreHead(nn.Module):
    def __init__(self, channels, width, classes, group):
        super().__init__()
        self.hidden = nn.Conv2d(channels, width, 3, padding=1)
        self.predictor = nn.Conv2d(width, (2 * classes + 4) * group**2, 1)

    def forward(self, features):
        return self.predictor(F.relu(self.hidden(features)))


@BUILD.flags(
    one_map="This looks like one map for each class. Each has two: outside and inside, or the class could not be told "
    "from the mask.",
    no_box="This looks like the box left out: four more outputs, position-sensitive like the others.",
    group_once="This looks like group maps for each output: parts lie in rows and in columns, group x group of them.",
    box_once="This looks like box maps without parts. All 2 · classes + 4 outputs have group x group maps.",
    no_relu="This looks like no ReLU between the two convolutions: together they are one linear layer.",
    relu_last="This looks like a ReLU after the last layer. Scores may be negative, and deltas must.",
    no_padding="This looks like a 3 × 3 convolution without padding: the maps lose a cell on every side, and no longer "
    "lie over the image.",
)
class WrongScoreHead(nn.Module):
    """The head with some of its parts exchanged."""

    def __init__(
        self, channels, width, classes, group, *, one_map=False, no_box=False, group_once=False, box_once=False,
        no_relu=False, relu_last=False, no_padding=False,
    ):  # fmt: skip
        super().__init__()
        parts = group if group_once else group**2
        count = (1 if one_map else 2) * classes * parts + (0 if no_box else 4 if box_once else 4 * parts)
        self.hidden = nn.Conv2d(channels, width, 3, padding=0 if no_padding else 1)
        self.predictor = nn.Conv2d(width, count, 1)
        self.between = nn.Identity() if no_relu else nn.ReLU()
        self.last = nn.ReLU() if relu_last else nn.Identity()

    def forward(self, features):
        return self.last(self.predictor(self.between(self.hidden(features))))


@BUILD.mistake(
    "This looks like one more class for the background. `classes` counts it already, as num_classes does everywhere."
)
class OneClassMore(WrongScoreHead):
    """K + 1 in place of K."""

    def __init__(self, channels, width, classes, group):
        super().__init__(channels, width, classes + 1, group)


@BUILD.mistake(
    "This looks like a softmax over the channels. The scores are averaged over a region first; its softmax comes last."
)
class SoftmaxInTheMaps(LibraryScoreHead):
    """Probabilities in place of scores."""

    def forward(self, features):
        return super().forward(features).softmax(1)


# 16.6


def hardest_cases():
    """Three by hand; ignored ones with the largest loss; negatives alone; fewer regions than seats; none."""
    rows = (
        ([0.2, 0.9, 0.5], [1, 0, 0], 2),
        ([0.4, 3.0, 0.1, 2.0, 0.7, 1.1], [0, -1, 1, 0, 1, 0], 3),
        ([0.3, 0.1, 0.2, 0.8], [0, 0, 0, 0], 2),
        ([0.6, 0.2, 0.4], [1, -1, 0], 5),
        ([0.0, 0.5, 0.0], [0, 1, -1], 2),
        ([], [], 3),
    )
    return [
        {"losses": torch.tensor(losses), "labels": torch.tensor(labels, dtype=torch.int64), "count": count}
        for losses, labels, count in rows
    ]


def library_hardest(losses, labels, count):
    """The library's sampler, without the seats that nobody took."""
    position, valid = sample_hardest(labels, losses, count)
    return position[valid]


HARDEST = Exercise(
    "16.6",
    "Learn from what hurts",
    oracle=library_hardest,
    cases=hardest_cases,
    difficulty=2,
    minutes=15,
    hints=(
        "Regions with label −1 are ignored: take them out first, or give them a loss that is never among the largest.",
        "torch.where(labels == -1, -1.0, losses).topk(k) returns values and positions, largest first.",
        "k is at most the number of regions; afterwards drop the positions whose value is negative.",
    ),
)


@HARDEST.model
def hardest(losses, labels, count):
    key = torch.where(labels == -1, -1.0, losses)  # losses are never negative
    value, position = key.topk(min(count, len(key)))
    return position[value >= 0]


@HARDEST.flags(
    takes_ignored="This looks like ignored regions (label −1) among the hardest: they lie between object and "
    "background, or in a crowd, and nobody knows what they should say.",
    easiest="This looks like the smallest losses. What the network can do already teaches it nothing.",
    objects_alone="This looks like objects alone. Background that looks like an object is just what has to be learned: "
    "there is no quota for either.",
    one_more="This looks like one region too many or too few.",
)
def wrong_hardest(losses, labels, count, *, takes_ignored=False, easiest=False, objects_alone=False, one_more=False):
    allowed = torch.ones_like(labels, dtype=torch.bool) if takes_ignored else labels != IGNORED
    allowed = allowed & (labels > 0) if objects_alone and not takes_ignored else allowed
    order = losses.argsort(descending=not easiest, stable=True)
    return order[allowed[order]][: count + one_more]


@HARDEST.mistake(
    "This looks like half of the seats kept for objects, as in the random sampler. Hard example mining has no share: "
    "the losses decide."
)
def keeps_a_share(losses, labels, count):
    order = losses.argsort(descending=True, stable=True)
    objects, ground = (order[labels[order] == label] for label in (1, 0))
    chosen = torch.cat([objects[: count // 2], ground])[:count]
    return chosen[losses[chosen].argsort(descending=True, stable=True)]


@HARDEST.mistake("This looks like regions in the order of the image. Return them hardest first.")
def in_the_images_order(losses, labels, count):
    return hardest(losses, labels, count).sort().values


@HARDEST.mistake(
    "This looks like positions counted after the ignored regions were taken out. Positions are those in the whole list."
)
def counts_without_the_ignored(losses, labels, count):
    left = losses[labels != IGNORED]
    return left.topk(min(count, len(left))).indices
