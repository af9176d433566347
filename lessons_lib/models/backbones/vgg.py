"""VGG-16: thirteen 3 × 3 convolutions in five stages, 2 × 2 poolings, and its dense layers as convolutions."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lessons_lib.models.backbones.backbone import Backbone
from lessons_lib.models.backbones.normalisation import BatchNorm, Normalisation
from lessons_lib.models.backbones.strides import plan_stages
from lessons_lib.ops.grid import PIXELS, Grid

CHANNELS = (64, 128, 256, 512, 512)
"""Channels of the five stages: configuration D of Simonyan and Zisserman, "Very Deep Convolutional Networks" (2015)."""
DEPTHS = (2, 2, 3, 3, 3)
"""Convolutions of the five stages."""


class VGG16(Backbone):
    """The backbone of the lecture's first systems: maps c1 to c5 are the outputs of the poolings, at strides 2 to 32.

    `output_stride` 16 leaves out the last pooling, and 8 the last two, so conv5 is dilated by 2 (Yu and Koltun,
    2016); what follows c5 must then be dilated by 32 / output_stride. Poolings that are left out make this another
    function than the strided one, but the weights fit. `ceil_mode` keeps the last, smaller window of an odd side, as
    Caffe does; torchvision drops it. `padding` and `first_padding` are those of `vgg16_stages`. `stages` hold the
    convolutions and `pools` the poolings, for a system that joins them in its own way.
    """

    def __init__(
        self,
        output_stride: int = 32,
        *,
        ceil_mode: bool = True,
        padding: bool = True,
        first_padding: int | None = None,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        plan = plan_stages(output_stride)
        self.strides = {name: stage.total for name, stage in plan.items()}
        self.channels = dict(zip(plan, CHANNELS, strict=True))
        self.normalise = Normalisation()
        dilations = [stage.dilation_before for stage in plan.values()]
        self.stages = vgg16_stages(dilations, padding=padding, first_padding=first_padding, batch_norm=batch_norm)
        halve = [stage.stride == 2 for stage in plan.values()]
        self.pools = nn.ModuleList([nn.MaxPool2d(2, ceil_mode=ceil_mode) if h else nn.Identity() for h in halve])
        self.grids = self._grids(halve)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> dict[str, Float[Tensor, "B _ _ _"]]:
        """Maps c1 to c5 of images in [0, 1]; padded, in ceil mode, a map of stride s has ⌈H / s⌉ × ⌈W / s⌉ cells."""
        x = self.normalise(images)
        maps = {}
        for name, stage, pool in zip(self.channels, self.stages, self.pools, strict=True):
            maps[name] = x = pool(stage(x))
        return maps

    def _grids(self, halve: Sequence[bool]) -> dict[str, Grid]:
        """Where the cells of each map lie in the image, from the paddings and dilations of the layers."""
        grids, grid = {}, PIXELS
        for name, stage, halves in zip(self.channels, self.stages, halve, strict=True):
            for convolution in (layer for layer in stage.modules() if isinstance(layer, nn.Conv2d)):
                grid = grid.down(3, padding=int(convolution.padding[0]), dilation=convolution.dilation[0])
            grids[name] = grid = grid.down(2, 2) if halves else grid
        return grids


def vgg16_stages(
    dilations: Sequence[int] = (1, 1, 1, 1, 1),
    *,
    padding: bool = True,
    first_padding: int | None = None,
    batch_norm: bool = False,
) -> nn.ModuleList:
    """The convolutions of VGG-16, one Sequential a stage, without any pooling; each is convolution, (BatchNorm,) ReLU.

    `dilations` has one number a stage. With `padding` every convolution keeps the size of its map; without, each
    takes its dilation off every border, as in the front end of Yu and Koltun. `first_padding` is the padding of
    conv1_1, where it is another: 100 in the FCN of Long, Shelhamer and Darrell. `batch_norm` puts BatchNorm after
    every convolution, as DeconvNet does. Weights start as in torchvision: He's initialisation by the fan-out, biases
    0.
    """
    if len(dilations) != len(CHANNELS):
        raise ValueError(f"dilations must be {len(CHANNELS)} numbers, one a stage, got {tuple(dilations)}")
    stages, before = nn.ModuleList(), 3
    for channels, depth, dilation in zip(CHANNELS, DEPTHS, dilations, strict=True):
        layers = []
        for _ in range(depth):
            border = dilation if padding else 0
            if before == 3 and first_padding is not None:
                border = first_padding
            layers.append(_layer(before, channels, border, dilation, batch_norm))
            before = channels
        stages.append(nn.Sequential(*layers))
    return stages


def _layer(c_in: int, c_out: int, padding: int, dilation: int, batch_norm: bool) -> nn.Sequential:
    """A 3 × 3 convolution, BatchNorm where asked, and ReLU."""
    convolution = nn.Conv2d(c_in, c_out, 3, padding=padding, dilation=dilation)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    nn.init.zeros_(convolution.get_parameter("bias"))
    norm = [BatchNorm(c_out)] if batch_norm else []
    return nn.Sequential(convolution, *norm, nn.ReLU(inplace=True))


def vgg16_classifier(dilation: int = 1, padding: int = 0, dropout: float = 0.5) -> nn.Sequential:
    """The layers fc6 and fc7 as convolutions, 7 × 7 and 1 × 1, each with 4096 channels, ReLU and dropout.

    Without padding a map of n cells becomes one of n − 6·dilation. `dilation` is 32 / output stride of what goes in.
    """
    convolutions = [nn.Conv2d(512, 4096, 7, padding=padding, dilation=dilation), nn.Conv2d(4096, 4096, 1)]
    for convolution in convolutions:
        nn.init.normal_(convolution.weight, std=0.01)
        nn.init.zeros_(convolution.get_parameter("bias"))
    return nn.Sequential(*(part for c in convolutions for part in (c, nn.ReLU(inplace=True), nn.Dropout(dropout))))


def load_vgg16(state: Mapping[str, Tensor], stages: nn.Module, classifier: nn.Module | None = None) -> None:
    """Copies the weights of torchvision's `vgg16` into `stages`, and those of its dense layers fc6 and fc7 too.

    They are matched by the order of the convolutions in `stages` and then `classifier`, so any modules will do that
    hold the thirteen, or the fifteen with fc6 and fc7. A dense layer over 512 × 7 × 7 numbers is a 7 × 7 convolution:
    its weights are only reshaped. Raises ValueError for other convolutions, and where the state dict lacks a layer.
    """
    modules = [stages] if classifier is None else [stages, classifier]
    convolutions = [part for module in modules for part in module.modules() if isinstance(part, nn.Conv2d)]
    if len(convolutions) not in (13, 15):
        raise ValueError(f"there must be 13 convolutions, or 15 with fc6 and fc7, got {len(convolutions)}")
    for convolution, name in zip(convolutions, _their_names(), strict=False):
        weight, bias = (state.get(f"{name}.{what}") for what in ("weight", "bias"))
        if weight is None or bias is None:
            raise ValueError(f"state must be that of torchvision's vgg16, got one without {name}")
        if weight.numel() != convolution.weight.numel():
            wanted, got = tuple(convolution.weight.shape), tuple(weight.shape)
            raise ValueError(f"{name} must be a layer whose weights fill {wanted}, got {got}")
        with torch.no_grad():
            convolution.weight.copy_(weight.reshape(convolution.weight.shape))
            convolution.get_parameter("bias").copy_(bias)


def _their_names() -> list[str]:
    """torchvision's names: a convolution takes two positions, its ReLU counted, and a pooling one; then fc6 and fc7."""
    names, place = [], 0
    for depth in DEPTHS:
        names += [f"features.{place + 2 * i}" for i in range(depth)]
        place += 2 * depth + 1
    return [*names, "classifier.0", "classifier.3"]
