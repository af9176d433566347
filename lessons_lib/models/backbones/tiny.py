"""The tiny trunk of the lessons: five stages of 3 × 3 convolutions, GroupNorm and ReLU."""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from lessons_lib.grid import PIXELS
from lessons_lib.models.backbones.normalisation import Normalisation
from lessons_lib.models.backbones.strides import plan_stages

GROUPS = 8
"""Groups of channels that a GroupNorm layer of a tiny network normalises together."""


class TinyBackbone(nn.Module):
    """A trunk for lessons: five maps at strides 2, 4, 8, 16 and 32, GroupNorm, about a quarter of a million parameters.

    The first map comes from one convolution of stride 2. Every later stage pools 2 × 2 and convolves `depth` times.
    Nothing is cut off at the borders: where a side is odd, its last pooling window is a smaller one. With an output
    stride of 8 or 16 the last stages do not pool, and their convolutions are dilated instead; the parameters are the
    same. `channels` are multiples of 8. `grids` says where the cells of each map lie in the picture.
    """

    def __init__(
        self,
        channels: tuple[int, int, int, int, int] = (16, 24, 40, 64, 96),
        depth: int = 2,
        output_stride: int = 32,
    ) -> None:
        super().__init__()
        plan = plan_stages(output_stride)
        self.channels = dict(zip(plan, channels, strict=True))
        self.strides = {name: stage.total for name, stage in plan.items()}
        self.grids = {"c1": PIXELS.down(3, stride=2, padding=1)}
        self.normalise = Normalisation()
        self.stages = nn.ModuleList([conv_norm_relu(3, channels[0], stride=2)])
        for (before, after), (below, name) in zip(pairwise(channels), pairwise(plan), strict=True):
            stage = plan[name]
            self.grids[name] = self.grids[below].down(stage.stride, stage.stride)
            pool = nn.MaxPool2d(2, ceil_mode=True) if stage.stride == 2 else nn.Identity()
            layers = [conv_norm_relu(before if i == 0 else after, after, 1, stage.dilation) for i in range(depth)]
            self.stages.append(nn.Sequential(pool, *layers))

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> dict[str, Float[Tensor, "B _ _ _"]]:
        """Maps c1 to c5 of pictures in [0, 1]; a map of stride s has ⌈H / s⌉ × ⌈W / s⌉ cells."""
        x = self.normalise(images)
        maps = {}
        for name, stage in zip(self.channels, self.stages, strict=True):
            maps[name] = x = stage(x)
        return maps


def conv_norm_relu(c_in: int, c_out: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """A 3 × 3 convolution that keeps the size (or halves it), GroupNorm and ReLU."""
    convolution = nn.Conv2d(c_in, c_out, 3, stride, padding=dilation, dilation=dilation, bias=False)
    return nn.Sequential(convolution, nn.GroupNorm(GROUPS, c_out), nn.ReLU())
