"""Exercises 10.1 and 10.2: a bug about void, and the mean IoU."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.metrics import semantic

# 10.1


def map_cases():
    """Maps with and without void, small ones by hand, one of void alone, void predicted where it is void."""
    generator = torch.Generator().manual_seed(10)

    def labels(*shape, most=3):
        return torch.randint(0, most, shape, generator=generator)

    row = torch.tensor([[0, 0, 1, 2, 255, 255]])
    cases = [
        {"prediction": torch.tensor([[0, 1, 1, 2, 0, 2]]), "target": row, "num_classes": 3},
        {"prediction": torch.tensor([[1, 0]]), "target": torch.tensor([[0, 255]]), "num_classes": 2},
        {"prediction": torch.tensor([[0, 1]]), "target": torch.tensor([[0, 255]]), "num_classes": 2},
        {"prediction": torch.tensor([[0, 1]]), "target": torch.tensor([[0, 0]]), "num_classes": 2},
    ]
    for classes in (2, 3, 5):
        target = labels(5, 4, most=classes)
        target[labels(5, 4, most=4) == 0] = 255
        cases.append({"prediction": labels(5, 4, most=classes), "target": target, "num_classes": classes})
    cases.append({"prediction": labels(4, 6).T, "target": labels(6, 4), "num_classes": 3})
    cases.append({"prediction": labels(2, 2), "target": torch.full((2, 2), 255), "num_classes": 3})
    cases.append({"prediction": row, "target": row, "num_classes": 4})
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


@CONFUSION.mistake(
    "This looks like the bug itself: void counted as class 0. Every border pixel is then ground, and a network that "
    "predicts the object there is punished for it; where it predicts 255 at void, the function even fails."
)
def the_bug_as_printed(prediction, target, num_classes):
    target = torch.where(target == 255, 0, target)
    cells = target * num_classes + prediction
    return torch.bincount(cells.flatten(), minlength=num_classes**2).reshape(num_classes, num_classes)


@CONFUSION.mistake(
    "This looks like bincount without its minlength: the list ends at the largest cell that occurs, and cannot be "
    "reshaped where the last cells are empty."
)
def forgets_the_empty_cells(prediction, target, num_classes):
    counts = target != 255
    return torch.bincount(target[counts] * num_classes + prediction[counts]).reshape(num_classes, num_classes)


@CONFUSION.flags(
    ground="This looks like void counted as class 0. Every border pixel is then ground, and a network that predicts "
    "the object there is punished for it.",
    last="This looks like void counted as the last class: clamping 255 makes it K − 1. Leave those pixels out.",
    right="This looks like void counted as right, whatever is predicted there. It does not count at all.",
    extra="This looks like void as one class more. It is no class: the matrix has K rows and columns.",
    drops_ground="This looks like class 0 left out together with void. The ground is a class as any other; only 255 is "
    "no class.",
    transposed="This looks like the transpose: the true class is the row, the predicted one the column. The IoU would "
    "not notice, the mean accuracy would.",
    hits="This looks like the hits alone. A confusion matrix also counts what was taken for what, off its diagonal.",
    yes_or_no="This looks like a mark for each pair that occurs. Count how often it does.",
    shares="This looks like shares of the pixels. The matrix holds counts, so that those of many images can be added.",
)
def wrong_matrix(prediction, target, num_classes, *, ground=False, last=False, right=False, extra=False,
                 drops_ground=False, transposed=False, hits=False, yes_or_no=False, shares=False):  # fmt: skip
    void, classes = target == 255, num_classes + extra
    prediction = torch.where(void & (prediction == 255), num_classes - 1 + extra, prediction)
    target = torch.where(void, 0, target) if ground else torch.where(void, num_classes - 1, target) if last else target
    target = torch.where(void, prediction, target) if right else target
    target = torch.where(void, num_classes, target) if extra else target
    kept = (target != 255) & ~((target == 0) & drops_ground)
    cells = target[kept] * classes + prediction[kept]
    table = torch.bincount(cells, minlength=classes**2).reshape(classes, classes)
    table = table.T if transposed else table
    table = table.diagonal().diag() if hits else table
    table = table.clamp(max=1) if yes_or_no else table
    return table.double() / table.sum() if shares else table


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
    tables = [full, small, torch.tensor([[4, 3], [0, 0]]), torch.tensor([[4, 0], [3, 0]]), absent, predicted_only]
    tables += [never_predicted, perfect, torch.tensor([[0, 4], [3, 0]]), torch.tensor([[3, 0], [0, 0]])]
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


@MEAN_IOU.flags(
    keeps_nan="This looks like NaN for the whole set: an absent class has 0/0, and mean() spreads it. Leave such a "
    "class out, with nanmean or a mask.",
    absent_is_0="This looks like an absent class counted as 0. A class that is neither there nor predicted has no IoU; "
    "it stays out of the mean.",
    absent_is_1="This looks like an absent class counted as 1. It would lift the mean of every set with many rare "
    "classes; leave it out.",
    forgives_made_up="This looks like a class left out because no pixel is truly of it, though it was predicted. That "
    "is a mistake of the prediction, and its IoU is 0.",
    forgives_missed="This looks like a class left out because it was never predicted, though it is there. That is the "
    "worst that can happen to it, and its IoU is 0.",
    forgives_zeros="This looks like every class of IoU 0 left out. Only one that is neither there nor predicted has no "
    "IoU.",
    without_ground="This looks like class 0 left out. The ground is a class as any other.",
    hits_twice="This looks like a union that counts the hits twice: they are in the row and in the column. Take them "
    "off once.",
    rows_twice="This looks like the row sums taken twice. The predicted pixels of a class are the sum of its column.",
    accuracy="This looks like the mean accuracy, hits over true pixels. It forgives whatever is painted too much.",
    precision="This looks like hits over predicted pixels, the mean precision. It forgives whatever was missed; the "
    "union has both.",
    dice="This looks like Dice, 2 · hits over the true and the predicted pixels. IoU divides by the union.",
    pooled="This looks like all hits over all unions. Then a large class outweighs the small ones; the mean gives each "
    "class the same say.",
    weighted="This looks like the frequency-weighted IoU, in which a common class counts more. In mIoU all count the "
    "same.",
)
def wrong_miou(confusion, *, keeps_nan=False, absent_is_0=False, absent_is_1=False, forgives_made_up=False,
               forgives_missed=False, forgives_zeros=False, without_ground=False, hits_twice=False, rows_twice=False,
               accuracy=False, precision=False, dice=False, pooled=False, weighted=False):  # fmt: skip
    counts = confusion.double()
    hits, true, predicted = counts.diagonal(), counts.sum(1), counts.sum(0)
    predicted_or_true = true if rows_twice else predicted
    union = true + predicted_or_true - hits * (not (hits_twice or dice))
    union = true if accuracy else predicted if precision else union
    iou = hits * (1 + dice) / union
    kept = ~iou.isnan() | keeps_nan | absent_is_0 | absent_is_1
    kept = kept & ~((true == 0) & forgives_made_up) & ~((predicted == 0) & forgives_missed)
    kept = kept & ~((hits == 0) & forgives_zeros) & ((torch.arange(len(hits)) > 0) | (not without_ground))
    iou = iou.nan_to_num(1.0 if absent_is_1 else 0.0) if absent_is_0 or absent_is_1 else iou
    if pooled:
        return hits[kept].sum() * (1 + dice) / union[kept].sum()
    return (iou * true / true.sum())[kept].sum() if weighted else iou[kept].mean()
