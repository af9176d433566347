"""Connected pieces: the smallest model that finds objects: it cuts what a semantic model predicts into pieces.

Each piece of a class is one object, as sure as its pixels are on average. Two touching objects of a class come out as
one, and an object that another one cuts in two comes out as two: what every other instance model must beat.
"""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from lessons_lib.checks import checked_int
from lessons_lib.data.sample import VOID, Batch, Instances, tight_boxes
from lessons_lib.models.contract import InstanceModel, SemanticModel, pixel_cross_entropy
from lessons_lib.models.semantic.fcn import FCN, fcn_trunk
from lessons_lib.ops.annotations import connected_pieces


class Pieces(InstanceModel):
    """Objects as the connected pieces of what a semantic model calls by one class; class 0 is no object.

    The semantic model learns from the objects' masks, not from the label map: what is no object, such as water, is
    class 0 to it. Crowds and void pixels do not count. `min_area` is the least pixels of a piece that is an object.
    """

    def __init__(self, semantic: SemanticModel, min_area: int = 16) -> None:
        super().__init__()
        self.semantic = semantic
        self.min_area = checked_int("min_area", min_area, 1)

    @property
    def backbone(self) -> Any:
        """The semantic model's trunk, for which ImageNet weights exist."""
        return self.semantic.backbone

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """The loss {"cross_entropy": …}: the mean over the pixels that are neither void nor in a crowd."""
        label_maps = batch.label_maps.clone()
        for b, instances in enumerate(batch.instances):
            height, width = batch.sizes[b].tolist()
            label_maps[b, :height, :width] = painted(instances, label_maps[b, :height, :width] == VOID)
        return {"cross_entropy": pixel_cross_entropy(self.semantic.logits(batch.images), label_maps)}

    def expected_losses(self) -> dict[str, float]:
        """ln K, as of the semantic model."""
        return self.semantic.expected_losses()

    def stages(self, image: Float[Tensor, "3 H W"]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The probabilities (K, H, W) of the classes, the likeliest class of each pixel, and the pieces as objects."""
        probs = self.semantic.logits(image[None])[0].softmax(0)
        yield "semantic", {"probs": probs}
        label_map = probs.argmax(0)
        yield "label_map", {"label_map": label_map}
        yield "detections", {"instances": pieces_of(label_map, probs, self.min_area, self.max_detections)}


def painted(instances: Instances, void: Bool[Tensor, "H W"]) -> Int64[Tensor, "H W"]:
    """A label map of objects alone: their labels where their masks are, 255 in crowds and where `void`, 0 elsewhere.

    Where masks overlap, the later object counts. Raises ValueError for instances without masks.
    """
    if instances.masks is None:
        raise ValueError("instances must have masks to learn pieces from, got boxes alone")
    label_map = void.new_zeros(void.shape, dtype=torch.int64)
    crowds = instances.is_crowd if instances.is_crowd is not None else torch.zeros_like(instances.labels).bool()
    for mask, label, crowd in zip(instances.masks, instances.labels.tolist(), crowds.tolist(), strict=True):
        label_map[mask] = VOID if crowd else label
    label_map[void] = VOID
    return label_map


def pieces_of(
    label_map: Int64[Tensor, "H W"], probs: Float[Tensor, "K H W"], min_area: int = 1, most: int = 100
) -> Instances:
    """Each connected piece of a class from 1 on as an object; its confidence is the mean of `probs` of that class over
    the piece. Pieces of fewer than `min_area` pixels are left out, and of the others all but the `most` confident ones.
    Pixels that touch at a corner are connected."""
    maps, labels, numbers, scores = {}, [], [], []
    for label in label_map.unique().tolist():
        if label:
            maps[label] = connected_pieces((label_map == label).cpu()).to(label_map.device)
            flat = maps[label].flatten()
            areas = torch.bincount(flat)
            means = torch.bincount(flat, probs[label].flatten().double()) / areas.clamp(min=1)
            kept = (areas >= min_area).nonzero()[:, 0]
            kept = kept[kept > 0]  # 0 is what lies outside the class
            labels += [label] * len(kept)
            numbers += kept.tolist()
            scores.append(means[kept].float())
    confidences = torch.cat(scores) if scores else probs.new_zeros(0).float()
    chosen = confidences.argsort(descending=True, stable=True)[:most].sort().values.tolist()
    masks = [maps[labels[i]] == numbers[i] for i in chosen]
    stacked = torch.stack(masks) if masks else label_map.new_zeros(0, *label_map.shape, dtype=torch.bool)
    chosen_labels = label_map.new_tensor([labels[i] for i in chosen], dtype=torch.int64)
    return Instances(tight_boxes(stacked), chosen_labels, stacked, scores=confidences[chosen])


def pieces(num_classes: int, backbone: str = "tiny", *, min_area: int = 16) -> Pieces:
    """The model of that name: the pieces of FCN-8s."""
    return Pieces(FCN(fcn_trunk(backbone), num_classes), min_area)
