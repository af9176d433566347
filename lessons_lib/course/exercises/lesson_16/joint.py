"""Lesson 16, exercises 3 and 5: class and mask from the same pair of maps, and the loss of the mask."""

import torch
from torch.nn import functional as F

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.models.instance.joint_head import class_logits, mask_logits, of_label
from lessons_lib.models.instance.mask_head import mask_loss

# 16.3


def pair_cases():
    """By hand: a region half inside and half outside of class 1; random pairs of two to five classes; large scores."""
    generator = torch.Generator().manual_seed(3)
    half = torch.zeros(2, 2, 1, 2)
    half[1, 0, 0, 0], half[1, 1, 0, 1], half[0, 1] = 3.0, 2.0, 0.5
    cases = [{"pairs": half}]
    for classes, side, scale in ((2, 1, 1.0), (3, 3, 2.0), (5, 4, 1.0), (2, 3, 40.0)):
        cases.append({"pairs": scale * torch.randn(classes, 2, side, side, generator=generator)})
    return cases


def library_joint(pairs):
    """The library's functions."""
    return class_logits(pairs).softmax(-1), mask_logits(pairs).sigmoid()


JOINT = Exercise(
    "16.3",
    "One pair, two answers",
    oracle=library_joint,
    cases=pair_cases,
    gradients=True,
    difficulty=2,
    minutes=15,
    hints=(
        "The mask: in every cell a softmax over the pair, of which you return the share of inside. The class: a score "
        "for each cell first, then one for the region, then probabilities.",
        "The score of a cell is the larger of its two: pairs.amax(1). Their mean over the cells is the region's logit.",
        "probs = pairs.amax(1).mean((1, 2)).softmax(0); inside = pairs.softmax(1)[:, 1].",
    ),
)


@JOINT.model
def class_and_mask(pairs):
    logits = pairs.amax(1).mean((1, 2))  # (K,): the larger of outside and inside, then the mean
    inside = pairs.softmax(1)[:, 1]  # (K, P, P)
    return logits.softmax(0), inside


@JOINT.flags(
    softmax_first="This looks like a softmax over the classes in every cell, averaged afterwards. A cell that is "
    "unsure then counts as much as one that is sure. Average the scores, then take one softmax.",
    mean_of_pair="This looks like the mean of outside and inside in place of the larger. A cell of the object's box is "
    "either in or out: one of its two scores is low, and should not count against the class.",
    inside_alone="This looks like a class read from the inside maps alone. The cells around the object, in its box, "
    "speak for the class too: that is what the outside maps are for.",
    largest_cell="This looks like the largest cell in place of the mean: one loud cell would decide about the whole "
    "region.",
    exchanged="This looks like the pair exchanged: index 0 is outside, index 1 is inside.",
    sigmoid="This looks like a sigmoid of the inside score alone. Inside competes with outside: the softmax over the "
    "pair is the sigmoid of their difference.",
)
def wrong_joint(
    pairs, *, softmax_first=False, mean_of_pair=False, inside_alone=False, largest_cell=False, exchanged=False,
    sigmoid=False,
):  # fmt: skip
    outside, inside = (pairs[:, 1], pairs[:, 0]) if exchanged else (pairs[:, 0], pairs[:, 1])
    cells = inside if inside_alone else (outside + inside) / 2 if mean_of_pair else torch.maximum(outside, inside)
    cells = cells.softmax(0) if softmax_first else cells
    logits = cells.amax((1, 2)) if largest_cell else cells.mean((1, 2))
    mask = inside.sigmoid() if sigmoid else (inside - outside).sigmoid()
    return logits if softmax_first and not largest_cell else logits.softmax(0), mask


@JOINT.mistake(
    "This looks like masks that compete over the classes: in every cell the classes' inside scores share one softmax. "
    "Inside competes with outside of the same class; the class is decided for the whole region."
)
def lets_the_classes_compete(pairs):
    return pairs.amax(1).mean((1, 2)).softmax(0), pairs[:, 1].softmax(0)


@JOINT.mistake(
    "This looks like a mean over the cells before the larger of the two is taken. Then a region that is half object "
    "and half surroundings looks unsure. In every cell first."
)
def averages_before_the_larger(pairs):
    return pairs.mean((2, 3)).amax(1).softmax(0), pairs.softmax(1)[:, 1]


@JOINT.mistake(
    "This looks like a class without the softmax at the end. The exercise asks for probabilities, which sum to 1."
)
def forgets_the_last_softmax(pairs):
    return pairs.amax(1).mean((1, 2)), pairs.softmax(1)[:, 1]


# 16.5


def loss_cases():
    """One region by hand, two classes; objects and background; background alone; no region."""
    generator = torch.Generator().manual_seed(4)
    hand = torch.zeros(1, 2, 2, 1, 1)
    hand[0, 1, 1] = 1.0
    cases = [{"pairs": hand, "labels": torch.tensor([1]), "targets": torch.ones(1, 1, 1)}]
    for labels, classes in (([2, 0, 1], 3), ([1, 3], 4), ([0, 0], 2), ([], 3)):
        pairs = 2 * torch.randn(len(labels), classes, 2, 3, 3, generator=generator)
        targets = torch.rand(len(labels), 3, 3, generator=generator)
        cases.append({"pairs": pairs, "labels": torch.tensor(labels, dtype=torch.int64), "targets": targets})
    return cases


def library_pair_loss(pairs, labels, targets):
    """The library's function, on the logits of the true class."""
    return mask_loss(of_label(mask_logits(pairs), labels), targets, labels > 0)


LOSS = Exercise(
    "16.5",
    "The loss of a pair",
    oracle=library_pair_loss,
    cases=loss_cases,
    gradients=True,
    difficulty=2,
    minutes=20,
    hints=(
        "Only the pair of the true class learns, and only in regions that show an object.",
        "own = pairs[torch.arange(len(labels)), labels] has shape (R, 2, P, P). Its log-probabilities are "
        "own.log_softmax(1): first outside, then inside.",
        "costs = -(targets * logs[:, 1] + (1 - targets) * logs[:, 0]).mean((1, 2)); their sum over the objects, "
        "divided by the number of objects, by 1 where there is none.",
    ),
)


@LOSS.model
def pair_loss(pairs, labels, targets):
    own = pairs[torch.arange(len(labels)), labels]  # (R, 2, P, P): outside and inside of the true class
    logs = own.log_softmax(1)
    costs = -(targets * logs[:, 1] + (1 - targets) * logs[:, 0]).mean((1, 2))
    objects = labels > 0
    return (costs * objects).sum() / objects.sum().clamp(min=1)


@LOSS.flags(
    exchanged="This looks like the pair exchanged: a target of 1 means inside, which is index 1.",
    inside_alone="This looks like a loss of the inside map alone, with a sigmoid. Outside has to learn too: the two "
    "compete, and the softmax over the pair is what is compared with the target.",
    counts_background="This looks like background that learns masks. Only regions with an object count, in the sum and "
    "in the number that divides it.",
    over_all="This looks like a sum over objects divided by all regions. The mean is over the objects alone.",
    summed="This looks like a sum over the cells of a region. The loss is their mean, so that every region counts the "
    "same.",
)
def wrong_pair_loss(
    pairs, labels, targets, *, exchanged=False, inside_alone=False, counts_background=False, over_all=False,
    summed=False,
):  # fmt: skip
    own = pairs[torch.arange(len(labels)), labels]
    outside, inside = (own[:, 1], own[:, 0]) if exchanged else (own[:, 0], own[:, 1])
    logits = inside if inside_alone else inside - outside
    costs = F.binary_cross_entropy_with_logits(logits, targets, reduction="none").flatten(1)
    costs = costs.sum(1) if summed else costs.mean(1)
    objects = labels >= 0 if counts_background else labels > 0
    return (costs * objects).sum() / max(len(labels) if over_all else int(objects.sum()), 1)


@LOSS.mistake(
    "This looks like a loss over the pairs of all classes. Only the pair of the true class is compared with the "
    "target; the others get no gradient from it."
)
def teaches_every_class(pairs, labels, targets):
    every = targets[:, None].expand(-1, pairs.shape[1], -1, -1)
    logits = pairs[:, :, 1] - pairs[:, :, 0]
    costs = F.binary_cross_entropy_with_logits(logits, every, reduction="none").mean((1, 2, 3))
    objects = labels > 0
    return (costs * objects).sum() / objects.sum().clamp(min=1)


@LOSS.mistake(
    "This looks like a mean over an empty selection: without an object it is 0 / 0, which is NaN. Divide by at least 1."
)
def divides_zero_by_zero(pairs, labels, targets):
    objects = labels > 0
    own = pairs[torch.arange(len(labels)), labels][objects]
    return F.binary_cross_entropy_with_logits(own[:, 1] - own[:, 0], targets[objects])
