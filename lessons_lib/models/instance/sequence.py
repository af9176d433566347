"""From the maps of an image to a sequence of masks and stop scores: the states, and what is drawn from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from lessons_lib.models.instance.conv_lstm import ConvLSTMCell, State
from lessons_lib.models.instance.inhibition import Inhibition
from lessons_lib.models.instance.recurrent_config import RecurrentConfig
from lessons_lib.models.necks import enlarge
from lessons_lib.ops.grid import Grid

Maps = Mapping[str, Float[Tensor, "B _ _ _"]]


@dataclass(frozen=True, eq=False)
class Unrolled:
    """What T steps made of B images of H × W pixels.

    logits: the maps before the inhibition. masks: in [0, 1]. score_logits: of the stop scores. hidden, cell: the finest
    state after each step. class_logits: where there is a class head.
    """

    logits: Float[Tensor, "B T H W"]
    masks: Float[Tensor, "B T H W"]
    score_logits: Float[Tensor, "B T"]
    hidden: Float[Tensor, "B T C h w"]
    cell: Float[Tensor, "B T C h w"]
    class_logits: Float[Tensor, "B T K"] | None


class Decoder(nn.Module):
    """States that see the same maps at every step, a drawing head, a stop head and, if wanted, a class head.

    `levels` names the maps that states live on, from coarse to fine; `channels` and `grids` describe the maps; `fine`
    is the map on which masks are drawn. The gates of a finer state also get a convolution of the coarser hidden map,
    its cells repeated (RSIS repeats them before the convolution, which takes four times as long).
    """

    def __init__(
        self, levels: Sequence[str], fine: str, channels: Mapping[str, int], grids: Mapping[str, Grid],
        num_classes: int, config: RecurrentConfig,
    ) -> None:  # fmt: skip
        super().__init__()
        self.levels, self.fine, self.grid, self.config = tuple(levels), fine, grids[fine], config
        more = 2 * config.coordinates
        widths = [config.width] * (len(levels) - 1) + [config.finest_width or config.width]
        cells = [ConvLSTMCell(channels[level] + more, width) for level, width in zip(levels, widths, strict=True)]
        self.cells = nn.ModuleList(cells)
        above = [nn.Conv2d(coarse, 4 * own, 3, padding=1) for coarse, own in pairwise(widths)]
        self.from_above = nn.ModuleList(above)
        self.from_state = nn.Conv2d(widths[-1], config.fine_width, 1)
        self.from_fine = nn.Conv2d(channels[fine] + more, config.fine_width, 1, bias=False)
        self.draw = nn.Conv2d(config.fine_width, 1, 3, padding=1, bias=False)  # the inhibition has one
        self.inhibition = Inhibition(config.start_area, config.inhibition)
        self.stop = nn.Linear(4 * sum(widths), 1)
        seen = 4 * sum(widths) + channels[levels[-1]]
        self.classify = nn.Linear(seen, num_classes) if config.classes else None
        for head in (self.stop, self.classify):
            if head is not None:  # of fresh weights every score is ½
                nn.init.zeros_(head.weight)
                nn.init.zeros_(head.bias)

    def forward(self, maps: Maps, size: Sequence[int], valid: Bool[Tensor, "#B 1 H W"], steps: int) -> Unrolled:
        """The first `steps` steps, for images of `size` (height, width), of which the `valid` pixels are no padding."""
        seen = {name: self._placed(maps[name]) for name in (*self.levels, self.fine)}
        gates = [self._cell(n).gates_of(seen[level]) for n, level in enumerate(self.levels)]
        states: list[State | None] = [None] * len(self.levels)
        finest, looks = [], []
        for _ in range(steps):
            for n, own in enumerate(gates):
                above = states[n - 1] if n else None
                led = own if above is None else own + enlarge(self.from_above[n - 1](above[0]), own)
                states[n] = self._cell(n).step(led, states[n])
            known = [state for state in states if state is not None]
            finest.append(known[-1])
            looks.append(torch.cat([F.adaptive_max_pool2d(h, 2).flatten(1) for h, _ in known], dim=1))
        hidden, cell = (torch.stack(parts, dim=1) for parts in zip(*finest, strict=True))
        look = torch.stack(looks, dim=1)  # (B, T, four times the channels of all states)
        logits = self._drawn(hidden, self.from_fine(seen[self.fine]), size)
        masks, classes = self.inhibition(logits, valid), None
        if self.classify is not None:
            shown = through_masks(maps[self.levels[-1]], masks.detach())
            classes = self.classify(torch.cat([look, shown], dim=2))
        return Unrolled(logits, masks, self.stop(look)[..., 0], hidden, cell, classes)

    def _drawn(self, hidden: Tensor, fine: Float[Tensor, "B F h w"], size: Sequence[int]) -> Float[Tensor, "B T H W"]:
        """The finest state and the fine map together, drawn cell by cell, and brought to the image's pixels."""
        images, steps = hidden.shape[:2]
        state = F.interpolate(self.from_state(hidden.flatten(0, 1)), size=fine.shape[2:], mode="nearest")
        both = (state.view(images, steps, *fine.shape[1:]) + fine[:, None]).relu()
        cells = self.draw(both.flatten(0, 1)).view(images, steps, *fine.shape[2:])
        rows, columns = (linear_weights(self.grid, n, s, cells) for n, s in zip(fine.shape[2:], size, strict=True))
        return rows @ cells @ columns.mT

    def _placed(self, features: Float[Tensor, "B C h w"]) -> Float[Tensor, "B _ h w"]:
        """The map with two more channels, where asked for: x and y of each position, from −1 to 1."""
        if not self.config.coordinates:
            return features
        height, width = features.shape[2:]
        x, y = (torch.linspace(-1, 1, n, device=features.device, dtype=features.dtype) for n in (width, height))
        place = torch.stack([x.expand(height, width), y[:, None].expand(height, width)])
        return torch.cat([features, place.expand(len(features), 2, height, width)], dim=1)

    def _cell(self, n: int) -> ConvLSTMCell:
        cell = self.cells[n]
        assert isinstance(cell, ConvLSTMCell)
        return cell


def through_masks(features: Float[Tensor, "B C h w"], masks: Float[Tensor, "B T H W"]) -> Float[Tensor, "B T C"]:
    """The mean of the features under each mask, each cell counting as much as the mask covers it; 0 for an empty one.

    >>> left = torch.tensor([[[[1.0, 0.0]]]])
    >>> through_masks(torch.tensor([[[[3.0, 7.0]]]]), left)
    tensor([[[3.]]])
    """
    height, width = features.shape[2:]
    wide = masks.to(torch.promote_types(masks.dtype, torch.float32))  # a faint mask is still one
    share = F.adaptive_avg_pool2d(wide, (height, width)).flatten(2)  # (B, T, cells)
    total = share.sum(2, keepdim=True).clamp(min=torch.finfo(share.dtype).tiny)
    return (share / total).to(features.dtype) @ features.flatten(2).mT


def linear_weights(grid: Grid, cells: int, pixels: int, like: Tensor) -> Float[Tensor, "pixels cells"]:
    """The matrix that interpolates linearly between cells at the middle of each pixel; beyond the last cell it stays.

    Of the dtype of `like`; where the pixels lie is computed in float32 at least.

    >>> linear_weights(Grid(2, 0.0), cells=2, pixels=3, like=torch.zeros(())).tolist()  # cells lie on pixels 0 and 2
    [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]
    """
    dtype = torch.promote_types(like.dtype, torch.float32)  # bfloat16 counts without gaps to 256 only
    places = (torch.arange(pixels, device=like.device, dtype=dtype) - grid.start) / grid.stride
    distance = (places.clamp(0, cells - 1)[:, None] - torch.arange(cells, device=like.device)).abs()
    return (1 - distance).clamp(min=0).to(like.dtype)
