"""Semantic scores: one confusion matrix over all images; pixel accuracy, mean accuracy, mIoU, fwIoU from it.

With n_ij pixels of class i that are predicted as j, and t_i = Σ_j n_ij (Long, Shelhamer and Darrell, "Fully
Convolutional Networks for Semantic Segmentation", CVPR 2015, section 5):

    pixel accuracy  Σ n_ii / Σ t_i                  mean accuracy  mean of n_ii / t_i
    IoU of class i  n_ii / (t_i + Σ_j n_ji − n_ii)  mIoU           mean of the IoU
                                                    fwIoU          Σ (t_i / Σ t) IoU_i

A class that no pixel has, in truth or prediction, has no IoU (NaN) and stays out of the mean; one that is only
predicted has IoU 0. The accuracies leave out the classes without a true pixel.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from lessons_lib.checks import checked_int
from lessons_lib.data.sample import VOID


class SemanticScores:
    """Counts pixels over all images into `confusion` (K, K), rows true and columns predicted; divides at the end.

    Labels are 0 to num_classes − 1; 255 in the target is void. ValueError for fewer than 1 or more than 255 classes.

    >>> scores = SemanticScores(num_classes=2)
    >>> scores.update(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]))  # class 0: 1 of 2, class 1: 1 of 2
    >>> scores.compute()["miou"]
    0.5
    """

    def __init__(self, num_classes: int):
        self.confusion = torch.zeros(2 * (_checked_classes(num_classes),), dtype=torch.int64)

    def update(self, prediction: Int64[Tensor, "*HW"], target: Int64[Tensor, "*HW"]) -> None:
        """Count one image, or several of one size; the errors are those of `confusion_matrix`."""
        self.confusion += confusion_matrix(prediction, target, len(self.confusion)).cpu()

    def merge(self, other: "SemanticScores") -> None:
        """Add what `other` has counted, for example in another process."""
        if not isinstance(other, SemanticScores) or len(other.confusion) != len(self.confusion):
            got = f"{len(other.confusion)} classes" if isinstance(other, SemanticScores) else repr(other)
            raise ValueError(f"other must be SemanticScores of {len(self.confusion)} classes, got {got}")
        self.confusion += other.confusion

    def compute(self) -> dict[str, float | Tensor]:
        """pixel_accuracy, mean_accuracy, miou, fwiou as floats, and iou (K,) in float64; NaN where nothing counts."""
        return {
            "pixel_accuracy": pixel_accuracy(self.confusion).item(),
            "mean_accuracy": mean_accuracy(self.confusion).item(),
            "miou": mean_iou(self.confusion).item(),
            "fwiou": frequency_weighted_iou(self.confusion).item(),
            "iou": class_iou(self.confusion),
        }


def confusion_matrix(
    prediction: Int64[Tensor, "*HW"], target: Int64[Tensor, "*HW"], num_classes: int
) -> Int64[Tensor, "K K"]:
    """Pixels of every true class (row) that were predicted as every class (column); void pixels are not counted,
    whatever is predicted there.

    ValueError for label maps that do not fit each other, a target outside 0 to K − 1 that is not void, or a
    prediction outside 0 to K − 1 where it counts: such a pixel would be entered in another class's cell.

    >>> confusion_matrix(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 255]), num_classes=2).tolist()
    [[1, 1], [0, 0]]
    """
    classes = _checked_classes(num_classes)
    check_label_maps(prediction, target)
    counts = target != VOID
    predicted, true = prediction[counts], target[counts]
    for name, labels, also in (("target", true, " or 255 for void"), ("prediction", predicted, "")):
        wrong = (labels < 0) | (labels >= classes)
        if wrong.any():
            raise ValueError(f"{name} must be in [0, {classes - 1}]{also}, got {labels[wrong][0].item()}")
    cells = torch.bincount(true * classes + predicted, minlength=classes**2)
    return cells.reshape(classes, classes)


def pixel_accuracy(confusion: Int64[Tensor, "K K"]) -> Float[Tensor, ""]:
    """Σ n_ii / Σ t_i: the share of pixels with the right class; NaN without pixels.

    >>> pixel_accuracy(torch.tensor([[3, 1], [0, 4]])).item()
    0.875
    """
    counts = confusion.double()
    return counts.diagonal().sum() / counts.sum()


def mean_accuracy(confusion: Int64[Tensor, "K K"]) -> Float[Tensor, ""]:
    """The mean of n_ii / t_i over the classes that have a true pixel; NaN without pixels.

    >>> mean_accuracy(torch.tensor([[3, 1], [0, 4]])).item()
    0.875
    """
    counts = confusion.double()
    return (counts.diagonal() / counts.sum(1)).nanmean()


def class_iou(confusion: Int64[Tensor, "K K"]) -> Float[Tensor, " K"]:
    """n_ii / (t_i + Σ_j n_ji − n_ii) of each class: NaN for one that is neither there nor predicted.

    >>> class_iou(torch.tensor([[3, 1], [0, 4]])).tolist()
    [0.75, 0.8]
    """
    counts = confusion.double()
    hits = counts.diagonal()
    return hits / (counts.sum(1) + counts.sum(0) - hits)


def mean_iou(confusion: Int64[Tensor, "K K"]) -> Float[Tensor, ""]:
    """The mean IoU of the classes that are there or predicted; NaN without pixels.

    >>> round(mean_iou(torch.tensor([[3, 1], [0, 4]])).item(), 3)
    0.775
    """
    return class_iou(confusion).nanmean()


def frequency_weighted_iou(confusion: Int64[Tensor, "K K"]) -> Float[Tensor, ""]:
    """Σ (t_i / Σ t) IoU_i: each class counts by its true pixels; NaN without pixels.

    >>> round(frequency_weighted_iou(torch.tensor([[3, 1], [0, 4]])).item(), 3)
    0.775
    """
    true = confusion.double().sum(1)
    return torch.where(true > 0, true * class_iou(confusion), 0).sum() / true.sum()


def check_label_maps(prediction: Tensor, target: Tensor) -> None:
    """Both hold int64 labels and have one shape and device, or ValueError says which does not."""
    for name, labels in (("prediction", prediction), ("target", target)):
        if not isinstance(labels, Tensor) or labels.dtype != torch.int64:
            got = labels.dtype if isinstance(labels, Tensor) else repr(labels)
            raise ValueError(f"{name} must be an int64 tensor of labels, got {got}")
    if prediction.shape != target.shape:
        shape, want = tuple(prediction.shape), tuple(target.shape)
        raise ValueError(f"prediction must have the target's shape {want}, got {shape}")
    if prediction.device != target.device:
        raise ValueError(f"prediction must be on {target.device}, as target is, got {prediction.device}")


def _checked_classes(num_classes: int) -> int:
    if checked_int("num_classes", num_classes, 1) > VOID:
        raise ValueError(f"num_classes must be ≤ {VOID}, since {VOID} is void, got {num_classes}")
    return num_classes
