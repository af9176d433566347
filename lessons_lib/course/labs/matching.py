"""Laboratory of lesson 17: masks are pushed over an image, and the matching and its loss follow."""

from dataclasses import dataclass

import ipywidgets as widgets
import torch
from jaxtyping import Bool, Float, Int64
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lessons_lib.course.labs.lab import NAMES, Lab, bare_figure, slider
from lessons_lib.course.plotting import TEXT_BOX, draw_grid
from lessons_lib.ops.coverage import best_assignment, greedy_assignment, pairwise_soft_iou, score_loss

HEIGHT, WIDTH = 36, 72  # pixels
OBJECTS = ((18, 14), (18, 36), (18, 58))  # row and column of each
RADIUS = 10.4  # of objects and masks; without the .4 a disc has four single pixels at its ends
ROWS = (15, 18, 21, 18)
SCORES = (0.9, 0.8, 0.7, 0.4)
MATCHINGS = ("best", "greedy", "first n")
SUBSCRIPTS = "₁₂₃₄"
COLOURS = ("#8A4D00", "#0072B2", "#A64580", "#882255")  # 4.5:1 on white: they write names too


@dataclass(frozen=True)
class Board:
    """The masks, their soft IoU, who is matched with whom, and what the loss is made of."""

    objects: Bool[Tensor, "G H W"]
    masks: Float[Tensor, "P H W"]
    iou: Float[Tensor, "P G"]
    rows: Int64[Tensor, " n"]
    columns: Int64[Tensor, " n"]
    best: float  # the largest sum that any matching of all predictions has
    score: float  # Σ BCE
    lam: int

    @property
    def matched(self) -> float:
        """Sum of the IoU of the matched pairs."""
        return self.iou[self.rows, self.columns].sum().item()

    @property
    def loss(self) -> float:
        """−Σ IoU + λ · Σ BCE."""
        return self.lam * self.score - self.matched


def disc(row: int, column: int, softness: int) -> Float[Tensor, "H W"]:
    """A disc that is 1 inside and falls to 0 over about 2·softness pixels; softness 0 is a hard edge."""
    rows, columns = torch.arange(HEIGHT)[:, None], torch.arange(WIDTH)
    inside = RADIUS - ((rows - row) ** 2 + (columns - column) ** 2).sqrt()
    return (inside >= 0).float() if softness == 0 else (inside / softness * 2).sigmoid()


def compute(x1: int, x2: int, x3: int, x4: int, softness: int, count: int, lam: int, matching: str) -> Board:
    """Four masks at columns x1 to x4, the first `count` objects, and the matching: "best", "greedy" or "first n"."""
    objects = torch.stack([disc(*place, softness=0) > 0 for place in OBJECTS])[:count]
    columns = (x1, x2, x3, x4)
    masks = torch.stack([disc(row, x, softness) for row, x in zip(ROWS, columns, strict=True)])
    iou = pairwise_soft_iou(masks, objects)
    assign = greedy_assignment if matching == "greedy" else best_assignment
    pairs = assign(iou[:count] if matching == "first n" else iou)
    best = iou[best_assignment(iou)].sum().item()
    return Board(objects, masks, iou, *pairs, best, score_loss(torch.tensor(SCORES), count).item(), lam)


def draw(board: Board) -> Figure:
    """Objects as grey discs, masks as outlines (thick if matched), and the table of IoU with the matching on it."""
    figure = bare_figure(7.6, 3.0)
    left, right = figure.subplots(1, 2, width_ratios=(2, 1), gridspec_kw={"left": 0.02, "right": 0.98, "wspace": 0.14})
    _draw_masks(left, board)
    chosen = torch.zeros(board.iou.shape, dtype=torch.bool)
    chosen[board.rows, board.columns] = True
    if board.iou.numel():
        draw_grid(right, (board.iou * 100).round() / 100, chosen=chosen)
        right.set_xticks(range(board.iou.shape[1]), [f"y{mark}" for mark in SUBSCRIPTS[: board.iou.shape[1]]])
        right.set_yticks(range(4), [f"ŷ{mark}" for mark in SUBSCRIPTS])
        for tick, colour in zip(right.get_yticklabels(), COLOURS, strict=True):
            tick.set_color(colour)
        right.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    else:
        right.text(0.5, 0.5, "no object,\nnothing to match", ha="center", va="center", size=12)
        right.set_axis_off()
    return figure


def _draw_masks(ax: Axes, board: Board) -> None:
    ground = board.objects.any(0).float() * 0.22 if len(board.objects) else torch.zeros(HEIGHT, WIDTH)
    ax.imshow((1 - ground).numpy(), cmap="gray", vmin=0, vmax=1)
    for (row, column), mark in zip(OBJECTS[: len(board.objects)], SUBSCRIPTS, strict=False):
        ax.text(column, row + 14.5, f"y{mark}", ha="center", va="center", color="#222222", size=11, bbox=TEXT_BOX)
    for t, (mask, colour) in enumerate(zip(board.masks, COLOURS, strict=True)):
        matched = t in board.rows.tolist()
        ax.contour(
            mask.numpy(),
            levels=[0.5],
            colors=[colour],
            linewidths=3 if matched else 1.2,
            linestyles="-" if matched else ":",
        )
        column = (mask.sum(0) * torch.arange(WIDTH)).sum() / mask.sum()
        ax.text(column.item(), 3.2, f"ŷ{SUBSCRIPTS[t]}", ha="center", va="center", color=colour, size=11, bbox=TEXT_BOX)
    ax.set(xticks=[], yticks=[], title="grey: objects   lines: masks, thick where matched")
    ax.spines[:].set_visible(False)


def caption(board: Board) -> str:
    """The loss in its two terms, the pairs, and how far the matching is from the best one."""
    pairs = [
        f"ŷ{SUBSCRIPTS[t]} with y{SUBSCRIPTS[i]}"
        for t, i in zip(board.rows.tolist(), board.columns.tolist(), strict=True)
    ]
    loss = f"{board.loss:.2f}".replace("-", "−")
    words = f"<b>Loss {loss}</b> = −{board.matched:.2f} + {board.lam} · {board.score:.2f}."
    words += f" Matched: {', '.join(pairs) or 'nothing'}."
    lost = board.best - board.matched
    return words + (f" The best matching would cover {lost:.2f} more." if lost > 0.005 else "")


def lab() -> Lab:
    """Sliders for the position of each mask, its softness, the number of objects and λ; and a choice of matching."""
    controls = {
        "x1": slider("mask ŷ₁", 16, 4, 68),
        "x2": slider("mask ŷ₂", 40, 4, 68),
        "x3": slider("mask ŷ₃", 55, 4, 68),
        "x4": slider("mask ŷ₄", 36, 4, 68),
        "softness": slider("softness", 0, 0, 6),
        "count": slider("objects n", 3, 0, 3),
        "lam": slider("λ", 1, 0, 5),
        "matching": widgets.Dropdown(options=MATCHINGS, description="matching", style=NAMES),
    }
    return Lab(controls, compute, draw, caption)


STILLS = {"x1": range(4, 69, 8), "matching": MATCHINGS}
"""What the course's site lets a reader move, where there is no kernel: control → positions."""
