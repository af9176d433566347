"""Laboratory of lesson 16: a box over the score maps of FCIS, whose parts are put together to a mask, one by one."""

from dataclasses import dataclass, replace
from functools import cache

import ipywidgets as widgets
import numpy as np
import torch
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from lessons_lib.course.labs.lab import NAMES, Lab, bare_figure, slider
from lessons_lib.course.plotting import draw_image
from lessons_lib.data.sample import Sample
from lessons_lib.data.scenes import CLASSES, PRESETS, draw_scenes
from lessons_lib.models.instance.build_fcis import fcis
from lessons_lib.models.instance.fcis import FCIS
from lessons_lib.models.instance.joint_head import class_logits, mask_logits, pairs_of
from lessons_lib.models.instance.score_maps import SCORES
from lessons_lib.ops.masks import pairwise_mask_iou
from lessons_lib.ops.pasting import paste_masks
from lessons_lib.shipped import load_checkpoint

SCENES, UNSEEN_SEED, SIDE = 20, 1, 96
FRAME, PART = "#F0E442", "#D55E00"
INSIDE, OUTSIDE = "inside", "outside"
Maps = dict[str, Float[Tensor, "1 _ _ _"]]


@dataclass(frozen=True, eq=False)
class View:
    """A box over a scene, its maps of one class, and what is put together from them so far."""

    scene: Sample
    box: tuple[int, int, int, int]
    label: int
    done: int
    """How many of the G × G parts are there, in reading order."""
    maps: Float[Tensor, "G G h w"]
    """The maps that are looked at, inside or outside, one for each part."""
    which: str
    outside: Float[Tensor, "P P"]
    inside: Float[Tensor, "P P"]
    probs: Float[Tensor, " K"]
    pasted: Bool[Tensor, "H W"]
    """The pixels of the whole mask, in the scene."""

    @property
    def there(self) -> Bool[Tensor, "P P"]:
        """The cells that are assembled so far."""
        group, size = len(self.maps), len(self.inside)
        part = torch.arange(size) * group // size
        return part[:, None] * group + part < self.done

    @property
    def bound(self) -> float:
        """The score that is drawn in the strongest colour: the largest of all maps that are looked at."""
        return max(self.maps.max().item(), 1e-3)

    @property
    def iou(self) -> float:
        """IoU of the mask with the true object that it fits best."""
        true = self.scene.instances.known_masks
        return pairwise_mask_iou(self.pasted[None], true).max().item() if len(true) else 0.0


@cache
def model() -> FCIS:
    """The shipped FCIS."""
    made = fcis(len(CLASSES)).eval()
    load_checkpoint("fcis", made)
    return made


@cache
def seen(number: int) -> tuple[Sample, Maps]:
    """An unseen scene and its maps, computed once, whatever boxes are asked for."""
    (scene,) = draw_scenes([number], replace(PRESETS["easy"], void_border=False), UNSEEN_SEED)
    with torch.inference_mode():
        return scene, model().features(scene.image[None])


def compute(
    name: str, shown: str, which: str, left: int, top: int, width: int, height: int, parts: int
) -> View:  # fmt: skip
    """The box of those pixels, read as the class called `shown`; `which` says whose maps are looked at."""
    scene, maps = seen(int(name.split()[-1]))
    label, count = CLASSES.index(shown), model().detector.num_classes
    box = (left, top, left + width, top + height)
    table = torch.tensor([box], dtype=torch.float32)
    with torch.inference_mode():
        pairs = pairs_of(model().assemble(maps, table)[0], count)
        probs = class_logits(pairs).softmax(0)
        pasted = paste_masks(mask_logits(pairs)[label, None].sigmoid(), table, (SIDE, SIDE), model().config.threshold)
    group = model().detector.config.group_size or 1
    every = maps[SCORES][0].unflatten(0, (-1, group, group))
    chosen = every[2 * label + (which == INSIDE)]
    outside, inside = pairs[label]
    return View(scene, box, label, min(parts, group**2), chosen, which, outside, inside, probs, pasted[0])


def draw(view: View) -> Figure:
    """The scene with the box and its parts; the maps, each with its part framed; what is assembled, and the mask."""
    figure = bare_figure(9.2, 3.3)
    spaces = {"left": 0.01, "right": 0.99, "bottom": 0.03, "top": 0.89, "wspace": 0.1, "hspace": 0.3}
    grid = figure.add_gridspec(2, 4, width_ratios=(2.1, 2.1, 1, 1), **spaces)
    draw_scene(figure.add_subplot(grid[:, 0]), view)
    draw_maps(figure.add_subplot(grid[:, 1]), view)
    bound = view.bound
    for place, title, values in ((0, OUTSIDE, view.outside), (1, INSIDE, view.inside)):
        ax = figure.add_subplot(grid[place, 2])
        draw_cells(ax, view, values, -bound, bound, "PuOr_r")
        ax.set_title(title)
    ax = figure.add_subplot(grid[0, 3])
    draw_cells(ax, view, (view.inside - view.outside).sigmoid(), 0.0, 1.0, "viridis")
    ax.set_title("mask")
    ax = figure.add_subplot(grid[1, 3])
    draw_cells(ax, view, torch.maximum(view.inside, view.outside), -bound, bound, "PuOr_r")
    ax.set_title("larger of the two")
    return figure


def draw_scene(ax: Axes, view: View) -> None:
    """The scene with the box, its parts, and the mask once all of them are there."""
    draw_image(ax, view.scene.image)
    whole = view.done == view.maps.shape[0] ** 2
    if whole:
        overlay = np.zeros((*view.pasted.shape, 4))
        overlay[view.pasted.numpy()] = (0.84, 0.37, 0.0, 0.6)
        ax.imshow(overlay, interpolation="nearest")
    _draw_box(ax, view, 0, 0)
    ax.set_title(f"{CLASSES[view.label]}: probability {view.probs[view.label]:.2f}")


def draw_maps(ax: Axes, view: View) -> None:
    """G × G maps side by side, each as large as the image, and in each the part of the box that is read from it."""
    group, gap = len(view.maps), 8
    step = SIDE + gap
    bound = view.bound
    grid = model().features.grids[SCORES]
    for row in range(group):
        for column in range(group):
            low = [grid.start - grid.stride / 2 + step * k for k in (column, row)]
            high = [a + grid.stride * n for a, n in zip(low, view.maps.shape[:1:-1], strict=True)]
            extent = (low[0], high[0], high[1], low[1])
            ax.imshow(view.maps[row, column].numpy(), extent=extent, vmin=-bound, vmax=bound, cmap="PuOr_r")
            number = row * group + column
            _draw_box(ax, view, step * column, step * row, number if number < view.done else None, lines=False)
    ax.set(xlim=(-4, group * step - gap + 3), ylim=(group * step - gap + 3, -4))
    ax.set_axis_off()
    ax.set_title(f"maps of “{view.which}”, one for each part")


def _draw_box(ax: Axes, view: View, right: int, down: int, part: int | None = None, lines: bool = True) -> None:
    """The box moved by so many pixels, with the lines between its parts, or with one part filled."""
    x0, x1 = (side + right - 0.5 for side in view.box[::2])
    y0, y1 = (side + down - 0.5 for side in view.box[1::2])
    group = len(view.maps)
    ax.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=FRAME, linewidth=1.6))
    wide, tall = (x1 - x0) / group, (y1 - y0) / group
    if lines:
        ax.vlines([x0 + wide * i for i in range(1, group)], y0, y1, color=FRAME, linewidth=0.8)
        ax.hlines([y0 + tall * i for i in range(1, group)], x0, x1, color=FRAME, linewidth=0.8)
    if part is not None:
        corner = (x0 + wide * (part % group), y0 + tall * (part // group))
        ax.add_patch(Rectangle(corner, wide, tall, fill=False, edgecolor=PART, linewidth=2))


def draw_cells(ax: Axes, view: View, values: Tensor, low: float, high: float, colours: str) -> None:
    """The cells that are assembled so far."""
    shown = torch.where(view.there, values, torch.nan)
    ax.imshow(shown.numpy(), vmin=low, vmax=high, cmap=colours)
    ax.set(xticks=[], yticks=[])


def caption(view: View) -> str:
    """How far the assembling is, what the region is taken for, and how well the mask fits."""
    group = len(view.maps)
    if view.done < group**2:
        return (
            f"<b>{view.done} of {group**2} parts are assembled.</b> Each part is copied from its own map (framed); the "
            "mask is drawn when all are there."
        )
    best = int(view.probs.argmax())
    name = CLASSES[best] if best else "background"
    return (
        f"<b>The region is taken for: {name}, probability {view.probs[best]:.2f}.</b> As {CLASSES[view.label]} its "
        f"mask covers {int(view.pasted.sum())} pixels; its best IoU with a true object is {view.iou:.2f}."
    )


def true_box(name: str) -> tuple[str, list[int]]:
    """The class of a scene's first object, and its box as left, top, width, height."""
    objects = seen(int(name.split()[-1]))[0].instances
    x0, y0, x1, y1 = (int(side) for side in objects.boxes[0].tolist())
    return CLASSES[int(objects.labels[0])], [x0, y0, x1 - x0, y1 - y0]


def lab() -> Lab:
    """Scene, class, whose maps are looked at, the box, and how many parts are assembled, which can be played."""
    name = "scene 3"
    shown, (left, top, width, height) = true_box(name)
    names = [f"scene {number}" for number in range(SCENES)]
    controls: dict[str, widgets.Widget] = {
        "name": widgets.Dropdown(options=names, value=name, description="image", style=NAMES),
        "shown": widgets.Dropdown(options=list(CLASSES[1:]), value=shown, description="as class", style=NAMES),
        "which": widgets.Dropdown(options=[INSIDE, OUTSIDE], description="maps of", style=NAMES),
        "left": slider("left", left, 0, SIDE - 8),
        "top": slider("top", top, 0, SIDE - 8),
        "width": slider("width", width, 8, SIDE),
        "height": slider("height", height, 8, SIDE),
        "parts": slider("parts", 9, 0, 9),
    }

    def own_box() -> dict[str, int | str]:
        label, box = true_box(controls["name"].value)
        return {"shown": label, **dict(zip(("left", "top", "width", "height"), box, strict=True))}

    return Lab(controls, compute, draw, caption, walks="parts", buttons={"box of the first object": own_box})


STILLS = {"left": range(16, 73, 8), "parts": (1, 4, 9)}
"""What the course's site lets a reader move, where there is no kernel: control → positions."""
