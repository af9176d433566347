"""Boundary F, precision and recall of label maps, and the recall of thin objects.

A pixel is on a boundary where one of its four neighbours has another class; the frame of the image makes none. A
predicted boundary pixel is right where a true boundary pixel of the same class lies within `tolerance` pixels
(straight-line distance), and a true one is found in the same way. All classes and images are counted together:

    precision = right / predicted    recall = found / true    F = 2 · precision · recall / (precision + recall)

This is the boundary measure of Csurka, Larlus and Perronnin ("What is a good evaluation measure for semantic
segmentation?", BMVC 2013, section 2.2) except that they take the mean over classes and images, where a class of
three pixels counts as much as the largest.

Void has no class, so it makes no boundary; and since a true boundary may run inside of it, a predicted one within
tolerance + 1 pixels of void can be neither right nor wrong: precision leaves it out. How much was left out is
counted too, as "boundary_left_out". Where it is large, as with datasets that draw void around every object, the scores
speak of the few boundaries that remain: scenes are best judged with `void_border=False`.
"""

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from lessons_lib.checks import checked_int
from lessons_lib.data.sample import VOID
from lessons_lib.metrics.semantic import check_label_maps


class BoundaryScores:
    """Counts boundary pixels over all images; `tolerance` is in pixels, ≥ 0, 1 being for images of about 96.

    >>> scores, halves = BoundaryScores(), torch.tensor([[0, 0, 1, 1]])
    >>> scores.update(halves, halves)
    >>> scores.compute()["boundary_f"]
    1.0
    """

    def __init__(self, tolerance: int = 1):
        self.tolerance = checked_int("tolerance", tolerance, 0)
        self.right = self.predicted = self.left_out = self.found = self.true = 0

    def update(self, prediction: Int64[Tensor, "H W"], target: Int64[Tensor, "H W"]) -> None:
        """Count one image; 255 in the target is void, any other label a class.

        ValueError for maps that are not int64, not (H, W), or of different shapes.
        """
        check_label_maps(prediction, target)
        if target.dim() != 2:
            raise ValueError(f"target must be (H, W), got {tuple(target.shape)}")
        void = target == VOID
        truth, claim = boundary_pixels(target, void), boundary_pixels(prediction, torch.zeros_like(void))
        judged = claim & ~_within(void, self.tolerance + 1)
        self.right += int((judged & _near(prediction, target, truth, self.tolerance)).sum())
        self.predicted += int(judged.sum())
        self.left_out += int((claim & ~judged).sum())
        self.found += int((truth & _near(target, prediction, claim, self.tolerance)).sum())
        self.true += int(truth.sum())

    def merge(self, other: "BoundaryScores") -> None:
        """Add what `other` has counted with the same tolerance, for example in another process."""
        if not isinstance(other, BoundaryScores) or other.tolerance != self.tolerance:
            got = f"tolerance {other.tolerance}" if isinstance(other, BoundaryScores) else repr(other)
            raise ValueError(f"other must be BoundaryScores of tolerance {self.tolerance}, got {got}")
        for name in ("right", "predicted", "left_out", "found", "true"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def compute(self) -> dict[str, float]:
        """boundary_f, boundary_precision, boundary_recall, and boundary_left_out, the share of predicted boundary
        pixels that void left unjudged.

        Precision is NaN where no predicted boundary was judged, recall where none is true. F is then 0, since all of
        the others' are missed or made up; but it is NaN where there is nothing of both, or void left out all.
        """
        precision, recall = _ratio(self.right, self.predicted), _ratio(self.found, self.true)
        if self.right and self.found:
            f = 2 * precision * recall / (precision + recall)
        else:
            f = 0.0 if self.predicted or (self.true and not self.left_out) else float("nan")
        left_out = _ratio(self.left_out, self.left_out + self.predicted)
        values = {"f": f, "precision": precision, "recall": recall, "left_out": left_out}
        return {f"boundary_{name}": value for name, value in values.items()}


class ThinRecall:
    """The share of the pixels of thin objects, those with one of the true `labels`, that are predicted as such.

    All pixels of all images are counted together. Recall alone would praise who paints everything as a ring: read it
    beside mIoU. ValueError for no labels, or labels that are not in [0, 254].

    >>> scores = ThinRecall(labels=(1,))
    >>> scores.update(torch.tensor([1, 0]), torch.tensor([1, 1]))
    >>> scores.compute()
    {'thin_recall': 0.5}
    """

    def __init__(self, labels: tuple[int, ...]):
        self.labels = tuple(checked_int("labels", label, 0) for label in labels)
        if not self.labels or max(self.labels) >= VOID:
            raise ValueError(f"labels must be one or more in [0, {VOID - 1}], got {self.labels}")
        self.found = self.true = 0

    def update(self, prediction: Int64[Tensor, "*HW"], target: Int64[Tensor, "*HW"]) -> None:
        """Count one image, or several of one size; ValueError for maps that are not int64 or of different shapes."""
        check_label_maps(prediction, target)
        thin = torch.isin(target, torch.tensor(self.labels, device=target.device))
        self.found += int((thin & (prediction == target)).sum())
        self.true += int(thin.sum())

    def merge(self, other: "ThinRecall") -> None:
        """Add what `other` has counted of the same labels, for example in another process."""
        if not isinstance(other, ThinRecall) or set(other.labels) != set(self.labels):
            got = f"labels {other.labels}" if isinstance(other, ThinRecall) else repr(other)
            raise ValueError(f"other must be ThinRecall of labels {self.labels}, got {got}")
        self.found, self.true = self.found + other.found, self.true + other.true

    def compute(self) -> dict[str, float]:
        """thin_recall; NaN where no image had a thin object."""
        return {"thin_recall": _ratio(self.found, self.true)}


def boundary_pixels(labels: Int64[Tensor, "H W"], void: Bool[Tensor, "H W"]) -> Bool[Tensor, "H W"]:
    """Pixels with one of four neighbours of another class; void pixels are no boundary and make none.

    >>> boundary_pixels(torch.tensor([[0, 0, 1]]), torch.zeros(1, 3, dtype=torch.bool)).tolist()
    [[False, True, True]]
    """
    found = torch.zeros_like(void)
    for one, other in (((slice(1, None),), (slice(-1),)), ((slice(None), slice(1, None)), (slice(None), slice(-1)))):
        differ = (labels[one] != labels[other]) & ~void[one] & ~void[other]
        found[one] |= differ
        found[other] |= differ
    return found


def _near(
    labels: Int64[Tensor, "H W"], others: Int64[Tensor, "H W"], boundary: Bool[Tensor, "H W"], distance: int
) -> Bool[Tensor, "H W"]:
    """Pixels of one map that have a pixel of the same class on the other's `boundary` within `distance`."""
    met = torch.zeros_like(boundary)
    for here, there in _shifts(distance, labels.shape):
        met[here] |= (labels[here] == others[there]) & boundary[there]
    return met


def _within(mask: Bool[Tensor, "H W"], distance: int) -> Bool[Tensor, "H W"]:
    """Pixels within `distance` of a pixel of the mask."""
    near = torch.zeros_like(mask)
    if mask.any():
        for here, there in _shifts(distance, mask.shape):
            near[here] |= mask[there]
    return near


def _shifts(distance: int, shape: torch.Size) -> list[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """Slices (here, there) that lay a map over itself, moved by every step of length ≤ distance that stays inside."""
    reach = range(-distance, distance + 1)
    steps = [(dy, dx) for dy in reach for dx in reach if dy * dy + dx * dx <= distance * distance]
    steps = [(dy, dx) for dy, dx in steps if abs(dy) < shape[0] and abs(dx) < shape[1]]
    return [((_ahead(-dy), _ahead(-dx)), (_ahead(dy), _ahead(dx))) for dy, dx in steps]


def _ahead(step: int) -> slice:
    """Positions from `step` on, or up to −step before the end."""
    return slice(step, None) if step >= 0 else slice(None, step)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
