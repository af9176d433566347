"""Hypercolumns: each pixel is classified by the column of features above it, from the finest map to the coarsest.

Hariharan, Arbeláez, Girshick and Malik, "Hypercolumns for Object Segmentation and Fine-grained Localization"
(arXiv:1411.5752). A classifier that is linear in the column may be run on each map before upsampling, and its answers
upsampled and added: far fewer numbers are upsampled, and the result is the same.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from lessons_lib.checks import check_ints
from lessons_lib.models.backbones import VGG16, Backbone, vgg16_classifier
from lessons_lib.models.contract import SemanticModel
from lessons_lib.ops.grid import Grid

CROP, HEATMAP = 224, 50
"""Sides of a box's crop and of its output, in the paper's system."""


class Hypercolumns(SemanticModel):
    """A classifier of two layers on the column of features above each pixel of a whole image.

    Its first layer, linear, is run on every map of the backbone by itself, as a 1 × 1 convolution to `hidden` channels,
    a multiple of 8. The scores are upsampled to the image and added up. Then follow GroupNorm, ReLU and the scores.
    """

    def __init__(self, backbone: Backbone, num_classes: int, hidden: int = 32) -> None:
        super().__init__()
        check_ints(1, num_classes=num_classes, hidden=hidden)
        self.backbone = backbone
        self.columns = nn.ModuleDict({name: nn.Conv2d(c, hidden, 1) for name, c in backbone.channels.items()})
        self.norm = nn.GroupNorm(8, hidden)
        self.score = nn.Conv2d(hidden, num_classes, 1)

    def logits(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K H W"]:
        """Class scores of every pixel of images in [0, 1], any H and W."""
        return self.classify(self.backbone(images), images.shape[2:])

    def classify(
        self, maps: Mapping[str, Float[Tensor, "B _ _ _"]], size: Sequence[int], step: int = 1
    ) -> Float[Tensor, "B K H W"]:
        """Class scores of every pixel of images of `size` (H, W), of which the backbone has already made its maps.

        With a larger `step`, of the middle of each square of step × step pixels; `size` counts these squares.
        """
        grids = self.backbone.grids
        answers = [upsample(layer(maps[name]), grids[name], size, step) for name, layer in self.columns.items()]
        return self.score(F.relu(self.norm(torch.stack(answers).sum(0))))


class BoxHypercolumns(nn.Module):
    """The paper's system on boxes, in the released form for VGG-16: a mask of 50 × 50 for every class of every box.

    Input are the boxes' crops at 224 × 224. Columns have pool3, pool4 and fc7; a 3 × 3 convolution on the first and
    1 × 1 convolutions on the others score `num_classes` classes at each position of a `grid` × `grid` of
    classifiers. The scores are upsampled to 50 × 50 and added; then each pixel interpolates between the classifiers
    around it. The released training adds up the logistic losses of the box's own class over the 50 × 50 pixels.
    """

    def __init__(self, num_classes: int = 20, grid: int = 5) -> None:
        super().__init__()
        check_ints(1, num_classes=num_classes, grid=grid)
        self.num_classes, self.grid = num_classes, grid
        self.backbone = VGG16()
        self.classifier = vgg16_classifier()
        answers = grid**2 * num_classes
        self.pool3 = nn.Conv2d(self.backbone.channels["c3"], answers, 3, padding=1)
        self.pool4 = nn.Conv2d(self.backbone.channels["c4"], answers, 1)
        self.fc7 = nn.Conv2d(4096, answers, 1)

    def forward(self, crops: Float[Tensor, "R 3 224 224"]) -> Float[Tensor, "R C 50 50"]:
        """Logits of each class's mask in each crop, an image in [0, 1]. Raises ValueError for other sizes of crops."""
        if crops.shape[1:] != (3, CROP, CROP):
            raise ValueError(f"crops must be (R, 3, {CROP}, {CROP}), got {tuple(crops.shape)}")
        maps = self.backbone(crops)
        answers = (self.pool3(maps["c3"]), self.pool4(maps["c4"]), self.fc7(self.classifier(maps["c5"])))
        size = (HEATMAP, HEATMAP)
        added = torch.stack([F.interpolate(answer, size, mode="bilinear") for answer in answers]).sum(0)
        return interpolate_classifiers(added.unflatten(1, (self.grid, self.grid, self.num_classes)))


def interpolate_classifiers(answers: Float[Tensor, "R K K C H W"]) -> Float[Tensor, "R C H W"]:
    """Of the scores of K × K classifiers at every pixel, the ones around it, weighted: pᵢ = Σₖ αᵢₖ gₖ(fᵢ).

    The classifiers stand in the middles of K × K equal cells of the box, rows first; α falls linearly to 0 at the next
    ones, and pixels beyond the outermost middles belong to those alone. With K = 1 there is nothing to weigh.
    """
    k, size = answers.shape[1], answers.shape[-2:]
    one_each = torch.eye(k * k, dtype=answers.dtype, device=answers.device).view(1, k * k, k, k)
    weights = F.interpolate(one_each, size, mode="bilinear")  # (1, K*K, H, W): α of each classifier at each pixel
    return torch.einsum("rkchw,khw->rchw", answers.flatten(1, 2), weights[0])


def upsample(x: Float[Tensor, "B C h w"], grid: Grid, size: Sequence[int], step: int = 1) -> Float[Tensor, "B C H W"]:
    """Bilinear interpolation of a map at every pixel of an image of `size` (H, W), by where `grid` says its cells lie;
    with a larger `step`, at the middle of each of H × W squares of step × step pixels.

    Beyond the outermost cells the map stays constant. Where the cells tile the image, start (s − 1)/2 and
    H = s·h, it is `F.interpolate` with align_corners=False; elsewhere that would shift or stretch the map.
    """
    rows, columns = (
        _hats(grid, cells, pixels, step, x.device).to(x.dtype) for cells, pixels in zip(x.shape[2:], size, strict=True)
    )
    return rows @ x @ columns.T


def _hats(grid: Grid, cells: int, pixels: int, step: int, device: torch.device) -> Float[Tensor, "P n"]:
    """The weight of each cell at each pixel along one axis: 1 at its middle, falling to 0 at its neighbours'."""
    middle = step * torch.arange(pixels, device=device) + (step - 1) / 2
    place = ((middle - grid.start) / grid.stride).clamp(0, cells - 1)
    return (1 - (place[:, None] - torch.arange(cells, device=device)).abs()).clamp(min=0)
