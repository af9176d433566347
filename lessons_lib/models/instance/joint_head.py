"""FCIS's head, which has no weights: assembled score maps give class, box and mask of a region by arithmetic alone.

Li et al., "Fully Convolutional Instance-aware Semantic Segmentation" (arXiv:1611.07709), section 3.1 and figure 3.
"""

from jaxtyping import Float, Int64
from torch import Tensor, nn

from lessons_lib.models.instance.rpn import at_least_float32


class JointHead(nn.Module):
    """Classes and boxes of regions from the 2·K + 4 values of each of their cells (see `ScoreMaps`)."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes

    def forward(self, features: Float[Tensor, "B R C P P"]) -> tuple[Float[Tensor, "B R K"], Float[Tensor, "B R 1 4"]]:
        """(logits, deltas): every cell of a region votes, and the mean counts."""
        deltas = at_least_float32(features[:, :, 2 * self.num_classes :]).mean((3, 4))
        return class_logits(pairs_of(features, self.num_classes)), deltas[:, :, None]


def pairs_of(features: Float[Tensor, "*n C P Q"], num_classes: int) -> Float[Tensor, "*n K 2 P Q"]:
    """The score maps among a region's values: of each class first "outside the object", then "inside".

    >>> import torch
    >>> pairs_of(torch.arange(8.0).view(1, 8, 1, 1), num_classes=2).flatten().tolist()  # the last four are the box's
    [0.0, 1.0, 2.0, 3.0]
    """
    scores = at_least_float32(features[..., : 2 * num_classes, :, :])
    return scores.unflatten(-3, (num_classes, 2))


def class_logits(pairs: Float[Tensor, "*n K 2 P Q"]) -> Float[Tensor, "*n K"]:
    """How much a region looks like each class: in every cell the larger of outside and inside, then the mean.

    The larger, since a cell of the object's box speaks for the class with either: as a part of the object, or as the
    ground beside that part. Softmax over the classes comes last, after the mean.

    >>> import torch
    >>> class_logits(torch.tensor([[[[4.0, 0.0]], [[0.0, 2.0]]]]))  # one class: outside 4, 0; inside 0, 2
    tensor([3.])
    """
    return pairs.amax(-3).mean((-2, -1))


def mask_logits(pairs: Float[Tensor, "*n K 2 P Q"]) -> Float[Tensor, "*n K P Q"]:
    """The logit of "inside" in every cell: the softmax over the pair is the sigmoid of inside less outside.

    >>> import torch
    >>> mask_logits(torch.tensor([[[[4.0, 0.0]], [[0.0, 2.0]]]]))
    tensor([[[-4.,  2.]]])
    """
    return pairs[..., 1, :, :] - pairs[..., 0, :, :]


def of_label(maps: Float[Tensor, "*n K P Q"], labels: Int64[Tensor, "*n"]) -> Float[Tensor, "*n P Q"]:
    """Of each region the map of its own class."""
    own = labels[..., None, None, None].expand(*labels.shape, 1, *maps.shape[-2:])
    return maps.gather(-3, own).squeeze(-3)
