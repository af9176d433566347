"""FCN: a backbone whose maps are scored cell by cell, upsampled by learned transposed convolutions, and summed.

Long, Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation" (arXiv:1411.4038). The scores of
the deepest map alone are FCN-32s; with those of c4 and c3 added on the way up it becomes FCN-16s and FCN-8s.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lessons_lib.models.backbones import VGG16, Backbone, make_backbone, vgg16_classifier
from lessons_lib.models.contract import SemanticModel
from lessons_lib.ops.grid import PIXELS, Grid
from lessons_lib.ops.transposed import bilinear_kernel


class FCN(SemanticModel):
    """Scores of some maps of a backbone, from deep to shallow, fused by sums and brought back to the image's pixels.

    backbone: gives `{"c1": …, …, "c5": …}`, and has their `channels`, `strides` and `grids`.
    scores: the maps that are scored, coarsest first: ("c5",) is FCN-32s, ("c5", "c4") 16s, ("c5", "c4", "c3") 8s;
        ("c3",) alone is the backbone at stride 8 without its deep path.

    Each score layer is a 1 × 1 convolution that starts at zero, so an untrained model says 0 everywhere, and a new skip
    changes nothing at first. Each upsampling is a transposed convolution for every class by itself; it starts bilinear
    and learns. Maps are added where their cells lie on the same positions of the image, which `grids` say, not where
    their corners happen to meet. Any height and width ≥ 1 will do. Raises ValueError for scores that the backbone does
    not have, that are not coarsest first, or that begin inside the image because the backbone pads too little.
    """

    def __init__(self, backbone: Backbone, num_classes: int, scores: Sequence[str] = ("c5", "c4", "c3")) -> None:
        super().__init__()
        _check(backbone, num_classes, scores)
        self.backbone = backbone
        self.scores = nn.ModuleDict({name: nn.Conv2d(backbone.channels[name], num_classes, 1) for name in scores})
        for layer in self.scores.values():
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)
        self.upsamplings, self.offsets = nn.ModuleList(), []
        grid = backbone.grids[scores[0]]
        for finer in (*(backbone.grids[name] for name in scores[1:]), PIXELS):
            layer, up = bilinear_upsampling(num_classes, grid, finer)
            offset = int(up.cells_before(finer))
            self.upsamplings.append(layer)
            self.offsets.append(offset)
            grid = Grid(finer.stride, max(finer.start, up.start))  # the fused map begins where both have begun
        if offset < 0:
            raise ValueError(
                f"backbone must pad enough for scores from pixel 0 on, got {scores} that begin at {-offset}"
            )

    def logits(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K H W"]:
        """A score for each class at each pixel."""
        maps = self.backbone(images)
        return self.fuse([layer(maps[name]) for name, layer in self.scores.items()], images.shape[2:])

    def fuse(self, scores: Sequence[Float[Tensor, "B K _ _"]], size: Sequence[int]) -> Float[Tensor, "B K H W"]:
        """Score maps, coarsest first, added on the way up to the pixels of an image of `size` (H, W)."""
        fused = scores[0]
        for finer, upsampling, offset in zip(scores[1:], self.upsamplings, self.offsets, strict=False):
            fused = add_aligned(upsampling(fused), finer, offset)
        fine, start = self.upsamplings[-1](fused), self.offsets[-1]
        return fine[:, :, start : start + size[0], start : start + size[1]]


class ClassifierTrunk(Backbone):
    """VGG-16 as FCN takes it: the whole classifier without its last layer, its c5 being the map of fc7 (section 4.1).

    The first convolution pads by 100 pixels, so that fc6, which sees 7 × 7 cells of the last pooling, finds them in a
    image of any size; poolings round up. `load_vgg16(state, trunk.vgg, trunk.classifier)` fills it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.vgg, self.classifier = VGG16(first_padding=100), vgg16_classifier()
        self.strides = self.vgg.strides
        self.channels = {**self.vgg.channels, "c5": self.classifier[-3].get_parameter("weight").shape[0]}
        self.grids = {**self.vgg.grids, "c5": self.vgg.grids["c5"].down(7)}

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> dict[str, Float[Tensor, "B _ _ _"]]:
        """Maps c1 to c4 of VGG-16, and what fc7 makes of c5."""
        maps = self.vgg(images)
        return {**maps, "c5": self.classifier(maps["c5"])}


def fcn_trunk(backbone: str) -> Backbone:
    """The backbone of an FCN by name: for "vgg16" the paper's, with its dense layers, otherwise the plain backbone."""
    return ClassifierTrunk() if backbone == "vgg16" else make_backbone(backbone)


def bilinear_upsampling(channels: int, coarse: Grid, fine: Grid) -> tuple[nn.ConvTranspose2d, Grid]:
    """A transposed convolution from one grid's stride to a finer one's, each channel for itself, and where it puts its
    cells: on the cells of `fine`, though it may begin earlier or later.

    For a factor f the kernel, a bilinear pyramid, has 2f cells, or 2f − 1 where the middle of a coarse cell lies on the
    middle of a fine one and not between two. Raises ValueError where it lies elsewhere, or the strides do not divide.
    """
    factor, rest = divmod(coarse.stride, fine.stride)
    place = (coarse.start - fine.start) / fine.stride % 1
    if rest or place not in (0, 0.5):
        raise ValueError(f"coarse must have its middles on those of {fine}, or half-way between two, got {coarse}")
    kernel_size = 2 * factor if place else 2 * factor - 1
    layer = nn.ConvTranspose2d(channels, channels, kernel_size, factor, groups=channels, bias=False)
    with torch.no_grad():
        layer.weight.copy_(bilinear_kernel(kernel_size))
    return layer, coarse.up(kernel_size, factor)


def add_aligned(a: Float[Tensor, "B K hA wA"], b: Float[Tensor, "B K hB wB"], offset: int) -> Float[Tensor, "B K h w"]:
    """The sum where the two overlap, when cell i of b lies on cell i + offset of a; offset may be negative."""
    a, b = a[:, :, max(offset, 0) :, max(offset, 0) :], b[:, :, max(-offset, 0) :, max(-offset, 0) :]
    height, width = min(a.shape[2], b.shape[2]), min(a.shape[3], b.shape[3])
    return a[:, :, :height, :width] + b[:, :, :height, :width]


def _check(backbone: Backbone, num_classes: int, scores: Sequence[str]) -> None:
    if num_classes < 1:
        raise ValueError(f"num_classes must be ≥ 1, got {num_classes}")
    if len(scores) == 0 or not set(scores) <= set(backbone.grids):
        raise ValueError(f"scores must name maps among {', '.join(backbone.grids)}, at least one, got {tuple(scores)}")
    strides = [backbone.grids[name].stride for name in scores]
    if strides != sorted(set(strides), reverse=True):
        raise ValueError(f"scores must go from coarse to fine, got {tuple(scores)} of strides {strides}")
