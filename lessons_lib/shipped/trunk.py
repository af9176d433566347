"""The classification trunk: a tiny backbone that learned to say what lies in the middle of a patch of a scene.

As in the lecture, segmentation does not start from nothing: FCN started from VGG-16, trained on ImageNet. This is the
same at the scale of the lessons.
"""

from functools import partial

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset

from lessons_lib.data.objects import no_instances
from lessons_lib.data.sample import Batch, Sample
from lessons_lib.models.backbones import TinyBackbone
from lessons_lib.training.augment import flip
from lessons_lib.training.loop import fit
from lessons_lib.training.sampling import Draws, Loader, step_draws
from lessons_lib.training.schedule import one_cycle

PATCH = 48
"""Pixels per side."""


class Patches(Dataset):
    """Patches as samples: the class of a patch, that of its middle pixel, stands in every pixel of its label map."""

    def __init__(self, patches: UInt8[Tensor, "M 3 S S"], labels: Int64[Tensor, " M"]) -> None:
        self.patches, self.labels = patches, labels

    def __len__(self) -> int:
        return len(self.patches)

    def __getitem__(self, index: int) -> Sample:
        height, width = self.patches.shape[2:]
        label_map = self.labels[index].expand(height, width).clone()
        return Sample(self.patches[index].float() / 255, label_map, no_instances(height, width))


class TrunkClassifier(nn.Module):
    """A trunk, the mean of its c5, and one linear layer."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.backbone = TinyBackbone()
        self.head = nn.Linear(self.backbone.channels["c5"], num_classes)

    def scores(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K"]:
        """A score for each class of each patch."""
        return self.head(self.backbone(images)["c5"].mean((2, 3)))

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """The loss {"cross_entropy": …} of `Patches`."""
        return {"cross_entropy": F.cross_entropy(self.scores(batch.images), batch.label_maps[:, 0, 0])}


def train_trunk(
    patches: Patches, num_classes: int, steps: int, seed: int, batch: int = 64, rate: float = 3e-3
) -> TrunkClassifier:
    """A classifier trained with AdamW under one cycle of the learning rate, on patches of which half are mirrored."""
    torch.manual_seed(seed)
    model = TrunkClassifier(num_classes)
    optimizer = torch.optim.AdamW(model.parameters(), rate, weight_decay=1e-3)
    draws = Draws(patches, seed, partial(flip, size=patches.patches.shape[-1]))
    loader = Loader(draws, step_draws(0, steps, batch))
    for _ in fit(model, loader, optimizer, steps, rate=one_cycle(rate, steps, warm_up=0.3), clip=1.0):
        pass
    return model


@torch.no_grad()
def accuracy(model: TrunkClassifier, patches: UInt8[Tensor, "M 3 S S"], classes: Int64[Tensor, " M"]) -> float:
    """The share of patches whose class is the likeliest."""
    parts = zip(patches.split(256), classes.split(256), strict=True)
    right = [model.scores(part.float() / 255).argmax(1) == truth for part, truth in parts]
    return torch.cat(right).float().mean().item()
