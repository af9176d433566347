"""The smallest model that keeps the contract of the semantic ones, for tests of what surrounds a model."""

from torch import Tensor, nn

from lessons_lib.models.contract import SemanticModel


class TinyModel(SemanticModel):
    """A 3 × 3 convolution to a few channels, dropout, and a 1 × 1 convolution to the classes."""

    def __init__(self, num_classes: int = 11, width: int = 8, dropout: float = 0.0):
        super().__init__()
        self.features = nn.Conv2d(3, width, 3, padding=1)
        self.dropout = nn.Dropout(dropout)
        self.score = nn.Conv2d(width, num_classes, 1)

    def logits(self, images: Tensor) -> Tensor:
        return self.score(self.dropout(self.features(images).relu()))
