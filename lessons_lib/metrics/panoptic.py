"""Panoptic quality: one number for stuff and things, PQ = SQ × RQ.

In a panoptic map every pixel belongs to one segment, a thing or all of one stuff class, or to none (void). A predicted
and a true segment of the same class match where their IoU exceeds one half, which can hold for one pair at most. For
each class (Kirillov et al., "Panoptic Segmentation", CVPR 2019, section 4):

    SQ = Σ IoU of matches / TP    RQ = TP / (TP + FP/2 + FN/2)    PQ = SQ · RQ

then the mean over the classes that have anything to count. Void and crowds as in the authors' code: the predicted
pixels over void stay out of a union; a segment with more than half of its pixels over void and crowds of its class is
no false positive; a crowd is neither matched nor missed.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from lessons_lib.checks import checked_int
from lessons_lib.data.sample import VOID, Instances
from lessons_lib.ops.boxes import check_crowd


@dataclass(frozen=True, eq=False)
class Panoptic:
    """A panoptic map: `ids` (H, W) holds 0 for void, i for segment i; `labels` (N,) the class of the segments 1 to N.

    is_crowd (N,) marks regions of many objects, on ground truth. ValueError for ids that are not in 0 to N, or fields
    of the wrong kind.
    """

    ids: Int64[Tensor, "H W"]
    labels: Int64[Tensor, " N"]
    is_crowd: Bool[Tensor, " N"] | None = None

    def __post_init__(self) -> None:
        for name, value, dims in (("ids", self.ids, 2), ("labels", self.labels, 1)):
            if not isinstance(value, Tensor) or value.dtype != torch.int64 or value.dim() != dims:
                got = f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
                raise ValueError(f"{name} must be an int64 tensor with {dims} dimensions, got {got}")
        count = len(self.labels)
        if self.ids.numel() and not 0 <= self.ids.min() <= self.ids.max() <= count:
            low, high = (value.item() for value in self.ids.aminmax())
            raise ValueError(f"ids must be in [0, {count}], as there are {count} labels, got {low} to {high}")
        check_crowd(self.is_crowd, count)


def panoptic_map(label_map: Int64[Tensor, "H W"], instances: Instances) -> Panoptic:
    """One segment for each instance, and one for each class of the pixels that no instance covers; 255 stays void.

    Of two instances on a pixel the first has it, so predictions belong in falling order of score. An instance that is
    left without pixels has no segment. ValueError for masks of another size than the label map.

    >>> thing = Instances(torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([5]), torch.tensor([[[True, False, False]]]))
    >>> panoptic_map(torch.tensor([[5, 0, 255]]), thing).ids.tolist()
    [[1, 2, 0]]
    """
    if instances.known_masks.shape[1:] != label_map.shape:
        got, want = tuple(instances.known_masks.shape[1:]), tuple(label_map.shape)
        raise ValueError(f"instances must have masks of the label map's size {want}, got {got}")
    ids = torch.zeros_like(label_map)
    labels, crowds = [], []
    crowd = instances.is_crowd if instances.is_crowd is not None else torch.zeros(len(instances), dtype=torch.bool)
    for label, mask, many in zip(instances.labels.tolist(), instances.known_masks, crowd.tolist(), strict=True):
        free = mask & (ids == 0)
        if free.any():
            labels.append(label)
            crowds.append(many)
            ids[free] = len(labels)
    rest = (ids == 0) & (label_map != VOID)
    for label in label_map[rest].unique().tolist():
        labels.append(label)
        crowds.append(False)
        ids[rest & (label_map == label)] = len(labels)
    device = label_map.device
    return Panoptic(
        ids,
        torch.tensor(labels, dtype=torch.int64, device=device),
        torch.tensor(crowds, dtype=torch.bool, device=device),
    )


class PanopticScores:
    """Counts matches, false positives and misses of each class over all images; labels are 0 to num_classes − 1.

    >>> scores, half = PanopticScores(1), Panoptic(torch.tensor([[1, 1, 1, 1]]), torch.tensor([0]))
    >>> scores.update(half, Panoptic(torch.tensor([[1, 1, 1, 0]]), torch.tensor([0])))  # void does not count
    >>> scores.compute()["pq"]
    1.0
    """

    def __init__(self, num_classes: int):
        self.num_classes = checked_int("num_classes", num_classes, 1)
        self.iou = torch.zeros(num_classes, dtype=torch.float64)
        self.counts = torch.zeros(3, num_classes, dtype=torch.int64)  # TP, FP, FN

    def update(self, prediction: Panoptic, target: Panoptic) -> None:
        """Count one image; ValueError for maps of different sizes, or a label outside 0 to num_classes − 1."""
        if prediction.ids.shape != target.ids.shape:
            got, want = tuple(prediction.ids.shape), tuple(target.ids.shape)
            raise ValueError(f"prediction must have the target's size {want}, got {got}")
        for name, labels in (("prediction", prediction.labels), ("target", target.labels)):
            if len(labels) and not 0 <= labels.min() <= labels.max() < self.num_classes:
                bad = labels[(labels < 0) | (labels >= self.num_classes)][0].item()
                raise ValueError(f"{name} must have labels in [0, {self.num_classes - 1}], got {bad}")
        crowd = torch.zeros_like(target.labels, dtype=torch.bool) if target.is_crowd is None else target.is_crowd
        crowd, labels, gt_labels = crowd.cpu(), prediction.labels.cpu(), target.labels.cpu()
        overlap = _overlaps(prediction.ids, target.ids, len(labels), len(gt_labels))  # row and column 0 are void
        areas, gt_areas = overlap.sum(1)[1:], overlap.sum(0)[1:]
        over_void, shared = overlap[1:, 0], overlap[1:, 1:]
        same = labels[:, None] == gt_labels
        union = areas[:, None] + gt_areas - shared - over_void[:, None]
        iou = shared.double() / union.clamp(min=1)
        match = same & ~crowd & (iou > 0.5)
        excused = over_void + (shared * (same & crowd)).sum(1)
        wrong = ~match.any(1) & (areas > 0) & (2 * excused <= areas)
        missed = ~match.any(0) & (gt_areas > 0) & ~crowd
        rows, columns = match.nonzero(as_tuple=True)
        self.iou.index_add_(0, labels[rows], iou[rows, columns])
        for row, found in enumerate((labels[rows], labels[wrong], gt_labels[missed])):
            self.counts[row] += torch.bincount(found, minlength=self.num_classes)

    def merge(self, other: "PanopticScores") -> None:
        """Add what `other` has counted, for example in another process."""
        if not isinstance(other, PanopticScores) or other.num_classes != self.num_classes:
            got = f"{other.num_classes} classes" if isinstance(other, PanopticScores) else repr(other)
            raise ValueError(f"other must be PanopticScores of {self.num_classes} classes, got {got}")
        self.iou += other.iou
        self.counts += other.counts

    def compute(self) -> dict[str, float | Float64[Tensor, " K"]]:
        """pq, sq and rq, the means over the classes with anything to count, and class_pq, class_sq, class_rq (K,).

        NaN for a class with nothing to count; the SQ of a class without a match is 0. PQ = SQ · RQ holds for each
        class, and not for the means.
        """
        hits, wrong, missed = self.counts.double()
        rq = hits / (hits + wrong / 2 + missed / 2)
        sq = torch.where(rq.isnan(), rq, self.iou / hits.clamp(min=1))
        values = {"pq": sq * rq, "sq": sq, "rq": rq}
        means = {name: value.nanmean().item() for name, value in values.items()}
        return {**means, **{f"class_{name}": value for name, value in values.items()}}


def _overlaps(ids: Int64[Tensor, "H W"], gt_ids: Int64[Tensor, "H W"], count: int, gt_count: int) -> Tensor:
    """Pixels that each predicted segment shares with each true one (count + 1, gt_count + 1), 0 being void."""
    cells = torch.bincount((ids * (gt_count + 1) + gt_ids).flatten(), minlength=(count + 1) * (gt_count + 1))
    return cells.reshape(count + 1, gt_count + 1).cpu()
