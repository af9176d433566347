"""Laboratory of lesson 18: a recurrent network step by step, what it draws, what competes, and what it remembers."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import ipywidgets as widgets
import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lessons_lib.course.labs.lab import NAMES, Lab, bare_figure, slider
from lessons_lib.course.plotting import VIVID, draw_image
from lessons_lib.data.sample import Instances
from lessons_lib.data.scenes.rosettes import CLASSES, draw_rosettes
from lessons_lib.models.instance.inhibition import most_pixels, spatial_inhibition
from lessons_lib.models.instance.recurrent import Recurrent, recurrent
from lessons_lib.models.instance.recurrent_losses import kept_steps
from lessons_lib.ops.masks import pairwise_mask_iou
from lessons_lib.shipped import load_checkpoint

PLANTS, UNSEEN_SEED = 20, 1
STATES = {"hidden map h": "hidden", "cell map c": "cell"}
TENTHS = 10
"""The slider moves the bias by tenths."""
COLUMNS = 16
LEAST = -12.0
"""The lowest logarithm of a share that is told apart: six thousandths of a thousandth."""


@dataclass(frozen=True, eq=False)
class View:
    """One step of a sequence: all masks with the bias that was chosen, and what the step saw and remembered."""

    image: Float[Tensor, "3 H W"]
    truth: Instances
    step: int
    """From 0."""
    masks: Float[Tensor, "T H W"]
    shares: Float[Tensor, "H W"]
    """The softmax of this step's logits, the p of each position."""
    scores: Float[Tensor, " T"]
    threshold: float
    bias: float
    channels: Float[Tensor, "C h w"]
    state: str

    @property
    def count(self) -> int:
        """How many steps come before the stop: so many objects are found."""
        return int(kept_steps(self.scores, self.threshold))

    @property
    def iou(self) -> float:
        """IoU of this step's mask with the true object that it fits best."""
        if not len(self.truth):
            return 0.0
        return pairwise_mask_iou(self.masks[self.step, None] > 0.5, self.truth.known_masks).max().item()


@cache
def model() -> Recurrent:
    """The shipped network."""
    made = recurrent(len(CLASSES)).eval()
    load_checkpoint("recurrent", made)
    return made


def looker() -> Callable[..., View]:
    """`compute` for the unseen plants; each goes through the network once."""

    @cache
    def seen(number: int) -> tuple[Any, dict[str, dict[str, Any]]]:
        plant = draw_rosettes([number], seed=UNSEEN_SEED)[0]
        with torch.inference_mode():
            return plant, dict(model().stages(plant.image))

    def look(plant: int, step: int, state: str, tenths: int) -> View:
        drawn, stages = seen(plant)
        bias = model().decoder.inhibition.bias.item() + tenths / TENTHS
        return compute(drawn.image, drawn.instances, stages["steps"], step, state, bias, model().config.threshold)

    return look


def compute(
    image: Float[Tensor, "3 H W"], truth: Instances, steps: dict[str, Any], step: int, state: str, bias: float,
    threshold: float,
) -> View:  # fmt: skip
    """Step `step`, from 1, of the sequence that the stage "steps" of a network holds, with another bias.

    The bias of the masks is changed alone: what the network remembers stays as it was.
    """
    place = min(step, len(steps["logits"])) - 1
    masks = spatial_inhibition(steps["logits"], torch.tensor(bias))
    shares = steps["logits"][place].flatten().softmax(0).view(image.shape[1:])
    channels = steps[STATES[state]][place]
    return View(image, truth, place, masks, shares, steps["scores"], threshold, bias, channels, state)


def draw(view: View) -> Figure:
    """What has been drawn so far, this step's mask, the competition, the stop scores; below, the state's channels."""
    figure = bare_figure(8.8, 4.4)
    axes = [figure.add_axes((left, 0.42, 0.235, 0.5)) for left in (0.005, 0.25, 0.495)]
    draw_so_far(axes[0], view)
    axes[1].imshow(view.masks[view.step].numpy(), vmin=0, vmax=1, cmap="viridis")
    axes[1].set_title(f"mask of step {view.step + 1}, 0 to 1")
    axes[2].imshow(view.shares.clamp(min=1e-12).log().numpy(), vmin=LEAST, vmax=0, cmap="magma")
    axes[2].set_title("log p: who competes")
    for ax in axes[1:3]:
        ax.set(xticks=[], yticks=[])
    draw_scores(figure.add_axes((0.8, 0.52, 0.19, 0.39)), view)
    draw_channels(figure.add_axes((0.01, 0.02, 0.98, 0.31)), view)
    return figure


def draw_so_far(ax: Axes, view: View) -> None:
    """The image with the masks up to this step in their colours; those after the stop are grey."""
    draw_image(ax, view.image)
    overlay = np.zeros((*view.image.shape[1:], 4))
    for t in range(view.step, -1, -1):  # what was drawn first lies on top
        colour = VIVID[t % len(VIVID)] if t < view.count else "#808080"
        rgb = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        overlay[view.masks[t].numpy() > 0.5] = (*rgb, 0.85 if t == view.step else 0.6)
    ax.imshow(overlay, interpolation="nearest")
    ax.set_title(f"drawn in {view.step + 1} step{'s' * (view.step > 0)}")


def draw_scores(ax: Axes, view: View) -> None:
    """The stop score of each step; the sequence ends before the first one below the dashed line."""
    steps = np.arange(1, len(view.scores) + 1)
    ax.axhline(view.threshold, color="#808080", linestyle="--", linewidth=1)
    ax.plot(steps, view.scores.numpy(), "-", color="#0072B2", linewidth=1)
    for t, score in zip(steps.tolist(), view.scores.tolist(), strict=True):
        here = t == view.step + 1
        ax.plot(t, score, "o", color=VIVID[(t - 1) % len(VIVID)] if t <= view.count else "#808080",
                markeredgecolor="#444444", markersize=9 if here else 4.5)  # fmt: skip
    ax.set(ylim=(-0.05, 1.05), xlabel="step", ylabel="stop score", yticks=(0, 0.5, 1), xticks=steps[::2])
    ax.set_title(f"{view.count} found, {len(view.truth)} there")


def draw_channels(ax: Axes, view: View) -> None:
    """All channels of the state side by side, from brown (negative) over white (0) to green."""
    count, height, width = view.channels.shape
    rows = -(-count // COLUMNS)
    sheet = np.full((rows * (height + 1) - 1, COLUMNS * (width + 1) - 1), np.nan)
    for k, channel in enumerate(view.channels.numpy()):
        top, start = k // COLUMNS * (height + 1), k % COLUMNS * (width + 1)
        sheet[top : top + height, start : start + width] = channel
    most = max(1.0, math.ceil(view.channels.abs().max().item()))
    ax.imshow(sheet, vmin=-most, vmax=most, cmap="BrBG", interpolation="nearest")
    ax.set_axis_off()
    title = f"{view.state} after step {view.step + 1}: {count} channels of {height} × {width}, −{most:g} to {most:g}"
    ax.set_title(title)


def caption(view: View) -> str:
    """Which step, how many pixels, which bound, how well it fits, and whether the sequence goes on."""
    pixels = int((view.masks[view.step] > 0.5).sum())
    text = (
        f"<b>Step {view.step + 1} of {len(view.scores)}, score {view.scores[view.step]:.2f}.</b> "
        f"With b = {view.bias:.1f} at most ⌊e<sup>b</sup>⌋ = {most_pixels(view.bias)} pixels can reach one half; "
        f"{pixels} do. "
    )
    if view.step >= view.count:
        return text + f"The sequence has ended: {view.count} objects are found, {len(view.truth)} are there."
    return text + f"The best IoU with a true object is {view.iou:.2f}."


def lab() -> Lab:
    """Plant, step, the state that is shown, and how much the bias is moved."""
    controls: dict[str, widgets.Widget] = {
        "plant": slider("plant", 0, 0, PLANTS - 1),
        "step": slider("step", 1, 1, model().config.steps),
        "state": widgets.Dropdown(options=list(STATES), description="state", style=NAMES),
        "tenths": slider("b, tenths", 0, -30, 30),
    }
    return Lab(controls, looker(), draw, caption, walks="step")


STILLS = {"plant": range(4), "step": range(1, 13)}
"""What the course's site lets a reader move, where there is no kernel: control → positions."""
