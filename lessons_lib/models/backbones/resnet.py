"""ResNet and ResNeXt: residual blocks in four stages, with any of their strides exchanged for dilation."""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from lessons_lib.models.backbones.backbone import Backbone
from lessons_lib.models.backbones.normalisation import BatchNorm, Normalisation
from lessons_lib.models.backbones.strides import Stage, plan_stages
from lessons_lib.ops.grid import PIXELS

WIDTHS = (64, 128, 256, 512)
"""Channels of the 3 × 3 convolutions of the four stages of a ResNet."""


class BasicBlock(nn.Module):
    """Two 3 × 3 convolutions and a shortcut (He et al., "Deep Residual Learning", 2016, figure 5 left).

    The first convolution strides. It still sees the map below, so it has the dilation of before the stride; the second
    has the one of after.
    """

    expansion = 1

    def __init__(self, c_in: int, width: int, stage: Stage, groups: int) -> None:
        super().__init__()
        self.conv1 = _conv3x3(c_in, width, stage.stride, stage.dilation_before, groups)
        self.bn1 = BatchNorm(width)
        self.conv2 = _conv3x3(width, width, 1, stage.dilation, groups)
        self.bn2 = BatchNorm(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(c_in, width, stage.stride)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D h w"]:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class Bottleneck(nn.Module):
    """1 × 1, 3 × 3 and 1 × 1 convolutions and a shortcut (figure 5 right); four times the inner channels leave it.

    The 3 × 3 convolution strides, as in torchvision, and not the first 1 × 1 as in the paper.
    """

    expansion = 4

    def __init__(self, c_in: int, width: int, stage: Stage, groups: int) -> None:
        super().__init__()
        inner = width if groups == 1 else width // 8 * groups  # ResNeXt 32×8d: groups of 8, 16, 32, 64 channels
        self.conv1 = nn.Conv2d(c_in, inner, 1, bias=False)
        self.bn1 = BatchNorm(inner)
        self.conv2 = _conv3x3(inner, inner, stage.stride, stage.dilation_before, groups)
        self.bn2 = BatchNorm(inner)
        self.conv3 = nn.Conv2d(inner, width * self.expansion, 1, bias=False)
        self.bn3 = BatchNorm(width * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(c_in, width * self.expansion, stage.stride)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D h w"]:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class Design(NamedTuple):
    """What tells one network of the family from another."""

    block: type[BasicBlock] | type[Bottleneck]
    depths: tuple[int, int, int, int]
    """Blocks of the four stages."""
    groups: int = 1


DESIGNS = {
    "resnet18": Design(BasicBlock, (2, 2, 2, 2)),
    "resnet50": Design(Bottleneck, (3, 4, 6, 3)),
    "resnet101": Design(Bottleneck, (3, 4, 23, 3)),
    "resnext101": Design(Bottleneck, (3, 4, 23, 3), groups=32),
}
"""He et al. (2016), table 1, and ResNeXt-101 32×8d of Xie et al., "Aggregated Residual Transformations" (2017)."""


class ResNet(Backbone):
    """A residual backbone: c1 is the map after the first convolution, c2 to c5 are the outputs of the stages.

    `output_stride` 16 or 8 takes the stride out of the last stage or the last two, and dilates every later 3 × 3
    convolution, of basic blocks too: the map becomes the one that the strided network would give if it were run on all
    shifts of the image and its outputs interleaved, but for the zeros beyond the border. Layers are named as in
    torchvision, so its state dicts fit. Raises ValueError for a name that is not one of DESIGNS.
    """

    def __init__(self, name: str, output_stride: int = 32) -> None:
        super().__init__()
        if name not in DESIGNS:
            raise ValueError(f"name must be one of {', '.join(DESIGNS)}, got {name!r}")
        block, depths, groups = DESIGNS[name]
        plan = plan_stages(output_stride)
        self.strides = {name: stage.total for name, stage in plan.items()}
        self.channels = dict(zip(plan, (64, *(width * block.expansion for width in WIDTHS)), strict=True))
        self.grids = {name: PIXELS.down(1, stage.total) for name, stage in plan.items()}  # all begin at pixel 0
        self.normalise = Normalisation()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = BatchNorm(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        first = Stage(1, 4, 1, 1)  # the pooling has strided already
        self.layer1 = _stage(block, 64, WIDTHS[0], depths[0], first, groups)
        self.layer2 = _stage(block, self.channels["c2"], WIDTHS[1], depths[1], plan["c3"], groups)
        self.layer3 = _stage(block, self.channels["c3"], WIDTHS[2], depths[2], plan["c4"], groups)
        self.layer4 = _stage(block, self.channels["c4"], WIDTHS[3], depths[3], plan["c5"], groups)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> dict[str, Float[Tensor, "B _ _ _"]]:
        """Maps c1 to c5 of images in [0, 1]; a map of stride s has ⌈H / s⌉ × ⌈W / s⌉ cells."""
        c1 = self.relu(self.bn1(self.conv1(self.normalise(images))))
        c2 = self.layer1(self.maxpool(c1))
        c3 = self.layer2(c2)
        c4 = self.layer3(c3)
        return {"c1": c1, "c2": c2, "c3": c3, "c4": c4, "c5": self.layer4(c4)}


def _stage(
    block: type[BasicBlock] | type[Bottleneck], c_in: int, width: int, depth: int, stage: Stage, groups: int
) -> nn.Sequential:
    """`depth` blocks: the first one strides, and the others have the dilation of after the stride."""
    after = Stage(1, stage.total, stage.dilation, stage.dilation)
    blocks = [block(c_in, width, stage, groups)]
    blocks += [block(width * block.expansion, width, after, groups) for _ in range(depth - 1)]
    return nn.Sequential(*blocks)


def _conv3x3(c_in: int, c_out: int, stride: int, dilation: int, groups: int) -> nn.Conv2d:
    """A 3 × 3 convolution that keeps the size, or halves it."""
    return nn.Conv2d(c_in, c_out, 3, stride, padding=dilation, dilation=dilation, groups=groups, bias=False)


def _shortcut(c_in: int, c_out: int, stride: int) -> nn.Sequential | None:
    """The projection where shortcut and block differ in channels or size (option B of He et al.), else None."""
    if stride == 1 and c_in == c_out:
        return None
    return nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), BatchNorm(c_out))
