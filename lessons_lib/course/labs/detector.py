"""Laboratory of lesson 13: one image goes through a trained detector, stage by stage."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import ipywidgets as widgets
import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from torch import Tensor

from lessons_lib.course.labs.lab import NAMES, Lab, bare_figure, slider
from lessons_lib.course.plotting import draw_image
from lessons_lib.data.sample import Sample
from lessons_lib.data.scenes import CLASSES, PRESETS, draw_scenes
from lessons_lib.models.instance.build import faster_rcnn
from lessons_lib.models.instance.faster_rcnn import FasterRCNN
from lessons_lib.ops.boxes import pairwise_box_iou
from lessons_lib.shipped import load_checkpoint

STAGES = ("1 anchors", "2 objectness", "3 proposals", "4 after NMS", "5 regions", "6 detections")
SCENES = 20
UNSEEN_SEED = 1
FOUND, TRUTH, BARS = "#F0E442", "#ffffff", "#0072B2"


@dataclass(frozen=True, eq=False)
class View:
    """What one stage made of an image: boxes, best first, and a panel beside them."""

    sample: Sample
    stage: str
    boxes: Float[Tensor, "n 4"]
    scores: Float[Tensor, " n"]
    words: tuple[str, ...]
    """A name beside each box, or nothing."""
    total: int
    """How many boxes the stage made; `boxes` are the best of them."""
    panel: Tensor
    """A map (h, w), the read features of regions (n, h, w), or confidences (n,), as the stage says."""

    @property
    def covered(self) -> int:
        """How many objects one of the shown boxes overlaps by an IoU of at least one half."""
        if not len(self.boxes) or not len(self.sample.instances):
            return 0
        return int((pairwise_box_iou(self.sample.instances.boxes, self.boxes).amax(1) >= 0.5).sum())


@cache
def model() -> FasterRCNN:
    """The shipped detector."""
    made = faster_rcnn(len(CLASSES)).eval()
    load_checkpoint("faster_rcnn", made)
    return made


@cache
def scene(number: int) -> Sample:
    """A scene that the detector has not seen, without void borders."""
    return draw_scenes([number], replace(PRESETS["easy"], void_border=False), UNSEEN_SEED)[0]


@cache
def all_stages(number: int, threshold: int) -> dict[str, dict[str, Any]]:
    """Everything that the detector does with a scene, by stage, with the RPN's NMS at `threshold` per cent."""
    detector = model()
    usual = detector.config
    detector.config = replace(usual, rpn_nms=threshold / 100)
    try:
        with torch.inference_mode():
            return dict(detector.stages(scene(number).image))
    finally:
        detector.config = usual


def compute(number: int, stage: str, shown: int, threshold: int) -> View:
    """The best `shown` boxes of a stage of scene `number`; `threshold` is that of the RPN's NMS, in per cent."""
    sample, stages = scene(number), all_stages(number, threshold)
    anchors = torch.cat(stages["anchors"]["anchors"])
    objectness = torch.cat(stages["objectness"]["objectness"]).sigmoid()
    height, width = stages["features"]["maps"][model().config.rpn_levels[0]].shape[2:]
    likely = objectness[: height * width * (len(objectness) // (height * width))].view(height, width, -1).amax(2)
    words: tuple[str, ...] = ()
    panel = likely
    if stage == "1 anchors":
        kinds = len(anchors) // (height * width)
        middle = (height // 2 * width + width // 2) * kinds
        boxes, scores, total = anchors[middle : middle + kinds], torch.ones(kinds), len(anchors)
    elif stage == "2 objectness":
        scores, order = objectness.sort(descending=True)
        boxes, total = anchors[order], len(anchors)
    elif stage in ("3 proposals", "4 after NMS"):
        proposals = stages["proposals"]["before" if stage == "3 proposals" else "after"]
        boxes, scores = (x[0][proposals.valid[0]] for x in (proposals.boxes, proposals.scores))
        total = len(boxes)
    elif stage == "5 regions":
        boxes, probs = stages["regions"]["boxes"], stages["scores"]["probs"]
        scores, label = probs.max(1)
        words = tuple("nothing" if k == 0 else CLASSES[k] for k in label.tolist())
        total, panel = len(boxes), stages["regions"]["features"].mean(1)[:16]
    else:
        found = stages["detections"]["instances"]
        assert found.scores is not None
        boxes, scores, total = found.boxes, found.scores, len(found)
        words = tuple(CLASSES[k] for k in found.labels.tolist())
        panel = scores
    return View(sample, stage, boxes[:shown], scores[:shown], words[:shown], total, panel)


def draw(view: View) -> Figure:
    """The image with the boxes of the stage (yellow; the stronger, the surer) and the true ones (white, dashed)."""
    figure = bare_figure(7.8, 3.9)
    spaces = {"left": 0.01, "right": 0.98, "bottom": 0.1, "top": 0.9, "wspace": 0.12, "width_ratios": (1, 1)}
    left, right = figure.subplots(1, 2, gridspec_kw=spaces)
    draw_image(left, view.sample.image)
    draw_boxes(left, view.sample.instances.boxes, TRUTH, linestyle="--", linewidth=1.0)
    draw_boxes(left, view.boxes, FOUND, alpha=(0.25 + 0.75 * view.scores.clamp(0, 1)).tolist(), linewidth=1.6)
    for box, word, score in zip(view.boxes.tolist(), view.words, view.scores.tolist(), strict=False):
        if len(view.boxes) <= 12:
            left.text(box[0], box[1] - 1, f"{word} {score:.2f}", fontsize=7.5, color="black",
                      bbox={"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 0.8})  # fmt: skip
    left.set_title(f"{view.stage}: {len(view.boxes)} of {view.total}")
    draw_panel(right, view)
    return figure


def draw_boxes(ax: Axes, boxes: Float[Tensor, "n 4"], colour: str, **style: Any) -> None:
    """Frames; a box from 0 to 96 surrounds the pixels 0 to 95, so its edge lies half a pixel before pixel 0."""
    x0, y0, x1, y1 = boxes.double().sub(0.5).unbind(1)
    corners = torch.stack([x0, y0, x1, y0, x1, y1, x0, y1, x0, y0], 1).view(-1, 5, 2)
    ax.add_collection(LineCollection(list(corners.numpy()), colors=colour, **style), autolim=False)


def draw_panel(ax: Axes, view: View) -> None:
    """What the stage computed: where something is, what was read, or how sure it is."""
    if view.panel.dim() == 2:
        ax.imshow(view.panel.numpy(), vmin=0, vmax=1, cmap="viridis")
        ax.set(xticks=[], yticks=[])
        ax.set_title("objectness of the likeliest anchor, 0 to 1")
    elif view.panel.dim() == 3:
        count, side = view.panel.shape[0], view.panel.shape[1]
        sheet = np.full((4 * (side + 1) - 1, 4 * (side + 1) - 1), np.nan)
        for i in range(count):
            row, column = divmod(i, 4)
            top, start = row * (side + 1), column * (side + 1)
            sheet[top : top + side, start : start + side] = view.panel[i].numpy()
        ax.imshow(sheet, cmap="viridis")
        ax.set(xticks=[], yticks=[])
        ax.set_title("features of the first regions, channels averaged")
    else:
        values = view.panel[: max(len(view.boxes), 1)].numpy()
        ax.barh(range(len(values)), values, color=BARS)
        ax.set_yticks(range(len(values)), view.words or [""] * len(values), fontsize=8)
        ax.set(xlim=(0, 1), xlabel="confidence", ylim=(max(len(values), 4) - 0.5, -0.5))
        ax.set_title("detections")


def caption(view: View) -> str:
    """How many boxes the stage made, how many are shown, and how many objects these cover."""
    objects = len(view.sample.instances)
    kinds = {"1 anchors": "anchors, of which the ones around the middle cell are drawn", "2 objectness": "anchors"}
    what = kinds.get(view.stage, {"6 detections": "detections", "5 regions": "regions"}.get(view.stage, "proposals"))
    return (
        f"<b>Stage {view.stage}.</b> {view.total} {what}; {len(view.boxes)} shown. "
        f"Of {objects} objects they cover {view.covered} by an IoU of at least 0.5."
    )


def lab() -> Lab:
    """Scene, stage, how many boxes are shown, and the threshold of the RPN's NMS."""
    controls: dict[str, widgets.Widget] = {
        "number": slider("scene", 3, 0, SCENES - 1),
        "stage": widgets.Dropdown(options=STAGES, description="stage", style=NAMES),
        "shown": slider("boxes shown", 16, 1, 64),
        "threshold": slider("RPN's NMS, %", 70, 10, 100),
    }
    return Lab(controls, compute, draw, caption)


STILLS = {"number": range(4), "stage": STAGES}
"""What the course's site lets a reader move, where there is no kernel: control → positions."""
