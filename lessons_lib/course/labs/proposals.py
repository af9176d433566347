"""Laboratory of lesson 11: the proposal browser, from superpixels through the proposals to the regions that stay."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import ipywidgets as widgets
import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from lessons_lib.course.labs.lab import NAMES, Lab, bare_figure, slider
from lessons_lib.course.plotting import draw_image
from lessons_lib.data.sample import Instances
from lessons_lib.data.scenes import CLASSES, PRESETS, draw_scenes
from lessons_lib.models.instance.sds import SDS, sds
from lessons_lib.ops.segments import Segments
from lessons_lib.shipped import load_checkpoint

SCENES, UNSEEN_SEED = 20, 1
MOST = 200
WORTH, OBJECT, CONFIDENCE = "worth", "IoU with an object", "confidence"
ORDERS = (WORTH, OBJECT, CONFIDENCE)
"""How the proposals are sorted: as they are proposed, by the truth, or by what the network says."""
SHOWN, MISSED = (0.84, 0.37, 0.0, 0.55), "#D55E00"


@dataclass(frozen=True, eq=False)
class View:
    """One proposal of a scene, `number` from 1, or none; the first `count` proposals, and which objects they cover."""

    image: Float[Tensor, "3 H W"]
    truth: Instances
    segments: Segments
    order: Int64[Tensor, " P"]
    number: int
    iou: Float[Tensor, "P G"]
    crops: tuple[Float[Tensor, "3 c c"], Float[Tensor, "3 c c"]] | None
    probs: Float[Tensor, " K"] | None

    @property
    def proposal(self) -> int:
        """The position of the shown proposal among all."""
        return int(self.order[self.number - 1])

    @property
    def covered(self) -> Bool[Tensor, " G"]:
        """Which objects one of the proposals up to the shown one covers at IoU 0.5."""
        return (self.iou[self.order[: self.number]] >= 0.5).any(0)


@cache
def model() -> SDS:
    """The shipped SDS."""
    made = sds(len(CLASSES)).eval()
    load_checkpoint("sds", made)
    return made


def looker() -> Callable[..., View]:
    """`compute` for unseen scenes; each goes through the network once."""

    @cache
    def seen(scene: int) -> tuple[Instances, dict[str, dict[str, Any]]]:
        (drawn,) = draw_scenes([scene], replace(PRESETS["easy"], void_border=False), UNSEEN_SEED)
        with torch.inference_mode():
            return drawn.instances, dict(model().stages(drawn.image))

    return lambda scene, order, number: compute(*seen(scene), order, number)


def compute(truth: Instances, stages: dict[str, dict[str, Any]], order: str, number: int) -> View:
    """Proposal `number`, from 1, of a scene that went through the network, in one of the `ORDERS`."""
    segments, probs = stages["proposals"]["segments"], stages["scores"]["probs"]
    iou = segments.iou(truth.known_masks).float()
    worth = {
        WORTH: -torch.arange(len(segments)),
        OBJECT: iou.amax(1) if iou.shape[1] else torch.zeros(len(segments)),
        CONFIDENCE: 1 - probs[:, 0],
    }[order]
    ranked = worth.argsort(descending=True, stable=True)
    number = min(number, len(segments))
    crops = stages["crops"]
    which = int(ranked[number - 1]) if number else 0
    pair = (crops["box"][which], crops["region"][which]) if number else None
    return View(stages["image"]["image"], truth, segments, ranked, number, iou, pair, probs[which] if number else None)


def draw(view: View) -> Figure:
    """The superpixels, the image with the proposal and its box, its two crops, and what the network says of it."""
    figure = bare_figure(9.2, 2.7)
    places = {"left": 0.01, "right": 0.985, "bottom": 0.16, "top": 0.86, "wspace": 0.1}
    axes = figure.subplots(1, 6, gridspec_kw={**places, "width_ratios": (1.25, 1.25, 0.8, 0.8, 0.35, 0.75)})
    draw_superpixels(axes[0], view.image, view.segments.label_map)
    axes[0].set_title(f"{view.segments.members.shape[1]} superpixels")
    draw_proposal(axes[1], view)
    for ax, title, place in ((axes[2], "box crop", 0), (axes[3], "region crop", 1)):
        ax.set(xticks=[], yticks=[])
        if view.crops is not None:
            draw_image(ax, view.crops[place].clamp(0, 1))
        ax.set_title(title)
    axes[4].set_axis_off()  # room for the names
    bars = view.probs if view.probs is not None else torch.zeros(len(CLASSES))
    axes[5].barh(range(9), bars[:9].numpy(), color="#0072B2")
    axes[5].set_yticks(range(9), ["background", *CLASSES[1:9]], fontsize=8)
    axes[5].tick_params(axis="y", length=0)
    axes[5].invert_yaxis()
    axes[5].set(xlim=(0, 1), xlabel="confidence")
    return figure


def draw_superpixels(ax: Axes, image: Float[Tensor, "3 H W"], label_map: Int64[Tensor, "H W"]) -> None:
    """The image with a line wherever two neighbouring pixels are in different superpixels."""
    draw_image(ax, image)
    labels = label_map.numpy()
    edge = np.zeros((*labels.shape, 4))
    across, down = labels[:, 1:] != labels[:, :-1], labels[1:] != labels[:-1]
    border = np.zeros(labels.shape, dtype=bool)
    border[:, 1:] |= across
    border[1:] |= down
    edge[border] = (1, 1, 1, 0.55)
    ax.imshow(edge, interpolation="nearest")


def draw_proposal(ax: Axes, view: View) -> None:
    """The image with the shown proposal and its box; objects that are not covered so far are framed, dashed."""
    draw_image(ax, view.image)
    for box, covered in zip(view.truth.boxes.tolist(), view.covered.tolist(), strict=True):
        if not covered:
            _frame(ax, box, color=MISSED, linestyle="--")
    if not view.number:
        ax.set_title("no proposals")
        return
    overlay = np.zeros((*view.segments.label_map.shape, 4))
    overlay[view.segments[view.order[view.number - 1 : view.number]].masks[0].numpy()] = SHOWN
    ax.imshow(overlay, interpolation="nearest")
    _frame(ax, view.segments.boxes[view.proposal].tolist(), color="#F0E442")
    ax.set_title(f"proposal {view.number} of {len(view.segments)}")


def _frame(ax: Axes, box: list[float], **style: Any) -> None:
    x0, y0, x1, y1 = box
    ax.add_patch(Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, linewidth=1.6, **style))


def caption(view: View) -> str:
    """Which object the proposal fits best, how many are covered so far, and what the network calls it."""
    if not view.number:
        return "Nothing is proposed in this image."
    found = f"<b>{int(view.covered.sum())} of {len(view.truth)} objects</b> are covered by the first {view.number}."
    assert view.probs is not None
    label = int(view.probs.argmax())
    name = f"{CLASSES[label] if label else 'background'}, {view.probs[label]:.2f}"
    if not len(view.truth):
        return f"There is no object here. The network says {name}."
    value, best = view.iou[view.proposal].max(0)
    fit = f"This one has an IoU of {value:.2f} with the {CLASSES[int(view.truth.labels[best])]} that it fits best."
    return f"{found} {fit} The network says {name}."


def lab() -> Lab:
    """The scene, the order of the proposals, and which of them is shown."""
    controls: dict[str, widgets.Widget] = {
        "scene": slider("scene", 3, 0, SCENES - 1),
        "order": widgets.Dropdown(options=list(ORDERS), description="sorted by", style=NAMES),
        "number": slider("proposal", 1, 1, MOST),
    }
    return Lab(controls, looker(), draw, caption, lambda view: {"number": max(1, len(view.segments))})


STILLS = {"scene": range(3, 6), "number": (1, 5, 20, 60, 200)}
"""What the course's site lets a reader move, where there is no kernel: control → positions."""
