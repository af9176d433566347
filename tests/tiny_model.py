"""The smallest model that keeps the contract of the semantic ones, for tests of what surrounds a model."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lessons_lib.data.sample import VOID, Batch


class TinyModel(nn.Module):
    """A 3 × 3 convolution to a few channels, dropout, and a 1 × 1 convolution to the classes."""

    def __init__(self, num_classes: int = 11, width: int = 8, dropout: float = 0.0):
        super().__init__()
        self.features = nn.Conv2d(3, width, 3, padding=1)
        self.dropout = nn.Dropout(dropout)
        self.score = nn.Conv2d(width, num_classes, 1)

    def logits(self, images: Tensor) -> Tensor:
        return self.score(self.dropout(self.features(images).relu()))

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        logits = self.logits(batch.images)
        return {"cross_entropy": F.cross_entropy(logits.float(), batch.label_maps, ignore_index=VOID)}

    @torch.no_grad()
    def predict(self, images: list[Tensor]) -> list[Tensor]:
        mode = self.training
        self.eval()
        answers = [self.logits(image[None])[0].argmax(0) for image in images]
        self.train(mode)
        return answers
