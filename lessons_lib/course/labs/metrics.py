"""Laboratory of lesson 10: a prediction is moved, grown, and given another confidence, and every metric follows."""

from dataclasses import dataclass, replace
from functools import cache

import torch
from jaxtyping import Bool, Float, Int64
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor
from torch.nn import functional as F

from lessons_lib.course.labs.lab import Lab, bare_figure, slider
from lessons_lib.course.plotting import draw_image
from lessons_lib.data.sample import Sample
from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.metrics.average_precision import (
    IOU_THRESHOLDS,
    RECALLS,
    average_precision,
    interpolated_precision,
    match_in_order,
    precision_recall,
)
from lessons_lib.metrics.boundary import BoundaryScores
from lessons_lib.metrics.semantic import SemanticScores
from lessons_lib.ops.masks import pairwise_mask_iou

STARS = replace(PRESETS["easy"], classes=(4,), objects=(4, 4), void_border=False, beside=0.3)
STARTS = ((2, 3, 2, 0), (1, 1, -2, 1), (0, 2, 1, 0), (3, 1, 1, 0), (1, 14, 52, -1))
"""The five predictions: object, pixels right and down, pixels grown. The fifth is a star where there is none."""
SCORES = (80, 90, 60, 40, 70)  # per cent
RIGHT, TOO_MUCH, MISSED = "#56B4E9", "#D55E00", "#F0E442"


@dataclass(frozen=True)
class View:
    """The image, its five predictions, and what each metric says of them."""

    sample: Sample
    masks: Bool[Tensor, "P H W"]
    scores: tuple[int, ...]  # per cent
    pick: int
    threshold: int  # per cent
    iou: Float[Tensor, "P G"]
    order: Int64[Tensor, " P"]  # from the most confident down
    matches: Int64[Tensor, " P"]  # the object of each prediction at the threshold, or −1
    ap: float  # at the threshold
    mean_ap: float  # over COCO's ten thresholds
    pixels: dict[str, float]  # pixel_accuracy, miou, boundary_f of all masks together

    @property
    def ranked_hits(self) -> Bool[Tensor, " P"]:
        """Whether each prediction found an object, from the most confident down."""
        return self.matches[self.order] >= 0

    @property
    def best(self) -> float:
        """The IoU of the picked prediction with the object that it found, or else with the one it is most alike."""
        match = int(self.matches[self.pick])
        return (self.iou[self.pick, match] if match >= 0 else self.iou[self.pick].max()).item()

    @property
    def truth(self) -> Bool[Tensor, "H W"]:
        """That object's pixels; none where the prediction touches no object."""
        same = self.iou[self.pick] == self.best
        return self.sample.instances.known_masks[int(same.nonzero()[0])] & (self.best > 0)


@cache
def stars() -> Sample:
    """The image: four stars of three sizes, without void."""
    return draw_scenes([3], STARS, seed=3)[0]


def moved(mask: Bool[Tensor, "H W"], right: int, down: int, grow: int) -> Bool[Tensor, "H W"]:
    """The mask pushed by whole pixels, grown by `grow` (shrunk, if negative); what leaves the image is lost."""
    reach = abs(grow)
    values = mask[None].float() if grow >= 0 else 1 - mask[None].float()
    values = F.max_pool2d(values, 2 * reach + 1, 1, reach)[0] > 0
    height, width = mask.shape
    frame = F.pad(values if grow >= 0 else ~values, (width, width, height, height))
    return frame[height - down : 2 * height - down, width - right : 2 * width - right]


def compute(pick: int, right: int, down: int, grow: int, score: int, threshold: int) -> View:
    """The start with prediction `pick` (from 1) pushed, grown and given another confidence; all metrics."""
    sample = stars()
    objects = sample.instances.known_masks
    scores = tuple(score if p == pick - 1 else value for p, value in enumerate(SCORES))
    places = [moved(objects[g], *rest) for g, *rest in STARTS]
    places[pick - 1] = moved(places[pick - 1], right, down, grow)
    masks = torch.stack(places)
    iou = pairwise_mask_iou(masks, objects)
    order = torch.tensor(scores).argsort(descending=True, stable=True)

    def matched(level: float) -> Int64[Tensor, " P"]:
        return match_in_order(iou[order], level)

    matches = torch.empty_like(order)
    matches[order] = matched(threshold / 100)
    aps = [average_precision(matched(level) >= 0, len(objects)).item() for level in IOU_THRESHOLDS.tolist()]
    ap = average_precision(matches[order] >= 0, len(objects)).item()
    pixels, edges = SemanticScores(2), BoundaryScores()
    for metric in (pixels, edges):
        metric.update(masks.any(0).long(), objects.any(0).long())
    all_pixels = {**pixels.compute(), **edges.compute()}
    named = {name: float(all_pixels[name]) for name in ("pixel_accuracy", "miou", "boundary_f")}
    return View(sample, masks, scores, pick - 1, threshold, iou, order, matches, ap, sum(aps) / len(aps), named)


def draw(view: View) -> Figure:
    """The image with the picked prediction's pixels in three colours; the curve of precision over recall."""
    figure = bare_figure(8.2, 3.7)
    layout = {"left": 0.01, "right": 0.98, "bottom": 0.14, "top": 0.9, "wspace": 0.28}
    left, right = figure.subplots(1, 2, gridspec_kw=layout)
    _draw_picture(left, view)
    _draw_curve(right, view)
    return figure


def _draw_picture(ax: Axes, view: View) -> None:
    draw_image(ax, view.sample.image * 0.6 + 0.1)
    mine, truth = view.masks[view.pick], view.truth
    layer = torch.zeros(*mine.shape, 4)
    for pixels, colour in ((mine & truth, RIGHT), (mine & ~truth, TOO_MUCH), (truth & ~mine, MISSED)):
        layer[pixels] = torch.tensor([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] + [0.9])
    ax.imshow(layer.numpy(), interpolation="nearest")
    for p, mask in enumerate(view.masks):
        if mask.any():
            style = "-" if view.matches[p] >= 0 else ":"
            ax.contour(mask.numpy(), levels=[0.5], colors="white", linewidths=1.2, linestyles=style)
            rows, columns = mask.nonzero(as_tuple=True)
            colour = "#E69F00" if p == view.pick else "white"
            spot = {"boxstyle": "circle,pad=0.15", "facecolor": colour, "linewidth": 0}
            at = columns.double().mean().item(), max(rows.min().item() - 4, 4)
            ax.text(*at, str(p + 1), size=8, ha="center", va="center", color="black", bbox=spot)
    ax.set_title("lines: predictions, dotted where wrong", size=10)
    names = ((RIGHT, "right"), (TOO_MUCH, "too much"), (MISSED, "missed"))
    patches = [Patch(facecolor=colour, label=name) for colour, name in names]
    ax.legend(handles=patches, loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=3, frameon=False, fontsize=9)


def _draw_curve(ax: Axes, view: View) -> None:
    precision, recall = precision_recall(view.ranked_hits, view.iou.shape[1])
    ax.fill_between(RECALLS, interpolated_precision(precision, recall), color="#0072B2", alpha=0.2, linewidth=0)
    ax.plot(recall, precision, color="#0072B2", linewidth=1)
    names: dict[tuple[float, float], list[str]] = {}
    for rank, p in enumerate(view.order.tolist()):
        place, hit = (recall[rank].item(), precision[rank].item()), bool(view.ranked_hits[rank])
        colour, side = "#B87700" if p == view.pick else "#0072B2", 9 if hit else 8
        marker = "o" if hit else "X"
        ax.plot(*place, marker, color=colour, markersize=side, markeredgecolor="white", clip_on=False)
        names.setdefault(place, []).append(str(p + 1))
    for place, numbers in names.items():
        ax.annotate(", ".join(numbers), place, (5, 5), textcoords="offset points", size=9)
    ax.set(xlim=(0, 1.02), ylim=(0, 1.08), xlabel="recall", ylabel="precision")
    ax.set(xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
    ax.set_title(f"at IoU {view.threshold / 100:.2f}: ● found, ✖ wrong; area AP {view.ap:.2f}", size=10)


def caption(view: View) -> str:
    """The picked prediction in pixels, what it is at the threshold, and the metrics of the whole image."""
    mine, truth = view.masks[view.pick], view.truth
    counts = [int(pixels.sum()) for pixels in (mine & truth, mine & ~truth, truth & ~mine)]
    rank = view.order.tolist().index(view.pick) + 1
    verdict = "found" if view.matches[view.pick] >= 0 else "wrong"
    pixels = view.pixels
    return (
        f"<b>Prediction {view.pick + 1}: IoU {view.best:.2f}</b>, {counts[0]} pixels right, "
        f"{counts[1]} too much, {counts[2]} missed. At IoU {view.threshold / 100:.2f} it is {verdict}, with confidence "
        f"{view.scores[view.pick] / 100:.2f} at rank {rank} of {len(view.scores)}.<br>"
        f"<b>AP {view.ap:.2f}</b> there, {view.mean_ap:.2f} over the ten thresholds. All pixels: "
        f"accuracy {pixels['pixel_accuracy']:.2f}, mIoU {pixels['miou']:.2f}, boundary F {pixels['boundary_f']:.2f}."
    )


def lab() -> Lab:
    """Sliders: which prediction, where to, how large, how confident; and the threshold of IoU."""
    controls = {
        "pick": slider("prediction", 1, 1, len(STARTS)),
        "right": slider("right", 0, -20, 20),
        "down": slider("down", 0, -20, 20),
        "grow": slider("grow", 0, -4, 4),
        "score": slider("confidence, %", 80, 0, 100),
        "threshold": slider("IoU, %", 50, 50, 95),
    }
    return Lab(controls, compute, draw, caption)


STILLS = {"right": range(-20, 21, 5), "score": range(10, 101, 15)}
"""What the course's site lets a reader move, where there is no kernel: control → positions."""
