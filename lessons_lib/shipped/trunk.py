"""The classification trunk: a tiny backbone that learned to say what lies in the middle of a patch of a scene.

As in the lecture, segmentation does not start from nothing: FCN started from VGG-16, trained on ImageNet. This is the
same at the scale of the lessons.
"""

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from lessons_lib.models.backbones import TinyBackbone

PATCH = 48
"""Pixels a side."""


class TrunkClassifier(nn.Module):
    """A trunk, the mean of its c5, and one linear layer: (B, 3, H, W) to the scores of K classes."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.backbone = TinyBackbone()
        self.head = nn.Linear(self.backbone.channels["c5"], num_classes)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K"]:
        return self.head(self.backbone(images)["c5"].mean((2, 3)))


def train_trunk(
    patches: UInt8[Tensor, "M 3 S S"], classes: Int64[Tensor, " M"], num_classes: int, steps: int, seed: int,
    batch: int = 64, rate: float = 3e-3,
) -> TrunkClassifier:  # fmt: skip
    """A classifier trained with AdamW under one cycle of the learning rate, on patches of which half are mirrored."""
    torch.manual_seed(seed)
    model = TrunkClassifier(num_classes)
    optimizer = torch.optim.AdamW(model.parameters(), rate, weight_decay=1e-3)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    for _ in range(steps):
        chosen = torch.randint(len(patches), (batch,))
        images = patches[chosen].float() / 255
        images = torch.where(torch.rand(batch, 1, 1, 1) < 0.5, images.flip(3), images)
        optimizer.zero_grad()
        F.cross_entropy(model(images), classes[chosen]).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        cycle.step()
    return model


@torch.no_grad()
def accuracy(model: TrunkClassifier, patches: UInt8[Tensor, "M 3 S S"], classes: Int64[Tensor, " M"]) -> float:
    """The share of patches whose class is the likeliest."""
    parts = zip(patches.split(256), classes.split(256), strict=True)
    right = [model(part.float() / 255).argmax(1) == truth for part, truth in parts]
    return torch.cat(right).float().mean().item()
