"""Lesson 10, exercises 1 and 2: a bug about void, and the mean IoU."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.metrics import semantic

# 10.1


def map_cases():
    """A row worked by hand, maps with and without void, one of void alone, and void predicted where it is void."""
    generator = torch.Generator().manual_seed(10)

    def labels(*shape, most=3):
        return torch.randint(0, most, shape, generator=generator)

    row = torch.tensor([[0, 0, 1, 2, 255, 255]])
    cases = [{"prediction": torch.tensor([[0, 1, 1, 2, 0, 2]]), "target": row, "num_classes": 3}]
    cases.append({"prediction": row, "target": row, "num_classes": 4})
    for classes in (2, 3, 5):
        target = labels(5, 4, most=classes)
        target[labels(5, 4, most=4) == 0] = 255
        cases.append({"prediction": labels(5, 4, most=classes), "target": target, "num_classes": classes})
    cases.append({"prediction": labels(4, 6).T, "target": labels(6, 4), "num_classes": 3})
    cases.append({"prediction": labels(2, 2), "target": torch.full((2, 2), 255), "num_classes": 3})
    return cases


CONFUSION = Exercise(
    "10.1",
    "Find the bug: the confusion matrix",
    difficulty=1,
    minutes=10,
    oracle=semantic.confusion_matrix,
    cases=map_cases,
    hints=(
        "Which class do void pixels get in the first line? Are they counted, then?",
        "A void pixel belongs in no cell at all. Make a mask of the pixels that count: target != 255.",
        "Take prediction[counts] and target[counts] before you number the cells; the rest may stay as it is.",
    ),
)


@CONFUSION.model
def confusion_matrix(prediction, target, num_classes):
    counts = target != 255
    cells = target[counts] * num_classes + prediction[counts]
    return torch.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def _count(prediction, target, num_classes):
    """The matrix of the pixels whose labels both lie in 0 to K − 1."""
    fits = (target < num_classes) & (prediction < num_classes)
    cells = target[fits] * num_classes + prediction[fits]
    return torch.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


@CONFUSION.mistake(
    "This looks like the bug itself: void counted as class 0. Every border pixel is then ground, and a network that "
    "predicts the object there is punished for it."
)
def counts_void_as_class_0(prediction, target, num_classes):
    return _count(prediction, torch.where(target == 255, 0, target), num_classes)


@CONFUSION.mistake(
    "This looks like void counted as the last class: clamping 255 makes it K − 1. Leave those pixels out."
)
def clamps_void(prediction, target, num_classes):
    return _count(prediction, target.clamp(max=num_classes - 1), num_classes)


@CONFUSION.mistake(
    "This looks like the transpose: the true class is the row, the predicted one the column. The IoU would not notice, "
    "the mean accuracy would."
)
def predictions_as_rows(prediction, target, num_classes):
    return _count(prediction, target, num_classes).T


@CONFUSION.mistake(
    "This looks like class 0 left out together with void. The ground is a class as any other; only 255 is no class."
)
def drops_the_ground_too(prediction, target, num_classes):
    return _count(prediction, torch.where(target == 0, 255, target), num_classes)


@CONFUSION.mistake("This looks like void counted as right, whatever is predicted there. It does not count at all.")
def calls_void_right(prediction, target, num_classes):
    return _count(prediction, torch.where(target == 255, prediction, target), num_classes)


# 10.2


def matrix_cases():
    """All classes there; one absent; one only predicted; one only true; a perfect and a hopeless matrix."""
    generator = torch.Generator().manual_seed(11)
    full = torch.randint(1, 50, (4, 4), generator=generator)
    absent = full.clone()
    absent[2], absent[:, 2] = 0, 0
    predicted_only = full.clone()
    predicted_only[1] = 0
    never_predicted = full.clone()
    never_predicted[:, 3] = 0
    small = torch.tensor([[6, 2], [1, 3]])
    perfect = torch.tensor([[5, 0, 0], [0, 7, 0], [0, 0, 0]])
    tables = [small, full, absent, predicted_only, never_predicted, perfect, torch.tensor([[0, 4], [3, 0]])]
    return [{"confusion": table} for table in tables]


MEAN_IOU = Exercise(
    "10.2",
    "Mean IoU",
    difficulty=2,
    minutes=15,
    oracle=semantic.mean_iou,
    cases=matrix_cases,
    hints=(
        "The hits of each class stand on the diagonal; its true pixels are the sum of its row, the predicted ones of "
        "its column. In which of them are the hits twice?",
        "union = row sums + column sums − diagonal. What should happen with a class whose union is 0?",
        "0/0 is NaN, and nanmean leaves NaN out: (hits / union).nanmean(). Work in double.",
    ),
)


@MEAN_IOU.model
def mean_iou(confusion):
    counts = confusion.double()
    hits = counts.diagonal()
    union = counts.sum(1) + counts.sum(0) - hits
    return (hits / union).nanmean()  # 0/0 is a class that is nowhere: it is left out


def _parts(confusion):
    counts = confusion.double()
    return counts.diagonal(), counts.sum(1), counts.sum(0)


@MEAN_IOU.mistake(
    "This looks like an absent class counted as 0. A class that is neither there nor predicted has no IoU; it stays "
    "out of the mean."
)
def absent_is_0(confusion):
    hits, true, predicted = _parts(confusion)
    return (hits / (true + predicted - hits)).nan_to_num(0).mean()


@MEAN_IOU.mistake(
    "This looks like an absent class counted as 1. It would lift the mean of every set with many rare classes; leave "
    "it out."
)
def absent_is_1(confusion):
    hits, true, predicted = _parts(confusion)
    return (hits / (true + predicted - hits)).nan_to_num(1).mean()


@MEAN_IOU.mistake(
    "This looks like a class left out because no pixel is truly of it, though it was predicted. That is a mistake of "
    "the prediction, and its IoU is 0."
)
def forgives_made_up_classes(confusion):
    hits, true, predicted = _parts(confusion)
    return (hits / (true + predicted - hits))[true > 0].mean()


@MEAN_IOU.mistake(
    "This looks like a union that counts the hits twice: they are in the row and in the column. Take them off once."
)
def counts_hits_twice(confusion):
    hits, true, predicted = _parts(confusion)
    return (hits / (true + predicted)).nanmean()


@MEAN_IOU.mistake("This looks like the mean accuracy, hits over true pixels. It forgives whatever is painted too much.")
def gives_mean_accuracy(confusion):
    hits, true, _ = _parts(confusion)
    return (hits / true).nanmean()


@MEAN_IOU.mistake(
    "This looks like all hits over all unions. Then a large class outweighs the small ones; the mean gives each class "
    "the same say."
)
def pools_the_classes(confusion):
    hits, true, predicted = _parts(confusion)
    return hits.sum() / (true + predicted - hits).sum()
