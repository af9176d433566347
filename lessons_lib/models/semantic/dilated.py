"""Dilated networks: VGG-16's front end at stride 8, context modules that begin as the identity, and a plain twin.

Yu and Koltun, "Multi-Scale Context Aggregation by Dilated Convolutions" (ICLR 2016, arXiv:1511.07122). A context module
is a stack of 3 × 3 convolutions that keeps the size of its map while dilations 1, 1, 2, 4, 8, 16, 1 let its cells see
67 × 67 others. The plain twin is the same network with every dilation 1: equal parameters, a small field.

Nothing here normalises over the image. GroupNorm's mean and variance are taken over all pixels, so after one such
layer every cell sees the whole image, faintly, and a comparison of fields would compare nothing.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from lessons_lib.checks import check_ints
from lessons_lib.models.backbones import Normalisation, vgg16_classifier, vgg16_stages
from lessons_lib.models.contract import SemanticModel

DILATIONS = (1, 1, 2, 4, 8, 16, 1)
"""Dilations of the published context module's 3 × 3 convolutions; a 1 × 1 convolution follows (table 1 there)."""
BASIC, LARGE = (1, 1, 1, 1, 1, 1, 1), (2, 2, 4, 8, 16, 32, 32)
"""Widths of the published context modules' 3 × 3 convolutions, as multiples of the channels that come in."""
BORDER = 186
"""Pixels that the front end takes off each side of an image: (380 − 8) / 2, its field being 380 and its stride 8."""


class FrontEnd(nn.Module):
    """VGG-16 as a front end: no fourth and fifth pooling, dilation instead, no padding, scores at stride 8.

    conv5 is dilated by 2 and fc6 by 4, so that both see what VGG-16's do. Images of 380 pixels per side give one cell,
    900 give 66. Scores begin with a standard deviation of 0.001, as in the authors' code.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.normalise = Normalisation()
        self.stages = vgg16_stages((1, 1, 1, 1, 2), padding=False)
        self.classifier = vgg16_classifier(dilation=4)
        self.score = nn.Conv2d(4096, num_classes, 1)
        nn.init.normal_(self.score.weight, std=0.001)
        nn.init.zeros_(self.score.get_parameter("bias"))

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K h w"]:
        """Scores of images in [0, 1] of at least 380 pixels per side; h = (H − 372) / 8, rounded down."""
        x = self.normalise(images)
        for number, stage in enumerate(self.stages):
            x = stage(x)
            if number < 3:
                x = F.max_pool2d(x, 2)
        return self.score(self.classifier(x))


def context_module(
    channels: int,
    dilations: Sequence[int] = DILATIONS,
    widths: Sequence[int] | None = None,
    noise: float = 0.01,
) -> nn.Sequential:
    """3 × 3 convolutions with these dilations, each followed by a ReLU, and a 1 × 1 convolution back to `channels`.

    `widths` are the channels of the 3 × 3 convolutions as multiples of `channels`: `BASIC`, the default for the
    published dilations, or `LARGE`. Zeros at the borders keep the size of the map. A fresh module is the identity plus
    normal noise, of a standard deviation of `noise` divided by the growth of the channels; 0.01 is that of the
    authors' code. With `noise` 0 it computes exactly ReLU(x), because of the truncations, and not x: it cannot hand on
    a negative score at first. Raises ValueError for another number of widths.
    """
    widths = (1,) * len(dilations) if widths is None else widths
    if len(widths) != len(dilations):
        raise ValueError(f"widths must be {len(dilations)} numbers, one a dilation, got {tuple(widths)}")
    layers: list[nn.Module] = []
    for (before, after), dilation in zip(pairwise((1, *widths)), dilations, strict=True):
        sizes = before * channels, after * channels
        layers += [nn.Conv2d(*sizes, 3, padding=dilation, dilation=dilation), nn.ReLU()]
    layers.append(nn.Conv2d((1, *widths)[-1] * channels, channels, 1))
    for layer in (layer for layer in layers if isinstance(layer, nn.Conv2d)):
        weight = identity_weight(layer.out_channels, layer.in_channels, channels, layer.kernel_size[0])
        with torch.no_grad():
            layer.weight.copy_(weight + torch.randn_like(weight) * noise * channels / layer.out_channels)
            layer.get_parameter("bias").zero_()
    return nn.Sequential(*layers)


def identity_weight(out_channels: int, in_channels: int, groups: int, kernel_size: int = 3) -> Float[Tensor, "O C k k"]:
    """The weight of a convolution that hands its input on, group by group: equations 4 and 5 of the paper.

    The channels on both sides are split into `groups` equal groups, in their order. The middle tap between two
    channels of groups of the same number is groups / out_channels, all others are 0: so the sum over a group stays what
    it was, and with one channel a group this is the identity. ValueError for channels that `groups` does not divide,
    or a kernel without a middle.
    """
    check_ints(1, out_channels=out_channels, in_channels=in_channels, groups=groups, kernel_size=kernel_size)
    if out_channels % groups or in_channels % groups:
        raise ValueError(f"groups must divide {in_channels} and {out_channels} channels, got {groups}")
    if kernel_size % 2 == 0:
        raise ValueError(f"kernel_size must be odd, got {kernel_size}")
    weight = torch.zeros(out_channels, in_channels, kernel_size, kernel_size)
    group_out = torch.arange(out_channels) * groups // out_channels
    group_in = torch.arange(in_channels) * groups // in_channels
    same = group_out[:, None] == group_in
    weight[:, :, kernel_size // 2, kernel_size // 2] = same * (groups / out_channels)
    return weight


class DilatedVGG(SemanticModel):
    """The published system: the front end, a context module on its scores, and bilinear upsampling by 8.

    Images are reflected at their borders, 186 pixels wide and further up to a multiple of 8, as the authors do. The
    parts are modules of their own because they were trained one after the other; here they train together. `widths`
    is BASIC or LARGE.
    """

    def __init__(
        self, num_classes: int, dilations: Sequence[int] = DILATIONS, widths: Sequence[int] = BASIC, noise: float = 0.01
    ) -> None:
        super().__init__()
        self.front = FrontEnd(num_classes)
        self.context = context_module(num_classes, dilations, widths, noise)

    @property
    def backbone(self) -> nn.ModuleList:
        """The layers that VGG-16 has too, with fc6 and fc7: what `load_vgg16` fills."""
        return nn.ModuleList([self.front.stages, self.front.classifier])

    def logits(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K H W"]:
        """Class scores of every pixel of images in [0, 1], any H and W."""
        return enlarge(self.context(self.front(reflect_pad(images, BORDER, 8))), 8, images.shape)


class TinyDilated(SemanticModel):
    """The same idea for lessons: a dense front end at stride 4, a few dilated layers that begin as the identity.

    The front end halves the image twice by convolutions of 4 × 4, whose taps meet every pixel equally often, and
    adds a 3 × 3 convolution; its field is 18. Dilations 1, 2, 4, 8 widen it to 138 pixels, their plain twin's 1, 1, 1,
    1 to 50, with the same number of parameters: `TinyDilated(classes, (1, 1, 1, 1))`. Features, not scores, go through
    the context layers: scores would be as few channels as there are classes.
    """

    def __init__(self, num_classes: int, dilations: Sequence[int] = (1, 2, 4, 8), width: int = 32) -> None:
        super().__init__()
        self.normalise = Normalisation()
        front = (nn.Conv2d(3, 16, 4, 2, 1), nn.Conv2d(16, width, 4, 2, 1), nn.Conv2d(width, width, 3, 1, 1))
        for layer in front:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.get_parameter("bias"))
        self.front = nn.Sequential(*(part for layer in front for part in (layer, nn.ReLU())))
        self.context = context_module(width, dilations)
        self.context[-1] = nn.Conv2d(width, num_classes, 1)

    def start_from(self, trained: "TinyDilated") -> None:
        """Take over the front end and the scores of a trained network of the same width, whatever its dilations are.

        The context layers stay as they are. While they are fresh, the network returns what its front end would.
        """
        self.front.load_state_dict(trained.front.state_dict())
        self.context[-1].load_state_dict(trained.context[-1].state_dict())

    def logits(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K H W"]:
        """Class scores of every pixel of images in [0, 1], any H and W."""
        x = self.normalise(reflect_pad(images, 0, 4))
        return enlarge(self.context(self.front(x)), 4, images.shape)


def dilated(num_classes: int, backbone: str = "tiny") -> nn.Module:
    """The model of that name, tiny or on VGG-16 with the basic context module."""
    return _make(num_classes, backbone, (1, 2, 4, 8), DILATIONS)


def plain(num_classes: int, backbone: str = "tiny") -> nn.Module:
    """Its twin of equal parameters: every dilation of the context layers is 1."""
    return _make(num_classes, backbone, (1,) * 4, (1,) * len(DILATIONS))


def _make(num_classes: int, backbone: str, tiny: Sequence[int], vgg16: Sequence[int]) -> nn.Module:
    if backbone not in ("tiny", "vgg16"):
        raise ValueError(f"backbone must be 'tiny' or 'vgg16', got {backbone!r}")
    return TinyDilated(num_classes, tiny) if backbone == "tiny" else DilatedVGG(num_classes, vgg16)


def reflected_places(size: int, before: int, after: int) -> Int64[Tensor, " n"]:
    """Which pixel stands at the positions −before, …, size + after − 1 of a row mirrored at its outermost pixels.

    The outermost pixels are not repeated (…, 2, 1, 0, 1, 2, …), and the mirror images go on to and fro as long as it
    takes, where torch's reflection must be narrower than the image. A single pixel is repeated.
    """
    check_ints(1, size=size)
    check_ints(0, before=before, after=after)
    places = torch.arange(-before, size + after, device="cpu") % max(1, 2 * (size - 1))
    return torch.where(places < size, places, 2 * (size - 1) - places)


def reflect_pad(x: Float[Tensor, "B C H W"], border: int, multiple: int = 1) -> Float[Tensor, "B C h w"]:
    """Continue an image beyond its borders by reflection.

    `border` pixels on all sides, and at the right and the bottom as many more as make the sides without the borders a
    multiple of `multiple`.
    """
    for axis in (2, 3):
        size = x.shape[axis]
        if border or size % multiple:
            places = reflected_places(size, border, border + -size % multiple)
            x = x.index_select(axis, places.to(x.device))
    return x


def enlarge(x: Float[Tensor, "B K h w"], factor: int, shape: Sequence[int]) -> Float[Tensor, "B K H W"]:
    """Bilinear upsampling of cells that cover `factor` × `factor` pixels each, cut to the image's shape (…, H, W).

    One small matrix an axis: the same numbers as `F.interpolate` with align_corners=False, and on a CPU faster.
    """
    rows, columns = (
        F.interpolate(torch.eye(n, dtype=x.dtype, device=x.device)[None], scale_factor=factor, mode="linear")[0]
        for n in x.shape[2:]
    )  # (n, factor · n): where each cell goes
    return rows.T[: shape[2]] @ x @ columns[:, : shape[3]]
