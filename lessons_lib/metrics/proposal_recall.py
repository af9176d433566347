"""Recall of proposals: which share of the objects lies under one of the first N boxes that a detector proposes.

What no proposal covers the rest of the detector can never find; what a thousand cover and thirty do not is lost by
keeping thirty. So the recall against N says whether a missed object was missed by the RPN or after it.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from lessons_lib.data.sample import Instances
from lessons_lib.metrics.detection_matching import match_pairs
from lessons_lib.metrics.detection_pairs import Picture, paired
from lessons_lib.ops.boxes import check_boxes, pairwise_box_iou
from lessons_lib.ops.masks import pairwise_mask_iou

COUNTS = (10, 50, 100, 300, 1000)
"""The numbers of proposals that recall is measured at."""


class ProposalRecall:
    """Collects the proposals of images, then computes the recall at `counts` of all; classes and sizes play no part.

    `kind` is "box" or "mask", what proposals are and what the IoU is taken of.

    COCO's rules (AR of the COCO API without categories): proposals take their turn, best first, each takes the object
    of highest IoU that is still free, and crowds are no objects. ValueError for counts that are not ascending and ≥ 1,
    and for another kind.

    >>> recall = ProposalRecall(counts=(1, 2))
    >>> box, label = torch.tensor([[0.0, 0, 4, 4]]), torch.tensor([1])
    >>> boxes = torch.tensor([[0.0, 0, 1, 1], [0.0, 0, 4, 3]])  # of IoU 1/16 and 3/4
    >>> recall.update(boxes, Instances(box, label, None))
    >>> recall.compute()["recall50"]
    {1: 0.0, 2: 1.0}
    """

    def __init__(self, counts: Sequence[int] = COUNTS, kind: str = "box"):
        if kind not in ("box", "mask"):
            raise ValueError(f"kind must be 'box' or 'mask', got {kind!r}")
        self.counts, self.kind = tuple(counts), kind
        if not self.counts or self.counts[0] < 1 or any(a >= b for a, b in pairwise(self.counts)):
            raise ValueError(f"counts must be numbers ≥ 1, ascending, at least one, got {self.counts}")
        self.pictures: list[Picture] = []

    def update(self, proposals: Float[Tensor, "P 4"] | Bool[Tensor, "P H W"], target: Instances) -> None:
        """Add one image: its proposals, xyxy boxes or masks, best first, and its objects. ValueError for other ones."""
        crowd = target.is_crowd
        if crowd is None:
            crowd = torch.zeros(len(target), dtype=torch.bool, device=target.labels.device)
        proposals = proposals[: self.counts[-1]].cpu()
        if self.kind == "mask":
            masks = target.known_masks.cpu()
            iou = pairwise_mask_iou(proposals, masks, crowd.cpu())
        else:
            check_boxes("proposals", proposals)
            boxes, objects = proposals.double(), target.boxes.cpu().double()
            iou = pairwise_box_iou(boxes, objects, crowd.cpu())
        rank = (iou >= 0.5).any(1).nonzero()[:, 0]  # the others take no object at any threshold
        same, gt_same = torch.zeros_like(rank), torch.zeros(len(target), dtype=torch.int64, device="cpu")
        # one label and one area for all: neither plays a part
        self.pictures.append(Picture(iou[rank], -rank.double(), same, same, gt_same, gt_same, crowd.cpu()))

    def merge(self, other: "ProposalRecall") -> None:
        """Add the images of `other`, for example from another process, after one's own."""
        own = f"{self.kind} with counts {self.counts}"
        got = f"{other.kind} with counts {other.counts}" if isinstance(other, ProposalRecall) else repr(other)
        if got != own:
            raise ValueError(f"other must be ProposalRecall of kind {own}, got {got}")
        self.pictures += other.pictures

    def compute(self) -> dict[str, dict[int, float]]:
        """{"recall50": recall at IoU 0.5 by the number of proposals, "recall": its mean over IoU 0.5, 0.55, …, 0.95}.

        Where an image has fewer proposals, all of them count. NaN where there is no object.
        """
        objects = sum(int((~picture.is_crowd).sum()) for picture in self.pictures)
        if objects == 0:
            return {name: dict.fromkeys(self.counts, float("nan")) for name in ("recall50", "recall")}
        pairs = paired(self.pictures, self.counts[-1])
        hits = match_pairs(pairs)[0][0]  # (T, n), of objects of any size
        rank = -pairs.scores
        found = {count: (hits & (rank < count)).sum(1).double() / objects for count in self.counts}
        first = {count: values[0].item() for count, values in found.items()}
        return {"recall50": first, "recall": {count: values.mean().item() for count, values in found.items()}}
