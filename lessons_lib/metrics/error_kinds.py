"""What a detector's mistakes are: the most confident detections, as many as there are objects, sorted by kind.

After Hoiem, Chodpathumwan and Dai, "Diagnosing Error in Object Detectors" (ECCV 2012), whose similar classes are here
all other classes, and with a kind for double detections as in TIDE (Bolya et al., arXiv:2008.08115).
"""

from collections import Counter

import torch
from jaxtyping import Float64
from torch import Tensor

from lessons_lib.data.sample import Instances
from lessons_lib.ops.boxes import pairwise_box_iou
from lessons_lib.ops.masks import pairwise_mask_iou

KINDS = ("right", "badly localised", "wrong class", "double", "background")
"""What a detection can be; beside them there are missed objects."""

ENOUGH, SOME = 0.5, 0.1
"""The IoU from which a detection is of an object, and from which it at least touches one."""


class ErrorKinds:
    """Collects images, then counts the kinds; `kind` is "mask" or "box", what the IoU is taken of.

    >>> box, other = torch.tensor([[0.0, 0, 4, 4]]), torch.tensor([2])
    >>> kinds = ErrorKinds("box")
    >>> kinds.update(Instances(box, other, None, torch.tensor([0.9])), Instances(box, torch.tensor([1]), None))
    >>> kinds.compute()["wrong class"], kinds.compute()["missed"]
    (1.0, 1.0)
    """

    def __init__(self, kind: str = "mask"):
        if kind not in ("mask", "box"):
            raise ValueError(f"kind must be 'mask' or 'box', got {kind!r}")
        self.kind = kind
        self.found: list[tuple[float, str]] = []  # the confidence and kind of each detection
        self.objects = 0

    def update(self, prediction: Instances, target: Instances) -> None:
        """Add one image; ValueError for a prediction without scores. What lies on a crowd of its class is left out."""
        if prediction.scores is None:
            raise ValueError("prediction must have scores, got None")
        crowd = target.is_crowd
        if crowd is None:
            crowd = torch.zeros(len(target), dtype=torch.bool, device=target.labels.device)
        if self.kind == "mask":
            iou = pairwise_mask_iou(prediction.known_masks, target.known_masks, crowd)
        else:
            iou = pairwise_box_iou(prediction.boxes.double(), target.boxes.double(), crowd)
        same = prediction.labels[:, None] == target.labels[None, :]
        kinds = kinds_of(iou.cpu(), same.cpu(), prediction.scores.cpu(), crowd.cpu())
        scores = prediction.scores.tolist()
        self.found += [(score, kind) for score, kind in zip(scores, kinds, strict=True) if kind is not None]
        self.objects += int((~crowd).sum())

    def merge(self, other: "ErrorKinds") -> None:
        """Add what `other` has counted, for example in another process, after one's own."""
        if not isinstance(other, ErrorKinds) or other.kind != self.kind:
            got = f"kind {other.kind!r}" if isinstance(other, ErrorKinds) else repr(other)
            raise ValueError(f"other must be ErrorKinds of kind {self.kind!r}, got {got}")
        self.found += other.found
        self.objects += other.objects

    def compute(self) -> dict[str, float]:
        """The share of each kind and of missed objects, of the number of objects; all 0 where there are none."""
        ranked = sorted(self.found, key=lambda entry: -entry[0])[: self.objects]
        counts = Counter(kind for _, kind in ranked)
        shares = {kind: counts[kind] / max(1, self.objects) for kind in KINDS}
        return {**shares, "missed": (1 - shares["right"]) if self.objects else 0.0}


def kinds_of(iou: Float64[Tensor, "P G"], same: Tensor, scores: Tensor, crowd: Tensor) -> list[str | None]:
    """The kind of each detection of one image; None for one that lies on a crowd of its class.

    The more confident ones choose first: each takes the free object of its class that it overlaps most.
    """
    kinds: list[str | None] = [None] * len(iou)
    free = ~crowd
    for place in scores.argsort(descending=True, stable=True).tolist():
        own, others = iou[place] * same[place], iou[place] * ~same[place] * ~crowd
        if (own[free] >= ENOUGH).any():
            kinds[place] = "right"
            free = free.clone()
            free[int((own * free).argmax())] = False
        elif (own[~crowd] >= ENOUGH).any():
            kinds[place] = "double"
        elif (own[crowd] >= ENOUGH).any():
            continue
        elif (others >= ENOUGH).any():
            kinds[place] = "wrong class"
        else:
            kinds[place] = "badly localised" if (own[~crowd] >= SOME).any() else "background"
    return kinds
