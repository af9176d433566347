"""Laboratory of lesson 15, a stage toggler: what MNC would put out after each stage, and one region followed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import ipywidgets as widgets
import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from lessons_lib.course.labs.lab import NAMES, Lab, bare_figure, slider
from lessons_lib.course.plotting import draw_image, draw_instances
from lessons_lib.data.photo import sample_photo
from lessons_lib.data.sample import Instances
from lessons_lib.data.scenes import CLASSES, PRESETS, draw_scenes
from lessons_lib.models.instance.build_mnc import mnc
from lessons_lib.models.instance.candidates import Candidates, candidates_after, voted
from lessons_lib.models.instance.mnc import MNC
from lessons_lib.ops.masks import pairwise_mask_iou
from lessons_lib.shipped import load_checkpoint

SCENES, UNSEEN_SEED = 20, 1
PORTRAIT = "portrait"
STAGES = {
    1: "1: boxes, filled", 2: "2: masks", 3: "3: classes", 4: "4: masks in the moved boxes", 5: "5: their classes",
    6: "all of them, voting",
}  # fmt: skip
"""What is put out, by the position of the slider; 6 is the whole system."""

OWN, BEFORE = "#F0E442", "#D55E00"
Seen = tuple[Float[Tensor, "3 H W"], Instances | None, dict[str, dict[str, Any]]]


@dataclass(frozen=True, eq=False)
class View:
    """An image after a stage: what is put out, and one region: its box, its first box, its mask and its name."""

    image: Float[Tensor, "3 H W"]
    truth: Instances | None
    found: Instances
    stage: int
    number: int
    """Which of the objects of the whole system is followed, from 1; 0 where there is none."""
    box: Float[Tensor, "4"]
    first_box: Float[Tensor, "4"]
    mask: Float[Tensor, "m m"]
    name: str

    @property
    def fit(self) -> float | None:
        """The best IoU with what was put out, of each true object, on average; None without truth."""
        if self.truth is None or not len(self.truth):
            return None
        if not len(self.found):
            return 0.0
        return pairwise_mask_iou(self.found.known_masks, self.truth.known_masks).max(0).values.mean().item()


@cache
def model() -> MNC:
    """The shipped MNC."""
    made = mnc(len(CLASSES)).eval()
    load_checkpoint("mnc", made)
    return made


def read(name: str) -> tuple[Float[Tensor, "3 H W"], Instances | None]:
    """The portrait, small and without truth, or an unseen scene "scene N" with its objects."""
    if name == PORTRAIT:
        photo = sample_photo()
        shape = [96, round(photo.shape[2] * 96 / photo.shape[1])]
        small = torch.nn.functional.interpolate(photo[None], size=shape, mode="bilinear", antialias=True)
        return small[0].clamp(0, 1), None
    preset = replace(PRESETS["easy"], void_border=False)
    (drawn,) = draw_scenes([int(name.removeprefix("scene "))], preset, UNSEEN_SEED)
    return drawn.image, drawn.instances


def looker() -> Callable[..., View]:
    """`compute` for images by name; each goes through the network once."""

    @cache
    def seen(name: str) -> Seen:
        image, truth = read(name)
        with torch.inference_mode():
            return image, truth, dict(model().stages(image))

    return lambda name, stage, number, least: compute(seen(name), stage, number, least)


def compute(seen: Seen, stage: int, number: int, least: int) -> View:
    """What is put out after `stage` (6: by all of them) with a confidence of at least `least` per cent.

    `number` (from 1) is the object of the whole system whose region is followed back to its proposal.
    """
    image, truth, stages = seen
    size, settings = image.shape[1:], (model().config, model().detector.config)
    final, region = stages["detections"]["instances"], stages["detections"]["region"]
    after = candidates_after(stages, min(stage, 5))
    found = final if stage == 6 else voted(after, size, size, *settings, voting=False)[0]
    assert found.scores is not None
    found = found[found.scores >= least / 100]
    number = min(number, len(final))
    if not number:
        nothing = torch.zeros(4)
        return View(image, truth, found, stage, 0, nothing, nothing, torch.zeros(28, 28), "nothing")
    one = int(region[number - 1]) % len(after.boxes)
    first = stages["stage_2"]["boxes"][one]
    return View(
        image, truth, found, stage, number, after.boxes[one], first, after.masks[one], name_of(after, one, stage)
    )


def name_of(after: Candidates, one: int, stage: int) -> str:
    """What a region is called after a stage, with its probability."""
    probs = after.probs[one]
    if stage <= 2:
        return f"an object, {probs[1]:.2f}"
    best = int(probs.argmax())
    return f"{CLASSES[best] if best else 'background'}, {probs[best]:.2f}"


def draw(view: View) -> Figure:
    """What is put out; the region that is followed, in the image; and its mask."""
    figure = bare_figure(8.8, 3.2)
    spaces = {"left": 0.01, "right": 0.98, "bottom": 0.03, "top": 0.89, "wspace": 0.06}
    left, middle, right = figure.subplots(1, 3, gridspec_kw=spaces)
    if len(view.found):
        draw_instances(left, view.image, view.found, names=CLASSES if view.stage >= 3 else ("", "object"))
    else:
        draw_image(left, view.image)
    left.set_title(f"after stage {STAGES[view.stage]}")
    draw_region(middle, view)
    right.imshow(view.mask.numpy(), vmin=0, vmax=1, cmap="viridis")
    right.set(xticks=[], yticks=[])
    right.set_title("its mask" if view.stage >= 2 else "filled: no mask yet")
    return figure


def draw_region(ax: Axes, view: View) -> None:
    """The box that is followed (yellow) and, where it has moved, the proposal that it came from (dashed)."""
    draw_image(ax, view.image)
    if not view.number:
        ax.set_title("nothing found")
        return
    for box, colour, style in ((view.first_box, BEFORE, "--"), (view.box, OWN, "-")):
        x0, y0, x1, y1 = box.tolist()
        frame = Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, linewidth=1.8)
        frame.set(edgecolor=colour, linestyle=style)
        ax.add_patch(frame)
    ax.set_title(view.name)


def caption(view: View) -> str:
    """How many objects are put out, how well the true ones are covered, and how far the box has moved."""
    text = f"<b>After stage {STAGES[view.stage]}:</b> {len(view.found)} objects. "
    if view.fit is not None:
        text += f"A true object's best IoU with them is {view.fit:.2f} on average. "
    if view.number:
        far = np.abs((view.box - view.first_box).numpy()).max()
        text += f"Region {view.number} is {view.name}; its box lies up to {far:.1f} pixels from its proposal."
    return text


def lab() -> Lab:
    """Image, stage, the region that is followed, and the least confidence."""
    controls: dict[str, widgets.Widget] = {
        "name": widgets.Dropdown(
            options=[*(f"scene {number}" for number in range(SCENES)), PORTRAIT], description="image", style=NAMES
        ),
        "stage": slider("stage", 1, 1, 6),
        "number": slider("region", 1, 1, 6),
        "least": slider("confidence, %", 50, 5, 95),
    }
    return Lab(controls, looker(), draw, caption)


STILLS = {"stage": range(1, 7), "least": (30, 50, 80)}
"""What the course's site lets a reader move, where there is no kernel: control → positions."""
