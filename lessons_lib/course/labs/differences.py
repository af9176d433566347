"""Laboratory of lesson 19: two systems of the scoreboard on one unseen scene, and what only one of them has found."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import ipywidgets as widgets
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lessons_lib.course.labs.lab import NAMES, Lab, bare_figure, slider
from lessons_lib.course.plotting import draw_image, draw_instances
from lessons_lib.data.sample import Instances, Sample
from lessons_lib.data.scenes import CLASSES
from lessons_lib.metrics.error_kinds import kinds_of
from lessons_lib.ops.boxes import pairwise_box_iou
from lessons_lib.ops.masks import decode_rle
from lessons_lib.scoreboard.protocol import Protocol
from lessons_lib.scoreboard.run import SHOWN
from lessons_lib.scoreboard.systems import SYSTEMS
from lessons_lib.shipped import results

MISSED, FOUND = "#D55E00", "#56B4E9"


@dataclass(frozen=True, eq=False)
class Side:
    """A system on the scene: what it found, the kind of each detection, and which true objects are among them."""

    words: str
    found: Instances
    kinds: tuple[str | None, ...]
    hits: tuple[bool, ...]


@dataclass(frozen=True, eq=False)
class View:
    """The scene and both systems."""

    scene: Sample
    number: int
    sides: tuple[Side, Side]


@cache
def scenes() -> list[Sample]:
    """The unseen scenes of which the scoreboard keeps the detections."""
    protocol = Protocol(unseen=SHOWN)
    return protocol.judged_on(protocol.settings(SYSTEMS["mnc"], 1, 0))[0]


def systems() -> dict[str, str]:
    """The rows of which there are detections: words → name."""
    return {row["words"]: name for name, row in results("scoreboard")["rows"].items() if "found" in row["runs"][0]}


@cache
def detections(name: str, number: int) -> Instances:
    """What a row's first seed found in a scene."""
    entry = results("scoreboard")["rows"][name]["runs"][0]["found"][number]
    height, width = scenes()[number].label_map.shape
    masks = entry["masks"]
    if masks is not None:
        masks = decode_rle([{"size": [height, width], "counts": counts} for counts in masks], (height, width))
    boxes = torch.tensor(entry["boxes"], dtype=torch.float32).reshape(-1, 4)
    return Instances(boxes, torch.tensor(entry["labels"], dtype=torch.int64), masks, torch.tensor(entry["scores"]))


def side(words: str, number: int, least: int) -> Side:
    """A system's detections of at least this confidence, judged by their boxes at IoU 0.5."""
    truth, found = scenes()[number].instances, detections(systems()[words], number)
    assert found.scores is not None
    found = found[found.scores >= least / 100]
    assert found.scores is not None
    iou = pairwise_box_iou(found.boxes.double(), truth.boxes.double())
    same = found.labels[:, None] == truth.labels[None, :]
    nobody = torch.zeros(len(truth), dtype=torch.bool)
    kinds = kinds_of(iou, same, found.scores, nobody)
    right = torch.tensor([kind == "right" for kind in kinds], dtype=torch.bool)
    hits = (iou * same)[right].ge(0.5).any(0) if right.any() else nobody
    return Side(words, found, tuple(kinds), tuple(hits.tolist()))


def compute(first: str, second: str, number: int, least: int) -> View:
    """Both systems on scene `number`, with detections of at least `least` per cent."""
    return View(scenes()[number], number, (side(first, number, least), side(second, number, least)))


def draw(view: View) -> Figure:
    """The truth, and beside it both systems; a dashed frame is an object that this system alone has missed."""
    figure = bare_figure(8.8, 3.2)
    spaces = {"left": 0.01, "right": 0.99, "bottom": 0.03, "top": 0.9, "wspace": 0.05}
    axes = figure.subplots(1, 3, gridspec_kw=spaces)
    draw_instances(axes[0], view.scene.image, view.scene.instances, names=CLASSES)
    axes[0].set_title(f"scene {view.number}: the truth")
    for ax, own, other in zip(axes[1:], view.sides, view.sides[::-1], strict=True):
        if len(own.found):
            draw_instances(ax, view.scene.image, own.found, names=CLASSES)
        else:
            draw_image(ax, view.scene.image)
        frame_missed(ax, view.scene.instances, own, other)
        ax.set_title(own.words)
    return figure


def frame_missed(ax: Axes, truth: Instances, own: Side, other: Side) -> None:
    """Dashed frames around the objects that the other system has found and this one has not."""
    for box, mine, theirs in zip(truth.boxes.tolist(), own.hits, other.hits, strict=True):
        if theirs and not mine:
            x0, y0, x1, y1 = box
            ax.add_patch(
                Rectangle(
                    (x0 - 1.5, y0 - 1.5), x1 - x0 + 2, y1 - y0 + 2, fill=False, edgecolor=MISSED, linestyle="--",
                    linewidth=2,
                )
            )  # fmt: skip


def caption(view: View) -> str:
    """What each has found, and what only one of them has."""
    first, second = view.sides
    total = len(view.scene.instances)
    text = "; ".join(f"<b>{one.words}:</b> {sum(one.hits)} of {total} objects, {_others(one)}" for one in view.sides)
    return f"{text}. Found by the first alone: {alone(first, second)}; by the second alone: {alone(second, first)}."


def alone(one: Side, other: Side) -> int:
    """How many objects one has found and the other has not."""
    return sum(mine and not theirs for mine, theirs in zip(one.hits, other.hits, strict=True))


def _others(one: Side) -> str:
    wrong = [kind for kind in one.kinds if kind not in ("right", None)]
    counts = ", ".join(f"{wrong.count(kind)} {kind}" for kind in dict.fromkeys(wrong))
    return f"mistakes: {counts}" if counts else "no mistakes"


def lab() -> Lab:
    """Two systems, a scene, and the least confidence."""
    names = list(systems())
    controls: dict[str, widgets.Widget] = {
        "first": widgets.Dropdown(options=names, value=names[0], description="first system", style=NAMES),
        "second": widgets.Dropdown(options=names, value=names[-1], description="second system", style=NAMES),
        "number": slider("scene", 0, 0, SHOWN - 1),
        "least": slider("confidence, %", 50, 30, 95),
    }
    return Lab(controls, compute, draw, caption)


STILLS: dict[str, Any] = {
    "second": tuple(system.words for system in SYSTEMS.values() if system.has_masks),
    "number": range(2),
}
"""What the course's site lets a reader move, where there is no kernel: control → positions."""
