"""Normalisation: images in [0, 1] become numbers around 0, as backbones that were trained on ImageNet expect them."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Normalisation(nn.Module):
    """Subtracts ImageNet's mean colour and divides by its standard deviation, for red, green and blue.

    The constants are those of torchvision's ImageNet presets. They are buffers, so they follow the model to its
    device, and they stay out of the state dict, which holds what was learned.
    """

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1), persistent=False)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H W"]:
        return (images - self.mean) / self.std
