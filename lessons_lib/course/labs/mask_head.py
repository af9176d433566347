"""Laboratory of lesson 14: an X-ray of the mask head, all K masks of a detection and the one that is chosen."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np
import torch
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor
from torch.nn import functional as F

from lessons_lib.course.labs.lab import NAMES, Lab, bare_figure, slider
from lessons_lib.course.plotting import draw_image
from lessons_lib.data.files import read_photo
from lessons_lib.data.photo import sample_photo
from lessons_lib.data.sample import Instances
from lessons_lib.data.scenes import CLASSES, PRESETS, draw_scenes
from lessons_lib.models.instance.build_masks import mask_rcnn
from lessons_lib.models.instance.mask_rcnn import MaskRCNN
from lessons_lib.ops.masks import pairwise_mask_iou
from lessons_lib.ops.pasting import paste_masks
from lessons_lib.shipped import load_checkpoint

SCENES, UNSEEN_SEED = 20, 1
PORTRAIT, OWN, CHOSEN = "portrait", "your photograph", "the chosen class"
SIDE = 96
"""Pixels of the shorter side of a photograph, as small as the scenes that the network has learned from."""
FOUND, SHOWN = "#F0E442", "#D55E00"
Image = Float[Tensor, "3 _ _"]


@dataclass(frozen=True, eq=False)
class View:
    """One detection of an image, or none: its K masks, the one that is shown, and its pixels in the image."""

    image: Image
    truth: Instances | None
    found: Instances
    number: int
    masks: Float[Tensor, "K m m"]
    shown: int
    """The class whose mask is shown; `chosen` is the class that the box head named."""
    chosen: int
    threshold: float
    pasted: Bool[Tensor, "H W"]

    @property
    def iou(self) -> float | None:
        """IoU of the shown mask with the true object that it fits best; None without truth."""
        if self.truth is None or not len(self.truth):
            return None
        return pairwise_mask_iou(self.pasted[None], self.truth.known_masks).max().item()


@cache
def model() -> MaskRCNN:
    """The shipped Mask R-CNN."""
    made = mask_rcnn(len(CLASSES)).eval()
    load_checkpoint("mask_rcnn", made)
    return made


def small(photo: Image) -> Image:
    """A photograph with a shorter side of 96 pixels, averaged so that nothing flickers."""
    height, width = photo.shape[1:]
    scale = SIDE / min(height, width)
    size = [max(1, round(height * scale)), max(1, round(width * scale))]
    return F.interpolate(photo[None], size=size, mode="bilinear", antialias=True, align_corners=False)[0].clamp(0, 1)


def images(photo: Path | str | None = None) -> dict[str, Callable[[], tuple[Image, Instances | None]]]:
    """What can be looked at, by name: unseen scenes, a portrait, and a photograph of your own where there is one."""

    def scene(number: int) -> tuple[Image, Instances | None]:
        drawn = draw_scenes([number], replace(PRESETS["easy"], void_border=False), UNSEEN_SEED)[0]
        return drawn.image, drawn.instances

    every: dict[str, Any] = {} if photo is None else {OWN: lambda: (small(read_photo(photo)), None)}
    every |= {f"scene {number}": partial(scene, number) for number in range(SCENES)}
    return every | {PORTRAIT: lambda: (small(sample_photo()), None)}


def looker(photo: Path | str | None = None) -> Callable[..., View]:
    """`compute` for the images at hand; each image goes through the network once."""
    every = images(photo)

    @cache
    def stages(name: str) -> tuple[Image, Instances | None, dict[str, dict[str, Any]]]:
        image, truth = every[name]()
        with torch.inference_mode():
            return image, truth, dict(model().stages(image))

    return lambda name, number, shown, threshold: compute(stages(name), number, shown, threshold)


def compute(
    seen: tuple[Image, Instances | None, dict[str, dict[str, Any]]], number: int, shown: str, threshold: int
) -> View:
    """Detection `number` (from 1) of an image that went through the network; the mask of the class called `shown`.

    `threshold` is in per cent. Where the network found nothing, the view has no detection and empty masks.
    """
    image, truth, stages = seen
    found: Instances = stages["detections"]["instances"]
    number = min(number, len(found))
    if number == 0:
        nothing = torch.zeros(image.shape[1:], dtype=torch.bool)
        return View(image, truth, found, 0, torch.zeros(len(CLASSES), 28, 28), 0, 0, threshold / 100, nothing)
    one = number - 1
    masks = stages["mask_logits"]["logits"][one].sigmoid()
    chosen = int(found.labels[one])
    channel = chosen if shown == CHOSEN else CLASSES.index(shown)
    pasted = paste_masks(masks[channel, None], found.boxes[one, None], image.shape[1:], threshold / 100)[0]
    return View(image, truth, found, number, masks, channel, chosen, threshold / 100, pasted)


def draw(view: View) -> Figure:
    """The image with the pasted mask and its box; all masks of the detection, and the one that is shown, large."""
    figure = bare_figure(8.8, 3.3)
    spaces = {"left": 0.01, "right": 0.98, "bottom": 0.03, "top": 0.89, "wspace": 0.08}
    left, middle, right = figure.subplots(1, 3, gridspec_kw={**spaces, "width_ratios": (1, 1.35, 1)})
    draw_pasted(left, view)
    draw_sheet(middle, view)
    right.imshow(view.masks[view.shown].numpy(), vmin=0, vmax=1, cmap="viridis")
    mask = view.masks[view.shown].numpy()
    if mask.min() < view.threshold < mask.max():
        right.contour(mask, [view.threshold], colors="white", linewidths=1.5)
    right.set(xticks=[], yticks=[])
    right.set_title(f"mask of {CLASSES[view.shown]}, cut at {view.threshold:.2f}")
    return figure


def draw_pasted(ax: Axes, view: View) -> None:
    """The image, the detection's box (yellow) and the pixels of the shown mask."""
    draw_image(ax, view.image)
    overlay = np.zeros((*view.pasted.shape, 4))
    overlay[view.pasted.numpy()] = (0.84, 0.37, 0.0, 0.6)
    ax.imshow(overlay, interpolation="nearest")
    if view.number:
        x0, y0, x1, y1 = view.found.boxes[view.number - 1].tolist()
        ax.add_patch(Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, edgecolor=FOUND, linewidth=1.8))
        assert view.found.scores is not None
        ax.set_title(f"{CLASSES[view.chosen]}, confidence {view.found.scores[view.number - 1]:.2f}")
    else:
        ax.set_title("nothing found")


def draw_sheet(ax: Axes, view: View) -> None:
    """All K masks side by side, the probabilities from 0 (dark) to 1; the chosen class is framed."""
    count, m = view.masks.shape[:2]
    columns, gap = 4, 10
    rows, step = -(-count // columns), m + gap
    sheet = np.full((rows * step, columns * step), np.nan)
    for k in range(count):
        top, start = k // columns * step + gap, k % columns * step
        sheet[top : top + m, start : start + m] = view.masks[k].numpy()
        name = CLASSES[k] if k else "(background)"
        ax.text(start + m / 2, top - 2.5, name, fontsize=7.5, ha="center", va="bottom")
        for number, colour in ((view.chosen, FOUND), (view.shown, SHOWN)):
            if k == number and view.number:
                pad = 0.5 if colour == FOUND else 2.0
                frame = Rectangle((start - pad, top - pad), m + 2 * pad - 1, m + 2 * pad - 1, fill=False)
                ax.add_patch(frame)
                frame.set(edgecolor=colour, linewidth=2)
    ax.imshow(sheet, vmin=0, vmax=1, cmap="viridis")
    ax.set(xlim=(-3, columns * step - gap + 3), ylim=(rows * step + 2, -2))
    ax.set_axis_off()
    ax.set_title(f"{count} masks of {m} × {m}, one for each class")


def caption(view: View) -> str:
    """Which detection, which mask, how many pixels, and how well it fits."""
    if not view.number:
        return "The network found nothing in this image: no region had a confidence of at least 0.05."
    text = (
        f"<b>Detection {view.number} of {len(view.found)}: {CLASSES[view.chosen]}.</b> "
        f"The mask of {CLASSES[view.shown]} covers {int(view.pasted.sum())} pixels. "
    )
    if view.iou is None:
        return text + "The network has seen nothing but scenes: what it calls things in a photograph is a guess."
    return text + f"Its best IoU with a true object is {view.iou:.2f}."


def lab(photo: Path | str | None = None) -> Lab:
    """Image, detection, the class whose mask is shown, and the threshold; `photo` is an image file of your own."""
    controls: dict[str, widgets.Widget] = {
        "name": widgets.Dropdown(options=list(images(photo)), description="image", style=NAMES),
        "number": slider("detection", 1, 1, 10),
        "shown": widgets.Dropdown(options=[CHOSEN, *CLASSES[1:]], description="mask of", style=NAMES),
        "threshold": slider("threshold, %", 50, 5, 95),
    }
    return Lab(controls, looker(photo), draw, caption, lambda view: {"number": max(1, len(view.found))})


STILLS = {"number": range(1, 7), "threshold": (20, 35, 50, 65, 80)}
"""What the course's site lets a reader move, where there is no kernel: control → positions."""
