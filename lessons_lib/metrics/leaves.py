"""Counting leaves: the scores of the leaf segmentation challenge, and what a sequence of masks adds to them.

Of two sets of masks A and B, with Dice(a, b) = 2·|a ∩ b| / (|a| + |b|),

    BestDice(A, B) = mean over a in A of the largest Dice(a, b) over b in B
    SBD(A, B) = min(BestDice(A, B), BestDice(B, A)).

One mask of B may be the best of several of A; the smaller direction punishes leaves that are missed and leaves that are
invented. DiC is the number of leaves found less the true number (Minervini et al., "Finely-grained annotated datasets
for image-based plant phenotyping", 2016; the challenge's code counts labels and leaves the background out).
"""

import math

from jaxtyping import Bool, Float64
from torch import Tensor

from lessons_lib.data.sample import Instances
from lessons_lib.ops.masks import pairwise_mask_iou


def best_dice(masks: Bool[Tensor, "N H W"], others: Bool[Tensor, "M H W"]) -> float:
    """The mean over `masks` of the largest Dice with one of `others`; 0 without others, NaN without masks.

    >>> best_dice(torch.tensor([[[True, True]], [[False, True]]]), torch.tensor([[[True, True]]]))  # 1 and 2/3
    0.8333333333333333
    """
    return _best_dice(pairwise_mask_iou(masks, others))


def symmetric_best_dice(masks: Bool[Tensor, "N H W"], others: Bool[Tensor, "M H W"]) -> float:
    """SBD: `best_dice` in both directions, the smaller one. Two images without objects agree: 1; one of them: 0.

    >>> whole, half = torch.tensor([[[True, True]]]), torch.tensor([[[True, True]], [[False, True]]])
    >>> symmetric_best_dice(whole, half)  # 1 one way, (1 + 2/3) / 2 the other
    0.8333333333333333
    """
    return _symmetric(pairwise_mask_iou(masks, others))


class LeafScores:
    """Collects the predictions of images, then says how well their objects were drawn and counted, without classes.

    Predictions count in the order of their confidence, which for a recurrent model is the order of its steps.

    >>> box, label, mask = torch.tensor([[0.0, 0, 2, 1]]), torch.tensor([1]), torch.tensor([[[True, True]]])
    >>> leaf = Instances(box, label, mask, scores=torch.ones(1))
    >>> scores = LeafScores()
    >>> scores.update(leaf, leaf)
    >>> scores.compute()["sbd"]
    1.0
    """

    def __init__(self) -> None:
        self.sbd: list[float] = []
        self.differences: list[int] = []
        self.best: list[float] = []
        self.by_step: dict[int, list[float]] = {}

    def update(self, prediction: Instances, target: Instances) -> None:
        """Add one image. Crowds are no objects. ValueError for a prediction without scores, or without masks."""
        if target.is_crowd is not None:
            target = target[~target.is_crowd]
        found, true = prediction.best(len(prediction)).known_masks.cpu(), target.known_masks.cpu()
        iou = pairwise_mask_iou(found, true)
        self.sbd.append(_symmetric(iou))
        self.differences.append(len(found) - len(true))
        if len(true):
            self.best += (iou.amax(0) if len(found) else iou.new_zeros(len(true))).tolist()
            for step, best in enumerate(iou.amax(1).tolist(), start=1):
                self.by_step.setdefault(step, []).append(best)

    def merge(self, other: "LeafScores") -> None:
        """Add the images of `other`, for example from another process, after one's own."""
        if not isinstance(other, LeafScores):
            raise ValueError(f"other must be LeafScores, got {other!r}")
        self.sbd += other.sbd
        self.differences += other.differences
        self.best += other.best
        for step, values in other.by_step.items():
            self.by_step.setdefault(step, []).extend(values)

    def compute(self) -> dict[str, float | dict[int, float]]:
        """The scores by name; NaN where there was nothing to count.

        sbd: the mean over the images. dic, abs_dic: the mean of DiC, and of its size. count_exact: the share of images
        with as many objects found as there are. best_iou: the mean over all true objects of the largest IoU with a
        prediction (the coverage of Ren and Zemel, arXiv:1605.09410). by_step: for the first, second, … prediction of an
        image its largest IoU with an object, the mean over the images with objects that have one.
        """
        return {
            "sbd": _mean(self.sbd),
            "dic": _mean(self.differences),
            "abs_dic": _mean([abs(value) for value in self.differences]),
            "count_exact": _mean([float(value == 0) for value in self.differences]),
            "best_iou": _mean(self.best),
            "by_step": {step: _mean(values) for step, values in sorted(self.by_step.items())},
        }


def _symmetric(iou: Float64[Tensor, "N M"]) -> float:
    if iou.numel() == 0:
        return float(iou.shape[0] == iou.shape[1])
    return min(_best_dice(iou), _best_dice(iou.T))


def _best_dice(iou: Float64[Tensor, "N M"]) -> float:
    """As IoU = o / u, Dice = 2·o / (u + o) = 2·IoU / (1 + IoU), which grows with it: the best stays the best."""
    if iou.shape[1] == 0:
        return 0.0 if iou.shape[0] else math.nan
    best = iou.amax(1)
    return (2 * best / (1 + best)).mean().item()


def _mean(values: list[float] | list[int]) -> float:
    return math.fsum(values) / len(values) if values else math.nan
