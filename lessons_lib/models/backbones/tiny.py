"""The tiny backbone of the lessons: five 3 × 3 convolutions with ReLU, as plain as VGG, nothing that looks farther."""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lessons_lib.models.backbones.backbone import Backbone
from lessons_lib.models.backbones.normalisation import Normalisation
from lessons_lib.models.backbones.strides import plan_stages
from lessons_lib.ops.grid import PIXELS

CHANNELS = (16, 24, 48, 80, 96)
WIDE_CHANNELS = (24, 40, 72, 120, 160)
"""Of the maps of the tiny backbone, and of the wide one, c1 to c5."""

GROUPS = 8
"""Groups of channels that a GroupNorm layer of a tiny decoder normalises together."""


class TinyBackbone(Backbone):
    """A backbone for lessons: five maps at strides 2, 4, 8, 16 and 32, about a hundred thousand parameters.

    The first map comes from one convolution of stride 2. Every later stage pools 2 × 2 and convolves once. There is no
    normalisation layer: one that averages over the image (GroupNorm, InstanceNorm) would show every cell the whole
    image, and the receptive field would be a lie. Weights start as He and others have them for ReLU, biases at zero.
    Nothing is cut off at the borders: where a side is odd, its last pooling window is a smaller one. With an output
    stride of 8 or 16 the last stages do not pool, and their convolutions are dilated instead; the parameters are the
    same. `grids` says where the cells of each map lie in the image.
    """

    def __init__(
        self,
        channels: tuple[int, int, int, int, int] = CHANNELS,
        output_stride: int = 32,
    ) -> None:
        super().__init__()
        plan = plan_stages(output_stride)
        self.channels = dict(zip(plan, channels, strict=True))
        self.strides = {name: stage.total for name, stage in plan.items()}
        self.grids = {"c1": PIXELS.down(3, stride=2, padding=1)}
        self.normalise = Normalisation()
        self.stages = nn.ModuleList([conv_relu(3, channels[0], stride=2)])
        for (before, after), (below, name) in zip(pairwise(channels), pairwise(plan), strict=True):
            stage = plan[name]
            self.grids[name] = self.grids[below].down(stage.stride, stage.stride)
            pool = Pool() if stage.stride == 2 else nn.Identity()
            self.stages.append(nn.Sequential(pool, conv_relu(before, after, dilation=stage.dilation)))

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> dict[str, Float[Tensor, "B _ _ _"]]:
        """Maps c1 to c5 of images in [0, 1]; a map of stride s has ⌈H / s⌉ × ⌈W / s⌉ cells."""
        x = self.normalise(images)
        maps = {}
        for name, stage in zip(self.channels, self.stages, strict=True):
            maps[name] = x = stage(x)
        return maps


class Pool(nn.MaxPool2d):
    """The maxima of 2 × 2 cells, as `nn.MaxPool2d` gives them, computed with the channels of a cell side by side.

    So a processor compares many channels at once: a tenth of the time, with the same numbers and the same gradients.
    """

    def __init__(self) -> None:
        super().__init__(2, ceil_mode=True)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C h w"]:
        pooled = super().forward(x.contiguous(memory_format=torch.channels_last))
        return pooled.contiguous() if x.is_contiguous() else pooled


def conv_relu(c_in: int, c_out: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """A 3 × 3 convolution that keeps the size (or halves it) and ReLU; outputs start with the variance that came in."""
    convolution = nn.Conv2d(c_in, c_out, 3, stride, padding=dilation, dilation=dilation)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    nn.init.zeros_(convolution.get_parameter("bias"))
    return nn.Sequential(convolution, nn.ReLU())


def conv_norm_relu(c_in: int, c_out: int) -> nn.Sequential:
    """A 3 × 3 convolution that keeps the size, GroupNorm and ReLU: for decoders, which see the image whole."""
    convolution = nn.Conv2d(c_in, c_out, 3, padding=1, bias=False)
    return nn.Sequential(convolution, nn.GroupNorm(GROUPS, c_out), nn.ReLU())
