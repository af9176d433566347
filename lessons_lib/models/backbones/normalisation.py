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


class BatchNorm(nn.BatchNorm2d):
    """BatchNorm2d, that takes less once it is frozen (in eval mode, its weights without gradient).

    Then it is a factor and a shift for each channel, and no map is kept for backward. torch's own keeps one.
    """

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        if self.training or self.weight.requires_grad:
            return super().forward(x)
        assert self.running_mean is not None and self.running_var is not None
        factor = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * factor
        factor, shift = (row.to(x.dtype)[:, None, None] for row in (factor, shift))
        return torch.addcmul(shift, x, factor)
