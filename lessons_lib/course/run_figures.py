"""What a training run looks like: its losses step by step, and its predictions beside the truth, as PNG files."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from torch import Tensor

from lessons_lib.atomic import whole_file
from lessons_lib.course.plotting import TEXT_BOX, draw_image, draw_instances, draw_label_map, draw_names, loss_curve
from lessons_lib.data.sample import Instances, Sample

SURE = 0.3
"""Predicted objects of less confidence are not drawn."""

WIDTH = 3.0
"""Inches across one image."""


def losses(lines: Sequence[dict[str, Any]], file: Path) -> None:
    """Draws the losses of a run's journal, one line per step, into a PNG file."""
    names = lines[0]["losses"]
    figure = loss_curve([line["step"] for line in lines], {n: [line["losses"][n] for line in lines] for n in names})
    _save(figure, file, dpi=120)


def predictions(examples: Sequence[tuple[Sample, Tensor | Instances]], classes: Sequence[str], file: Path) -> None:
    """Draws for each example the image, the truth and the prediction, side by side, into a PNG file."""
    shapes = [sample.label_map.shape for sample, _ in examples] or [torch.Size((1, 1))]
    heights = [min(WIDTH * height / width, 1.5 * WIDTH) for height, width in shapes]
    near = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0, hspace=0)
    figure = Figure(figsize=(3 * WIDTH, sum(heights) + 0.4), layout=near)
    axes = figure.subplots(len(heights), 3, squeeze=False, height_ratios=heights)
    for ax in axes.flat:
        ax.set_axis_off()
    objects = any(isinstance(answer, Instances) for _, answer in examples)
    last = f"prediction, confidence ≥ {SURE}" if objects else "prediction"
    for ax, title in zip(axes[0], ("image", "truth", last), strict=True):
        ax.set_title(title, fontsize=9)
    for row, (sample, answer) in zip(axes, examples, strict=False):
        draw_image(row[0], sample.image)
        if isinstance(answer, Instances):
            _draw_found(list(row[1:]), sample, answer, classes)
        else:
            draw_label_map(row[1], sample.label_map)
            draw_label_map(row[2], answer, classes)
    _save(figure, file, dpi=110)


def _draw_found(axes: Sequence[Axes], sample: Sample, answer: Instances, classes: Sequence[str]) -> None:
    """The true objects, and those found with enough confidence; where none is, how confident the best one was."""
    sure = answer if answer.scores is None else answer[answer.scores >= SURE]
    truth = sample.instances if answer.masks is not None else replace(sample.instances, masks=None)
    for ax, objects in zip(axes, (truth, sure), strict=True):
        draw_instances(ax, sample.image, objects)
        if len(classes) > 2:  # where there is one class of objects its name says nothing
            draw_names(ax, sample.image, readable(objects, classes, sample.image.shape[1:]), classes)
    if len(sure) == 0:
        words = "nothing found"
        if len(answer) and answer.scores is not None:
            best = int(answer.scores.argmax())
            words = f"best: {classes[int(answer.labels[best])]} {float(answer.scores[best]):.2f}"
        axes[1].text(0.5, 0.04, words, transform=axes[1].transAxes, fontsize=7, ha="center", bbox=TEXT_BOX)


def readable(objects: Instances, classes: Sequence[str], size: Sequence[int]) -> Instances:
    """The objects whose names can be written beside each other, in their order; where one would cover another, it is
    left out.

    `size` is the height and width of the image, which is drawn `WIDTH` inches wide.
    """
    kept: list[int] = []
    letter, line = (points / 72 / WIDTH * size[1] for points in (4.0, 9.0))  # in pixels of the image
    taken: list[tuple[float, float, float]] = []  # left end, right end, height
    for i, (x0, y0, x1, _) in enumerate(objects.boxes.tolist()):
        long = letter * (len(classes[int(objects.labels[i])]) + (5 if objects.scores is not None else 0))
        left = x1 - long if x0 > 0.75 * size[1] else x0
        if all(left >= end or left + long <= start or abs(y0 - y) >= line for start, end, y in taken):
            kept.append(i)
            taken.append((left, left + long, y0))
    return objects[torch.tensor(kept, dtype=torch.int64)]


def _save(figure: Figure, file: Path, dpi: int) -> None:
    with whole_file(file) as part:
        figure.savefig(part, format="png", dpi=dpi)
